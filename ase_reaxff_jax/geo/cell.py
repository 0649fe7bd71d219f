"""The orientation that ReaxFF gives to a cell."""

from collections.abc import Sequence

import numpy as np
from ase.cell import Cell


def cell_of(lengths_and_angles: Sequence[float]) -> Cell:
    """The cell as ReaxFF orients it: c along z, b in the plane of y and z.

    ValueError where no cell has these lengths (Å) and angles (degrees).
    """
    a, b, c, alpha, beta, gamma = lengths_and_angles
    cosines = np.cos(np.radians([alpha, beta, gamma]))
    square = 1 + 2 * cosines.prod() - (cosines**2).sum()  # of the volume, if a=b=c=1
    if min(lengths_and_angles) <= 0 or max(alpha, beta, gamma) >= 180 or square <= 0:
        raise ValueError(f"no cell has lengths and angles {list(lengths_and_angles)}")
    turned = Cell.fromcellpar([c, b, a, gamma, beta, alpha])
    return Cell(turned.array[::-1, ::-1])
