"""One run on the device: advances its systems and keeps their lists valid."""

import contextlib
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from ase import Atoms
from jaxtyping import Float

from ase_reaxff_jax import report
from ase_reaxff_jax.engine import Engine
from ase_reaxff_jax.md import failures
from ase_reaxff_jax.md.conditions import Conditions
from ase_reaxff_jax.md.errors import NoListsError
from ase_reaxff_jax.md.frames import Bonding, Frame
from ase_reaxff_jax.md.integrators.verlet import Verlet
from ase_reaxff_jax.md.loop import (
    CHUNK,
    COLUMNS,
    FAILED,
    FINISHED,
    NEIGHBORS,
    TOPOLOGY,
    UNCOVERED,
    Carry,
    Fixed,
    Plan,
    advance,
    connections,
)
from ase_reaxff_jax.md.renewal import Renewal
from ase_reaxff_jax.md.snapshots import snapshot
from ase_reaxff_jax.md.state import State
from ase_reaxff_jax.precision import scope
from ase_reaxff_jax.system import System

ATOM_STEPS = 200_000  # of one call of the loop: between two, signals are heeded


class Simulation:
    """Systems of one run, their states, and their lists.

    Args:
        engine: The calculator's.
        structures: Atoms of each system; more than one only if `batched`.
        states: Of each system, at step -1 or as a checkpoint had them.
        fixed: What does not move, of each system.
        integrator: Of all systems.
        conditions: Of all systems.
        batched: Whether the systems advance together, as one array.
        room: In each list, to begin with; None: what the first lists need.
    """

    def __init__(
        self,
        engine: Engine,
        structures: list[Atoms],
        states: list[State],
        fixed: list[Fixed],
        *,
        integrator: Verlet,
        conditions: Conditions,
        batched: bool,
        room: dict[str, int] | None = None,
    ):
        self.engine, self.structures, self.batched = engine, structures, batched
        self.conditions = conditions
        size = len(fixed[0].mask)
        self.renewal = Renewal(engine, structures, size, room)
        self.plan = Plan(
            integrator=integrator,
            options=engine.options(size),
            far_reach=self.renewal.far_reach,
            near_reach=self.renewal.near_reach,
            skin=self.renewal.skin,
            bond_skin=engine.settings.bond_skin,
            batched=batched,
        )
        with self.scope():
            self.fixed = jax.device_put(self._together(fixed))
            self.state = jax.device_put(self._together(states))
        self.lists: Any = None  # `DeviceLists` once it is started
        self._targets: Any = None  # of the last call
        self._stopped_at, self._stops = -2, 0  # step, and how often in a row
        self._repeated = -2  # the last step that was
        self.finished = False  # nothing is left to do, before the last step too

    def scope(self):
        """The calculator's precision and device."""
        return scope(self.engine.settings.dtype, self.engine.device)

    def _together(self, records: list):
        if not self.batched:
            return records[0]
        return jax.tree.map(lambda *x: np.stack(x), *records)

    def one(self, tree, k: int):
        """The part of system k of records that have all systems, on the host."""
        tree = jax.device_get(tree)
        return jax.tree.map(lambda x: x[k], tree) if self.batched else tree

    @property
    def step(self) -> int:
        """Number of the step that all systems have reached."""
        return int(np.asarray(self.state.step).max())

    def systems(self) -> list[System]:
        """All systems at their present positions, on the host."""
        with self.scope():
            moving = jax.device_get((self.state.positions, self.state.cell))
            fixed = jax.device_get(self.fixed)
        parts = *moving, fixed.species, fixed.mask, fixed.total_charge
        count = len(self.structures)
        return [System(*map(np.asarray, self.one(parts, k))) for k in range(count)]

    def start(self) -> Float[np.ndarray, "rows ..."]:
        """Makes lists and the forces of step 0; the row of that step."""
        with self.scope():
            self.renewal.start(self.systems())
            self.lists = self.renewal.on_device(batched=self.batched)
        return self.advance(0)

    def resume(self, references: list[dict], room: dict[str, int]) -> None:
        """Makes the lists that a checkpoint tells of."""
        with self.scope():
            self.renewal.restore(self.systems(), references, room)
            self.lists = self.renewal.on_device(batched=self.batched)

    def advance(self, until: int) -> Float[np.ndarray, "rows ..."]:
        """Steps until number `until`, or all is done; a row of `COLUMNS` for each.

        Raises:
            SimulationBlewUp: a step could not be trusted, or led to where no lists can
                be made.
        """
        rows = []
        while self.step < until and not self.finished:
            rows.append(self._advance_some(until))
        empty = np.empty((0, *self.state.step.shape, len(COLUMNS)))
        return np.concatenate(rows) if rows else empty

    def most_steps(self) -> int:
        """Steps of one call of the loop, at most."""
        atoms = sum(map(len, self.structures))
        return min(CHUNK, max(1, ATOM_STEPS // atoms))

    def _advance_some(self, until: int) -> Float[np.ndarray, "rows ..."]:
        self._renew_worn()
        before = self.step
        with self.scope(), report.memory(len(self.structures[0])):
            carry = self._call(before, min(until, before + self.most_steps()))
            status = int(carry.status)
        self.state = carry.state
        if status == UNCOVERED:
            self._repeat(carry)
        done = self.step - before
        if status == FAILED:
            self._failed(carry.previous)
        if status in (NEIGHBORS, TOPOLOGY):
            self._renew(status)
        self.finished = status == FINISHED
        return np.asarray(carry.rows, np.float64)[:done]

    def _failed(self, previous: State) -> None:
        raise failures.of_step(self, previous)

    def _call(self, before: int, until: int) -> Carry:
        settings, conditions = self.engine.settings, self.conditions
        first = before + 1
        schedule = conditions.schedule(first, settings, at_rest=first == 0)
        if self._targets is None or not conditions.constant:
            targets = conditions.targets(first, until, settings)
            self._targets = jax.device_put(self._together(targets))
        return advance(
            self.engine.parameters, self.fixed, self.lists, schedule, self._targets,
            self.state, np.asarray(until, np.int32), plan=self.plan,
        )  # fmt: skip

    def _renew_worn(self) -> None:
        """A new topology where bonds have nearly outgrown it.

        It follows from the state alone, so that a run goes on from a checkpoint as it
        would have without. Once for each state: a step that is repeated needs the
        topology that was made for where it leads, and systems that are finished keep
        the same state.
        """
        worn = np.atleast_1d(self.state.result.worn)
        if not worn.any():
            return
        # Where none can be made the present ones are used until they do not hold: that
        # step tells what is wrong.
        with self.scope(), contextlib.suppress(NoListsError):
            none = jnp.zeros_like(self.state.result.worn)
            self.state = eqx.tree_at(lambda s: s.result.worn, self.state, none)
            self.renewal.cover(self.systems(), ~worn)
            self.lists = self.renewal.on_device(batched=self.batched)

    def _repeat(self, carry: Carry) -> None:
        """Back by one step, with a topology for where that step led."""
        if self.step == self._repeated:  # lists made for this very step do not hold it
            return self._failed(carry.previous)
        self._repeated = self.step
        self._cover(carry)

    def _cover(self, carry: Carry) -> None:
        try:
            with self.scope():
                covered = np.atleast_1d(self.state.result.covered)
                self.renewal.cover(self.systems(), covered)
                self.lists = self.renewal.on_device(batched=self.batched)
        except NoListsError as error:
            return self._uncoverable(error, carry)
        self.state = carry.previous

    def _uncoverable(self, error: NoListsError, carry: Carry) -> None:
        """The step has led a system to where no lists can be made."""
        raise failures.of_lists(self, carry.previous, error) from error

    def _renew(self, reason: int) -> None:
        self._stops = self._stops + 1 if self.step == self._stopped_at else 1
        self._stopped_at = self.step
        if self._stops > 2:
            raise failures.of_movement(self)
        # Lists that are hardly used are kept, and then a long step may leave them.
        every = self._stops == 2
        try:
            with self.scope():
                far = every or reason == NEIGHBORS
                self.renewal.renew(self.systems(), far=far, every=every)
                self.lists = self.renewal.on_device(batched=self.batched)
        except NoListsError as error:
            raise failures.of_lists(self, self.state, error) from error

    def frame(self, k: int) -> Frame:
        """System k as it is now."""
        with self.scope():
            state = self.one(self.state, k)
        timestep_fs = self.conditions.timestep_fs
        atoms = snapshot(self.structures[k], state, timestep_fs)
        return Frame(int(state.step), int(state.step) * timestep_fs, atoms)

    def bonding(self) -> list[Bonding]:
        """Who is bonded to whom now, in every system."""
        with self.scope():
            found = jax.device_get(connections(
                self.engine.parameters, self.fixed, self.lists, self.state,
                batched=self.batched,
            ))  # fmt: skip
            charges = jax.device_get(self.state.result.solution.charges)
        step, result = self.step, []
        for k, atoms in enumerate(self.structures):
            count, one = len(atoms), self.one(found, k)
            bonds = self.renewal.entries[k].topology.bonds
            kept = np.flatnonzero(np.asarray(bonds.mask) & (one.order > 0))
            result.append(Bonding(
                step=step,
                time_fs=step * self.conditions.timestep_fs,
                i=np.asarray(bonds.i)[kept],
                j=np.asarray(bonds.j_atom)[kept],
                order=one.order[kept].astype(float),
                total_order=one.total_order[:count].astype(float),
                lone_pairs=one.lone_pairs[:count].astype(float),
                charges=self.one(charges, k)[:count].astype(float),
            ))  # fmt: skip
        return result
