"""The layout of H5MD files."""

import getpass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import InputError

from ase_reaxff_jax.md.frames import Frame

FORMAT = ("v110", "v110")  # HDF5 1.10 was the first with one writer and many readers
ATOMS = "particles/all"
TIMES = f"{ATOMS}/position"  # has the steps and times that all share
CHUNK = 2**16  # bytes that are written together
# Whatever grows by the frame, with its unit.
DATASETS: dict[str, str | None] = {
    f"{TIMES}/step": None,
    f"{TIMES}/time": "fs",
    f"{ATOMS}/box/edges/value": "Angstrom",
    f"{ATOMS}/position/value": "Angstrom",
    f"{ATOMS}/velocity/value": "Angstrom fs-1",
    f"{ATOMS}/force/value": "kcal mol-1 Angstrom-1",
    f"{ATOMS}/charge/value": "e",
    "observables/potential_energy/value": "kcal mol-1",
    "observables/stress/value": "GPa",
}


def new_file(path: Path, atoms: Atoms, values: dict[str, Any]) -> Any:
    """A file without frames, open for writing, with a dataset for each value."""
    import h5py

    file = h5py.File(path, "w", libver=FORMAT)
    _head(file)
    box = file.create_group(f"{ATOMS}/box")
    box.attrs["dimension"] = 3
    box.attrs["boundary"] = _boundary(atoms)
    file[f"{ATOMS}/species"] = atoms.numbers
    file[f"{ATOMS}/mass"] = atoms.get_masses()
    file[f"{ATOMS}/mass"].attrs["unit"] = "u"
    for name, value in values.items():
        shape, kind = np.shape(value), np.asarray(value).dtype
        frames = int(np.clip(CHUNK // np.asarray(value).nbytes, 1, 1024))
        dataset = file.create_dataset(
            name, (0, *shape), kind, maxshape=(None, *shape), chunks=(frames, *shape)
        )
        if DATASETS[name]:
            dataset.attrs["unit"] = DATASETS[name]
        if name.endswith("/value") and not name.startswith(TIMES):
            for times in ("step", "time"):
                file[f"{name.removesuffix('value')}{times}"] = file[f"{TIMES}/{times}"]
    file.swmr_mode = True  # from here on there can be no new groups
    return file


def check(file: Any, frame: Frame, values: dict[str, Any]) -> None:
    """Raises InputError where a frame is not like the first one."""
    atoms = frame.atoms
    there = {name: file[name].shape[1:] for name in DATASETS if name in file}
    given = {name: np.shape(value) for name, value in values.items()}
    fixed = {"species": atoms.numbers, "mass": atoms.get_masses()}
    differs = sorted(k for k in there | given if there.get(k) != given.get(k))
    for name, value in fixed.items():
        if not np.array_equal(file[f"{ATOMS}/{name}"], value):
            differs.append(f"{ATOMS}/{name}")
    if list(file[f"{ATOMS}/box"].attrs["boundary"]) != _boundary(atoms):
        differs.append(f"{ATOMS}/box boundary")
    if differs:
        raise InputError(
            f"{file.filename}: step {frame.step} and the first frame differ in "
            f"{', '.join(differs)}, which H5MD fixes for all frames; write it to a new "
            "file, or use .extxyz or .traj"
        )


def _boundary(atoms: Atoms) -> list[str]:
    return ["periodic" if pbc else "none" for pbc in atoms.pbc]


def _head(file: Any) -> None:
    """What every H5MD file says of itself."""
    head = file.create_group("h5md")
    head.attrs["version"] = [1, 1]
    head.create_group("author").attrs["name"] = _user()
    creator = head.create_group("creator")
    creator.attrs["name"] = "ase-reaxff-jax"
    creator.attrs["version"] = metadata.version("ase-reaxff-jax")
    head.create_group("modules/units").attrs["version"] = [1, 0]


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "unknown"
