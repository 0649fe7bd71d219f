"""Structures with their interaction lists, as the compiled programs take them.

Lists hold all that can interact at a geometry and a set of numbers, and a margin: bonds
are listed as if every distance were shorter by the `bond_skin`, what is made of bonds
as if their orders had grown. Whether lists also serve other numbers is seen from the
orders and their bounds, see `observables.measured`.
"""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ase_reaxff_jax import neighbors as nb
from ase_reaxff_jax.bond_orders import order_limits
from ase_reaxff_jax.capacity import bucket
from ase_reaxff_jax.compilation import quickly
from ase_reaxff_jax.engine import Engine
from ase_reaxff_jax.errors import CapacityError
from ase_reaxff_jax.fit.observables import Case
from ase_reaxff_jax.mixing import Parameters
from ase_reaxff_jax.neighbors import Neighbors
from ase_reaxff_jax.system import System
from ase_reaxff_jax.topology import Bonds, Topology
from ase_reaxff_jax.units import FAR_AWAY

COARSE = 0.25  # Å; the reach of bonds is a multiple of it
CLOSER = 0.2  # Å: for orders that grow with the parameters, not as atoms move


@quickly()
def _limits(parameters: Parameters, species, bonds: Bonds, r, *, skin):
    """Bounds of the orders of all pairs, and likely orders within them."""
    p = parameters
    return order_limits(
        p.bond, p.atom, p.general, species=species, bonds=bonds, r=r, skin=skin,
        closer=CLOSER,
    )  # fmt: skip


class Listed(NamedTuple):
    """Lists of one structure, on the host, and what they were made for."""

    neighbors: Neighbors
    topology: Topology
    bound: Float[np.ndarray, " close"]
    reach: nb.Reach

    @property
    def needed(self) -> dict[str, int]:
        """Length of each list."""
        both = self.neighbors.needed | self.topology.needed
        return {name: int(number) for name, number in both.items()}

    def case(self, system: System) -> Case:
        """The structure with these lists."""
        return Case(system, self.neighbors, self.topology, self.bound)

    def outdated(self, system: System, reach: nb.Reach, skin: float) -> bool:
        """Whether pairs may be missing at the geometry of `system` (skin in Å)."""
        made, at = self.neighbors, (system.positions, system.cell)
        if max(reach.far - self.reach.far, reach.hydrogen - self.reach.hydrogen) > 0:
            return True
        unmoved = system.positions is made.reference_positions
        if unmoved and system.cell is made.reference_cell:
            return bool(reach.close > self.reach.close + skin)
        spare = self.reach.close + skin - reach.close
        return bool(
            nb.stale(made, *at, reach=max(reach), skin=skin)
            or nb.stale(made, *at, reach=reach.close, skin=spare)
        )


class Kept(NamedTuple):
    """Neighbours of one structure, and what they are a function of besides its room."""

    system: System
    reach: nb.Reach
    role: bytes  # of its elements, in hydrogen bonds
    neighbors: Neighbors

    def serves(self, system: System, reach: nb.Reach, role: bytes) -> bool:
        """Whether they would be made again exactly as they are."""
        same = self.system.positions is system.positions
        same = same and self.system.cell is system.cell
        return same and (self.reach, self.role) == (reach, role)


KeptLists = dict[tuple, Kept]  # by number of the structure and room of the lists


