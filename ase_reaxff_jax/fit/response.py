r"""How minimised structures move when parameters change.

At a minimum of U (the energy, with restraints) over coordinates y, the derivative of an
item f(y, p) is that at fixed y, less  l d(dU/dy)/dp  with  H l = df/dy  and H the
second derivatives of U: the implicit function theorem. Coordinates are the atoms that
are free, and for a relaxed cell its symmetric strains; translations and rotations,
which change nothing, are left out.
"""

import jax
import numpy as np
from jaxtyping import Array, Float

from ase_reaxff_jax import capacity
from ase_reaxff_jax.compilation import quickly
from ase_reaxff_jax.fit.structures import Structure
from ase_reaxff_jax.units import KCAL_PER_MOL

FLAT = 1e-7  # curvature, relative to the largest, along which nothing is solved


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
