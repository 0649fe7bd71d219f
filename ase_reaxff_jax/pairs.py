"""Pairs of atoms of the half list: distances, and the parameters of each pair.

Everything here is written for the loop over pairs, which is most of the work: one
coordinate at a time, and parameters chosen by comparison instead of looked up, so that
the compiler makes one vectorised loop of it.
"""

from collections.abc import Callable
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ase_reaxff_jax.mixing import PairParameters
from ase_reaxff_jax.tangents import change_along


class HalfList(eqx.Module):
    """Each pair once, in the row of one of its atoms; padding is far away."""

    image: Int[Array, "atoms width"]  # the other end
    atom: Int[Array, "atoms width"]  # of which that is an image
    species: Int[Array, " atoms"]
    species_j: Int[Array, "atoms width"]


def half_list(
    far: Int[Array, "atoms width"],
    source: Int[Array, " images"],
    species: Int[Array, " atoms"],
) -> HalfList:
    """The list with what follows from it alone."""
    atom = jnp.append(source, 0)[far]
    return HalfList(far, atom, species, species[atom])


def separations(
    images: Float[Array, "images 3"], pairs: HalfList
) -> list[Float[Array, "atoms width"]]:
    """From each atom to the other end: x, y and z, Å."""
    atoms = len(pairs.species)
    return [x[pairs.image] - x[:atoms, None] for x in images.T]


def distances(
    images: Float[Array, "images 3"], pairs: HalfList
) -> Float[Array, "atoms width"]:
    """Distance of each pair, Å."""
    x, y, z = separations(images, pairs)
    return jnp.sqrt(x * x + y * y + z * z)


def of_pairs(tables: PairParameters, pairs: HalfList) -> PairParameters:
    """The parameters of each pair, from those of each pair of elements."""
    types = tables.D.shape[0]

    def chosen(table: Float[Array, "types types"]) -> Float[Array, "atoms width"]:
        rows = table[pairs.species]
        value = rows[:, -1:]
        for k in range(types - 1):
            value = jnp.where(pairs.species_j == k, rows[:, k, None], value)
        return jnp.broadcast_to(value, pairs.image.shape)

    return jax.tree.map(chosen, tables)


def sum_over_atoms(
    values: Float[Array, "atoms width"], ends: Float[Array, "atoms width"], pairs
) -> Float[Array, " atoms"]:
    """Sum for each atom of `values` in its row and of `ends` at the other end."""
    rows = jnp.sum(values, axis=1)
    return rows.at[pairs.atom].add(ends)


def alone(function: Callable, *arguments):
    """`function(*arguments)`, compiled apart from everything around it.

    XLA splits a loop over pairs into many, with arrays of all pairs between them, where
    several results are wanted of the same distances; computing the distances again for
    each result is several times as fast. A loop of one pass, of which the compiler does
    not know that, keeps the results apart. Derivatives are those of `function`.
    """

    @jax.custom_jvp
    def run(*arguments):
        integers = [x for x in jax.tree.leaves(arguments) if x.dtype == jnp.int32]
        once = (integers[0].ravel()[0] >= 0).astype(jnp.int32)
        shapes = jax.eval_shape(function, *arguments)
        start = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
        return jax.lax.fori_loop(0, once, lambda _, __: function(*arguments), start)

    @partial(run.defjvp, symbolic_zeros=True)
    def _(primals, tangents):
        return run(*primals), change_along(function, primals, tangents)

    return run(*arguments)
