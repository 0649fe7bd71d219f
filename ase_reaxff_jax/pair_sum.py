"""The sum over pairs, with its derivative in closed form from the same pass.

The pair energies are functions of the distance; the chain rule beyond that is written
out here, which is several times as fast as to transpose the sum.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ase_reaxff_jax.mixing import Parameters
from ase_reaxff_jax.options import Options
from ase_reaxff_jax.pairs import (
    HalfList,
    distances,
    of_pairs,
    of_type,
    separations,
    sums_over_blocks,
)
from ase_reaxff_jax.tangents import change_along, moves
from ase_reaxff_jax.taper import taper
from ase_reaxff_jax.terms.coulomb import inverse_distance
from ase_reaxff_jax.terms.van_der_waals import van_der_waals_energy
from ase_reaxff_jax.units import COULOMB, COULOMB_CHARGES, KCAL_PER_EV


def van_der_waals_of_pairs(
    options: Options,
    parameters: Parameters,
    images: Float[Array, "images 3"],
    pairs: HalfList,
) -> Float[Array, "atoms width"]:
    """Van der Waals energy of every pair, kcal/mol."""
    parameters = of_type(parameters, options.pair_dtype)
    r, general = distances(images, pairs, options.pair_dtype), parameters.general
    tapered = taper(r, general.swa, general.swb)
    pair = of_pairs(parameters.pair, pairs)
    return van_der_waals_energy(pair, general, r=r, tapered=tapered, options=options)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def pair_sum(options: Options, weights, images, pairs: HalfList) -> Float[Array, ""]:
    """Van der Waals and Coulomb energy, less the conditions on the charges, kcal/mol.

    `weights` are the parameters, the charges q and their multipliers l: the Coulomb
    part of a pair is f (332 q_i q_j - 23.02 14.4 (q_i l_j + l_i q_j)).
    """
    return _sum_and_gradient(options, weights, images, pairs)[0]


@partial(pair_sum.defjvp, symbolic_zeros=True)
def _pair_sum_jvp(options, primals, tangents):
    weights, images, pairs = primals
    value, gradient = _sum_and_gradient(options, weights, images, pairs)

    def of_weights(weights):
        rows = pairs, weights[1], weights[2]
        r = distances(images, pairs)
        return jnp.sum(_weighted(options, weights, rows, r))

    change = jnp.zeros_like(value)
    if moves(tangents[0]):
        change += change_along(of_weights, (weights,), tangents[:1])
    if moves(tangents[1]):
        change += jnp.sum(gradient * tangents[1])
    return value, change


def _sum_and_gradient(options, weights, images, pairs: HalfList):
    """The sum, and its derivative by the positions of all images."""
    weights = of_type(weights, options.pair_dtype)

    def added(sums, block):
        (pairs, *charges), origins = block
        energy, *by_image = sums
        x, y, z = separations(images, origins, pairs.image, options.pair_dtype)
        r = jnp.sqrt(x * x + y * y + z * z)
        energies = partial(_weighted, options, weights, (pairs, *charges))
        values, slopes = jax.jvp(energies, (r,), (jnp.ones_like(r),))
        # Sums of rounded pulls are not rounded again, so that they cancel in pairs.
        pulls = [(slopes / r * d).astype(images.dtype) for d in (x, y, z)]
        by_image = [
            so_far.at[pairs.image].add(pull)
            for so_far, pull in zip(by_image, pulls, strict=True)
        ]
        rows = jnp.stack([jnp.sum(pull, axis=1) for pull in pulls], axis=1)
        return (energy + jnp.sum(values, dtype=energy.dtype), *by_image), rows

    count, width = pairs.image.shape
    zero = jnp.zeros(len(images), images.dtype)
    rows = (pairs, weights[1], weights[2]), images[:count]
    none = jnp.zeros((), images.dtype)
    (energy, *by_image), by_row = sums_over_blocks(
        added, (none, zero, zero, zero), rows, entries=width
    )
    gradient = jnp.stack(by_image, axis=1).at[:count].add(-by_row)
    return energy, gradient


def _weighted(options, weights, rows, r) -> Float[Array, "rows width"]:
    """Energy of every pair of some rows, with the conditions on the charges."""
    parameters, q, adjoint = weights
    pairs, q_i, adjoint_i = rows
    general, pair = parameters.general, of_pairs(parameters.pair, pairs)
    tapered = taper(r, general.swa, general.swb)
    q_j, adjoint_j = q[pairs.atom], adjoint[pairs.atom]
    condition = q_i[:, None] * adjoint_j + adjoint_i[:, None] * q_j
    weight = COULOMB * q_i[:, None] * q_j - KCAL_PER_EV * COULOMB_CHARGES * condition
    return van_der_waals_energy(
        pair, general, r=r, tapered=tapered, options=options
    ) + weight * inverse_distance(pair.gamma, r=r, tapered=tapered)
