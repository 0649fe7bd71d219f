r"""How minimised structures move when parameters change.

At a minimum of U (the energy, with restraints) over coordinates y, the derivative of an
item f(y, p) is that at fixed y, less  l d(dU/dy)/dp  with  H l = df/dy  and H the
second derivatives of U: the implicit function theorem. Coordinates are the atoms that
are free, and for a relaxed cell its symmetric strains; translations and rotations,
which change nothing, are left out.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ase_reaxff_jax import capacity
from ase_reaxff_jax.compilation import quickly
from ase_reaxff_jax.energy import total_energy
from ase_reaxff_jax.fit.observables import Case
from ase_reaxff_jax.fit.structures import Structure
from ase_reaxff_jax.forcefield import ForceField
from ase_reaxff_jax.mixing import mix
from ase_reaxff_jax.options import Options
from ase_reaxff_jax.programs import strained
from ase_reaxff_jax.units import KCAL_PER_MOL

FLAT = 1e-7  # curvature, relative to the largest, along which nothing is solved


@quickly(static_argnames="options")
def second_derivatives(
    force_field: ForceField, cases: Case, *, options: Options
) -> Float[Array, "cases coordinates coordinates"]:
    """Of the energy by positions and, behind them, the nine strains; kcal/mol, Å."""
    parameters = mix(force_field)

    def one(case: Case):
        size = case.system.positions.size
        guess = jnp.zeros((2, len(case.system.mask)), case.system.positions.dtype)

        def energy(y):
            positions, strain = y[:size].reshape(-1, 3), y[size:].reshape(3, 3)
            system = strained(case.system, positions, strain)
            return total_energy(
                parameters, system, case.neighbors, case.topology, options, guess
            )[0]

        start = jnp.concatenate([case.system.positions.ravel(), jnp.zeros(9)])
        _, along = jax.linearize(jax.grad(energy), start)
        return jax.lax.map(along, jnp.eye(len(start)))

    # One after the other: what a row needs of one structure stays in the cache.
    return jax.lax.map(one, cases)


@quickly()
def _of_restraints(restraints, positions: Float[Array, "atoms 3"]):
    """Second derivatives of restraints, eV/Å^2, (3 atoms, 3 atoms)."""
    found = jax.hessian(restraints.energy)(positions)
    return found.reshape(positions.size, positions.size)


def with_restraints(
    hessian: Float[np.ndarray, "n n"],
    structure: Structure,
    positions: Float[np.ndarray, "room 3"],
) -> Float[np.ndarray, "n n"]:
    """The second derivatives with those of the structure's restraints.

    Positions may be padded behind the structure's atoms: one program for many sizes.
    """
    from ase_reaxff_jax.fit.relaxed import in_driver_units
    from ase_reaxff_jax.md.minimizers.restraints import Restraints

    if not structure.restraints:
        return hessian
    given = [in_driver_units(r) for r in structure.restraints]
    count = len(structure.atoms)
    room = capacity.bucket(len(given), parts=1, smallest=1)
    held = Restraints.of(given, atoms=count, room=room, dtype=np.float64)
    own = np.asarray(_of_restraints(held, positions)) / KCAL_PER_MOL
    total, end = hessian.copy(), 3 * count
    total[:end, :end] += own[:end, :end]
    return total


def multipliers(
    hessian: Float[np.ndarray, "n n"],
    sides: Float[np.ndarray, "sums n"],
    free: Float[np.ndarray, "n free"],
) -> Float[np.ndarray, "sums n"]:
    """The l of H l = side for each side, within the free coordinates."""
    inner = free.T @ hessian @ free
    values, vectors = np.linalg.eigh(0.5 * (inner + inner.T))
    stiff = abs(values) > FLAT * abs(values).max()
    inverse = np.where(stiff, 1.0 / np.where(stiff, values, 1.0), 0.0)
    return ((sides @ free) @ vectors * inverse) @ vectors.T @ free.T


def free_coordinates(
    structure: Structure, positions: Float[np.ndarray, "atoms 3"]
) -> Float[np.ndarray, "n free"]:
    """Orthonormal directions in which the structure can relax."""
    count = len(positions)
    basis = np.zeros((3 * count + 9, 3 * count))
    basis[: 3 * count] = np.eye(3 * count)
    kept = np.repeat([k not in structure.fixed for k in range(count)], 3)
    basis = basis[:, kept]
    if not structure.fixed:
        basis = _without(basis, _rigid(structure, positions))
    if structure.relax_cell:
        basis = np.concatenate([basis, _strains(structure, count)], axis=1)
    return basis


def _rigid(structure: Structure, positions) -> Float[np.ndarray, "n modes"]:
    """Translations, and of a molecule rotations."""
    axes, centred = np.eye(3), positions - positions.mean(axis=0)
    modes = [np.tile(axis, len(positions)) for axis in axes]
    if not structure.atoms.pbc.any():
        modes += [np.cross(axis, centred).ravel() for axis in axes]
    return np.pad(np.array(modes).T, [(0, 9), (0, 0)])


def _without(basis, modes) -> Float[np.ndarray, "n free"]:
    """The part of the space of `basis` that is orthogonal to the modes."""
    u, size, _ = np.linalg.svd(modes, full_matrices=False)
    u = u[:, size > 1e-8 * size.max()]  # a line of atoms has two rotations
    left, size, _ = np.linalg.svd(basis - u @ (u.T @ basis), full_matrices=False)
    return left[:, size > 0.5]


def _strains(structure: Structure, count: int) -> Float[np.ndarray, "n strains"]:
    """Symmetric strains, or that of the volume alone."""
    if structure.cell_freedom == "uniform":
        found = [np.eye(3) / np.sqrt(3.0)]
    else:
        found = []
        for a, b in ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)):
            strain = np.zeros((3, 3))
            strain[a, b] = strain[b, a] = 1.0 if a == b else np.sqrt(0.5)
            found.append(strain)
    columns = np.array([strain.ravel() for strain in found]).T
    return np.concatenate([np.zeros((3 * count, columns.shape[1])), columns])
