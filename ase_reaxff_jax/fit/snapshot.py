"""What an evaluation depends on beside the parameters, to be kept and taken up again.

Sums run in the order of interaction lists that were made for another geometry or other
parameters, which shows in the last digits of a loss.
"""

import jax
import numpy as np

from ase_reaxff_jax.fit.objective import Objective
from ase_reaxff_jax.fit.sample import Cluster
from ase_reaxff_jax.md.errors import CheckpointError

Arrays = dict[str, np.ndarray]


def saved(objective: Objective) -> tuple[Arrays, dict]:
    """The lists of an objective, as arrays and plain data."""
    arrays: Arrays = {}
    for n, cluster in enumerate(objective.sample.clusters):
        leaves = jax.tree.leaves(cluster.lists)
        arrays |= {f"lists {n} {k}": np.asarray(x) for k, x in enumerate(leaves)}
    relaxation = objective.relaxation
    plain = {
        "rooms": [[c.rooms, c.now] for c in objective.sample.clusters],
        "rooms of relaxation": relaxation.rooms if relaxation else [],
    }
    return arrays, plain


def restore(objective: Objective, arrays: Arrays, plain: dict) -> None:
    """Gives an objective the lists of `saved`.

    Raises:
        CheckpointError: they are those of another objective.
    """
    sample, relaxation = objective.sample, objective.relaxation
    for n, (cluster, (rooms, now)) in enumerate(
        zip(sample.clusters, plain["rooms"], strict=True)
    ):
        _restore_lists(cluster, arrays, n)
        cluster.rooms, cluster.now = [dict(room) for room in rooms], int(now)
    for room, old in zip(
        relaxation.rooms if relaxation else [], plain["rooms of relaxation"],
        strict=True,
    ):  # fmt: skip
        room.clear()
        room.update(old)


def _restore_lists(cluster: Cluster, arrays: Arrays, n: int) -> None:
    leaves, form = jax.tree.flatten(cluster.lists)
    found = [arrays.get(f"lists {n} {k}") for k in range(len(leaves))]
    for old, new in zip(leaves, found, strict=True):
        if new is None or new.ndim != np.ndim(old):
            raise CheckpointError("the interaction lists are those of another fit")
    found = [new if isinstance(old, np.ndarray) else type(old)(new)
             for old, new in zip(leaves, found, strict=True)]  # fmt: skip
    cluster.lists = jax.tree.unflatten(form, found)
    cluster.stack = None
