"""The energy as a pure function, for jax's transformations and for jax-md.

Numbers are as precise as the positions are: float64 inside `jax.enable_x64(True)`, else
float32, whatever the calculator's own `dtype`. A list that has overflowed, or is out of
date, makes the energy NaN; it never makes it wrong.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ase import Atoms
from ase.calculators.calculator import InputError
from jaxtyping import Array, Bool, Float

from ase_reaxff_jax import neighbors as nb
from ase_reaxff_jax import programs
from ase_reaxff_jax.arrays import AnyArray
from ase_reaxff_jax.energy import total_energy
from ase_reaxff_jax.engine import Engine
from ase_reaxff_jax.forcefield import ForceField
from ase_reaxff_jax.functional_lists import (
    Interactions,
    Structure,
    in_precision,
    sensible,
)
from ase_reaxff_jax.mixing import Parameters
from ase_reaxff_jax.system import System
from ase_reaxff_jax.units import KCAL_PER_MOL


class NeighborFn(NamedTuple):
    """Makes interaction lists, as jax-md's neighbour functions do.

    `allocate(R, extra_capacity=0, box=None)` decides how long they are and runs on the
    host only; `update(R, neighbor, box=None)` keeps the lengths and runs anywhere.
    """

    allocate: Callable[..., Interactions]
    update: Callable[..., Interactions]


def functions_of(engine: Engine, atoms: Atoms) -> tuple[NeighborFn, Callable]:
    """`(neighbor_fn, energy_fn)` for the elements, cell and charge of `atoms`."""
    structure = Structure(engine, atoms)

    @jax.jit
    def energy_fn(
        R: Float[AnyArray, "atoms 3"],
        neighbor: Interactions,
        box=None,
        force_field: ForceField | None = None,
        perturbation=None,
        kT=None,
    ) -> Float[Array, ""]:
        """Energy in eV at positions R in Å; NaN where `neighbor` does not cover them.

        Args:
            R: Cartesian positions, Å; not necessarily inside the cell.
            neighbor: Lists, from `neighbor_fn`.
            box: Lattice vectors as columns, Å, `atoms.cell.array.T`, or the edges of a
                rectangular cell; as in jax-md. None is the cell of `atoms`. Positions
                do not move along with it.
            force_field: Parameters to use; None is the calculator's. Only numbers may
                differ, and not so much that the lists lack interactions; the form of
                the energy (inner wall, C2 correction, ...) stays the calculator's.
            perturbation: Deformation P of positions and cell, (3, 3) or a number, as in
                jax-md: each vector x becomes P x. With V the volume, the stress is
                1/V d/dP energy_fn(R, neighbor, perturbation=P) at P = 1.
            kT: Not used: some of jax-md's thermostats pass it on.
        """
        if neighbor.structure.identity != structure.identity:
            raise InputError("`neighbor` was made for another structure or calculator")
        system = structure.system(R, box, perturbation)
        dtype = system.positions.dtype
        current = None
        if force_field is None:
            parameters = in_precision(structure.parameters, dtype)
        else:
            _check(force_field, engine.force_field)
            current = programs.mixed(in_precision(force_field, dtype))
            parameters = current[0]
        options = engine.options(len(R), dtype.name)
        guess = jnp.zeros((2, len(R)), dtype)
        if options.charge_model == "fixed":
            guess = guess.at[0].set(jnp.asarray(structure.charges, dtype))
        energy, found = total_energy(
            parameters, system, neighbor.neighbors, neighbor.topology, options, guess
        )
        fixed = jax.lax.stop_gradient((system, neighbor, current))
        usable = found.solution.converged & _covered(structure, *fixed)
        # A product and not a selection: the forces must not be numbers either.
        return energy * KCAL_PER_MOL * jnp.where(usable, 1.0, jnp.nan)

    return NeighborFn(structure.allocate, structure.update), energy_fn


def _check(force_field: ForceField, own: ForceField) -> None:
    given: Any = jax.tree.structure(force_field)
    if given != jax.tree.structure(own):
        raise InputError(
            "`force_field` must have the elements and rows of the calculator's; only "
            "its numbers may differ"
        )


def _covered(
    structure: Structure,
    system: System,
    neighbor: Interactions,
    current: tuple[Parameters, Float[Array, "types types"]] | None,
) -> Bool[Array, ""]:
    """Whether the lists hold every interaction at this geometry.

    `current`: parameters that the lists were not made for, and their bonds' reach.
    """
    outdated = structure.far_outdated(system, neighbor)
    outdated |= structure.near_outdated(system, neighbor)
    complete = ~neighbor.did_buffer_overflow & ~outdated & sensible(system)
    if current is None:
        return complete
    parameters, reach = current
    present, lists = np.unique(structure.species), structure.engine.lists
    skin = structure.far_skin
    for made_for, needed in (
        (structure.reach.far, parameters.general.swb),
        (structure.reach.close, jnp.max(reach[np.ix_(present, present)])),
    ):
        complete &= ~nb.stale(
            neighbor.neighbors, system.positions, system.cell,
            reach=needed, skin=made_for + skin - needed,
        )  # fmt: skip
    # What makes a candidate grows with the bounds of the orders; see `topology_build`.
    bound, _ = programs.close_order_bounds(parameters, system, neighbor.neighbors, 0.0)
    role = jnp.trunc(parameters.atom.p_hbond) == lists.role
    return complete & jnp.all(bound <= neighbor.bound) & jnp.all(role)
