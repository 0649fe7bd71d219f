"""`fit`: the parameters of a force field that reproduce reference values best."""

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
from ase.calculators.calculator import InputError
from jaxtyping import Float
from tqdm import tqdm

from ase_reaxff_jax.bundled import load
from ase_reaxff_jax.errors import suggestion
from ase_reaxff_jax.fit.evaluation import Report, evaluate, report_of
from ase_reaxff_jax.fit.losses import Loss
from ase_reaxff_jax.fit.objective import Objective
from ase_reaxff_jax.fit.optimizers import optimizer_of
from ase_reaxff_jax.fit.output import Output
from ase_reaxff_jax.fit.parameters import Parameter, read_params
from ase_reaxff_jax.fit.search import FitFailed, Search, Step
from ase_reaxff_jax.fit.selection import Selection
from ase_reaxff_jax.fit.training_set import TrainingSet
from ase_reaxff_jax.forcefield import ForceField

STARTS = ("fixed", "educated", "random")
EDUCATED = 0.1  # of the range, on both sides of the value in the file


@dataclass(frozen=True, kw_only=True)
class FitResult:
    """The best force field of a fit, and how it was found."""

    force_field: ForceField
    loss: float
    history: list[Step]  # every evaluation of the loss, over all trials
    report: Report  # of the best force field
    validation: Report | None  # of the same, on data that played no part
    at_bounds: list[Parameter]  # parameters that ended at one of their bounds
    failures: list[str]  # sets of parameters that had no loss, and why
    interrupted: bool  # by Ctrl-C: the best so far


def fit(
    ffield: str | PathLike[str] | ForceField,
    data: TrainingSet,
    params: str | PathLike[str] | Sequence[Parameter],
    *,
    optimizer: str = "auto",
    steps: int = 100,
    trials: int = 1,
    start: str = "fixed",
    seed: int = 0,
    validation: TrainingSet | None = None,
    out: str | PathLike[str] | None = None,
    progress: bool = True,
    loss: str = "squares",
    balanced: bool = False,
    minimize: bool = True,
) -> FitResult:
    """Fits parameters of a force field to a training set.

    The loss is evaluated at structures that are minimised for each set of parameters,
    and its derivatives follow their atoms. Parameters never leave their bounds.

    Args:
        ffield: The force field to start from: a bundled name, a path or a `ForceField`.
        data: Structures and reference values.
        params: File of the parameters to fit and their bounds, or the parameters.
        optimizer: "least-squares" (Gauss-Newton with bounds), "lbfgs", "slsqp" or
            "trust-constr"; "auto" is "least-squares".
        steps: Iterations of a trial, at most.
        trials: How often to start; the best is kept.
        start: "fixed" from the values in the file, "educated" within a tenth of the
            range around them, "random" anywhere within the bounds. The first educated
            trial is from the file as well.
        seed: Of the random starts.
        validation: Reference values to judge the result by; never used to select it.
        out: Folder for the best force field so far, in full precision, and the history;
            made if it is not there. None writes nothing.
        progress: Whether to show a progress bar.
        loss: "squares", "absolute" or "huber", see `evaluate`.
        balanced: Whether each kind of items has the same weight.
        minimize: Whether structures that ask for it are minimised.

    Raises:
        InputError: an argument cannot be used.
        FitInputError: the training set or the parameters cannot be used.
        FitFailed: no set of parameters gave a finite loss.
    """
    optimize = optimizer_of(optimizer)
    _check(start, steps, trials)
    force_field = load(ffield)
    parameters = _parameters(params, force_field)
    objective = Objective(
        force_field, data, Selection(force_field, parameters),
        Loss(data.items, loss, balanced=balanced), minimize=minimize,
    )  # fmt: skip
    output = Output(out, objective.selection) if out is not None else None
    hidden = None if progress else True
    with tqdm(desc="fitting", unit="evaluation", disable=hidden) as bar:

        def seen(step: Step, better: bool) -> None:
            bar.set_postfix_str(f"trial {step.trial + 1}, loss {step.best:.6g}")
            bar.update()
            if output is not None:
                output.add(step, search.best if better else None)

        search = Search(objective, seen)
        interrupted = _all_trials(search, optimize, steps, trials, start, seed)
    return _result(search, validation, minimize, interrupted)


def _check(start: str, steps: Any, trials: Any) -> None:
    if start not in STARTS:
        raise InputError(
            f"start={start!r} is none of {', '.join(STARTS)}{suggestion(start, STARTS)}"
        )
    for name, value in (("steps", steps), ("trials", trials)):
        if value < 1:
            raise InputError(f"{name} must be at least 1, not {value!r}")


def _parameters(params: Any, force_field: ForceField) -> list[Parameter]:
    """The parameters, whose start must lie within their bounds."""
    if isinstance(params, str | PathLike):
        params = read_params(params, force_field)
    found = list(params)
    if not found:
        raise InputError("no parameters to fit: params is empty")
    for p in found:
        value = float(force_field.at(p.address))
        if not p.low <= value <= p.high:
            raise InputError(
                f"{p.where or 'params'}: {p.name or p.address} is {value:g} in the "
                f"force field, outside its bounds {p.low:g} to {p.high:g}; widen them"
            )
    return found


def _all_trials(search: Search, optimize, steps, trials, start, seed) -> bool:
    """Runs the trials; True where Ctrl-C has ended them."""
    random = np.random.default_rng(seed)
    here = search.scaled(search.objective.selection.start)
    try:
        for trial in range(trials):
            search.trial = trial
            search.objective.sample.reset()
            optimize(search, _start(here, start, trial, random), steps)
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


def _result(
    search: Search, validation: TrainingSet | None, minimize: bool, interrupted: bool
) -> FitResult:
    best, objective = search.best, search.objective
    if best is None:
        raise FitFailed(
            f"none of {len(search.history)} sets of parameters had a finite loss; the "
            f"first: {search.failures[0]}"
        )
    force_field = objective.selection.force_field_at(best.x)
    objective.sample.reset()
    report = report_of(objective, objective.outcome(force_field, slopes=True))
    judged = None
    if validation is not None:
        form = objective.loss.form
        judged = evaluate(force_field, validation, minimize=minimize, loss=form)
    scaled = search.scaled(best.x)
    glued = [
        p for p, u in zip(objective.selection.parameters, scaled, strict=True)
        if not 1e-4 < u < 1.0 - 1e-4
    ]  # fmt: skip
    return FitResult(
        force_field=force_field,
        loss=best.loss,
        history=search.history,
        report=report,
        validation=judged,
        at_bounds=glued,
        failures=search.failures,
        interrupted=interrupted,
    )
