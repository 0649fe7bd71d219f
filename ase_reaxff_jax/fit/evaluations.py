"""Answers to an optimiser: computed, or those that a record has from an earlier run."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from ase.calculators.calculator import CalculationFailed, SCFError
from jaxtyping import Float

from ase_reaxff_jax.fit import snapshot
from ase_reaxff_jax.fit.journal import Entry
from ase_reaxff_jax.fit.objective import Objective, Outcome
from ase_reaxff_jax.fit.record import Record

Parameters = Float[np.ndarray, " parameters"]


@dataclass(frozen=True)
class Answer:
    """All items at one set of parameters, or why there are none."""

    values: Float[np.ndarray, " items"]  # NaN where there are none
    failure: str


class Evaluations:
    """Evaluates objectives at parameters in units of their bounds.

    Minimisations start from the geometries of the data, so that values depend on the
    parameters alone, not on those that were tried before.

    Args:
        objective: What is fitted to.
        validation: Reference values that are only looked at.
        record: Where answers are kept; None: nowhere.
        began: Called before the first evaluation that no record answers.
    """

    def __init__(
        self,
        objective: Objective,
        validation: Objective | None = None,
        record: Record | None = None,
        began: Callable[[], None] = lambda: None,
    ):
        self.objective, self.validation = objective, validation
        selection = objective.selection
        self.low, self.width = selection.low, selection.high - selection.low
        self._record, self._began = record, began
        self.live = False
        self._outcome: Outcome | None = None

    @property
    def replaying(self) -> bool:
        """Whether answers still come from the record."""
        return self._record is not None and self._record.replaying

    def parameters(self, u: Parameters) -> Parameters:
        """In the units of the file, within the bounds."""
        return self.low + np.clip(u, 0.0, 1.0) * self.width

    def values(self, u: Parameters, *, slopes: bool, minimize: bool) -> Answer:
        """All items, as the data has them or minimised; with or without derivatives."""
        kind = "values" if minimize else "values as given"
        kind += " with slopes" if slopes else ""
        if self.replaying:
            entry = self._answered(kind, u)
        else:
            self.go_live()
            self._checkpoint()
            entry = Entry(kind, u, *self._evaluate(u, slopes, minimize))
            self._add(entry)
        return Answer(entry.answer, entry.failure)

    def gradient(self, u: Parameters) -> Parameters:
        """Derivatives of the loss at the parameters that were evaluated last."""
        return self._derivatives("gradient", u, self.objective.gradient)

    def jacobian(self, u: Parameters) -> Float[np.ndarray, "items parameters"]:
        """Derivatives of all items at the parameters that were evaluated last."""
        return self._derivatives("jacobian", u, self.objective.jacobian)

    def validation_loss(self, u: Parameters) -> float:
        """The loss of the validation data, infinite where it has none."""
        if self.replaying:
            return float(self._answered("validation", u).answer[0])
        answer, failure = np.full(1, np.inf), ""
        try:
            loss = self._validation_loss(u)
            answer[0] = loss if np.isfinite(loss) else np.inf
        except (CalculationFailed, SCFError) as error:
            failure = str(error)
        self._add(Entry("validation", u, answer, failure))
        return float(answer[0])

    def unclear(self) -> list[str]:
        """Structures whose derivatives by parameters are not finite."""
        if self._outcome is None:
            return []
        gathered, found = self.objective.selection.gathered, self._outcome.measured
        return [
            structure.name
            for structure, one in zip(self.objective.sample.structures, found,
                                      strict=True)
            if one.slope is not None and not np.isfinite(gathered(one.slope)).all()
        ]  # fmt: skip

    def go_live(self) -> None:
        """Takes up the state of the run that is resumed."""
        if self.live:
            return
        self.live = True
        if self._record is not None and self._record.state is not None:
            arrays, plain = self._record.state
            for name, objective in self._objectives().items():
                own = {key.removeprefix(name): x for key, x in arrays.items()
                       if key.startswith(name)}  # fmt: skip
                snapshot.restore(objective, own, plain[name])
            self._record.state = None
            self._record.go_on()
        self._began()

    def finish(self) -> None:
        """Records that no evaluation is under way."""
        self.go_live()
        if self._record is not None:
            self._save(self._record)

    def _answered(self, kind: str, u: Parameters) -> Entry:
        assert self._record is not None
        return self._record.answered(kind, u)

    def _add(self, entry: Entry) -> None:
        if self._record is not None:
            self._record.add(entry)

    def _derivatives(self, kind: str, u: Parameters, of) -> np.ndarray:
        if self.replaying:
            return self._answered(kind, u).answer
        answer = np.asarray(of(self._outcome), float)
        self._add(Entry(kind, u, answer))
        return answer

    def _evaluate(self, u: Parameters, slopes: bool, minimize: bool):
        """Values and no failure, or none and why."""
        self._outcome = None
        none = np.full(len(self.objective.data.items), np.nan)
        selection = self.objective.selection
        try:
            force_field = selection.force_field_at(self.parameters(u))
            outcome = self.objective.outcome(
                force_field, slopes=slopes, minimize=minimize
            )
        except (CalculationFailed, SCFError) as error:
            return none, str(error) or type(error).__name__
        loss = self.objective.loss.contributions(outcome.values).sum()
        if not np.isfinite(loss):
            return none, f"not finite: {', '.join(outcome.unusable[:5]) or 'an item'}"
        self._outcome = outcome
        return outcome.values, ""

    def _validation_loss(self, u: Parameters) -> float:
        judge = self.validation
        assert judge is not None
        force_field = self.objective.selection.force_field_at(self.parameters(u))
        return float(judge.loss.contributions(judge.outcome(force_field).values).sum())

    def _objectives(self) -> dict[str, Objective]:
        found = {"fitted: ": self.objective}
        if self.validation is not None:
            found["validation: "] = self.validation
        return found

    def _checkpoint(self) -> None:
        if self._record is not None and self._record.due:
            self._save(self._record)

    def _save(self, record: Record) -> None:
        arrays: snapshot.Arrays = {}
        plain: dict = {}
        for name, objective in self._objectives().items():
            own, plain[name] = snapshot.saved(objective)
            arrays |= {name + key: x for key, x in own.items()}
        record.save(arrays, plain)
