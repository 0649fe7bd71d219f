"""Fitting of force-field parameters to reference values.

Names are imported when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ase_reaxff_jax.fit.covariance import uncertainty
    from ase_reaxff_jax.fit.driver import fit
    from ase_reaxff_jax.fit.error_bars import Uncertainty
    from ase_reaxff_jax.fit.evaluation import evaluate
    from ase_reaxff_jax.fit.parameters import Parameter, read_params, write_params
    from ase_reaxff_jax.fit.report import Report
    from ase_reaxff_jax.fit.result import FitResult
    from ase_reaxff_jax.fit.structures import Restraint, Structure
    from ase_reaxff_jax.fit.training_set import TrainingSet

_HOMES = {
    "FitResult": "result",
    "Parameter": "parameters",
    "Report": "report",
    "Restraint": "structures",
    "Structure": "structures",
    "TrainingSet": "training_set",
    "Uncertainty": "error_bars",
    "evaluate": "evaluation",
    "fit": "driver",
    "read_params": "parameters",
    "uncertainty": "covariance",
    "write_params": "parameters",
}

__all__ = [
    "FitResult",
    "Parameter",
    "Report",
    "Restraint",
    "Structure",
    "TrainingSet",
    "Uncertainty",
    "evaluate",
    "fit",
    "read_params",
    "uncertainty",
    "write_params",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
