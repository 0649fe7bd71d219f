"""This package: the first result, NVE through ASE, and the same frames call by call."""

import time
from typing import Any

import numpy as np

from benchmarks.peer import Compilations, arguments, read, say, since

CALLS = 40  # of which the median is taken


def main() -> None:
    """Measure one structure in one precision."""
    given = arguments()
    from ase import units
    from ase.md.verlet import VelocityVerlet

    from ase_reaxff_jax import JaxReaxFF, compilation_cache

    compilation_cache.enable()
    compilations = Compilations()
    options: dict[str, Any] = dict(charge_tolerance=given.tolerance, dtype=given.dtype)
    atoms = read(given.structure)
    atoms.calc = JaxReaxFF(given.force_field, **options)
    atoms.get_forces()
    first = since(given.started)
    start = atoms.get_potential_energy(), atoms.get_total_energy()

    compiled, frames = compilations.count, []
    dynamics = VelocityVerlet(atoms, given.timestep * units.fs)
    dynamics.attach(lambda: frames.append(atoms.positions.copy()))
    begin = time.perf_counter()
    dynamics.run(given.steps)
    step = (time.perf_counter() - begin) / given.steps
    compiled = compilations.count - compiled
    drift = atoms.get_total_energy() - start[1]
    temperature = atoms.get_temperature()

    # A new calculator, so that the frames are new to its lists and its charges.
    atoms.calc = JaxReaxFF(given.force_field, **options)
    calls = []
    for positions in frames[:CALLS]:
        atoms.positions = positions
        begin = time.perf_counter()
        atoms.calc.calculate(atoms, ["energy", "forces"])
        calls.append(time.perf_counter() - begin)
    say(
        first=first,
        step=step,
        call=float(np.median(calls)),
        steps=given.steps,
        compilations=compiled,
        potential=start[0],
        drift=drift,
        temperature=temperature,
    )


if __name__ == "__main__":
    main()
