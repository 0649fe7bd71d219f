"""Structures of similar size together, so that they are computed side by side.

A cluster's lists have the room that its largest member needs: padding costs time as
real entries do, and each cluster costs a compilation.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from ase_reaxff_jax import capacity

GAIN = 0.15  # of the cost, which a further cluster must save
WORTH = 2e7  # ns: and so much, or its compilation takes longer than it ever saves
# Rough time of an entry of each list, ns; of atoms, that of their charges besides.
COST = dict(pairs=10, close=5, bonds=200, angles=200, torsions=300, acceptors=50)
COST_OF_ATOM = 500


def cost(size: dict[str, Any]) -> Any:
    """Rough time that a structure with lists of these sizes takes, ns; or many."""
    atoms = size["atoms"]
    lists = dict(
        size,
        pairs=atoms * size["width"],
        acceptors=size["hydrogen_bonds"] * size["acceptors"],
    )
    solving = 0.1 * atoms**3
    return COST_OF_ATOM * atoms + solving + sum(COST[n] * lists[n] for n in COST)


def room(name: str, needed: int) -> int:
    """Room for one list of a cluster, with some to spare: to grow is to compile anew.

    Less than elsewhere, for these programs run hundreds of times with lists that
    hardly change.
    """
    if name in ("width", "acceptors"):
        return capacity.fitting(name, needed)
    return capacity.bucket(needed + needed // 4 + 8, parts=4, smallest=8)


def together(sizes: Sequence[dict[str, int]]) -> dict[str, int]:
    """The room that each of several structures fits in."""
    return {name: max(size[name] for size in sizes) for name in sizes[0]}


def partition(
    sizes: Sequence[dict[str, int]],
    *,
    most: int,
    passes: Float[np.ndarray, " structures"],
) -> list[list[int]]:
    """Structures in clusters, at most so many, no more than pay.

    Each takes structures that follow each other in the order of their costs; where one
    cluster ends and the next begins is chosen such that padding costs least.

    Args:
        sizes: Number of atoms and length of each list of every structure.
        most: Number of clusters.
        passes: How often each structure is computed, relative to the others.

    Returns:
        The members of each cluster, the largest members first.
    """
    order = np.argsort([cost(size) for size in sizes], kind="stable")
    prices = _prices([sizes[k] for k in order], passes[order])
    # Least price of the first structures in so many clusters, and where the last began.
    least, began = prices[:1], [np.zeros(len(sizes), int)]
    while len(began) < min(most, len(sizes)):
        before = np.concatenate([[np.inf], least[-1][:-1]])
        choices = before[:, None] + prices
        found = choices.min(axis=0)
        saved = least[-1][-1] - found[-1]
        if saved < max(GAIN * least[-1][-1], WORTH):
            break
        least = np.concatenate([least, found[None]])
        began.append(choices.argmin(axis=0))
    end, parts = len(sizes), []
    for begin in reversed(began):
        first = int(begin[end - 1])
        parts.append(sorted(order[first:end].tolist()))
        end = first
    return parts


def _prices(
    sizes: Sequence[dict[str, int]], passes: Float[np.ndarray, " structures"]
) -> Float[np.ndarray, "first last"]:
    """Padded cost of the structures from each to each, infinite backwards."""
    names, count = list(sizes[0]), len(sizes)
    table = np.array([[size[name] for name in names] for size in sizes])
    prices = np.full((count, count), np.inf)
    for first in range(count):
        room = np.maximum.accumulate(table[first:], axis=0)
        each = cost(dict(zip(names, room.T, strict=True)))
        prices[first, first:] = each * np.cumsum(passes[first:])
    return prices
