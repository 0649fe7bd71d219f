"""What trajectories in text formats have in common."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float

from ase_reaxff_jax.md.frames import Frame
from ase_reaxff_jax.md.outputs.text import AppendOnlyText

Made = TypeVar("Made", bound="TextTrajectory")


class TextTrajectory(ABC):
    """A text file to which frames are appended; made by `create` and `reopen`."""

    def __init__(self, file: AppendOnlyText):
        self._file = file

    @classmethod
    def create(cls: type[Made], path: Path, *, overwrite: bool = False) -> Made:
        """A new file; FileExistsError where there is one and not `overwrite`."""
        return cls(AppendOnlyText.create(path, overwrite=overwrite))

    @classmethod
    def reopen(cls: type[Made], path: Path, position: dict[str, Any]) -> Made:
        """The file as it was at a position that `flush` returned; the rest is cut."""
        return cls(AppendOnlyText.reopen(path, position))

    def write(self, frame: Frame) -> None:
        """Appends one frame."""
        self._file.append(self._text(frame))

    def flush(self) -> dict[str, Any]:
        """Brings all frames to the disk; returns the position for `reopen`."""
        return self._file.flush()

    def close(self) -> None:
        """Closes the file; closing it again does nothing."""
        self._file.close()

    @abstractmethod
    def _text(self, frame: Frame) -> str:
        """The lines of one frame."""


def rows(
    first: list[str], numbers: Float[np.ndarray, "atoms columns"], last: list[str]
) -> str:
    """A line for each atom: text, numbers with 17 significant digits, text.

    17 digits give back the same double. The text is kept as it is, "%" excepted.
    """
    columns = " %.17g" * numbers.shape[1]
    pairs = zip(first, last, strict=True)
    # One formatting of everything takes half the time of one for each line.
    template = "".join([f"{start}{columns}{end}\n" for start, end in pairs])
    return template % tuple(numbers.ravel().tolist())
