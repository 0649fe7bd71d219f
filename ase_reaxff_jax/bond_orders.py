r"""Bond orders: from distances, then corrected for over-coordination.

    BO'   = (1 + bo_cut) exp[p_bo1 (r/r_s)^p_bo2]
            + exp[p_bo3 (r/r_pi)^p_bo4] + exp[p_bo5 (r/r_pipi)^p_bo6]
    BO    = BO' f1 f4 f5,        BO_pi = BO'_pi f1^2 f4 f5  (and pipi)

A bond exists where BO' >= bo_cut and r <= 5 Å; bo_cut is then subtracted from it.
Source: Chenoweth, van Duin & Goddard, J. Phys. Chem. A 112, 1040 (2008), SI,
equations 2 to 4; bo_cut as in LAMMPS.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ase_reaxff_jax import safe
from ase_reaxff_jax.mixing import AtomParameters, BondParameters, GeneralParameters
from ase_reaxff_jax.topology import Bonds
from ase_reaxff_jax.units import (
    BODY_ORDER,
    BOND_CUTOFF,
    NEGLIGIBLE_ORDER,
    NO_CORRECTION,
)

CLOSER = 0.12  # Å, by which bonds are likely to shorten while lists are in use
GROWTH = 1.5  # of their orders besides, as other bonds of their atoms become weaker
WHATEVER = 1e9  # of f1, where there is no bound to it


class BondOrders(eqx.Module):
    """Orders of each bond; 0 on padding and where there is no bond."""

    total: Float[Array, " bonds"]
    sigma: Float[Array, " bonds"]
    pi: Float[Array, " bonds"]
    pipi: Float[Array, " bonds"]


def bond_orders(
    bond: BondParameters,
    atom: AtomParameters,
    general: GeneralParameters,
    *,
    species: Int[Array, " atoms"],
    bonds: Bonds,
    r: Float[Array, " bonds"],
) -> BondOrders:
    """Corrected bond orders at the distances `r` (Å)."""
    pair = species[bonds.i], species[bonds.j_atom]
    raw = uncorrected(bond, general, pair, r, bonds.mask)
    sums = bonds.sum_over_atoms(raw.total, len(species))
    return _corrected(bond, atom, general, species, bonds, raw, sums)


def uncorrected(
    bond: BondParameters,
    general: GeneralParameters,
    pair: tuple[Int[Array, " n"], Int[Array, " n"]],
    r: Float[Array, " n"],
    mask: Bool[Array, " n"],
) -> BondOrders:
    """Orders that the distance alone gives, less the cutoff; 0 where no bond is."""

    def part(radius, scale, exponent):
        present = radius > 0
        ratio = r / jnp.where(present, radius, 1.0)
        return jnp.where(present, jnp.exp(scale * safe.power(ratio, exponent)), 0.0)

    bo_cut = general.bo_cut
    sigma = part(bond.r_s[pair], bond.p_bo1[pair], bond.p_bo2[pair])
    sigma = (1.0 + bo_cut) * sigma
    pi = part(bond.r_pi[pair], bond.p_bo3[pair], bond.p_bo4[pair])
    pipi = part(bond.r_pipi[pair], bond.p_bo5[pair], bond.p_bo6[pair])
    total = sigma + pi + pipi
    bonded = mask & bond.exists[pair] & (r <= BOND_CUTOFF) & (total >= bo_cut)
    return BondOrders(
        total=jnp.where(bonded, total - bo_cut, 0.0),
        sigma=jnp.where(bonded, sigma - bo_cut, 0.0),
        pi=jnp.where(bonded, pi, 0.0),
        pipi=jnp.where(bonded, pipi, 0.0),
    )


def _corrected(
    bond, atom, general, species, bonds, raw: BondOrders, sums: Float[Array, " atoms"]
) -> BondOrders:
    """The orders, with the corrections of atoms that have such sums of raw orders."""
    pair = species[bonds.i], species[bonds.j_atom]
    delta = sums - atom.valency[species]
    delta_boc = sums - atom.valency_val[species]

    over = bond.ovc[pair] >= NO_CORRECTION
    f1 = jnp.where(over, _f1(general, atom.valency[species], delta, bonds), 1.0)
    v13 = bond.v13cor[pair] >= NO_CORRECTION
    f45 = jnp.where(v13, _f4_f5(bond, pair, raw.total, delta_boc, bonds), 1.0)

    order = raw.total * f1 * f45
    pi = raw.pi * f1 * f1 * f45
    pipi = raw.pipi * f1 * f1 * f45
    sigma = jnp.where(over | v13, order - pi - pipi, raw.sigma)

    def negligible_is_zero(x):
        return jnp.where(x < NEGLIGIBLE_ORDER, 0.0, x)

    return BondOrders(
        total=negligible_is_zero(order),
        sigma=negligible_is_zero(sigma),
        pi=negligible_is_zero(pi),
        pipi=negligible_is_zero(pipi),
    )


def _f1(general, valency, delta, bonds: Bonds) -> Float[Array, " bonds"]:
    """Correction for the over-coordination of both atoms."""
    i, j = bonds.i, bonds.j_atom
    p_boc1, p_boc2 = general.p_boc1, general.p_boc2
    near = safe.exp(-p_boc1 * delta)
    f2 = near[i] + near[j]
    # The soft minimum of the two deltas.
    f3 = (jnp.log(2.0) - jnp.logaddexp(-p_boc2 * delta[i], -p_boc2 * delta[j])) / p_boc2
    valency_i, valency_j = valency[i] + f2, valency[j] + f2
    return 0.5 * (valency_i / (valency_i + f3) + valency_j / (valency_j + f3))


def _f4_f5(bond, pair, order, delta_boc, bonds: Bonds) -> Float[Array, " bonds"]:
    """Correction of 1-3 bonds."""
    p_boc3, p_boc4, p_boc5 = bond.p_boc3[pair], bond.p_boc4[pair], bond.p_boc5[pair]
    square = p_boc4 * order * order

    def factor(delta):
        return 1.0 / (1.0 + safe.exp(-p_boc3 * (square - delta) + p_boc5))

    return factor(delta_boc[bonds.i]) * factor(delta_boc[bonds.j_atom])


def order_bound(
    bond: BondParameters,
    general: GeneralParameters,
    pair: tuple[Int[Array, " n"], Int[Array, " n"]],
    r: Float[Array, " n"],
    mask: Bool[Array, " n"],
    *,
    skin: Float[Array, ""] | float,
) -> Float[Array, " n"]:
    """No corrected order exceeds this while the distance stays above r - skin.

    0 where there can be no bond. f4 and f5 are at most 1. f1 is at most
    1 / (1 - s), s = max_a a exp(-p_boc1 a) = 1 / (e p_boc1), because the soft
    minimum of the deltas is at least the smaller one. Where p_boc1 is so small that s
    is no less than 1, nothing is excluded: f1 has poles there.
    """
    closest = jnp.maximum(r - skin, 0.1 * r)
    raw = uncorrected(bond, general, pair, closest, mask)
    steepness = jnp.e * general.p_boc1  # 1 / s
    bounded = steepness > 1.0
    largest = steepness / jnp.where(bounded, steepness - 1.0, 1.0)
    largest = jnp.where(bounded, jnp.minimum(largest, WHATEVER), WHATEVER)
    bonded = raw.total + raw.sigma + raw.pi + raw.pipi != 0
    return jnp.where(bonded, jnp.maximum(raw.total, 1e-12) * largest, 0.0)


def order_limits(
    bond: BondParameters,
    atom: AtomParameters,
    general: GeneralParameters,
    *,
    species: Int[Array, " atoms"],
    bonds: Bonds,
    r: Float[Array, " bonds"],
    skin: Float[Array, ""] | float,
    closer: float | None = None,
) -> tuple[Float[Array, " bonds"], Float[Array, " bonds"]]:
    """`order_bound` of each bond, and within it what it is not likely to exceed soon.

    Where atoms have many neighbours, those keep the weaker bonds far below the bound,
    which holds for every way that the atoms could move. Likely is a distance shorter by
    `closer`, Å, among the other bonds as they are; None: `CLOSER`.
    """
    pair = species[bonds.i], species[bonds.j_atom]
    bound = order_bound(bond, general, pair, r, bonds.mask, skin=skin)
    now = uncorrected(bond, general, pair, r, bonds.mask)
    sums = bonds.sum_over_atoms(now.total, len(species))
    closer = CLOSER if closer is None else closer
    then = uncorrected(
        bond, general, pair, jnp.maximum(r - closer, 0.1 * r), bonds.mask
    )
    # In a crowd its other bonds keep one that becomes stronger as weak as they do now.
    orders = [
        _corrected(bond, atom, general, species, bonds, raw, sums).total
        for raw in (now, then)
    ]
    likely = jnp.maximum(GROWTH * jnp.maximum(*orders), BODY_ORDER)
    return bound, jnp.minimum(bound, likely)


def bond_reach(
    bond: BondParameters, general: GeneralParameters
) -> Float[Array, "types types"]:
    """Distance (Å) beyond which each pair of elements has no bond."""
    step = BOND_CUTOFF / 1000
    grid = step * jnp.arange(1, 1001, dtype=bond.r_s.dtype)
    types = bond.r_s.shape[0]
    pair = jnp.divmod(jnp.arange(types * types), types)

    def bonded(r):
        mask = jnp.ones(types * types, bool)
        orders = uncorrected(bond, general, pair, jnp.full(types * types, r), mask)
        return jnp.where(abs(orders.total) + abs(orders.sigma) > 0, r, 0.0)

    reach = jnp.max(jax.vmap(bonded)(grid), axis=0).reshape(types, types)
    return jnp.where(reach > 0, jnp.minimum(reach + step, BOND_CUTOFF), 0.0)
