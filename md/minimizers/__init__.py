"""Ways to a minimum of the energy, as integrators of the compiled loop."""

from ase_reaxff_jax.md.minimizers.descent import Minimizer
from ase_reaxff_jax.md.minimizers.fire import FIRE
from ase_reaxff_jax.md.minimizers.lbfgs import LBFGS

MINIMIZERS: dict[str, type[Minimizer]] = {"fire": FIRE, "lbfgs": LBFGS}
