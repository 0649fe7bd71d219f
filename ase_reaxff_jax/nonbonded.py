r"""Everything between pairs of atoms: van der Waals, Coulomb, and the charges.

`pair_energies` is the readable form. `non_bonded_energy` is the same sum with first
derivatives in closed form, from one pass over the pairs. With the charges q of

    E(R, q),   H(R) q + mu = -chi

and the adjoint vector l of  H l + nu = (dE/dq + mu) / 23.02,  the derivative of

    E(R, q) - 23.02 l (H(R) q + chi)    at fixed q and l

is the total derivative of the energy: neither dq/dR nor dl/dR is needed. In the
fixed-charge form (`charge_response=False`) l is zero.
"""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ase_reaxff_jax.charges.eem import (
    ChargeEquations,
    Equilibrated,
    electronegativity,
    solver_of,
)
from ase_reaxff_jax.mixing import Parameters
from ase_reaxff_jax.neighbors import Neighbors, image_positions
from ase_reaxff_jax.options import Options
from ase_reaxff_jax.pairs import (
    HalfList,
    alone,
    distances,
    half_list,
    of_pairs,
    separations,
    sums_over_blocks,
)
from ase_reaxff_jax.system import System
from ase_reaxff_jax.tangents import change_along, moves, none_of, value_and_change
from ase_reaxff_jax.taper import taper
from ase_reaxff_jax.terms.coulomb import (
    charge_energy,
    coulomb_energy,
    inverse_distance,
)
from ase_reaxff_jax.terms.van_der_waals import van_der_waals_energy
from ase_reaxff_jax.units import COULOMB, COULOMB_CHARGES, KCAL_PER_EV


class Solution(eqx.Module):
    """Charges, and how well their equations were solved. Without derivatives."""

    charges: Float[Array, " atoms"]  # e
    adjoint: Float[Array, " atoms"]  # e; 0 where no derivative was asked for
    residual: Float[Array, ""]  # relative
    iterations: Int[Array, ""]
    converged: Bool[Array, ""]
    indefinite: Bool[Array, ""]
    worst_atom: Int[Array, ""]


class PairEnergies(eqx.Module):
    """Non-bonded energies, kcal/mol; 0 on padding."""

    van_der_waals: Float[Array, "atoms width"]
    coulomb: Float[Array, "atoms width"]
    charge: Float[Array, " atoms"]


def pair_energies(
    parameters: Parameters,
    system: System,
    neighbors: Neighbors,
    options: Options,
    guess: Float[Array, "2 atoms"],
) -> tuple[PairEnergies, Solution]:
    """The energy of every pair, and of charging every atom; plainly differentiable."""
    images = image_positions(system.positions, system.cell, neighbors)
    pairs = half_list(neighbors.far, neighbors.source, system.species)
    equations = _equations(parameters, images, pairs, system.mask)
    solved, _ = _charges(parameters, system, equations, options, guess)
    q = solved.x if options.charge_response else jax.lax.stop_gradient(solved.x)
    return PairEnergies(
        van_der_waals=_van_der_waals(parameters, images, pairs, options),
        coulomb=coulomb_energy(equations.inverse, q, q[pairs.atom]),
        charge=jnp.where(
            system.mask,
            charge_energy(parameters.atom, species=system.species, charges=q),
            0.0,
        ),
    ), _solution(solved, jnp.zeros_like(q))


def non_bonded_energy(
    parameters: Parameters,
    system: System,
    neighbors: Neighbors,
    options: Options,
    guess: Float[Array, "2 atoms"],
) -> tuple[Float[Array, ""], Solution]:
    """Sum of all non-bonded energies, kcal/mol, and the charges.

    `guess` has charges and adjoint vector to start an iterative solution from, or the
    charges themselves where the charge model is "fixed".
    """
    if options.implementation == "reference":
        energies, solution = pair_energies(
            parameters, system, neighbors, options, guess
        )
        parts = [jnp.sum(part) for part in jax.tree.leaves(energies)]
        return jnp.sum(jnp.stack(parts)), solution
    images = image_positions(system.positions, system.cell, neighbors)
    pairs = half_list(neighbors.far, neighbors.source, system.species)
    state = (images, system.total_charge)
    return _energy(options, parameters, state, pairs, system.mask, guess)


