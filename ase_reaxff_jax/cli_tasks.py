"""What the commands `energy`, `relax` and `convert` do."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
from ase import Atoms
from ase.calculators.calculator import InputError
from ase.filters import FrechetCellFilter
from ase.io.formats import UnknownFileTypeError, filetype, ioformats
from ase.optimize import BFGS, FIRE, LBFGS
from ase.units import GPa
from tqdm import tqdm

from ase_reaxff_jax import JaxReaxFF
from ase_reaxff_jax.cli_errors import NotConverged, StructureFileError
from ase_reaxff_jax.cli_tables import (
    charges_table,
    console,
    describe,
    forces_line,
    pressure,
    stress_lines,
    terms_table,
)
from ase_reaxff_jax.errors import suggestion

OPTIMIZERS = {"lbfgs": LBFGS, "bfgs": BFGS, "fire": FIRE}


def read_structures(path: str, index: str | int) -> Any:
    """As `ase.io.read`, whose readers raise whatever they stumble over."""
    try:
        return ase.io.read(path, index=index, format=lammps_data(path))
    except FileNotFoundError as error:
        raise FileNotFoundError(f"no structure file {path!r}") from error
    except UnknownFileTypeError as error:
        raise StructureFileError(f"{path}: ASE does not know this format") from error
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise StructureFileError(
            f"{path}: ASE cannot read a structure: {reason}"
        ) from error


def lammps_data(path: str | Path) -> str | None:
    """ASE's name of the format, for the names that users of LAMMPS give data files."""
    name = Path(path).name
    usual = name.startswith("data.") or name.endswith((".data", ".lmp"))
    return "lammps-data" if usual else None


def read_structure(path: str) -> Atoms:
    """The last, or the named, frame of a structure file."""
    atoms = read_structures(path, -1)
    if not isinstance(atoms, Atoms):
        raise StructureFileError(
            f"{path} names {len(atoms)} structures; name one: FILE@0"
        )
    return atoms


def check_folder(path: Path) -> None:
    """Says before the work, not after it, that a file cannot be written."""
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(f"{path}: there is no folder {path.absolute().parent}")
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder")


def check_writable(path: Path) -> None:
    """The same for a structure file, of a format that ASE writes."""
    check_folder(path)
    try:
        name = lammps_data(path) or filetype(path, read=False)
    except UnknownFileTypeError as error:
        raise StructureFileError(f"{path}: ASE does not know this format") from error
    if name not in ioformats or not ioformats[name].can_write:
        raise StructureFileError(f"{path}: ASE does not write the format {name!r}")


def write_structure(path: Path, atoms: Atoms | list[Atoms]) -> None:
    """As `ase.io.write`; StructureFileError where ASE does not manage."""
    check_writable(path)
    name = lammps_data(path)
    try:
        ase.io.write(path, atoms, format=name, **({"masses": True} if name else {}))
    except (ValueError, KeyError, TypeError) as error:
        raise StructureFileError(f"{path}: ASE cannot write this: {error}") from error


def calculator(ffield: str, **options: Any) -> JaxReaxFF:
    """The calculator; the force field is a bundled name or a file."""
    return JaxReaxFF(ffield, **options)


def energy_report(atoms: Atoms) -> dict[str, Any]:
    """Everything about one structure, as plain data with units in the names."""
    forces = atoms.get_forces()
    results = atoms.calc.results
    stress = results.get("stress")
    return {
        "formula": atoms.get_chemical_formula(),
        "energy_eV": atoms.get_potential_energy(),
        "terms_eV": atoms.calc.get_energy_terms(atoms),
        "charges_e": results["charges"].tolist(),
        "forces_eV_per_A": forces.tolist(),
        "largest_force_eV_per_A": float(np.linalg.norm(forces, axis=1).max()),
        "stress_eV_per_A3": None if stress is None else stress.tolist(),
    }


