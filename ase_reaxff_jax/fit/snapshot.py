"""What an evaluation depends on beside the parameters, to be kept and taken up again.

Minimisations start from geometries that were reached before, and sums run in the order
of interaction lists that were made for another geometry or other parameters: both show
in the last digits of a loss.
"""

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from ase_reaxff_jax.fit.objective import Objective
from ase_reaxff_jax.fit.sample import Cluster, Sample
from ase_reaxff_jax.md.errors import CheckpointError
from ase_reaxff_jax.system import System

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Geometry:
    """Where all structures are, and what their minimisations have learnt there."""

    systems: tuple[System, ...]
    learnt: dict[int, dict[str, Any]]


def geometry_of(sample: Sample) -> Geometry:
    """Where the structures of a sample are now."""
    return Geometry(tuple(sample.systems), dict(sample.learnt))


def go_to(sample: Sample, geometry: Geometry) -> Geometry:
    """Puts the structures there; returns the same geometry as the sample has it."""
    for k, (now, there) in enumerate(
        zip(sample.systems, geometry.systems, strict=True)
    ):
        if now is not there:
            sample.move(k, there.positions[: sample.counts[k]], there.cell)
    sample.learnt.clear()
    sample.learnt.update(geometry.learnt)
    return geometry_of(sample)


def saved(objective: Objective, geometry: Geometry | None) -> tuple[Arrays, dict]:
    """Lists, and a geometry where one is to be kept, as arrays and plain data."""
    arrays: Arrays = {}
    for n, cluster in enumerate(objective.sample.clusters):
        leaves = jax.tree.leaves(cluster.lists)
        arrays |= {f"lists {n} {k}": np.asarray(x) for k, x in enumerate(leaves)}
    if geometry is not None:
        for k, system in enumerate(geometry.systems):
            count = objective.sample.counts[k]
            arrays[f"positions {k}"] = np.asarray(system.positions)[:count]
            arrays[f"cell {k}"] = np.asarray(system.cell)
        for k, memory in geometry.learnt.items():
            arrays |= {f"learnt {k} {n}": np.asarray(x) for n, x in memory.items()}
    relaxation = objective.relaxation
    plain = {
        "rooms": [cluster.room for cluster in objective.sample.clusters],
        "rooms of relaxation": relaxation.rooms if relaxation else [],
        "renewals": objective.sample.renewals,
        "learnt": sorted(geometry.learnt) if geometry else [],
    }
    return arrays, plain


def restored(objective: Objective, arrays: Arrays, plain: dict) -> Geometry | None:
    """Gives an objective the lists of `saved`; the geometry, if one was kept.

    Raises:
        CheckpointError: they are those of another objective.
    """
    sample, relaxation = objective.sample, objective.relaxation
    for n, (cluster, room) in enumerate(
        zip(sample.clusters, plain["rooms"], strict=True)
    ):
        _restore_lists(cluster, room, arrays, n)
    for room, old in zip(
        relaxation.rooms if relaxation else [], plain["rooms of relaxation"],
        strict=True,
    ):  # fmt: skip
        room.clear()
        room.update(old)
    sample.renewals = plain["renewals"]
    if "positions 0" not in arrays:
        return None
    for k in range(len(sample.systems)):
        sample.move(k, arrays[f"positions {k}"], arrays[f"cell {k}"])
    sample.learnt.clear()
    for k in plain["learnt"]:
        start = f"learnt {k} "
        sample.learnt[k] = {name.removeprefix(start): x for name, x in arrays.items()
                            if name.startswith(start)}  # fmt: skip
    return geometry_of(sample)


def _restore_lists(cluster: Cluster, room: dict, arrays: Arrays, n: int) -> None:
    leaves, form = jax.tree.flatten(cluster.lists)
    found = [arrays.get(f"lists {n} {k}") for k in range(len(leaves))]
    for old, new in zip(leaves, found, strict=True):
        if new is None or new.ndim != np.ndim(old):
            raise CheckpointError("the interaction lists are those of another fit")
    found = [new if isinstance(old, np.ndarray) else type(old)(new)
             for old, new in zip(leaves, found, strict=True)]  # fmt: skip
    cluster.lists = jax.tree.unflatten(form, found)
    cluster.room, cluster.stack = dict(room), None
