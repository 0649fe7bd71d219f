"""`fit`: the parameters of a force field that reproduce reference values best."""

import signal
from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from ase.calculators.calculator import InputError
from tqdm import tqdm

from ase_reaxff_jax.bundled import load
from ase_reaxff_jax.fit.arguments import arguments_of, parameters_of, processes_of
from ase_reaxff_jax.fit.output import Output, claim
from ase_reaxff_jax.fit.parameters import Parameter
from ase_reaxff_jax.fit.processes import searched_at_once
from ase_reaxff_jax.fit.record import Record
from ase_reaxff_jax.fit.report_files import write_fit
from ase_reaxff_jax.fit.result import FitResult, result_of
from ase_reaxff_jax.fit.search import Best, Found, Step
from ase_reaxff_jax.fit.training_set import TrainingSet
from ase_reaxff_jax.fit.trials import Task, identity, searched
from ase_reaxff_jax.forcefield import ForceField
from ase_reaxff_jax.md.signals import heeded

WAITING = (
    "interrupted: the fit ends after the evaluation under way, with the best so far; "
    "interrupt again not to wait"
)
Number = Any  # whatever is given instead is refused with words


def fit(
    ffield: str | PathLike[str] | ForceField,
    data: TrainingSet,
    params: str | PathLike[str] | Sequence[Parameter],
    *,
    optimizer: str = "auto",
    steps: Number = 100,
    trials: Number = 1,
    processes: Number = 1,
    start: str = "fixed",
    seed: Number = 0,
    perturb: Number = 0.02,
    validation: TrainingSet | None = None,
    patience: Number = None,
    out: str | PathLike[str] | None = None,
    resume: bool = False,
    progress: bool = True,
    loss: str = "squares",
    balanced: bool = False,
    minimize: bool = True,
) -> FitResult:
    """Fits parameters of a force field to a training set.

    The loss is evaluated at structures that are minimised for each set of parameters,
    from the geometries of the data, and its derivatives follow their atoms.
    Parameters never leave their bounds.

    A set of parameters without a finite loss counts as a thousand times the worst loss
    seen. Derivatives that are not finite, as at kinks, are replaced by differences, and
    the log says of which parameters and structures.

    Where jax has several accelerators, each evaluates a part of the structures, which
    one of them minimises, or a trial of those at once;
    `jax.config.update("jax_default_device", ...)` chooses one.

    ================  =================================================================
    optimizer         what a step is
    ================  =================================================================
    "least-squares"   Gauss-Newton step within the bounds; one evaluation
    "lbfgs"           iteration of L-BFGS-B; one or a few evaluations
    "slsqp"           iteration of SLSQP; one or a few evaluations
    "trust-constr"    iteration of trust-constr; about one evaluation
    "adam"            step of Adam, at first of 0.02 of the ranges, falling to none as
                      a cosine; needs optax
    "cma-es"          generation of CMA-ES, 4 + 3 ln(parameters) evaluations without
                      derivatives, at first with a deviation of 0.2 of the ranges;
                      needs cma
    "multi-start"     of least squares, from the best of 24 sets on the way from the
                      start to random points; before, these are improved by 8, the
                      best 8 by 16 more, the best 3 by 40 more such steps, with all
                      structures as the data has them, which takes less time
    "auto"            as "multi-start"
    ================  =================================================================

    Args:
        ffield: The force field to start from: a bundled name, a path or a `ForceField`.
        data: Structures and reference values.
        params: File of the parameters to fit and their bounds, or the parameters.
        optimizer: See the table.
        steps: Iterations of a trial, at most.
        trials: How often to start; the best is kept.
        processes: How many trials run at once, each in a process of its own, with a
            folder of its own in `out`. Each compiles for itself, unless compiled
            programs are kept on disk, and takes memory. A script needs the line
            `if __name__ == "__main__":` before what it does.
        start: "fixed" from the values in the file, "educated" within a tenth of the
            range around them, "random" anywhere within the bounds. The first educated
            trial is from the file as well.
        seed: Of all random numbers.
        perturb: Where least squares and SciPy's optimisers end before their steps are
            used up, they go on from the best so far with a random push of up to this
            share of the ranges; 0 ends the trial.
        validation: Reference values to judge the result by; never used to select it.
        patience: Ends a trial when so many improvements in succession have not lowered
            the loss of the validation data; None does not look at them.
        out: Folder for the best force field so far, in full precision, the history,
            and what a fit is resumed from; at the end tables of all items, parameters
            and correlations, and with matplotlib pictures. Made if it is not there.
            None writes nothing.
        resume: Goes on with the fit in `out`, that was killed or interrupted, if there
            is one; else starts. On a CPU the result and the files are, bit for bit,
            those of a fit that was not interrupted.
        progress: Whether to show a progress bar.
        loss: "squares", "absolute" or "huber", see `evaluate`.
        balanced: Whether each kind of items has the same weight.
        minimize: Whether structures that ask for it are minimised.

    Raises:
        InputError: an argument cannot be used, or a package is missing.
        FitInputError: the training set or the parameters cannot be used.
        FitFailed: no set of parameters gave a finite loss.
        FileExistsError: `out` has a fit already, and `resume` is not set.
        CheckpointError: what is to be resumed is damaged, or is another fit.
    """
    arguments = arguments_of(
        optimizer=optimizer, validation=validation, steps=steps, trials=trials,
        start=start, seed=seed, perturb=perturb, patience=patience, loss=loss,
        balanced=balanced, minimize=minimize,
    )  # fmt: skip
    at_once = processes_of(processes, arguments)
    if resume and out is None:
        raise InputError("resume=True needs the folder of the fit: out")
    force_field = load(ffield)
    task = Task(
        force_field=force_field,
        data=data,
        parameters=parameters_of(params, force_field),
        validation=validation if patience is not None else None,
        arguments=arguments,
    )
    objectives = task.objectives()
    folder, record, own = None, None, {}
    if out is not None:
        folder = Path(out)
        claim(folder, resume=resume)
        own = identity(task, at_once > 1)
        record = Record(folder, own, resume=resume)
    found = _found(task, objectives, folder, record, own, at_once, progress)
    result = result_of(objectives[0], found, validation, arguments)
    if folder is not None:
        write_fit(
            folder, report=result.report, validation=result.validation,
            uncertainty=result.uncertainty, history=result.history, start=force_field,
        )  # fmt: skip
    return result


def _found(task, objectives, folder, record, own, at_once: int, progress) -> Found:
    """All trials, with a progress bar, until Ctrl-C ends them.

    It waits for the evaluation under way: as an exception it could come where Python
    ignores it, as in callbacks of jax. A second one does not wait.
    """
    with (
        heeded((signal.SIGINT,), WAITING) as interrupts,
        tqdm(desc="fitting", unit="evaluation", disable=not progress or None) as bar,
    ):

        def check() -> None:
            if interrupts.received is not None:
                raise KeyboardInterrupt

        def shown(step: Step, best: Best | None) -> None:
            bar.set_postfix_str(f"trial {step.trial + 1}, loss {step.best:.6g}")
            bar.update()

        def told(step: Step, best: Best | None) -> None:
            shown(step, best)
            check()

        if at_once > 1:
            selection = objectives[0].selection
            output = Output(folder, selection) if folder is not None else None
            found = searched_at_once(task, at_once, output, own, shown, check)
        else:
            numbers = range(task.arguments.trials)
            found = searched(task.arguments, objectives, folder, record, told, numbers)
        late = interrupts.received is not None  # after the last evaluation
        return replace(found, interrupted=found.interrupted or late)
