"""Seeded structures that together exercise a force field: one function a kind.

Every structure is valid for its force field: no two atoms closer than a fraction of
the sum of their covalent radii, and no two elements without a bond row within
`FAR` of each other (LAMMPS gives such a pair a bond of order one at any distance).
Positions and cells are rounded to 1e-6 Å, so that they are stored exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from ase import Atoms
from ase.neighborlist import neighbor_list
from ffield_facts import Facts
from molecules import (
    CRYSTALS,
    LINEAR,
    MOLECULES,
    MULTIPLE_BONDS,
    chosen,
    molecule,
    names_within,
)
from packing import box, mixture, packed, place, radii, spaced
from scipy.spatial.transform import Rotation

FAR = 5.5  # Å, beyond the longest bond
TOO_CLOSE = 0.6  # of the sum of covalent radii, after strain and rattling
SMALL = 6.0  # Å, upper bound of the vectors of a small cell
GAP = 8.0  # Å, vacuum of films and wires
DECIMALS = 6


@dataclass(frozen=True)
class Case:
    """One structure and what had to be left out of it."""

    name: str
    atoms: Atoms
    notes: dict[str, str] = field(default_factory=dict)


Elements = Sequence[str]
Named = Iterator[tuple[str, Atoms]]


def cases(facts: Facts, seed: int) -> Iterator[Case]:
    """All structures for a force field; the same seed gives the same structures."""
    for number, elements in enumerate(facts.mixtures()):
        absent = [e for e in facts.real if e not in elements]
        notes = {"elements_left_out": " ".join(absent)} if absent else {}
        suffix = f"-{'_'.join(elements)}" if number else ""
        for kind in KINDS if number == 0 else FURTHER_KINDS:
            # The stream of one kind does not depend on the other kinds.
            rng = np.random.default_rng([seed, number, *kind.__name__.encode()])
            for name, atoms in kind(elements, rng):
                yield Case(name + suffix, checked(atoms, facts), notes)
    if facts.pairs_without_bond:
        rng = np.random.default_rng([seed, *b"far_apart"])
        notes = {"pairs_without_bond": f"present, none within {FAR} Å"}
        yield Case("far_apart", checked(far_apart(facts, rng), facts), notes)


def clusters(elements: Elements, rng: np.random.Generator) -> Named:
    """Some molecules in vacuum, and a drop of single atoms."""
    names = chosen(names_within(MOLECULES, elements), 5, rng)
    gas = packed(names, 0.04, rng)
    yield "cluster_molecules", rattled(Atoms(gas.symbols, gas.positions), 0.05, rng)
    drop = mixture(elements, 20, box(elements, 20), rng)
    yield "cluster_atoms", Atoms(drop.symbols, drop.positions)


def liquids(elements: Elements, rng: np.random.Generator) -> Named:
    """Molecules in a periodic box: near rest, hot, and strained by several percent."""
    names = chosen(names_within(MOLECULES, elements), 16, rng)
    liquid = packed(names, 0.09, rng)
    yield "liquid", rattled(liquid, 0.02, rng)
    yield "liquid_hot", rattled(liquid, 0.12, rng)
    strain = 0.06 * rng.uniform(-1.0, 1.0, (3, 3))
    strained = deformed(packed(names[:6], 0.09, rng), np.eye(3) + strain)
    yield "liquid_strained", rattled(strained, 0.03, rng)


def amorphous(elements: Elements, rng: np.random.Generator) -> Named:
    """All elements mixed at random, in a box and in a skew, rotated cell."""
    yield "amorphous", mixture(elements, 36, box(elements, 36), rng)
    yield "triclinic", mixture(elements, 28, skew(box(elements, 28), 0.7, rng), rng)


def films_and_wires(elements: Elements, rng: np.random.Generator) -> Named:
    """Structures periodic in one or two directions; their cells have three vectors."""
    film = mixture(elements, 24, box(elements, 24), rng)
    yield "slab", surrounded(film, (True, True, False))
    wire = mixture(elements, 16, skew(box(elements, 16), 0.3, rng), rng)
    yield "wire", surrounded(wire, (True, False, False))
    names = chosen(names_within(MOLECULES, elements), 5, rng)
    sheet = deformed(packed(names, 0.08, rng), skew(np.eye(3), 0.3, rng))
    yield "slab_molecules", rattled(surrounded(sheet, (True, False, True)), 0.03, rng)


def small_cells(elements: Elements, rng: np.random.Generator) -> Named:
    """Cells below 6 Å in all directions, some of crystals with one atom a cell."""
    cell = skew(box(elements, 5), 0.3, rng)
    yield "small_cell", mixture(elements, 5, cell, rng)
    for formula, crystal in CRYSTALS.items():
        if set(crystal.symbols) <= set(elements):
            yield f"crystal_{formula}", crystal
            strain = np.eye(3) + 0.05 * rng.uniform(-1.0, 1.0, (3, 3))
            yield f"crystal_{formula}_hot", rattled(deformed(crystal, strain), 0.1, rng)


def multiple_bonds(elements: Elements, rng: np.random.Generator) -> Named:
    """Double and triple bonds, short, stretched and near others; C2."""
    if "C" in elements:
        yield "C2", spaced([Atoms("C2", [[0, 0, 0], [0, 0, 1.15]])])
        pairs = [Atoms("C2", [[0, 0, 0], [0, 0, d]]) for d in (1.25, 1.45)]
        yield "C2_two", spaced(pairs, 1.9)
    if names := names_within(MULTIPLE_BONDS, elements):
        scaled = []
        for name in names:
            for factor in rng.uniform(0.93, 1.25, 2):
                one = molecule(name)
                one.positions *= factor
                scaled.append(one)
        order = rng.permutation(len(scaled))[:12]
        yield "multiple_bonds", rattled(spaced([scaled[k] for k in order]), 0.01, rng)
        crowd = packed(chosen(names, 9, rng), 0.09, rng)
        yield "multiple_bonds_liquid", rattled(crowd, 0.04, rng)


def straight(elements: Elements, rng: np.random.Generator) -> Named:
    """Exactly straight molecules: angles of 180 degrees, torsions without a plane."""
    if names := names_within(LINEAR, elements):
        pieces = [molecule(n) for n in names]
        for piece in pieces:
            piece.positions[:, :2] = 0.0
        yield "straight", spaced(pieces, 4.0)


def separate(elements: Elements, rng: np.random.Generator) -> Named:
    """Single atoms without any bond, at least 6 Å apart."""
    yield "separate_atoms", spaced([Atoms(e) for e in elements], 6.0)


KINDS: tuple[Callable[[Elements, np.random.Generator], Named], ...] = (
    clusters,
    liquids,
    amorphous,
    films_and_wires,
    small_cells,
    multiple_bonds,
    straight,
    separate,
)
FURTHER_KINDS = (clusters, liquids, amorphous, films_and_wires, small_cells)


def far_apart(facts: Facts, rng: np.random.Generator) -> Atoms:
    """Every element in one periodic box, pairs without a bond row out of reach."""
    mixtures = facts.mixtures()
    names = [n for m in mixtures for n in names_within(MOLECULES, m)]
    pieces = [molecule(n) for n in chosen(sorted(set(names)), 4, rng)]
    pieces += [Atoms(e) for e in facts.real for _ in range(2)]
    atoms = Atoms(cell=[26.0, 25.0, 27.0], pbc=True)
    for piece in pieces:
        place(atoms, piece, rng, distance=FAR + 0.2)
    return atoms


def rattled(atoms: Atoms, width: float, rng: np.random.Generator) -> Atoms:
    """Coordinates moved by normal deviates of `width` Å, drawn until none collide."""
    while True:
        moved = atoms.copy()
        moved.positions += rng.normal(0.0, width, moved.positions.shape)
        if not collide(moved):
            return moved


def deformed(atoms: Atoms, matrix: np.ndarray) -> Atoms:
    """Cell and positions multiplied by `matrix` from the right."""
    changed = atoms.copy()
    changed.set_cell(atoms.cell.array @ matrix, scale_atoms=True)
    return changed


def skew(cell: np.ndarray, tilt: float, rng: np.random.Generator) -> np.ndarray:
    """The cell tilted by up to `tilt` of its edges and turned; of the same volume."""
    shear = np.eye(3) + np.tril(rng.uniform(-tilt, tilt, (3, 3)), -1)
    return cell @ shear @ Rotation.random(rng=rng).as_matrix()


def surrounded(atoms: Atoms, periodic: tuple[bool, bool, bool]) -> Atoms:
    """Vacuum in the directions that are not periodic; those vectors become longer."""
    changed = atoms.copy()
    lengths = atoms.cell.lengths()
    stretch = np.where(periodic, 1.0, 1.0 + GAP / lengths)
    changed.set_cell(atoms.cell.array * stretch[:, None])
    changed.pbc = periodic
    return changed


def collide(atoms: Atoms) -> bool:
    """Whether two atoms are closer than any sensible structure has them."""
    limits = TOO_CLOSE * radii(list(atoms.symbols))
    return len(neighbor_list("i", atoms, list(limits))) > 0


def checked(atoms: Atoms, facts: Facts) -> Atoms:
    """The structure rounded; raises ValueError where it is not valid."""
    atoms = atoms.copy()
    atoms.positions = np.round(atoms.positions, DECIMALS)
    atoms.set_cell(np.round(atoms.cell.array, DECIMALS))
    if collide(atoms):
        raise ValueError(f"{atoms.symbols}: two atoms too close")
    pairs = zip(*neighbor_list("ij", atoms, FAR), strict=True)
    met = {frozenset((atoms.symbols[i], atoms.symbols[j])) for i, j in pairs}
    if wrong := met & facts.pairs_without_bond:
        raise ValueError(f"{atoms.symbols}: {wrong} have no bond row but meet")
    return atoms
