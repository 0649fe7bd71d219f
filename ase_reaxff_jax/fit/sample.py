"""All structures of a training set, ready to be evaluated for any numbers.

They stand in clusters. For each set of numbers the lists are checked, and renewed where
they might lack something: nothing is ever cut.
"""

import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

import equinox as eqx
import jax
import numpy as np
from ase.calculators.calculator import InputError
from jaxtyping import Float

from ase_reaxff_jax import capacity
from ase_reaxff_jax.engine import Engine
from ase_reaxff_jax.errors import CapacityError
from ase_reaxff_jax.fit import clusters, devices, observables
from ase_reaxff_jax.fit.cases import KeptLists, Listed, listed
from ase_reaxff_jax.fit.input_errors import FitInputError
from ase_reaxff_jax.fit.observables import Case, Measured, Observables
from ase_reaxff_jax.fit.structures import Structure
from ase_reaxff_jax.forcefield import ForceField
from ase_reaxff_jax.missing import check_bond_rows
from ase_reaxff_jax.precision import scope
from ase_reaxff_jax.settings import Settings
from ase_reaxff_jax.system import System

LOG = logging.getLogger("ase_reaxff_jax")
SETTINGS = Settings(
    charge=None, charge_model="eem", charge_tolerance=1e-10, charge_response=True,
    charge_method="stationary", dtype="float64", skin=0.3, bond_skin=0.3,
    neighbors="auto", missing_bonds="ignore", implementation="fused", device=None,
)  # fmt: skip
SPARE = 2.0  # room for what lists need when one has to grow, which is to compile anew
GROWING = ("close", "angles", "torsions")  # those that do most, and so do all at once
RENEWALS = 3  # of the lists for one set of numbers, at most


@dataclass(eq=False)
class Cluster:
    """Structures in lists with the same room.

    Some sets of numbers need long lists, in which others would be slow: of the rooms
    that lists have had, they take the first that holds them.
    """

    members: list[int]
    rooms: list[dict[str, int]]  # in each list; each larger than the one before
    atoms: int
    lists: list[Listed]
    now: int = 0  # the number of the room that the lists have
    stack: Case | None = None  # on the device; None: to be made
    kept: KeptLists = field(default_factory=dict)  # that new lists can be made of

    @property
    def room(self) -> dict[str, int]:
        """Room in each list."""
        return self.rooms[self.now]

    @property
    def size(self) -> dict[str, int]:
        """Room in each list, and for atoms."""
        return self.room | {"atoms": self.atoms}


