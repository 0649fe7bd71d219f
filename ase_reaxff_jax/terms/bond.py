r"""Bond energy: what a bond of given sigma, pi and double-pi order is worth.

    E_bond = -De_s BO_s exp[p_be1 (1 - BO_s^p_be2)] - De_p BO_pi - De_pp BO_pipi

and, for strong bonds (BO >= 1) of carbon monoxide, or of every pair where the file says
so, the stabilisation of the triple bond

    E_trip = p_trip1 exp[-p_trip2 (BO - 2.5)^2] (x_i + x_j) / (1 + 25 y)
    x_i = exp[-p_trip4 (S_i - BO)],  y = exp[p_trip3 (Delta_i + Delta_j)]

Source: Chenoweth et al., J. Phys. Chem. A 112, 1040 (2008), SI, equations 4 and 14.
"""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ase_reaxff_jax import safe
from ase_reaxff_jax.bond_orders import BondOrders
from ase_reaxff_jax.coordination import Coordination
from ase_reaxff_jax.mixing import BondParameters, GeneralParameters
from ase_reaxff_jax.topology import Bonds


def bond_energy(
    bond: BondParameters,
    general: GeneralParameters,
    *,
    species: Int[Array, " atoms"],
    bonds: Bonds,
    orders: BondOrders,
    around: Coordination,
    triple: Bool[Array, "types types"],
) -> Float[Array, " bonds"]:
    """Energy of each bond, kcal/mol; `triple` marks pairs with the triple-bond term."""
    pair = species[bonds.i], species[bonds.j_atom]
    weakening = 1.0 - safe.power(orders.sigma, bond.p_be2[pair])
    energy = -(
        bond.De_s[pair] * orders.sigma * jnp.exp(bond.p_be1[pair] * weakening)
        + bond.De_p[pair] * orders.pi
        + bond.De_pp[pair] * orders.pipi
    )
    strong = bonds.mask & triple[pair] & (orders.total >= 1.0)
    energy += jnp.where(strong, _triple_bond(general, bonds, orders, around), 0.0)
    return jnp.where(bonds.mask, energy, 0.0)


def _triple_bond(general, bonds, orders, around) -> Float[Array, " bonds"]:
    i, j, order = bonds.i, bonds.j_atom, orders.total
    other_i = safe.exp(-general.p_trip4 * (around.order[i] - order))
    other_j = safe.exp(-general.p_trip4 * (around.order[j] - order))
    crowding = safe.exp(general.p_trip3 * (around.delta[i] + around.delta[j]))
    strength = general.p_trip1 * jnp.exp(-general.p_trip2 * (order - 2.5) ** 2)
    return strength * (other_i + other_j) / (1.0 + 25.0 * crowding)
