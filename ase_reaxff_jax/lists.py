"""The interaction lists of the structures seen last, made anew only when stale.

Two kinds with a skin of their own: neighbours (non-bonded pairs; slow to make, valid
while atoms move half an Å or so) and topology (bonds, angles, torsions, hydrogen
bonds; quick to make from the neighbours, but shorter lived, because every candidate
within the skin costs time at each step).
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import jax
import numpy as np
from ase import Atoms
from jaxtyping import Float

from ase_reaxff_jax import neighbors as nb
from ase_reaxff_jax import programs, report
from ase_reaxff_jax.capacity import (
    FEW_ATOMS,
    SMALL_ATOMS,
    larger_room,
    least_room,
)
from ase_reaxff_jax.errors import CapacityError
from ase_reaxff_jax.forcefield import ForceField, column
from ase_reaxff_jax.history import ChargeHistory
from ase_reaxff_jax.missing import check_bond_rows
from ase_reaxff_jax.mixing import Parameters
from ase_reaxff_jax.rows import rows_of
from ase_reaxff_jax.settings import Settings
from ase_reaxff_jax.system import System
from ase_reaxff_jax.topology import Pairs, Topology
from ase_reaxff_jax.topology_build import build, pairs_of
from ase_reaxff_jax.units import HYDROGEN_BOND_CUTOFF

LOG = logging.getLogger("ase_reaxff_jax")
REMEMBERED_ATOMS = 20_000  # lists are kept for structures with as many atoms in all


@dataclass(eq=False)
class Entry:
    """Lists of one structure, and the charges of its last few geometries."""

    key: tuple
    neighbors: nb.Neighbors  # on the device
    topology: Topology  # on the device
    host: nb.Neighbors  # the neighbours, on the host
    positions: Float[np.ndarray, "atoms 3"]  # at which the topology was made, Å
    cell: Float[np.ndarray, "3 3"]
    room: dict[str, int]  # in each list; shared by all structures of the size
    history: ChargeHistory = field(default_factory=ChargeHistory)

    @property
    def needed(self) -> dict[str, int]:
        """Length of each list."""
        both = self.host.needed | self.topology.needed
        return {name: int(number) for name, number in both.items()}

    @property
    def capacity(self) -> dict[str, int]:
        """Room in each list."""
        return self.host.capacity | self.topology.capacity


class Lists:
    """Makes lists for any structure of one force field, and remembers a few."""

    def __init__(
        self,
        force_field: ForceField,
        parameters: Parameters,
        reach: Float[np.ndarray, "types types"],
        settings: Settings,
    ):
        self.settings = settings
        self.parameters = parameters
        self.rows = rows_of(force_field)
        self.elements = force_field.elements
        self.bond_reach = np.asarray(reach, np.float64)
        self.role = np.trunc(force_field.atom[:, column("atom", "p_hbond")]).astype(int)
        self.taper = float(force_field.general[column("general", "swb")])
        self.bonded = np.asarray(parameters.bond.exists)
        self._entries: list[Entry] = []
        # Room in each list, by room for atoms; it only grows.
        self._single_room: dict[int, dict[str, int]] = {}
        self._batch_room: dict[int, dict[str, int]] = {}

    @staticmethod
    def narrows(atoms: int) -> bool:
        """Whether pairs are listed anew with the topology, of so many atoms."""
        return atoms > FEW_ATOMS

    def far_skin(self, atoms: int) -> float:
        """Skin of the neighbours of a (padded) number of atoms, Å."""
        return self.settings.far_skin(narrowed=self.narrows(atoms))

    def reach(self, species: np.ndarray) -> nb.Reach:
        """Distances (Å) that the lists of these elements must cover."""
        present = np.unique(species)
        close = self.bond_reach[np.ix_(present, present)].max()
        return nb.Reach(far=self.taper, close=close, hydrogen=HYDROGEN_BOND_CUTOFF)

    def of(self, atoms: Atoms, system: System) -> Entry:
        """Valid lists of a structure."""
        size, key = len(system.mask), self._key(atoms, system)
        positions, cell = np.asarray(system.positions), np.asarray(system.cell)
        reach = self.reach(system.species[: len(atoms)])
        for entry in reversed(self._entries):
            if entry.key == key and self._fresh(entry.host, positions, cell, reach):
                self._entries.remove(entry)
                self._entries.append(entry)
                if not self._topology_fresh(entry, positions, cell, reach):
                    self.renew_topology(entry, system)
                else:
                    self._check_bonds(system, entry.host)
                return entry
        room = self._single_room.setdefault(size, least_room(size))
        entry = self.made(atoms, system, room)
        self._remember(entry)
        return entry

    def of_same_shape(
        self, batch: list[tuple[Atoms, System]], numbers: Sequence[int], count: int
    ) -> list[Entry]:
        """New lists of structures, with the same room, no more than they need.

        `numbers` are those of the structures among `count`, for errors.
        """
        room = self._batch_room.setdefault(len(batch[0][1].mask), {})
        entries = []
        for k, (atoms, system) in zip(numbers, batch, strict=True):
            with report.numbered(k, count):
                entries.append(self.made(atoms, system, room))
        # Those made before the room had grown are made again.
        return [
            entry if entry.capacity == room else self.made(atoms, system, room)
            for entry, (atoms, system) in zip(entries, batch, strict=True)
        ]

    def made(self, atoms: Atoms, system: System, room: dict[str, int]) -> Entry:
        """New lists, at least as roomy as those of earlier structures of the size."""
        host = self._neighbors(atoms, system, room)
        neighbors = jax.device_put(host)
        topology = self._topology(host, neighbors, system, room)
        solver = self.settings.charge_solver(len(system.mask))
        if self.settings.charge_model == "eem" and solver == "iterative":
            inverse = programs.approximate_inverse(self.parameters, system, neighbors)
            topology = replace(topology, inverse=inverse)
        positions, cell = np.asarray(system.positions), np.asarray(system.cell)
        key = self._key(atoms, system)
        return Entry(key, neighbors, topology, host, positions, cell, room)

    def renew_topology(self, entry: Entry, system: System) -> None:
        """The topology of an entry made anew, at the geometry of the system.

        It covers the orders that bonds are likely to have while atoms move less than
        the skin allows, and in any case those that they have now, see `Bonds.cover`.
        The approximate inverse stays that of where the neighbours were made: it takes
        longer to make than its age costs in iterations.
        """
        self._check_bonds(system, entry.host)
        made = self._topology(entry.host, entry.neighbors, system, entry.room)
        entry.topology = replace(made, inverse=entry.topology.inverse)
        entry.positions = np.asarray(system.positions)
        entry.cell = np.asarray(system.cell)

    @staticmethod
    def _key(atoms: Atoms, system: System) -> tuple:
        species = np.asarray(system.species[: len(atoms)])
        return species.tobytes(), atoms.pbc.tobytes()

    def _remember(self, entry: Entry) -> None:
        self._entries.append(entry)
        most = max(1, REMEMBERED_ATOMS // len(entry.positions))
        # The charges of the geometry that these lists replace are still good guesses.
        same = [e for e in self._entries[:-1] if e.key == entry.key]
        if same:
            entry.history = same[-1].history
        del self._entries[:-most]

    def _fresh(self, host, positions, cell, reach) -> bool:
        if len(positions) != len(host.reference_positions):
            return False
        farthest = max(reach.far, reach.hydrogen, reach.close)
        skin = self.far_skin(len(positions))
        return not nb.stale(host, positions, cell, reach=farthest, skin=skin)

    def _topology_fresh(self, entry: Entry, positions, cell, reach) -> bool:
        farthest = max(reach.hydrogen, reach.close)
        return not nb.moved_too_far(
            entry.positions, entry.cell, positions, cell,
            reach=farthest, skin=self.settings.bond_skin,
        )  # fmt: skip

    def build_neighbors(
        self,
        positions,
        cell,
        species,
        capacity: dict[str, int] | None = None,
        reach: nb.Reach | None = None,
        *,
        narrowed: bool = False,
    ) -> tuple[nb.Neighbors, nb.Nearest | None]:
        """Neighbours on the host; `species` without padding, `positions` with it.

        `reach` is at least that of the species, which it is where it is not given;
        `narrowed` says that pairs will be listed anew with the topology.
        """
        return nb.build(
            positions=np.asarray(positions, np.float64),
            count=len(species),
            cell=np.asarray(cell, np.float64),
            role=self.role[species],
            reach=reach or self.reach(species),
            skin=self.settings.far_skin(narrowed=narrowed),
            capacity=capacity,
            search=self.settings.neighbor_search,
        )

    def build_topology(
        self, bound, images, host: nb.Neighbors, species, capacity=None, allowed=None
    ) -> Topology:
        """Topology on the host from the bounds of the close pairs' orders."""
        return build(
            species=np.asarray(species),
            images=np.asarray(images, np.float64),
            source=np.asarray(host.source),
            shift=np.asarray(host.shift),
            close=(np.asarray(host.close_i), np.asarray(host.close_j)),
            hydrogen=(np.asarray(host.hydrogen_i), np.asarray(host.hydrogen_k)),
            bound=np.asarray(bound, np.float64),
            rows=self.rows,
            skin=self.settings.bond_skin,
            capacity=capacity,
            allowed=allowed,
        )

    def _neighbors(
        self, atoms: Atoms, system: System, room: dict[str, int]
    ) -> nb.Neighbors:
        species = np.asarray(system.species[: len(atoms)])
        known = {name: room[name] for name in nb.LISTS if name in room}

        def made(capacity):
            return self.build_neighbors(
                system.positions, system.cell, species, capacity,
                narrowed=self.narrows(len(system.mask)),
            )  # fmt: skip

        host, nearest = made(known)
        if nearest is not None and nearest.r < report.SHORTEST:
            raise report.too_close(atoms, *nearest)
        if larger := self._larger(system, host, room):
            host, _ = made(larger)
            self._check_complete(host)
        room |= host.capacity
        self._check_bonds(system, host)
        return host

    def _check_bonds(self, system: System, host: nb.Neighbors) -> None:
        if self.settings.missing_bonds == "error" and not self.bonded.all():
            check_bond_rows(self.bonded, self.elements, system, host)

    def _topology(
        self,
        host: nb.Neighbors,
        neighbors: nb.Neighbors,
        system: System,
        room: dict[str, int],
    ) -> Topology:
        skin = np.asarray(self.settings.bond_skin, system.positions.dtype)
        bound, likely, images = map(np.asarray, programs.order_limits(
            self.parameters, system, neighbors, skin
        ))  # fmt: skip

        def made(capacity):
            return self.build_topology(
                bound, images, host, system.species, capacity, likely
            )

        topology = made(room)
        if larger := self._larger(system, topology, room):
            topology = made(larger)
            self._check_complete(topology)
        room |= topology.capacity
        if not self.narrows(len(system.mask)):
            return jax.device_put(topology)
        pairs = self._pairs(host, neighbors, system, room.get("pairs", 0))
        room |= pairs.capacity
        pairs = jax.device_put(pairs)
        ends = programs.ends_of(pairs.far, neighbors.source, system.species)
        return replace(jax.device_put(topology), pairs=replace(pairs, ends=ends))

    def _pairs(self, host, neighbors, system: System, room: int) -> Pairs:
        """The pairs that may interact while the topology is valid.

        Whether it is, is asked of distances no shorter than those of hydrogen bonds;
        in a strained cell pairs that are farther apart come closer in proportion.
        """
        farther = max(1.0, self.taper / HYDROGEN_BOND_CUTOFF)
        distance = self.taper + farther * self.settings.bond_skin
        distance = np.asarray(distance, system.positions.dtype)
        kept = np.asarray(programs.within(system, neighbors, distance))
        pairs = pairs_of(host.far, kept, beyond=len(host.source), room=room)
        if room and (now := pairs.capacity["pairs"]) > room:
            _log_growth(len(kept), [f"pairs {room} -> {now}"])
        return pairs

    def _larger(self, system: System, made, room: dict) -> dict[str, int] | None:
        """Room for lists that were cut, None where none was; logged."""
        if not bool(made.overflow):
            return None
        atoms, had = len(system.mask), made.capacity
        needed = {name: int(n) for name, n in made.needed.items()}
        together = room is self._single_room.get(atoms)
        together = together and atoms <= SMALL_ATOMS
        larger = larger_room(had, needed, atoms=atoms, together=together)
        grown = [f"{n} {had[n]} -> {larger[n]}" for n in had if needed[n] > had[n]]
        _log_growth(atoms, grown)
        return larger

    @staticmethod
    def _check_complete(made) -> None:
        """CapacityError where a list is cut although its room was made to fit."""
        if bool(made.overflow):
            needed = {name: int(n) for name, n in made.needed.items()}
            raise CapacityError(
                f"interaction lists outgrew the room that was made for them: needed "
                f"{needed}, room {made.capacity}; this is a fault of the program"
            )


def _log_growth(atoms: int, grown: list[str]) -> None:
    LOG.info("lists of %d atoms grow: %s", atoms, ", ".join(grown))
