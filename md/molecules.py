"""Molecules: sets of atoms joined by bonds, and their formulae."""

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from ase.data import chemical_symbols
from ase.formula import Formula
from ase.symbols import symbols2numbers
from jaxtyping import Bool, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ase_reaxff_jax.md.frames import Bonding

CUTOFF = 0.3  # bond order above which two atoms belong to one molecule, as in LAMMPS


def molecules(bonding: Bonding, cutoff: float = CUTOFF) -> Int[np.ndarray, " atoms"]:
    """The molecule of each atom; numbered from 0 in the order of their first atoms.

    Atoms joined by bonds of an order above `cutoff` are one molecule.
    """
    real = bonding.order > cutoff
    size = len(bonding.total_order)
    return numbered(components(bonding.i[real], bonding.j[real], size))


def compositions(
    labels: Int[np.ndarray, " atoms"], kinds: Int[np.ndarray, " atoms"], count: int
) -> Int[np.ndarray, "molecules count"]:
    """How many atoms of each kind, numbered from 0 to `count` - 1, a molecule has."""
    size = int(labels.max()) + 1 if len(labels) else 0
    numbers = np.bincount(labels * count + kinds, minlength=size * count)
    return numbers.reshape(size, count)


def formulae(labels: Int[np.ndarray, " atoms"], symbols: Sequence[str]) -> list[str]:
    """The formula of each molecule: C and H first, then by alphabet (ASE's "hill")."""
    return formulae_of_numbers(labels, np.array(symbols2numbers(symbols), int))


def counts(labels: Int[np.ndarray, " atoms"], symbols: Sequence[str]) -> dict[str, int]:
    """How many molecules of each formula there are, formulae in their first order."""
    return dict(Counter(formulae(labels, symbols)))


def formulae_of_numbers(
    labels: Int[np.ndarray, " atoms"], numbers: Int[np.ndarray, " atoms"]
) -> list[str]:
    """As `formulae`, for atomic numbers."""
    elements, kinds = np.unique(numbers, return_inverse=True)
    table = compositions(labels, kinds, len(elements))
    rows, inverse = np.unique(table, axis=0, return_inverse=True)
    names = [_hill(tuple(elements.tolist()), tuple(row.tolist())) for row in rows]
    return [names[k] for k in inverse.ravel()]


@lru_cache(maxsize=10_000)
def _hill(elements: tuple[int, ...], numbers: tuple[int, ...]) -> str:
    parts = zip(elements, numbers, strict=True)
    formula = Formula.from_dict({chemical_symbols[z]: n for z, n in parts if n})
    return formula.format("hill")


def components(
    i: Int[np.ndarray, " edges"], j: Int[np.ndarray, " edges"], size: int
) -> Int[np.ndarray, " nodes"]:
    """The connected component of each of `size` nodes; edges may be there twice."""
    graph = coo_array((np.ones(len(i), bool), (i, j)), shape=(size, size)).tocsr()
    return connected_components(graph, directed=False)[1].astype(int)


def numbered(labels: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """The same sets, numbered from 0 in the order of their first members."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty_like(first)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]


def changed(
    before: Int[np.ndarray, " atoms"], now: Int[np.ndarray, " atoms"]
) -> Bool[np.ndarray, " atoms"]:
    """Whether an atom's molecule is another set of atoms than before."""
    pair = before * (int(now.max(initial=0)) + 1) + now
    _, inverse, size = np.unique(pair, return_inverse=True, return_counts=True)
    common = size[inverse]
    gained = common != np.bincount(now)[now]
    return gained | (common != np.bincount(before)[before])
