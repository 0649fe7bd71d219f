"""Uncertainty of a fit, from the derivatives of all items by the parameters."""

from collections.abc import Sequence
from dataclasses import replace
from os import PathLike

import numpy as np
from jaxtyping import Bool, Float

from ase_reaxff_jax.bundled import load
from ase_reaxff_jax.ffield.names import addresses
from ase_reaxff_jax.fit.determination import CUTOFF, Determination, determine
from ase_reaxff_jax.fit.error_bars import (
    AT_BOUND,
    DETERMINED,
    LOOSE,
    NO_EFFECT,
    UNDETERMINED,
    Uncertainty,
)
from ase_reaxff_jax.fit.gauss_newton import bounded_step
from ase_reaxff_jax.fit.losses import Loss
from ase_reaxff_jax.fit.objective import Objective, Outcome
from ase_reaxff_jax.fit.parameters import Parameter, read_params
from ase_reaxff_jax.fit.selection import Selection
from ase_reaxff_jax.fit.sensitivity import sensitivity_of
from ase_reaxff_jax.fit.training_set import TrainingSet
from ase_reaxff_jax.forcefield import ForceField

AT = 1e-4  # of its range: nearer to a bound a parameter is at it
NEAR = 0.01  # of its range: so is one that is nearer and goes on towards the bound
SHOWN = 0.1  # parts of a direction that are named
NOTHING = 1e-6  # a sum of squares that is as good as none


def uncertainty(
    ffield: str | PathLike[str] | ForceField,
    data: TrainingSet,
    params: str | PathLike[str] | Sequence[Parameter],
    *,
    minimize: bool = True,
    loss: str = "squares",
    balanced: bool = False,
    scaled: bool = True,
    cutoff: float = CUTOFF,
) -> Uncertainty:
    """How well a training set determines parameters of a force field that was fitted.

    Args:
        ffield: A bundled name, a path or a `ForceField`: the result of a fit, as the
            covariance holds at the minimum of the loss.
        data: Structures and reference values.
        params: File of the parameters and their bounds, or the parameters.
        minimize: Whether structures that ask for it are minimised.
        loss: Form of the loss that is differentiated, see `evaluate`; errors are those
            of the squares.
        balanced: Whether each kind of items has the same weight.
        scaled: Whether the covariance is multiplied by the reduced chi-square. False
            takes each `sigma` for the standard deviation of its reference value.
        cutoff: Directions whose singular value is up to this share of the largest are
            not determined.

    Raises:
        FitInputError: the training set or the parameters cannot be used.
    """
    force_field = load(ffield)
    if isinstance(params, str | PathLike):
        params = read_params(params, force_field)
    objective = Objective(
        force_field, data, Selection(force_field, params),
        Loss(data.items, loss, balanced=balanced), minimize=minimize,
    )  # fmt: skip
    outcome = objective.outcome(force_field, slopes=True)
    return uncertainty_of(objective, outcome, scaled=scaled, cutoff=cutoff)


def uncertainty_of(
    objective: Objective,
    outcome: Outcome,
    *,
    scaled: bool = True,
    cutoff: float = CUTOFF,
) -> Uncertainty:
    """That of an outcome with slopes."""
    selection, loss = objective.selection, objective.loss
    parameters = _named(selection)
    width = selection.high - selection.low
    values = Selection(outcome.force_field, selection.parameters).start
    jacobian = objective.jacobian(outcome) * width
    weight = np.sqrt(loss.weight)
    matrix = (weight / loss.sigma)[:, None] * jacobian
    residuals = weight * loss.deviations(outcome.values)
    usable = np.isfinite(residuals) & np.isfinite(matrix).all(axis=1)
    slope = np.nan_to_num(loss.slopes(outcome.values)[:, None] * jacobian).sum(axis=0)
    places = (values - selection.low) / width
    held = _at_bounds(places, slope)
    silent = _silent(matrix[usable], cutoff) & ~held
    free = ~(held | silent)
    found = determine(matrix[usable][:, free], cutoff)
    chi_square = float(np.sum(residuals[usable] ** 2))
    freedom = int(usable.sum()) - found.rank
    scale = chi_square / freedom if scaled and freedom > 0 else 1.0
    step, promised = _promised(matrix[usable], residuals[usable], places)
    known = loss.form == "squares" and bool(usable.all())
    left = freedom - int(np.sum(held & (abs(step) > AT)))
    errors, covariance = _errors(free, held, found, scale)
    predicted = np.full(len(usable), np.nan)
    predicted[usable] = np.sqrt(scale * found.leverages) * (loss.sigma / weight)[usable]
    return Uncertainty(
        parameters=parameters,
        values=values,
        status=_status(errors, held, silent),
        standard_errors=errors * width,
        covariance=covariance * np.outer(width, width),
        prediction_errors=predicted,
        chi_square=chi_square,
        promised=promised,
        at_minimum=_at_minimum(promised, chi_square, left if scaled else 0)
        if known else None,
        degrees_of_freedom=freedom,
        scale=scale,
        singular_values=found.singular_values,
        undetermined=_directions(found, parameters, free),
        sensitivity=sensitivity_of(objective, outcome, jacobian),
    )  # fmt: skip


