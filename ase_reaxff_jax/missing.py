"""Interactions that occur in a structure but have no row in the force field.

Angles and torsions then have no energy, as in LAMMPS. That is common and often meant
(no torsion about a bond to hydrogen), so it is told and not refused; a bond without a
row is an error.
"""

import numpy as np
from ase.calculators.calculator import InputError
from jaxtyping import Bool, Int

from ase_reaxff_jax.neighbors import Neighbors
from ase_reaxff_jax.rows import Rows
from ase_reaxff_jax.system import System
from ase_reaxff_jax.topology import Bonds, Topology
from ase_reaxff_jax.units import BOND_CUTOFF


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


class MissingTerms:
    """Angles and torsions without a row in the structures met so far."""

    def __init__(self, rows: Rows, elements: tuple[str, ...]):
        self.names: set[str] = set()
        self._rows = rows
        self._elements = elements
        self._seen: Topology | None = None

    def possible(self, species: Int[np.ndarray, " atoms"]) -> bool:
        """Whether a structure of these types can have one."""
        return not rows_are_complete(self._rows, species)

    def note(self, system: System, topology: Topology) -> None:
        """Adds those of a structure; the topology is that of its evaluation."""
        if topology is self._seen:
            return
        self._seen = topology
        species = np.asarray(system.species)[np.asarray(system.mask)]
        if self.possible(species):
            self.names |= missing_rows(
                self._rows, self._elements, species, topology.bonds
            )


def check_bond_rows(
    bonded: Bool[np.ndarray, "types types"],
    elements: tuple[str, ...],
    system: System,
    neighbors: Neighbors,
) -> None:
    """InputError where two elements without a bond row are within 5 Å.

    Args:
        bonded: Which pairs of types have a row.
        elements: Names of the types.
        system: The structure, on the host.
        neighbors: Its neighbours, on the host.
    """
    species = np.asarray(system.species)
    present = np.unique(species[np.asarray(system.mask)])
    if bonded[np.ix_(present, present)].all():
        return
    source = np.append(neighbors.source, 0)
    i, column = np.nonzero(neighbors.far < len(neighbors.source))
    j = neighbors.far[i, column]
    without = ~bonded[species[i], species[source[j]]]
    i, j = i[without], j[without]
    positions = np.asarray(system.positions, np.float64)
    images = positions[source[j]] + neighbors.shift[j] @ np.asarray(system.cell)
    origins = positions[i] + neighbors.shift[i] @ np.asarray(system.cell)
    r = np.linalg.norm(images - origins, axis=1)
    if not len(r) or r.min() > BOND_CUTOFF:
        return
    k = int(r.argmin())
    a, b = int(i[k]), int(source[j[k]])
    first, second = elements[species[a]], elements[species[b]]
    raise InputError(
        f"the force field has no bond row for {first}-{second}, and atoms {a} "
        f"({first}) and {b} ({second}) are {r[k]:.2f} Å apart; use a force field "
        "that has one, or missing_bonds='ignore' if these never bond"
    )
