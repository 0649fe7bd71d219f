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
from jaxtyping import Array, Float

from ase_reaxff_jax.charges.eem import ChargeEquations, solver_of
from ase_reaxff_jax.charges.equilibrium import (
    Solution,
    Start,
    charges_of,
    equations_of,
    solution_of,
)
from ase_reaxff_jax.mixing import Parameters
from ase_reaxff_jax.neighbors import Neighbors, image_positions
from ase_reaxff_jax.options import Options
from ase_reaxff_jax.pair_sum import pair_sum, van_der_waals_of_pairs
from ase_reaxff_jax.pairs import alone, half_list_of
from ase_reaxff_jax.system import System
from ase_reaxff_jax.tangents import none_of, value_and_change
from ase_reaxff_jax.terms.coulomb import charge_energy, coulomb_energy
from ase_reaxff_jax.units import COULOMB, COULOMB_CHARGES, KCAL_PER_EV


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
    start: Start,
) -> tuple[PairEnergies, Solution]:
    """The energy of every pair, and of charging every atom; plainly differentiable."""
    images = image_positions(system.positions, system.cell, neighbors)
    pairs = half_list_of(neighbors, system.species)
    equations = equations_of(parameters, images, pairs, system.mask, options.pair_dtype)
    solved, _ = charges_of(equations, system.total_charge, options, start)
    q = solved.x if options.charge_response else jax.lax.stop_gradient(solved.x)
    charging = charge_energy(parameters.atom, species=system.species, charges=q)
    return PairEnergies(
        van_der_waals=van_der_waals_of_pairs(options, parameters, images, pairs),
        coulomb=coulomb_energy(equations.inverse, q, q[pairs.atom]),
        charge=jnp.where(system.mask, charging, 0.0),
    ), solution_of(solved, jnp.zeros_like(q))


def non_bonded_energy(
    parameters: Parameters,
    system: System,
    neighbors: Neighbors,
    options: Options,
    start: Start,
) -> tuple[Float[Array, ""], Solution]:
    """Sum of all non-bonded energies, kcal/mol, and the charges."""
    if options.implementation == "reference":
        energies, solution = pair_energies(
            parameters, system, neighbors, options, start
        )
        double = solution.charges.dtype
        parts = [jnp.sum(part, dtype=double) for part in jax.tree.leaves(energies)]
        return jnp.sum(jnp.stack(parts)), solution
    images = image_positions(system.positions, system.cell, neighbors)
    pairs = half_list_of(neighbors, system.species)
    state = (images, system.total_charge)
    return _energy(options, parameters, state, pairs, system.mask, start)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _energy(options: Options, parameters, state, pairs, mask, start):
    images, _ = state
    parts, solved, _ = _solved(options, parameters, state, pairs, mask, start)
    van_der_waals = alone(
        partial(_van_der_waals_sum, options), parameters, images, pairs
    )
    solution = solution_of(solved, jnp.zeros_like(solved.x))
    return parts.total() + van_der_waals, solution


@partial(_energy.defjvp, symbolic_zeros=True)
def _energy_jvp(options, primals, tangents):
    parameters, state, pairs, mask, start = primals
    parts, solved, scale = _solved(options, parameters, state, pairs, mask, start)
    response = None
    adjoint, nu = jnp.zeros_like(solved.x), jnp.zeros_like(solved.mu)
    if options.charge_model == "eem" and options.charge_response:
        excess = (COULOMB / KCAL_PER_EV - COULOMB_CHARGES) * parts.potential
        solve = solver_of(parts.equations, options, start.inverse)
        response = solve(excess, jnp.zeros_like(state[1]), scale, start.guess[1])
        adjoint, nu = response.x, response.mu - solved.mu

    def at_fixed_charges(parameters, state):
        fixed = solved.x, adjoint, solved.mu, nu
        return _lagrangian(options, parameters, state, pairs, mask, *fixed)

    lagrangian, change = value_and_change(
        at_fixed_charges, (parameters, state), tangents[:2]
    )
    energy = lagrangian + parts.conditions(adjoint, nu, state[1])
    solution = solution_of(solved, adjoint, response)
    return (energy, solution), (change, none_of(solution))


class _Parts(eqx.Module):
    """Energies of the charges, and what they follow from."""

    equations: ChargeEquations
    charges: Float[Array, " atoms"]
    left: Float[Array, " atoms"]  # of the charge equations' right-hand side, eV/e
    potential: Float[Array, " atoms"]  # sum_j f_ij q_j, e/Å
    charging: Float[Array, " atoms"]  # kcal/mol

    def total(self) -> Float[Array, ""]:
        """Coulomb energy and that of charging the atoms, kcal/mol."""
        coulomb = 0.5 * COULOMB * jnp.sum(self.charges * self.potential)
        return coulomb + jnp.sum(self.charging)

    def conditions(self, adjoint, nu, total_charge) -> Float[Array, ""]:
        """What the Lagrangian has subtracted from the energy, kcal/mol."""
        charge = jnp.sum(self.charges) - total_charge
        return KCAL_PER_EV * (nu * charge - jnp.sum(adjoint * self.left))


def _van_der_waals_sum(options, parameters, images, pairs) -> Float[Array, ""]:
    energies = van_der_waals_of_pairs(options, parameters, images, pairs)
    return jnp.sum(energies, dtype=images.dtype)


def _solved(options, parameters, state, pairs, mask, start):
    """Energies of the charges, the charges, and the scale of their residual."""
    images, total_charge = state
    equations = equations_of(parameters, images, pairs, mask, options.pair_dtype)
    solved, scale = charges_of(equations, total_charge, options, start)
    charging = charge_energy(parameters.atom, species=pairs.species, charges=solved.x)
    if solved.outcome is None:
        potential = equations.coulomb(solved.x)
    else:  # a product with the matrix less: H x = b - mu - left
        known = -equations.chi - solved.mu - solved.left
        of_others = known - equations.diagonal * solved.x
        potential = jnp.where(mask, of_others, 0.0) / COULOMB_CHARGES
    parts = _Parts(
        equations=equations,
        charges=solved.x,
        left=solved.left,
        potential=potential,
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
        pair_sum(options, (parameters, q, adjoint), images, pairs)
        + jnp.sum(jnp.where(mask, atoms, 0.0))
        - KCAL_PER_EV * nu * charge
    )