def _at_bounds(
    scaled: Float[np.ndarray, " parameters"], slope: Float[np.ndarray, " parameters"]
) -> Bool[np.ndarray, " parameters"]:
    """Which parameters are at a bound.

    Methods that stay inside come near a bound, but not to it.

    Args:
        scaled: Values, 0 at the lower bounds and 1 at the upper.
        slope: Derivatives of the loss.
    """
    lower = (scaled < AT) | ((scaled < NEAR) & (slope > 0))
    upper = (scaled > 1 - AT) | ((scaled > 1 - NEAR) & (slope < 0))
    return lower | upper


def _silent(
    matrix: Float[np.ndarray, "items parameters"], cutoff: float
) -> Bool[np.ndarray, " parameters"]:
    """Parameters on which no item depends."""
    sizes = np.linalg.norm(matrix, axis=0)
    return sizes <= cutoff * sizes.max(initial=0.0)


def _errors(
    free: Bool[np.ndarray, " parameters"],
    held: Bool[np.ndarray, " parameters"],
    found: Determination,
    scale: float,
) -> tuple[
    Float[np.ndarray, " parameters"], Float[np.ndarray, "parameters parameters"]
]:
    """Standard errors and covariance of all parameters, in units of their ranges."""
    errors = np.where(held, np.nan, np.inf)
    variances = np.where(found.determined, np.diag(found.covariance), np.inf)
    errors[free] = np.sqrt(scale * variances)
    covariance = np.full((len(free), len(free)), np.nan)
    covariance[np.ix_(free, free)] = scale * found.covariance
    return errors, covariance


def _promised(
    matrix: Float[np.ndarray, "items parameters"],
    residuals: Float[np.ndarray, " items"],
    places: Float[np.ndarray, " parameters"],
) -> tuple[Float[np.ndarray, " parameters"], float]:
    """The step of least squares within the bounds, and how much it promises to gain."""
    low, high = np.minimum(-places, 0.0), np.maximum(1.0 - places, 0.0)
    step = bounded_step(matrix, residuals, low, high)
    gain = np.sum(residuals**2) - np.sum((residuals + matrix @ step) ** 2)
    return step, max(0.0, float(gain))


def _at_minimum(promised: float, chi_square: float, freedom: int) -> bool:
    """Whether what is promised is within the noise that would be left there."""
    noise = (chi_square - promised) / freedom if freedom > 0 else 1.0
    return promised <= max(noise, NOTHING)


def _status(errors, held, silent) -> tuple[str, ...]:
    """A word for each parameter, from its error in units of its range."""
    words = np.where(errors > 1.0, LOOSE, DETERMINED).astype(object)
    words[np.isinf(errors)] = UNDETERMINED
    words[silent] = NO_EFFECT
    words[held] = AT_BOUND
    return tuple(map(str, words))


def _named(selection: Selection) -> tuple[Parameter, ...]:
    """The parameters, each with a name."""
    known = dict(addresses(selection.force_field))
    return tuple(
        replace(p, name=p.name or known.get(p.address, f"{tuple(p.address)}"))
        for p in selection.parameters
    )


def _directions(
    found: Determination,
    parameters: Sequence[Parameter],
    free: Bool[np.ndarray, " parameters"],
) -> tuple[dict[str, float], ...]:
    """Directions that are not determined, the largest parts first."""
    names = [p.name for p, on in zip(parameters, free, strict=True) if on]
    return tuple(
        {names[k]: float(row[k]) for k in np.argsort(-abs(row)) if abs(row[k]) > SHOWN}
        for row in found.lost
    )
