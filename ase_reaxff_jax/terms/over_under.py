r"""Over- and under-coordination: the price of too many bonds, or too few.

    E_over  = s1 D / [(D + valency + 1e-8) (1 + exp[p_ovun2 D])]
    E_under = -p_ovun5 (1 - exp[p_ovun6 D])
              / [(1 + exp[-p_ovun2 D]) (1 + p_ovun7 exp[p_ovun8 s2])]

    s1 = sum_j p_ovun1 De_s BO,   s2 = sum_j (Delta_j - Delta_lp_j) (BO_pi + BO_pipi)
    D  = Delta_i - Delta_lp_i / (1 + p_ovun3 exp[p_ovun4 s2])

An element above mass 21 leaves the lone pairs, its own and its neighbours', out.
Source: Chenoweth et al., J. Phys. Chem. A 112, 1040 (2008), SI, equations 11 and 12.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ase_reaxff_jax import safe
from ase_reaxff_jax.bond_orders import BondOrders
from ase_reaxff_jax.coordination import Coordination
from ase_reaxff_jax.mixing import AtomParameters, BondParameters, GeneralParameters
from ase_reaxff_jax.topology import Bonds
from ase_reaxff_jax.units import OVERCOORDINATION_SHIFT


def over_under_energy(
    atom: AtomParameters,
    bond: BondParameters,
    general: GeneralParameters,
    *,
    species: Int[Array, " atoms"],
    bonds: Bonds,
    orders: BondOrders,
    around: Coordination,
) -> Float[Array, " atoms"]:
    """Energy of each atom, kcal/mol."""
    pair = species[bonds.i], species[bonds.j_atom]
    stiffness = bond.p_ovun1[pair] * bond.De_s[pair] * orders.total
    s1 = bonds.sum_over_atoms(stiffness, len(species))
    s2 = _pi_neighbours(atom, species, bonds, orders, around)

    share = 1.0 / (1.0 + general.p_ovun3 * safe.exp(general.p_ovun4 * s2))
    excess = around.delta - around.delta_lp_light * share
    valency, p_ovun2 = atom.valency[species], atom.p_ovun2[species]
    switch_over = jax.nn.sigmoid(-p_ovun2 * excess)
    switch_under = jax.nn.sigmoid(p_ovun2 * excess)
    screening = 1.0 + general.p_ovun7 * safe.exp(general.p_ovun8 * s2)

    over = s1 * excess / (excess + valency + OVERCOORDINATION_SHIFT) * switch_over
    gain = 1.0 - safe.exp(general.p_ovun6 * excess)
    under = -atom.p_ovun5[species] * gain * switch_under / screening
    return over + under


def _pi_neighbours(atom, species, bonds, orders, around) -> Float[Array, " atoms"]:
    """s2: the unsatisfied valencies of the neighbours, weighted by pi orders."""
    pi = orders.pi + orders.pipi
    heavy = atom.heavy[species]
    plain, corrected = around.delta, around.delta - around.delta_lp_light

    def seen_from(centre, neighbour):
        delta = jnp.where(heavy[centre], plain[neighbour], corrected[neighbour])
        return delta * pi

    return bonds.sum_ends_over_atoms(
        seen_from(bonds.i, bonds.j_atom), seen_from(bonds.j_atom, bonds.i), len(species)
    )
