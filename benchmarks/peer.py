"""What all peers share: the command line of their process, and how they report.

A peer runs in a process of its own, measures, and prints one line of JSON. It imports
nothing heavy before `arguments`, so that its memory and its first result are its own.
"""

import argparse
import json
import resource
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ase import Atoms


def arguments() -> argparse.Namespace:
    """Options of a peer's process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--structure", help="trajectory of ASE, its last frame")
    parser.add_argument("--force-field")
    parser.add_argument("--elements", help="in alphabetical order")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--tolerance", type=float)
    parser.add_argument("--timestep", type=float, help="fs")
    parser.add_argument("--dtype", default="float64")
    parser.add_argument("--ranks", type=int, default=1)
    parser.add_argument("--seconds", type=float, help="budget of the trajectory")
    parser.add_argument("--started", type=float, help="time at which it was started")
    return parser.parse_args()


def read(path: str) -> "Atoms":
    """The structure; imports ase only now."""
    from ase.io.trajectory import Trajectory

    return Trajectory(path)[-1]


def say(**measured) -> None:
    """Print the result: seconds, eV, and the peak memory of this process in MB."""
    print(json.dumps({"memory": memory(resource.RUSAGE_SELF), **measured}))


def memory(who: int) -> float:
    """Peak memory in MB of this process, or of the largest child."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(who).ru_maxrss * unit / 1e6


class Compilations:
    """Counts the programs that jax makes, taken from its cache or not."""

    def __init__(self):
        import jax

        self.count = 0
        jax.monitoring.register_event_duration_secs_listener(self._listen)

    def _listen(self, event: str, duration: float, **_) -> None:
        self.count += event == "/jax/core/compile/backend_compile_duration"


def since(start: float) -> float:
    """Seconds since a time of `time.time`, which other processes share."""
    return time.time() - start
