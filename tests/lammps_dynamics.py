"""Constant-energy dynamics by LAMMPS itself.

From the atoms' own velocities and masses, charges as tight as LAMMPS can. Cells that
are too small for LAMMPS are replicated.
"""

import tempfile
from pathlib import Path

import numpy as np
from ase import Atoms, units
from lammps_oracle import KCAL_PER_MOL, _Job, _run, _script, force_field_path


def trajectory(
    atoms: Atoms, force_field: str, *, steps: int, every: int, timestep_fs: float
) -> np.ndarray:
    """Unwrapped positions (Å) every few steps, (frames, atoms, 3)."""
    job = _Job.prepare(atoms, None, replicate=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _run(f"""{_start(atoms, job, force_field, folder, timestep_fs)}
dump atoms all custom {every} {folder}/dump id xu yu zu
dump_modify atoms sort id format float %.17g
run {steps}
""")
        lines = (folder / "dump").read_text().splitlines()
    size = len(job.atoms) + 9
    frames = [lines[k + 9 : k + 9 + len(atoms)] for k in range(0, len(lines), size)]
    table = np.array([[line.split()[1:] for line in frame] for frame in frames], float)
    turned = job.prism.vector_to_ase(table.reshape(-1, 3)).reshape(table.shape)
    return turned + (atoms.positions - turned[0])


def total_energies(
    atoms: Atoms, force_field: str, *, steps: int, every: int, timestep_fs: float
) -> np.ndarray:
    """Total energy (eV) every few steps."""
    job = _Job.prepare(atoms, None, replicate=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _run(f"""{_start(atoms, job, force_field, folder, timestep_fs)}
variable now equal step
variable total equal etotal
fix written all print {every} "${{now}} ${{total}}" file {folder}/total screen no
run {steps}
""")
        table = np.loadtxt(folder / "total", skiprows=1, ndmin=2)
    return table[:, 1] * KCAL_PER_MOL / job.replicas


def _start(
    atoms: Atoms, job: _Job, force_field: str, folder: Path, timestep_fs: float
) -> str:
    """The script up to the run; writes the structure with its velocities."""
    masses = dict(zip(atoms.symbols, atoms.get_masses(), strict=True))
    velocities = np.tile(atoms.get_velocities() * units.fs, (job.replicas, 1))
    velocities = job.prism.vector_to_lammps(velocities)
    script = _script(folder, 0, job, force_field_path(force_field), 1e-13)
    head, _, _ = script.partition("compute terms")
    head = head.replace("mass * 1.0", "\n".join(
        f"mass {k + 1} {masses[e]:.17g}" for k, e in enumerate(job.elements)
    ))  # fmt: skip
    with open(folder / "0.data", "a") as data:
        data.write("\nVelocities\n\n")
        for k, v in enumerate(velocities):
            data.write(f"{k + 1} {v[0]:.17g} {v[1]:.17g} {v[2]:.17g}\n")
    return f"{head}\ntimestep {timestep_fs:.17g}\nfix move all nve\n"
