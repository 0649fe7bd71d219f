"""Sizes of padded arrays: a few sizes only, so that few programs are compiled."""

import numpy as np

SMALLEST = 16


def bucket(needed: int, *, parts: int = 8, smallest: int = SMALLEST) -> int:
    """The smallest allowed size that holds `needed`.

    Between powers of two there are `parts` sizes, multiples of 8 where possible: more
    parts waste less room, fewer cause fewer compilations.
    """
    if needed <= smallest:
        return smallest
    step = max(8, (1 << (needed.bit_length() - 1)) // parts)
    return -(-needed // step) * step


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
        room = bucket(needed)
    filled = min(needed, room)
    padded = {name: np.zeros(room, np.int32) for name in columns}
    for name, values in columns.items():
        padded[name][:filled] = values[:filled]
    mask = np.arange(room) < filled
    return padded, mask, np.asarray(needed, np.int32)
