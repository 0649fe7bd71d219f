"""Ways to minimise the loss, on parameters scaled to their bounds, by name."""

import scipy.optimize
from ase.calculators.calculator import InputError

from ase_reaxff_jax.errors import suggestion
from ase_reaxff_jax.fit.adam import adam
from ase_reaxff_jax.fit.cma_es import cma_es
from ase_reaxff_jax.fit.gauss_newton import least_squares
from ase_reaxff_jax.fit.multi_start import multi_start
from ase_reaxff_jax.fit.plan import Optimizer, Start, persistent, require
from ase_reaxff_jax.fit.search import Search


def lbfgs(search: Search, start: Start, steps: int) -> int:
    """L-BFGS-B: gradients, with a memory of curvature."""
    options = dict(maxiter=steps, maxcor=20, maxls=20)
    return _minimize(search, start, "L-BFGS-B", options)


def slsqp(search: Search, start: Start, steps: int) -> int:
    """SLSQP: sequential quadratic programming."""
    return _minimize(search, start, "SLSQP", dict(maxiter=steps, ftol=1e-10))


def trust_constr(search: Search, start: Start, steps: int) -> int:
    """A trust-region method for bounded problems."""
    return _minimize(search, start, "trust-constr", dict(maxiter=steps))


def _minimize(search: Search, start: Start, method: str, options: dict) -> int:
    found = scipy.optimize.minimize(
        search.loss_and_gradient, start, jac=True, method=method,
        bounds=[(0.0, 1.0)] * len(start), options=options,
    )  # fmt: skip
    return int(found.nit)


OPTIMIZERS: dict[str, Optimizer] = {
    "least-squares": persistent(least_squares),
    "lbfgs": persistent(lbfgs),
    "slsqp": persistent(slsqp),
    "trust-constr": persistent(trust_constr),
    "adam": adam,
    "cma-es": cma_es,
    "multi-start": multi_start,
}
ALIASES = {"l-bfgs-b": "lbfgs", "cma": "cma-es", "auto": "multi-start"}
PACKAGES = {"adam": "optax", "cma-es": "cma"}


def full_name(name: str) -> str:
    """The name of an optimiser for what a user calls it.

    Raises:
        InputError: there is none, or it needs a package that is not installed.
    """
    known = ["auto", *OPTIMIZERS]
    found = ALIASES.get(str(name).lower(), str(name).lower())
    if found not in OPTIMIZERS:
        raise InputError(
            f"no optimizer {name!r}{suggestion(name, known)}; there is: "
            f"{', '.join(known)}"
        )
    if found in PACKAGES:
        require(PACKAGES[found], found)
    return found
