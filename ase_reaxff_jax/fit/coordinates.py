"""Coordinates in which a structure can move: atoms that are free, and the cell."""

import numpy as np
import scipy.linalg
from jaxtyping import Float

from ase_reaxff_jax.fit.structures import Structure
from ase_reaxff_jax.md.minimizers.cell import LENGTHS, Cell

MINIMISED: dict[str, Cell] = {  # what the minimiser calls it
    "all": "free", "uniform": "isotropic", "a": "a", "b": "b", "c": "c", "c/a": "c/a",
}  # fmt: skip
STRAIGHT = 1e-3  # extent across a molecule over that along it, below which it is a line


def free_coordinates(
    structure: Structure,
    positions: Float[np.ndarray, "atoms 3"],
    cell: Float[np.ndarray, "3 3"],
) -> Float[np.ndarray, "n free"]:
    """Directions in which the structure can relax; those of atoms are orthonormal."""
    basis = _of_free_atoms(structure)
    if not structure.fixed:
        basis = _without(basis, _rigid(structure, positions))
    basis = np.pad(basis, [(0, 9), (0, 0)])
    if structure.relax_cell:
        columns = _strains(structure, cell)
        strains = np.pad(columns, [(3 * len(positions), 0), (0, 0)])
        basis = np.concatenate([basis, strains], axis=1)
    return basis


def vibrating(
    structure: Structure, positions: Float[np.ndarray, "atoms 3"]
) -> Float[np.ndarray, "n modes"]:
    """Displacements in which the structure can vibrate, 1/sqrt(atomic mass unit).

    Orthonormal once weighted by the roots of the masses. A molecule that is a line as
    the data has it counts as one wherever it is; one that becomes a line has a
    vibration more.
    """
    weights = _weights(structure)
    basis = _of_free_atoms(structure)
    if not structure.fixed:
        rigid = weights * _rigid(structure, positions)
        basis = _without(basis, rigid, _rigid_modes(structure))
    return basis / weights


def number_of_vibrations(structure: Structure) -> int:
    """How many modes there are beside translations and rotations."""
    return _of_free_atoms(structure).shape[1] - _rigid_modes(structure)


def _rigid_modes(structure: Structure) -> int:
    """Number of translations and rotations, of the structure as the data has it."""
    if structure.fixed:
        return 0
    given = _weights(structure) * _rigid(structure, structure.atoms.positions)
    return _spanned(given, STRAIGHT).shape[1]


def _weights(structure: Structure) -> Float[np.ndarray, "n 1"]:
    """Root of the mass that belongs to each coordinate."""
    return np.sqrt(np.repeat(structure.atoms.get_masses(), 3))[:, None]


def _of_free_atoms(structure: Structure) -> Float[np.ndarray, "n free"]:
    count = len(structure.atoms)
    kept = np.repeat([k not in structure.fixed for k in range(count)], 3)
    return np.eye(3 * count)[:, kept]


def _rigid(structure: Structure, positions) -> Float[np.ndarray, "n modes"]:
    """Translations, and of a molecule rotations."""
    axes, centred = np.eye(3), positions - positions.mean(axis=0)
    modes = [np.tile(axis, len(positions)) for axis in axes]
    if not structure.atoms.pbc.any():
        modes += [np.cross(axis, centred).ravel() for axis in axes]
    return np.array(modes).T


def _without(basis, modes, most: int | None = None) -> Float[np.ndarray, "n free"]:
    """The part of the space of `basis` orthogonal to the modes, or to most of them."""
    u = _spanned(modes)[:, :most]
    left, size, _ = np.linalg.svd(basis - u @ (u.T @ basis), full_matrices=False)
    return left[:, size > 0.5]


def _spanned(modes, least: float = 1e-8) -> Float[np.ndarray, "n modes"]:
    """Orthonormal vectors of their space, the largest first.

    A line of atoms has two rotations.
    """
    u, size, _ = np.linalg.svd(modes, full_matrices=False)
    return u[:, size > least * size.max()]


def curvature_of_lengths(
    structure: Structure,
    cell: Float[np.ndarray, "3 3"],
    by_strain: Float[np.ndarray, "3 3"],
) -> Float[np.ndarray, "9 9"]:
    """What second derivatives by strains lack where lengths change in a proportion.

    The cell goes exp(l P), whose second derivative is P P and not 0: the derivative by
    strain along it remains where the proportion keeps, say, the volume.
    """
    strain = _of_lengths(structure, cell)
    curved = np.sum(by_strain * (strain @ strain))
    return curved * np.outer(strain, strain)


def _of_lengths(
    structure: Structure, cell: Float[np.ndarray, "3 3"]
) -> Float[np.ndarray, "3 3"]:
    """The strain that changes lengths of lattice vectors as the structure allows."""
    change = np.diag(LENGTHS[MINIMISED[structure.cell_freedom]])
    strain = np.linalg.inv(cell) @ change @ cell
    return strain / np.linalg.norm(strain)


def _strains(
    structure: Structure, cell: Float[np.ndarray, "3 3"]
) -> Float[np.ndarray, "9 strains"]:
    """The one of the lengths that change, or those of all of the cell.

    As the minimiser turns it: the deformation from the cell of the data is symmetric.
    """
    if structure.cell_freedom != "all":
        return _of_lengths(structure, cell).reshape(9, 1)
    deformation = np.linalg.solve(structure.atoms.cell.array, cell)
    values, axes = np.linalg.eigh(0.5 * (deformation + deformation.T))
    logarithm = axes * np.log(values) @ axes.T
    found = []
    for a, b in ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)):
        change = np.zeros((3, 3))
        change[a, b] = change[b, a] = 1.0 if a == b else np.sqrt(0.5)
        change = scipy.linalg.expm_frechet(logarithm, change, compute_expm=False)
        found.append(np.linalg.solve(deformation, change))
    return np.array(found).reshape(-1, 9).T
