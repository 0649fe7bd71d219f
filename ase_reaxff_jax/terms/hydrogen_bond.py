r"""Hydrogen bonds: donor i, hydrogen j, acceptor k.

    E_hb = p_hb1 (1 - exp[-p_hb2 BO_ij]) exp[-p_hb3 (r0/r_jk + r_jk/r0 - 2)]
           sin^4(theta_ijk / 2)

for BO_ij >= 0.01 and r_jk <= 7.5 Å, untapered.
Source: Chenoweth et al., J. Phys. Chem. A 112, 1040 (2008), SI, equation 18.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from ase_reaxff_jax import safe
from ase_reaxff_jax.bond_orders import BondOrders
from ase_reaxff_jax.geometry import BondVectors
from ase_reaxff_jax.mixing import HydrogenBondParameters
from ase_reaxff_jax.topology import Bonds, HydrogenBonds
from ase_reaxff_jax.units import HYDROGEN_BOND_CUTOFF, HYDROGEN_BOND_ORDER


def hydrogen_bond_energy(
    hydrogen_bond: HydrogenBondParameters,
    *,
    bonds: Bonds,
    hydrogen_bonds: HydrogenBonds,
    vectors: BondVectors,
    orders: BondOrders,
    images: Float[Array, "images 3"],
) -> Float[Array, " hydrogen_bonds"]:
    """Energy of each hydrogen bond, kcal/mol; `images` are positions in Å."""
    row, donor = hydrogen_bonds.row, hydrogen_bonds.donor
    order = orders.total[bonds.undirected(donor)]
    to_acceptor = images[hydrogen_bonds.acceptor] - images[hydrogen_bonds.hydrogen]
    r = safe.norm(to_acceptor, hydrogen_bonds.mask)
    counts = (
        hydrogen_bonds.mask
        & (order >= HYDROGEN_BOND_ORDER)
        & (r <= HYDROGEN_BOND_CUTOFF)
        & (hydrogen_bond.r0_hb[row] > 0)
    )
    r = jnp.where(counts, r, 1.0)
    r0 = jnp.where(counts, hydrogen_bond.r0_hb[row], 1.0)
    cosine = jnp.sum(vectors.directed(donor) * to_acceptor, axis=-1) / r
    half_sine_squared = 0.5 * (1.0 - cosine)
    energy = (
        hydrogen_bond.p_hb1[row]
        * (1.0 - jnp.exp(-hydrogen_bond.p_hb2[row] * order))
        * jnp.exp(-hydrogen_bond.p_hb3[row] * (r0 / r + r / r0 - 2.0))
        * half_sine_squared**2
    )
    return jnp.where(counts, energy, 0.0)
