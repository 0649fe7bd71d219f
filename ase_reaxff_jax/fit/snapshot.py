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
        # Their rooms are the same: stacked they are tens of arrays, not thousands.
        leaves = zip(*map(jax.tree.leaves, cluster.lists), strict=True)
        arrays |= {f"lists {n} {k}": np.stack(x) for k, x in enumerate(leaves)}
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
    leaves, form = jax.tree.flatten(cluster.lists[0])
    missing = np.zeros(0)
    found = [arrays.get(f"lists {n} {k}", missing) for k in range(len(leaves))]
    for old, new in zip(leaves, found, strict=True):
        if new.ndim != np.ndim(old) + 1 or len(new) != len(cluster.lists):
            raise CheckpointError("the interaction lists are those of another fit")
    cluster.lists = [
        jax.tree.unflatten(form, [_like(old, new[k]) for old, new in
                                  zip(leaves, found, strict=True)])
        for k in range(len(cluster.lists))
    ]  # fmt: skip
    cluster.stack = None


def _like(old, new):
    """An entry of a stack, of the type that it had."""
    return np.array(new) if isinstance(old, np.ndarray) else type(old)(new)
