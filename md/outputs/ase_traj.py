"""Trajectories in ASE's own format."""

import contextlib
import os
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from ase.calculators.calculator import InputError
from ase.io.trajectory import TrajectoryWriter
from ase.io.ulm import N1, InvalidULMFileError, read_header

from ase_reaxff_jax.md.frames import Frame
from ase_reaxff_jax.md.outputs import files

# Facts of the format (`ase.io.ulm`): at this byte are the number of frames and the
# place of the index, which lists the places of the frames; all are such integers. The
# index has room for 1, N1, N1**2 ... frames and, when full, is copied to the end.
COUNT_AND_INDEX = 32
INTEGER = np.dtype("<i8")
VERSION = 3


class AseTrajectory:
    """A `.traj` file: positions, cell, momenta, constraints, results, step and time.

    All in ASE's units. A position is the number of frames and where in the file its end
    and its index are: as ASE only adds to a file, except for the index and for these
    numbers in its head, they are enough to bring back what there was.
    """

    def __init__(self, path: Path, end: dict[str, int]):
        self.path = path
        self._end = end
        self._writer = TrajectoryWriter(path, "a")

    @classmethod
    def create(cls, path: Path, *, overwrite: bool = False) -> "AseTrajectory":
        """A new, empty file."""
        files.claim(path, overwrite=overwrite)
        return cls(path, {"frames": 0, "bytes": 0, "index": 0})

    @classmethod
    def reopen(cls, path: Path, position: dict[str, Any]) -> "AseTrajectory":
        """The file as it was at `position`."""
        end = {key: int(position[key]) for key in ("frames", "bytes", "index")}
        files.require(path)
        _cut_back(path, **end)
        return cls(path, end)

    def write(self, frame: Frame) -> None:
        """Appends one frame; where that fails, the file stays what it was."""
        atoms = frame.atoms.copy()
        atoms.calc = frame.atoms.calc
        atoms.info = {"step": frame.step, "time_fs": frame.time_fs}
        backend = self._writer.backend
        try:
            with files.named(self.path):
                self._writer.write(atoms)
        except BaseException:  # Ctrl-C too: half a frame would stay
            with contextlib.suppress(OSError):
                backend.fd.close()
            _cut_back(self.path, **self._end)
            self._writer = TrajectoryWriter(self.path, "a")
            raise
        self._end = {
            "frames": int(backend.nitems),
            "bytes": backend.fd.tell(),
            "index": int(backend.pos0),
        }

    def flush(self) -> dict[str, Any]:
        """Waits until all is on disk; returns the position."""
        with files.named(self.path):
            os.fsync(self._writer.backend.fd.fileno())
        return dict(self._end)

    def close(self) -> None:
        """Closes the file; closing it again does nothing."""
        if not self._writer.backend.fd.closed:
            with files.named(self.path):
                self._writer.close()


def _cut_back(path: Path, *, frames: int, bytes: int, index: int) -> None:
    """Makes the file what it was when it had so many frames.

    Done again after a kill in the middle it gives the same.
    """
    size = path.stat().st_size
    if size < bytes:
        raise files.too_short(path, size, bytes, "bytes")
    with files.named(path), path.open("r+b") as file:
        if frames:
            _check(path, file, frames)
            room = 1
            while room < frames:
                room *= N1
            file.seek(COUNT_AND_INDEX)
            file.write(np.array([frames, index], INTEGER).tobytes())
            file.seek(index + INTEGER.itemsize * frames)
            file.write(np.zeros(room - frames, INTEGER).tobytes())
            file.flush()
        file.truncate(bytes)
        os.fsync(file.fileno())


def _check(path: Path, file: BinaryIO, frames: int) -> None:
    """Raises InputError unless it is a trajectory with as many frames or more."""
    try:
        tag, version, found, *_ = read_header(file)
    except (InvalidULMFileError, ValueError):
        tag, version, found = "", 0, 0
    if tag != "ASE-Trajectory" or version != VERSION:
        raise InputError(
            f"{path} is not a trajectory of ASE (version {VERSION} of its format); put "
            "the file that the checkpoint goes on with back, or start anew with "
            "overwrite=True"
        )
    if found < frames:
        raise files.too_short(path, found, frames, "frames")
