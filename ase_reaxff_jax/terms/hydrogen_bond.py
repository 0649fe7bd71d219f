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
from jaxtyping import Array, Bool, Float, Int

from ase_reaxff_jax.bond_orders import BondOrders
from ase_reaxff_jax.geometry import BondVectors
from ase_reaxff_jax.mixing import HydrogenBondParameters
from ase_reaxff_jax.pairs import separations, sums_over_blocks
from ase_reaxff_jax.tangents import change_along, concrete, moves
from ase_reaxff_jax.topology import Bonds, HydrogenBonds
from ase_reaxff_jax.units import HYDROGEN_BOND_CUTOFF, HYDROGEN_BOND_ORDER


class _Geometry(NamedTuple):
    """What the energy depends on besides the parameters."""

    images: Float[Array, "images 3"]  # Å
    unit: Float[Array, "donors 3"]  # from the hydrogen to the donor
    order: Float[Array, " donors"]


class _Lists(NamedTuple):
    """Who takes part: a row for each bond of a hydrogen to a donor."""

    hydrogen: Int[Array, " donors"]
    acceptor: Int[Array, "donors acceptors"]  # images
    species: Int[Array, "donors acceptors"]  # of the acceptors
    row: Int[Array, "donors types"]  # of the parameters, by type of acceptor
    mask: Bool[Array, " donors"]


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
    listed = hydrogen_bonds
    order = orders.total[bonds.undirected(listed.donor)]
    # The image of padding is the one behind all others, far away.
    of_images = jnp.append(species[source], 0)
    return _Geometry(images, vectors.directed(listed.donor), order), _Lists(
        hydrogen=listed.hydrogen,
        acceptor=listed.acceptor,
        species=of_images[listed.acceptor],
        row=listed.row,
        mask=listed.mask,
    )


def _energies(hydrogen_bond, geometry: _Geometry, lists: _Lists):
    origins = geometry.images[lists.hydrogen]
    d = separations(geometry.images, origins, lists.acceptor)
    square, along = _products(d, geometry.unit)
    return _with_slopes(hydrogen_bond, lists, geometry.order, square, along)[0]


def _products(d, unit):
    """Products d d (Å^2) and d u (Å) of each hydrogen with each acceptor."""
    square = d[0] * d[0] + d[1] * d[1] + d[2] * d[2]
    along = d[0] * unit[:, 0, None] + d[1] * unit[:, 1, None] + d[2] * unit[:, 2, None]
    return square, along


def _with_slopes(hydrogen_bond, lists: _Lists, order, square, along):
    """Energy of each, and its derivatives by the order of the bond, d d and d u."""
    r0, p_hb1, p_hb2, p_hb3 = _of_acceptors(hydrogen_bond, lists)
    order = order[:, None]
    near = (square > 0) & (square <= HYDROGEN_BOND_CUTOFF**2)
    counts = near & lists.mask[:, None] & (order >= HYDROGEN_BOND_ORDER) & (r0 > 0)
    r = jnp.sqrt(jnp.where(near, square, 1.0))
    r0 = jnp.where(r0 > 0, r0, 1.0)
    weak = jnp.exp(-p_hb2 * order)
    stretch = jnp.exp(-p_hb3 * (r0 / r + r / r0 - 2.0))
    half_sine_squared = 0.5 * (1.0 - along / r)
    straight = jnp.where(counts, p_hb1 * stretch * half_sine_squared, 0.0)
    bent = (1.0 - weak) * straight  # what is still to be multiplied by sin^2(theta/2)
    by_stretch = half_sine_squared * p_hb3 * (r0 / (r * r) - 1.0 / r0)
    by_r = bent * (by_stretch + along / (r * r))
    return (
        bent * half_sine_squared,
        p_hb2 * weak * straight * half_sine_squared,
        by_r / (2.0 * r),
        -bent / r,
    )


def _of_acceptors(hydrogen_bond: HydrogenBondParameters, lists: _Lists):
    """The four parameters of each pair; r0 is -1 where the file has no row for it."""
    types = lists.row.shape[1]

    def chosen(values, absent):
        by_type = jnp.where(lists.row >= 0, values[lists.row], absent)
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
def _sum(hydrogen_bond, geometry: _Geometry, lists: _Lists) -> Float[Array, ""]:
    return _sum_and_gradient(hydrogen_bond, geometry, lists)[0]


@partial(_sum.defjvp, symbolic_zeros=True)
def _sum_jvp(primals, tangents):
    hydrogen_bond, geometry, lists = primals
    value, gradient = _sum_and_gradient(*primals)

    def of_parameters(hydrogen_bond):
        return jnp.sum(_energies(hydrogen_bond, geometry, lists))

    change = jnp.zeros_like(value)
    if moves(tangents[0]):
        change += change_along(of_parameters, (hydrogen_bond,), tangents[:1])
    if moves(tangents[1]):
        for slope, moved in zip(gradient, concrete(tangents[1]), strict=True):
            change += jnp.sum(slope * moved)
    return value, change


def _sum_and_gradient(hydrogen_bond, geometry: _Geometry, lists: _Lists):
    """The sum, and its derivatives by everything in the geometry."""
    images = geometry.images

    def added(sums, block):
        lists, origins, unit, order = block
        energy, *by_image = sums
        d = separations(images, origins, lists.acceptor)
        square, along = _products(d, unit)
        values, by_order, by_square, by_along = _with_slopes(
            hydrogen_bond, lists, order, square, along
        )
        both = zip(d, unit.T, strict=True)
        pulls = [2.0 * by_square * x + by_along * u[:, None] for x, u in both]
        by_image = [
            so_far.at[lists.acceptor].add(pull)
            for so_far, pull in zip(by_image, pulls, strict=True)
        ]
        by_row = (
            jnp.stack([-jnp.sum(pull, axis=1) for pull in pulls], axis=1),
            jnp.stack([jnp.sum(by_along * x, axis=1) for x in d], axis=1),
            jnp.sum(by_order, axis=1),
        )
        return (energy + jnp.sum(values), *by_image), by_row

    zero = jnp.zeros(len(images), images.dtype)
    rows = lists, images[lists.hydrogen], geometry.unit, geometry.order
    (energy, *by_image), (by_hydrogen, by_unit, by_order) = sums_over_blocks(
        added, (zero[0], zero, zero, zero), rows, entries=lists.acceptor.shape[1]
    )
    by_image = jnp.stack(by_image, axis=1).at[lists.hydrogen].add(by_hydrogen)
    return energy, _Geometry(by_image, by_unit, by_order)
