"""What a fit gives back."""

from dataclasses import dataclass

from ase_reaxff_jax.ffield.lint import Finding, lint
from ase_reaxff_jax.fit.arguments import Arguments
from ase_reaxff_jax.fit.covariance import uncertainty_of
from ase_reaxff_jax.fit.error_bars import AT_BOUND, Uncertainty
from ase_reaxff_jax.fit.evaluation import evaluate
from ase_reaxff_jax.fit.objective import Objective
from ase_reaxff_jax.fit.parameters import Parameter
from ase_reaxff_jax.fit.report import Report, report_of
from ase_reaxff_jax.fit.search import FitFailed, Found, Step
from ase_reaxff_jax.fit.selection import Selection
from ase_reaxff_jax.fit.training_set import TrainingSet
from ase_reaxff_jax.forcefield import ForceField


@dataclass(frozen=True, kw_only=True)
class FitResult:
    """The best force field of a fit, and how it was found."""

    force_field: ForceField
    loss: float  # its loss, with structures minimised from where the data have them
    history: list[Step]  # every evaluation of the loss, over all trials
    report: Report  # of the best force field
    uncertainty: Uncertainty  # of its parameters and predictions
    validation: Report | None  # of the same, on data that played no part
    at_bounds: list[Parameter]  # parameters that ended at one of their bounds
    suspicious: list[Finding]  # of fitted parameters, whose values look wrong
    failures: list[str]  # sets of parameters that had no loss, and why
    interrupted: bool  # by Ctrl-C: the best so far


def result_of(
    objective: Objective,
    found: Found,
    validation: TrainingSet | None,
    arguments: Arguments,
) -> FitResult:
    """The result of a search that is done.

    Raises:
        FitFailed: no set of parameters had a loss.
    """
    best = found.best
    if best is None:
        raise FitFailed(
            f"none of {len(found.history)} sets of parameters had a finite loss; the "
            f"first: {found.failures[0]}"
        )
    force_field = objective.selection.force_field_at(best.x)
    outcome = objective.outcome(force_field, slopes=True)
    report = report_of(objective, outcome)
    uncertainty = uncertainty_of(objective, outcome)
    judged = None
    if validation is not None:
        judged = evaluate(
            force_field, validation, minimize=arguments.minimize,
            loss=arguments.loss, balanced=arguments.balanced,
        )  # fmt: skip
    glued = [
        p for p, status in zip(uncertainty.parameters, uncertainty.status, strict=True)
        if status == AT_BOUND
    ]  # fmt: skip
    return FitResult(
        force_field=force_field,
        loss=report.loss,
        history=found.history,
        report=report,
        uncertainty=uncertainty,
        validation=judged,
        at_bounds=glued,
        suspicious=suspicious(objective.selection, force_field),
        failures=found.failures,
        interrupted=found.interrupted,
    )


def suspicious(selection: Selection, force_field: ForceField) -> list[Finding]:
    """Values of fitted parameters that look wrong."""
    fitted = {
        address for p in selection.parameters for address in (p.address, *p.links)
    }
    return [finding for finding in lint(force_field) if finding.address in fitted]
