r"""Valence angles: bending, the penalty of double bonds in a row, and conjugation.

    E_angle = f7(BO_ij) f7(BO_jk) f8 p_val1 {1 - exp[-p_val2 (theta_0 - theta)^2]}
    E_pen   = p_pen1 f9 exp[-p_pen2 (A_ij - 2)^2 - p_pen2 (A_jk - 2)^2]
    E_coa   = p_coa1 / (1 + exp[p_coa2 Delta_val_j])
              exp[-p_coa3 (S_i - A_ij)^2 - p_coa3 (S_k - A_jk)^2
                  -p_coa4 (A_ij - 1.5)^2 - p_coa4 (A_jk - 1.5)^2]

with A = BO - 0.001 and j the centre. Where p_val1 < 0 the angle has its maximum, not
its minimum, at theta_0; where |p_val1| <= 0.001 the row has none of the three terms.
Source: Chenoweth et al., J. Phys. Chem. A 112, 1040 (2008), SI, equations 13 to 15.
"""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ase_reaxff_jax import safe
from ase_reaxff_jax.bond_orders import BondOrders
from ase_reaxff_jax.coordination import Coordination
from ase_reaxff_jax.geometry import BondVectors
from ase_reaxff_jax.mixing import AngleParameters, AtomParameters, GeneralParameters
from ase_reaxff_jax.topology import Angles, Bonds
from ase_reaxff_jax.units import (
    ANGLE_ORDER_PRODUCT,
    BODY_ORDER,
    DEGREE,
    NO_CORRECTION,
)


class AngleEnergies(eqx.Module):
    """The three energies of each angle, kcal/mol; 0 on padding."""

    angle: Float[Array, " angles"]
    penalty: Float[Array, " angles"]
    conjugation: Float[Array, " angles"]


def angle_energy(
    angle: AngleParameters,
    atom: AtomParameters,
    general: GeneralParameters,
    *,
    species: Int[Array, " atoms"],
    bonds: Bonds,
    angles: Angles,
    vectors: BondVectors,
    orders: BondOrders,
    around: Coordination,
) -> AngleEnergies:
    """Energies of each angle at its present geometry and bond orders."""
    first, second = bonds.undirected(angles.first), bonds.undirected(angles.second)
    order_1, order_2 = orders.total[first], orders.total[second]
    a_1, a_2 = order_1 - BODY_ORDER, order_2 - BODY_ORDER
    p_val1 = angle.p_val1[angles.row]
    counts = (
        angles.mask
        & (a_1 > 0)
        & (a_2 > 0)
        & (order_1 * order_2 > ANGLE_ORDER_PRODUCT)
        & (abs(p_val1) > NO_CORRECTION)
    )
    a_1, a_2 = jnp.where(counts, a_1, 1.0), jnp.where(counts, a_2, 1.0)

    centre = angles.centre
    ends = bonds.end(angles.first), bonds.end(angles.second)
    theta_00 = angle.theta_00[angles.row]
    bend = _bending(angle, general, angles, vectors, theta_00, _sbo2_of(
        atom, general, species, bonds, orders, around)[centre])  # fmt: skip
    f8 = _f8(general, atom.p_val5[species[centre]], angle.p_val7[angles.row],
             around.delta_boc[centre])  # fmt: skip
    p_val3, p_val4 = atom.p_val3[species[centre]], angle.p_val4[angles.row]
    f7 = _f7(p_val3, p_val4, a_1) * _f7(p_val3, p_val4, a_2)
    values = AngleEnergies(
        angle=f7 * f8 * bend,
        penalty=angle.p_pen1[angles.row] * _penalty(general, around, centre, a_1, a_2),
        conjugation=angle.p_coa1[angles.row]
        * _conjugation(general, around, centre, ends, a_1, a_2),
    )
    return AngleEnergies(
        angle=jnp.where(counts, values.angle, 0.0),
        penalty=jnp.where(counts, values.penalty, 0.0),
        conjugation=jnp.where(counts, values.conjugation, 0.0),
    )


def _bending(angle, general, angles, vectors, theta_00, sbo2):
    """p_val1 {1 - exp[-p_val2 (theta_0 - theta)^2]}, or its negative form."""
    cosine, sine_squared = vectors.angle(angles.first, angles.second)
    deviation, deviation_squared = safe.from_straight(cosine, sine_squared)
    opening = theta_00 * (1.0 - jnp.exp(-general.p_val10 * (2.0 - sbo2)))
    # theta_0 = 180 degrees - opening; theta = pi - deviation.
    shift = DEGREE * (180.0 - opening) - jnp.pi
    square = shift * shift + 2.0 * shift * deviation + deviation_squared
    p_val1 = angle.p_val1[angles.row]
    well = jnp.exp(-angle.p_val2[angles.row] * square)
    return jnp.where(p_val1 >= 0, p_val1 * (1.0 - well), -p_val1 * well)


def _sbo2_of(atom, general, species, bonds, orders, around) -> Float[Array, " atoms"]:
    """The sum of pi orders around each atom, squeezed into 0 to 2."""
    pi = bonds.sum_over_atoms(orders.pi + orders.pipi, len(species))
    full = bonds.sum_over_atoms(orders.total**8, len(species))
    vacancy = jnp.where(around.lone_pair_excess >= 0, 0.0, around.lone_pairs)
    unbound = -around.delta_boc - general.p_val8 * vacancy
    sbo = pi + (1.0 - jnp.exp(-full)) * unbound
    low = safe.power(sbo, general.p_val9)
    high = 2.0 - safe.power(2.0 - sbo, general.p_val9)
    return jnp.where(sbo <= 1.0, low, high)


def _f7(p_val3, p_val4, a):
    return 1.0 - jnp.exp(-p_val3 * safe.power(a, p_val4))


def _f8(general, p_val5, p_val7, delta_boc):
    rise = safe.exp(general.p_val6 * delta_boc)
    fall = safe.exp(-p_val7 * delta_boc)
    return p_val5 - (p_val5 - 1.0) * (2.0 + rise) / (1.0 + rise + fall)


def _penalty(general, around, centre, a_1, a_2):
    delta = around.delta[centre]
    fall = safe.exp(-general.p_pen3 * delta)
    f9 = (2.0 + fall) / (1.0 + fall + safe.exp(general.p_pen4 * delta))
    return f9 * jnp.exp(-general.p_pen2 * ((a_1 - 2.0) ** 2 + (a_2 - 2.0) ** 2))


def _conjugation(general, around, centre, ends, a_1, a_2):
    rest = (around.order[ends[0]] - a_1) ** 2 + (around.order[ends[1]] - a_2) ** 2
    aromatic = (a_1 - 1.5) ** 2 + (a_2 - 1.5) ** 2
    valence = 1.0 + safe.exp(general.p_coa2 * around.delta_val[centre])
    return jnp.exp(-general.p_coa3 * rest - general.p_coa4 * aromatic) / valence
