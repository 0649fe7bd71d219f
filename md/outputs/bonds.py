"""Bonds by step, in the format of LAMMPS's `fix reaxff/bonds`."""

import numpy as np
from jaxtyping import Int

from ase_reaxff_jax.md.frames import Bonding
from ase_reaxff_jax.md.molecules import CUTOFF
from ase_reaxff_jax.md.outputs.lammps_style import LammpsStyleFile

HEADER = """\
# Timestep {step}
#
# Number of particles {atoms}
#
# Max number of bonds per atom {most} with coarse bond order cutoff {cutoff:5.3f}
# Particle connection table and bond orders
# id type nb id_1...id_nb mol bo_1...bo_nb abo nlp q
"""
END = "# \n"


class BondsFile(LammpsStyleFile):
    """A file such as `bonds.reaxff`, a block of lines for each step.

    A line is one atom: its number from 1, the number of its element in `elements`, the
    number of its bonds above the cutoff, the atoms at the other ends, 0 for a molecule
    that has no number, the orders of these bonds, the order of all its bonds, its lone
    pairs and its charge in e.

    As in LAMMPS each image that an atom is bonded to is a bond of its own: an atom
    bonded to two images of another names it twice, one bonded to an image of itself
    names itself twice, for the image on the other side. The other ends are in
    ascending order; in LAMMPS they are in the order of its lists.
    """

    def _text(self, bonding: Bonding) -> str:
        return block(bonding, self._kinds + 1, self._cutoff)


def block(
    bonding: Bonding, types: Int[np.ndarray, " atoms"], cutoff: float = CUTOFF
) -> str:
    """The lines of one step; types count from 1."""
    size = len(types)
    kept = bonding.order > cutoff
    i, j = bonding.i[kept], bonding.j[kept]
    atom, other = np.concatenate([i, j]), np.concatenate([j, i])
    order = np.tile(bonding.order[kept], 2)
    sorting = np.lexsort((other, atom))
    other, order = (other[sorting] + 1).tolist(), order[sorting].tolist()
    count = np.bincount(atom, minlength=size)
    ends = np.cumsum(count).tolist()
    columns = (bonding.total_order, bonding.lone_pairs, bonding.charges)
    lines = []
    start = 0
    for k, (type_, end, *last) in enumerate(
        zip(types.tolist(), ends, *(c.tolist() for c in columns), strict=True)
    ):
        bonded = "".join([f" {n}" for n in other[start:end]])
        numbers = "".join([f"{x:14.3f}" for x in (*order[start:end], *last)])
        lines.append(f" {k + 1} {type_} {end - start}{bonded} 0{numbers}\n")
        start = end
    most = int(count.max(initial=0))
    head = HEADER.format(step=bonding.step, atoms=size, most=most, cutoff=cutoff)
    return head + "".join(lines) + END
