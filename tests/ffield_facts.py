"""What the tests must know of a force-field file before LAMMPS or our program reads it.

A reader of its own, so that nothing here depends on the code under test. It keeps only
what decides which structures are sensible: elements, masses, radii, taper and the
pairs of elements that have a bond row.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import combinations, combinations_with_replacement
from pathlib import Path

HEAVY_MASS = 21.0  # u; above it the lone pairs of an element enter no over-coordination


@dataclass(frozen=True)
class Facts:
    """Contents of a force-field file; `real` leaves out dummy elements."""

    elements: tuple[str, ...]  # in the order of the file
    mass: dict[str, float]  # u
    has_pi: dict[str, bool]  # the element forms π bonds
    taper: tuple[float, float]  # Å: lower and upper radius
    bonds: frozenset[frozenset[str]]  # pairs with a bond row
    lg: bool  # low-gradient dispersion: five lines an element

    @property
    def real(self) -> tuple[str, ...]:
        """The elements that exist in nature."""
        return tuple(e for e in self.elements if e != "X")

    @property
    def pairs_without_bond(self) -> frozenset[frozenset[str]]:
        """Pairs of real elements that lack a bond row."""
        pairs = combinations_with_replacement(self.real, 2)
        return frozenset(p for p in map(frozenset, pairs) if p not in self.bonds)

    def mixtures(self) -> list[tuple[str, ...]]:
        """Largest sets of elements of which every pair has a bond row, in file order.

        An element without a bond row of its own kind is in none of them.
        """
        sets: list[tuple[str, ...]] = []
        for size in range(len(self.real), 0, -1):
            for chosen in combinations(self.real, size):
                complete = all(
                    frozenset(pair) in self.bonds
                    for pair in combinations_with_replacement(chosen, 2)
                )
                if complete and not any(set(chosen) < set(s) for s in sets):
                    sets.append(chosen)
        return sets

    def forces_of_lammps_are_derivatives(self, symbols: set[str]) -> bool:
        """Whether LAMMPS's forces agree with its energy for these elements.

        They do not where a light atom can have a π bond to an element above 21 u: the
        derivative keeps a lone-pair term that the energy lacks.
        """
        light = any(self.mass[s] <= HEAVY_MASS and self.has_pi[s] for s in symbols)
        heavy = any(self.mass[s] > HEAVY_MASS and self.has_pi[s] for s in symbols)
        return not (light and heavy)


@cache
def read_facts(path: Path) -> Facts:
    """Read a force-field file."""
    lines = [line.split() for line in path.read_text().splitlines()]
    count = int(lines[1][0])
    general = [float(line[0]) for line in lines[2 : 2 + count]]
    start = 2 + count
    atoms = int(lines[start][0])
    # A row of element data begins with a symbol, the others with a number.
    first = [k for k in range(start + 4, len(lines)) if lines[k][0].isalpha()][:atoms]
    height = first[1] - first[0]
    elements = [lines[k][0] for k in first]
    start = first[-1] + height
    rows = lines[start + 2 : start + 2 + 2 * int(lines[start][0]) : 2]
    bonds = [(int(row[0]), int(row[1])) for row in rows]
    return Facts(
        elements=tuple(elements),
        mass={lines[k][0]: float(lines[k][3]) for k in first},
        has_pi={lines[k][0]: float(lines[k][7]) > 0.0 for k in first},
        taper=(general[11], general[12]),
        bonds=frozenset(
            frozenset((elements[i - 1], elements[j - 1]))
            for i, j in bonds
            if max(i, j) <= atoms
        ),
        lg=height == 5,
    )
