r"""Van der Waals energy of every pair of atoms, bonded or not.

    E_vdW = Tap D {exp[alpha (1 - rho/r_vdW)] - 2 exp[alpha/2 (1 - rho/r_vdW)]}
    rho   = (r^p_vdW1 + gamma_w^-p_vdW1)^(1/p_vdW1)     with shielding, else r
    E_in  = Tap ecore exp[acore (1 - r/rcore)]          with an inner wall
    E_lg  = -Tap lgcij / (r^6 + lgre^6)                 with low-gradient dispersion

Source: van Duin et al., J. Phys. Chem. A 105, 9396 (2001), equations 12 and 13; inner
wall: Nomura et al., Phys. Rev. Lett. 99, 148303 (2007); dispersion: Liu, Liu, Zybin,
Sun & Goddard, J. Phys. Chem. A 115, 11016 (2011).
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from ase_reaxff_jax import safe
from ase_reaxff_jax.mixing import GeneralParameters, PairParameters
from ase_reaxff_jax.options import Options


def van_der_waals_energy(
    pair: PairParameters,
    general: GeneralParameters,
    *,
    r: Float[Array, "*pairs"],
    tapered: Float[Array, "*pairs"],
    options: Options,
) -> Float[Array, "*pairs"]:
    """Energy of each pair, kcal/mol.

    Args:
        pair: The parameters of each pair.
        general: Those of all.
        r: Distances, Å, > 0.
        tapered: The taper at these distances.
        options: Which of the three forms the force field has.
    """
    rho = _shielded(pair, general, r) if options.shielding else r
    half = jnp.exp(0.5 * pair.alpha * (1.0 - rho / pair.r_vdW))
    energy = pair.D * half * (half - 2.0)
    if options.inner_wall:
        present = pair.rcore > 0
        rcore = jnp.where(present, pair.rcore, 1.0)
        wall = pair.ecore * jnp.exp(pair.acore * (1.0 - r / rcore))
        energy += jnp.where(present, wall, 0.0)
    if options.inner_wall and options.lg:
        r2, re2 = r * r, pair.lgre * pair.lgre
        energy -= pair.lgcij / (r2 * r2 * r2 + re2 * re2 * re2)
    return tapered * energy


def _shielded(pair, general, r) -> Float[Array, "*pairs"]:
    p = general.p_vdW1
    grown = jnp.exp(p * safe.log(r)) + pair.gamma_w
    return jnp.exp(safe.log(grown) / p)
