"""Text files that only grow, and can be cut back to where a checkpoint was written."""

import os
from io import FileIO
from pathlib import Path
from typing import Any

from ase.calculators.calculator import InputError

from ase_reaxff_jax.md.outputs import files


class AppendOnlyText:
    """A text file (UTF-8, lines end with a newline) that only grows.

    Whatever `append` is given is written at once and as a whole: where it fails, a full
    disk for example, the file is cut back to what it had before.
    """

    def __init__(self, path: Path, file: FileIO, length: int):
        self.path = path
        self._file = file
        self._length = length  # bytes

    @classmethod
    def create(cls, path: Path, *, overwrite: bool = False) -> "AppendOnlyText":
        """A new, empty file.

        Raises FileExistsError where there is one and `overwrite` is False, and the
        OSError that fits where it cannot be written.
        """
        files.claim(path, overwrite=overwrite)
        return cls(path, FileIO(path, "r+"), 0)

    @classmethod
    def reopen(cls, path: Path, position: dict[str, Any]) -> "AppendOnlyText":
        """The file as it was when `flush` returned `position`; the rest is removed.

        Raises FileNotFoundError where it is missing, and InputError where it is shorter
        or another file.
        """
        files.require(path)
        length = int(position["bytes"])
        file = FileIO(path, "r+")
        try:
            _cut_back(file, path, length)
        except BaseException:
            file.close()
            raise
        return cls(path, file, length)

    def append(self, text: str) -> None:
        """Writes whole lines at the end.

        Raises an OSError that names the path where the disk is full.
        """
        left = memoryview(text.encode())
        length = self._length + len(left)
        try:
            with files.named(self.path):
                while left:
                    left = left[self._file.write(left) :]
        except BaseException:  # Ctrl-C too: half a frame would stay
            self._file.truncate(self._length)
            self._file.seek(self._length)
            raise
        self._length = length

    def flush(self) -> dict[str, Any]:
        """Waits until all is on disk; returns the position, for `reopen`."""
        with files.named(self.path):
            os.fsync(self._file.fileno())
        return {"bytes": self._length}

    def close(self) -> None:
        """Closes the file; closing it again does nothing."""
        self._file.close()


def _cut_back(file: FileIO, path: Path, length: int) -> None:
    """Removes what lies behind `length` bytes, where lines must end."""
    size = os.fstat(file.fileno()).st_size
    if size < length:
        raise files.too_short(path, size, length, "bytes")
    file.seek(max(length - 1, 0))
    if length and file.read(1) != b"\n":
        raise InputError(
            f"{path} has no end of a line at byte {length}, where it ended when the "
            "checkpoint was written: it was changed or replaced since. Put the right "
            "file back, or start anew with overwrite=True"
        )
    with files.named(path):
        file.truncate(length)
        file.seek(length)
        os.fsync(file.fileno())
