"""Which row of the file an angle, a torsion or a hydrogen bond takes its numbers from.

These are integers, fixed by the elements of the rows; the numbers themselves stay in
the sections of the force field, where they are differentiated.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from ase_reaxff_jax.forcefield import ForceField


class Rows(NamedTuple):
    """Row numbers by type; -1 where there is none."""

    angle: Int[np.ndarray, "types types types duplicates"]
    torsion: Int[np.ndarray, "types types types types"]
    hydrogen_bond: Int[np.ndarray, "types types types"]


def rows_of(force_field: ForceField) -> Rows:
    """Rows of each combination of types, with the precedence that LAMMPS gives them."""
    types = len(force_field.elements)
    return Rows(
        angle=_angle_rows(force_field.angle_types, types),
        torsion=_torsion_rows(force_field.torsion_types, types),
        hydrogen_bond=_hydrogen_bond_rows(force_field.hydrogen_bond_types, types),
    )


def _angle_rows(section, types: int) -> np.ndarray:
    """Several rows for one angle all count."""
    found: dict[tuple[int, ...], list[int]] = {}
    for row, (a, b, c) in enumerate(section):
        if max(a, b, c) < types:
            for angle in {(a, b, c), (c, b, a)}:
                found.setdefault(angle, []).append(row)
    most = max((len(rows) for rows in found.values()), default=1)
    table = np.full((types, types, types, most), -1, np.int32)
    for key, rows in found.items():
        table[key][: len(rows)] = rows
    return table


def _torsion_rows(section, types: int) -> np.ndarray:
    """The last explicit row counts; wild cards fill what no earlier row has set."""
    table = np.full((types,) * 4, -1, np.int32)
    explicit = np.zeros_like(table, bool)
    for row, (a, b, c, d) in enumerate(section):
        if max(a, b, c, d) >= types:
            continue
        if a < 0 or d < 0:
            for j, k in ((b, c), (c, b)):
                free = ~explicit[:, j, k, :]
                table[:, j, k, :][free] = row
        else:
            for key in ((a, b, c, d), (d, c, b, a)):
                table[key] = row
                explicit[key] = True
    return table


def _hydrogen_bond_rows(section, types: int) -> np.ndarray:
    """Donor, hydrogen, acceptor; in this direction only."""
    table = np.full((types,) * 3, -1, np.int32)
    for row, key in enumerate(section):
        if max(key) < types:
            table[key] = row
    return table
