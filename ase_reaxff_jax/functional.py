"""The energy as a pure function, for jax's transformations and for jax-md.

Lists are made on the host, also under `jit`: `update` calls back when, and only when,
atoms have moved too far. A list that has overflowed, or that is out of date, makes the
energy NaN; it never makes it wrong.
"""

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from ase import Atoms
from jaxtyping import Array, Bool, Float

from ase_reaxff_jax import inputs
from ase_reaxff_jax import neighbors as nb
from ase_reaxff_jax.energy import total_energy
from ase_reaxff_jax.engine import Engine
from ase_reaxff_jax.forcefield import ForceField
from ase_reaxff_jax.mixing import mix
from ase_reaxff_jax.programs import close_order_bounds
from ase_reaxff_jax.system import System
from ase_reaxff_jax.topology import Topology
from ase_reaxff_jax.units import KCAL_PER_MOL


class NeighborFn(NamedTuple):
    """`allocate(R, box=None)` on the host, `update(R, neighbor, box=None)` anywhere."""

    allocate: Callable[..., "Interactions"]
    update: Callable[..., "Interactions"]


class Interactions(eqx.Module):
    """All lists of one structure, and where they were made."""

    neighbors: nb.Neighbors
    topology: Topology
    positions: Float[Array, "atoms 3"]  # of the topology, Å
    cell: Float[Array, "3 3"]

    @property
    def did_buffer_overflow(self) -> Bool[Array, ""]:
        """Whether a list is incomplete; then `allocate` again."""
        return self.neighbors.overflow | self.topology.overflow


def functions_of(engine: Engine, atoms: Atoms) -> tuple[NeighborFn, Callable]:
    """`(neighbor_fn, energy_fn)` for the elements, cell and charge of `atoms`."""
    structure = _Structure(engine, atoms)
    return NeighborFn(structure.allocate, structure.update), structure.energy


class _Structure:
    """What stays fixed: elements, periodicity, total charge, and the default cell."""

    def __init__(self, engine: Engine, atoms: Atoms):
        inputs.check_geometry(atoms)
        self.engine, self.atoms = engine, atoms.copy()
        self.species = inputs.species_of(atoms, engine.force_field)
        self.cell = inputs.kernel_cell(atoms)
        self.reach = engine.lists.reach(self.species)
        self.total_charge = engine.total_charge(atoms)
        self.charges = atoms.get_initial_charges()
        self.options = engine.options(len(atoms))
        self.parameters = jax.tree.map(np.asarray, engine.parameters)

    def _system(self, R, box) -> System:
        cell = self.cell.astype(R.dtype) if box is None else jnp.asarray(box).T
        return System(
            positions=R,
            cell=jnp.where(self.atoms.pbc[:, None], cell, jnp.zeros((), R.dtype)),
            species=jnp.asarray(self.species),
            mask=jnp.ones(len(self.species), bool),
            total_charge=jnp.asarray(self.total_charge, R.dtype),
        )

    def _parameters(self, force_field: ForceField | None, dtype):
        if force_field is None:
            return jax.tree.map(lambda x: _cast(x, dtype), self.parameters)
        return mix(jax.tree.map(lambda x: _cast(x, dtype), force_field))

    def energy(
        self,
        R: Float[Array, "atoms 3"],
        neighbor: Interactions,
        box: Float[Array, "3 3"] | None = None,
        force_field: ForceField | None = None,
    ) -> Float[Array, ""]:
        """Energy in eV at positions R in Å; NaN where `neighbor` does not cover R."""
        R = jnp.asarray(R)
        system = self._system(R, box)
        if self.options.charge_model == "fixed":
            guess = jnp.stack(
                [jnp.asarray(self.charges, R.dtype), jnp.zeros(len(R), R.dtype)]
            )
        else:
            guess = jnp.zeros((2, len(R)), R.dtype)
        energy, solution = total_energy(
            self._parameters(force_field, R.dtype),
            system,
            neighbor.neighbors,
            neighbor.topology,
            self.options,
            guess,
        )
        position, cell = jax.lax.stop_gradient((R, system.cell))
        usable = solution.converged & ~self._outdated(neighbor, position, cell, 1.0)
        return energy * KCAL_PER_MOL * jnp.where(usable, 1.0, jnp.nan)

    def _outdated(self, neighbor: Interactions, R, cell, share: float):
        """Whether atoms have used up this share of either skin."""
        settings, reach = self.engine.settings, self.reach
        bonded = max(reach.close, reach.hydrogen)
        far = nb.stale(
            neighbor.neighbors, R, cell,
            reach=max(reach.far, bonded), skin=share * settings.skin,
        )  # fmt: skip
        near = nb.moved_too_far(
            neighbor.positions, neighbor.cell, R, cell,
            reach=bonded, skin=share * settings.bond_skin,
        )  # fmt: skip
        return far | near

    def allocate(self, R, box=None, extra_capacity: float = 1.25) -> Interactions:
        """Lists at positions R (Å), with room to grow; not under `jit`."""
        R = np.asarray(R)
        system = jax.tree.map(np.asarray, self._system(R, box))
        lists = self.engine.lists

        def roomier(record):
            return {k: int(v * extra_capacity) for k, v in record.capacity.items()}

        found = lists.build_neighbors(R, system.cell, self.species, {})[0]
        neighbors = lists.build_neighbors(R, system.cell, self.species, roomier(found))[
            0
        ]
        bound, images = jax.jit(self._bounds)(R, system.cell, neighbors)
        found = lists.build_topology(bound, images, neighbors, self.species, {})
        topology = lists.build_topology(
            bound, images, neighbors, self.species, roomier(found)
        )
        made = Interactions(neighbors, topology, R, system.cell)
        return jax.tree.map(jnp.asarray, made)

    def update(self, R, neighbor: Interactions, box=None) -> Interactions:
        """Lists that cover positions R: the same ones while atoms have moved little."""
        R = jnp.asarray(R)
        cell = self._system(R, box).cell
        # Half of the skin is left for the step that follows.
        return jax.lax.cond(
            self._outdated(neighbor, R, cell, 0.5), self._renewed, lambda *x: x[2],
            R, cell, neighbor,
        )  # fmt: skip

    def _renewed(self, R, cell, neighbor: Interactions) -> Interactions:
        room = neighbor.neighbors.capacity
        lists, species = self.engine.lists, self.species

        def neighbors_at(R, cell):
            return lists.build_neighbors(R, cell, species, room, grow=False)[0]

        neighbors = jax.pure_callback(
            neighbors_at, neighbor.neighbors, R, cell, vmap_method="sequential"
        )
        bound, images = self._bounds(R, cell, neighbors)
        bonded_room = neighbor.topology.capacity

        def topology_at(bound, images, host):
            return lists.build_topology(
                bound, images, host, species, bonded_room, grow=False
            )

        topology = jax.pure_callback(
            topology_at, neighbor.topology, bound, images, neighbors,
            vmap_method="sequential",
        )  # fmt: skip
        return Interactions(neighbors, topology, R, cell)

    def _bounds(self, R, cell, neighbors: nb.Neighbors):
        system = self._system(R, cell.T)
        parameters = self._parameters(None, R.dtype)
        return close_order_bounds(
            parameters, system, neighbors, self.engine.settings.bond_skin
        )


def _cast(x, dtype):
    """Floating-point numbers in the precision of the positions."""
    return x if jnp.result_type(x) == bool else jnp.asarray(x, dtype)
