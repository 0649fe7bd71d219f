"""Ways to minimise the loss: SciPy's, on parameters scaled to their bounds."""

from collections.abc import Callable

import numpy as np
import scipy.optimize
from ase.calculators.calculator import InputError
from jaxtyping import Float

from ase_reaxff_jax.errors import suggestion
from ase_reaxff_jax.fit.search import Search

Start = Float[np.ndarray, " parameters"]


def lbfgs(search: Search, start: Start, steps: int) -> None:
    """L-BFGS-B: gradients, with a memory of curvature."""
    _minimize(search, start, "L-BFGS-B", dict(maxiter=steps, maxcor=20, maxls=20))


def slsqp(search: Search, start: Start, steps: int) -> None:
    """SLSQP: sequential quadratic programming."""
    _minimize(search, start, "SLSQP", dict(maxiter=steps, ftol=1e-10))


def trust_constr(search: Search, start: Start, steps: int) -> None:
    """A trust-region method for bounded problems."""
    _minimize(search, start, "trust-constr", dict(maxiter=steps))


def least_squares(search: Search, start: Start, steps: int) -> None:
    """Gauss-Newton steps in a trust region, from the derivatives of all items."""
    inside = np.clip(start, 1e-6, 1.0 - 1e-6)  # the method's steps start inside
    scipy.optimize.least_squares(
        search.residuals, inside, search.jacobian, bounds=(0.0, 1.0), method="trf",
        x_scale=1.0, max_nfev=steps,
    )  # fmt: skip


def _minimize(search: Search, start: Start, method: str, options: dict) -> None:
    scipy.optimize.minimize(
        search.loss_and_gradient, start, jac=True, method=method,
        bounds=[(0.0, 1.0)] * len(start), options=options,
    )  # fmt: skip


OPTIMIZERS: dict[str, Callable[[Search, Start, int], None]] = {
    "lbfgs": lbfgs,
    "slsqp": slsqp,
    "trust-constr": trust_constr,
    "least-squares": least_squares,
}
ALIASES = {"l-bfgs-b": "lbfgs", "auto": "least-squares"}


def optimizer_of(name: str) -> Callable[[Search, Start, int], None]:
    """The optimiser of a name; InputError where there is none."""
    known = ["auto", *OPTIMIZERS]
    found = ALIASES.get(str(name).lower(), str(name).lower())
    if found not in OPTIMIZERS:
        raise InputError(
            f"no optimizer {name!r}{suggestion(name, known)}; there is: "
            f"{', '.join(known)}"
        )
    return OPTIMIZERS[found]
