"""A sparse approximate inverse of the charge equations' matrix, in factorised form.

    H^-1 ~ G^T G,  row i of G:  H_S y = e_i,  G_iS = y / sqrt(y_i)

with S the atoms around i, up to i itself in their order. It is positive definite
whatever S is, so conjugate gradients take it as preconditioner; they need a quarter of
the iterations that the diagonal alone takes.
Source: Kolotilina & Yeremin, SIAM J. Matrix Anal. Appl. 14, 45 (1993).
"""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ase_reaxff_jax.arrays import AnyArray
from ase_reaxff_jax.mixing import Parameters
from ase_reaxff_jax.neighbors import Neighbors, image_positions
from ase_reaxff_jax.system import System
from ase_reaxff_jax.taper import taper
from ase_reaxff_jax.terms.coulomb import inverse_distance
from ase_reaxff_jax.units import COULOMB_CHARGES


class ApproximateInverse(eqx.Module):
    """The factor G by rows; weights are 0 on padding."""

    atom: Int[AnyArray, "atoms members"]
    weight: Float[AnyArray, "atoms members"]  # (e^2/eV)^(1/2)

    def times(self, x: Float[Array, " atoms"]) -> Float[Array, " atoms"]:
        """G^T G x."""
        rows = jnp.sum(self.weight * x[self.atom], axis=1)
        return jnp.zeros_like(x).at[self.atom].add(self.weight * rows[:, None])


def approximate_inverse(
    parameters: Parameters, system: System, neighbors: Neighbors
) -> ApproximateInverse:
    """The inverse at this geometry; near it, one as good."""
    atoms = len(system.mask)
    itself = jnp.arange(atoms, dtype=neighbors.cluster.dtype)[:, None]
    member = jnp.concatenate([itself, neighbors.cluster], axis=1)
    present = system.mask[:, None] & (member < len(neighbors.source))
    atom = jnp.append(neighbors.source, 0)[member]
    matrix = _matrices(parameters, system, neighbors, member, atom, present)
    first = jnp.zeros(member.shape, matrix.dtype).at[:, 0].set(1.0)
    row = jnp.linalg.solve(matrix, first[..., None])[..., 0]
    # Where the atoms around one have no minimum of their own, its diagonal must do.
    usable = (row[:, :1] > 0) & jnp.all(jnp.isfinite(row), axis=1, keepdims=True)
    row = jnp.where(usable, row, first / matrix[:, 0, :1])
    weight = row / jnp.sqrt(row[:, :1])
    return ApproximateInverse(atom, jnp.where(present, weight, 0.0))


def _matrices(
    parameters, system, neighbors, member, atom, present
) -> Float[Array, "atoms members members"]:
    """H among the members of each row; the unit matrix on padding."""
    images = image_positions(system.positions, system.cell, neighbors)
    positions = images[member]
    separation = positions[:, :, None] - positions[:, None, :]
    r = jnp.sqrt(jnp.sum(separation**2, axis=-1))
    species = system.species[atom]
    gamma = parameters.pair.gamma[species[:, :, None], species[:, None, :]]
    general = parameters.general
    tapered = taper(r, general.swa, general.swb)
    off_diagonal = COULOMB_CHARGES * inverse_distance(gamma, r=r, tapered=tapered)
    both = present[:, :, None] & present[:, None, :]
    unit = jnp.eye(member.shape[1], dtype=r.dtype)[None]
    diagonal = jnp.where(present, 2.0 * parameters.atom.eta[species], 1.0)
    return jnp.where(both, off_diagonal, 0.0) * (1.0 - unit) + (
        unit * diagonal[:, :, None]
    )
