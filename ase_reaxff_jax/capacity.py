"""Sizes of padded arrays: a few sizes only, so that few programs are compiled."""

import numpy as np
from jaxtyping import Int

COARSE = 2048  # up to this size lists waste little whatever their room
SMALL_ATOMS = 64  # structures up to this size have room in a few steps only
SMALLEST_ATOMS = 16
FEW_ATOMS = 256  # up to here an evaluation takes so little that compiling counts
LONG = 10_000  # entries that a CPU computes at once; without parts that are padding
GROWTH = 1.25  # of what the lists of so few atoms need, where they have to grow
STEP = 4  # from one of these steps to the next


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
    """Room for a list, more than needed, so that it seldom has to grow.

    A twentieth more; a quarter and some where the list is short, because it then
    changes more.
    """
    needed += max(needed // 20, min(needed // 4 + 32, 200))
    return bucket(needed, parts=2 if needed <= COARSE else 8)


def atoms_room(count: int) -> int:
    """Room for the atoms of a structure: 16, 64, then in finer steps."""
    if count <= SMALL_ATOMS:
        return SMALLEST_ATOMS if count <= SMALLEST_ATOMS else SMALL_ATOMS
    return bucket(count, parts=2 if count < 1024 else 16, smallest=SMALL_ATOMS)


def least_room(atoms: int) -> dict[str, int]:
    """Least room in each list of a structure with room for so many atoms.

    What that wastes is not felt beside the time of a call while structures are small,
    and one program serves nearly all of them.
    """
    if atoms > SMALL_ATOMS:
        return {}
    share = 1 if atoms <= SMALLEST_ATOMS else STEP
    return dict(
        images=2048, width=384, close=256 * share, hydrogen=512 * share,
        bonds=128 * share, angles=512 * share, torsions=2048 * share,
        hydrogen_bonds=32 * share, acceptors=96,
    )  # fmt: skip


def larger_room(
    room: dict[str, int], needed: dict[str, int], *, atoms: int, together: bool
) -> dict[str, int]:
    """Room for what is needed where a list has outgrown `room`.

    Lists that grow `together`, those of single small structures, do so in large steps,
    so that each program is compiled a few times at most. With up to `FEW_ATOMS` each
    gets a quarter more than it needs: to compile takes longer than to compute that.
    """
    if not together:
        spare = GROWTH if atoms <= FEW_ATOMS else 1.0
        return {
            n: fitting(n, int(spare * needed[n])) if needed[n] > room[n] else room[n]
            for n in needed
        }
    larger = {n: room[n] for n in needed}
    while any(needed[n] > larger[n] for n in needed):
        larger = {n: STEP * size for n, size in larger.items()}
    return larger


def fitting(name: str, needed: int) -> int:
    """Room for one list, with some to spare: to grow is to compile anew.

    Rows are all as long as the longest, which costs time: there the steps are fine.
    """
    if name in ("width", "pairs"):
        return bucket(needed + needed // 32 + 2, parts=32, smallest=8)
    if name == "acceptors":
        return bucket(needed + needed // 6 + 2, parts=16, smallest=8)
    if name == "hydrogen_bonds":  # the rows of `acceptors`
        spare = max(needed // 10, min(needed // 2, 256))  # few of them change most
        return bucket(needed + spare + 8, parts=16)
    if name in ("angles", "torsions"):  # change most; room in long ones costs little
        spacious = needed + needed // 3
        needed = spacious if spacious > LONG else needed + needed // 6
    return list_room(needed)


def pad(
    columns: dict[str, np.ndarray], room: int
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Integer columns padded with zeros, their mask, and the number really needed.

    Args:
        columns: Arrays of the same length, by name.
        room: Length of the result; where it is too short the columns are cut.
    """
    needed = len(next(iter(columns.values())))
    filled = min(needed, room)
    padded = {}
    for name, values in columns.items():
        padded[name] = np.zeros((room, *values.shape[1:]), np.int32)
        padded[name][:filled] = values[:filled]
    mask = np.arange(room) < filled
    return padded, mask, np.asarray(needed, np.int32)


def columns_of(
    row: Int[np.ndarray, " pairs"], count: int
) -> tuple[np.ndarray, np.ndarray, int]:
    """Pairs in the order of their rows, the column of each, and the longest row."""
    # NumPy sorts integers of 16 bits by radix, several times as fast as longer ones.
    order = np.argsort(row.astype(np.uint16), kind="stable")
    if count > 1 << 16:
        high = (row >> 16).astype(np.uint16)
        order = order[np.argsort(high[order], kind="stable")]
    length = np.bincount(row, minlength=count)
    start = np.cumsum(length) - length
    column = np.arange(len(row)) - np.repeat(start, length)
    return order, column, int(length.max(initial=0))
