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

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ase_reaxff_jax import safe
from ase_reaxff_jax.bond_orders import BondOrders
from ase_reaxff_jax.coordination import Coordination
from ase_reaxff_jax.geometry import BondVectors, cross, dot
from ase_reaxff_jax.listed_sum import listed_sum, taken
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

    angle: Float[Array, "*angles"]
    penalty: Float[Array, "*angles"]
    conjugation: Float[Array, "*angles"]


def angle_energy(
    angle: AngleParameters,
    atom: AtomParameters,
    general: GeneralParameters,
    **structure,
) -> AngleEnergies:
    """Energies of each angle at its present geometry and bond orders.

    The structure is given as `species`, `bonds`, `angles`, and of the bonds and atoms
    `vectors`, `orders` and `around`.
    """
    parameters = angle, atom, general
    tables, rows, entries = _arguments(parameters, **structure)
    return _energies(parameters, taken(tables, rows), entries)


def angle_sum(
    angle: AngleParameters,
    atom: AtomParameters,
    general: GeneralParameters,
    *,
    dtype: str | None = None,
    in_parts: bool = True,
    **structure,
) -> Float[Array, ""]:
    """Sum of all that `angle_energy` gives, kcal/mol; see `listed_sum`."""
    parameters = angle, atom, general
    arguments = _arguments(parameters, **structure)
    return listed_sum(
        _total, parameters, *arguments, dtype=dtype, counts=_strong, in_parts=in_parts
    )


class _Arm(NamedTuple):
    """A directed bond, seen from where it begins."""

    x: Float[Array, " n"]
    y: Float[Array, " n"]
    z: Float[Array, " n"]
    order: Float[Array, " n"]
    sum: Float[Array, " n"]  # S of the atom at its end


class _Centre(NamedTuple):
    """What the angles at an atom have in common."""

    delta_boc: Float[Array, " n"]
    opening: Float[Array, " n"]  # share of theta_00 that theta_0 is short of straight
    f9: Float[Array, " n"]
    valence: Float[Array, " n"]  # 1 + exp(p_coa2 Delta_val)


class _Entries(NamedTuple):
    """What else an angle has."""

    row: Int[Array, " n"]
    kind: Int[Array, " n"]  # species of the centre
    mask: Bool[Array, " n"]


def _arguments(
    parameters,
    *,
    species: Int[Array, " atoms"],
    bonds: Bonds,
    angles: Angles,
    vectors: BondVectors,
    orders: BondOrders,
    around: Coordination,
) -> tuple[tuple, tuple, _Entries]:
    """Tables of bonds and atoms, where angles stand in them, and the entries."""
    _, atom, general = parameters
    ends = jnp.concatenate([bonds.j_atom, bonds.i])
    arms = _Arm(*vectors.both_ways, jnp.tile(orders.total, 2), around.order[ends])
    fall = safe.exp(-general.p_pen3 * around.delta)
    sbo2 = _sbo2_of(atom, general, species, bonds, orders, around)
    centres = _Centre(
        delta_boc=around.delta_boc,
        opening=1.0 - jnp.exp(-general.p_val10 * (2.0 - sbo2)),
        f9=(2.0 + fall) / (1.0 + fall + safe.exp(general.p_pen4 * around.delta)),
        valence=1.0 + safe.exp(general.p_coa2 * around.delta_val),
    )
    rows = angles.first, angles.second, angles.centre
    entries = _Entries(angles.row, species[angles.centre], angles.mask)
    return (arms, arms, centres), rows, entries


def _total(parameters, here, entries: _Entries) -> Float[Array, " angles"]:
    each = _energies(parameters, here, entries)
    return each.angle + each.penalty + each.conjugation


def _strong(here, entries: _Entries) -> Bool[Array, " angles"]:
    """Whether both bonds are strong enough."""
    one, other = here[0].order, here[1].order
    both = (one > BODY_ORDER) & (other > BODY_ORDER)
    return entries.mask & both & (one * other > ANGLE_ORDER_PRODUCT)


def _energies(parameters, here, entries: _Entries) -> AngleEnergies:
    angle, atom, general = parameters
    first, second, at = here
    row = jax.tree.map(lambda x: x[entries.row], angle)
    p_val3, p_val5 = atom.p_val3[entries.kind], atom.p_val5[entries.kind]
    a_1, a_2 = first.order - BODY_ORDER, second.order - BODY_ORDER
    counts = _strong(here, entries) & (abs(row.p_val1) > NO_CORRECTION)
    a_1, a_2 = jnp.where(counts, a_1, 1.0), jnp.where(counts, a_2, 1.0)

    f7 = _f7(p_val3, row.p_val4, a_1) * _f7(p_val3, row.p_val4, a_2)
    # Not of atoms, where it may be too large for the precision of the angles.
    rise = safe.exp(general.p_val6 * at.delta_boc)
    fall = safe.exp(-row.p_val7 * at.delta_boc)
    f8 = p_val5 - (p_val5 - 1.0) * (2.0 + rise) / (1.0 + rise + fall)
    values = AngleEnergies(
        angle=f7 * f8 * _bending(row, at.opening, first, second),
        penalty=row.p_pen1 * at.f9 * _doubly(general, a_1, a_2),
        conjugation=row.p_coa1
        * _conjugated(general, first.sum - a_1, second.sum - a_2, a_1, a_2)
        / at.valence,
    )
    return jax.tree.map(lambda x: jnp.where(counts, x, 0.0), values)


def _bending(row: AngleParameters, opening, first: _Arm, second: _Arm):
    """p_val1 {1 - exp[-p_val2 (theta_0 - theta)^2]}, or its negative form."""
    ways = first[:3], second[:3]
    normal = cross(*ways)
    deviation, deviation_squared = safe.from_straight(dot(*ways), dot(normal, normal))
    # theta_0 = 180 degrees - opening theta_00; theta = pi - deviation.
    shift = DEGREE * (180.0 - row.theta_00 * opening) - jnp.pi
    square = shift * shift + 2.0 * shift * deviation + deviation_squared
    well = jnp.exp(-row.p_val2 * square)
    return jnp.where(row.p_val1 >= 0, row.p_val1 * (1.0 - well), -row.p_val1 * well)


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


def _doubly(general, a_1, a_2):
    return jnp.exp(-general.p_pen2 * ((a_1 - 2.0) ** 2 + (a_2 - 2.0) ** 2))


def _conjugated(general, rest_1, rest_2, a_1, a_2):
    aromatic = (a_1 - 1.5) ** 2 + (a_2 - 1.5) ** 2
    return jnp.exp(
        -general.p_coa3 * (rest_1**2 + rest_2**2) - general.p_coa4 * aromatic
    )
