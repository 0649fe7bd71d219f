"""From derivatives by observables to derivatives by parameters.

Of energies these are known from their evaluation. Of forces, charges and the like they
are found for just those sums that items need: with weights w of the observables of a
structure, d(w . observables)/d(number) is one more pass over it, of which several share
what does not depend on the weights.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np
import scipy.sparse
from jaxtyping import Float

from ase_reaxff_jax.engine import Engine
from ase_reaxff_jax.fit.layout import Layout
from ase_reaxff_jax.fit.observables import Weights, pulled_back
from ase_reaxff_jax.fit.sample import Cluster, Sample
from ase_reaxff_jax.fit.selection import Selection
from ase_reaxff_jax.forcefield import ForceField
from ase_reaxff_jax.precision import scope

BY_STRUCTURE = ("forces", "charges", "strain_gradient")
KEPT = 1e8  # bytes of weights, at most, that are not made anew for each evaluation
SUMS = 12  # of one structure that are found together
SIDE_BY_SIDE = 16  # structures on a device: more would not stay in a processor's cache


class Need(NamedTuple):
    """What is asked of one structure: weighted sums of its observables."""

    structure: int
    items: np.ndarray  # rows that the sums belong to
    weights: Weights  # with a leading axis, one entry a sum


class Pulled(NamedTuple):
    """Derivatives of the sums of one structure."""

    items: np.ndarray  # rows that the sums belong to
    by_parameter: Float[np.ndarray, "sums parameters"]
    by_position: Float[np.ndarray, "sums atoms 3"]
    by_strain: Float[np.ndarray, "sums 3 3"]


class Pullback:
    """Derivatives of items by parameters.

    Args:
        sample: The structures.
        layout: Of their observables.
        selection: The parameters.
    """

    def __init__(self, sample: Sample, layout: Layout, selection: Selection):
        self.sample, self.layout, self.selection = sample, layout, selection
        # Of the last rows, which at the geometries of the data are always the same.
        self._asked: tuple[scipy.sparse.csr_array, list[Need]] | None = None
        self._packed: list[_Call] = []

    def needs(self, rows: scipy.sparse.csr_array) -> list[Need]:
        """The sums that rows need of each structure, beside its energy.

        Args:
            rows: Derivatives of items by the vector of observables.
        """
        if self._asked is None or not _same(self._asked[0], rows):
            found = self._needs(rows.tocsc())
            weights = jax.tree.leaves([need.weights for need in found])
            if sum(x.nbytes for x in weights) > KEPT:
                return found
            self._asked, self._packed = (rows, found), self._calls(found)
        return self._asked[1]

    def _needs(self, columns: scipy.sparse.csc_array) -> list[Need]:
        needs = []
        for k in range(len(self.layout.counts)):
            parts = {n: columns[:, self.layout.part(n, k)] for n in BY_STRUCTURE}
            used = [part.indices for part in parts.values() if part.nnz]
            if used:
                items = np.unique(np.concatenate(used))
                dense = {n: part.tocsr()[items].toarray() for n, part in parts.items()}
                needs.append(Need(k, items, self._weights(k, len(items), dense)))
        return needs

    def _weights(self, k: int, sums: int, dense: dict[str, np.ndarray]) -> Weights:
        count = self.layout.counts[k]
        return Weights(
            forces=dense["forces"].reshape(sums, count, 3),
            charges=dense["charges"],
            strain_gradient=dense["strain_gradient"].reshape(sums, 3, 3),
        )

    def __call__(
        self, force_field: ForceField, needs: Sequence[Need]
    ) -> dict[int, Pulled]:
        """Derivatives of the sums, by structure."""
        engine = self.sample.engine(force_field)
        kept = self._asked is not None and needs is self._asked[1]
        calls = self._packed if kept else self._calls(needs)
        found: dict[int, list[tuple]] = {need.structure: [] for need in needs}
        for call in calls:
            answer = self._answer(engine, call)
            for k, structure in enumerate(call.structures):
                found[structure].append(tuple(x[k] for x in answer))
        return {need.structure: self._together(need, found) for need in needs}

    def _calls(self, needs: Sequence[Need]) -> list["_Call"]:
        return [
            call
            for cluster in self.sample.clusters
            for call in self._calls_of(cluster, needs)
        ]

    def _calls_of(self, cluster: Cluster, needs: Sequence[Need]) -> list["_Call"]:
        """What one cluster is asked: one sum of each for a gradient, else several."""
        own = [need for need in needs if need.structure in cluster.members]
        if not own:
            return []
        size = self.sample.room_for(len(own), SIDE_BY_SIDE)
        width = 1 if max(len(need.items) for need in own) == 1 else SUMS
        charges = any(need.weights.charges.any() for need in own)
        sums = [
            (need, slice(n, n + width))
            for need in own for n in range(0, len(need.items), width)
        ]  # fmt: skip
        calls = []
        for first in range(0, len(sums), size):
            some = sums[first : first + size]
            weights = [
                _of_sums(need.weights, part, width, cluster.atoms)
                for need, part in some
            ]
            weights += [jax.tree.map(np.zeros_like, weights[0])] * (size - len(some))
            together = jax.tree.map(lambda *x: np.stack(x), *weights)
            structures = [need.structure for need, _ in some]
            calls.append(_Call(cluster, structures, size, together, charges))
        return calls

    def _answer(self, engine: Engine, call: "_Call") -> tuple:
        cluster = call.cluster
        with scope("float64"):
            slopes, *places = jax.device_get(pulled_back(
                engine.force_field,
                self.sample.some(cluster, call.structures, call.size), call.weights,
                options=self.sample.options(cluster, engine), charges=call.charges,
                mesh=self.sample.mesh,
            ))  # fmt: skip
        return self.selection.gathered(slopes), *places

    def _together(self, need: Need, found: dict[int, list[tuple]]) -> Pulled:
        """The answers for one structure, without what was padded."""
        parts = zip(*found[need.structure], strict=True)
        by_parameter, by_position, by_strain = (
            np.concatenate(part)[: len(need.items)] for part in parts
        )
        count = self.layout.counts[need.structure]
        return Pulled(need.items, by_parameter, by_position[:, :count], by_strain)


class _Call(NamedTuple):
    """One call of the compiled program."""

    cluster: Cluster
    structures: list[int]  # which may repeat, for some sums each
    size: int  # of the call, with what only fills it up
    weights: Weights  # (size, sums, ...)
    charges: bool


def _same(one: scipy.sparse.csr_array, other: scipy.sparse.csr_array) -> bool:
    return one.shape == other.shape and all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("indptr", "indices", "data")
    )


def _of_sums(weights: Weights, some: slice, sums: int, atoms: int) -> Weights:
    """The weights of some sums, padded to so many and to the atoms of a cluster."""

    def padded(x, *room):
        x = x[some]
        room = sums, *room, *x.shape[1 + len(room) :]
        return np.pad(x, [(0, n - k) for n, k in zip(room, x.shape, strict=True)])

    return Weights(
        forces=padded(weights.forces, atoms),
        charges=padded(weights.charges, atoms),
        strain_gradient=padded(weights.strain_gradient),
    )
