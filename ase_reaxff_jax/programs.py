"""The compiled programs: each a pure function of records, jitted once per shape."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ase_reaxff_jax import bond_orders, pairs
from ase_reaxff_jax.bond_orders import bond_reach, order_bound
from ase_reaxff_jax.capacity import FEW_ATOMS
from ase_reaxff_jax.charges import approximate_inverse as charges
from ase_reaxff_jax.charges.equilibrium import Solution
from ase_reaxff_jax.compilation import compiled, quickly
from ase_reaxff_jax.energy import Terms, connected, terms, total_energy
from ase_reaxff_jax.forcefield import ForceField
from ase_reaxff_jax.geometry import bond_vectors
from ase_reaxff_jax.mixing import Parameters, mix
from ase_reaxff_jax.neighbors import Neighbors, image_positions
from ase_reaxff_jax.options import Options
from ase_reaxff_jax.pairs import separations
from ase_reaxff_jax.system import System
from ase_reaxff_jax.topology import Bonds, Topology


class Derivatives(eqx.Module):
    """Energy and first derivatives, kcal/mol and Å."""

    energy: Float[Array, ""]
    gradient: Float[Array, "atoms 3"]
    strain_gradient: Float[Array, "3 3"]
    solution: Solution
    shortest: Float[Array, ""]  # of the close pairs, Å
    shortest_pair: Int[Array, ""]
    covered: Bool[Array, ""]  # by the topology
    worn: Bool[Array, ""]  # the topology had better be made anew


def mixed(
    force_field: ForceField,
) -> tuple[Parameters, Float[Array, "types types"]]:
    """Mixed parameters, and the reach of each pair's bonds (Å)."""
    parameters = mix(force_field)
    return parameters, bond_reach(parameters.bond, parameters.general)


prepare = quickly()(mixed)


def _close_pairs(
    system: System, neighbors: Neighbors
) -> tuple[Bonds, Float[Array, " close"], Float[Array, "images 3"]]:
    """Close pairs as if bonded, their lengths, and the positions of the images."""
    images = image_positions(system.positions, system.cell, neighbors)
    i, j = neighbors.close_i, neighbors.close_j
    mask = j < len(neighbors.source)
    atom = neighbors.source[jnp.where(mask, j, 0)]
    bonds = Bonds(i, j, atom, mask, neighbors.needed["close"])
    return bonds, bond_vectors(images, bonds).r, images


def close_order_bounds(
    parameters: Parameters, system: System, neighbors: Neighbors, skin: float | Array
) -> tuple[Float[Array, " close"], Float[Array, "images 3"]]:
    """Largest possible order of each close pair, and the positions of the images."""
    bonds, r, images = _close_pairs(system, neighbors)
    p, pair = parameters, (system.species[bonds.i], system.species[bonds.j_atom])
    return order_bound(p.bond, p.general, pair, r, bonds.mask, skin=skin), images


order_bounds = jax.jit(close_order_bounds)


@jax.jit
def order_limits(
    parameters: Parameters, system: System, neighbors: Neighbors, skin: float | Array
) -> tuple[Float[Array, " close"], Float[Array, " close"], Float[Array, "images 3"]]:
    """`close_order_bounds`, and between its results the likely orders within them."""
    bonds, r, images = _close_pairs(system, neighbors)
    p = parameters
    limits = bond_orders.order_limits(
        p.bond, p.atom, p.general, species=system.species, bonds=bonds, r=r, skin=skin
    )
    return *limits, images


@jax.jit
def within(
    system: System, neighbors: Neighbors, distance: float | Array
) -> Bool[Array, "atoms width"]:
    """Which of the neighbours' pairs are as close as this, Å."""
    images = image_positions(system.positions, system.cell, neighbors)
    origins = images[: len(neighbors.far)]
    x, y, z = separations(images, origins, neighbors.far)
    return x * x + y * y + z * z <= distance**2


ends_of = quickly()(pairs.ends_of)
approximate_inverse = quickly()(charges.approximate_inverse)


