"""`relax`: to the nearest minimum of the energy, on the device."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from ase import Atoms
from ase.calculators.calculator import InputError
from jaxtyping import Bool
from tqdm import tqdm

from ase_reaxff_jax.calculator import JaxReaxFF
from ase_reaxff_jax.errors import suggestion
from ase_reaxff_jax.md.conditions import PRESSURES, Course
from ase_reaxff_jax.md.minimizers import MINIMIZERS
from ase_reaxff_jax.md.minimizers.setup import Request, simulation_of
from ase_reaxff_jax.md.shared_calculator import calculator_of
from ase_reaxff_jax.md.simulation import Simulation
from ase_reaxff_jax.precision import scope
from ase_reaxff_jax.report import explained
from ase_reaxff_jax.settings import DIRECT_LIMIT
from ase_reaxff_jax.units import KCAL_PER_MOL

CELLS = ("full", "isotropic")
STRAINS = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))  # xx yy zz yz xz xy
Number = Any  # whatever is given instead is refused with words
Cell = Any  # likewise


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
    atoms: Atoms | list[Atoms],
    calc: JaxReaxFF | None = None,
    *,
    fmax: Number = 0.01,
    cell: Cell = False,
    pressure_GPa: Number = 0.0,
    optimizer: str = "fire",
    steps: Number = 1000,
    progress: bool = True,
) -> Any:
    """Relaxes atoms, and where asked for the cell, to a minimum of the energy.

    Args:
        atoms: The structure, which is not changed; or a list of structures of at most
            256 atoms each, which advance together as one batch, those that have
            converged staying where they are. Of the constraints, FixAtoms and
            FixCartesian hold; where the cell changes, what is fixed follows it.
        calc: The calculator; None takes that of the atoms, which all structures of a
            list must share.
        fmax: Largest force allowed, eV/Å; on the cell, the derivative of the energy by
            its strain over the number of atoms, eV.
        cell: True or "full" relaxes the cell too; "isotropic" only its volume; six
            True or False, xx, yy, zz, yz, xz, xy, only those strains.
        pressure_GPa: On the cell.
        optimizer: "fire" or "lbfgs".
        steps: At most.
        progress: Whether to show a progress bar.

    Returns:
        A `RelaxResult`, whose `converged` says whether the forces are small enough; of
        a list of structures a list of them.

    Raises:
        InputError: an argument or the structure cannot be used.
        NotImplementedError: the atoms have another constraint than FixAtoms and
            FixCartesian.
        CalculationFailed: there is no energy to go down; after the first step a
            `SimulationBlewUp` with the last good frame in its `atoms`.
    """
    structures, batched = _structures(atoms)
    calc = calculator_of(structures, calc, caller="relax")
    _check(fmax, steps, optimizer)
    kind, strains = _cell(structures, cell, pressure_GPa)
    request = Request(
        optimizer=optimizer, fmax=[fmax] * len(structures),
        most_steps=[steps] * len(structures), cell=kind, strains=strains,
        pressure_GPa=pressure_GPa,
    )  # fmt: skip
    with explained(sum(map(len, structures)), calc.force_field):
        with scope(calc.engine.settings.dtype, calc.engine.device):
            relaxation = simulation_of(
                calc.engine, [a.copy() for a in structures], request, batched=batched
            )
        first = relaxation.start()[-1].reshape(len(structures), -1)[:, 0]
        _go_down(relaxation, steps, hidden=None if progress else True)
        results = _results(relaxation, structures, calc, fmax, first)
    return results if batched else results[0]


def _go_down(relaxation: Simulation, steps: int, *, hidden: bool | None) -> None:
    with tqdm(desc="relaxing", unit="step", disable=hidden, leave=False) as bar:
        while not relaxation.finished:
            before = relaxation.step
            relaxation.advance(min(steps, before + relaxation.most_steps()))
            largest = np.max(jax.device_get(relaxation.state.bath.largest))
            bar.set_postfix_str(f"largest force {largest:.4f} eV/Å", refresh=False)
            bar.update(relaxation.step - before)


def _results(
    relaxation: Simulation,
    structures: list[Atoms],
    calc: JaxReaxFF,
    fmax: float,
    first: np.ndarray,
) -> list[RelaxResult]:
    results = []
    for k, atoms in enumerate(structures):
        state = relaxation.one(relaxation.state, k)
        relaxed = atoms.copy()
        relaxed.calc = calc
        relaxed.set_cell(np.where(atoms.pbc[:, None], state.cell, atoms.cell.array))
        # Not `set_positions`, which constraints would adjust.
        relaxed.arrays["positions"] = np.array(state.positions[: len(atoms)], float)
        calc.adopt(relaxed, state.result)
        largest = float(state.bath.largest)
        results.append(RelaxResult(
            atoms=relaxed,
            converged=largest <= fmax,
            steps=int(state.bath.steps),
            fmax=largest,
            energies=(float(first[k]), float(state.result.energy) * KCAL_PER_MOL),
            volumes=(_volume(atoms), _volume(relaxed)),
        ))  # fmt: skip
    return results


def _structures(atoms: Atoms | list[Atoms]) -> tuple[list[Atoms], bool]:
    if isinstance(atoms, Atoms):
        return [atoms], False
    structures = list(atoms)
    if not structures or not all(isinstance(a, Atoms) for a in structures):
        raise InputError(f"relax takes Atoms or a list of Atoms, not {atoms!r}")
    most = max(map(len, structures))
    if most > DIRECT_LIMIT:
        raise InputError(
            f"structures of a batch have at most {DIRECT_LIMIT} atoms, one has {most}; "
            "relax larger ones one by one"
        )
    return structures, True


def _check(fmax: Any, steps: Any, optimizer: Any) -> None:
    number = isinstance(fmax, int | float | np.number) and not isinstance(fmax, bool)
    if not number or not 0 < fmax < np.inf:
        raise InputError(f"fmax must be a positive number (eV/Å), not {fmax!r}")
    whole = isinstance(steps, int | np.integer) and not isinstance(steps, bool)
    if not whole or steps < 0:
        raise InputError(f"steps must be a whole number, at least 0, not {steps!r}")
    if optimizer not in MINIMIZERS:
        raise InputError(
            f"no optimizer {optimizer!r}{suggestion(optimizer, MINIMIZERS)}; there is: "
            f"{', '.join(MINIMIZERS)}"
        )


def _cell(structures: list[Atoms], cell: Any, pressure_GPa: Any):
    """How the cell may change, and which of its strains."""
    strains: Bool[np.ndarray, "3 3"] = np.ones((3, 3), bool)
    if isinstance(cell, np.bool_ | np.ndarray):
        cell = cell.tolist()
    if cell is False:
        if pressure_GPa:
            raise InputError("a pressure needs cell=True")
        return "fixed", strains
    if not isinstance(pressure_GPa, int | float | np.number):
        raise InputError(f"pressure_GPa must be a number, not {pressure_GPa!r}")
    # Made for its check: `run` refuses the same pressures, in the same words.
    Course("pressure_GPa", pressure_GPa, steps=0, timestep_fs=0.0, **PRESSURES)
    for k, atoms in enumerate(structures):
        if not atoms.pbc.all() or atoms.cell.rank < 3:
            which = f"; structure {k} is not" if len(structures) > 1 else ""
            raise InputError(
                f"relaxing the cell needs a structure periodic in x, y and z{which}"
            )
    if cell is True or cell == "full":
        return "free", strains
    if isinstance(cell, str):
        if cell not in CELLS:
            raise InputError(
                f"cell={cell!r} is none of {', '.join(CELLS)}{suggestion(cell, CELLS)}"
            )
        return cell, strains
    mask = _mask(cell)
    if not any(mask):
        raise InputError("cell is a mask without any free strain; cell=False is that")
    for (i, j), free in zip(STRAINS, mask, strict=True):
        strains[i, j] = strains[j, i] = free
    return "free", strains


def _mask(cell: Any) -> list[bool]:
    """Which strains are free, of what is given."""
    several = isinstance(cell, Sequence)
    if not several or not all(isinstance(x, bool | int | np.bool_) for x in cell):
        raise InputError(
            f"cell must be True, False, one of {', '.join(CELLS)}, or six True or "
            f"False (xx, yy, zz, yz, xz, xy), not {cell!r}"
        )
    if len(cell) != len(STRAINS):
        raise InputError(f"cell has {len(cell)} entries, a mask of strains has 6")
    return [bool(free) for free in cell]


def _volume(atoms: Atoms) -> float:
    return atoms.cell.volume if atoms.cell.rank == 3 else 0.0