def show_energy(source: str, ffield: str, atoms: Atoms) -> None:
    """The report for a reader."""
    out = console()
    out.print(f"{source}: {describe(atoms)}; force field {ffield}\n", markup=False)
    terms = atoms.calc.get_energy_terms(atoms)
    out.print(terms_table(terms, atoms.get_potential_energy(), len(atoms)))
    out.print()
    out.print(charges_table(atoms, atoms.get_charges()))
    out.print()
    out.print(forces_line(atoms.get_forces(), atoms))
    if "stress" in atoms.calc.results:
        for line in stress_lines(atoms.get_stress(), bulk=bool(atoms.pbc.all())):
            out.print(line)


@dataclass(frozen=True)
class Relaxation:
    """Where a relaxation began and ended."""

    converged: bool
    steps: int
    fmax: float  # eV/Å; with a cell, the largest of its generalised forces too
    energies: tuple[float, float]  # eV, first and last
    volumes: tuple[float, float]  # Å^3; 0 where there is no cell

    def check(self, wanted: float) -> None:
        """NotConverged unless the forces are small enough."""
        if not self.converged:
            raise NotConverged(
                f"not converged after {self.steps} steps: largest force "
                f"{self.fmax:.4f} eV/Å, wanted {wanted:g} eV/Å"
            )


def relaxation_target(
    atoms: Atoms, *, cell: bool, pressure_GPa: float = 0.0
) -> Atoms | FrechetCellFilter:
    """What the optimiser moves: the atoms, or atoms and cell under a pressure."""
    if not cell:
        return atoms
    if not atoms.pbc.all() or atoms.cell.rank < 3:
        raise InputError("relaxing the cell needs a structure periodic in x, y and z")
    return FrechetCellFilter(atoms, scalar_pressure=pressure_GPa * GPa)


def relax(
    target: Atoms | FrechetCellFilter, optimizer: str, *, fmax: float, steps: int
) -> Relaxation:
    """Runs one of ASE's optimisers and shows how far it is."""
    if optimizer not in OPTIMIZERS:
        raise InputError(
            f"no optimizer {optimizer!r}{suggestion(optimizer, OPTIMIZERS)}; there is: "
            f"{', '.join(OPTIMIZERS)}"
        )
    atoms = target if isinstance(target, Atoms) else target.atoms
    before = atoms.get_potential_energy(), _volume(atoms)
    dynamics = OPTIMIZERS[optimizer](target, logfile=None)
    largest, converged = np.inf, False
    with tqdm(desc="relaxing", unit="step", disable=None, leave=False) as bar:
        for arrived in dynamics.irun(fmax=fmax, steps=steps):
            converged = bool(arrived)
            largest = float(np.linalg.norm(target.get_forces(), axis=1).max())
            bar.set_postfix_str(f"largest force {largest:.4f} eV/Å")
            bar.update()
    return Relaxation(
        converged=converged,
        steps=dynamics.nsteps,
        fmax=largest,
        energies=(before[0], atoms.get_potential_energy()),
        volumes=(before[1], _volume(atoms)),
    )


def _volume(atoms: Atoms) -> float:
    return atoms.cell.volume if atoms.cell.rank == 3 else 0.0


def show_relaxation(outcome: Relaxation, atoms: Atoms, *, cell: bool) -> None:
    """First and last energy, volume, largest force."""
    out = console()
    first, last = outcome.energies
    state = "converged" if outcome.converged else "NOT converged"
    out.print(f"{state} after {outcome.steps} steps")
    out.print(f"Energy: {first:.6f} -> {last:.6f} eV ({last - first:+.6f})")
    out.print(f"Largest force: {outcome.fmax:.6f} eV/Å")
    if cell:
        first, last = outcome.volumes
        change = 100 * (last / first - 1)
        out.print(f"Volume: {first:.4f} -> {last:.4f} Å^3 ({change:+.2f} %)")
        out.print(f"Cell: {', '.join(f'{x:.4f}' for x in atoms.cell.cellpar())} (Å, °)")
        out.print(f"Pressure: {pressure(atoms.get_stress())} GPa")


def convert_structures(source: str, target: Path) -> str:
    """All frames of a file into another format; says what was done."""
    frames = read_structures(source, ":")
    write_structure(target, frames)
    count = f"{len(frames)} structure" + ("s" if len(frames) != 1 else "")
    return f"{source} -> {target}: {count} of {describe(frames[-1])} (by ASE)"
