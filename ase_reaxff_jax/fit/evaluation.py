"""`evaluate`: a force field against a training set, item by item."""

from dataclasses import dataclass
from os import PathLike

import numpy as np
from jaxtyping import Float

from ase_reaxff_jax.bundled import load
from ase_reaxff_jax.fit.losses import Loss
from ase_reaxff_jax.fit.objective import Objective, Outcome
from ase_reaxff_jax.fit.selection import Selection
from ase_reaxff_jax.fit.training_set import TrainingSet
from ase_reaxff_jax.forcefield import ForceField


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


def evaluate(
    ffield: str | PathLike[str] | ForceField,
    data: TrainingSet,
    *,
    minimize: bool = True,
    loss: str = "squares",
    balanced: bool = False,
) -> Report:
    """The loss of a force field, and each item's part in it.

    Args:
        ffield: Name of a bundled set, path of an ffield file, or a `ForceField`.
        data: Structures and reference values.
        minimize: Whether structures that ask for it are minimised first; else all
            stay as they are.
        loss: "squares", ((value - reference) / sigma)^2 summed over items, as in the
            literature; "absolute" or "huber".
        balanced: Whether each kind of items has the same weight.

    Returns:
        Loss and items; an item that depends on a structure whose energy is not finite
        has the value NaN, and so has the loss.

    Raises:
        FitInputError: an item or structure asks for what cannot be done.
        InputError: an argument cannot be used, or an element has no parameters.
    """
    force_field = load(ffield)
    objective = Objective(
        force_field, data, Selection(force_field, ()), Loss(data.items, loss,
        balanced=balanced), minimize=minimize,
    )  # fmt: skip
    return report_of(objective, objective.outcome(force_field))


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
        padding=float(objective.sample.waste),
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
