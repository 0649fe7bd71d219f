"""Runs the peers, each measurement in a process of its own, and takes medians."""

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.structures import Benchmark

ROOT = Path(__file__).parents[1]
TOLERANCE = 1e-6  # of the charge equations
TIMESTEP = 0.25  # fs
BASELINE = "LAMMPS, 2 ranks"


@dataclass(frozen=True)
class Peer:
    """A program to measure: the module that runs it, with what options."""

    name: str
    module: str
    options: tuple[str, ...] = ()
    compiles: bool = True  # so that its first start is not like the others
    repeats: int = 99  # at most


PEERS = [
    Peer("LAMMPS, 1 rank", "peer_lammps", ("--ranks", "1"), compiles=False),
    Peer(BASELINE, "peer_lammps", ("--ranks", "2"), compiles=False),
    Peer("ours, float64", "peer_ours"),
    Peer("ours, driver", "peer_driver"),
    Peer("ours, driver, mixed", "peer_driver", ("--dtype", "mixed")),
    Peer("ours, float32", "peer_ours", ("--dtype", "float32")),
    # One to two orders of magnitude slower: the noise does not matter, the time does.
    Peer("jax-md, float64", "peer_jax_md", repeats=1),
]


@dataclass
class Row:
    """One line of the table; times in µs per atom where not said otherwise."""

    system: str
    atoms: int
    peer: str
    steps: int | None = None  # fewer than asked for where the time was up
    step: float | None = None
    call: float | None = None
    ratio: float | None = None  # time of a step over that of LAMMPS on 2 ranks
    first_cold: float | None = None  # s, from the start of the process
    first_cached: float | None = None  # s, with the compilation cache on disk
    compilations: int | None = None  # during the steps
    memory: float | None = None  # MB, of the largest process
    potential: float | None = None  # eV/atom, at the start
    drift: float | None = None  # meV/atom, of the total energy
    temperature: float | None = None  # K, at the end
    why_not: str | None = None  # instead of numbers

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def measure(
    benchmark: Benchmark,
    force_field: Path,
    peers: list[Peer],
    *,
    repeats: int,
    steps: int,
    seconds: float,
    cold: bool,
    say: Callable[[str], None],
) -> list[Row]:
    """All peers on one structure, taking turns so that noise hits all of them."""
    from ase.io import write

    from benchmarks.peer_lammps import write_data

    atoms = benchmark.build()
    found: dict[str, list[dict[str, Any]]] = {peer.name: [] for peer in peers}
    first: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as name:
        structure = Path(name, "structure.traj")
        write(structure, atoms)
        write_data(structure.with_suffix(".data"), atoms)
        common = {
            "structure": structure, "force-field": force_field,
            "elements": " ".join(sorted(set(atoms.symbols))),
            "steps": steps, "tolerance": TOLERANCE, "timestep": TIMESTEP,
            "seconds": seconds / 20,
        }  # fmt: skip

        def once(peer: Peer) -> dict[str, Any]:
            say(f"{benchmark.name}: {peer.name}")
            cache = Path(name, "cache") if cold else None
            return run(peer, common, seconds=seconds, cache=cache)

        for peer in peers if cold else []:
            if peer.compiles:
                first[peer.name] = once(peer)
        for repeat in range(repeats):
            for peer in peers:
                tried = found[peer.name] + [first.get(peer.name, {})]
                if repeat < peer.repeats and not any("why_not" in x for x in tried):
                    found[peer.name].append(once(peer))
    return _rows(benchmark.name, len(atoms), peers, found, first)


def run(
    peer: Peer, common: dict[str, Any], *, seconds: float, cache: Path | None
) -> dict[str, Any]:
    """One measurement: what the peer said, or `why_not`."""
    environment = dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3")
    if cache is not None:
        environment["REAXFF_JAX_CACHE"] = str(cache)
    options = [x for k, v in common.items() for x in (f"--{k}", str(v))]
    command = [sys.executable, "-m", f"benchmarks.{peer.module}", *options]
    command += [*peer.options, "--started", str(time.time())]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        output, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        # The whole session: mpirun and its ranks would live on.
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return {"why_not": f"no result within {seconds:g} s"}
    if process.returncode < 0:
        return {"why_not": f"killed by {signal.Signals(-process.returncode).name}"}
    if process.returncode:
        return {"why_not": (errors.strip().splitlines() or ["failed"])[-1]}
    return json.loads(output.splitlines()[-1])


def _rows(system, count, peers, found, first) -> list[Row]:
    rows = []
    for peer in peers:
        row = Row(system, count, peer.name)
        rows.append(row)
        runs, cold = found[peer.name], first.get(peer.name, {})
        failed = next((x for x in [cold, *runs] if "why_not" in x), None)
        if failed is not None:
            row.why_not = failed["why_not"]
            continue

        def median(key: str, factor: float = 1.0, runs=runs) -> float | None:
            values = [x[key] for x in runs]
            return None if None in values else statistics.median(values) * factor

        row.step, row.call = median("step", 1e6 / count), median("call", 1e6 / count)
        row.memory, row.temperature = median("memory"), median("temperature")
        row.potential, row.drift = (
            median("potential", 1 / count),
            median("drift", 1e3 / count),
        )
        row.first_cold = cold.get("first") if peer.compiles else median("first")
        row.first_cached = median("first") if peer.compiles and cold else None
        row.compilations = runs[0]["compilations"]
        row.steps = runs[0]["steps"]
        beside = [x for x in found.get(BASELINE, []) if "why_not" not in x]
        ratios = [x["step"] / y["step"] for x, y in zip(runs, beside, strict=False)]
        row.ratio = statistics.median(ratios) if ratios else None
    return rows
