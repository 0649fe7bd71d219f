"""Sums over long lists of interactions, a part at a time.

An angle has a hundred numbers on the way to its derivatives. Of all angles at once each
of these is an array that travels to memory and back; of some thousand they stay in the
cache of a processor, which takes half of the time.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ase_reaxff_jax import compaction
from ase_reaxff_jax.capacity import LONG
from ase_reaxff_jax.pairs import of_type, sums_over_blocks
from ase_reaxff_jax.tangents import change_along, concrete, moves

AT_ONCE = LONG  # entries, at most; twice and half as many take as long
Rows = Int[Array, " entries"]


class _Terms(NamedTuple):
    """What is computed of each entry, and of which."""

    energies: Callable
    counts: Callable | None
    in_parts: bool

    def at_once(self, listed: int) -> int:
        """Entries of a part of a list with room for so many."""
        return AT_ONCE if self.in_parts else listed


def listed_sum(
    energies: Callable,
    parameters: Any,
    tables: Sequence[Any],
    rows: Sequence[Rows],
    entries: Any,
    dtype: str | None = None,
    counts: Callable | None = None,
    in_parts: bool = True,
) -> Float[Array, ""]:
    """Sum of the energies of all entries of a list.

    Args:
        energies: Of the parameters, of what `taken` finds, and of some entries.
        parameters: Those of the force field.
        tables: Records of arrays, of bonds or atoms, for each place of an entry.
        rows: Where each entry has its place in each table.
        entries: Arrays with whatever else belongs to an entry, without derivatives;
            one is the `mask`, False on padding, which is behind all others.
        dtype: In which each energy is computed, where that is not the one of the
            tables and the sums.
        counts: Of what `taken` finds and of some entries: those whose energy may be
            other than zero, for which it takes much less time than the energies do.
        in_parts: Whether to take a part of a long list at a time.
    """
    if dtype is None and len(rows[0]) <= AT_ONCE:
        return jnp.sum(energies(parameters, taken(tables, rows), entries))
    terms = _Terms(energies, counts, in_parts)
    return _sum(terms, dtype, parameters, tuple(tables), tuple(rows), entries)


def taken(tables: Sequence[Any], rows: Sequence[Rows]) -> list[Any]:
    """What entries have of each table."""
    return [
        jax.tree.map(lambda x, row=row: x[row], table)
        for table, row in zip(tables, rows, strict=True)
    ]


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _sum(terms, dtype, parameters, tables, rows, entries):
    return _sum_and_slopes(terms, dtype, parameters, tables, rows, entries)[0]


@partial(_sum.defjvp, symbolic_zeros=True)
def _sum_jvp(terms, dtype, primals, tangents):
    parameters, tables, rows, entries = primals
    value, slopes = _sum_and_slopes(terms, dtype, *primals)

    def of_parameters(parameters):
        return jnp.sum(terms.energies(parameters, taken(tables, rows), entries))

    change = jnp.zeros_like(value)
    if moves(tangents[0]):
        change += change_along(of_parameters, (parameters,), tangents[:1])
    if moves(tangents[1]):
        parts = jax.tree.map(
            lambda slope, moved: jnp.sum(slope * moved), slopes, concrete(tangents[1])
        )
        change += sum(jax.tree.leaves(parts))
    return value, change


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _sum_and_slopes(terms, dtype, parameters, tables, rows, entries):
    """The sum, and its derivatives by all numbers in the tables."""
    at_once = terms.at_once(len(rows[0]))
    return _summed(terms, dtype, parameters, tables, rows, entries, at_once=at_once)


@partial(_sum_and_slopes.defjvp, symbolic_zeros=True)
def _sum_and_slopes_jvp(terms, dtype, primals, tangents):
    """A loop of which only the program knows the length has no reverse."""
    at_once = terms.at_once(len(primals[2][0]))
    padded = partial(_summed, terms, dtype, at_once=at_once, padded=True)
    return (
        _sum_and_slopes(terms, dtype, *primals),
        change_along(padded, primals, tangents),
    )


def _summed(terms, dtype, parameters, tables, rows, entries, *, at_once, padded=False):
    """The same by parts of so many entries; of all, or of those that count."""
    parameters = of_type(parameters, dtype)
    if not padded and len(rows[0]) > at_once:
        rows, entries = _that_count(terms, tables, rows, entries)

    def added(sums, block):
        rows, entries = block

        def total(*here):
            each = terms.energies(parameters, of_type(here, dtype), entries)
            return jnp.sum(each, dtype=sums[0].dtype)

        here = taken(tables, rows)
        value, pulls = jax.value_and_grad(total, argnums=range(len(here)))(*here)
        slopes = tuple(
            jax.tree.map(lambda x, y, row=row: x.at[row].add(y), slope, pull)
            for slope, pull, row in zip(sums[1], pulls, rows, strict=True)
        )
        return (sums[0] + value, slopes), ()

    start = jax.tree.map(jnp.zeros_like, tables)
    none = jnp.zeros((), jax.tree.leaves(tables)[0].dtype)
    return sums_over_blocks(
        added, (none, start), (rows, entries), entries=1, at_once=at_once,
        used=None if padded else jnp.sum(entries.mask, dtype=jnp.int32),
    )[0]  # fmt: skip


def _that_count(terms: _Terms, tables, rows, entries):
    """The entries that count, first, and where they stand in the tables."""
    if terms.counts is None:
        return rows, entries
    counts = entries.mask & terms.counts(taken(tables, rows), entries)
    listed = jnp.sum(entries.mask, dtype=jnp.int32)
    place, number = compaction.places(counts, listed)
    rows, entries = jax.tree.map(lambda x: x[place], (rows, entries))
    return rows, entries._replace(mask=jnp.arange(len(place)) < number)
