"""The compiled loop: many steps without the host.

It stops by itself before it would use a list that no longer covers the positions, after
a step in which bonds have come close to what lists were made for, at one in which they
were found to outgrow them, and at one whose result cannot be trusted; the host then
renews lists, repeats the step where it is not right, or says what is wrong. No force is
ever integrated that is not right.
"""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, UInt

from ase_reaxff_jax import neighbors as nb
from ase_reaxff_jax import programs
from ase_reaxff_jax.arrays import AnyArray
from ase_reaxff_jax.compilation import compiled, quickly
from ase_reaxff_jax.md.integrators.verlet import Verlet
from ase_reaxff_jax.md.state import Now, Particles, State, volume_of
from ase_reaxff_jax.options import Options
from ase_reaxff_jax.report import SHORTEST
from ase_reaxff_jax.system import System
from ase_reaxff_jax.topology import Topology

CHUNK = 256  # steps, at most, of one call
GOING, NEIGHBORS, TOPOLOGY, WORN, UNCOVERED, FAILED, FINISHED = range(7)
COLUMNS = (
    "potential_energy",  # eV
    "kinetic_energy",  # eV
    "bath_energy",  # eV
    "thermal_energy",  # eV, without common motion
    "virial",  # trace of pressure times volume, eV
    "volume",  # Å^3
    "charge_iterations",
    "displacement",  # largest of the step, Å
)


@dataclass(frozen=True)
class Plan:
    """What is decided before compilation."""

    integrator: Verlet
    options: Options
    far_reach: float  # Å, of the neighbours
    near_reach: float  # Å, of the topology
    skin: float  # Å
    bond_skin: float  # Å
    batched: bool  # many systems: all arrays have a leading axis


class DeviceLists(eqx.Module):
    """Interaction lists, and where their topology was made."""

    neighbors: nb.Neighbors
    topology: Topology
    positions: Float[AnyArray, "*systems atoms 3"]  # Å
    cell: Float[AnyArray, "*systems 3 3"]


class Fixed(eqx.Module):
    """The parts of a system that do not move."""

    species: Int[AnyArray, "*systems atoms"]
    mask: Bool[AnyArray, "*systems atoms"]
    total_charge: Float[AnyArray, "*systems"]
    particles: Particles

    def system(self, state: State) -> System:
        """The system at a state, for the kernel."""
        return System(
            state.positions, state.cell, self.species, self.mask, self.total_charge
        )


class Targets(eqx.Module):
    """Conditions of one system at the steps from `Schedule.first` on."""

    kT: Float[AnyArray, "*systems steps"]  # eV
    pressure: Float[AnyArray, "*systems steps"]  # eV/Å^3
    key: Int[AnyArray, "*systems key"] | UInt[AnyArray, "*systems key"]


class Schedule(eqx.Module):
    """Conditions that all systems share, in ASE's units."""

    first: Int[AnyArray, ""]  # step of the first entry of the targets
    timestep: Float[AnyArray, ""]
    tau: Float[AnyArray, ""]
    pressure_tau: Float[AnyArray, ""]
    compressibility: Float[AnyArray, ""]  # Å^3/eV
    hottest: Float[AnyArray, ""]  # eV, thermal energy per degree of freedom; a limit
    farthest: Float[AnyArray, ""]  # Å, displacement in a step; a limit

    def now(self, targets: Targets, step: Int[Array, ""]) -> Now:
        """Conditions at a step."""
        k = step - self.first
        return Now(
            timestep=self.timestep,
            kT=targets.kT[k],
            tau=self.tau,
            pressure=targets.pressure[k],
            pressure_tau=self.pressure_tau,
            compressibility=self.compressibility,
            key=jax.random.fold_in(targets.key, step),
        )


class Carry(NamedTuple):
    """What the loop hands from step to step."""

    state: State
    previous: State  # one step earlier
    rows: Float[Array, "chunk ..."]
    status: Int[Array, ""]


def _advance(
    parameters,
    fixed: Fixed,
    lists: DeviceLists,
    schedule: Schedule,
    targets: Targets,
    state: State,
    until: Int[Array, ""],
    *,
    plan: Plan,
) -> Carry:
    """Steps until one of number `until`, or until a list is used up or a step fails.

    It is over too where all systems are finished, which only minimisers say of them.

    Returns:
        The last state; the one before it, which is the last good one where the step
        failed or lists did not cover it; a row of `COLUMNS` for each step since
        `schedule.first`; the reason.
    """

    def lifted(function, *axes):
        return jax.vmap(function, in_axes=axes) if plan.batched else function

    before = lifted(partial(_before, plan, schedule), 0, 0, 0)
    after = lifted(partial(_after, plan, schedule, parameters), 0, 0, 0, 0, 0)
    outdated = lifted(partial(_outdated, plan), 0, 0)
    finished = lifted(partial(_finished, plan), 0)

    def stepped(carry: Carry) -> Carry:
        moved = before(carry.state, fixed, targets)
        far, near = outdated(moved, lists)
        reason = jnp.where(jnp.any(far), jnp.int32(NEIGHBORS), jnp.int32(TOPOLOGY))

        def stay(_):
            return carry._replace(status=reason)

        def complete(moved):
            new, row, usable = after(fixed, lists, targets, carry.state, moved)
            step = jnp.max(new.step)
            rows = carry.rows.at[step - schedule.first].set(row)
            over = jnp.all(finished(new))
            worn = jnp.any(new.result.worn)
            status = jnp.where(worn, jnp.int32(WORN), jnp.int32(GOING))
            status = jnp.where(over, jnp.int32(FINISHED), status)
            status = jnp.where(jnp.all(usable), status, jnp.int32(FAILED))
            covered = jnp.all(new.result.covered)
            status = jnp.where(covered, status, jnp.int32(UNCOVERED))
            return Carry(new, carry.state, rows, status)

        return jax.lax.cond(jnp.any(far | near), stay, complete, moved)

    def unfinished(carry: Carry):
        return (carry.status == GOING) & (jnp.max(carry.state.step) < until)

    systems = state.positions.shape[:-2]
    rows = jnp.full((CHUNK, *systems, len(COLUMNS)), jnp.nan, state.positions.dtype)
    start = Carry(state, state, rows, jnp.int32(GOING))
    return jax.lax.while_loop(unfinished, stepped, start)


