r"""Lone pairs: the price of breaking one up, and the correction of C2.

    E_lp = p_lp2 Delta_lp / (1 + exp[-75 Delta_lp])
    E_C2 = k_c2 (v - 3)^2  where  v = BO - Delta_i - 0.04 Delta_i^4 > 3

E_C2 counts each bond of two carbon atoms once from either end.
Source: Chenoweth et al., J. Phys. Chem. A 112, 1040 (2008), SI, equations 8 to 10.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ase_reaxff_jax.bond_orders import BondOrders
from ase_reaxff_jax.coordination import Coordination
from ase_reaxff_jax.mixing import AtomParameters, GeneralParameters
from ase_reaxff_jax.topology import Bonds


def lone_pair_energy(
    atom: AtomParameters, *, species: Int[Array, " atoms"], around: Coordination
) -> Float[Array, " atoms"]:
    """Energy of each atom, kcal/mol."""
    switch = jax.nn.sigmoid(75.0 * around.delta_lp)
    return atom.p_lp2[species] * around.delta_lp * switch


def c2_energy(
    general: GeneralParameters,
    *,
    carbon: int,
    species: Int[Array, " atoms"],
    bonds: Bonds,
    orders: BondOrders,
    around: Coordination,
) -> Float[Array, " bonds"]:
    """Energy of each bond between atoms of type `carbon`, both ends, kcal/mol."""

    def end(delta):
        excess = orders.total - delta - 0.04 * delta**4 - 3.0
        return general.k_c2 * jnp.maximum(excess, 0.0) ** 2

    both = (species[bonds.i] == carbon) & (species[bonds.j_atom] == carbon)
    energy = end(around.delta[bonds.i]) + end(around.delta[bonds.j_atom])
    return jnp.where(bonds.mask & both, energy, 0.0)
