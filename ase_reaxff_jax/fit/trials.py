"""The trials of a fit, one after another."""

import logging
from pathlib import Path

import numpy as np
from jaxtyping import Float
from tqdm import tqdm

from ase_reaxff_jax.fit.arguments import Arguments
from ase_reaxff_jax.fit.evaluations import Evaluations
from ase_reaxff_jax.fit.objective import Objective
from ase_reaxff_jax.fit.optimizers import OPTIMIZERS
from ase_reaxff_jax.fit.output import Output
from ase_reaxff_jax.fit.plan import Plan
from ase_reaxff_jax.fit.record import Record
from ase_reaxff_jax.fit.search import Search, Step, TrialEnded

LOG = logging.getLogger("ase_reaxff_jax")
EDUCATED = 0.1  # of the range, on both sides of the value in the file


def searched(
    arguments: Arguments,
    objective: Objective,
    judge: Objective | None,
    folder: Path | None,
    record: Record | None,
    *,
    progress: bool,
) -> tuple[Search, bool]:
    """All trials, and whether Ctrl-C has ended them."""
    output = Output(folder, objective.selection) if folder is not None else None

    def began() -> None:
        if output is not None:
            output.start(search.history, search.best)

    evaluations = Evaluations(objective, judge, record, began)
    hidden = None if progress else True
    with tqdm(desc="fitting", unit="evaluation", disable=hidden) as bar:

        def seen(step: Step, better: bool) -> None:
            bar.set_postfix_str(f"trial {step.trial + 1}, loss {step.best:.6g}")
            bar.update()
            if output is not None and evaluations.live:
                output.add(step, search.best if better else None)

        search = Search(evaluations, seen, arguments.patience)
        return search, _all_trials(search, arguments)


def _all_trials(search: Search, arguments: Arguments) -> bool:
    """Runs the trials; True where Ctrl-C has ended them."""
    random = np.random.default_rng(arguments.seed)
    here = search.scaled(search.objective.selection.start)
    optimize = OPTIMIZERS[arguments.optimizer]
    try:
        for trial in range(arguments.trials):
            start = _start(here, arguments.start, trial, random)
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
