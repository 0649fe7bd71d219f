r"""Hydrogen bonds: donor i, hydrogen j, acceptor k.

    E_hb = p_hb1 (1 - exp[-p_hb2 BO_ij]) exp[-p_hb3 (r0/r_jk + r_jk/r0 - 2)]
           sin^4(theta_ijk / 2)

for BO_ij >= 0.01 and r_jk <= 7.5 Å, untapered.
Source: Chenoweth et al., J. Phys. Chem. A 112, 1040 (2008), SI, equation 18.

`hydrogen_bond_sum` is their sum with first derivatives in closed form: with d from the
hydrogen to the acceptor and u along the bond to the donor, E depends on d d and d u
only, and its two slopes give everything.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ase_reaxff_jax.bond_orders import BondOrders
from ase_reaxff_jax.geometry import BondVectors
from ase_reaxff_jax.mixing import HydrogenBondParameters
from ase_reaxff_jax.pairs import alone
from ase_reaxff_jax.tangents import change_along, concrete, moves
from ase_reaxff_jax.topology import Bonds, HydrogenBonds
from ase_reaxff_jax.units import HYDROGEN_BOND_CUTOFF, HYDROGEN_BOND_ORDER


class _Geometry(NamedTuple):
    """What the energy depends on besides the parameters."""

    images: Float[Array, "images 3"]  # Å
    unit: Float[Array, "donors 3"]  # from the hydrogen to the donor
    order: Float[Array, " donors"]


class _Lists(NamedTuple):
    """Who takes part."""

    hydrogen_bonds: HydrogenBonds
    species: Int[Array, "donors acceptors"]  # of the acceptors


def hydrogen_bond_energy(
    hydrogen_bond: HydrogenBondParameters, **structure
) -> Float[Array, "donors acceptors"]:
    """Energy of each hydrogen bond, kcal/mol; 0 on padding.

    The structure is given as `species`, `bonds`, `hydrogen_bonds`, `source` (atom of
    each image), `vectors` and `orders` of the bonds, and `images` (positions, Å).
    """
    geometry, lists = _arguments(**structure)
    return _energies(hydrogen_bond, geometry, lists)


def hydrogen_bond_sum(
    hydrogen_bond: HydrogenBondParameters, **structure
) -> Float[Array, ""]:
    """Sum of `hydrogen_bond_energy`, kcal/mol."""
    return _sum(hydrogen_bond, *_arguments(**structure))


def _arguments(
    *,
    species: Int[Array, " atoms"],
    source: Int[Array, " real_images"],
    bonds: Bonds,
    hydrogen_bonds: HydrogenBonds,
    vectors: BondVectors,
    orders: BondOrders,
    images: Float[Array, "images 3"],
) -> tuple[_Geometry, _Lists]:
    donor = hydrogen_bonds.donor
    order = orders.total[bonds.undirected(donor)]
    # The image of padding is the one behind all others, far away.
    of_images = jnp.append(species[source], 0)
    return (
        _Geometry(images, vectors.directed(donor), order),
        _Lists(hydrogen_bonds, of_images[hydrogen_bonds.acceptor]),
    )


def _energies(hydrogen_bond, geometry: _Geometry, lists: _Lists):
    return _from_products(hydrogen_bond, geometry, lists, *_products(geometry, lists))


def _products(geometry: _Geometry, lists: _Lists):
    """Products d d (Å^2) and d u (Å) of each hydrogen with each acceptor."""
    square, along = 0.0, 0.0
    for d, u in zip(_separations(geometry, lists), geometry.unit.T, strict=True):
        square, along = square + d * d, along + d * u[:, None]
    return square, along


def _separations(geometry: _Geometry, lists: _Lists) -> list:
    """From each hydrogen to its acceptors: x, y and z, Å."""
    listed = lists.hydrogen_bonds
    return [x[listed.acceptor] - x[listed.hydrogen][:, None] for x in geometry.images.T]


def _from_products(hydrogen_bond, geometry, lists: _Lists, square, along):
    """Energy of each, from d d and d u."""
    r0, p_hb1, p_hb2, p_hb3 = _of_acceptors(hydrogen_bond, lists)
    order = geometry.order[:, None]
    near = (square > 0) & (square <= HYDROGEN_BOND_CUTOFF**2)
    counts = (
        lists.hydrogen_bonds.mask[:, None]
        & (order >= HYDROGEN_BOND_ORDER)
        & near
        & (r0 > 0)
    )
    r = jnp.sqrt(jnp.where(near, square, 1.0))
    r0 = jnp.where(r0 > 0, r0, 1.0)
    half_sine_squared = 0.5 * (1.0 - along / r)
    energy = (
        p_hb1
        * (1.0 - jnp.exp(-p_hb2 * order))
        * jnp.exp(-p_hb3 * (r0 / r + r / r0 - 2.0))
        * half_sine_squared**2
    )
    return jnp.where(counts, energy, 0.0)


def _of_acceptors(hydrogen_bond: HydrogenBondParameters, lists: _Lists):
    """The four parameters of each pair; r0 is -1 where the file has no row for it."""
    row = lists.hydrogen_bonds.row
    types = row.shape[1]

    def chosen(values, absent):
        by_type = jnp.where(row >= 0, values[row], absent)
        value = by_type[:, -1:]
        for k in range(types - 1):
            value = jnp.where(lists.species == k, by_type[:, k, None], value)
        return value

    return (
        chosen(hydrogen_bond.r0_hb, -1.0),
        chosen(hydrogen_bond.p_hb1, 0.0),
        chosen(hydrogen_bond.p_hb2, 0.0),
        chosen(hydrogen_bond.p_hb3, 0.0),
    )


@jax.custom_jvp
def _sum(hydrogen_bond, geometry, lists) -> Float[Array, ""]:
    return alone(_plain_sum, hydrogen_bond, geometry, lists)


@partial(_sum.defjvp, symbolic_zeros=True)
def _sum_jvp(primals, tangents):
    hydrogen_bond, geometry, lists = primals

    def of_parameters(hydrogen_bond):
        return _plain_sum(hydrogen_bond, geometry, lists)

    change = change_along(of_parameters, (hydrogen_bond,), tangents[:1])
    if moves(tangents[1]):
        gradient = _gradient(hydrogen_bond, geometry, lists)
        for slope, moved in zip(gradient, concrete(tangents[1]), strict=True):
            change += jnp.sum(slope * moved)
    return _sum(*primals), change


def _plain_sum(hydrogen_bond, geometry, lists) -> Float[Array, ""]:
    return jnp.sum(_energies(hydrogen_bond, geometry, lists))


def _gradient(hydrogen_bond, geometry: _Geometry, lists: _Lists) -> _Geometry:
    arguments = hydrogen_bond, geometry, lists
    by_square = alone(partial(_slope, (1.0, 0.0)), *arguments)
    by_along = alone(partial(_slope, (0.0, 1.0)), *arguments)
    return alone(_collected, by_square, by_along, geometry, lists)._replace(
        order=alone(_by_order, *arguments)
    )


def _slope(direction, hydrogen_bond, geometry, lists):
    """Slope of each energy by d d, or by d u."""
    energies = partial(_from_products, hydrogen_bond, geometry, lists)
    square, along = _products(geometry, lists)
    moved = tuple(jnp.full_like(square, x) for x in direction)
    return jax.jvp(energies, (square, along), moved)[1]


def _by_order(hydrogen_bond, geometry, lists) -> Float[Array, " donors"]:
    def rows(order):
        moved = geometry._replace(order=order)
        return jnp.sum(_energies(hydrogen_bond, moved, lists), axis=1)

    order = geometry.order
    return jax.jvp(rows, (order,), (jnp.ones_like(order),))[1]


def _collected(by_square, by_along, geometry: _Geometry, lists: _Lists) -> _Geometry:
    """Derivatives by positions and directions; by the orders, nothing."""
    listed = lists.hydrogen_bonds
    by_image, by_unit = [], []
    for d, u in zip(_separations(geometry, lists), geometry.unit.T, strict=True):
        pull = 2.0 * by_square * d + by_along * u[:, None]
        ends = jnp.zeros(len(geometry.images), pull.dtype).at[listed.acceptor].add(pull)
        by_image.append(ends.at[listed.hydrogen].add(-jnp.sum(pull, axis=1)))
        by_unit.append(jnp.sum(by_along * d, axis=1))
    return _Geometry(
        jnp.stack(by_image, axis=1),
        jnp.stack(by_unit, axis=1),
        jnp.zeros_like(geometry.order),
    )
