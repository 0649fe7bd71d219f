"""What `fit` is given, checked before any work."""

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
from ase.calculators.calculator import InputError

from ase_reaxff_jax.errors import suggestion
from ase_reaxff_jax.fit.optimizers import full_name
from ase_reaxff_jax.fit.parameters import Parameter, read_params
from ase_reaxff_jax.forcefield import ForceField

STARTS = ("fixed", "educated", "random")


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Numbers and choices of a fit."""

    optimizer: str  # full name
    steps: int
    trials: int
    start: str
    seed: int
    perturb: float
    patience: int | None
    loss: str
    balanced: bool
    minimize: bool


def arguments_of(*, optimizer: str, validation: Any, **given: Any) -> Arguments:
    """The arguments, where they can be used.

    Raises:
        InputError: one cannot; names it, and what it may be.
    """
    start, patience, perturb = given["start"], given["patience"], given["perturb"]
    if start not in STARTS:
        raise InputError(
            f"start={start!r} is none of {', '.join(STARTS)}{suggestion(start, STARTS)}"
        )
    for name, least in (("steps", 1), ("trials", 1), ("seed", 0), ("patience", 1)):
        if given[name] is not None or name != "patience":
            _check_whole(name, given[name], least)
    number = isinstance(perturb, int | float | np.number)
    if not number or not 0 <= perturb <= 1:
        raise InputError(
            f"perturb is a share of the ranges of parameters, 0 to 1, not {perturb!r}"
        )
    if patience is not None and validation is None:
        raise InputError("patience needs validation data: give validation as well")
    given["perturb"] = float(perturb)
    return Arguments(optimizer=full_name(optimizer), **given)


def processes_of(processes: Any, arguments: Arguments) -> int:
    """How many trials run at once.

    Raises:
        InputError: not a whole number of at least 1, or there is but one trial.
    """
    _check_whole("processes", processes, 1)
    if processes > 1 and arguments.trials == 1:
        raise InputError(
            f"processes={processes}, but trials=1: trials run at once, and there is "
            f"one only; give trials={processes} or more"
        )
    return int(processes)


def _check_whole(name: str, value: Any, least: int) -> None:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < least:
        raise InputError(f"{name} must be at least {least}, and whole, not {value!r}")


def parameters_of(
    params: str | PathLike[str] | Sequence[Parameter], force_field: ForceField
) -> list[Parameter]:
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
