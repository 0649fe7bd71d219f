"""What finds all pairs of atoms within a distance, each once, with every image.

Each search takes positions inside the cell, the cell (rows are lattice vectors, zero
along axes without periodicity) and a distance, all in Å. Pairs that are farther apart
may be among those that it finds.
"""

import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import numpy as np
import vesin
from ase.calculators.calculator import InputError
from jaxtyping import Float, Int

from ase_reaxff_jax.precision import scope

MOST_BOXES = 50_000  # of vesin
MOST_ATOMS = 2000  # of jax-md: it compares all atoms with all, at once

Positions = Float[np.ndarray, "count 3"]
Cell = Float[np.ndarray, "3 3"]


class Found(NamedTuple):
    """Pairs, each once."""

    i: Int[np.ndarray, " pairs"]
    j: Int[np.ndarray, " pairs"]
    shift: Int[np.ndarray, "pairs 3"]  # lattice vectors that are added to j
    r: Float[np.ndarray, " pairs"]  # Å
    owner: Any  # of the arrays' memory: they are good for as long as it lives


def pseudo_inverse(cell, xp: Any):
    """Inverse on the space that the cell vectors span; some of them may be zero."""
    gram = cell @ cell.T
    return cell.T @ xp.linalg.inv(gram + xp.diag(xp.where(xp.diag(gram) > 0, 0.0, 1.0)))


def by_vesin(positions: Positions, cell: Cell, cutoff: float) -> Found:
    """Pairs from vesin, a library on the host; its time is linear in the atoms."""
    radius = _search_radius(positions, cell, cutoff)
    search = vesin.NeighborList(cutoff=radius, full_list=False)
    periodic = cell.any(axis=1)
    i, j, shift, r = search.compute(positions, cell, periodic, "ijSd", copy=False)
    return Found(i, j, shift, r, owner=search)


def _search_radius(positions, cell, cutoff: float) -> float:
    """The cutoff, widened where atoms are thinly spread over a vast space.

    vesin 0.6 sorts atoms into boxes as wide as the cutoff and ends the whole process
    where there are too many of them in one or two directions.
    """
    periodic = cell.any(axis=1)
    inverse = pseudo_inverse(cell, np)
    free = np.ptp(positions @ (np.eye(3) - inverse @ cell), axis=0)
    free = np.linalg.norm(free) if periodic.any() else free
    height = 1.0 / np.linalg.norm(np.where(periodic, inverse, np.eye(3)), axis=0)
    extent = np.where(periodic, height, free)
    while np.prod(np.maximum(extent / cutoff, 1.0)) > MOST_BOXES:
        cutoff *= 2.0
    return cutoff


def by_jax_md(positions: Positions, cell: Cell, cutoff: float) -> Found:
    """Pairs from jax-md, on the device; its time is quadratic in the atoms.

    Its lists of many images are taken: those of `jax_md.partition` know the nearest
    image only.

    Raises:
        InputError: there are more than `MOST_ATOMS` atoms.
    """
    if len(positions) > MOST_ATOMS:
        raise InputError(
            f"neighbors='jax-md' compares all {len(positions)} atoms with all, which "
            f"takes too much memory above {MOST_ATOMS}; take neighbors='vesin'"
        )
    periodic = np.asarray(cell.any(axis=1))
    # Axes without periodicity need a vector that is independent of the others.
    box = cell.copy()
    box[~periodic] = np.linalg.svd(cell)[2][periodic.sum() :]
    # Its sums of indices mix types of integers, of which jax warns.
    quiet = warnings.catch_warnings(action="ignore", category=FutureWarning)
    with scope("float64"), jax.numpy_rank_promotion("allow"), quiet:
        search = _search_of(tuple(map(bool, periodic)), cutoff)
        i, j, shift = search(positions, box.T)
    vectors = positions[j] + shift @ cell - positions[i]
    return Found(i, j, shift, np.linalg.norm(vectors, axis=1), owner=None)


@lru_cache(maxsize=8)
def _search_of(periodic: tuple[bool, ...], cutoff: float) -> Callable:
    """A search that keeps its room from one call to the next."""
    from jax_md.custom_partition import neighbor_list_multi_image
    from jax_md.partition import NeighborListFormat

    made = neighbor_list_multi_image(
        None, np.eye(3), cutoff * (1 + 1e-12), pbc=np.array(periodic),
        fractional_coordinates=False, format=NeighborListFormat.OrderedSparse,
    )  # fmt: skip
    kept: dict = {}

    def search(positions: Positions, box: Cell):
        found = kept.get(len(positions))
        if found is not None:
            found = found.update(positions, box=box)
        if found is None or found.did_buffer_overflow:
            found = made.allocate(positions, box=box)
        kept[len(positions)] = found
        i, j = map(np.asarray, found.idx)
        real = i < len(positions)
        return i[real], j[real], np.asarray(found.shifts)[real]

    return search


SEARCHES: dict[str, Callable] = {"vesin": by_vesin, "jax-md": by_jax_md}