_long = partial(jax.jit, static_argnames="plan")(_advance)
_brief = quickly(static_argnames="plan")(_advance)


def advance(
    parameters, fixed: Fixed, lists: DeviceLists, schedule: Schedule, targets: Targets,
    state: State, until, *, plan: Plan,
) -> Carry:  # fmt: skip
    """`_advance`, compiled: to run fast, or to be ready soon."""
    program = _brief if plan.integrator.brief else _long
    return program(parameters, fixed, lists, schedule, targets, state, until, plan=plan)


def compilations() -> int:
    """How often `advance` has been compiled in this process."""
    return compiled(_long, _brief)


@quickly(static_argnames="batched")
def connections(
    parameters, fixed: Fixed, lists: DeviceLists, state: State, *, batched: bool
) -> programs.Connections:
    """The bonds of every system."""

    def one(fixed, neighbors, topology, state):
        system = fixed.system(state)
        return programs.connections(parameters, system, neighbors, topology)

    every = jax.vmap(one) if batched else one
    return every(fixed, lists.neighbors, lists.topology, state)


def _finished(plan: Plan, state: State) -> Bool[Array, ""]:
    finished = plan.integrator.finished(state)
    return jnp.bool_(False) if finished is None else finished


def _before(
    plan: Plan, schedule: Schedule, state: State, fixed: Fixed, targets: Targets
) -> State:
    now = schedule.now(targets, state.step + 1)
    return plan.integrator.before(state, fixed.particles, now)


def _outdated(plan: Plan, moved: State, lists: DeviceLists):
    """Whether neighbours and topology do not cover these positions."""
    geometry = moved.positions, moved.cell
    far = nb.stale(lists.neighbors, *geometry, reach=plan.far_reach, skin=plan.skin)
    near = nb.moved_too_far(
        lists.positions, lists.cell, *geometry,
        reach=plan.near_reach, skin=plan.bond_skin,
    )  # fmt: skip
    return far, near


def _after(
    plan: Plan,
    schedule: Schedule,
    parameters,
    fixed: Fixed,
    lists: DeviceLists,
    targets: Targets,
    old: State,
    moved: State,
):
    """The completed step, its row, and whether its forces can be trusted."""
    guess = moved.history.guess(moved.positions)
    if plan.options.charge_model == "fixed":
        guess = jnp.stack([old.result.solution.charges, guess[1]])
    result = programs.derivatives(
        parameters, fixed.system(moved), lists.neighbors, lists.topology, guess,
        options=plan.options,
    )  # fmt: skip
    solution = jnp.stack([result.solution.charges, result.solution.adjoint])
    new = eqx.tree_at(
        lambda s: (s.step, s.result, s.history),
        moved,
        (moved.step + 1, result, moved.history.with_step(moved.positions, solution)),
    )
    now = schedule.now(targets, new.step)
    new = plan.integrator.after(new, fixed.particles, now)
    row = _row(plan, fixed.particles, old, new, now)
    named = dict(zip(COLUMNS, row, strict=True))
    limit = 0.5 * fixed.particles.degrees * schedule.hottest
    calm = named["thermal_energy"] <= limit
    calm &= named["displacement"] <= schedule.farthest
    usable = _usable(result) & calm
    finished = plan.integrator.finished(old)
    if finished is None:
        return new, row, usable
    kept = jax.tree.map(partial(jnp.where, finished), old, new)
    return eqx.tree_at(lambda s: s.step, kept, new.step), row, usable | finished


def _usable(result: programs.Derivatives) -> Bool[Array, ""]:
    finite = jnp.isfinite(result.energy) & jnp.all(jnp.isfinite(result.gradient))
    solved = result.solution.converged & ~result.solution.indefinite
    return finite & solved & (result.shortest >= SHORTEST)


def _row(plan: Plan, particles: Particles, old: State, new: State, now: Now):
    """The numbers of `COLUMNS`."""
    moved = jnp.sum((new.positions - old.positions) ** 2, axis=1)
    pressure = particles.kinetic_stress(new.velocities) + new.virial
    return jnp.stack([
        new.potential_energy,
        particles.kinetic_energy(new.velocities),
        plan.integrator.bath_energy(new, particles, now),
        particles.thermal_energy(new.velocities),
        jnp.trace(pressure),
        volume_of(new.cell),
        new.result.solution.iterations.astype(new.positions.dtype),
        jnp.sqrt(jnp.max(moved)),
    ])  # fmt: skip
