"""Reads the structures of a geo file."""

import re
from collections.abc import Iterator
from typing import IO, Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import ReadError

from ase_reaxff_jax.geo import formats
from ase_reaxff_jax.geo.cell import cell_of
from ase_reaxff_jax.geo.columns import number, read_columns

HEADERS = ("BIOGRF", "XTLGRF")
TEXTS = {"REMARK": "remarks", "RUTYPE": "run_types"}
# Keywords of BIOGRF and ReaxFF whose lines say nothing of the structure itself.
OTHER = set(
    "FORCEFIELD FFIELD PERIOD AXES SGNAME CELLS ORDER FREQUENCY EQUIV GEOUPD NO".split()
)
RESTRAINT = re.compile(r"(BOND|ANGLE|TORSION|MASCEN) RESTRAINT ?")


class GeoError(ReadError):
    """A geo file cannot be understood; the message names file and line."""


def structures(fd: IO[str]) -> Iterator[Atoms]:
    """One after the other; `GeoError` where a line cannot be understood."""
    name = str(getattr(fd, "name", "<geo file>"))
    reader: _Reader | None = None
    k = 0
    for k, text in enumerate(fd, 1):
        line = text.rstrip().expandtabs()
        if not line or line.lstrip()[0] in "#!":
            continue
        keyword = line.split()[0]
        if keyword in HEADERS and reader is None:
            reader = _Reader(name, k, line)
        elif reader is None:
            raise GeoError(f"{name}:{k}: found {line!r}, expected BIOGRF or XTLGRF")
        elif keyword in HEADERS:
            raise GeoError(f"{name}:{k}: found {line!r} before END of line {reader.at}")
        elif keyword == "END":
            yield reader.atoms(k)
            reader = None
        else:
            reader.read(k, line)
    if reader is not None:
        raise GeoError(
            f"{name}:{k}: the file ends before END of the structure at line {reader.at}"
        )


class _Reader:
    """One structure, line by line."""

    def __init__(self, file: str, at: int, header: str):
        self.file = file
        self.at = at  # line where the structure starts
        self.info: dict[str, Any] = {"header": header}
        self.rows: list[dict[str, Any]] = []
        self.later: list[tuple[int, str]] = []  # lines that refer to atoms
        self.cellpar: list[float] | None = None

    def fail(self, line: int, message: str):
        raise GeoError(f"{self.file}:{line}: {message}")

    def add(self, key: str, value: Any) -> None:
        self.info.setdefault(key, []).append(value)

    def read(self, k: int, line: str) -> None:
        keyword, _, rest = line.partition(" ")
        try:
            self._read(k, line, line.split()[0], rest.strip())
        except ValueError as error:
            self.fail(k, f"{keyword}: {error}")

    def _read(self, k: int, line: str, keyword: str, rest: str) -> None:
        if line.startswith(("HETATM", "ATOM  ")):
            self._atom(line)
        elif RESTRAINT.match(line) or keyword == "MOLCHARGE":
            self.later.append((k, line))
        elif line.startswith("CONECT"):
            self.add("connections", line[6:])
        elif keyword in TEXTS:
            self.add(TEXTS[keyword], rest)
        elif keyword == "DESCRP":
            self.info["name"] = rest
        elif keyword == "CRYSTX":
            self.cellpar = read_columns(line[7:], formats.CELL)["cell"]
        elif keyword == "UNIT":
            what, _, unit = rest.partition(" ")
            self.info["energy_unit"] = unit.strip()
            if what != "ENERGY":
                raise ValueError(f"found {rest!r}, expected ENERGY and its unit")
        elif keyword == "ENERGY":
            self.info["energy"] = number(rest.split()[0] if rest else "")
        elif keyword in OTHER:
            self.add("other", line)
        elif keyword != "FORMAT":
            self.fail(k, f"found {line!r}, which is no line of a geo file known here")

    def _atom(self, line: str) -> None:
        row = formats.read_atom(line)
        self.rows.append(row)
        expected = str(len(self.rows))
        # Asterisks are what Fortran writes where a number has no room.
        if row["serial"] != expected and row["serial"].strip("*"):
            raise ValueError(f"found atom {row['serial']}, expected atom {expected}")

    def _refer(self, line: str) -> None:
        """A line that names atoms."""
        size = len(self.rows)
        if match := RESTRAINT.match(line):
            kind = match[1]
            values = read_columns(line[match.end() :], formats.RESTRAINTS[kind], size)
            self.add("restraints", {"kind": kind, **values})
        else:
            values = read_columns(line[10:], formats.MOLCHARGE, size)
            self.add("molecule_charges", values)

    def atoms(self, end: int) -> Atoms:
        """The structure, once all its lines are read."""
        if not self.rows:
            self.fail(end, f"the structure at line {self.at} has no atoms")
        for k, line in self.later:
            try:
                self._refer(line)
            except ValueError as error:
                self.fail(k, f"{line[:17].strip()}: {error}")
        columns = {key: [row[key] for row in self.rows] for key in self.rows[0]}
        made = Atoms(columns["symbol"], np.array(columns["position"]))
        if self.cellpar is not None:
            made.set_cell(cell_of(self.cellpar))
            made.pbc = True
        elif self.info["header"].startswith("XTLGRF"):
            self.fail(end, f"the XTLGRF structure at line {self.at} has no CRYSTX line")
        if any(columns["charge"]):
            made.set_initial_charges(columns["charge"])
        for key in ("name", "type"):
            if any(columns[key]) and columns[key] != columns["symbol"]:
                made.set_array(f"geo_{key}s", np.array(columns[key]))
        made.info["geo"] = self.info
        return made
