"""`python -m benchmarks.compare OLD NEW`: two results of the benchmarks, side by side.

Ratios to LAMMPS in the same run are compared, which the speed of the machine that day
does not change; where a row has none, the times themselves.
"""

import argparse
import json
import sys
from pathlib import Path

SLOWER = 1.1  # and more: said to be slower


def main(arguments: list[str] | None = None) -> int:
    """Prints a table in Markdown; 1 if something has become slower."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare")
    parser.add_argument("old", type=Path, help="JSON of an earlier run")
    parser.add_argument("new", type=Path, help="JSON of a later run")
    given = parser.parse_args(arguments)
    old, new = read(given.old), read(given.new)
    common = [key for key in new if key in old]
    if not common:
        parser.error(f"{given.old} and {given.new} have no row in common")
    slower = 0
    print(
        "| system | program | old | new | new / old | |\n|---|---|---:|---:|---:|---|"
    )
    for key in common:
        both = old[key], new[key]
        name = "ratio" if all(measured(row["ratio"]) for row in both) else "step"
        if not all(measured(row[name]) for row in both):
            continue
        before, after = (row[name] for row in both)
        change = after / before
        slower += change > SLOWER
        remark = "slower" if change > SLOWER else ""
        cells = *key, f"{before:.3g}", f"{after:.3g}", f"{change:.2f}", remark
        print("| " + " | ".join(cells) + " |")
    return int(slower > 0)


def measured(value: float | None) -> bool:
    """Whether a number is there; a run that compiled all along has NaN."""
    return value is not None and value > 0


def read(path: Path) -> dict[tuple[str, str], dict]:
    """The rows of a result, by system and program."""
    rows = json.loads(path.read_text())["rows"]
    return {(row["system"], row["peer"]): row for row in rows}


if __name__ == "__main__":
    sys.exit(main())
