"""What went wrong at a step, in words."""

from typing import TYPE_CHECKING

import numpy as np
from ase import units
from ase.calculators.calculator import CalculationFailed, SCFError

from ase_reaxff_jax import report
from ase_reaxff_jax.md.errors import SimulationBlewUp
from ase_reaxff_jax.md.snapshots import snapshot
from ase_reaxff_jax.md.state import State

if TYPE_CHECKING:
    from ase_reaxff_jax.md.simulation import Simulation


def of_step(simulation: "Simulation", previous: State) -> CalculationFailed:
    """The error for the step that a simulation has just failed at."""
    for k, atoms in enumerate(simulation.structures):
        state = simulation.one(simulation.state, k)
        entry = simulation.renewal.entries[k]
        try:
            report.check(atoms, state.result, entry.host, simulation.plan.options)
        except (CalculationFailed, SCFError) as error:
            if state.step == 0:
                return error
            return _blew_up(simulation, previous, k, str(error))
    return _over_a_limit(simulation, previous)


def _over_a_limit(simulation: "Simulation", previous: State) -> SimulationBlewUp:
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
        if not temperature <= limit:
            reason = f"the temperature is {temperature:.0f} K, the limit {limit:g} K"
        elif not moved[worst] <= conditions.max_displacement_A:
            reason = (
                f"atom {worst} ({atoms.symbols[worst]}) moved {moved[worst]:.3f} Å, "
                f"the limit is {conditions.max_displacement_A:g} Å"
            )
        else:
            continue
        return _blew_up(simulation, previous, k, reason)
    return _blew_up(simulation, previous, 0, "its result cannot be trusted")


def of_movement(simulation: "Simulation") -> SimulationBlewUp:
    """The error where one step leaves the reach of lists just made."""
    timestep = simulation.conditions.timestep_fs * units.fs
    ways = []
    for k in range(len(simulation.structures)):
        state = simulation.one(simulation.state, k)
        ways.append(timestep * np.linalg.norm(state.velocities, axis=1))
    k = int(np.argmax([way.max() for way in ways]))
    worst = np.argsort(-ways[k])[:3]
    symbols = simulation.structures[k].symbols
    named = ", ".join(f"{i} ({symbols[i]}, {ways[k][i]:.2f} Å)" for i in worst)
    reason = f"atoms move too far in one step: {named}"
    return _blew_up(simulation, simulation.state, k, reason, ahead=1)


def _blew_up(
    simulation: "Simulation", last_good: State, k: int, reason: str, *, ahead: int = 0
) -> SimulationBlewUp:
    step = simulation.step + ahead
    timestep_fs = simulation.conditions.timestep_fs
    which = f" of system {k}" if simulation.batched else ""
    time = f" ({step * timestep_fs:g} fs)" if timestep_fs else ""
    integrator = simulation.plan.integrator
    atoms = snapshot(
        simulation.structures[k], simulation.one(last_good, k), timestep_fs
    )
    return SimulationBlewUp(
        f"the {integrator.process} blew up at step {step}{time}{which}: "
        f"{reason.rstrip('.')}. {integrator.remedy}",
        step=step,
        atoms=atoms,
    )
