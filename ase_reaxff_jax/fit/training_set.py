"""Structures and reference values that a force field is fitted to."""

from dataclasses import dataclass

from ase_reaxff_jax.fit.items import Item
from ase_reaxff_jax.fit.structures import Structure


@dataclass(frozen=True)
class TrainingSet:
    """Structures by name, and the items that refer to them."""

    structures: dict[str, Structure]
    items: tuple[Item, ...]
