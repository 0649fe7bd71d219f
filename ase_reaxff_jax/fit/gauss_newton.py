"""Bounded least squares."""

import numpy as np
import scipy.optimize

from ase_reaxff_jax.fit.plan import Start
from ase_reaxff_jax.fit.search import Search

# Relative changes of parameters and loss that end it: what minimised structures, which
# keep a small force, leave uncertain anyway.
TOLERANCE = 1e-6


def least_squares(search: Search, start: Start, steps: int) -> int:
    """Gauss-Newton steps in a trust region, from the derivatives of all items."""
    inside = np.clip(start, 1e-6, 1.0 - 1e-6)  # the method's steps start inside
    found = scipy.optimize.least_squares(
        search.residuals, inside, search.jacobian, bounds=(0.0, 1.0), method="trf",
        x_scale=1.0, xtol=TOLERANCE, ftol=TOLERANCE, max_nfev=steps,
    )  # fmt: skip
    return int(found.nfev)
