"""Reads the structures of a geo file."""

import re
from collections.abc import Iterator
from typing import IO, Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import ReadError
from ase.cell import Cell
from ase.constraints import FixAtoms

from ase_reaxff_jax.geo import formats
from ase_reaxff_jax.geo.cell import cell_of
from ase_reaxff_jax.geo.columns import number, read_columns

HEADERS = ("BIOGRF", "XTLGRF")
TEXTS = {"REMARK": "remarks", "RUTYPE": "run_types"}
# Keywords of BIOGRF and ReaxFF whose lines say nothing of the structure itself.
OTHER = set(
    "FORCEFIELD FFIELD PERIOD AXES SGNAME CELLS ORDER FREQUENCY EQUIV SYMM GEOUPD "
    "NO".split()
)
RESTRAINT = re.compile(r"(BOND|ANGLE|TORSION|MASCEN) RESTRAINT ?")
CELL_KEPT, CELL_RELAXED = "NO CELL OPT", "CELL OPT"  # run types


class GeoError(ReadError):
    """A geo file cannot be understood; the message names file and line."""


def structures(fd: IO[str]) -> Iterator[Atoms]:
    """One after the other; `GeoError` where a line cannot be understood."""
    return (atoms for _line, atoms in numbered_structures(fd))


def numbered_structures(fd: IO[str]) -> Iterator[tuple[int, Atoms]]:
    """The structures, each with the number of its first line, from 1."""
    name = str(getattr(fd, "name", "<geo file>"))
    reader: _Reader | None = None
    last: Atoms | None = None
    k = 0
    for k, text in enumerate(fd, 1):
        line = text.rstrip().expandtabs()
        if not line or line.lstrip()[0] in "#!":
            continue
        keyword = line.split()[0]
        if keyword in HEADERS and reader is None:
            reader = _Reader(name, k, line, last)
        elif reader is None:
            raise GeoError(f"{name}:{k}: found {line!r}, expected BIOGRF or XTLGRF")
        elif keyword in HEADERS:
            raise GeoError(f"{name}:{k}: found {line!r} before END of line {reader.at}")
        elif keyword == "END":
            last = reader.atoms(k)
            yield reader.at, last
            reader = None
        else:
            reader.read(k, line)
    if reader is not None:
        raise GeoError(
            f"{name}:{k}: the file ends before END of the structure at line {reader.at}"
        )


class _Reader:
    """One structure, line by line."""

    def __init__(self, file: str, at: int, header: str, last: Atoms | None):
        self.file = file
        self.at = at  # line where the structure starts
        self.last = last  # the structure before, which VCHANGE scales
        self.volume: float | None = None  # in volumes of that structure
        self.info: dict[str, Any] = {"header": header}
        self.rows: list[dict[str, Any]] = []
        self.later: list[tuple[int, str]] = []  # lines that refer to atoms
        self.cell: Cell | None = None
        self.fixed: set[int] = set()

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
        elif RESTRAINT.match(line) or keyword in ("MOLCHARGE", "FIXATOMS"):
            self.later.append((k, line))
        elif keyword == "VCHANGE":
            self.volume = self._volume(rest)
        elif line.startswith("CONECT"):
            self.add("connections", line[6:])
        elif keyword in TEXTS:
            self.add(TEXTS[keyword], rest)
        elif keyword == "DESCRP":
            self.info["name"] = rest
        elif keyword == "CRYSTX":
            self.cell = cell_of(read_columns(line[7:], formats.CELL)["cell"])
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

    def _volume(self, text: str) -> float:
        value = number(text)
        if value <= 0:
            raise ValueError(f"found volume {text}, expected a positive factor")
        if self.last is None or not self.last.pbc.all():
            raise ValueError("there is no periodic structure before this one to scale")
        return value

    def _refer(self, line: str, size: int) -> None:
        """A line that names atoms."""
        if match := RESTRAINT.match(line):
            kind = match[1]
            values = read_columns(line[match.end() :], formats.RESTRAINTS[kind], size)
            self.add("restraints", {"kind": kind, **values})
        elif line.startswith("MOLCHARGE"):
            values = read_columns(line[10:], formats.MOLCHARGE, size)
            self.add("molecule_charges", values)
        else:
            first, last = read_columns(line[9:], formats.FIXATOMS, size)["atoms"]
            self.fixed |= set(range(first, last + 1))

    def atoms(self, end: int) -> Atoms:
        """The structure, once all its lines are read."""
        made = self._given(end) if self.volume is None else self._scaled(end)
        for k, line in self.later:
            try:
                self._refer(line, len(made))
            except ValueError as error:
                self.fail(k, f"{line[:17].strip()}: {error}")
        if self.fixed:
            made.set_constraint(FixAtoms(sorted(self.fixed)))
        made.info["geo"] = self.info
        return made

    def _scaled(self, end: int) -> Atoms:
        """The structure before, at another volume; its cell is not relaxed."""
        assert self.last is not None and self.volume is not None
        if self.rows or self.cell is not None:
            self.fail(end, f"the structure at line {self.at} has VCHANGE and atoms")
        runs = self.info.setdefault("run_types", [])
        if not any(run.startswith((CELL_KEPT, CELL_RELAXED)) for run in runs):
            runs.append(CELL_KEPT)
        made = self.last.copy()
        made.set_constraint()
        made.info.clear()
        made.set_cell(made.cell * self.volume ** (1 / 3), scale_atoms=True)
        return made

    def _given(self, end: int) -> Atoms:
        if not self.rows:
            self.fail(end, f"the structure at line {self.at} has no atoms")
        columns = {key: [row[key] for row in self.rows] for key in self.rows[0]}
        made = Atoms(columns["symbol"], np.array(columns["position"]))
        if self.cell is not None:
            made.set_cell(self.cell)
            made.pbc = True
        elif self.info["header"].startswith("XTLGRF"):
            self.fail(end, f"the XTLGRF structure at line {self.at} has no CRYSTX line")
        if any(columns["charge"]):
            made.set_initial_charges(columns["charge"])
        for key in ("name", "type"):
            if any(columns[key]) and columns[key] != columns["symbol"]:
                made.set_array(f"geo_{key}s", np.array(columns[key]))
        return made
