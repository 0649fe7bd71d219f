"""`python -m benchmarks.parts`: where the time of a step of dynamics goes, by part."""

import argparse
import time
from collections.abc import Callable
from functools import partial
from unittest.mock import patch

from ase import Atoms

from benchmarks.measure import TIMESTEP, TOLERANCE
from benchmarks.structures import BENCHMARKS

BONDED = {
    "bond orders and atoms": ("bond", "c2", "lone_pair", "over_under"),
    "angles": ("angle", "penalty", "angle_conjugation"),
    "torsions": ("torsion", "torsion_conjugation"),
    "hydrogen bonds": ("hydrogen_bond",),
}


def main(arguments: list[str] | None = None) -> None:
    """Measures one structure and prints a table in Markdown."""
    names = [b.name for b in BENCHMARKS]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.parts")
    parser.add_argument("--system", choices=names, default="water-6591")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--silica-ffield", help="ffield file with Si and O")
    given = parser.parse_args(arguments)
    benchmark = next(b for b in BENCHMARKS if b.name == given.system)
    field = benchmark.force_field
    if field == "silica":
        if given.silica_ffield is None:
            parser.error(f"{given.system} needs a force field: --silica-ffield FILE")
        field = given.silica_ffield
    atoms, table = measure(benchmark.build(), field, given.steps)
    print(f"| {given.system} | µs/atom/step | % |\n|---|---:|---:|")
    total = table["a step"]
    for name, seconds in table.items():
        indent = "" if name == "a step" else "- "
        print(f"| {indent}{name} | {1e6 * seconds / atoms:.2f} | "
              f"{100 * seconds / total:.0f} |")  # fmt: skip


def measure(atoms: Atoms, field: str, steps: int) -> tuple[int, dict[str, float]]:
    """The number of atoms, and seconds per step of each part."""
    from ase_reaxff_jax import JaxReaxFF, compilation_cache
    from ase_reaxff_jax.md import run, simulation

    compilation_cache.enable()
    calc = JaxReaxFF(field, charge_tolerance=TOLERANCE)
    seconds = {"_renew": 0.0, "_repeat": 0.0}
    started: list[float] = []

    def begin(frame) -> bool:
        if frame.step == steps:
            seconds["_renew"] = seconds["_repeat"] = 0.0
            started.append(time.perf_counter())
        return False

    def timed(name: str):
        original = getattr(simulation.Simulation, name)

        def call(self, *arguments):
            before = time.perf_counter()
            original(self, *arguments)
            seconds[name] += time.perf_counter() - before

        return patch.object(simulation.Simulation, name, call)

    with timed("_renew"), timed("_repeat"):
        result = run(
            atoms, calc, ensemble="nve", steps=2 * steps, timestep_fs=TIMESTEP,
            log_every=steps, stop=begin, progress=False,
        )  # fmt: skip
    step = (time.perf_counter() - started[0]) / steps
    lists = sum(seconds.values()) / steps
    inside = _of_derivatives(result.atoms, calc)
    parts = {"a step": step, "lists, on the host": lists, **inside}
    parts["the rest: integrator, checks, guesses"] = step - lists - sum(inside.values())
    return len(atoms), parts


def _of_derivatives(atoms, calc) -> dict[str, float]:
    """Seconds of the parts of the energy and its derivatives."""
    import equinox as eqx
    import jax
    import jax.numpy as jnp

    from ase_reaxff_jax import programs
    from ase_reaxff_jax.charges.equilibrium import equations_of
    from ase_reaxff_jax.energy import bonded
    from ase_reaxff_jax.neighbors import image_positions
    from ase_reaxff_jax.pair_sum import pair_sum
    from ase_reaxff_jax.pairs import half_list

    engine = calc.engine
    with engine._scope():
        system = engine.system(atoms)
        entry = engine.lists.of(atoms, system)
        system = jax.device_put(system)
        options = engine.options(len(system.mask))
        parameters, neighbors = engine.parameters, entry.neighbors
        topology = entry.topology
        cold = jnp.zeros((2, len(system.mask)))
        solved = programs.evaluate(
            parameters, system, neighbors, topology, cold, options=options
        ).solution
        guess = jnp.stack([solved.charges, solved.adjoint])
        images = jax.jit(image_positions)(system.positions, system.cell, neighbors)
        far = topology.narrowed(neighbors).far
        half = jax.jit(half_list)(far, neighbors.source, system.species)

        def of_bonds(names, x, parameters, system, neighbors, topology):
            moved = eqx.tree_at(lambda s: s.positions, system, x)
            parts, _ = bonded(
                parameters, moved, neighbors, topology, options, summed=True
            )
            return sum(jnp.sum(getattr(parts, name)) for name in names)

        def gradient(names) -> float:
            program = jax.jit(jax.grad(partial(of_bonds, names)))
            return _seconds(
                program, system.positions, parameters, system, neighbors, topology
            )

        found: dict[str, float] = {}
        known: tuple[str, ...] = ()
        before = 0.0
        for name, terms in BONDED.items():
            known += terms
            until = gradient(known)
            found[name], before = until - before, until

        equations = jax.jit(equations_of)
        found["charges: the matrix"] = _seconds(
            equations, parameters, images, half, system.mask
        )
        made = equations(parameters, images, half, system.mask)
        product = _seconds(jax.jit(lambda e, q: e.times(q)), made, guess[0])
        weights = parameters, guess[0], guess[1]

        def pairs(images, weights, half):
            return pair_sum(options, weights, images, half)

        pair = _seconds(jax.jit(jax.grad(pairs)), images, weights, half)
        whole = _seconds(
            partial(programs.evaluate, options=options),
            parameters, system, neighbors, topology, guess,
        )  # fmt: skip
    found["charges: a product with the matrix"] = product
    found["van der Waals and Coulomb forces"] = pair
    found["between these, without iterations"] = whole - sum(found.values())
    return found


def _seconds(program: Callable, *arguments) -> float:
    """The least of several times, after compilation."""
    import jax

    jax.block_until_ready(program(*arguments))
    times = []
    for _ in range(7):
        before = time.perf_counter()
        jax.block_until_ready(program(*arguments))
        times.append(time.perf_counter() - before)
    return min(times)


if __name__ == "__main__":
    main()
