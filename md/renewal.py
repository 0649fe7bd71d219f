"""Interaction lists of the systems of one run, made on the host when they must be."""

import contextlib
import copy
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from ase import Atoms
from ase.calculators.calculator import CalculationFailed, InputError
from jaxtyping import Bool

from ase_reaxff_jax import inputs, report
from ase_reaxff_jax import neighbors as nb
from ase_reaxff_jax.capacity import least_room
from ase_reaxff_jax.engine import Engine
from ase_reaxff_jax.lists import Entry
from ase_reaxff_jax.md.errors import NoListsError
from ase_reaxff_jax.md.loop import DeviceLists
from ase_reaxff_jax.system import System

USED = 0.5  # of many systems, those are renewed that have used this share of the skin


class Renewal:
    """Lists of one system, or of many that share the room in each list.

    `room` is what they have to begin with; it grows in place.
    """

    def __init__(
        self,
        engine: Engine,
        structures: list[Atoms],
        size: int,
        room: dict[str, int] | None = None,
    ):
        self._lists, self._settings = engine.lists, engine.settings
        self._structures = structures
        if room is None:
            room = least_room(size) if len(structures) == 1 else {}
        self.room = room
        self.entries: list[Entry] = []
        species = np.unique(np.concatenate(
            [inputs.species_of(atoms, engine.force_field) for atoms in structures]
        ))  # fmt: skip
        self.reach = engine.lists.reach(species)
        self.skin = engine.lists.far_skin(size)

    @property
    def far_reach(self) -> float:
        """Distance up to which neighbours must be known, Å."""
        return max(self.reach)

    @property
    def near_reach(self) -> float:
        """The same for bonds and hydrogen bonds."""
        return max(self.reach.close, self.reach.hydrogen)

    def start(self, systems: list[System]) -> None:
        """First lists of all systems."""
        self.entries = []
        for k, system in enumerate(systems):
            with report.numbered(k, len(systems)):
                made = self._lists.made(self._structures[k], system, self.room)
            self.entries.append(made)
        self._same_room(systems)

    def renew(self, systems: list[System], *, far: bool, every: bool = False) -> None:
        """New lists where they are nearly or quite used up.

        `far` says that some system's neighbours are outdated, not only its topology;
        `every` asks for new lists however little they are used.

        Raises:
            NoListsError: of one of the systems.
        """
        share = USED if len(systems) > 1 and not every else 0.0
        for k, system in enumerate(systems):
            entry, geometry = self.entries[k], (system.positions, system.cell)
            far_used = far and nb.stale(
                entry.host, *geometry,
                reach=self.far_reach, skin=share * self.skin,
            )  # fmt: skip
            near_used = nb.moved_too_far(
                entry.positions, entry.cell, *geometry,
                reach=self.near_reach, skin=share * self._settings.bond_skin,
            )  # fmt: skip
            if far_used:
                self._make(k, system)
            elif near_used:
                with _of_system(k):
                    self._lists.renew_topology(entry, system)
        self._same_room(systems)

    def cover(
        self, systems: list[System], covered: Bool[np.ndarray, " systems"]
    ) -> None:
        """A new topology for systems whose bonds have outgrown it, or nearly so.

        Raises:
            NoListsError: of one of the systems; all lists are then as before.
        """
        entries, room = [copy.copy(entry) for entry in self.entries], dict(self.room)
        try:
            for k in np.flatnonzero(~covered).tolist():
                with _of_system(k):
                    self._lists.renew_topology(self.entries[k], systems[k])
            self._same_room(systems)
        except NoListsError:
            self.entries = entries
            self.room.clear()
            self.room.update(room)
            raise

    def _make(self, k: int, system: System) -> None:
        with _of_system(k):
            self.entries[k] = self._lists.made(self._structures[k], system, self.room)

    def _same_room(self, systems: list[System]) -> None:
        """Makes the lists anew whose room is not what it has become."""
        for k, system in enumerate(systems):
            if self.entries[k].capacity != self.room:
                self._make(k, system)

    def on_device(self, *, batched: bool) -> DeviceLists:
        """The lists as the compiled loop takes them."""
        lists = [
            DeviceLists(e.neighbors, e.topology, e.positions, e.cell)
            for e in self.entries
        ]
        if not batched:
            return lists[0]
        return jax.tree.map(lambda *x: np.stack(x), *lists)

    # For checkpoints: lists follow from where they were made, and from the room.

    def references(self) -> list[dict[str, Any]]:
        """Where the lists of each system were made, Å."""
        return [
            dict(
                far_positions=e.host.reference_positions,
                far_cell=e.host.reference_cell,
                near_positions=e.positions,
                near_cell=e.cell,
            )
            for e in self.entries
        ]

    def restore(
        self, systems: list[System], references: list[dict], room: dict[str, int]
    ) -> None:
        """The same lists as those that `references` and `room` were taken from."""
        self.room = dict(room)
        self.entries = []
        for atoms, system, at in zip(
            self._structures, systems, references, strict=True
        ):
            there = _moved(system, at["far_positions"], at["far_cell"])
            entry = self._lists.made(atoms, there, self.room)
            there = _moved(system, at["near_positions"], at["near_cell"])
            self._lists.renew_topology(entry, there)
            self.entries.append(entry)


@contextlib.contextmanager
def _of_system(k: int) -> Iterator[None]:
    """Says of which system no lists can be made."""
    try:
        yield
    except (CalculationFailed, InputError) as error:
        raise NoListsError(str(error), system=k) from error


def _moved(system: System, positions, cell) -> System:
    return System(positions, cell, system.species, system.mask, system.total_charge)
