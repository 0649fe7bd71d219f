"""Lengths and directions of bonds, and the angles between them."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ase_reaxff_jax import safe
from ase_reaxff_jax.topology import Bonds


class BondVectors(eqx.Module):
    """Bonds from i to j; of directed bonds, b is i to j and capacity + b back."""

    r: Float[Array, " bonds"]  # Å; 1 on padding
    unit: Float[Array, "bonds 3"]  # 0 on padding

    def directed(self, index: Int[Array, " n"]) -> Float[Array, "n 3"]:
        """Unit vectors along directed bonds."""
        return jnp.concatenate([self.unit, -self.unit])[index]

    def angle(
        self, first: Int[Array, " n"], second: Int[Array, " n"]
    ) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
        """Cosine and squared sine between directed bonds of the same origin."""
        a, b = self.directed(first), self.directed(second)
        normal = jnp.cross(a, b)
        return jnp.sum(a * b, axis=-1), jnp.sum(normal * normal, axis=-1)

    def dihedral(
        self,
        first: Int[Array, " n"],
        centre: Int[Array, " n"],
        last: Int[Array, " n"],
        mask: Bool[Array, " n"],
    ) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
        """Of i-j-k-l: sin(ijk) sin(jkl), and the cosine between the two planes.

        `first` is the directed bond j to i, `centre` the bond j to k, `last` the
        directed bond k to l. Both are 0 where `mask` is False, and where three of the
        atoms lie on a line as far as rounding lets one see.
        """
        middle = self.unit[centre]
        normal_1 = jnp.cross(middle, self.directed(first))
        normal_2 = jnp.cross(middle, self.directed(last))
        squares = jnp.sum(normal_1**2, axis=-1) * jnp.sum(normal_2**2, axis=-1)
        seen = mask & (squares > safe.straight_below(squares.dtype))
        sines = jnp.sqrt(jnp.where(seen, squares, 1.0))
        cosine = jnp.sum(normal_1 * normal_2, axis=-1) / sines
        return jnp.where(seen, sines, 0.0), jnp.where(seen, cosine, 0.0)


def bond_vectors(images: Float[Array, "images 3"], bonds: Bonds) -> BondVectors:
    """Vectors of all bonds from the positions (Å) of atoms and their images."""
    vectors = images[bonds.j] - images[bonds.i]
    vectors = jnp.where(bonds.mask[:, None], vectors, 0.0)
    r = safe.norm(vectors, bonds.mask)
    return BondVectors(r=r, unit=vectors / r[:, None])
