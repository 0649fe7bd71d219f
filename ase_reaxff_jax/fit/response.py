r"""How minimised structures move when parameters change.

At a minimum of U (the energy, with restraints) over coordinates y, the derivative of an
item f(y, p) is that at fixed y, less  l d(dU/dy)/dp  with  H l = df/dy  and H the
second derivatives of U: the implicit function theorem. Coordinates are the atoms that
are free, and for a relaxed cell the strains that it may have; translations and
rotations, which change nothing, are left out. Restraints feel strains as well.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ase_reaxff_jax import capacity
from ase_reaxff_jax.compilation import quickly
from ase_reaxff_jax.fit.structures import Structure
from ase_reaxff_jax.precision import scope
from ase_reaxff_jax.units import KCAL_PER_MOL

FLAT = 1e-7  # curvature, relative to the largest, along which nothing is solved


@quickly()
def _of_restraints(restraints, positions: Float[Array, "atoms 3"]):
    """Derivatives by strain, second ones by positions and strain, eV and Å."""
    size = positions.size

    def energy(y):
        deformation = jnp.eye(3) + y[size:].reshape(3, 3)
        return restraints.energy(y[:size].reshape(-1, 3) @ deformation)

    y = jnp.concatenate([positions.ravel(), jnp.zeros(9)])
    return jax.grad(energy)(y)[size:].reshape(3, 3), jax.hessian(energy)(y)


def of_restraints(
    structure: Structure, positions: Float[np.ndarray, "room 3"]
) -> tuple[Float[np.ndarray, "3 3"], Float[np.ndarray, "n n"]]:
    """Derivatives of a structure's restraints: first by strain, and second.

    The latter by positions and, behind them, the nine strains; in kcal/mol and Å.
    Positions may be padded behind the structure's atoms: one program for many sizes.
    """
    from ase_reaxff_jax.fit.relaxed import in_driver_units
    from ase_reaxff_jax.md.minimizers.restraints import Restraints

    given = [in_driver_units(r) for r in structure.restraints]
    count = len(structure.atoms)
    room = capacity.bucket(len(given), parts=1, smallest=1)
    held = Restraints.of(given, atoms=count, room=room, dtype=np.float64)
    with scope("float64"):
        by_strain, second = _of_restraints(held, positions)
    kept = np.r_[: 3 * count, 3 * len(positions) : 3 * len(positions) + 9]
    return (
        np.asarray(by_strain) / KCAL_PER_MOL,
        np.asarray(second)[np.ix_(kept, kept)] / KCAL_PER_MOL,
    )


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
