"""Trajectories, their formats chosen by the suffixes of their names."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from ase.calculators.calculator import InputError

from ase_reaxff_jax.errors import suggestion
from ase_reaxff_jax.md.frames import Frame
from ase_reaxff_jax.md.outputs import h5md
from ase_reaxff_jax.md.outputs.ase_traj import AseTrajectory
from ase_reaxff_jax.md.outputs.extxyz import ExtendedXYZ
from ase_reaxff_jax.md.outputs.h5md import H5MD
from ase_reaxff_jax.md.outputs.lammps_dump import LammpsDump

KINDS: dict[str, Any] = {
    ".extxyz": ExtendedXYZ,
    ".xyz": ExtendedXYZ,
    ".traj": AseTrajectory,
    ".lammpstrj": LammpsDump,
    ".dump": LammpsDump,
    ".h5": H5MD,
    ".h5md": H5MD,
    ".hdf5": H5MD,
}


@runtime_checkable
class Output(Protocol):
    """A file to which frames are appended."""

    def write(self, frame: Frame) -> None:
        """Appends one frame."""

    def flush(self) -> dict[str, Any]:
        """Waits until all frames are on disk; returns the position, for `reopen`.

        A position is plain data, as JSON has.
        """

    def close(self) -> None:
        """Closes the file; closing it again does nothing."""


def create(
    path: Path, *, overwrite: bool = False, elements: Sequence[str] = ()
) -> Output:
    """A new trajectory, without frames; types of LAMMPS are places in `elements`.

    Raises:
        InputError: no format has this suffix, or its library is missing.
        FileExistsError: there is such a file, and `overwrite` is False.
        OSError: the file cannot be written.
    """
    check_suffix(path)
    made = KINDS[path.suffix.lower()].create(path, overwrite=overwrite)
    return _with_types(made, elements)


def reopen(
    path: Path, position: dict[str, Any], *, elements: Sequence[str] = ()
) -> Output:
    """The trajectory as it was when `flush` returned `position`.

    Frames written after that are removed; the next one is appended.

    Raises:
        InputError: the file has fewer frames than then, or is another one; no format
            has this suffix, or its library is missing.
        FileNotFoundError: there is no such file.
    """
    check_suffix(path)
    return _with_types(KINDS[path.suffix.lower()].reopen(path, position), elements)


def _with_types(output: Any, elements: Sequence[str]) -> Output:
    if isinstance(output, LammpsDump):
        output.elements = tuple(elements)
    return output


def check_suffix(path: Path) -> None:
    """Raises InputError where no trajectory of this name can be written."""
    suffix = path.suffix.lower()
    if suffix not in KINDS:
        raise InputError(
            f"{path}: no format of trajectories has the suffix {path.suffix!r}"
            f"{suggestion(suffix, KINDS)}; there are {' '.join(KINDS)}"
        )
    if KINDS[suffix] is H5MD:
        h5md.library()
