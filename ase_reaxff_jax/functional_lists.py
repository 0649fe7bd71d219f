"""Interaction lists of one structure as jax arrays, made and renewed by pure functions.

They are made on the host, also under `jit`: `update` calls back when, and only when,
atoms have moved too far.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from ase import Atoms
from ase.calculators.calculator import InputError
from jaxtyping import Array, Bool, Float

from ase_reaxff_jax import inputs, programs, report
from ase_reaxff_jax import neighbors as nb
from ase_reaxff_jax.arrays import AnyArray
from ase_reaxff_jax.capacity import SMALL_ATOMS, fitting
from ase_reaxff_jax.engine import Engine
from ase_reaxff_jax.missing import check_bond_rows
from ase_reaxff_jax.precision import scope
from ase_reaxff_jax.system import System
from ase_reaxff_jax.topology import Topology
from ase_reaxff_jax.units import FAR_AWAY, SHORTEST

ROOM = 1.25  # room in a list over what it holds when it is allocated
ROOM_OF_ROWS = 1.1  # the same for lists of rows, all as long as the longest
ROWS = ("width", "acceptors")
LEAST = dict(close=16, bonds=8, angles=32, torsions=64, hydrogen_bonds=4)
"""Room per atom of small structures, in which a single new bond makes many entries."""
MARGIN = 1.1  # of the orders of bonds, for other parameters than the calculator's
USED = 0.5  # share of the skin at which `update` acts; the rest is for the next step


class Interactions(eqx.Module):
    """All lists of one structure, and where they were made."""

    neighbors: nb.Neighbors
    topology: Topology
    bound: Float[AnyArray, " close"]  # largest bond orders that the topology allows for
    positions: Float[AnyArray, "atoms 3"]  # of the topology, Å
    cell: Float[AnyArray, "3 3"]
    structure: "Structure" = eqx.field(static=True)

    @property
    def did_buffer_overflow(self) -> Bool[AnyArray, "..."] | np.bool_:
        """Whether a list is incomplete; then `allocate` again."""
        return self.neighbors.overflow | self.topology.overflow

    def update(self, R, box=None) -> "Interactions":
        """Lists that cover positions R: the same ones while atoms have moved little."""
        return self.structure.update(R, self, box=box)


class Structure:
    """What stays fixed: elements, periodicity, total charge, and the default cell."""

    def __init__(self, engine: Engine, atoms: Atoms):
        inputs.check_geometry(atoms)
        self.engine, self.atoms = engine, atoms.copy()
        self.species = inputs.species_of(atoms, engine.force_field)
        self.cell = inputs.kernel_cell(atoms)
        self.charges = atoms.get_initial_charges()
        self.total_charge = engine.total_charge(atoms)
        self.reach = engine.lists.reach(self.species)
        with scope("float64"):
            parameters, _ = programs.prepare(engine.force_field)
            self.parameters = jax.tree.map(np.asarray, parameters)
        self.update = jax.jit(self._update)

    @property
    def identity(self) -> tuple:
        """What lists depend on, apart from the geometry."""
        return self.engine, self.species.tobytes(), self.atoms.pbc.tobytes()

    def _values(self) -> tuple:
        return self.cell.tobytes(), self.charges.tobytes(), self.total_charge

    def __eq__(self, other):
        return (
            isinstance(other, Structure)
            and self.identity == other.identity
            and self._values() == other._values()
        )

    def __hash__(self):
        return hash((self.identity, self._values()))

    def system(self, R, box=None, perturbation=None) -> System:
        """The structure at positions R, in their precision."""
        R = jnp.asarray(R)
        if len(R) != len(self.species):
            raise InputError(f"R has {len(R)} atoms, `atoms` had {len(self.species)}")
        cell = jnp.asarray(self.cell, R.dtype) if box is None else _matrix(box, R).T
        if perturbation is not None:
            deformation = _matrix(perturbation, R).T
            R, cell = R @ deformation, cell @ deformation
        return System(
            positions=R,
            cell=jnp.where(self.atoms.pbc[:, None], cell, jnp.zeros((), R.dtype)),
            species=jnp.asarray(self.species),
            mask=jnp.ones(len(self.species), bool),
            total_charge=jnp.asarray(self.total_charge, R.dtype),
        )

    # Validity

    @property
    def far_skin(self) -> float:
        """Skin of the neighbours, Å."""
        return self.engine.settings.far_skin(narrowed=False)

    def far_outdated(self, system: System, neighbor: Interactions, share: float = 1.0):
        """Whether atoms have used up this share of the skin of the neighbours."""
        return nb.stale(
            neighbor.neighbors, system.positions, system.cell,
            reach=max(self.reach), skin=share * self.far_skin,
        )  # fmt: skip

    def near_outdated(self, system: System, neighbor: Interactions, share: float = 1.0):
        """The same for bonds, angles, torsions and hydrogen bonds."""
        return nb.moved_too_far(
            neighbor.positions, neighbor.cell, system.positions, system.cell,
            reach=max(self.reach.close, self.reach.hydrogen),
            skin=share * self.engine.settings.bond_skin,
        )  # fmt: skip

    # Making

    def allocate(self, R, extra_capacity: int = 0, box=None) -> Interactions:
        """Lists at positions R (Å), with room to grow; not under `jit`.

        `extra_capacity` is additional room in each list, entries per atom.
        """
        system = jax.tree.map(np.asarray, self.system(R, box))
        if not sensible(system):
            raise InputError("positions or box are not numbers, or far too large")
        geometry = system.positions, system.cell
        found, nearest = self._neighbors(*geometry)
        if nearest is not None and nearest.r < SHORTEST:
            raise report.too_close(self.atoms, *nearest)
        host, _ = self._neighbors(*geometry, self._room(found.needed, extra_capacity))
        neighbors = in_precision(host, system.positions.dtype)
        bound, images = self._bounds(system, neighbors)
        found = self._topology(bound, images, host)
        room = self._room(found.needed, extra_capacity)
        topology = self._topology(bound, images, host, room)
        topology, positions, cell = jax.tree.map(jnp.asarray, (topology, *geometry))
        return Interactions(neighbors, topology, bound, positions, cell, self)

    def _update(self, R, neighbor: Interactions, box=None) -> Interactions:
        """Lists that cover positions R: the same ones while atoms have moved little."""
        system, neighbor = jax.lax.stop_gradient((self.system(R, box), neighbor))
        system = _harmless(system, neighbor)
        far = self.far_outdated(system, neighbor, USED)
        near = far | self.near_outdated(system, neighbor, USED)
        for outdated, renewed in (
            (far, self._with_neighbors),
            (near, self._with_topology),
        ):
            neighbor = jax.lax.cond(
                outdated, renewed, lambda _, same: same, system, neighbor
            )
        return neighbor

    def _with_neighbors(self, system: System, neighbor: Interactions) -> Interactions:
        room = neighbor.neighbors.capacity

        def make(positions, cell):
            return self._neighbors(positions, cell, room)[0]

        made = nb.renew(make, neighbor.neighbors, system.positions, system.cell)
        return eqx.tree_at(lambda n: n.neighbors, neighbor, made)

    def _with_topology(self, system: System, neighbor: Interactions) -> Interactions:
        room = neighbor.topology.capacity
        bound, images = self._bounds(system, neighbor.neighbors)

        def make(bound_bits, images_bits, host):
            numbers = (nb.from_bits(b, bound.dtype) for b in (bound_bits, images_bits))
            return self._topology(*numbers, host, room)

        topology = jax.pure_callback(
            make,
            neighbor.topology,
            nb.to_bits(bound),
            nb.to_bits(images),
            # Without numbers that are not integers; see `neighbors.renew`.
            eqx.filter(neighbor.neighbors, lambda x: x.dtype == jnp.int32),
            vmap_method="sequential",
        )
        geometry = system.positions, system.cell
        return Interactions(neighbor.neighbors, topology, bound, *geometry, self)

    def _room(self, needed: dict, extra: int) -> dict[str, int]:
        """Room in each list, in coarse steps: similar structures have the same."""
        atoms = len(self.species)
        least = LEAST if atoms <= SMALL_ATOMS else {}

        def room(name, count):
            if name in ROWS:
                return int(ROOM_OF_ROWS * count) + extra
            return max(int(ROOM * count) + extra * atoms, least.get(name, 0) * atoms)

        return {name: fitting(name, room(name, n)) for name, n in needed.items()}

    def _bounds(self, system: System, neighbors: nb.Neighbors):
        dtype = system.positions.dtype
        skin = np.asarray(self.engine.settings.bond_skin, dtype)
        parameters = in_precision(self.parameters, dtype)
        bound, images = programs.order_bounds(parameters, system, neighbors, skin)
        return MARGIN * bound, images

    def _neighbors(self, positions, cell, room=None):
        """Neighbours, on the host, and the closest pair."""
        lists = self.engine.lists
        made, nearest = lists.build_neighbors(positions, cell, self.species, room)
        system = System(
            np.asarray(positions, np.float64), np.asarray(cell, np.float64),
            self.species, np.ones(len(self.species), bool), np.zeros(()),
        )  # fmt: skip
        if lists.settings.missing_bonds == "error":
            check_bond_rows(lists.bonded, lists.elements, system, made)
        return made, nearest

    def _topology(self, bound, images, host, room=None) -> Topology:
        lists = self.engine.lists
        return lists.build_topology(bound, images, host, self.species, room)


def in_precision(tree, dtype):
    """All floating-point numbers in this precision."""

    def cast(x):
        return jnp.asarray(x, dtype if jnp.issubdtype(x.dtype, jnp.floating) else None)

    return jax.tree.map(cast, tree)


def _matrix(x, like: Float[Array, "atoms 3"]) -> Float[Array, "3 3"]:
    """A box or deformation as jax-md takes it: a matrix, its diagonal, or a number."""
    x = jnp.asarray(x, like.dtype)
    return x if x.ndim == 2 else jnp.diag(jnp.broadcast_to(x, (3,)))


def sensible(system: System) -> Bool[Array, ""]:
    """Whether positions and cell are numbers, and not where padding is."""
    largest = jnp.maximum(jnp.max(abs(system.positions)), jnp.max(abs(system.cell)))
    return largest < 0.5 * FAR_AWAY  # false where any of them is not a number


def _harmless(system: System, neighbor: Interactions) -> System:
    """The system, or where it is not sensible the one that the lists were made for.

    The host never sees such positions; the energy there is NaN whatever the lists.
    """
    known = neighbor.neighbors.reference_positions, neighbor.neighbors.reference_cell
    usable = sensible(system)
    positions, cell = (
        jnp.where(usable, here, old).astype(old.dtype)
        for here, old in zip((system.positions, system.cell), known, strict=True)
    )
    return eqx.tree_at(lambda s: (s.positions, s.cell), system, (positions, cell))