# Derivative of the whole: by the adjoint vector.


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _energy(options: Options, parameters, state, pairs, mask, guess):
    images, _ = state
    parts, solved, _ = _solved(options, parameters, state, pairs, mask, guess)
    van_der_waals = alone(
        partial(_van_der_waals_sum, options), parameters, images, pairs
    )
    return parts.total() + van_der_waals, _solution(solved, jnp.zeros_like(solved.x))


@partial(_energy.defjvp, symbolic_zeros=True)
def _energy_jvp(options, primals, tangents):
    parameters, state, pairs, mask, guess = primals
    parts, solved, scale = _solved(options, parameters, state, pairs, mask, guess)
    response = None
    adjoint, nu = jnp.zeros_like(solved.x), jnp.zeros_like(solved.mu)
    if options.charge_model == "eem" and options.charge_response:
        excess = (COULOMB / KCAL_PER_EV - COULOMB_CHARGES) * parts.potential
        solve = solver_of(parts.equations, options)
        response = solve(excess, jnp.zeros_like(state[1]), scale, guess[1])
        adjoint, nu = response.x, response.mu - solved.mu

    def at_fixed_charges(parameters, state):
        fixed = solved.x, adjoint, solved.mu, nu
        return _lagrangian(options, parameters, state, pairs, mask, *fixed)

    lagrangian, change = value_and_change(
        at_fixed_charges, (parameters, state), tangents[:2]
    )
    energy = lagrangian + parts.conditions(adjoint, solved.mu, nu, state[1])
    solution = _solution(solved, adjoint, response)
    return (energy, solution), (change, none_of(solution))


class _Parts(eqx.Module):
    """Energies of the charges, and what they follow from."""

    equations: ChargeEquations
    charges: Float[Array, " atoms"]
    chi: Float[Array, " atoms"]
    potential: Float[Array, " atoms"]  # sum_j f_ij q_j, e/Å
    charging: Float[Array, " atoms"]  # kcal/mol

    def total(self) -> Float[Array, ""]:
        """Coulomb energy and that of charging the atoms, kcal/mol."""
        coulomb = 0.5 * COULOMB * jnp.sum(self.charges * self.potential)
        return coulomb + jnp.sum(self.charging)

    def conditions(self, adjoint, mu, nu, total_charge) -> Float[Array, ""]:
        """What the Lagrangian has subtracted from the energy, kcal/mol."""
        q, diagonal = self.charges, self.equations.diagonal
        left = self.chi + diagonal * q + COULOMB_CHARGES * self.potential + mu
        left = jnp.where(self.equations.mask, left, 0.0)
        charge = jnp.sum(q) - total_charge
        return KCAL_PER_EV * (jnp.sum(adjoint * left) + nu * charge)


def _solved(options, parameters, state, pairs, mask, guess):
    """Energies of the charges, the charges, and the scale of their residual."""
    images, total_charge = state
    equations = _equations(parameters, images, pairs, mask)
    system = _Charged(pairs.species, mask, total_charge)
    solved, scale = _charges(parameters, system, equations, options, guess)
    q, atom = solved.x, parameters.atom
    charging = charge_energy(atom, species=pairs.species, charges=q)
    parts = _Parts(
        equations=equations,
        charges=q,
        chi=electronegativity(atom.chi, pairs.species, mask),
        potential=equations.coulomb(q),
        charging=jnp.where(mask, charging, 0.0),
    )
    return parts, solved, scale


def _lagrangian(options, parameters, state, pairs, mask, q, adjoint, mu, nu):
    """The energy less the conditions on the charges times their multipliers."""
    images, total_charge = state
    atom, species = parameters.atom, pairs.species
    condition = atom.chi[species] + 2.0 * atom.eta[species] * q + mu
    atoms = charge_energy(atom, species=species, charges=q)
    atoms -= KCAL_PER_EV * adjoint * condition
    charge = jnp.sum(q) - total_charge
    return (
        _pair_sum(options, (parameters, q, adjoint), images, pairs)
        + jnp.sum(jnp.where(mask, atoms, 0.0))
        - KCAL_PER_EV * nu * charge
    )


# Derivative of the sum over pairs: one pass gives it with the sum.


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _pair_sum(options: Options, weights, images, pairs: HalfList):
    """Van der Waals and Coulomb energy, the latter with weights that have q and l."""
    return _sum_and_gradient(options, weights, images, pairs)[0]


