"""Angles and torsions that occur in a structure but have no row in the force field.

They have no energy, as in LAMMPS. That is common and often meant (no torsion about a
bond to hydrogen), so it is told and not refused; a bond without a row is an error.
"""

import numpy as np
from jaxtyping import Int

from ase_reaxff_jax.rows import Rows
from ase_reaxff_jax.topology import Bonds


def rows_are_complete(rows: Rows, species: Int[np.ndarray, " atoms"]) -> bool:
    """Whether all angles and torsions of these elements have a row."""
    present = np.unique(species)
    angle = rows.angle[np.ix_(present, present, present)]
    torsion = rows.torsion[np.ix_(present, present, present, present)]
    return bool(np.all(angle[..., 0] >= 0) and np.all(torsion >= 0))


def missing_rows(
    rows: Rows,
    elements: tuple[str, ...],
    species: Int[np.ndarray, " atoms"],
    bonds: Bonds,
) -> set[str]:
    """Names such as "angle H O H" and "torsion H C C H".

    Judged by the candidates for bonds: an angle counts where two atoms are near enough
    to the third to be bonded to it, however weakly.
    """
    types = len(elements)
    kept = np.asarray(bonds.mask)
    i, j = np.asarray(bonds.i)[kept], np.asarray(bonds.j_atom)[kept]
    around = np.zeros((len(species), types), int)  # bonds to atoms of each type
    np.add.at(around, (i, species[j]), 1)
    np.add.at(around, (j, species[i]), 1)

    missing = set()
    for a, b, c in np.argwhere(np.all(rows.angle < 0, axis=3)):
        if a <= c:
            enough = around[species == b]
            if np.any((enough[:, a] > (a == c)) & (enough[:, c] > 0)):
                missing.add(f"angle {elements[a]} {elements[b]} {elements[c]}")
    further = np.eye(types, dtype=int)
    before = around[i] - further[species[j]] > 0  # beside the bond itself
    after = around[j] - further[species[i]] > 0
    for a, b, c, d in np.argwhere(rows.torsion < 0):
        along = (species[i] == b) & (species[j] == c)
        if np.any(before[along, a] & after[along, d]):
            chain = min((a, b, c, d), (d, c, b, a))
            missing.add("torsion " + " ".join(elements[k] for k in chain))
    return missing
