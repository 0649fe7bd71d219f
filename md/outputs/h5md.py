"""Trajectories in H5MD 1.1 (https://www.nongnu.org/h5md/h5md.html), in HDF5."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from ase import units
from ase.calculators.calculator import InputError
from ase.stress import voigt_6_to_full_3x3_stress

from ase_reaxff_jax.md.frames import Frame
from ase_reaxff_jax.md.outputs import files
from ase_reaxff_jax.md.outputs.h5md_copy import copy
from ase_reaxff_jax.md.outputs.h5md_layout import (
    ATOMS,
    FORMAT,
    TIMES,
    check,
    new_file,
)

ROOM = 2**20  # bytes; more than the rest of a frame, chunks and their index, takes
KCAL_PER_MOL = units.kcal / units.mol


def library() -> ModuleType:
    """The package h5py; InputError where it is not installed."""
    try:
        import h5py
    except ImportError as error:
        raise InputError(
            "H5MD needs h5py: pip install 'ase-reaxff-jax[hdf5]'"
        ) from error
    return h5py


class H5MD:
    """A file such as `md.h5`.

    Time-dependent, each with the steps and times (fs) of the frames: the cell (Å),
    positions (Å, not wrapped), velocities (Å/fs), forces (kcal/mol/Å) and charges (e)
    of `particles/all`; potential energy (kcal/mol) and stress (GPa, tension positive)
    under `observables`. Fixed: species (atomic numbers) and masses (u). Attributes
    `unit` say the same.

    Written in HDF5's mode for a single writer and many readers: others may read while
    the run goes on, and a killed process leaves a file that can be read. It is some MB
    longer until it is closed: room that is taken beforehand.
    """

    def __init__(self, path: Path, frames: int):
        self.path = path
        self._frames = frames
        self._file: Any = None  # opened at the first frame, which has the layout
        if frames:
            self._file = library().File(path, "r+", libver=FORMAT)
            self._file.swmr_mode = True
        self._closed = False

    @classmethod
    def create(cls, path: Path, *, overwrite: bool = False) -> "H5MD":
        """A new, empty file."""
        library()
        files.claim(path, overwrite=overwrite)
        return cls(path, 0)

    @classmethod
    def reopen(cls, path: Path, position: dict[str, Any]) -> "H5MD":
        """The file as it was at `position`.

        It is copied, in its folder: HDF5 does not write to what a killed process left.
        """
        library()
        files.require(path)
        frames = int(position["frames"])
        if frames:
            with _named(path), files.replacement(path) as new:
                copy(path, new, frames)
        else:
            os.truncate(path, 0)
        return cls(path, frames)

    def write(self, frame: Frame) -> None:
        """Appends one frame."""
        if self._closed:
            raise ValueError(f"{self.path} is closed")
        values = _values(frame)
        with _named(self.path):
            if self._file is None:
                self._file = new_file(self.path, frame.atoms, values)
            self._reserve(sum(np.asarray(value).nbytes for value in values.values()))
            check(self._file, frame, values)
            for name, value in values.items():
                dataset = self._file[name]
                dataset.resize(self._frames + 1, axis=0)
                dataset[self._frames] = value
        self._frames += 1

    def flush(self) -> dict[str, Any]:
        """Waits until all is on disk; returns the position."""
        if self._file is not None:
            with _named(self.path):
                self._file.flush()
                os.fsync(self._file.id.get_vfd_handle())
        return {"frames": self._frames}

    def close(self) -> None:
        """Closes the file; closing it again does nothing."""
        file, self._file, self._closed = self._file, None, True
        if file is not None:
            with _named(self.path):
                file.flush()
                os.ftruncate(file.id.get_vfd_handle(), file.id.get_filesize())
                file.close()

    def _reserve(self, frame: int) -> None:
        """Takes the room for a frame, as HDF5 does not recover from a full disk."""
        descriptor, end = self._file.id.get_vfd_handle(), self._file.id.get_filesize()
        if os.fstat(descriptor).st_size < end + 2 * frame + ROOM:
            files.reserve(descriptor, end, 4 * (frame + ROOM))


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """Makes h5py's RuntimeError, as of a full disk, an OSError with the path."""
    try:
        with files.named(path):
            yield
    except InputError:  # a RuntimeError too
        raise
    except RuntimeError as error:
        raise OSError(f"{error} ({path})") from error


def _values(frame: Frame) -> dict[str, Any]:
    """What one frame adds to each dataset, in the file's units."""
    atoms = frame.atoms
    results = atoms.calc.results if atoms.calc else {}
    values: dict[str, Any] = {
        f"{TIMES}/step": frame.step,
        f"{TIMES}/time": frame.time_fs,
    }
    values[f"{ATOMS}/position/value"] = atoms.positions
    if atoms.cell.any():
        values[f"{ATOMS}/box/edges/value"] = atoms.cell.array
    if atoms.has("momenta"):
        values[f"{ATOMS}/velocity/value"] = atoms.get_velocities() * units.fs
    if "forces" in results:
        values[f"{ATOMS}/force/value"] = results["forces"] / KCAL_PER_MOL
    if "charges" in results:
        values[f"{ATOMS}/charge/value"] = results["charges"]
    if "energy" in results:
        values["observables/potential_energy/value"] = results["energy"] / KCAL_PER_MOL
    if "stress" in results:
        stress = voigt_6_to_full_3x3_stress(results["stress"])
        values["observables/stress/value"] = stress / units.GPa
    return values
