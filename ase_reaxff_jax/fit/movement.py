"""What the movement of minimised atoms adds to derivatives by parameters."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.sparse
from jaxtyping import Float

from ase_reaxff_jax.engine import Engine
from ase_reaxff_jax.fit import response
from ase_reaxff_jax.fit.layout import Layout
from ase_reaxff_jax.fit.observables import Observables
from ase_reaxff_jax.fit.pullback import Need, Pulled
from ase_reaxff_jax.fit.sample import SETTINGS, Sample, power_of_two
from ase_reaxff_jax.precision import scope

OF_PLACES = ("positions", "cell")


class Response:
    """Sums of observables that stand for the movement of atoms.

    Structures that are not minimised, or not to convergence, count as fixed.

    Args:
        sample: The structures.
        layout: Of their observables.
    """

    def __init__(self, sample: Sample, layout: Layout):
        self.sample, self.layout = sample, layout

    def __call__(
        self,
        outcome: Any,
        rows: scipy.sparse.csr_array,
        needs: Sequence[Need],
        pulled: Mapping[int, Pulled],
    ) -> list[Need]:
        """Sums whose derivatives by parameters are those that movement causes.

        Args:
            outcome: Of the objective.
            rows: Derivatives of items by the vector of observables.
            needs: Sums of forces and charges that the rows contain.
            pulled: Their derivatives.
        """
        if outcome.relaxed is None or not outcome.relaxed.converged.any():
            return []
        columns, known = rows.tocsc(), {need.structure: need for need in needs}
        sides: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        for k in np.flatnonzero(outcome.relaxed.converged).tolist():
            side = self._side(k, outcome, columns, known.get(k), pulled.get(k))
            if side is not None:
                sides[k] = side
        curvatures = self._curvatures(outcome, list(sides))
        return [
            self._need(k, items, side, curvatures[k])
            for k, (items, side) in sides.items()
        ]

    def _side(self, k: int, outcome, columns, need: Need | None, pulled):
        """Items of a structure, and their derivatives by its coordinates."""
        held = bool(self.sample.structures[k].restraints)
        names = [*OF_PLACES, *(["energy"] if held else [])]
        parts = {name: columns[:, self.layout.part(name, k)] for name in names}
        used = [part.indices for part in parts.values() if part.nnz]
        used += [need.items] if need is not None else []
        if not used:
            return None
        items = np.unique(np.concatenate(used))
        dense = {n: part.tocsr()[items].toarray() for n, part in parts.items()}
        count, system = self.layout.counts[k], self.sample.systems[k]
        by_position = dense["positions"].reshape(-1, count, 3)
        by_cell = dense["cell"].reshape(-1, 3, 3)
        by_strain = np.einsum("ia,sib->sab", system.positions[:count], by_position)
        by_strain += np.einsum("ka,skb->sab", system.cell, by_cell)
        if held:
            of = outcome.measured[k].of
            by_position = by_position - dense["energy"][:, :, None] * of.forces
            by_strain += dense["energy"][:, :, None] * of.strain_gradient
        if need is not None:
            place = np.searchsorted(items, need.items)
            by_position, by_strain = by_position.copy(), by_strain.copy()
            by_position[place] += pulled.by_position
            by_strain[place] += pulled.by_strain
        sums = len(items)
        flat = by_position.reshape(sums, -1), by_strain.reshape(sums, -1)
        return items, np.concatenate(flat, axis=1)

    def _curvatures(self, outcome, wanted: list[int]) -> dict[int, np.ndarray]:
        """Second derivatives of each structure, without padding, kcal/mol."""
        engine = Engine(outcome.force_field, SETTINGS)
        found = {}
        for cluster in self.sample.clusters:
            members = [k for k in cluster.members if k in set(wanted)]
            if not members:
                continue
            with scope("float64"):
                size = power_of_two(len(members))
                cases = self.sample.some(cluster, members, size)
                matrices = np.asarray(response.second_derivatives(
                    engine.force_field, cases,
                    options=self.sample.options(cluster, engine),
                ))  # fmt: skip
                for n, k in enumerate(members):
                    found[k] = self._curvature(k, matrices[n], cluster.atoms)
        return found

    def _curvature(self, k: int, matrix, atoms: int) -> Float[np.ndarray, "n n"]:
        count, structure = self.layout.counts[k], self.sample.structures[k]
        kept = np.r_[: 3 * count, 3 * atoms : 3 * atoms + 9]
        positions = np.asarray(self.sample.systems[k].positions)
        own = matrix[np.ix_(kept, kept)]
        return response.with_restraints(own, structure, positions)

    def _need(self, k: int, items, side, curvature) -> Need:
        """The sum  - l . d(energy)/d(coordinates)  of each item."""
        structure, count = self.sample.structures[k], self.layout.counts[k]
        positions = np.asarray(self.sample.systems[k].positions)[:count]
        free = response.free_coordinates(structure, positions)
        l = response.multipliers(curvature, side, free)
        sums = len(items)
        return Need(k, items, Observables(
            energy=np.zeros(sums),
            forces=l[:, : 3 * count].reshape(sums, count, 3),
            charges=np.zeros((sums, count)),
            strain_gradient=-l[:, 3 * count :].reshape(sums, 3, 3),
        ))  # fmt: skip
