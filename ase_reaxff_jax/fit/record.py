"""The record of a fit, from which it is resumed: a journal and a checkpoint.

The journal has all answers that the optimiser was given. A resumed fit runs the same
optimiser from its start, answered by the journal; from where the checkpoint was
written, evaluations go on as if they had never stopped.
"""

import dataclasses
import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ase_reaxff_jax.fit import journal
from ase_reaxff_jax.fit.journal import Entry
from ase_reaxff_jax.fit.parameters import Parameter
from ase_reaxff_jax.fit.training_set import TrainingSet
from ase_reaxff_jax.md import checkpoint
from ase_reaxff_jax.md.errors import CheckpointError
from ase_reaxff_jax.md.outputs import files

CHECKPOINT, JOURNAL = "fit.checkpoint", "fit.journal"
SHARE = 0.05  # of the time, which checkpoints may take
# Questions that differ by less are the same with another rounding; none may differ.
WHY = (
    "another version of SciPy, NumPy, cma or of this program may go another way; fit "
    "anew in another folder"
)


def digest(*parts: Any) -> str:
    """A short hash of dataclasses and plain data."""
    found = hashlib.sha256()
    for part in parts:
        found.update(repr(_plain(part)).encode())
    return found.hexdigest()[:16]


def identity_of_data(data: TrainingSet) -> dict[str, str]:
    """What tells a training set from another."""
    return {"structures": digest(data.structures), "reference values":
            digest(data.items)}  # fmt: skip


def identity_of_parameters(parameters: tuple[Parameter, ...]) -> str:
    """What tells fitted parameters and their bounds from others."""
    return f"{len(parameters)} parameters, {digest(parameters)}"


class Record:
    """Journal and checkpoint in a folder that exists.

    Args:
        folder: Where they are, or are to be.
        identity: What a resumed fit must have in common with the one it resumes.
        resume: Whether to go on with what is there, if anything is.

    Raises:
        CheckpointError: what is there is damaged, or of another fit.
    """

    def __init__(self, folder: Path, identity: dict[str, Any], *, resume: bool):
        self.checkpoint, self.journal = folder / CHECKPOINT, folder / JOURNAL
        self.identity = identity
        self.state: tuple[dict[str, np.ndarray], dict[str, Any]] | None = None
        self._entries: Iterator[Entry] = iter(())
        self._ahead: Entry | None = None
        self._read, self._length = 0, 0
        self._next_save = 0.0
        if resume and checkpoint.exists(self.checkpoint):
            self._take_up()
        else:
            # Before there are files: from now on a resumed fit knows them as its own.
            self._write({}, {"length": 0})
        if self._length == 0:
            self._length = journal.create(self.journal)

    def _take_up(self) -> None:
        arrays, plain = checkpoint.read(self.checkpoint)
        for name in self.identity | plain["identity"]:
            then, now = plain["identity"].get(name), self.identity.get(name)
            if then != now:
                raise CheckpointError(
                    f"{self.checkpoint.parent} has another fit: {name} was {then!r} "
                    f"and is now {now!r}; resume it with the same, or name another "
                    "folder"
                )
        self._length = plain["length"]
        if self._length:
            self.state = arrays, plain
            self._entries = journal.read(self.journal, self._length)
            self._ahead = next(self._entries, None)

    @property
    def replaying(self) -> bool:
        """Whether the next question has been answered already."""
        return self._ahead is not None

    def answered(self, kind: str, u: np.ndarray) -> Entry:
        """The answer to the next question, which must be the one asked then.

        Raises:
            CheckpointError: it is another one.
        """
        entry, self._read = self._ahead, self._read + 1
        assert entry is not None
        if entry.kind != kind or not np.array_equal(entry.u, u):
            apart = abs(entry.u - u).max() if entry.kind == kind else 0.0
            raise CheckpointError(
                f"{self.journal}: entry {self._read} has {entry.kind}, asked is {kind}"
                f" at parameters that differ by up to {apart:.3g} of their ranges; "
                f"{WHY}"
            )
        self._ahead = next(self._entries, None)
        return entry

    def go_on(self) -> None:
        """Takes off what came after the checkpoint."""
        journal.cut(self.journal, self._length)

    def add(self, entry: Entry) -> None:
        """Keeps an answer."""
        self._length = journal.append(self.journal, entry)

    @property
    def due(self) -> bool:
        """Whether the next checkpoint keeps to its share of the time."""
        return time.monotonic() >= self._next_save

    def save(self, arrays: dict[str, np.ndarray], plain: dict[str, Any]) -> None:
        """A checkpoint: what is recorded until now stays."""
        start = time.monotonic()
        files.sync(self.journal)
        self._write(arrays, {**plain, "length": self._length})
        end = time.monotonic()
        self._next_save = end + (end - start) / SHARE

    def _write(self, arrays: dict[str, np.ndarray], plain: dict[str, Any]) -> None:
        checkpoint.write(self.checkpoint, arrays, {"identity": self.identity, **plain})


def _plain(value: Any) -> Any:
    """Nested tuples of all that counts in comparisons."""
    if dataclasses.is_dataclass(value):
        kept = [f.name for f in dataclasses.fields(value) if f.compare]
        return [type(value).__name__, *[(n, _plain(getattr(value, n))) for n in kept]]
    if hasattr(value, "arrays") and hasattr(value, "cell"):  # Atoms
        atoms = (value.numbers, value.positions, value.cell.array, value.pbc,
                 value.get_masses())  # fmt: skip
        return [np.asarray(x).tolist() for x in atoms]
    if isinstance(value, dict):
        return [(_plain(name), _plain(entry)) for name, entry in value.items()]
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
