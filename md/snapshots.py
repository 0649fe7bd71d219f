"""States as ASE sees them."""

import numpy as np
from ase import Atoms, units
from ase.calculators.singlepoint import SinglePointCalculator
from ase.stress import full_3x3_to_voigt_6_stress

from ase_reaxff_jax.md.state import State
from ase_reaxff_jax.units import KCAL_PER_MOL


def snapshot(template: Atoms, state: State, timestep_fs: float) -> Atoms:
    """The atoms at a state (on the host), with momenta and results.

    Positions are not wrapped into the cell. `info` has "step" and "time_fs".
    """
    atoms, count = template.copy(), len(template)
    positions = np.asarray(state.positions[:count], np.float64)
    cell = np.where(atoms.pbc[:, None], state.cell, atoms.cell.array)
    atoms.set_cell(cell)
    # Not `set_positions`, which constraints would adjust.
    atoms.arrays["positions"] = positions.copy()
    velocities = np.asarray(state.velocities[:count], np.float64)
    momenta = velocities * atoms.get_masses()[:, None]
    atoms.set_momenta(momenta, apply_constraint=False)
    step = int(state.step)
    atoms.info |= {"step": step, "time_fs": step * timestep_fs}
    if step < 0:
        return atoms
    results = {
        "energy": float(state.result.energy) * KCAL_PER_MOL,
        "forces": -np.asarray(state.result.gradient[:count], float) * KCAL_PER_MOL,
        "charges": np.asarray(state.result.solution.charges[:count], float),
    }
    if atoms.pbc.any() and atoms.cell.rank == 3:
        strain_gradient = np.asarray(state.result.strain_gradient, float)
        stress = strain_gradient * KCAL_PER_MOL / atoms.cell.volume
        results["stress"] = full_3x3_to_voigt_6_stress(stress)
    atoms.calc = SinglePointCalculator(atoms, **results)
    return atoms


def pressure_GPa(virial, volume) -> np.ndarray:
    """Pressure from its trace times the volume (eV); NaN where there is no volume."""
    with np.errstate(divide="ignore", invalid="ignore"):
        pressure = np.asarray(virial) / (3.0 * np.asarray(volume))
    return np.where(np.asarray(volume) > 0, pressure, np.nan) / units.GPa
