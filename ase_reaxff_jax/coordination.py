"""How far each atom is from its valency, and what is left of its lone pairs.

Delta = S - valency, with S the sum of the bond orders of the atom; one delta for each
of the four valencies of the file. Source: Chenoweth et al. 2008, SI, equations 5 to 9.
"""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ase_reaxff_jax.bond_orders import BondOrders
from ase_reaxff_jax.mixing import AtomParameters, GeneralParameters
from ase_reaxff_jax.topology import Bonds


class Coordination(eqx.Module):
    """Sums of bond orders of each atom and what follows from them."""

    order: Float[Array, " atoms"]  # S
    delta: Float[Array, " atoms"]
    delta_boc: Float[Array, " atoms"]
    delta_val: Float[Array, " atoms"]
    lone_pair_excess: Float[Array, " atoms"]  # Delta_e less its even whole part
    lone_pairs: Float[Array, " atoms"]
    delta_lp: Float[Array, " atoms"]  # lone pairs short of the optimum
    delta_lp_light: Float[Array, " atoms"]  # the same, but 0 for heavy elements


def coordination(
    atom: AtomParameters,
    general: GeneralParameters,
    *,
    species: Int[Array, " atoms"],
    bonds: Bonds,
    orders: BondOrders,
) -> Coordination:
    """Coordination of every atom. Whole numbers of lone pairs have no derivative."""
    order = bonds.sum_over_atoms(orders.total, len(species))
    delta_e = order - atom.valency_e[species]
    whole = jnp.trunc(0.5 * delta_e)
    excess = delta_e - 2.0 * whole
    lone_pairs = jnp.exp(-general.p_lp1 * (2.0 + excess) ** 2) - whole
    optimum = 0.5 * (atom.valency_e - atom.valency)[species]
    delta_lp = optimum - lone_pairs
    return Coordination(
        order=order,
        delta=order - atom.valency[species],
        delta_boc=order - atom.valency_boc[species],
        delta_val=order - atom.valency_val[species],
        lone_pair_excess=excess,
        lone_pairs=lone_pairs,
        delta_lp=delta_lp,
        delta_lp_light=jnp.where(atom.heavy[species], 0.0, delta_lp),
    )
