"""Pairs of atoms of the half list: distances, and the parameters of each pair.

Everything here is written for the loop over pairs, which is most of the work: one
coordinate at a time, and parameters chosen by comparison instead of looked up, so that
the compiler makes one vectorised loop of it.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ase_reaxff_jax.mixing import PairParameters
from ase_reaxff_jax.neighbors import Ends, Neighbors
from ase_reaxff_jax.tangents import change_along

AT_ONCE = 100_000  # pairs of a block


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
    ends = ends_of(far, source, species)
    return HalfList(far, ends.atom, species, ends.species)


def half_list_of(neighbors: Neighbors, species: Int[Array, " atoms"]) -> HalfList:
    """The same of neighbours, which may have it already."""
    if neighbors.ends is None:
        return half_list(neighbors.far, neighbors.source, species)
    ends = neighbors.ends
    return HalfList(neighbors.far, ends.atom, species, ends.species)


def ends_of(
    far: Int[Array, "atoms width"],
    source: Int[Array, " images"],
    species: Int[Array, " atoms"],
) -> Ends:
    """What follows from the far end of each pair."""
    atom = jnp.append(source, 0)[far]
    return Ends(atom, species[atom])


def separations(
    images: Float[Array, "images 3"],
    origins: Float[Array, "rows 3"],
    ends: Int[Array, "rows width"],
    dtype: str | None = None,
) -> list[Float[Array, "rows width"]]:
    """From the origin of each row to the images in it: x, y and z, Å.

    `dtype` is that of the result, where it is not that of the positions.
    """
    both = zip(images.T, origins.T, strict=True)
    apart = [x[ends] - origin[:, None] for x, origin in both]
    return apart if dtype is None else [x.astype(dtype) for x in apart]


def of_type(tree, dtype: str | None):
    """Numbers of the type in which pairs are computed, where that is another."""
    if dtype is None:
        return tree
    return jax.tree.map(
        lambda x: x.astype(dtype) if jnp.issubdtype(x.dtype, jnp.floating) else x, tree
    )


def distances(
    images: Float[Array, "images 3"], pairs: HalfList, dtype: str | None = None
) -> Float[Array, "atoms width"]:
    """Distance of each pair, Å."""
    origins = images[: len(pairs.species)]
    x, y, z = separations(images, origins, pairs.image, dtype)
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


def sums_over_blocks(
    function: Callable,
    start,
    rows,
    *,
    entries: int,
    at_once: int = AT_ONCE,
    strands: int = 1,
    used: Int[Array, ""] | None = None,
):
    """Sums over blocks of rows, and what each row gives by itself.

    What one block needs stays in the cache of a processor, which takes a third of the
    time of all at once.

    Args:
        function: Of the sums so far and a block of each array in `rows`; returns the
            new sums, and an array with as many rows as the block.
        start: The sums at the start, zeros.
        rows: Arrays with the same first dimension.
        entries: Pairs in each row.
        at_once: Pairs of a block, at most.
        strands: Blocks side by side, at most, each with sums of its own: worth it where
            most of the work on a block is left to one core. Programs are that much
            longer.
        used: Rows that count, the first ones: blocks behind them are left out. Without
            derivatives in reverse, and without what rows give by themselves.
    """
    count = len(jax.tree.leaves(rows)[0])
    strands = min(strands, count)
    most = max(1, min(count // strands, at_once // entries))
    fitting = [n for n in range(most, most // 4, -1) if count % (n * strands) == 0]
    size = fitting[0] if fitting else most
    times = count // (size * strands)
    whole = times * size * strands

    def split(x):
        x = x if whole == count else x[:whole]
        # Not with a dimension of strands, for which XLA would copy where it is one.
        return x.reshape(times, strands * size, *x.shape[1:])

    def added(sums, block):
        each = [
            function(so_far, jax.tree.map(lambda x, k=k: x[k * size :][:size], block))
            for k, so_far in enumerate(sums)
        ]
        sums, by_row = zip(*each, strict=True)
        return sums, jax.tree.map(lambda *x: jnp.concatenate(x), *by_row)

    def added_of(blocks, k, sums):
        return added(sums, jax.tree.map(lambda x: x[k], blocks))[0]

    start, blocks = (start,) * strands, jax.tree.map(split, rows)
    if used is None or times == 1:
        sums, by_row = jax.lax.scan(added, start, blocks)
        by_row = jax.tree.map(lambda x: x.reshape(whole, *x.shape[2:]), by_row)
    else:
        last = jnp.minimum(times, -(-used // (size * strands)))
        sums = jax.lax.fori_loop(0, last, partial(added_of, blocks), start)
    total = jax.tree.map(lambda *x: sum(x[1:], x[0]), *sums)
    rest: Any = None
    if whole < count:
        total, rest = function(total, jax.tree.map(lambda x: x[whole:], rows))
    if used is not None:
        return total, None
    if rest is not None:
        by_row = jax.tree.map(lambda *x: jnp.concatenate(x), by_row, rest)
    return total, by_row


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
