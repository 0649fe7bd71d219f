r"""Torsions: rotation about a bond, and the conjugation of four atoms in a row.

    E_tors = f10 sin(theta_ijk) sin(theta_jkl) / 2 {V1 (1 + cos w)
             + V2 exp[p_tor1 (2 - BO_pi_jk - f11)^2] (1 - cos 2w) + V3 (1 + cos 3w)}
    E_conj = p_cot1 f12 [1 + (cos^2 w - 1) sin(theta_ijk) sin(theta_jkl)]

    f10 = prod (1 - exp[-p_tor2 A]),   f12 = exp[-p_cot2 sum (A - 1.5)^2]
    f11 = (2 + exp[-p_tor3 s]) / (1 + exp[-p_tor3 s] + exp[p_tor4 s])
    s   = Delta_boc_j + Delta_boc_k,   A = BO - 0.001 of each of the three bonds

w is the angle between the planes ijk and jkl; only its cosine is needed.
Source: Chenoweth et al., J. Phys. Chem. A 112, 1040 (2008), SI, equations 16 and 17.
"""

import math
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ase_reaxff_jax import safe
from ase_reaxff_jax.bond_orders import BondOrders
from ase_reaxff_jax.coordination import Coordination
from ase_reaxff_jax.geometry import BondVectors, dihedral
from ase_reaxff_jax.listed_sum import listed_sum, taken
from ase_reaxff_jax.mixing import GeneralParameters, TorsionParameters
from ase_reaxff_jax.topology import Bonds, Torsions
from ase_reaxff_jax.units import BODY_ORDER


class TorsionEnergies(eqx.Module):
    """The two energies of each torsion, kcal/mol; 0 on padding."""

    torsion: Float[Array, "*torsions"]
    conjugation: Float[Array, "*torsions"]


def torsion_energy(
    torsion: TorsionParameters, general: GeneralParameters, **structure
) -> TorsionEnergies:
    """Energies of each torsion at its present geometry and bond orders.

    The structure is given as `bonds`, `torsions`, and of the bonds and atoms `vectors`,
    `orders` and `around`.
    """
    parameters = torsion, general
    tables, rows, entries = _arguments(parameters, **structure)
    return _energies(parameters, taken(tables, rows), entries)


def torsion_sum(
    torsion: TorsionParameters,
    general: GeneralParameters,
    *,
    dtype: str | None = None,
    in_parts: bool = True,
    **structure,
) -> Float[Array, ""]:
    """Sum of all that `torsion_energy` gives, kcal/mol; see `listed_sum`."""
    parameters = torsion, general
    arguments = _arguments(parameters, **structure)
    return listed_sum(
        _total, parameters, *arguments, dtype=dtype, counts=_counts, in_parts=in_parts
    )


class _Outer(NamedTuple):
    """A directed bond, seen from the middle."""

    x: Float[Array, " n"]
    y: Float[Array, " n"]
    z: Float[Array, " n"]
    order: Float[Array, " n"]


class _Central(NamedTuple):
    """A bond in the middle."""

    x: Float[Array, " n"]
    y: Float[Array, " n"]
    z: Float[Array, " n"]
    order: Float[Array, " n"]
    shortage: Float[Array, " n"]  # 2 - BO_pi - f11


class _Entries(NamedTuple):
    """What else a torsion has."""

    row: Int[Array, " n"]
    mask: Bool[Array, " n"]


def _arguments(
    parameters,
    *,
    bonds: Bonds,
    torsions: Torsions,
    vectors: BondVectors,
    orders: BondOrders,
    around: Coordination,
) -> tuple[tuple, tuple, _Entries]:
    """Tables of bonds, where torsions stand in them, and the entries."""
    _, general = parameters
    s = around.delta_boc[bonds.i] + around.delta_boc[bonds.j_atom]
    fall = safe.exp(-general.p_tor3 * s)
    f11 = (2.0 + fall) / (1.0 + fall + safe.exp(general.p_tor4 * s))
    central = _Central(*vectors.components, orders.total, 2.0 - orders.pi - f11)
    outer = _Outer(*vectors.both_ways, jnp.tile(orders.total, 2))
    rows = torsions.first, torsions.centre, torsions.last
    return (outer, central, outer), rows, _Entries(torsions.row, torsions.mask)


def _total(parameters, here, entries: _Entries) -> Float[Array, " torsions"]:
    each = _energies(parameters, here, entries)
    return each.torsion + each.conjugation


def _counts(here, entries: _Entries) -> Bool[Array, " torsions"]:
    three = [bond.order for bond in here]
    counts = entries.mask & (math.prod(three) > BODY_ORDER)
    for order in three:
        counts &= order > BODY_ORDER
    return counts


def _energies(parameters, here, entries: _Entries) -> TorsionEnergies:
    torsion, general = parameters
    first, centre, last = here
    row = jax.tree.map(lambda x: x[entries.row], torsion)
    three = first.order, centre.order, last.order
    counts = _counts(here, entries)
    a = [jnp.where(counts, order - BODY_ORDER, 1.0) for order in three]

    sines, cosine = dihedral(first[:3], centre[:3], last[:3], counts)
    f10 = math.prod(1.0 - jnp.exp(-general.p_tor2 * x) for x in a)
    f12 = jnp.exp(-general.p_cot2 * sum((x - 1.5) ** 2 for x in a))
    planar = 1.0 + (cosine * cosine - 1.0) * sines
    values = TorsionEnergies(
        torsion=0.5 * f10 * sines * _twist(row, centre.shortage, cosine),
        conjugation=row.p_cot1 * f12 * planar,
    )
    return jax.tree.map(lambda x: jnp.where(counts, x, 0.0), values)


def _twist(row: TorsionParameters, shortage, cosine):
    """The sum of the three cosines with their barriers, kcal/mol."""
    barrier = safe.exp(row.p_tor1 * shortage**2)
    square = cosine * cosine
    return (
        row.V1 * (1.0 + cosine)
        + row.V2 * barrier * 2.0 * (1.0 - square)
        + row.V3 * (1.0 + cosine * (4.0 * square - 3.0))
    )