class Sample:
    """Structures, where their atoms are now, and their lists.

    Args:
        structures: In a fixed order, by which they are numbered.
        force_field: Decides the first lists, and the form of the energy.
        passes: How often each is computed, relative to the others; None: alike.
        most_clusters: At most so many.
    """

    def __init__(
        self,
        structures: Sequence[Structure],
        force_field: ForceField,
        *,
        passes: Float[np.ndarray, " structures"] | None = None,
        most_clusters: int = 4,
    ):
        self.structures = list(structures)
        self.counts = [len(s.atoms) for s in structures]
        self._engine = engine = Engine(force_field, SETTINGS)
        self.form = engine.form
        self.mesh = devices.mesh_of_devices()
        with scope("float64"):
            self.systems = [_system(engine, s, n) for s, n in
                            zip(self.structures, self.counts, strict=True)]  # fmt: skip
            own = listed(engine, self.systems)
            self._name_missing_bonds(engine, own)
            sizes = [one.needed | {"atoms": n} for one, n in
                     zip(own, self.counts, strict=True)]  # fmt: skip
            if passes is None:
                passes = np.ones(len(sizes))
            found = clusters.partition(sizes, most=most_clusters, passes=passes)
            self.clusters = [self._cluster(engine, sizes, c) for c in found]
        self._given = list(self.systems)
        self.waste = 1.0 - sum(map(clusters.cost, sizes)) / sum(
            len(c.members) * clusters.cost(c.size) for c in self.clusters
        )

    def _name_missing_bonds(self, engine: Engine, own: list[Listed]) -> None:
        """Logs structures in which elements without a bond row come close."""
        found: list[tuple[str, InputError]] = []
        bonded, elements = engine.lists.bonded, engine.lists.elements
        for structure, system, one in zip(
            self.structures, self.systems, own, strict=True
        ):
            try:
                check_bond_rows(bonded, elements, system, one.neighbors)
            except InputError as error:
                found.append((structure.name, error))
        if found:
            LOG.warning(
                "in %d structures elements come close that have no bond row, and do "
                "not bond; the first, %s: %s", len(found), *found[0],
            )  # fmt: skip

    def _cluster(self, engine: Engine, sizes, members: list[int]) -> Cluster:
        most = clusters.together([sizes[k] for k in members])
        atoms = capacity.bucket(most.pop("atoms"), parts=4, smallest=4)
        room = {name: clusters.room(name, n) for name, n in most.items()}
        room["images"] = max(room["images"], atoms)
        for k in members:
            self.systems[k] = _system(engine, self.structures[k], atoms)
        cluster = Cluster(members, [room], atoms, [])
        self._renew(engine, cluster)
        return cluster

    def _renew(self, engine: Engine, cluster: Cluster) -> None:
        """New lists of a cluster, which grow where they must."""
        systems, cluster.stack = [self.systems[k] for k in cluster.members], None
        for n, room in enumerate(cluster.rooms):
            with contextlib.suppress(CapacityError):
                found = listed(engine, systems, room, cluster.kept)
                cluster.lists, cluster.now = found, n
                return
        own = [one.needed for one in listed(engine, systems)]
        needed, had = clusters.together(own), cluster.rooms[-1]
        room = {
            n: max(k, clusters.room(n, int(SPARE * needed[n])))
            if needed[n] > k or n in GROWING else k
            for n, k in had.items()
        }  # fmt: skip
        grown = [f"{n} {had[n]} -> {k}" for n, k in room.items() if k > had[n]]
        LOG.info("lists of %d structures grow: %s", len(systems), ", ".join(grown))
        cluster.rooms.append(room)
        cluster.now = len(cluster.rooms) - 1
        cluster.lists = listed(engine, systems, room, cluster.kept)

    def move(self, structure: int, positions, cell) -> None:
        """Puts the atoms of a structure elsewhere; its lists are made when needed."""
        system, count = self.systems[structure], self.counts[structure]
        moved = np.array(system.positions)
        moved[:count] = positions
        self.systems[structure] = System(
            moved, np.asarray(cell, float), system.species, system.mask,
            system.total_charge,
        )  # fmt: skip
        self._of(structure).stack = None

    def put_back(self) -> None:
        """Puts all atoms back to where the training set has them."""
        for k, given in enumerate(self._given):
            if self.systems[k] is not given:
                self.systems[k] = given
                self._of(k).stack = None

    def engine(self, force_field: ForceField) -> Engine:
        """The engine of a force field; the last one is kept."""
        if self._engine.force_field is not force_field:
            self._engine = Engine(force_field, SETTINGS)
        return self._engine

    def _of(self, structure: int) -> Cluster:
        return next(c for c in self.clusters if structure in c.members)

    def options(self, cluster: Cluster, engine: Engine):
        """Static options of a cluster's programs."""
        return engine.options(cluster.atoms)

    def measure(self, force_field: ForceField, *, slopes: bool) -> list[Measured]:
        """Observables of every structure, on the host, without padding of atoms.

        Raises:
            CapacityError: lists do not come to cover the structures.
        """
        engine = self.engine(force_field)
        found: dict[int, Measured] = {}
        for cluster in self.clusters:
            results = self._measure(engine, cluster, slopes=slopes)
            for k, member in enumerate(cluster.members):
                found[member] = jax.tree.map(lambda x, k=k: x[k], results)
        return [
            _without_padding(found[k], count) for k, count in enumerate(self.counts)
        ]

    def _measure(self, engine: Engine, cluster: Cluster, *, slopes: bool) -> Measured:
        with scope("float64"):
            if cluster.now > 0 or not self._in_reach(engine, cluster):
                self._renew(engine, cluster)
            for _ in range(RENEWALS):
                results = jax.device_get(observables.measured(
                    engine.force_field, self.stacked(cluster),
                    options=self.options(cluster, engine), slopes=slopes,
                    mesh=self.mesh,
                ))  # fmt: skip
                if results.covered.all():
                    return results
                self._renew(engine, cluster)
        raise CapacityError(
            f"lists of {len(cluster.members)} structures do not cover them after "
            f"{RENEWALS} renewals; this is a fault of the program"
        )

    def charges_are_minimal(self, force_field: ForceField) -> list[bool]:
        """Whether the energy of a structure rises with any change of its charges."""
        engine = self.engine(force_field)
        found: dict[int, bool] = {}
        with scope("float64"):
            for cluster in self.clusters:
                matrices = np.asarray(observables.charge_matrices(
                    engine.force_field, self.stacked(cluster), mesh=self.mesh
                ))  # fmt: skip
                own = matrices[: len(cluster.members)]
                for k, matrix in zip(cluster.members, own, strict=True):
                    count = self.counts[k]
                    lowest = np.linalg.eigvalsh(matrix[:count, :count])[0]
                    found[k] = bool(lowest > 0)
        return [found[k] for k in range(len(self.counts))]

    def _in_reach(self, engine: Engine, cluster: Cluster) -> bool:
        """Whether all pairs lie within what the lists cover."""
        for k, one in zip(cluster.members, cluster.lists, strict=True):
            system = self.systems[k]
            reach = engine.lists.reach(system.species[: self.counts[k]])
            if one.outdated(system, reach, SETTINGS.bond_skin):
                return False
        return True

    def stacked(self, cluster: Cluster) -> Case:
        """All members of a cluster; the first repeats till all devices have as many."""
        if cluster.stack is None:
            cases = [
                one.case(self.systems[k])
                for k, one in zip(cluster.members, cluster.lists, strict=True)
            ]
            cases += cases[:1] * (devices.evenly(len(cases), self.mesh) - len(cases))
            stack = jax.tree.map(lambda *x: np.stack(x), *cases)
            cluster.stack = devices.put(stack, self.mesh)
        return cluster.stack

    def some(self, cluster: Cluster, members: Sequence[int], size: int) -> Case:
        """Some members, the first of which repeats up to `size`, see `room_for`."""
        places = [cluster.members.index(k) for k in members]
        which = np.array(places + [places[0]] * (size - len(places)))
        return observables.chosen(self.stacked(cluster), which)

    def room_for(self, count: int, most: int | None = None) -> int:
        """A usual size of a stack of some members: of these few programs are made.

        With `most` no larger than so many for each device.
        """
        size = 1 << (count - 1).bit_length()
        if most is not None:
            size = min(size, most * devices.evenly(1, self.mesh))
        return devices.evenly(size, self.mesh)


def _system(engine: Engine, structure: Structure, room: int) -> System:
    try:
        system = engine.system(structure.atoms, room)
    except InputError as error:
        raise FitInputError(f"structure {structure.name}: {error}") from error
    charge = np.asarray(structure.total_charge, float)
    return eqx.tree_at(lambda s: s.total_charge, system, charge)


def _without_padding(measured: Measured, count: int) -> Measured:
    of = measured.of
    short = Observables(
        energy=np.asarray(of.energy),
        forces=of.forces[:count],
        charges=of.charges[:count],
        strain_gradient=of.strain_gradient,
    )
    return eqx.tree_at(lambda m: m.of, measured, short)
