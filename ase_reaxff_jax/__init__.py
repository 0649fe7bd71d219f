"""ReaxFF, the reactive force field, in JAX: an ASE calculator, exact derivatives."""

from ase_reaxff_jax import jax_version
from ase_reaxff_jax.calculator import JaxReaxFF
from ase_reaxff_jax.ffield import read_ffield, write_ffield
from ase_reaxff_jax.forcefield import ForceField
from ase_reaxff_jax.forcefields import forcefields

__all__ = ["ForceField", "JaxReaxFF", "forcefields", "read_ffield", "write_ffield"]

jax_version.check()
