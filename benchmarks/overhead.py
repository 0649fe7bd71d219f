"""`python -m benchmarks.overhead`: where the time of the driver's steps goes."""

import argparse
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from benchmarks.measure import TIMESTEP, TOLERANCE
from benchmarks.structures import BENCHMARKS


class Clock:
    """Time spent in functions, by a name for each."""

    def __init__(self):
        self.seconds: dict[str, float] = defaultdict(float)

    def timed(self, name: str, function: Callable) -> Callable:
        """The function, its time taken until its results are there."""
        import jax

        def call(*arguments, **options):
            begin = time.perf_counter()
            result = jax.block_until_ready(function(*arguments, **options))
            self.seconds[name] += time.perf_counter() - begin
            return result

        return call


def main(arguments: list[str] | None = None) -> None:
    """Measures one structure; all times are from step 1 on, after compilation."""
    names = [b.name for b in BENCHMARKS if b.force_field != "silica"]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead")
    parser.add_argument("--system", choices=names, default="water-6591")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--log-every", type=int, default=10)
    given = parser.parse_args(arguments)
    seconds, parts = measure(given.system, given.steps, given.log_every)
    print(f"{given.system}: {1e3 * seconds / given.steps:.2f} ms a step, "
          f"a row each {given.log_every} steps")  # fmt: skip
    for name, value in parts.items():
        print(f"  {name:<14} {100 * value / seconds:6.2f} %")


def measure(system: str, steps: int, log_every: int) -> tuple[float, dict[str, float]]:
    """Seconds from the end of step 0 to the end of the run, and its parts."""
    from ase_reaxff_jax import JaxReaxFF, compilation_cache
    from ase_reaxff_jax.md import run, simulation

    compilation_cache.enable()
    atoms, field = next(
        (b.build(), b.force_field) for b in BENCHMARKS if b.name == system
    )
    calc = JaxReaxFF(field, charge_tolerance=TOLERANCE)
    clock, marks = Clock(), []

    def begin(frame) -> bool:
        if frame.step == 0:
            clock.seconds.clear()
            marks.append(time.perf_counter())
        return False

    def timed(owner: Any, function: str, name: str):
        return patch.object(
            owner, function, clock.timed(name, getattr(owner, function))
        )

    with (
        timed(simulation, "advance", "steps"),
        timed(simulation, "connections", "bond orders"),
        timed(simulation.Simulation, "_renew", "list renewal"),
        timed(simulation.Simulation, "_repeat", "list renewal"),
    ):
        run(
            atoms, calc, ensemble="nve", steps=steps, timestep_fs=TIMESTEP,
            log_every=log_every, stop=begin, progress=False,
        )  # fmt: skip
    seconds = time.perf_counter() - marks[0]
    parts = dict(clock.seconds)
    return seconds, {**parts, "host": seconds - sum(parts.values())}


if __name__ == "__main__":
    main()
