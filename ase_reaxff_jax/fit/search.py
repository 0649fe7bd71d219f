"""The loss as optimisers see it: of parameters scaled to their bounds, never NaN."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from ase.calculators.calculator import CalculationFailed, SCFError
from jaxtyping import Float

from ase_reaxff_jax.fit.objective import Objective, Outcome

PENALTY = 1e3  # times the worst loss seen, for parameters that give none


class FitFailed(CalculationFailed):
    """No set of parameters had a loss."""


@dataclass(frozen=True)
class Step:
    """One evaluation of the loss."""

    trial: int
    evaluation: int  # over all trials, from 1
    loss: float  # NaN where there is none
    best: float  # so far


@dataclass(frozen=True)
class Best:
    """The best parameters so far."""

    x: Float[np.ndarray, " parameters"]
    loss: float
    trial: int


class Search:
    """Evaluations of an objective, counted, with the best one kept.

    The unit of each parameter is the width of its bounds.

    Args:
        objective: The loss.
        seen: Called after each evaluation, with whether it is the best so far.
    """

    def __init__(self, objective: Objective, seen: Callable[[Step, bool], None]):
        self.objective, self._seen = objective, seen
        selection = objective.selection
        self.low = selection.low
        self.width = selection.high - selection.low
        self.history: list[Step] = []
        self.best: Best | None = None
        self.failures: list[str] = []
        self.trial = 0
        self._last: tuple[bytes, Outcome | None] = (b"", None)

    def scaled(self, x) -> Float[np.ndarray, " parameters"]:
        """In units of the bounds, 0 to 1."""
        return (x - self.low) / self.width

    def parameters(self, u) -> Float[np.ndarray, " parameters"]:
        """In the units of the file, within the bounds."""
        return self.low + np.clip(u, 0.0, 1.0) * self.width

    def loss(self, u) -> float:
        """The loss; large where it cannot be had."""
        outcome = self._outcome(u)
        if outcome is None:
            return self._penalty()
        return self._loss_of(outcome)

    def loss_and_gradient(self, u) -> tuple[float, Float[np.ndarray, " parameters"]]:
        """The loss and its derivatives."""
        outcome = self._outcome(u)
        if outcome is None:
            return self._penalty(), np.zeros_like(self.width)
        gradient = self.objective.gradient(outcome) * self.width
        return self._loss_of(outcome), np.nan_to_num(gradient)

    def residuals(self, u) -> Float[np.ndarray, " items"]:
        """Numbers whose squares add up to the loss."""
        outcome, count = self._outcome(u), len(self.objective.data.items)
        if outcome is None:
            return np.full(count, np.sqrt(self._penalty() / count))
        return self.objective.loss.residuals(outcome.values)[0]

    def jacobian(self, u) -> Float[np.ndarray, "items parameters"]:
        """Derivatives of the residuals."""
        outcome = self._outcome(u)
        if outcome is None:
            return np.zeros((len(self.objective.data.items), len(self.width)))
        _, slopes = self.objective.loss.residuals(outcome.values)
        matrix = self.objective.jacobian(outcome) * self.width
        return np.nan_to_num(slopes[:, None] * matrix)

    def _loss_of(self, outcome: Outcome) -> float:
        return float(self.objective.loss.contributions(outcome.values).sum())

    def _penalty(self) -> float:
        finite = [step.loss for step in self.history if np.isfinite(step.loss)]
        return PENALTY * max(finite, default=1e6)

    def _outcome(self, u) -> Outcome | None:
        """All items at these parameters; those of the last call are remembered."""
        key = np.asarray(u, float).tobytes()
        if key == self._last[0]:
            return self._last[1]
        x = self.parameters(u)
        outcome: Outcome | None = None
        try:
            found = self.objective.outcome(
                self.objective.selection.force_field_at(x), slopes=True
            )
            loss = self._loss_of(found)
            if np.isfinite(loss):
                outcome = found
            else:
                self.failures.append(f"not finite: {', '.join(found.unusable[:5])}")
        except (CalculationFailed, SCFError) as error:
            loss = float("nan")
            self.failures.append(str(error))
        self._note(x, loss if outcome is not None else float("nan"))
        self._last = key, outcome
        return outcome

    def _note(self, x, loss: float) -> None:
        better = np.isfinite(loss) and (self.best is None or loss < self.best.loss)
        if better:
            self.best = Best(x, loss, self.trial)
        least = self.best.loss if self.best else float("nan")
        self.history.append(Step(self.trial, len(self.history) + 1, loss, least))
        self._seen(self.history[-1], bool(better))
