"""A short reactive run for the demo: hydrogen, oxygen and a spark, started hot."""

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import scipy.sparse
from ase import Atoms, units
from ase.build import molecule
from ase.formula import Formula
from ase.io.trajectory import Trajectory
from ase.md.velocitydistribution import (
    Stationary,
    force_temperature,
    thermalize_momenta,
)
from ase.md.verlet import VelocityVerlet
from rich.console import Console
from tqdm import tqdm

from ase_reaxff_jax import JaxReaxFF
from ase_reaxff_jax.demo_picture import draw

BONDED = 0.3  # bond order from which two atoms count as one molecule
TEMPERATURE = 3500.0  # K, at the start
TIMESTEP = 0.1  # fs; hot hydrogen needs a short one
STEPS = 2000
SAMPLE_EVERY = 10  # steps
SPACING = 3.0  # Å between the centres of molecules at the start


def mixture(cells: int = 3) -> Atoms:
    """H2, O2 and a few O atoms as the spark, turned at random, on a cubic grid."""
    random = np.random.default_rng(7)
    kinds = (["H2"] * 6 + ["O2"] * 2 + ["O"]) * (cells**3 // 9)
    mixed = Atoms(cell=[cells * SPACING] * 3, pbc=True)
    points = SPACING * (np.indices((cells,) * 3).reshape(3, -1).T + 0.5)
    for kind, point in zip(random.permutation(kinds), points, strict=True):
        turned = molecule(kind)
        turned.rotate(random.uniform(0, 360), random.normal(size=3))
        turned.translate(point - turned.get_center_of_mass())
        mixed += turned
    mixed.set_initial_magnetic_moments(None)
    return mixed


def bonded(orders: scipy.sparse.sparray) -> scipy.sparse.sparray:
    """Which pairs of atoms belong to one molecule."""
    return orders > BONDED


def molecules(orders: scipy.sparse.sparray, symbols: list[str]) -> Counter[str]:
    """Formulas of the molecules and how many of each there are."""
    bonds = bonded(orders)
    count, label = scipy.sparse.csgraph.connected_components(bonds, directed=False)
    members: list[list[str]] = [[] for _ in range(count)]
    for symbol, k in zip(symbols, label, strict=True):
        members[k].append(symbol)
    return Counter(f"{Formula.from_list(m):hill}" for m in members)


def run(folder: Path, out: Console) -> dict[str, str]:
    """Runs, reports and writes; returns the names and contents of the files."""
    atoms = mixture()
    atoms.calc = JaxReaxFF("cho")
    thermalize_momenta(atoms, TEMPERATURE, rng=np.random.default_rng(1))
    Stationary(atoms)
    force_temperature(atoms, TEMPERATURE)
    start = atoms.copy()
    rows, species = simulate(atoms, folder / "combustion.traj")
    report(rows, species, out)
    write_table(folder / "combustion.csv", rows, species)
    bonds = [bonded(atoms.calc.get_bond_orders(each)) for each in (start, atoms)]
    draw(
        folder / "combustion.png",
        rows,
        species,
        list(zip((start, atoms), bonds, strict=True)),
    )
    return {
        "combustion.traj": "the trajectory, for `ase gui`",
        "combustion.csv": "time, energies, temperature and molecules",
        "combustion.png": "a picture of all this",
    }


def simulate(
    atoms: Atoms, trajectory: Path
) -> tuple[dict[str, np.ndarray], list[Counter[str]]]:
    """Constant-energy dynamics by ASE; columns of numbers, and molecules, by time."""
    symbols = atoms.get_chemical_symbols()
    samples: list[tuple[float, ...]] = []
    species: list[Counter[str]] = []
    dynamics = VelocityVerlet(atoms, timestep=TIMESTEP * units.fs)
    with (
        Trajectory(trajectory, "w", atoms) as frames,
        tqdm(
            total=STEPS, desc="burning", unit="step", disable=None, leave=False
        ) as bar,
    ):
        for _ in dynamics.irun(STEPS):
            if dynamics.nsteps % SAMPLE_EVERY:
                continue
            potential, kinetic = (
                atoms.get_potential_energy(),
                atoms.get_kinetic_energy(),
            )
            time = dynamics.nsteps * TIMESTEP
            samples.append((time, potential, kinetic, atoms.get_temperature()))
            species.append(molecules(atoms.calc.get_bond_orders(atoms), symbols))
            frames.write()
            bar.update(dynamics.nsteps - bar.n)
    names = ("time_fs", "potential_energy_eV", "kinetic_energy_eV", "temperature_K")
    columns = dict(zip(names, np.array(samples).T, strict=True))
    total = columns["potential_energy_eV"] + columns["kinetic_energy_eV"]
    return {**columns, "total_energy_eV": total}, species


def report(rows: dict[str, np.ndarray], species: list[Counter], out: Console) -> None:
    """Molecules before and after, and how well the energy was kept."""
    total = rows["total_energy_eV"]
    temperature = rows["temperature_K"]
    out.print(f"At the start: {_listed(species[0])}; {temperature[0]:.0f} K")
    out.print(
        f"After {rows['time_fs'][-1]:.0f} fs: {_listed(species[-1])}; "
        f"{temperature[-1]:.0f} K"
    )
    out.print(f"Total energy: {total[0]:.4f} eV, kept within {np.ptp(total):.4f} eV")


def _listed(species: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in species.most_common())


def write_table(
    path: Path, rows: dict[str, np.ndarray], species: list[Counter[str]]
) -> None:
    """One line a sample; a column for every molecule that occurs."""
    names = sorted(set().union(*species))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*rows, *names])
        for k, found in enumerate(species):
            numbers = [f"{column[k]:.10g}" for column in rows.values()]
            writer.writerow([*numbers, *(found[name] for name in names)])
