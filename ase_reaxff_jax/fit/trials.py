"""The trials of a fit, one after another."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from ase_reaxff_jax.engine import Engine
from ase_reaxff_jax.fit.arguments import Arguments
from ase_reaxff_jax.fit.evaluations import Evaluations
from ase_reaxff_jax.fit.losses import Loss
from ase_reaxff_jax.fit.objective import Objective
from ase_reaxff_jax.fit.optimizers import OPTIMIZERS
from ase_reaxff_jax.fit.output import Output
from ase_reaxff_jax.fit.parameters import Parameter
from ase_reaxff_jax.fit.plan import Plan
from ase_reaxff_jax.fit.record import (
    Record,
    digest,
    identity_of_data,
    identity_of_parameters,
)
from ase_reaxff_jax.fit.sample import SETTINGS
from ase_reaxff_jax.fit.search import Best, Found, Search, Step, TrialEnded
from ase_reaxff_jax.fit.selection import Selection
from ase_reaxff_jax.fit.training_set import TrainingSet
from ase_reaxff_jax.forcefield import ForceField

LOG = logging.getLogger("ase_reaxff_jax")
EDUCATED = 0.1  # of the range, on both sides of the value in the file


@dataclass(frozen=True, kw_only=True)
class Task:
    """A fit: of what, to what, and how."""

    force_field: ForceField
    data: TrainingSet
    parameters: Sequence[Parameter]
    validation: TrainingSet | None  # None where it is not looked at during the fit
    arguments: Arguments

    def objectives(self) -> tuple[Objective, Objective | None]:
        """Of the data, and of the validation."""
        selection = Selection(self.force_field, self.parameters)
        judge = (
            None if self.validation is None else self._of(selection, self.validation)
        )
        return self._of(selection, self.data), judge

    def _of(self, selection: Selection, data: TrainingSet) -> Objective:
        given = self.arguments
        form = Loss(data.items, given.loss, balanced=given.balanced)
        return Objective(
            self.force_field, data, selection, form, minimize=given.minimize
        )


def identity(task: Task, at_once: bool) -> dict[str, Any]:
    """What a resumed fit must have in common with the one that it resumes."""
    judged = task.validation
    return {
        "force field": Engine(task.force_field, SETTINGS).fingerprint,
        **identity_of_data(task.data),
        "params": identity_of_parameters(tuple(task.parameters)),
        "validation": judged and digest(identity_of_data(judged)),
        **asdict(task.arguments),
        "processes": "one for each trial" if at_once else "one",
    }


Told = Callable[[Step, Best | None], None]  # of each evaluation; the best where it is


def searched(
    arguments: Arguments,
    objectives: tuple[Objective, Objective | None],
    folder: Path | None,
    record: Record | None,
    told: Told,
    trials: Iterable[int],
) -> Found:
    """Some trials, one after another, until Ctrl-C ends them."""
    objective, judge = objectives
    output = Output(folder, objective.selection) if folder is not None else None

    def began() -> None:
        if output is not None:
            output.start(search.history, search.best)

    evaluations = Evaluations(objective, judge, record, began)

    def seen(step: Step, better: bool) -> None:
        best = search.best if better else None
        if output is not None and evaluations.live:
            output.add(step, best)
        told(step, best)  # last, for it may end the trial

    search = Search(evaluations, seen, arguments.patience)
    interrupted = _tried(search, arguments, set(trials))
    return Found(search.history, search.best, search.failures, interrupted)


def _tried(search: Search, arguments: Arguments, trials: set[int]) -> bool:
    """Runs the trials; True where Ctrl-C has ended them."""
    random = np.random.default_rng(arguments.seed)
    here = search.scaled(search.objective.selection.start)
    optimize = OPTIMIZERS[arguments.optimizer]
    try:
        for trial in range(arguments.trials):
            start = _start(here, arguments.start, trial, random)
            if trial not in trials:
                continue
            own = np.random.default_rng([arguments.seed, trial])
            search.begin_trial(trial)
            try:
                optimize(search, start, Plan(arguments.steps, arguments.perturb, own))
            except TrialEnded as reason:
                LOG.info("trial %d ended: %s", trial + 1, reason)
        search.evaluations.finish()
    except KeyboardInterrupt:
        if search.best is None:
            raise
        return True
    return False


def _start(
    here: Float[np.ndarray, " n"], start: str, trial: int, random
) -> Float[np.ndarray, " n"]:
    if start == "random":
        return random.uniform(size=len(here))
    if start == "educated" and trial > 0:
        return np.clip(here + random.uniform(-EDUCATED, EDUCATED, len(here)), 0, 1)
    return np.clip(here, 0.0, 1.0)
