"""From an ASE Atoms object to what the kernel takes; refuses what it cannot."""

import numpy as np
from ase import Atoms
from ase.calculators.calculator import InputError
from ase.geometry import minkowski_reduce

from ase_reaxff_jax.errors import AtomsTooCloseError
from ase_reaxff_jax.forcefield import ForceField
from ase_reaxff_jax.units import FAR_AWAY, SHORTEST

SHOWN = 5  # atoms named in a message
FARTHEST_SINGLE = 1e3  # Å; coordinates beyond are rounded too coarsely in float32


def some(indices) -> str:
    """The first few of some atoms, for a message."""
    shown = ", ".join(str(i) for i in indices[:SHOWN])
    return shown + (", …" if len(indices) > SHOWN else "")


def species_of(atoms: Atoms, force_field: ForceField) -> np.ndarray:
    """Type of each atom; InputError names elements that the force field lacks."""
    known = {element: k for k, element in enumerate(force_field.elements)}
    symbols = atoms.get_chemical_symbols()
    missing = [s for s in dict.fromkeys(symbols) if s not in known]
    if missing:
        where = [i for i, s in enumerate(symbols) if s == missing[0]]
        raise InputError(
            f"the force field has no parameters for {', '.join(missing)} "
            f"({missing[0]}: atoms {some(where)}); "
            f"it has: {' '.join(force_field.elements)}"
        )
    return np.array([known[s] for s in symbols], np.int32)


def check_geometry(atoms: Atoms) -> None:
    """InputError unless positions and cell are numbers and span what they must."""
    if not len(atoms):
        raise InputError("the structure has no atoms")
    bad = np.flatnonzero(~np.isfinite(atoms.positions).all(axis=1))
    if len(bad):
        raise InputError(f"positions are not finite numbers: atoms {some(bad)}")
    farthest = 0.5 * FAR_AWAY
    bad = np.flatnonzero((abs(atoms.positions) > farthest).any(axis=1))
    if len(bad):
        raise InputError(
            f"coordinates are beyond {farthest:g} Å: atoms {some(bad)}; move the "
            "structure towards the origin"
        )
    charges = atoms.get_initial_charges()
    if not np.isfinite(charges).all():
        bad = np.flatnonzero(~np.isfinite(charges))
        raise InputError(f"initial charges are not finite: atoms {some(bad)}")
    cell = atoms.cell.array
    if not np.isfinite(cell).all():
        raise InputError(f"the cell has entries that are not finite: {cell.tolist()}")
    if (abs(cell[atoms.pbc]) > farthest).any():
        raise InputError(f"the cell is longer than {farthest:g} Å: {cell.tolist()}")
    periodic = cell[atoms.pbc]
    lengths = np.linalg.norm(periodic, axis=1)
    axes = "abc"
    for axis, length in zip(np.flatnonzero(atoms.pbc), lengths, strict=True):
        if length < 1e-6:
            raise InputError(
                f"the structure is periodic along {axes[axis]}, but that cell vector "
                "is zero; set the cell, or pbc=False along it"
            )
    if len(periodic) > 1 and np.linalg.matrix_rank(periodic / lengths[:, None]) < len(
        periodic
    ):
        raise InputError(
            f"the periodic cell vectors are linearly dependent: {periodic.tolist()}"
        )
    _check_own_images(atoms)


def _check_own_images(atoms: Atoms) -> None:
    """An error where atoms lie on their own images, whose number has no bound."""
    periodic = atoms.cell.array[atoms.pbc]
    if not len(periodic):
        return
    heights = 1.0 / np.linalg.norm(np.linalg.pinv(periodic), axis=0)
    if heights.min() >= SHORTEST:
        return
    reduced, _ = minkowski_reduce(atoms.cell.array, atoms.pbc)
    shortest = np.linalg.norm(reduced[atoms.pbc], axis=1).min()
    if shortest < SHORTEST:
        raise AtomsTooCloseError(
            f"atoms and their own images are {shortest:.3g} Å apart, closer than "
            f"{SHORTEST} Å: the periodic cell is nearly flat: {periodic.tolist()}"
        )


def check_precision(atoms: Atoms, dtype: str) -> None:
    """InputError where single precision leaves too few digits of the coordinates."""
    if dtype != "float32":
        return
    bad = np.flatnonzero((abs(atoms.positions) > FARTHEST_SINGLE).any(axis=1))
    if len(bad):
        farthest = abs(atoms.positions).max()
        raise InputError(
            f"coordinates reach {farthest:.6g} Å, where float32 is coarser than "
            f"{np.spacing(np.float32(farthest)):.0e} Å: atoms {some(bad)}; move the "
            f"structure to within {FARTHEST_SINGLE:g} Å of the origin (atoms.center(), "
            "atoms.wrap()) or use dtype='float64'"
        )


def kernel_cell(atoms: Atoms) -> np.ndarray:
    """The cell with zeros along axes without periodicity, (3, 3), Å."""
    return np.where(atoms.pbc[:, None], atoms.cell.array, 0.0)


def unlike_the_first(force_field: ForceField, form: dict) -> dict[str, str]:
    """Elements whose van der Waals form is not that of the first, and how they differ.

    The first element of the file decides the form for all, as in LAMMPS.
    """
    unlike = {}
    for element in force_field.elements:
        values = {
            name: float(force_field.get("atom", element, name))
            for name in ("gamma_w", "rcore2", "acore2", "alpha")
        }
        if not values["alpha"] > 0:
            continue  # a dummy
        wall = values["rcore2"] > 0.01 and values["acore2"] > 0.01
        if form["shielding"] and not values["gamma_w"] > 0.5:
            unlike[element] = f"gamma_w = {values['gamma_w']:g}, no shielding"
        elif form["inner_wall"] and not wall:
            unlike[element] = f"rcore2 = {values['rcore2']:g}, no inner wall"
        elif wall and not form["inner_wall"]:
            unlike[element] = "an inner wall, which is left out"
    return unlike
