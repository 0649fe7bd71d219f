"""RDX, hexahydro-1,3,5-trinitro-1,3,5-triazine, built from its bond lengths."""

import numpy as np
from ase import Atoms

RADIUS, PUCKER = 1.43, 0.24  # Å: of the ring, and above and below its plane
CN_NN, NO, CH = 1.40, 1.22, 1.10  # Å
ONO, HCH = np.deg2rad([126.0, 109.0])


def rdx() -> Atoms:
    """A molecule, not relaxed: a chair with the nitro groups in its plane."""
    symbols, positions = [], []
    up = np.array([0.0, 0.0, 1.0])
    for k in range(6):
        angle = k * np.pi / 3
        out = np.array([np.cos(angle), np.sin(angle), 0.0])
        side = np.array([-np.sin(angle), np.cos(angle), 0.0])
        place = RADIUS * out + PUCKER * (-1) ** k * up
        if k % 2:
            nitro = place + CN_NN * out
            along, across = NO * np.cos(ONO / 2), NO * np.sin(ONO / 2)
            ends = [nitro + along * out + sign * across * side for sign in (1, -1)]
            symbols += ["N", "N", "O", "O"]
            positions += [place, nitro, *ends]
        else:
            along, across = CH * np.cos(HCH / 2), CH * np.sin(HCH / 2)
            ends = [place + along * out + sign * across * up for sign in (1, -1)]
            symbols += ["C", "H", "H"]
            positions += [place, *ends]
    return Atoms(symbols, positions)
