"""What the movement of minimised atoms adds to derivatives by parameters."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.sparse

from ase_reaxff_jax.fit import response
from ase_reaxff_jax.fit.coordinates import curvature_of_lengths, free_coordinates
from ase_reaxff_jax.fit.hessians import hessians
from ase_reaxff_jax.fit.layout import Layout
from ase_reaxff_jax.fit.observables import Weights
from ase_reaxff_jax.fit.pullback import Need, Pulled
from ase_reaxff_jax.fit.sample import Sample

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
        pulled: Sequence[Mapping[int, Pulled]],
    ) -> list[Need]:
        """Sums whose derivatives by parameters are those that movement causes.

        Args:
            outcome: Of the objective.
            rows: Derivatives of items by the vector of observables.
            pulled: Derivatives of the sums of forces, charges and the like that the
                rows contain, by structure.
        """
        if outcome.relaxed is None or not outcome.relaxed.converged.any():
            return []
        columns = rows.tocsc()
        sides: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        for k in np.flatnonzero(outcome.relaxed.converged).tolist():
            own = [part[k] for part in pulled if k in part]
            side = self._side(k, outcome, columns, own)
            if side is not None:
                sides[k] = side
        curvatures = self._curvatures(outcome, list(sides))
        return [
            self._need(k, items, side, curvatures[k])
            for k, (items, side) in sides.items()
        ]

    def _side(self, k: int, outcome, columns, pulled: Sequence[Pulled]):
        """Items of a structure, and their derivatives by its coordinates."""
        held = bool(self.sample.structures[k].restraints)
        names = [*OF_PLACES, *(["energy"] if held else [])]
        parts = {name: columns[:, self.layout.part(name, k)] for name in names}
        used = [part.indices for part in parts.values() if part.nnz]
        used += [sums.items for sums in pulled]
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
        by_position = by_position.copy()
        for sums in pulled:
            place = np.searchsorted(items, sums.items)
            by_position[place] += sums.by_position
            by_strain[place] += sums.by_strain
        flat = (x.reshape(len(items), -1) for x in (by_position, by_strain))
        return items, np.concatenate(list(flat), axis=1)

    def _curvatures(self, outcome, wanted: list[int]) -> dict[int, np.ndarray]:
        """Second derivatives of each structure, with its restraints, kcal/mol."""
        known = {k: one.hessian for k, one in outcome.vibrations.items()}
        others = [k for k in wanted if k not in known]
        found = known | hessians(self.sample, outcome.force_field, others)
        return {k: self._with_all(k, outcome, found[k]) for k in wanted}

    def _with_all(self, k: int, outcome, curvature) -> np.ndarray:
        """Second derivatives of the energy, and of what else decides on the minimum."""
        structure, system = self.sample.structures[k], self.sample.systems[k]
        by_strain, total = outcome.measured[k].of.strain_gradient, curvature.copy()
        if structure.restraints:
            positions = np.asarray(system.positions)
            first, second = response.of_restraints(structure, positions)
            by_strain, total = by_strain + first, total + second
        if structure.relax_cell and structure.cell_freedom != "all":
            total[-9:, -9:] += curvature_of_lengths(structure, system.cell, by_strain)
        return total

    def _need(self, k: int, items, side, curvature) -> Need:
        """The sum  - l . d(energy)/d(coordinates)  of each item."""
        structure, count = self.sample.structures[k], self.layout.counts[k]
        system = self.sample.systems[k]
        positions = np.asarray(system.positions)[:count]
        free = free_coordinates(structure, positions, np.asarray(system.cell))
        l = response.multipliers(curvature, side, free)
        sums = len(items)
        return Need(k, items, Weights(
            forces=l[:, : 3 * count].reshape(sums, count, 3),
            charges=np.zeros((sums, count)),
            strain_gradient=-l[:, 3 * count :].reshape(sums, 3, 3),
        ))  # fmt: skip
