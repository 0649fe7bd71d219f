"""Constant-energy dynamics by LAMMPS itself."""

import tempfile
from pathlib import Path

import numpy as np
from ase import Atoms, units
from lammps_oracle import _Job, _run, _script, force_field_path


def trajectory(
    atoms: Atoms, force_field: str, *, steps: int, every: int, timestep_fs: float
) -> np.ndarray:
    """Unwrapped positions (Å) every few steps, from the atoms' own velocities.

    (frames, atoms, 3). Masses are those of the atoms, charges as tight as LAMMPS can.
    Cells that are too small for LAMMPS are replicated.
    """
    job = _Job.prepare(atoms, None, replicate=True)
    masses = dict(zip(atoms.symbols, atoms.get_masses(), strict=True))
    velocities = np.tile(atoms.get_velocities() * units.fs, (job.replicas, 1))
    velocities = job.prism.vector_to_lammps(velocities)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        script = _script(folder, 0, job, force_field_path(force_field), 1e-13)
        head, _, _ = script.partition("compute terms")
        head = head.replace("mass * 1.0", "\n".join(
            f"mass {k + 1} {masses[e]:.17g}" for k, e in enumerate(job.elements)
        ))  # fmt: skip
        with open(folder / "0.data", "a") as data:
            data.write("\nVelocities\n\n")
            for k, v in enumerate(velocities):
                data.write(f"{k + 1} {v[0]:.17g} {v[1]:.17g} {v[2]:.17g}\n")
        _run(f"""{head}
timestep {timestep_fs:.17g}
fix move all nve
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
