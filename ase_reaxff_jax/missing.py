"""Interactions that occur in a structure but have no row in the force field.

Angles and torsions then have no energy, as in LAMMPS. That is common and often meant
(no torsion about a bond to hydrogen), so it is told and not refused; a bond without a
row is an error.
"""

from weakref import WeakValueDictionary

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

    angles = np.zeros((types,) * 3, bool)
    for b in np.unique(species):
        beside = around[species == b]
        angles[:, b, :] = _together(beside > 0, beside > 0)
        angles[range(types), b, range(types)] = np.any(beside > 1, axis=0)
    further = np.eye(types, dtype=int)
    before = around[i] - further[species[j]] > 0  # beside the bond itself
    after = around[j] - further[species[i]] > 0
    torsions = np.zeros((types,) * 4, bool)
    pairs = types * species[i] + species[j]  # one number each: quick to sort
    for pair in np.unique(pairs):
        b, c = divmod(int(pair), types)
        along = pairs == pair
        torsions[:, b, c, :] = _together(before[along], after[along])

    without_angle = np.all(rows.angle < 0, axis=3)
    return {
        *_named("angle", angles & without_angle, elements),
        *_named("torsion", torsions & (rows.torsion < 0), elements),
    }


def _together(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Whether both are true in the same row, for each column with each."""
    return first.T.astype(int) @ second.astype(int) > 0


def _named(kind: str, occurs: np.ndarray, elements: tuple[str, ...]) -> set[str]:
    """Each chain of types once, in the direction that comes first."""
    chains = {min(tuple(x), tuple(x[::-1])) for x in np.argwhere(occurs).tolist()}
    return {f"{kind} " + " ".join(elements[k] for k in chain) for chain in chains}


class MissingTerms:
    """Angles and torsions without a row in the structures met so far."""

    def __init__(self, rows: Rows, elements: tuple[str, ...]):
        self.names: set[str] = set()
        self._rows = rows
        self._elements = elements
        # A driver comes back to the same lists of many structures.
        self._seen: WeakValueDictionary[int, Topology] = WeakValueDictionary()

    def possible(self, species: Int[np.ndarray, " atoms"]) -> bool:
        """Whether a structure of these types can have one."""
        return not rows_are_complete(self._rows, species)

    def met(self, topology: Topology) -> bool:
        """Whether these very lists were noted before."""
        return self._seen.get(id(topology)) is topology

    def note(self, system: System, topology: Topology) -> None:
        """Adds those of a structure; the topology is that of its evaluation."""
        if self.met(topology):
            return
        self._seen[id(topology)] = topology
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
