"""From derivatives by observables to derivatives by parameters.

Of energies these are known from their evaluation. Of forces, charges and the like they
are found for just those sums that items need: with weights w of the observables of a
structure, d(w . observables)/d(number) is one more pass over it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np
import scipy.sparse
from jaxtyping import Float

from ase_reaxff_jax.engine import Engine
from ase_reaxff_jax.fit.layout import Layout
from ase_reaxff_jax.fit.observables import Observables, pulled_back
from ase_reaxff_jax.fit.sample import SETTINGS, Cluster, Sample, power_of_two
from ase_reaxff_jax.fit.selection import Selection
from ase_reaxff_jax.forcefield import ForceField
from ase_reaxff_jax.precision import scope

BY_STRUCTURE = ("forces", "charges", "strain_gradient")


class Need(NamedTuple):
    """What is asked of one structure: weighted sums of its observables."""

    structure: int
    items: np.ndarray  # rows that the sums belong to
    weights: Observables  # with a leading axis, one entry a sum


class Pulled(NamedTuple):
    """Derivatives of the sums of one structure."""

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

    def needs(self, rows: scipy.sparse.csr_array) -> list[Need]:
        """The sums that rows need of each structure, beside its energy.

        Args:
            rows: Derivatives of items by the vector of observables.
        """
        columns = rows.tocsc()
        needs = []
        for k in range(len(self.layout.counts)):
            parts = {n: columns[:, self.layout.part(n, k)] for n in BY_STRUCTURE}
            used = [part.indices for part in parts.values() if part.nnz]
            if used:
                items = np.unique(np.concatenate(used))
                dense = {n: part.tocsr()[items].toarray() for n, part in parts.items()}
                needs.append(Need(k, items, self._weights(k, len(items), dense)))
        return needs

    def _weights(self, k: int, sums: int, dense: dict[str, np.ndarray]) -> Observables:
        count = self.layout.counts[k]
        return Observables(
            energy=np.zeros(sums),
            forces=dense["forces"].reshape(sums, count, 3),
            charges=dense["charges"],
            strain_gradient=dense["strain_gradient"].reshape(sums, 3, 3),
        )

    def __call__(
        self, force_field: ForceField, needs: Sequence[Need]
    ) -> dict[int, Pulled]:
        """Derivatives of the sums, by structure."""
        engine = Engine(force_field, SETTINGS)
        wanted = {need.structure: need for need in needs}
        found: dict[int, Pulled] = {}
        for cluster in self.sample.clusters:
            members = [k for k in cluster.members if k in wanted]
            if members:
                part = [wanted[k] for k in members]
                with scope("float64"):
                    found |= self._of_cluster(engine, cluster, part)
        return found

    def _of_cluster(
        self, engine: Engine, cluster: Cluster, needs: list[Need]
    ) -> dict[int, Pulled]:
        """Those of some members, as many sums at a time as there are members.

        So that gradients and Jacobians take the same program.
        """
        size = power_of_two(len(needs))
        charges = any(need.weights.charges.any() for need in needs)
        sums = [(need, n) for need in needs for n in range(len(need.items))]
        found: list[list[tuple]] = [[] for _ in needs]
        number = {need.structure: k for k, need in enumerate(needs)}
        for first in range(0, len(sums), size):
            part = sums[first : first + size]
            weights = [_of_sum(need.weights, n, cluster.atoms) for need, n in part]
            spare = [jax.tree.map(np.zeros_like, weights[0])] * (size - len(part))
            slopes, *places = jax.device_get(pulled_back(
                engine.force_field,
                self.sample.some(cluster, [need.structure for need, _ in part], size),
                jax.tree.map(lambda *x: np.stack(x), *weights, *spare),
                options=self.sample.options(cluster, engine), charges=charges,
            ))  # fmt: skip
            results = self.selection.gathered(slopes), *places
            for k, (need, _) in enumerate(part):
                found[number[need.structure]].append(tuple(x[k] for x in results))
        pulled = {}
        for need, own in zip(needs, found, strict=True):
            by_parameter, by_position, by_strain = map(np.stack, zip(*own, strict=True))
            count = self.layout.counts[need.structure]
            pulled[need.structure] = Pulled(
                by_parameter, by_position[:, :count], by_strain
            )
        return pulled


def _of_sum(weights: Observables, n: int, atoms: int) -> Observables:
    """The weights of one sum, padded to the atoms of a cluster."""

    def padded(x):
        return np.pad(x[n], [(0, atoms - len(x[n])), *[(0, 0)] * (x[n].ndim - 1)])

    return Observables(
        energy=np.asarray(weights.energy[n]),
        forces=padded(weights.forces),
        charges=padded(weights.charges),
        strain_gradient=weights.strain_gradient[n],
    )
