"""The demo's reactive run: methane and oxygen, so hot that they burn in picoseconds."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import molecule
from rich.console import Console
from scipy.spatial.transform import Rotation

from ase_reaxff_jax import JaxReaxFF
from ase_reaxff_jax.cli_tables import species_table
from ase_reaxff_jax.demo_picture import draw
from ase_reaxff_jax.md import RunResult
from ase_reaxff_jax.md import run as dynamics

STEPS = 4000
TIMESTEP = 0.2  # fs
TEMPERATURE = 6000.0  # K
SHOWN = 8  # reactions that are printed


def mixture(names: Sequence[str], spacing: float, seed: int = 0) -> Atoms:
    """Molecules on a cubic grid in a periodic box, placed and turned at random.

    Args:
        names: As `ase.build.molecule` knows them, one for each molecule; the grid is
            the smallest that has room for all.
        spacing: Of the grid, Å.
        seed: Of places and turns.
    """
    rng = np.random.default_rng(seed)
    cells = next(n for n in range(1, 1 + len(names)) if n**3 >= len(names))
    points = spacing * (np.indices((cells,) * 3).reshape(3, -1).T + 0.5)
    mixed = Atoms(cell=[cells * spacing] * 3, pbc=True)
    for name, point in zip(names, rng.permutation(points), strict=False):
        one = molecule(name)
        shape = one.positions - one.get_center_of_mass()
        one.positions = Rotation.random(rng=rng).apply(shape) + point
        mixed += one
    mixed.set_initial_magnetic_moments(None)
    return mixed


def run(folder: Path, out: Console) -> dict[str, str]:
    """Runs, reports and writes; returns the names and contents of the files."""
    start = mixture(["CH4"] * 7 + ["O2"] * 14, spacing=3.3, seed=1)  # Å, 1 g/cm^3
    calc = JaxReaxFF("cho", charge_tolerance=1e-6)
    result = dynamics(
        start, calc, ensemble="nvt-csvr", steps=STEPS, timestep_fs=TIMESTEP,
        temperature_K=TEMPERATURE, log_every=50, overwrite=True,
        trajectory=folder / "combustion.traj", log=folder / "combustion.csv",
        picture=folder / "combustion.png",
    )  # fmt: skip
    report(result, out)
    times = result.time_fs[[0, -1]].tolist()
    draw(folder / "molecules.png", [start, result.atoms], calc, times)
    return {
        "combustion.traj": "the trajectory, for `ase gui`",
        "combustion.csv": "energies and temperature against time",
        "combustion.png": "a picture of them, and of the molecules",
        "molecules.png": "the box before and after",
    }


def report(result: RunResult, out: Console) -> None:
    """Molecules against time, and the first reactions."""
    out.print(species_table(result))
    out.print(f"\n{len(result.reactions)} reactions, the first of them:")
    for reaction in result.reactions[:SHOWN]:
        out.print(f"{reaction.time_fs:8.0f} fs  {reaction}", markup=False)
