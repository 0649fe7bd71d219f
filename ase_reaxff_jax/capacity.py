"""Sizes of padded arrays: a few sizes only, so that few programs are compiled."""

import numpy as np

COARSE = 8192  # up to this size lists waste little whatever their room
SMALL_ATOMS = 64  # structures up to this size share their room in all lists
SMALL = dict(
    images=1024, width=256, close=512, hydrogen=1024,
    bonds=256, angles=1024, torsions=2048, hydrogen_bonds=1024,
)  # fmt: skip


def bucket(needed: int, *, parts: int = 8, smallest: int = 16) -> int:
    """The smallest allowed size that holds `needed`.

    Between powers of two there are `parts` sizes: more waste less room, fewer cause
    fewer compilations.
    """
    if needed <= smallest:
        return smallest
    step = max(1, (1 << ((needed - 1).bit_length() - 1)) // parts)
    return -(-needed // step) * step


def list_room(needed: int) -> int:
    """Room for a list, a little more than needed, so that it seldom has to grow."""
    needed += needed // 20
    return bucket(needed, parts=2 if needed <= COARSE else 8)


def atoms_room(count: int) -> int:
    """Room for the atoms of a structure: 16, 32 or 64, then in finer steps."""
    if count <= SMALL_ATOMS:
        return bucket(count, parts=1)
    return bucket(count, parts=2 if count < 1024 else 16, smallest=SMALL_ATOMS)


def least_room(atoms: int) -> dict[str, int]:
    """Least room in each list of a structure with room for so many atoms.

    Small structures all get the same: what that wastes is not felt beside the time of
    a call, and one program serves them all.
    """
    return dict(SMALL) if atoms <= SMALL_ATOMS else {}


def pad(
    columns: dict[str, np.ndarray], capacity: int | None, grow: bool
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Integer columns padded with zeros, their mask, and the number really needed.

    Args:
        columns: Arrays of the same length, by name.
        capacity: Least length of the result; None for what is needed.
        grow: Whether the result may be longer than `capacity`; else it is cut.
    """
    needed = len(next(iter(columns.values())))
    room = capacity or 0
    if grow and needed > room:
        room = list_room(needed)
    filled = min(needed, room)
    padded = {name: np.zeros(room, np.int32) for name in columns}
    for name, values in columns.items():
        padded[name][:filled] = values[:filled]
    mask = np.arange(room) < filled
    return padded, mask, np.asarray(needed, np.int32)
