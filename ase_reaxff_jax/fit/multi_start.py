"""Many starts: sets of parameters are sampled, the best few of them polished."""

import numpy as np

from ase_reaxff_jax.fit.gauss_newton import least_squares
from ase_reaxff_jax.fit.plan import Plan, Start, persistent, shorter
from ase_reaxff_jax.fit.search import Search

SAMPLES = 4  # for each parameter, and at least 20
POLISHED = 4
polish = persistent(least_squares)


def multi_start(search: Search, start: Start, plan: Plan) -> None:
    """Screens sets by their losses, and minimises from the best four.

    Sets lie on straight lines from the start to random points within the bounds, the
    first near the start, the last at the random end: 4 for each parameter, at least
    20. Each of the best four is polished by an eighth of the steps of least squares,
    and the best of these by the other half.
    """
    count = max(20, SAMPLES * len(start))
    ends = plan.random.uniform(size=(count, len(start)))
    shares = np.linspace(0.0, 1.0, count)[:, None]
    sampled = start + shares * (ends - start)
    losses = []
    for u in sampled:
        search.begin_run()
        losses.append(search.loss(u))
    polished = []
    for k in np.argsort(losses, kind="stable")[:POLISHED]:
        search.begin_run()
        polish(search, sampled[k], shorter(plan, plan.steps // (2 * POLISHED)))
        polished.append(search.best_of_run)
    found = [(loss, u) for loss, u in polished if u is not None]
    if found:
        search.begin_run()
        best = min(found, key=lambda one: one[0])[1]
        polish(search, best, shorter(plan, plan.steps // 2))