def strained(system: System, positions: Array, strain: Array) -> System:
    """The system at other positions, it and its cell deformed by a small strain."""
    deformation = jnp.eye(3, dtype=strain.dtype) + strain
    return eqx.tree_at(
        lambda s: (s.positions, s.cell),
        system,
        (positions @ deformation, system.cell @ deformation),
    )


def derivatives(
    parameters: Parameters,
    system: System,
    neighbors: Neighbors,
    topology: Topology,
    guess: Float[Array, "2 atoms"],
    *,
    options: Options,
) -> Derivatives:
    """Energy, its gradient by positions, and by a strain of the whole structure."""

    def energy(positions, strain):
        deformed = strained(system, positions, strain)
        return total_energy(parameters, deformed, neighbors, topology, options, guess)

    strain = jnp.zeros((3, 3), system.positions.dtype)
    (value, found), (gradient, strain_gradient) = jax.value_and_grad(
        energy, argnums=(0, 1), has_aux=True
    )(system.positions, strain)
    images = image_positions(system.positions, system.cell, neighbors)
    ends = images[neighbors.close_j]  # far away on padding
    square = jnp.sum((ends - images[neighbors.close_i]) ** 2, axis=1)
    return Derivatives(
        energy=value,
        gradient=gradient,
        strain_gradient=0.5 * (strain_gradient + strain_gradient.T),
        solution=found.solution,
        shortest=jnp.sqrt(jnp.min(square)),
        shortest_pair=jnp.argmin(square).astype(jnp.int32),
        covered=found.covered,
        worn=found.worn,
    )


evaluate_large = partial(jax.jit, static_argnames="options")(derivatives)
evaluate_small = quickly(static_argnames="options")(derivatives)


def evaluate(
    parameters, system: System, neighbors, topology, guess, *, options: Options
) -> Derivatives:
    """`derivatives`, compiled; of small systems soon, of large ones to run fast."""
    small = len(system.mask) <= FEW_ATOMS
    program = evaluate_small if small else evaluate_large
    return program(parameters, system, neighbors, topology, guess, options=options)


def compilations() -> int:
    """How often `evaluate` has been compiled in this process."""
    return compiled(evaluate_small, evaluate_large)


@quickly(static_argnames="options")
def evaluate_batch(
    parameters, systems, neighbors, topologies, guesses, *, options: Options
) -> Derivatives:
    """`evaluate` of a stack of structures."""
    one = partial(derivatives, parameters, options=options)
    return jax.vmap(one)(systems, neighbors, topologies, guesses)


@quickly(static_argnames="options")
def by_term(
    parameters, system, neighbors, topology, guess, *, options: Options
) -> Terms:
    """Energies of all interactions."""
    return terms(parameters, system, neighbors, topology, options, guess)


class Connections(eqx.Module):
    """Orders of all candidate bonds, and what atoms have of them."""

    order: Float[Array, " bonds"]
    total_order: Float[Array, " atoms"]
    lone_pairs: Float[Array, " atoms"]


def connections(
    parameters: Parameters, system: System, neighbors: Neighbors, topology: Topology
) -> Connections:
    """The bonds of a structure, without energies."""
    images = image_positions(system.positions, system.cell, neighbors)
    _, orders, around = connected(parameters, system, images, topology.bonds)
    return Connections(orders.total, around.order, around.lone_pairs)


@quickly(static_argnames="options")
def hessian(
    parameters, system, neighbors, topology, guess, *, options: Options
) -> Float[Array, "atoms 3 atoms 3"]:
    """Second derivatives by positions, kcal/mol/Å^2, a row of it at a time."""

    def gradient(positions):
        moved = eqx.tree_at(lambda s: s.positions, system, positions)
        return jax.grad(
            lambda x: total_energy(
                parameters,
                eqx.tree_at(lambda s: s.positions, moved, x),
                neighbors,
                topology,
                options,
                guess,
            )[0]
        )(positions)

    positions = system.positions
    directions = jnp.eye(positions.size, dtype=positions.dtype)
    directions = directions.reshape(-1, *positions.shape)
    _, along = jax.linearize(gradient, positions)
    rows = jax.lax.map(along, directions)
    return rows.reshape(*positions.shape, *positions.shape)
