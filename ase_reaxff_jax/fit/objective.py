"""The loss of a training set as a function of the fitted parameters.

A structure that is minimised is minimised for every set of parameters, from where the
data has it; derivatives follow its atoms (see `response`).
"""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import scipy.sparse
from jaxtyping import Float

from ase_reaxff_jax.fit.items import FrequencyItem
from ase_reaxff_jax.fit.layout import Layout
from ase_reaxff_jax.fit.losses import Loss
from ase_reaxff_jax.fit.movement import Response
from ase_reaxff_jax.fit.observables import Measured
from ase_reaxff_jax.fit.predictions import Predictions
from ase_reaxff_jax.fit.pullback import Pullback
from ase_reaxff_jax.fit.relaxed import Relaxation, Relaxed
from ase_reaxff_jax.fit.sample import Sample
from ase_reaxff_jax.fit.selection import Selection
from ase_reaxff_jax.fit.training_set import TrainingSet
from ase_reaxff_jax.fit.vibrations import Vibration, Vibrations
from ase_reaxff_jax.forcefield import ForceField


@dataclass(frozen=True)
class Outcome:
    """All items at one set of parameters."""

    force_field: ForceField
    measured: list[Measured]  # of each structure
    values: Float[np.ndarray, " items"]
    by_observables: scipy.sparse.csr_array  # (items, vector of the layout)
    unusable: tuple[str, ...]  # structures without a finite energy
    relaxed: Relaxed | None  # None where nothing was minimised
    vibrations: dict[int, Vibration]  # by structure, where frequencies are asked for


class Objective:
    """Values, loss and derivatives of a training set.

    Args:
        force_field: The start; numbers that are not fitted stay as they are.
        data: Structures and items.
        selection: The fitted parameters.
        loss: Of the items.
        minimize: Whether structures that ask for it are minimised.
        most_clusters: At most so many clusters of structures.
    """

    def __init__(
        self,
        force_field: ForceField,
        data: TrainingSet,
        selection: Selection,
        loss: Loss,
        *,
        minimize: bool = True,
        most_clusters: int = 4,
    ):
        used = {name for item in data.items for name in item.structures}
        structures = [s for name, s in data.structures.items() if name in used]
        self.data, self.selection, self.loss = data, selection, loss
        counts = [len(structure.atoms) for structure in structures]
        self.layout = Layout(counts, _modes(structures, data))
        self.predictions = Predictions(structures, data.items, self.layout)
        self.sample = Sample(
            structures, force_field, most_clusters=most_clusters,
            passes=_passes(structures, data),
        )  # fmt: skip
        self.pullback = Pullback(self.sample, self.layout, selection)
        self.vibrations = Vibrations(self.sample, self.layout, selection)
        self.response = Response(self.sample, self.layout)
        moving = minimize and any(structure.minimize for structure in structures)
        self.relaxation = Relaxation(self.sample) if moving else None

    def outcome(
        self, force_field: ForceField, *, slopes: bool = False, minimize: bool = True
    ) -> Outcome:
        """All items for a force field.

        Args:
            force_field: Numbers of all parameters.
            slopes: Whether derivatives of energies are prepared.
            minimize: Whether structures that are to be minimised are; else all stay
                where the data has them.
        """
        relaxed = None
        if self.relaxation and minimize:
            relaxed = self.relaxation(force_field)
        else:
            self.sample.put_back()
        measured = self.sample.measure(force_field, slopes=slopes)
        vibrations = self.vibrations(force_field)
        fields = []
        for k, one in enumerate(measured):
            system, count = self.sample.systems[k], self.layout.counts[k]
            fields.append({
                **{name: getattr(one.of, name) for name in
                   ("energy", "forces", "charges", "strain_gradient")},
                "positions": system.positions[:count],
                "cell": system.cell,
                "curvatures": vibrations[k].curvatures if k in vibrations else (),
            })  # fmt: skip
        bad = [s.name for s, one in zip(self.sample.structures, measured, strict=True)
               if not one.usable]  # fmt: skip
        with np.errstate(invalid="ignore"):
            values, rows = self.predictions(self.layout.vector(fields), force_field)
        return Outcome(
            force_field, measured, values, rows, tuple(bad), relaxed, vibrations
        )

    def gradient(self, outcome: Outcome) -> Float[np.ndarray, " parameters"]:
        """Derivatives of the loss by the parameters."""
        row = scipy.sparse.csr_array(self.loss.slopes(outcome.values)[None])
        return self._by_parameters(outcome, row)[0]

    def jacobian(self, outcome: Outcome) -> Float[np.ndarray, "items parameters"]:
        """Derivatives of all values by the parameters."""
        return self._by_parameters(
            outcome, scipy.sparse.eye_array(len(outcome.values), format="csr")
        )

    def _by_parameters(
        self, outcome: Outcome, combined: scipy.sparse.csr_array
    ) -> Float[np.ndarray, "sums parameters"]:
        """Derivatives of sums of items."""
        rows = (combined @ outcome.by_observables).tocsr()
        places = self.layout.start("energy", np.arange(len(self.layout.counts)))
        slopes = np.stack(
            [self.selection.gathered(cast(Any, one.slope)) for one in outcome.measured]
        )
        total = rows[:, places] @ slopes
        pulled = [
            self.pullback(outcome.force_field, self.pullback.needs(rows)),
            self.vibrations.pulled(outcome.force_field, outcome.vibrations, rows),
        ]
        movements = self.response(outcome, rows, pulled)
        pulled.append(self.pullback(outcome.force_field, movements))
        for part in pulled:
            for sums in part.values():
                np.add.at(total, sums.items, sums.by_parameter)
        return total + combined @ self.predictions.direct(self.selection)


def _modes(structures, data: TrainingSet) -> list[list[int]]:
    """The vibrations of each structure that items ask for."""
    found: dict[str, set[int]] = {structure.name: set() for structure in structures}
    for item in data.items:
        if isinstance(item, FrequencyItem):
            found[item.structure].add(item.mode)
    return [sorted(found[structure.name]) for structure in structures]


def _passes(structures, data: TrainingSet) -> Float[np.ndarray, " structures"]:
    """How often each structure is computed for values and derivatives of all items."""
    number = {structure.name: k for k, structure in enumerate(structures)}
    asked = [bool(modes) for modes in _modes(structures, data)]
    sizes = np.array([len(structure.atoms) for structure in structures])
    passes = 1.0 + 3.0 * sizes * asked  # second derivatives need one a coordinate
    for item in data.items:
        if item.kind not in ("energy", "heat"):  # whose derivatives come with them
            for name in item.structures:
                passes[number[name]] += 1.0
    return passes
