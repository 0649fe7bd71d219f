"""Names of the files of a run: checked before any work, so that nothing is lost."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ase.calculators.calculator import InputError

from ase_reaxff_jax.md import checkpoint as checkpoints
from ase_reaxff_jax.md.outputs import files, trajectories
from ase_reaxff_jax.md.picture import check_suffix

CRASH = "crash.extxyz"  # the last good frame of a run that failed


@dataclass(frozen=True, kw_only=True)
class Files:
    """Names of the files of one system of a run; None: not wanted."""

    trajectories: tuple[Path, ...] = ()
    log: Path | None = None
    bonds: Path | None = None
    species: Path | None = None
    picture: Path | None = None

    def named(self) -> dict[str, Path]:
        """Those that are written as the run goes on, by a name for each."""
        single = {"log": self.log, "bonds": self.bonds, "species": self.species}
        found = {name: path for name, path in single.items() if path is not None}
        return {f"trajectory {k}": p for k, p in enumerate(self.trajectories)} | found

    def paths(self) -> list[Path]:
        """All of them."""
        picture = [] if self.picture is None else [self.picture]
        return [*self.named().values(), *picture]

    def of_system(self, k: int) -> "Files":
        """Those of one of many systems: run.csv becomes run-3.csv."""

        def numbered(path: Path | None) -> Any:
            return path and path.with_name(f"{path.stem}-{k}{path.suffix}")

        return Files(
            trajectories=tuple(map(numbered, self.trajectories)),
            log=numbered(self.log),
            bonds=numbered(self.bonds),
            species=numbered(self.species),
            picture=numbered(self.picture),
        )

    def seen_from(self, checkpoint: Path) -> dict[str, Any]:
        """Names of what is written as the run goes on, as a checkpoint has them."""

        def name(path: Path | None) -> str | None:
            return None if path is None else seen_from(checkpoint, path)

        return {
            "trajectory": [name(path) for path in self.trajectories],
            "log": name(self.log),
            "bonds": name(self.bonds),
            "species": name(self.species),
        }


def seen_from(checkpoint: Path, path: Path) -> str:
    """The name of a file as a checkpoint has it, which holds when both are moved."""
    return os.path.relpath(path, checkpoint.parent)


def check_usable(
    systems: Iterable[Files], checkpoint: Path | None, folder: Path
) -> None:
    """Raises where files of these names cannot be written, or not side by side.

    Args:
        systems: Names of the files of each system.
        checkpoint: Name of the checkpoint; None: not wanted.
        folder: Where the frame of a failed run goes.

    Raises:
        InputError: two are the same file, or a suffix does not fit.
        OSError: a name is that of a folder, or its own folder is missing or may not
            be written in.
    """
    systems = list(systems)
    for path in (path for names in systems for path in names.trajectories):
        trajectories.check_suffix(path)
    for picture in (names.picture for names in systems if names.picture is not None):
        check_suffix(picture)
    written = [path for names in systems for path in names.paths()]
    if checkpoint is not None:
        written += checkpoints.names(checkpoint)
    check_different([*written, folder / CRASH])
    for path in written:
        files.check_name(path)


def check_different(paths: Iterable[Path]) -> None:
    """Raises InputError where two names are those of one file."""
    known: dict[Path, Path] = {}
    for path in paths:
        other = known.setdefault(path.resolve(), path)
        if other is not path:
            also = "" if str(other) == str(path) else f" ({other} is the same)"
            raise InputError(
                f"{path} is to be written twice{also}; give each output a file of its "
                f"own (a checkpoint has NAME, NAME.old and NAME.new, a failed run "
                f"{CRASH})"
            )


def check_new(
    paths: Iterable[Path], *, overwrite: bool, restart: bool, checkpoint: Path | None
) -> None:
    """Raises FileExistsError where a file would be lost."""
    if overwrite:
        return
    lost = next((path for path in paths if path.exists()), None)
    if lost is None:
        return
    if checkpoint is None:
        words = f"{lost} exists; give overwrite=True to replace it"
    elif not restart:
        words = (
            f"{lost} exists; give restart=True to go on with that run, overwrite=True "
            "to replace it"
        )
    elif checkpoints.exists(checkpoint):
        words = (
            f"{lost} exists, and is not of the run that {checkpoint} goes on with; "
            "give overwrite=True to replace it"
        )
    else:
        words = (
            f"{lost} exists, but there is no checkpoint {checkpoint} to go on from; "
            "give overwrite=True to start anew and replace it"
        )
    raise FileExistsError(f"{words}, or another name")
