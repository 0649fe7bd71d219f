"""The orientation that ReaxFF gives to a cell."""

from collections.abc import Sequence

from ase.cell import Cell


def cell_of(lengths_and_angles: Sequence[float]) -> Cell:
    """The cell as ReaxFF orients it: c along z, b in the plane of y and z."""
    a, b, c, alpha, beta, gamma = lengths_and_angles
    turned = Cell.fromcellpar([c, b, a, gamma, beta, alpha])
    return Cell(turned.array[::-1, ::-1])
