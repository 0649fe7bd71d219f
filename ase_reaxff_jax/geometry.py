"""Lengths and directions of bonds, and the angles between them."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ase_reaxff_jax import safe
from ase_reaxff_jax.topology import Bonds

Component = Float[Array, " n"]
Components = tuple[Component, Component, Component]  # x, y and z of vectors


class BondVectors(eqx.Module):
    """Bonds from i to j; of directed bonds, b is i to j and capacity + b back."""

    r: Float[Array, " bonds"]  # Å; 1 on padding
    unit: Float[Array, "bonds 3"]  # 0 on padding

    def directed(self, index: Int[Array, " n"]) -> Float[Array, "n 3"]:
        """Unit vectors along directed bonds."""
        return jnp.concatenate([self.unit, -self.unit])[index]

    @property
    def components(self) -> Components:
        """x, y and z of the unit vectors."""
        return self.unit[:, 0], self.unit[:, 1], self.unit[:, 2]

    @property
    def both_ways(self) -> Components:
        """The same along all directed bonds."""
        x, y, z = (jnp.concatenate([u, -u]) for u in self.components)
        return x, y, z


def dihedral(
    first: Components, centre: Components, last: Components, mask: Bool[Array, " n"]
) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
    """Of i-j-k-l: sin(ijk) sin(jkl), and the cosine between the two planes.

    From unit vectors j to i, j to k, and k to l. Both are 0 where `mask` is False, and
    where three of the atoms lie on a line as far as rounding lets one see.
    """
    normal_1, normal_2 = cross(centre, first), cross(centre, last)
    squares = dot(normal_1, normal_1) * dot(normal_2, normal_2)
    seen = mask & (squares > safe.straight_below(squares.dtype))
    sines = jnp.sqrt(jnp.where(seen, squares, 1.0))
    cosine = dot(normal_1, normal_2) / sines
    return jnp.where(seen, sines, 0.0), jnp.where(seen, cosine, 0.0)


def dot(a: Components, b: Components) -> Float[Array, " n"]:
    """Scalar products."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def cross(a: Components, b: Components) -> Components:
    """Vector products."""
    return (
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    )


def bond_vectors(images: Float[Array, "images 3"], bonds: Bonds) -> BondVectors:
    """Vectors of all bonds from the positions (Å) of atoms and their images."""
    vectors = images[bonds.j] - images[bonds.i]
    vectors = jnp.where(bonds.mask[:, None], vectors, 0.0)
    r = safe.norm(vectors, bonds.mask)
    return BondVectors(r=r, unit=vectors / r[:, None])
