"""What structures give that can be compared with references, and its derivatives.

Compiled once for a shape of lists; the numbers of the force field are an argument, and
combination rules lie inside what is differentiated.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jaxtyping import Array, Bool, Float, Int

from ase_reaxff_jax.arrays import AnyArray
from ase_reaxff_jax.charges.eem import ChargeEquations
from ase_reaxff_jax.charges.equilibrium import Start, charges_of, equations_of
from ase_reaxff_jax.compilation import quickly
from ase_reaxff_jax.energy import total_energy
from ase_reaxff_jax.fit.devices import side_by_side
from ase_reaxff_jax.forcefield import ForceField
from ase_reaxff_jax.mixing import Parameters, mix
from ase_reaxff_jax.neighbors import Neighbors, image_positions
from ase_reaxff_jax.options import Options
from ase_reaxff_jax.pairs import half_list_of
from ase_reaxff_jax.programs import close_order_bounds, derivatives, strained
from ase_reaxff_jax.system import System
from ase_reaxff_jax.topology import Topology
from ase_reaxff_jax.units import SHORTEST


class Case(eqx.Module):
    """One structure, or a stack of them, with lists that say what they cover."""

    system: System
    neighbors: Neighbors
    topology: Topology
    bound: Float[AnyArray, "*cases close"]  # orders up to which bonds are listed

    @property
    def lists(self) -> tuple[Neighbors, Topology]:
        """All lists, as the energy takes them; complete, see `cases.listed`."""
        return self.neighbors, self.topology


class Observables(eqx.Module):
    """What one structure gives, kcal/mol, Å and e."""

    energy: Float[AnyArray, ""]
    forces: Float[AnyArray, "atoms 3"]
    charges: Float[AnyArray, " atoms"]
    strain_gradient: Float[AnyArray, "3 3"]


class Weights(eqx.Module):
    """Of what one structure gives, beside its energy, for sums of it."""

    forces: Float[AnyArray, "*sums atoms 3"]
    charges: Float[AnyArray, "*sums atoms"]
    strain_gradient: Float[AnyArray, "*sums 3 3"]


class Measured(eqx.Module):
    """Observables of one structure, and whether they can be trusted."""

    of: Observables
    slope: ForceField | None  # derivative of the energy by each number
    covered: Bool[Array, ""]  # the lists hold every interaction
    usable: Bool[Array, ""]  # finite, charges solved, no atoms on top of each other


@quickly(static_argnames=("options", "slopes", "mesh"))
def measured(
    force_field: ForceField,
    cases: Case,
    *,
    options: Options,
    slopes: bool,
    mesh: Mesh | None = None,
) -> Measured:
    """Observables of a stack of structures; with `slopes` also of the energy."""

    def one(force_field: ForceField, case: Case) -> Measured:
        return _measured(force_field, case, options, slopes)

    return side_by_side(one, mesh, force_field, cases)


def _measured(force_field, case: Case, options: Options, slopes: bool) -> Measured:
    guess = jnp.zeros((2, len(case.system.mask)), case.system.positions.dtype)

    def energy(force_field, positions, strain):
        system = strained(case.system, positions, strain)
        return total_energy(mix(force_field), system, *case.lists, options, guess)

    if slopes:
        strain = jnp.zeros((3, 3), guess.dtype)
        (value, along), (slope, *gradients) = jax.value_and_grad(
            energy, argnums=(0, 1, 2), has_aux=True
        )(force_field, case.system.positions, strain)
        gradient, strain_gradient = gradients
        solution, covered = along.solution, along.covered
    else:
        result = derivatives(
            mix(force_field), case.system, *case.lists, guess,
            options=options,
        )  # fmt: skip
        value, solution, slope = result.energy, result.solution, None
        gradient, strain_gradient = result.gradient, result.strain_gradient
        covered = result.covered
    found = Observables(value, -gradient, solution.charges, strain_gradient)
    finite = jnp.isfinite(value) & jnp.all(jnp.isfinite(gradient))
    bound, images = close_order_bounds(
        mix(force_field), case.system, case.neighbors, 0.0
    )
    ends = images[case.neighbors.close_i], images[case.neighbors.close_j]
    shortest = jnp.sqrt(jnp.min(jnp.sum((ends[1] - ends[0]) ** 2, axis=1)))
    return Measured(
        of=found,
        slope=slope,
        covered=covered & jnp.all(bound <= case.bound),
        usable=finite & solution.converged & (shortest >= SHORTEST),
    )


@quickly()
def chosen(cases: Case, which: Int[Array, " some"]) -> Case:
    """Some structures of a stack."""
    return jax.tree.map(lambda x: x[which], cases)


@quickly(static_argnames="mesh")
def charge_matrices(
    force_field: ForceField, cases: Case, *, mesh: Mesh | None = None
) -> Float[Array, "cases atoms atoms"]:
    """Second derivatives of the energy by the charges, eV/e^2."""

    def one(parameters: Parameters, case: Case):
        return _equations(parameters, case.system, case.neighbors).dense()

    return side_by_side(one, mesh, mix(force_field), cases)


@quickly(static_argnames=("options", "charges", "mesh"))
def pulled_back(
    force_field: ForceField,
    cases: Case,
    weights: Weights,
    *,
    options: Options,
    charges: bool,
    mesh: Mesh | None = None,
) -> tuple[
    ForceField, Float[Array, "cases sums atoms 3"], Float[Array, "cases sums 3 3"]
]:
    """Derivatives of weighted sums of each structure's observables.

    Args:
        force_field: The numbers.
        cases: A stack of structures.
        weights: Of each structure, for as many sums of each.
        options: Static options.
        charges: Whether charges have weights.
        mesh: The devices, where there are several.

    Returns:
        Derivatives of each sum by every number, by the positions (1/Å), and by a
        strain of the structure.
    """

    def one(force_field: ForceField, case: Case, weights: Weights):
        return _pulled_back(force_field, case, weights, options, charges)

    return side_by_side(one, mesh, force_field, cases, weights)


def _pulled_back(force_field, case: Case, weights, options: Options, charges: bool):
    """A change of the geometry changes the derivatives: forward over reverse.

    What does not depend on the weights is computed once for all sums.
    """
    guess = jnp.zeros((2, len(case.system.mask)), case.system.positions.dtype)
    place = case.system.positions, jnp.zeros((3, 3), guess.dtype)

    def energy(force_field, positions, strain):
        system = strained(case.system, positions, strain)
        return total_energy(mix(force_field), system, *case.lists, options, guess)[0]

    def slopes(*place):
        return jax.grad(energy, argnums=(0, 1, 2))(force_field, *place)

    (_, gradient, stress), changed = jax.linearize(slopes, *place)

    def of_sum(weights: Weights):
        slope, by_position, by_strain = changed(
            -weights.forces, weights.strain_gradient
        )
        # Derivatives by places before the strain are not yet those of a strained
        # structure by its own places and a further strain.
        by_strain += weights.forces.T @ gradient + stress @ weights.strain_gradient.T
        return slope, by_position, by_strain

    parts = jax.vmap(of_sum)(weights)
    if not charges:
        return parts

    def solved_charges(force_field, positions, strain):
        system = strained(case.system, positions, strain)
        return _charges(mix(force_field), system, case.neighbors, options, guess)

    # After the others: solving two sets of equations at once can hang, see `solvers`.
    first = 0.0 * jnp.sum(parts[1])
    after = force_field, place[0] + first, place[1]
    _, pulled = jax.vjp(solved_charges, *after)
    return jax.tree.map(jnp.add, parts, jax.vmap(pulled)(weights.charges))


def _charges(parameters, system: System, neighbors: Neighbors, options, guess):
    """Charges with their derivatives, e."""
    equations = _equations(parameters, system, neighbors)
    return charges_of(equations, system.total_charge, options, Start(guess))[0].x


def _equations(parameters, system: System, neighbors: Neighbors) -> ChargeEquations:
    images = image_positions(system.positions, system.cell, neighbors)
    pairs = half_list_of(neighbors, system.species)
    return equations_of(parameters, images, pairs, system.mask)
