"""What all ways to minimise are given, and what several of them do."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec

import numpy as np
from ase.calculators.calculator import InputError
from jaxtyping import Float

from ase_reaxff_jax.fit.search import Search

DONE = 1e-12  # loss below which nothing is left to fit

Start = Float[np.ndarray, " parameters"]


@dataclass(frozen=True)
class Plan:
    """How long to go on, and how."""

    steps: int  # iterations, at most
    perturb: float  # share of the ranges by which to push where it is stuck; 0: never
    random: np.random.Generator


Descent = Callable[[Search, Start, int], int]  # returns the iterations it has used
Optimizer = Callable[[Search, Start, Plan], None]


def persistent(descent: Descent) -> Optimizer:
    """The same until its steps are used up, from the best again with a random push.

    Descents end where the loss does not change any more, and where it is not smooth:
    at kinks, or where a minimisation falls into another minimum. From beside it they
    often go on.
    """
    return partial(_persist, descent)


def _persist(descent: Descent, search: Search, start: Start, plan: Plan) -> None:
    left = plan.steps
    while left > 0:
        left -= max(1, descent(search, start, left))
        loss, best = search.best_of_run
        if plan.perturb == 0 or loss < DONE:
            return
        push = plan.random.uniform(-plan.perturb, plan.perturb, len(start))
        start = np.clip((start if best is None else best) + push, 0.0, 1.0)


def require(package: str, optimizer: str) -> None:
    """InputError where an optional package is not installed."""
    if find_spec(package) is None:
        raise InputError(
            f"optimizer {optimizer!r} needs the package {package}: "
            "pip install 'ase-reaxff-jax[fit]'"
        )
