"""CMA-ES: evolution by a normal distribution that learns. Source: N. Hansen's `cma`."""

from typing import Any

import numpy as np

from ase_reaxff_jax.fit.plan import Plan, Start
from ase_reaxff_jax.fit.search import Search

SPREAD = 0.2  # of the ranges: standard deviation of the first generation


def cma_es(search: Search, start: Start, plan: Plan) -> None:
    """Generations of 4 + 3 ln(parameters) sets each, by their losses alone.

    A step is a generation. It ends earlier where its own criteria say that nothing
    more is to be gained.
    """
    import cma

    options: dict[str, Any] = {
        "bounds": [0.0, 1.0],
        "maxiter": plan.steps,
        "randn": lambda *shape: plan.random.standard_normal(shape),
        "seed": np.nan,  # numbers come from `randn`; NumPy's global ones stay as is
        "verbose": -10,  # prints nothing, reads no files
        "verb_log": 0,  # writes none
    }
    search.loss(start, slopes=False)
    strategy = cma.CMAEvolutionStrategy(start, SPREAD, options)
    while not strategy.stop():
        generation = strategy.ask()
        losses = [search.loss(u, slopes=False) for u in generation]
        strategy.tell(generation, losses)
