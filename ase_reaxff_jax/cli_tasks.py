"""What the commands `energy`, `relax` and `convert` do."""

from pathlib import Path
from typing import Any

import ase.io
from ase import Atoms
from ase.io.formats import (
    UnknownFileTypeError,
    filetype,
    ioformats,
    parse_filename,
)

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
from ase_reaxff_jax.md.relaxation import RelaxResult

UNKNOWN = "ASE does not know this format"


def read_structures(path: str, index: str | int) -> Any:
    """As `ase.io.read`, whose readers raise whatever they stumble over."""
    try:
        return ase.io.read(path, index=index, format=lammps_data(path))
    except FileNotFoundError as error:
        raise FileNotFoundError(f"no structure file {path!r}") from error
    except UnknownFileTypeError as error:
        unknown = "the file is empty" if "Empty" in str(error) else UNKNOWN
        raise StructureFileError(f"{path}: {unknown}") from error
    except StopIteration as error:
        raise StructureFileError(_no_frame(path)) from error
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise StructureFileError(
            f"{path}: ASE cannot read a structure: {reason}"
        ) from error


def _no_frame(path: str) -> str:
    """What to say of FILE@5 where the file does not have so many frames."""
    file, frame = parse_filename(path)
    count = len(read_structures(file, ":"))
    frames = f"{count} frame" + "s" * (count != 1)
    return f"{file} has {frames}, numbered from 0: there is no frame {frame}"


def lammps_data(path: str | Path) -> str | None:
    """ASE's name of the format, for the names that users of LAMMPS give data files."""
    name = Path(path).name
    usual = name.startswith("data.") or name.endswith((".data", ".lmp"))
    return "lammps-data" if usual else None


def read_structure(path: str) -> Atoms:
    """The last, or the named, frame of a structure file."""
    atoms = read_structures(path, -1)
    if isinstance(atoms, list) and len(atoms) == 1:
        return atoms[0]
    if not isinstance(atoms, Atoms):
        raise StructureFileError(
            f"{path} names {len(atoms)} structures; name one: FILE@0"
        )
    return atoms


def check_new(path: Path, *, overwrite: bool) -> None:
    """Says before the work, not after it, that a file cannot be written, or is lost."""
    check_folder(path)
    if path.exists() and not overwrite:
        raise FileExistsError(
            f"{path} exists; give --overwrite to replace it, or another name"
        )


def check_folder(path: Path) -> None:
    """Says that a file cannot be written where it is to be."""
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
        raise StructureFileError(f"{path}: {UNKNOWN}") from error
    if name not in ioformats or not ioformats[name].can_write:
        raise StructureFileError(f"{path}: ASE does not write the format {name!r}")


def write_structure(path: Path, atoms: Atoms | list[Atoms]) -> None:
    """As `ase.io.write`, whose writers raise whatever they stumble over."""
    check_writable(path)
    name = lammps_data(path)
    try:
        ase.io.write(path, atoms, format=name, **({"masses": True} if name else {}))
    except OSError:
        raise
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise StructureFileError(f"{path}: ASE cannot write this: {reason}") from error


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
        "largest_force_eV_per_A": float((forces**2).sum(axis=1).max() ** 0.5),
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


def check_converged(outcome: RelaxResult, wanted: float) -> None:
    """NotConverged unless the forces are small enough."""
    if not outcome.converged:
        raise NotConverged(
            f"not converged after {outcome.steps} steps: largest force "
            f"{outcome.fmax:.4f} eV/Å, wanted {wanted:g} eV/Å"
        )


def show_relaxation(outcome: RelaxResult, *, cell: bool) -> None:
    """First and last energy, volume, largest force."""
    out, atoms = console(), outcome.atoms
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
    said = f"{source} -> {target}: {count} of {describe(frames[-1])} (by ASE)"
    try:
        written = read_structures(str(target), -1)
    except StructureFileError:  # a picture, say
        return said
    lost = _held(frames[-1]) - _held(written)
    return f"{said}, without {', '.join(sorted(lost))}" if lost else said


def _held(atoms: Atoms) -> set[str]:
    """What a structure has beside its geometry."""
    results = set(atoms.calc.results) if atoms.calc else set()
    arrays = {n for n in ("momenta", "initial_charges", "tags") if atoms.has(n)}
    return (results | arrays) - {"free_energy"}
