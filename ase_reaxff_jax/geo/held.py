"""Atoms that do not move."""

from collections.abc import Callable

from ase import Atoms
from ase.constraints import FixAtoms


def held_atoms(atoms: Atoms, refusal: Callable[[str], Exception]) -> list[int]:
    """Atoms that constraints `FixAtoms` hold, in order.

    Any other constraint raises `refusal(its name)`.
    """
    held: set[int] = set()
    for constraint in atoms.constraints:
        if not isinstance(constraint, FixAtoms):
            raise refusal(type(constraint).__name__)
        held |= set(constraint.get_indices().tolist())
    return sorted(held)
