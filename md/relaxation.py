"""`relax`: to the nearest minimum of the energy, by ASE's optimisers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.calculators.calculator import InputError
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS, FIRE, LBFGS
from ase.units import GPa
from tqdm import tqdm

from ase_reaxff_jax.calculator import JaxReaxFF
from ase_reaxff_jax.errors import suggestion

OPTIMIZERS = {"fire": FIRE, "lbfgs": LBFGS, "bfgs": BFGS}
CELLS = ("full", "isotropic")


@dataclass(frozen=True, kw_only=True)
class RelaxResult:
    """Where a relaxation has led."""

    atoms: Atoms  # as they are at the end, with the calculator
    converged: bool  # whether no force is larger than was asked for
    steps: int
    fmax: float  # largest force at the end, eV/Å; with a cell, also on the cell
    energies: tuple[float, float]  # eV, first and last
    volumes: tuple[float, float]  # Å^3, first and last; 0 where there is no cell


def relax(
    atoms: Atoms,
    calc: JaxReaxFF | None = None,
    *,
    fmax: float = 0.01,
    cell: bool | str | Sequence[bool] = False,
    pressure_GPa: float = 0.0,
    optimizer: str = "fire",
    steps: int = 1000,
    progress: bool = True,
) -> RelaxResult:
    """Relaxes atoms, and where asked for the cell, to a minimum of the energy.

    Args:
        atoms: The structure, which is not changed; constraints hold.
        calc: The calculator; None takes that of the atoms.
        fmax: Largest force allowed, eV/Å.
        cell: True or "full" relaxes the cell too; "isotropic" only its volume; six
            True or False, xx, yy, zz, yz, xz, xy, only those strains.
        pressure_GPa: On the cell.
        optimizer: "fire", "lbfgs" or "bfgs".
        steps: At most.
        progress: Whether to show a progress bar.

    Returns:
        The relaxed atoms; `converged` says whether they are.

    Raises:
        InputError: an argument cannot be used.
    """
    calc = atoms.calc if calc is None else calc
    if calc is None:
        raise InputError("no calculator: pass calc, or set atoms.calc")
    _check(fmax, steps, optimizer)
    if pressure_GPa and cell is False:
        raise InputError("a pressure needs cell=True")
    relaxed = atoms.copy()
    relaxed.calc = calc
    target = _target(relaxed, cell, pressure_GPa)
    first = relaxed.get_potential_energy(), _volume(relaxed)
    dynamics = OPTIMIZERS[optimizer](target, logfile=None)
    hidden = None if progress else True
    with tqdm(desc="relaxing", unit="step", disable=hidden, leave=False) as bar:
        for _ in dynamics.irun(fmax=fmax, steps=steps):
            bar.set_postfix_str(f"largest force {_largest(target):.4f} eV/Å")
            bar.update()
    largest = _largest(target)
    return RelaxResult(
        atoms=relaxed,
        converged=bool(largest <= fmax),
        steps=dynamics.nsteps,
        fmax=largest,
        energies=(first[0], relaxed.get_potential_energy()),
        volumes=(first[1], _volume(relaxed)),
    )


def _check(fmax: float, steps: int, optimizer: str) -> None:
    if not 0 < fmax < np.inf:
        raise InputError(f"fmax must be a positive number (eV/Å), not {fmax!r}")
    if steps < 0:
        raise InputError(f"steps must not be negative, is {steps}")
    if optimizer not in OPTIMIZERS:
        raise InputError(
            f"no optimizer {optimizer!r}{suggestion(optimizer, OPTIMIZERS)}; there is: "
            f"{', '.join(OPTIMIZERS)}"
        )


def _target(atoms: Atoms, cell, pressure_GPa: float) -> Atoms | FrechetCellFilter:
    """What the optimiser moves: the atoms, or atoms and cell under a pressure."""
    if cell is False:
        return atoms
    if not atoms.pbc.all() or atoms.cell.rank < 3:
        raise InputError("relaxing the cell needs a structure periodic in x, y and z")
    mask = None
    if isinstance(cell, str):
        if cell not in CELLS:
            raise InputError(
                f"cell={cell!r} is none of {', '.join(CELLS)}{suggestion(cell, CELLS)}"
            )
    elif cell is not True:
        mask = [bool(free) for free in cell]
        if len(mask) != 6:
            raise InputError(f"cell has {len(mask)} entries, a mask of strains has 6")
    return FrechetCellFilter(
        atoms,
        mask=mask,
        hydrostatic_strain=cell == "isotropic",
        scalar_pressure=pressure_GPa * GPa,
    )


def _largest(target: Atoms | FrechetCellFilter) -> float:
    return float(np.linalg.norm(target.get_forces(), axis=1).max())


def _volume(atoms: Atoms) -> float:
    return atoms.cell.volume if atoms.cell.rank == 3 else 0.0
