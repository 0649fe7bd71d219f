"""Forces and stress as differences of LAMMPS's energy, at charges that do not change.

LAMMPS's own forces are not the derivative of its energy in mixtures with a heavy π
neighbour (see `Facts.forces_of_lammps_are_derivatives`); these differences are.
The energy has small steps where an interaction passes its threshold, and kinks where an
angle passes 180 degrees. Two formulas of different order tell where a step lies within
the stencil, two of the curvature where a kink does: the value there is NaN.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from ase import Atoms
from lammps_oracle import evaluate_many

STEP = 2e-5  # Å
STRAIN_STEP = 2e-5
AGREEMENT = 1e-6  # eV/Å: largest difference of the two formulas without a step
SAME_ENERGY = 1e-11  # eV/atom
STRESS_AGREEMENT = 2e-8  # eV/Å^3

POINTS = (-3, -2, -1, 1, 2, 3)
FOURTH_ORDER = np.array([0, 1, -8, 8, -1, 0]) / 12.0
SIXTH_ORDER = np.array([-1, 9, -45, 45, -9, 1]) / 60.0
KINK = np.array([-3, 8, -5, -5, 8, -3]) / 24.0  # 0 for a polynomial of third degree


def forces(
    atoms: Atoms,
    force_field: str | Path,
    charges: np.ndarray,
    coordinates: Sequence[int] | None = None,
) -> np.ndarray:
    """Forces in eV/Å, (atoms, 3); NaN where a step of the energy is too near.

    Only the flat `coordinates` given are differentiated, the others are NaN too.
    """
    wanted = range(3 * len(atoms)) if coordinates is None else coordinates
    moved = (_moved(atoms, k, n * STEP) for k in wanted for n in POINTS)
    result = np.full(3 * len(atoms), np.nan)
    result[list(wanted)] = -_slopes(moved, force_field, charges, STEP, AGREEMENT)
    return result.reshape(-1, 3)


def stress(atoms: Atoms, force_field: str | Path, charges: np.ndarray) -> np.ndarray:
    """Stress in eV/Å^3, (3, 3) and symmetric; NaN as for `forces`."""
    volume = atoms.cell.volume
    rows, columns = np.triu_indices(3)
    strained = (
        _strained(atoms, i, j, n * STRAIN_STEP)
        for i, j in zip(rows, columns, strict=True)
        for n in POINTS
    )
    agreement = STRESS_AGREEMENT * volume
    slopes = _slopes(strained, force_field, charges, STRAIN_STEP, agreement)
    result = np.empty((3, 3))
    result[rows, columns] = result[columns, rows] = slopes / volume
    return result


def _slopes(
    structures: Iterator[Atoms],
    force_field: str | Path,
    charges: np.ndarray,
    step: float,
    agreement: float,
) -> np.ndarray:
    """Derivatives of the energy; `structures` come in groups of one stencil."""
    moved = list(structures)
    results = evaluate_many(
        moved,
        force_field,
        [charges] * len(moved),
        replicate=_must_be_replicated(moved[0], force_field, charges),
    )
    energies = np.array([r.energy for r in results]).reshape(-1, len(POINTS))
    fourth, sixth = energies @ FOURTH_ORDER / step, energies @ SIXTH_ORDER / step
    kink = energies @ KINK / step
    smooth = (abs(fourth - sixth) < agreement) & (abs(kink) < agreement)
    return np.where(smooth, sixth, np.nan)


def _must_be_replicated(
    atoms: Atoms, force_field: str | Path, charges: np.ndarray
) -> bool:
    """Whether the energy per cell depends on it; most often it does not."""
    alone, many = (
        evaluate_many([atoms], force_field, [charges], replicate=replicate)[0].energy
        for replicate in (False, True)
    )
    return abs(alone - many) > SAME_ENERGY * len(atoms)


def _moved(atoms: Atoms, coordinate: int, distance: float) -> Atoms:
    moved = atoms.copy()
    moved.positions[divmod(coordinate, 3)] += distance
    return moved


def _strained(atoms: Atoms, i: int, j: int, strain: float) -> Atoms:
    """Strain the structure, half in (i, j) and half in (j, i)."""
    deformation = np.eye(3)
    deformation[i, j] += 0.5 * strain
    deformation[j, i] += 0.5 * strain
    strained = atoms.copy()
    strained.set_cell(atoms.cell.array @ deformation)
    strained.positions = atoms.positions @ deformation
    return strained