@partial(_pair_sum.defjvp, symbolic_zeros=True)
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

    def added(sums, block):
        (pairs, *charges), origins = block
        energy, *by_image = sums
        x, y, z = separations(images, origins, pairs.image)
        r = jnp.sqrt(x * x + y * y + z * z)
        energies = partial(_weighted, options, weights, (pairs, *charges))
        values, slopes = jax.jvp(energies, (r,), (jnp.ones_like(r),))
        pulls = [slopes / r * d for d in (x, y, z)]
        by_image = [
            so_far.at[pairs.image].add(pull)
            for so_far, pull in zip(by_image, pulls, strict=True)
        ]
        rows = jnp.stack([jnp.sum(pull, axis=1) for pull in pulls], axis=1)
        return (energy + jnp.sum(values), *by_image), rows

    count, width = pairs.image.shape
    zero = jnp.zeros(len(images), images.dtype)
    rows = (pairs, weights[1], weights[2]), images[:count]
    (energy, *by_image), by_row = sums_over_blocks(
        added, (zero[0], zero, zero, zero), rows, entries=width
    )
    return energy, jnp.stack(by_image, axis=1).at[:count].add(-by_row)


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


# Parts of both forms.


class _Charged(eqx.Module):
    """What the charge equations need of a system."""

    species: Int[Array, " atoms"]
    mask: Bool[Array, " atoms"]
    total_charge: Float[Array, ""]


def _equations(parameters, images, pairs: HalfList, mask) -> ChargeEquations:
    inverse = alone(_inverse_distances, parameters, images, pairs)
    return ChargeEquations(
        inverse=inverse,
        diagonal=2.0 * parameters.atom.eta[pairs.species],
        pairs=pairs,
        mask=mask,
    )


def _inverse_distances(parameters, images, pairs) -> Float[Array, "atoms width"]:
    r, general = distances(images, pairs), parameters.general
    tapered = taper(r, general.swa, general.swb)
    gamma = of_pairs(parameters.pair, pairs).gamma
    return inverse_distance(gamma, r=r, tapered=tapered)


def _van_der_waals(parameters, images, pairs, options) -> Float[Array, "atoms width"]:
    r, general = distances(images, pairs), parameters.general
    tapered = taper(r, general.swa, general.swb)
    pair = of_pairs(parameters.pair, pairs)
    return van_der_waals_energy(pair, general, r=r, tapered=tapered, options=options)


def _van_der_waals_sum(options, parameters, images, pairs) -> Float[Array, ""]:
    return jnp.sum(_van_der_waals(parameters, images, pairs, options))


def _charges(parameters, system, equations, options, guess):
    """Charges, and the scale of their residual, eV."""
    chi = electronegativity(parameters.atom.chi, system.species, system.mask)
    atoms = jnp.sum(system.mask)
    even = equations.diagonal * abs(system.total_charge) / atoms
    scale = jnp.linalg.norm(jnp.where(system.mask, abs(chi) + even, 0.0))
    if options.charge_model == "fixed":
        zero = jnp.zeros((), chi.dtype)
        return Equilibrated(guess[0], zero, None), scale
    solve = solver_of(equations, options)
    return solve(-chi, system.total_charge, scale, guess[0]), scale


def _solution(solved: Equilibrated, adjoint, response=None) -> Solution:
    """The record of a solution; the worse of the two outcomes."""
    if solved.outcome is None:
        nothing = jnp.zeros((), solved.x.dtype)
        zero, yes, no = jnp.int32(0), jnp.bool_(True), jnp.bool_(False)
        return Solution(solved.x, adjoint, nothing, zero, yes, no, zero)
    first = solved.outcome
    second = first if response is None else response.outcome
    worse = jnp.where(second.residual > first.residual, second.worst, first.worst)
    more = 0 if response is None else second.iterations
    record = Solution(
        charges=solved.x,
        adjoint=adjoint,
        residual=jnp.maximum(first.residual, second.residual),
        iterations=first.iterations + more,
        converged=first.converged & second.converged,
        indefinite=first.indefinite | second.indefinite,
        worst_atom=worse,
    )
    return jax.lax.stop_gradient(record)
