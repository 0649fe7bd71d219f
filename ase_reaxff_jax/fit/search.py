"""The loss as optimisers see it: of parameters scaled to their bounds, never NaN."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from ase.calculators.calculator import CalculationFailed
from jaxtyping import Float

from ase_reaxff_jax.fit.evaluations import Answer, Evaluations

LOG = logging.getLogger("ase_reaxff_jax")
PENALTY = 1e3  # times the worst loss seen, for parameters that give none
DIFFERENCE = 1e-3  # of a range, where a derivative must be had from differences

Parameters = Float[np.ndarray, " parameters"]


class FitFailed(CalculationFailed):
    """No set of parameters had a loss."""


class TrialEnded(Exception):
    """The validation loss has not fallen for long enough."""


@dataclass(frozen=True)
class Step:
    """One evaluation of the loss."""

    trial: int
    evaluation: int  # over all trials, from 1
    loss: float  # NaN where there is none
    best: float  # so far
    validation: float = float("nan")  # loss of the validation data, where looked at
    screening: bool = False  # whether structures were not minimised, to save time
    minimizing: bool = True  # whether there are any that the fit minimises


@dataclass(frozen=True)
class Best:
    """The best parameters so far."""

    x: Parameters
    loss: float
    trial: int


@dataclass(frozen=True)
class Found:
    """What a search has led to."""

    history: list[Step]
    best: Best | None
    failures: list[str]  # why sets of parameters had no loss
    interrupted: bool  # by Ctrl-C: the best so far


class Search:
    """Evaluations of an objective, counted, with the best one kept.

    The unit of each parameter is the width of its bounds.

    Args:
        evaluations: Of the loss.
        seen: Called after each evaluation, with whether it is the best so far.
        patience: How many improvements may follow each other that do not lower the loss
            of the validation data; None: no matter how many.
    """

    def __init__(
        self,
        evaluations: Evaluations,
        seen: Callable[[Step, bool], None],
        patience: int | None = None,
    ):
        self.evaluations, self._seen = evaluations, seen
        self.objective = evaluations.objective
        self.history: list[Step] = []
        self.best: Best | None = None
        self.failures: list[str] = []
        self.trial = 0
        self.best_of_run: tuple[float, Parameters | None] = (np.inf, None)
        self._patience, self._starting = patience, False
        self._judged, self._waited = np.inf, 0
        self._last: tuple[bytes, bool, Answer] | None = None

    def begin_trial(self, trial: int) -> None:
        """Starts anew, with the validation as well."""
        self.trial, self._judged, self._waited = trial, np.inf, 0
        self.begin_run()

    def begin_run(self) -> None:
        """Forgets the best so far of the run that was before."""
        self.best_of_run = np.inf, None

    @contextmanager
    def screening(self) -> Iterator[None]:
        """Losses at the geometries of the data: quick, but none of them is the best.

        Without structures that are minimised all losses are of that kind, and count.
        In any case they are of many runs, of which none says that another is in vain:
        the validation is left out.
        """
        self._starting, self._last = True, None
        try:
            yield
        finally:
            self._starting, self._last = False, None

    @property
    def _screening(self) -> bool:
        """Whether structures that would be minimised are not."""
        return self._starting and self.objective.relaxation is not None

    def scaled(self, x: Parameters) -> Parameters:
        """In units of the bounds, 0 to 1."""
        return (x - self.evaluations.low) / self.evaluations.width

    def loss(self, u: Parameters, *, slopes: bool = True) -> float:
        """The loss; large where it cannot be had.

        Without `slopes` it takes a sixth less time, but another compiled program.
        """
        answer = self._values(u, slopes=slopes)
        return self._penalty() if answer.failure else self._loss_of(answer)

    def loss_and_gradient(self, u: Parameters) -> tuple[float, Parameters]:
        """The loss and its derivatives."""
        answer = self._values(u, slopes=True)
        if answer.failure:
            return self._penalty(), np.zeros(len(u))
        loss = self._loss_of(answer)
        gradient = self.evaluations.gradient(u) * self.evaluations.width

        def change(other: Answer):
            return self._loss_of(other) - loss

        return loss, self._completed(u, gradient, change)

    def residuals(self, u: Parameters) -> Float[np.ndarray, " items"]:
        """Numbers whose squares add up to the loss."""
        answer, count = self._values(u, slopes=True), len(self.objective.data.items)
        if answer.failure:
            return np.full(count, np.sqrt(self._penalty() / count))
        return self.objective.loss.residuals(answer.values)[0]

    def jacobian(self, u: Parameters) -> Float[np.ndarray, "items parameters"]:
        """Derivatives of the residuals."""
        answer = self._values(u, slopes=True)
        if answer.failure:
            return np.zeros((len(self.objective.data.items), len(u)))
        residuals, slopes = self.objective.loss.residuals(answer.values)
        matrix = self.evaluations.jacobian(u) * self.evaluations.width

        def change(other: Answer):
            return self.objective.loss.residuals(other.values)[0] - residuals

        return self._completed(u, slopes[:, None] * matrix, change)

    def _completed(self, u: Parameters, derivatives: np.ndarray, change) -> np.ndarray:
        """Derivatives; by differences where they are not finite, as at kinks."""
        finite = np.isfinite(derivatives).reshape(-1, len(u)).all(axis=0)
        missing = np.flatnonzero(~finite)
        if not len(missing):
            return derivatives
        if not self.evaluations.replaying:
            self._warn(missing)
        for k in missing:
            step = DIFFERENCE if u[k] < 0.5 else -DIFFERENCE
            there = u.copy()
            there[k] += step
            answer = self._values(there, slopes=True)
            derivatives[..., k] = 0.0 if answer.failure else change(answer) / step
        return derivatives

    def _warn(self, missing: np.ndarray) -> None:
        fitted = self.objective.selection.parameters
        names = [fitted[k].name or str(tuple(fitted[k].address)) for k in missing]
        where = self.evaluations.unclear()
        LOG.warning(
            "evaluation %d: derivatives by %s are not finite%s; differences are taken",
            len(self.history), ", ".join(names),
            f" in {', '.join(where)}" if where else "",
        )  # fmt: skip

    def _loss_of(self, answer: Answer) -> float:
        return float(self.objective.loss.contributions(answer.values).sum())

    def _penalty(self) -> float:
        finite = [step.loss for step in self.history if np.isfinite(step.loss)]
        return PENALTY * max(finite, default=1e6)

    def _values(self, u: Parameters, *, slopes: bool) -> Answer:
        """All items at these parameters; those of the last call are remembered."""
        u = np.array(u, float)
        if self._last is not None:
            key, prepared, answer = self._last
            if key == u.tobytes() and prepared >= slopes:
                if not answer.failure:
                    self._compare(u, self._loss_of(answer))
                return answer
        answer = self.evaluations.values(u, slopes=slopes, minimize=not self._screening)
        self._last = u.tobytes(), slopes, answer
        if answer.failure:
            self.failures.append(answer.failure)
        self._note(u, float("nan") if answer.failure else self._loss_of(answer))
        return answer

    def _note(self, u: Parameters, loss: float) -> None:
        better = np.isfinite(loss) and (self.best is None or loss < self.best.loss)
        better = better and not self._screening
        if better:
            self.best = Best(self.evaluations.parameters(u), loss, self.trial)
        judged = float("nan")
        if self._compare(u, loss):
            if self._patience is not None and not self._starting:
                judged = self.evaluations.validation_loss(u)
        least = self.best.loss if self.best else float("nan")
        number = len(self.history) + 1
        self.history.append(Step(
            self.trial, number, loss, least, judged, self._screening,
            minimizing=self.objective.relaxation is not None,
        ))  # fmt: skip
        self._seen(self.history[-1], bool(better))
        if judged == judged:
            self._wait(judged)

    def _compare(self, u: Parameters, loss: float) -> bool:
        """Whether this is the best of the run, which may begin where another ended."""
        better = bool(loss < self.best_of_run[0])
        if better:
            self.best_of_run = loss, u
        return better

    def _wait(self, judged: float) -> None:
        self._waited = 0 if judged < self._judged else self._waited + 1
        self._judged = min(judged, self._judged)
        if self._patience is not None and self._waited >= self._patience:
            raise TrialEnded(f"{self._waited} improvements did not lower {judged:g}")
