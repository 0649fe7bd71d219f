"""What went wrong at a step, in words."""

from typing import TYPE_CHECKING

import jax
import numpy as np
from ase import units
from ase.calculators.calculator import CalculationFailed, InputError, SCFError

from ase_reaxff_jax import report
from ase_reaxff_jax.md.errors import NoListsError, SimulationBlewUp
from ase_reaxff_jax.md.snapshots import snapshot
from ase_reaxff_jax.md.state import State

if TYPE_CHECKING:
    from ase_reaxff_jax.md.simulation import Simulation


def of_step(
    simulation: "Simulation", previous: State
) -> CalculationFailed | SCFError | InputError:
    """The error for the step that a simulation has just failed at."""
    for k, atoms in enumerate(simulation.structures):
        state = simulation.one(simulation.state, k)
        entry = simulation.renewal.entries[k]
        try:
            report.check(atoms, state.result, entry.host, simulation.plan.options)
        except (CalculationFailed, SCFError) as error:
            if state.step == 0:
                return report.of_structure(error, k, simulation.batched)
            return _blew_up(simulation, previous, k, str(error))
    return _over_a_limit(simulation, previous)


def of_lists(
    simulation: "Simulation", last_good: State, error: NoListsError
) -> SimulationBlewUp:
    """The error where of one system no lists can be made."""
    # What is wrong with the input says itself what helps; a smaller step does not.
    remedy = "" if isinstance(error.__cause__, InputError) else None
    return _blew_up(simulation, last_good, error.system, str(error), remedy=remedy)


def _over_a_limit(
    simulation: "Simulation", previous: State
) -> SimulationBlewUp | InputError:
    conditions = simulation.conditions
    for k, atoms in enumerate(simulation.structures):
        state, old = simulation.one(simulation.state, k), simulation.one(previous, k)
        fixed = simulation.one(simulation.fixed, k)
        with simulation.scope():
            energy = float(fixed.particles.thermal_energy(state.velocities))
        temperature = 2.0 * energy / float(fixed.particles.degrees) / units.kB
        moved = np.linalg.norm(state.positions - old.positions, axis=1)
        worst = int(moved.argmax())
        limit = conditions.max_temperature_K
        if state.step == 0 and temperature > limit:
            which = f" of structure {k}" if simulation.batched else ""
            return InputError(
                f"max_temperature_K={limit:g} is below the temperature at the start"
                f"{which}, {temperature:.0f} K; raise it, or start colder"
            )
        if not temperature <= limit:
            reason = f"the temperature is {temperature:.0f} K, the limit {limit:g} K"
        elif not moved[worst] <= conditions.max_displacement_A:
            reason = (
                f"atom {worst} ({atoms.symbols[worst]}) moved {moved[worst]:.3f} Å, "
                f"the limit is {conditions.max_displacement_A:g} Å"
            )
            carried = old.positions[worst] @ _strain(old.cell, state.cell)
            if 2.0 * np.linalg.norm(carried) > moved[worst]:
                reason += ", most of it with the cell, which changes too fast"
        else:
            continue
        return _blew_up(simulation, previous, k, reason)
    return _blew_up(simulation, previous, 0, "its result cannot be trusted")


def of_movement(simulation: "Simulation") -> SimulationBlewUp:
    """The error where one step leaves the reach of lists just made."""
    steps = [_next_step(simulation, k) for k in range(len(simulation.structures))]
    strains = [np.linalg.norm(strain) for strain, _ in steps]
    ways = [np.linalg.norm(moved, axis=1) for _, moved in steps]
    # Distances as long as the reach change by strain, all by two ways.
    reach = simulation.plan.near_reach
    changes = [reach * s + 2.0 * w.max() for s, w in zip(strains, ways, strict=True)]
    # What is not a number has changed most.
    k = int(np.argmax(np.nan_to_num(changes, nan=np.inf)))
    symbols = simulation.structures[k].symbols
    if reach * strains[k] > 2.0 * ways[k].max():
        percent = 100.0 * np.diag(steps[k][0])
        along = ", ".join(f"{x:+.2f}" for x in percent)
        reason = (
            f"the cell changes too much in one step: by {along} % along x, y, z; a "
            "longer pressure_tau_fs, or a smaller compressibility_per_GPa, slows it"
        )
    else:
        worst = np.argsort(-ways[k])[:3]
        named = ", ".join(f"{i} ({symbols[i]}, {ways[k][i]:.2f} Å)" for i in worst)
        reason = f"atoms move too far in one step: {named}"
    return _blew_up(simulation, simulation.state, k, reason, ahead=1)


def _next_step(simulation: "Simulation", k: int) -> tuple[np.ndarray, np.ndarray]:
    """What the next step would do to system k: strain of its cell, ways of its atoms.

    Ways are in Å and without the strain.
    """
    settings, conditions = simulation.engine.settings, simulation.conditions
    state = simulation.one(simulation.state, k)
    particles = simulation.one(simulation.fixed, k).particles
    first = int(state.step) + 1
    with simulation.scope():
        schedule, targets, particles, start = jax.device_put((
            conditions.schedule(first, settings),
            conditions.targets(first, first, settings)[k],
            particles,
            state,
        ))  # fmt: skip
        now = schedule.now(targets, start.step + 1)
        moved = simulation.plan.integrator.before(start, particles, now)
    strain = _strain(state.cell, np.asarray(moved.cell))
    ways = np.asarray(moved.positions) - state.positions - state.positions @ strain
    return strain, ways[: len(simulation.structures[k])]


def _strain(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Change of a cell, relative to what it was; 0 where there is none."""
    return np.linalg.pinv(old) @ (new - old)


def _blew_up(
    simulation: "Simulation", last_good: State, k: int, reason: str, *,
    ahead: int = 0, remedy: str | None = None,
) -> SimulationBlewUp:  # fmt: skip
    step = simulation.step + ahead
    timestep_fs = simulation.conditions.timestep_fs
    which = f" of system {k}" if simulation.batched else ""
    time = f" ({step * timestep_fs:g} fs)" if timestep_fs else ""
    integrator = simulation.plan.integrator
    atoms = snapshot(
        simulation.structures[k], simulation.one(last_good, k), timestep_fs
    )
    remedy = integrator.remedy if remedy is None else remedy
    return SimulationBlewUp(
        f"the {integrator.process} blew up at step {step}{time}{which}: "
        f"{reason.rstrip('.')}. {remedy}".rstrip(),
        step=step,
        atoms=atoms,
    )
