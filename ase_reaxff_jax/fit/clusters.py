"""Structures of similar size together, so that they are computed side by side.

A cluster's lists have the room that its largest member needs: padding costs time as
real entries do, and each cluster costs a compilation.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy.cluster.hierarchy import fcluster, linkage

GAIN = 0.15  # of the cost, which a further cluster must save
WORTH = 2e7  # ns: and so much, or its compilation takes longer than it ever saves
# Rough time of an entry of each list, ns; of atoms, that of their charges besides.
COST = dict(pairs=10, close=5, bonds=200, angles=200, torsions=300, acceptors=50)
COST_OF_ATOM = 500


def cost(size: dict[str, int]) -> float:
    """Rough time that a structure with lists of these sizes takes, ns."""
    atoms = size["atoms"]
    lists = dict(
        size,
        pairs=atoms * size["width"],
        acceptors=size["hydrogen_bonds"] * size["acceptors"],
    )
    solving = 0.1 * atoms**3
    return COST_OF_ATOM * atoms + solving + sum(COST[n] * lists[n] for n in COST)


def together(sizes: Sequence[dict[str, int]]) -> dict[str, int]:
    """The room that each of several structures fits in."""
    return {name: max(size[name] for size in sizes) for name in sizes[0]}


def partition(sizes: Sequence[dict[str, int]], *, most: int) -> list[list[int]]:
    """Structures in clusters, at most so many, no more than pay.

    Args:
        sizes: Number of atoms and length of each list of every structure.
        most: Number of clusters.

    Returns:
        The members of each cluster, the largest members first.
    """
    everything = [list(range(len(sizes)))]
    if len(sizes) < 2:
        return everything
    tree = linkage(_features(sizes), method="ward")
    best, least = everything, padded_cost(sizes, everything)
    for count in range(2, most + 1):
        labels = fcluster(tree, count, criterion="maxclust")
        found = [np.flatnonzero(labels == k).tolist() for k in np.unique(labels)]
        price = padded_cost(sizes, found)
        if price < (1.0 - GAIN) * least and price < least - WORTH:
            best, least = found, price
    return sorted(best, key=lambda c: -cost(together([sizes[k] for k in c])))


def padded_cost(
    sizes: Sequence[dict[str, int]], clusters: Sequence[Sequence[int]]
) -> float:
    """Rough time of all structures when each takes that of its cluster's room, ns."""
    return sum(len(c) * cost(together([sizes[k] for k in c])) for c in clusters)


def _features(sizes: Sequence[dict[str, int]]) -> Float[np.ndarray, "structures n"]:
    """Logarithms of the parts of the cost: what differs by a factor is unlike."""
    table = np.array([[size[name] for name in sizes[0]] for size in sizes], float)
    total = np.array([cost(size) for size in sizes])
    return np.column_stack([np.log1p(table), 4.0 * np.log(total)])
