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

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ase_reaxff_jax import safe
from ase_reaxff_jax.bond_orders import BondOrders
from ase_reaxff_jax.coordination import Coordination
from ase_reaxff_jax.geometry import BondVectors
from ase_reaxff_jax.mixing import GeneralParameters, TorsionParameters
from ase_reaxff_jax.topology import Bonds, Torsions
from ase_reaxff_jax.units import BODY_ORDER


class TorsionEnergies(eqx.Module):
    """The two energies of each torsion, kcal/mol; 0 on padding."""

    torsion: Float[Array, " torsions"]
    conjugation: Float[Array, " torsions"]


def torsion_energy(
    torsion: TorsionParameters,
    general: GeneralParameters,
    *,
    bonds: Bonds,
    torsions: Torsions,
    vectors: BondVectors,
    orders: BondOrders,
    around: Coordination,
) -> TorsionEnergies:
    """Energies of each torsion at its present geometry and bond orders."""
    three = (
        orders.total[bonds.undirected(torsions.first)],
        orders.total[torsions.centre],
        orders.total[bonds.undirected(torsions.last)],
    )
    counts = torsions.mask & (three[0] * three[1] * three[2] > BODY_ORDER)
    for order in three:
        counts &= order > BODY_ORDER
    a = [jnp.where(counts, order - BODY_ORDER, 1.0) for order in three]

    sines, cosine = vectors.dihedral(
        torsions.first, torsions.centre, torsions.last, counts
    )
    twist = _twist(torsion, general, bonds, torsions, orders, around, cosine)
    f10 = math.prod(1.0 - jnp.exp(-general.p_tor2 * x) for x in a)
    squares = sum((x - 1.5) ** 2 for x in a)
    planar = 1.0 + (cosine * cosine - 1.0) * sines
    f12 = jnp.exp(-general.p_cot2 * squares)
    conjugation = torsion.p_cot1[torsions.row] * f12 * planar
    return TorsionEnergies(
        torsion=jnp.where(counts, 0.5 * f10 * sines * twist, 0.0),
        conjugation=jnp.where(counts, conjugation, 0.0),
    )


def _twist(torsion, general, bonds, torsions, orders, around, cosine):
    """The sum of the three cosines with their barriers, kcal/mol."""
    row, b = torsions.row, torsions.centre
    s = around.delta_boc[bonds.i[b]] + around.delta_boc[bonds.j_atom[b]]
    fall = safe.exp(-general.p_tor3 * s)
    f11 = (2.0 + fall) / (1.0 + fall + safe.exp(general.p_tor4 * s))
    barrier = safe.exp(torsion.p_tor1[row] * (2.0 - orders.pi[b] - f11) ** 2)
    square = cosine * cosine
    return (
        torsion.V1[row] * (1.0 + cosine)
        + torsion.V2[row] * barrier * 2.0 * (1.0 - square)
        + torsion.V3[row] * (1.0 + cosine * (4.0 * square - 3.0))
    )
