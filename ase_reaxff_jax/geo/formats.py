"""The Fortran formats of the lines of a geo file."""

from typing import Any

from ase.data import atomic_numbers

from ase_reaxff_jax.geo.columns import Column, number


def _atoms(count: int) -> list[Column]:
    return [Column("atoms", 4, "a")] * count


def _forces(target_decimals: int) -> list[Column]:
    return [
        Column("target", 8, "f", target_decimals),
        Column("force1", 8, "f", 2),
        Column("force2", 8, "f", 4),
    ]


_CHANGE = Column("change", 9, "f", 6, optional=True)  # of the target, per iteration

RESTRAINTS = {
    "BOND": [
        *_atoms(2),
        *_forces(4),
        Column(None, 1),
        Column("change", 10, "f", 7, optional=True),
        Column("start", 8, "d", optional=True),  # iterations
        Column("end", 8, "d", optional=True),
    ],
    "ANGLE": [*_atoms(3), *_forces(2), _CHANGE],
    "TORSION": [*_atoms(4), *_forces(2), _CHANGE],
    # Of the centres of mass of two ranges of atoms, along an axis.
    "MASCEN": [
        Column("direction", 1),
        Column(None, 1),
        *_atoms(2),
        Column("target", 8, "f", 2),
        *_atoms(2),
        Column("force1", 8, "f", 2),
        Column("force2", 8, "f", 2),
        _CHANGE,
    ],
}
MOLCHARGE = [*_atoms(2), Column("charge", 6, "f", 2)]
FIXATOMS = [Column("atoms", 6, "a")] * 2  # the first and the last
CELL = [Column("cell", 11, "f", 5)] * 6
ATOM = [
    Column("record", 6),
    Column(None, 1),
    Column("serial", 5),
    Column(None, 1),
    Column("name", 5),
    Column(None, 12),  # residue
    *[Column("position", 10, "f", 5)] * 3,
    Column(None, 1),
    Column("type", 5),
    Column("bonds", 3, "d"),
    Column("lone_pairs", 2, "d"),
    Column(None, 1),
    Column("charge", 8, "f", 5),
]
_POINTS = (34, 44, 54)  # of a position in an atom's line


def read_atom(line: str) -> dict[str, Any]:
    """Symbol, name, serial, position, type and charge of an ATOM or HETATM line."""
    if all(line[k : k + 1] == "." for k in _POINTS):
        serial, name, type_ = line[7:12], line[13:18], line[61:66]
        position = [line[k : k + 10] for k in (30, 40, 50)]
        charge = line[72:80]
    else:
        serial, name, *position = (line[6:].split() + [""] * 5)[:5]
        rest = line[6:].split()[5:]
        type_ = rest[0] if rest else ""
        charge = rest[3] if len(rest) > 3 else ""
    values: dict[str, Any] = {
        "serial": serial.strip(),
        "name": name.strip(),
        "position": [number(x) for x in position],
        "type": type_.strip(),
        "charge": number(charge) if charge.strip() else 0.0,
    }
    return values | {"symbol": _symbol_of(values["name"])}


def _symbol_of(name: str) -> str:
    """The element of an atom's name, such as C of C12; X is a dummy."""
    letters = name.rstrip("0123456789_+-*'").capitalize()
    if letters not in atomic_numbers:
        raise ValueError(f"{name!r} is no element")
    return letters
