"""Adam, projected to the bounds. Source: Kingma & Ba, arXiv:1412.6980 (2014)."""

import numpy as np

from ase_reaxff_jax.fit.plan import Plan, Start
from ase_reaxff_jax.fit.search import Search
from ase_reaxff_jax.precision import scope

RATE = 0.02  # of the range of each parameter, the first steps


def adam(search: Search, start: Start, plan: Plan) -> None:
    """Steps of about `RATE` of the ranges, which shrink to none as a cosine.

    All steps are used: it neither converges nor is it stuck.
    """
    import optax

    with scope("float64"):
        rule = optax.adam(optax.cosine_decay_schedule(RATE, plan.steps))
        u, state = start, rule.init(start)
    for _ in range(plan.steps):
        _, gradient = search.loss_and_gradient(u)
        with scope("float64"):
            change, state = rule.update(gradient, state)
        u = np.clip(u + np.asarray(change), 0.0, 1.0)
    search.loss(u)
