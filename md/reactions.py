"""Reactions: how the molecules of one sample became those of a later one."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int

from ase_reaxff_jax.md.molecules import (
    changed,
    components,
    formulae_of_numbers,
    numbered,
)


@dataclass(frozen=True)
class Reaction:
    """Molecules that exchanged, gained or lost atoms between two samples.

    `step` and `time_fs` are those of the first sample with all the products. Reactants
    and products are formulae in alphabetical order, and how many molecules there are
    of each.
    """

    step: int
    time_fs: float
    atoms: tuple[int, ...]
    reactants: dict[str, int]
    products: dict[str, int]

    @property
    def exchange(self) -> bool:
        """Whether the molecules only exchanged atoms: the formulae stay the same."""
        return self.reactants == self.products

    def __str__(self) -> str:
        return f"{_side(self.reactants)} -> {_side(self.products)}"


def _side(numbers: dict[str, int]) -> str:
    return " + ".join(f"{n} {name}" if n > 1 else name for name, n in numbers.items())


def groups(
    before: Int[np.ndarray, " atoms"], now: Int[np.ndarray, " atoms"]
) -> tuple[Int[np.ndarray, " changed"], Int[np.ndarray, " changed"]]:
    """The atoms whose molecule is another set, and the group of each of them.

    Atoms of one molecule, before or now, are in one group; groups are numbered from 0
    in the order of their first atoms.
    """
    atoms = np.flatnonzero(changed(before, now))
    shift = int(before.max(initial=-1)) + 1
    size = shift + int(now.max(initial=-1)) + 1
    group = components(before[atoms], now[atoms] + shift, size)[before[atoms]]
    return atoms, numbered(group)


def sides(
    labels: Int[np.ndarray, " atoms"],
    group: Int[np.ndarray, " atoms"],
    numbers: Int[np.ndarray, " atoms"],
) -> dict[int, dict[str, int]]:
    """The formulae of each group's molecules; `numbers` are atomic numbers."""
    labels = numbered(labels)
    first = np.unique(labels, return_index=True)[1]
    names: dict[int, list[str]] = {}
    found = formulae_of_numbers(labels, numbers)
    for name, of in zip(found, group[first].tolist(), strict=True):
        names.setdefault(of, []).append(name)
    return {of: dict(sorted(Counter(each).items())) for of, each in names.items()}


def packed(reactions: list[Reaction]) -> dict[str, Any]:
    """As lists, dictionaries and arrays; each kind of reaction is there once."""
    kinds = {str(r): (r.reactants, r.products) for r in reactions}
    place = {name: k for k, name in enumerate(kinds)}
    return {
        "kinds": [list(kind) for kind in kinds.values()],
        "kind": np.array([place[str(r)] for r in reactions], int),
        "step": np.array([r.step for r in reactions], int),
        "time_fs": np.array([r.time_fs for r in reactions], float),
        "size": np.array([len(r.atoms) for r in reactions], int),
        "atoms": np.array([k for r in reactions for k in r.atoms], int),
    }


def unpacked(state: dict[str, Any]) -> list[Reaction]:
    """What `packed` was given."""
    columns = ("step", "time_fs", "size", "kind")
    rows = zip(*(np.asarray(state[name]).tolist() for name in columns), strict=True)
    atoms = iter(np.asarray(state["atoms"]).tolist())
    made = []
    for step, time_fs, size, kind in rows:
        members = tuple(next(atoms) for _ in range(size))
        reactants, products = (dict(side) for side in state["kinds"][kind])
        made.append(Reaction(step, time_fs, members, reactants, products))
    return made
