"""`python -m benchmarks.batch`: many molecules in one `run([...])`, and one by one."""

import argparse
import time

import numpy as np
from ase import Atoms
from ase.build import molecule
from ase.md.velocitydistribution import Stationary, thermalize_momenta

from benchmarks.measure import TIMESTEP, TOLERANCE


def main(arguments: list[str] | None = None) -> None:
    """Measures both ways and prints them beside each other."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.batch")
    parser.add_argument("--molecule", default="CH3CH2OH", help="as ase.build knows it")
    parser.add_argument("--count", type=int, default=64)
    parser.add_argument("--steps", type=int, default=400)
    given = parser.parse_args(arguments)
    molecules = warm(given.molecule, given.count)

    together(molecules, 10)  # compiles
    seconds, energies = together(molecules, given.steps)
    one_by_one(molecules[:1], 10)
    single_seconds, single_energies = one_by_one(molecules, given.steps)

    difference = np.abs(energies - single_energies).max()
    print(
        f"{given.count} x {given.molecule}, {given.steps} steps of {TIMESTEP} fs, NVE"
    )
    for name, value in (("one batch", seconds), ("one by one", single_seconds)):
        each = 1e6 * value / given.steps / given.count
        print(f"{name}: {value:.2f} s, {each:.1f} µs per molecule and step")
    print(f"ratio {single_seconds / seconds:.2f}, energies within {difference:.0e} eV")


def warm(name: str, count: int) -> list[Atoms]:
    """Copies of a molecule with velocities of 300 K, each its own."""
    molecules = []
    for seed in range(count):
        one = molecule(name)
        rng = np.random.default_rng(seed)
        thermalize_momenta(one, temperature_K=300, rng=rng)
        Stationary(one)
        molecules.append(one)
    return molecules


def together(molecules: list[Atoms], steps: int) -> tuple[float, np.ndarray]:
    """Seconds of one batch, and energies at its end."""
    begin = time.perf_counter()
    results = _run(molecules, steps)
    seconds = time.perf_counter() - begin
    return seconds, np.array([result.total_energy[-1] for result in results])


def one_by_one(molecules: list[Atoms], steps: int) -> tuple[float, np.ndarray]:
    """The same of single runs."""
    begin = time.perf_counter()
    results = [_run(one, steps) for one in molecules]
    seconds = time.perf_counter() - begin
    return seconds, np.array([result.total_energy[-1] for result in results])


def _run(atoms, steps: int):
    from ase_reaxff_jax import JaxReaxFF
    from ase_reaxff_jax.md import run

    calc = JaxReaxFF("cho", charge_tolerance=TOLERANCE)
    return run(atoms, calc, ensemble="nve", steps=steps, timestep_fs=TIMESTEP,
               log_every=steps, progress=False)  # fmt: skip


if __name__ == "__main__":
    main()
