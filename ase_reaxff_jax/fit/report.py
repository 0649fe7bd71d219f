"""What a force field predicts for a training set, item by item."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ase_reaxff_jax.fit.objective import Objective, Outcome


@dataclass(frozen=True, kw_only=True)
class ItemResult:
    """One item: what it should be, what it is, and what that costs."""

    name: str
    kind: str
    unit: str
    reference: float
    value: float
    sigma: float
    contribution: float  # to the loss


@dataclass(frozen=True, kw_only=True)
class Report:
    """A force field's predictions for a training set."""

    loss: float
    items: tuple[ItemResult, ...]  # in the order of the training set
    minimized: int  # structures that were to be minimised
    converged: int  # of them, those that no force moves any more
    failed: dict[str, str]  # structures that could not be, and why
    saddles: tuple[str, ...]  # structures whose energy is no minimum of the charges
    padding: float  # share of the work that is padding of the clusters

    def by_kind(self) -> dict[str, float]:
        """The loss of each kind of items."""
        found: dict[str, float] = {}
        for item in self.items:
            found[item.kind] = found.get(item.kind, 0.0) + item.contribution
        return found

    def largest(self, count: int = 10) -> list[ItemResult]:
        """The items that cost most."""
        return sorted(self.items, key=lambda item: -item.contribution)[:count]


def report_of(objective: Objective, outcome: Outcome) -> Report:
    """The report of an outcome."""
    parts = objective.loss.contributions(outcome.values)
    structures = objective.sample.structures
    asked = [s.minimize for s in structures] if outcome.relaxed else []
    converged = outcome.relaxed.converged if outcome.relaxed else np.zeros(0, bool)
    failed = outcome.relaxed.failed if outcome.relaxed else {}
    return Report(
        loss=float(parts.sum()),
        items=_items(objective, outcome.values, parts),
        minimized=sum(asked),
        converged=int(converged.sum()),
        failed={structures[k].name: why for k, why in failed.items()},
        saddles=_saddles(objective, outcome),
        padding=float(objective.sample.waste),
    )


def _saddles(objective: Objective, outcome: Outcome) -> tuple[str, ...]:
    """Names of structures with charges that no minimum of the energy gives."""
    minimal = objective.sample.charges_are_minimal(outcome.force_field)
    return tuple(
        structure.name
        for structure, one, good in zip(
            objective.sample.structures, outcome.measured, minimal, strict=True
        )
        if one.of.charges.any() and not good
    )


def _items(
    objective: Objective,
    values: Float[np.ndarray, " items"],
    parts: Float[np.ndarray, " items"],
) -> tuple[ItemResult, ...]:
    return tuple(
        ItemResult(
            name=item.name,
            kind=item.kind,
            unit=item.unit,
            reference=item.reference,
            value=float(value),
            sigma=item.sigma,
            contribution=float(part),
        )
        for item, value, part in zip(objective.data.items, values, parts, strict=True)
    )
