"""Frames to write, and a writer that is killed again and again.

`python tests/output_frames.py FILE LAST KILLS` writes frames 0 to LAST - 1 to FILE by
processes of which the first KILLS are killed, and each goes on where the last position
that it has seen was.
"""

import json
import os
import random
import signal
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from ase_reaxff_jax.md import outputs
from ase_reaxff_jax.md.frames import Frame

TRICLINIC = np.array([[11.0, 0.3, -0.2], [3.0, 12.0, 0.5], [-4.0, 6.0, 13.0]])


def frame(step: int, size: int = 6, pbc=True, cell=TRICLINIC) -> Frame:
    """One of many different frames of the same atoms."""
    rng = np.random.default_rng(step)
    atoms = Atoms((["O", "H", "H"] * size)[:size], cell=cell, pbc=pbc)
    atoms.positions = 20.0 * rng.normal(size=(size, 3))
    atoms.set_momenta(rng.normal(size=(size, 3)))
    atoms.info = {"step": step, "time_fs": 0.1 * step}
    atoms.calc = SinglePointCalculator(
        atoms,
        energy=rng.normal(),
        forces=rng.normal(size=(size, 3)),
        charges=rng.normal(size=size),
        stress=rng.normal(size=6),
    )
    return Frame(step, 0.1 * step, atoms)


def _go_on(path: Path, positions: Path, last: int) -> None:
    """Writes frames from the last position on, with a position for every second."""
    start, position = _last(positions)
    output = (
        outputs.reopen(path, position)
        if start
        else outputs.create(path, overwrite=True)
    )
    with positions.open("ab", buffering=0) as file:
        for step in range(start, last):
            output.write(frame(step, 300))
            if step % 2:
                file.write(json.dumps([step + 1, output.flush()]).encode() + b"\n")
    output.close()


def _last(positions: Path) -> tuple[int, dict]:
    whole = positions.read_text().rpartition("\n")[0]
    return json.loads(whole.splitlines()[-1]) if whole else (0, {})


def main(path: Path, last: int, kills: int) -> None:
    """Writes all frames, with interruptions at random instants."""
    positions = path.with_name("positions.txt")
    positions.touch()
    for attempt in range(kills + 1):
        child = os.fork()
        if not child:
            _go_on(path, positions, last)
            os._exit(0)
        if attempt < kills:
            time.sleep(random.Random(attempt).uniform(0.0, 0.03))
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if attempt < kills and not os.WIFSIGNALED(status):
            raise RuntimeError("a writer was done before it was killed, or failed")
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    warnings.filterwarnings("ignore", "os.fork", RuntimeWarning)  # no jax is used here
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