def listed(
    engine: Engine,
    systems: list[System],
    room: dict[str, int] | None = None,
    kept: KeptLists | None = None,
) -> list[Listed]:
    """Lists of structures, each with the same `room`, or with room of its own.

    Neighbours do not depend on most parameters: those in `kept`, of the same systems,
    are taken where they are what would be made, and new ones are added to it.

    Raises:
        CapacityError: `room` is too small.
    """
    lists, kept = engine.lists, {} if kept is None else kept
    own = _part(room, Neighbors)
    elements = [np.asarray(s.species)[np.asarray(s.mask)] for s in systems]
    reaches = [_rounded(lists.reach(species)) for species in elements]
    hosts = []
    for k, (system, species, reach) in enumerate(
        zip(systems, elements, reaches, strict=True)
    ):
        role = lists.role[species].tobytes()
        name = k, own and tuple(own.values())
        if name not in kept or not kept[name].serves(system, reach, role):
            made, _ = lists.build_neighbors(
                system.positions, system.cell, species, own, reach
            )
            kept[name] = Kept(system, reach, role, _made_at(system, made))
        _check_room(kept[name].neighbors)
        hosts.append(kept[name].neighbors)
    found = []
    for k, (bound, likely, images) in enumerate(_bounds(engine, systems, hosts)):
        topology = lists.build_topology(
            bound, images, hosts[k], systems[k].species, _part(room, Topology), likely
        )
        _check_room(topology)
        found.append(Listed(hosts[k], topology, bound, reaches[k]))
    return found


def _check_room(made: Neighbors | Topology) -> None:
    """CapacityError where lists are cut; on the host, for they are many."""
    room = made.capacity
    if any(int(number) > room[name] for name, number in made.needed.items()):
        raise CapacityError(f"lists need {made.needed}, there is room for {room}")


def _rounded(reach: nb.Reach) -> nb.Reach:
    """The reach with some more for bonds, so that it changes seldom."""
    return reach._replace(close=float(np.ceil(reach.close / COARSE) * COARSE))


def _made_at(system: System, neighbors: Neighbors) -> Neighbors:
    """The lists, with the very arrays of the system as where they were made."""
    return eqx.tree_at(
        lambda n: (n.reference_positions, n.reference_cell),
        neighbors,
        (system.positions, system.cell),
    )


def _part(room: dict[str, int] | None, record) -> dict[str, int] | None:
    if room is None:
        return None
    return {n: k for n, k in room.items() if (n in nb.LISTS) == (record is Neighbors)}


def _images(system: System, neighbors: Neighbors) -> Float[np.ndarray, "images_1 3"]:
    """As `neighbors.image_positions` has them, on the host."""
    shift = neighbors.shift.astype(float) @ np.asarray(system.cell)
    images = np.asarray(system.positions)[neighbors.source] + shift
    return np.concatenate([images, np.full((1, 3), FAR_AWAY)])


def _pairs(neighbors: Neighbors) -> tuple[np.ndarray, np.ndarray]:
    count = int(neighbors.needed["close"])
    return neighbors.close_i[:count], neighbors.close_j[:count]


def _bounds(engine: Engine, systems, hosts):
    """Largest and likely order of each close pair, and the images, of every structure.

    All pairs in one call: the lengths differ, and each length is another program.
    """
    distances, firsts, seconds, everywhere = [], [], [], []
    first = np.cumsum([0, *(len(system.species) for system in systems)])
    for system, host, atom in zip(systems, hosts, first[:-1], strict=True):
        images, (i, j) = _images(system, host), _pairs(host)
        distances.append(np.linalg.norm(images[j] - images[i], axis=1))
        firsts.append(atom + i)
        seconds.append(atom + host.source[j])
        everywhere.append(images)
    sizes = [len(r) for r in distances]

    def flat(parts, fill):
        total = sum(map(len, parts))
        spare = bucket(total, parts=1, smallest=1024) - total
        return np.concatenate([*parts, np.full(spare, fill, parts[0].dtype)])

    i, j = flat(firsts, 0).astype(np.int32), flat(seconds, 0).astype(np.int32)
    total = sum(sizes)
    found = _limits(
        engine.parameters,
        flat([np.asarray(system.species) for system in systems], 0),
        Bonds(i, j, j, np.arange(len(i)) < total, np.asarray(total, np.int32)),
        flat(distances, 1.0),
        skin=jnp.asarray(engine.settings.bond_skin, float),
    )
    where = np.cumsum(sizes)[:-1]
    bounds, likely = (np.split(np.asarray(x)[:total], where) for x in found)
    for k, (host, images) in enumerate(zip(hosts, everywhere, strict=True)):
        room = len(host.close_i)
        parts = bounds[k], likely[k]
        yield *(np.pad(x, (0, max(0, room - len(x))))[:room] for x in parts), images
