"""Many starts, of which fewer and fewer are gone on with."""

import numpy as np

from ase_reaxff_jax.fit.gauss_newton import least_squares
from ase_reaxff_jax.fit.plan import Plan, Start, persistent
from ase_reaxff_jax.fit.search import Search

STARTS = 24
ROUNDS = ((STARTS, 8), (8, 16), (3, 40))  # so many go on by so many steps
polish = persistent(least_squares)


def multi_start(search: Search, start: Start, plan: Plan) -> None:
    """Least squares from many sets of parameters, and at last from the best of them.

    Sets lie on straight lines from the start to random points within the bounds, the
    first at the start, the last at the random end. The least squares of the first
    rounds leave the structures as the data has them, where an evaluation takes a
    fraction of the time. From that set of the last round whose loss is least when they
    are minimised, the steps of the plan go on.
    """
    search.loss(start)  # something to keep, should it be interrupted
    ends = plan.random.uniform(size=(STARTS, len(start)))
    shares = np.linspace(0.0, 1.0, STARTS)[:, None]
    found = [(0.0, u) for u in start + shares * (ends - start)]
    with search.screening():
        for count, steps in ROUNDS:
            best = sorted(found, key=lambda one: one[0])[:count]
            found = [_improved(search, u, min(steps, plan.steps)) for _, u in best]
    search.begin_run()
    losses = [search.loss(u) for _, u in found]
    polish(search, found[int(np.argmin(losses))][1], plan)


def _improved(search: Search, u: Start, steps: int) -> tuple[float, Start]:
    """The loss and parameters that a few steps of least squares lead to."""
    search.begin_run()
    least_squares(search, u, steps)
    loss, best = search.best_of_run
    return loss, u if best is None else best
