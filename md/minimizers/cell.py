r"""Coordinates of atoms and cell together, and the derivatives by them.

A structure that starts in the cell h_0 has the cell h_0 F and its atoms at x F, where
F = exp(L) and L is symmetric. The coordinates are x and, as three more rows, c L; where
the cell stays, F = 1 and the rows are x alone. With S the derivative of the energy by a
further strain of the whole structure, which is symmetric because turning it costs no
energy, and l and Q the eigenvalues and eigenvectors of L,

    dE/dx = dE/dR F
    dE/dL = Q [(Q^T S Q)_ij sinh(l_i - l_j) / (l_i - l_j)] Q^T

and a pressure p adds p V to the energy and p V to the diagonal of S. These are the
coordinates of ASE's `FrechetCellFilter`, but for the scale c: the square root of the
number of atoms makes the cell about as stiff as the atoms, whatever their number. As
there, fixed atoms keep their x, and so follow the cell; and the force on the cell that
has to become small is -(dE/dL) / (number of atoms).

Where only lengths of lattice vectors change ("isotropic": all alike), their logarithms
in one proportion v, F = h_0^-1 exp(diag(l)) h_0 with l along v; the rows are c diag(l),
the mask of free strains means nothing, and

    dE/dx = dE/dR F^T
    dE/dl = diagonal of h_0 S h_0^-1
"""

from typing import Literal

import jax.numpy as jnp
from jaxtyping import Float

from ase_reaxff_jax.arrays import AnyArray
from ase_reaxff_jax.md.integrators.cell_rescaling import exponential
from ase_reaxff_jax.md.minimizers.goal import Goal

Cell = Literal["fixed", "free", "isotropic", "a", "b", "c", "c/a"]
LENGTHS = {"isotropic": (1.0, 1.0, 1.0), "a": (1.0, 0.0, 0.0), "b": (0.0, 1.0, 0.0),
           "c": (0.0, 0.0, 1.0), "c/a": (1.0, 1.0, -2.0)}  # fmt: skip
"""Changes of the logarithms of the three lengths; that of c/a keeps the volume."""


def scale(goal: Goal) -> Float[AnyArray, ""]:
    """The factor c, Å."""
    return jnp.sqrt(goal.atoms)


def geometry(
    rows: Float[AnyArray, "rows 3"], goal: Goal, cell: Cell
) -> tuple[Float[AnyArray, "atoms 3"], Float[AnyArray, "3 3"]]:
    """Positions and cell (Å) at some coordinates."""
    if cell == "fixed":
        return rows, goal.cell
    deformation = _deformation(rows[-3:] / scale(goal), goal, cell)
    return rows[:-3] @ deformation, goal.cell @ deformation


def gradient(
    rows: Float[AnyArray, "rows 3"],
    by_positions: Float[AnyArray, "atoms 3"],
    by_strain: Float[AnyArray, "3 3"],
    goal: Goal,
    cell: Cell,
) -> tuple[Float[AnyArray, "rows 3"], Float[AnyArray, ""]]:
    """Derivatives by the coordinates (eV/Å), and the largest force (eV/Å).

    Args:
        rows: The coordinates.
        by_positions: Derivatives of the energy, eV/Å.
        by_strain: The same, eV, the work against the pressure included.
        goal: What may change.
        cell: How the cell may change.
    """
    if cell == "fixed":
        free = goal.masked(by_positions)
        return free, _largest(free)
    logarithm = rows[-3:] / scale(goal)
    free = goal.masked(by_positions @ _deformation(logarithm, goal, cell).T)
    if cell == "free":
        on_cell = _by_logarithm(logarithm, by_strain)
        on_cell = jnp.where(goal.strains, on_cell, 0.0)
    else:
        on_cell = _by_lengths(goal.cell, by_strain, LENGTHS[cell])
    # Where they act, not where they started.
    forces = free @ _deformation(-logarithm, goal, cell).T
    largest = jnp.maximum(_largest(forces), _largest(on_cell) / goal.atoms)
    return jnp.concatenate([free, on_cell / scale(goal)]), largest


def shorter(
    step: Float[AnyArray, "rows 3"], goal: Goal, cell: Cell, longest, most_strain
) -> Float[AnyArray, "rows 3"]:
    """The step, shortened where an atom or the cell would move too far."""
    if cell == "fixed":
        return step * _factor(_largest(step), longest)
    on_cell = step[-3:] if cell == "free" else _turned(step[-3:], goal.cell)
    strain = jnp.sqrt(jnp.sum(on_cell**2)) / scale(goal)
    factor = _factor(_largest(step[:-3]), longest)
    return step * jnp.minimum(factor, _factor(strain, most_strain))


def _largest(rows: Float[AnyArray, "n 3"]) -> Float[AnyArray, ""]:
    return jnp.sqrt(jnp.max(jnp.sum(rows**2, axis=1)))


def _factor(size: Float[AnyArray, ""], limit: float) -> Float[AnyArray, ""]:
    return limit / jnp.maximum(size, limit)


def _deformation(
    logarithm: Float[AnyArray, "3 3"], goal: Goal, cell: Cell
) -> Float[AnyArray, "3 3"]:
    """F, or with the opposite logarithm its inverse."""
    if cell == "free":
        return exponential(logarithm)
    return _turned(jnp.diag(jnp.exp(jnp.diagonal(logarithm))), goal.cell)


def _turned(
    of_vectors: Float[AnyArray, "3 3"], lattice: Float[AnyArray, "3 3"]
) -> Float[AnyArray, "3 3"]:
    """What acts on positions, of what acts on the lattice vectors."""
    return jnp.linalg.inv(lattice) @ of_vectors @ lattice


def _by_lengths(
    lattice: Float[AnyArray, "3 3"],
    by_strain: Float[AnyArray, "3 3"],
    proportion: tuple[float, float, float],
) -> Float[AnyArray, "3 3"]:
    """The part along the proportion of the derivatives by logarithms of lengths."""
    along = jnp.asarray(proportion, by_strain.dtype)
    along /= jnp.sqrt(jnp.sum(along**2))
    each = jnp.diagonal(lattice @ by_strain.T @ jnp.linalg.inv(lattice))
    return jnp.diag(along * (along @ each))


def _by_logarithm(
    logarithm: Float[AnyArray, "3 3"], by_strain: Float[AnyArray, "3 3"]
) -> Float[AnyArray, "3 3"]:
    values, axes = jnp.linalg.eigh(logarithm)
    apart = values[:, None] - values[None, :]
    factor = _sinhc(apart)
    return axes @ (axes.T @ by_strain @ axes * factor) @ axes.T


def _sinhc(x: Float[AnyArray, "3 3"]) -> Float[AnyArray, "3 3"]:
    """sinh(x) / x."""
    small = abs(x) < 1e-2
    safe = jnp.where(small, 1.0, x)
    series = 1.0 + x**2 / 6.0 * (1.0 + x**2 / 20.0)
    return jnp.where(small, series, jnp.sinh(safe) / safe)
