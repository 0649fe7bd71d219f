"""Pairs of atoms within a distance, every periodic image of its own.

Images of atoms are explicit: image k is atom `source[k]` moved by the lattice vectors
`shift[k]`. The first images are the atoms themselves, brought into the cell; a pair is
an atom and an image, and nothing else needs to know of periodicity. Lists are made on
the host and stay valid while atoms move less than the skin allows (`stale`).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from ase_reaxff_jax.arrays import AnyArray
from ase_reaxff_jax.capacity import columns_of, fitting
from ase_reaxff_jax.pair_search import SEARCHES, pseudo_inverse
from ase_reaxff_jax.units import FAR_AWAY

LISTS = ("images", "width", "close", "hydrogen")
CLUSTER, MEMBERS = 3.0, 12  # radius in Å, and how many of the nearest count


class Ends(eqx.Module):
    """What follows from the image at the end of each pair alone.

    Padding has those of atom 0.
    """

    atom: Int[AnyArray, "atoms width"]  # of which it is a copy
    species: Int[AnyArray, "atoms width"]


class Neighbors(eqx.Module):
    """Images and pair lists, padded; the image of padded pairs is the number `images`.

    Rows and capacities follow from the shapes. Unused images repeat atom 0.
    """

    source: Int[AnyArray, " images"]  # atom of which the image is a copy
    shift: Int[AnyArray, "images 3"]  # lattice vectors added to it
    far: Int[AnyArray, "atoms width"]  # half list: images in a row with their atom
    close_i: Int[AnyArray, " close"]  # half list of atoms and images that may bond
    close_j: Int[AnyArray, " close"]
    hydrogen_i: Int[AnyArray, " hydrogen"]  # each hydrogen with each acceptor, in order
    hydrogen_k: Int[AnyArray, " hydrogen"]
    cluster: Int[AnyArray, "atoms members"]  # nearest images of atoms with lower number
    reference_positions: Float[AnyArray, "atoms 3"]  # where the lists were made, Å
    reference_cell: Float[AnyArray, "3 3"]
    needed: dict[str, Int[AnyArray, ""]]  # more than the capacity means overflow
    ends: Ends | None = None  # of `far`, where it is narrowed; else found when wanted

    @property
    def capacity(self) -> dict[str, int]:
        """Room in each list."""
        room = (self.source, self.far, self.close_i, self.hydrogen_i)
        return {n: x.shape[-1] for n, x in zip(LISTS, room, strict=True)}

    @property
    def overflow(self) -> Bool[AnyArray, "..."] | np.bool_:
        """Whether any list is incomplete."""
        full = [self.needed[name] > room for name, room in self.capacity.items()]
        return full[0] | full[1] | full[2] | full[3]


class Reach(NamedTuple):
    """Distances (Å) up to which each list must be complete."""

    far: float
    close: float
    hydrogen: float


class Nearest(NamedTuple):
    """The two atoms (or an atom and its image) that are closest to each other."""

    i: int
    j: int
    shift: np.ndarray  # lattice vectors from j to the image that is meant
    r: float  # Å


def image_positions(
    positions: Float[AnyArray, "atoms 3"],
    cell: Float[AnyArray, "3 3"],
    neighbors: Neighbors,
) -> Float[Array, "images_plus_1 3"]:
    """Positions of all images (Å), and behind them one far from everything.

    Padded pairs read that last one; they are beyond every cutoff and so need no mask.
    """
    positions = jnp.asarray(positions)
    shift = neighbors.shift.astype(positions.dtype)
    images = positions[neighbors.source] + shift @ cell
    return jnp.concatenate([images, jnp.full((1, 3), FAR_AWAY, positions.dtype)])


def stale(neighbors: Neighbors, positions, cell, *, reach, skin):
    """Whether pairs may be missing from lists made with this reach and skin (Å)."""
    return moved_too_far(
        neighbors.reference_positions,
        neighbors.reference_cell,
        positions,
        cell,
        reach=reach,
        skin=skin,
    )


def moved_too_far(
    reference: Float[AnyArray, "atoms 3"],
    reference_cell: Float[AnyArray, "3 3"],
    positions: Float[AnyArray, "atoms 3"],
    cell: Float[AnyArray, "3 3"],
    *,
    reach: Float[AnyArray, ""] | float,
    skin: Float[AnyArray, ""] | float,
) -> Bool[AnyArray, ""] | np.bool_:
    """Whether two atoms may have come within `reach` from beyond `reach + skin` (Å).

    With F the affine map from the reference cell to the cell and u the largest of
    |R - R_ref F|, every distance is at least (least stretch of F) r_ref - 2 u. The
    least stretch is bounded by 1 - |F - 1|. Works in NumPy and in jax alike.
    """
    xp: Any = np if isinstance(positions, np.ndarray) else jnp
    strain = pseudo_inverse(reference_cell, xp) @ (cell - reference_cell)
    moved = positions - reference - reference @ strain
    u = xp.sqrt(xp.max(xp.sum(moved**2, axis=-1)))
    stretch = 1.0 - xp.sqrt(xp.sum(strain**2))
    # Written so that positions that are not numbers count as moved.
    return ~(stretch * (reach + skin) - 2.0 * u > reach)


def renew(
    make: Callable[[np.ndarray, np.ndarray], Neighbors],
    neighbors: Neighbors,
    positions: Float[Array, "atoms 3"],
    cell: Float[Array, "3 3"],
) -> Neighbors:
    """New lists with the old capacities, also inside compiled programs.

    `make(positions, cell)` runs on the host, in a thread that knows single precision
    only; floating-point numbers therefore travel as pairs of integers.
    """

    def host(positions_bits, cell_bits):
        numbers = (from_bits(b, cell.dtype) for b in (positions_bits, cell_bits))
        return _without_references(make(*numbers))

    lists = jax.pure_callback(
        host,
        _without_references(neighbors),
        to_bits(positions),
        to_bits(cell),
        vmap_method="sequential",
    )
    return eqx.tree_at(
        lambda n: (n.reference_positions, n.reference_cell),
        lists,
        (positions, cell),
        is_leaf=lambda x: x is None,
    )


def _without_references(neighbors: Neighbors) -> Neighbors:
    return eqx.tree_at(
        lambda n: (n.reference_positions, n.reference_cell), neighbors, (None, None)
    )


def to_bits(x: Float[Array, "..."]) -> Int[Array, "..."]:
    """The same bits as integers of 32 bits, one or two for each number."""
    return jax.lax.bitcast_convert_type(x, jnp.int32)


def from_bits(bits, dtype) -> Float[np.ndarray, "..."]:
    """The numbers that `to_bits` had taken, on the host."""
    numbers = np.ascontiguousarray(bits).view(dtype)
    return numbers[..., 0] if dtype.itemsize > bits.itemsize else numbers


def build(
    *,
    positions: Float[np.ndarray, "atoms 3"],
    count: int,
    cell: Float[np.ndarray, "3 3"],
    role: Int[np.ndarray, " count"],
    reach: Reach,
    skin: float,
    capacity: dict[str, int] | None = None,
    search: str = "vesin",
) -> tuple[Neighbors, Nearest | None]:
    """Lists at these positions, on the host, and the closest pair.

    Args:
        positions: Å; the atoms behind the first `count` are padding.
        count: Number of atoms.
        cell: Rows are the lattice vectors, Å; zero along axes without periodicity.
        role: 1 for atoms that are the hydrogen of hydrogen bonds, 2 for acceptors.
        reach: Å.
        skin: Å that each list reaches farther.
        capacity: Room in each list, by name, where it is decided already; a list that
            is longer is cut, and `needed` tells.
        search: What finds the pairs, of `pair_search.SEARCHES`.
    """
    exact, box = positions.astype(np.float64), cell.astype(np.float64)
    wrap = -np.floor(exact[:count] @ pseudo_inverse(box, np)).astype(np.int32)
    inside = exact[:count] + wrap @ box
    pairs = _pairs(inside, box, max(reach) + skin, search)
    far = _balanced(pairs.within(reach.far + skin))
    close = pairs.within(reach.close + skin)
    hydrogen = _hydrogens_first(pairs.within(reach.hydrogen + skin), role)
    cluster, place = _clusters(pairs.within(CLUSTER), count)

    lists = far, close, hydrogen, cluster
    number, source, code = _images(lists, len(positions), count)
    row, column, width = columns_of(far.i, count)
    found = (len(source), width, len(close.i), len(hydrogen.i))
    needed = dict(zip(LISTS, found, strict=True))
    room = {n: fitting(n, needed[n]) for n in LISTS} | (capacity or {})

    def image(part: _Pairs) -> np.ndarray:
        return np.minimum(number[part.j, part.code], room["images"])

    shift = _shifts(code, pairs.most)
    shift[:count] = wrap
    shift[len(positions) :] += wrap[source[len(positions) :]]
    rows = np.full((len(positions), room["width"]), room["images"], np.int32)
    ends, length = image(far)[row], np.bincount(far.i, minlength=len(positions))
    rows[np.arange(room["width"]) < length[:, None]] = (
        ends if width <= room["width"] else ends[column < room["width"]]
    )
    around = np.full((len(positions), MEMBERS), room["images"], np.int32)
    around[cluster.i, place] = image(cluster)
    made = Neighbors(
        source=_padded(source, room["images"]),
        shift=_padded(shift, room["images"]),
        far=rows,
        close_i=_padded(close.i, room["close"]),
        close_j=_padded(image(close), room["close"], room["images"]),
        hydrogen_i=_padded(hydrogen.i, room["hydrogen"]),
        hydrogen_k=_padded(image(hydrogen), room["hydrogen"], room["images"]),
        cluster=around,
        reference_positions=positions.copy(),
        reference_cell=cell.copy(),
        needed={name: np.asarray(value, np.int32) for name, value in needed.items()},
    )
    return made, _nearest(pairs, wrap)


class _Pairs(NamedTuple):
    """Pairs of atoms, each once; shifts by lattice vectors as one number, `code`.

    The code of the opposite shift is `codes - 1 - code`.
    """

    i: Int[np.ndarray, " pairs"]
    j: Int[np.ndarray, " pairs"]
    code: Int[np.ndarray, " pairs"]
    r: Float[np.ndarray, " pairs"]
    most: Int[np.ndarray, "3"]  # largest shift along each lattice vector

    @property
    def codes(self) -> int:
        return int(np.prod(2 * self.most + 1))

    def within(self, distance: float) -> "_Pairs":
        near = np.flatnonzero(self.r <= distance)
        return self if len(near) == len(self.r) else self.take(near)

    def take(self, which) -> "_Pairs":
        i, j, code, r = (x[which] for x in (self.i, self.j, self.code, self.r))
        return _Pairs(i, j, code, r, self.most)

    def turned(self, which: Bool[np.ndarray, " pairs"]) -> "_Pairs":
        """Some pairs seen from their other end."""
        i = np.where(which, self.j, self.i)
        j = np.where(which, self.i, self.j)
        code = np.where(which, self.codes - 1 - self.code, self.code)
        return _Pairs(i, j, code, self.r, self.most)


def _pairs(
    positions: Float[np.ndarray, "count 3"],
    cell: Float[np.ndarray, "3 3"],
    cutoff: float,
    search: str,
) -> _Pairs:
    """All pairs of atoms inside the cell."""
    i, j, shift, r, owner = SEARCHES[search](positions, cell, cutoff)
    near = r <= cutoff
    if not near.all():
        i, j, shift, r = i[near], j[near], shift[near], r[near]
    largest, least = (
        [int(f(shift[:, axis], initial=0)) for axis in range(3)]
        for f in (np.max, np.min)
    )
    most = np.maximum(largest, -np.array(least))
    b, c = (2 * most + 1)[1:]
    x, y, z = (shift[:, axis] + most[axis] for axis in range(3))
    code = (x * b + y) * c + z
    pairs = _Pairs(i.astype(np.int32), j.astype(np.int32), code, r.copy(), most)
    del owner  # copies are made: the memory of the arrays may go
    return pairs


def _shifts(code: Int[np.ndarray, " n"], most) -> Int[np.ndarray, "n 3"]:
    """Lattice vectors of codes."""
    b, c = (2 * most + 1)[1:]
    shift = np.stack([code // (b * c), code // c % b, code % c], axis=1) - most
    return shift.astype(np.int32)


def _balanced(pairs: _Pairs) -> _Pairs:
    """Turned such that every atom holds about half of its pairs."""
    even = (pairs.i + pairs.j) % 2 == 0
    return pairs.turned(even != (pairs.i < pairs.j))


def _hydrogens_first(pairs: _Pairs, role: Int[np.ndarray, " count"]) -> _Pairs:
    """The pairs of a hydrogen and an acceptor, in the order of the hydrogens."""
    first, second = role[pairs.i], role[pairs.j]
    forwards, backwards = (first == 1) & (second == 2), (first == 2) & (second == 1)
    either = forwards | backwards
    pairs = pairs.take(either).turned(backwards[either])
    order, _, _ = columns_of(pairs.i, len(role))
    return pairs.take(order)


def _clusters(pairs: _Pairs, count: int) -> tuple[_Pairs, Int[np.ndarray, " n"]]:
    """Pairs seen from the atom with the higher number, and their places in its row.

    A row has the nearest ones only: no result depends on what it lacks.
    """
    pairs = pairs.turned(pairs.i < pairs.j).take(pairs.i != pairs.j)
    pairs = pairs.take(np.argsort(pairs.r, kind="stable"))
    order, column, _ = columns_of(pairs.i, count)
    kept = column < MEMBERS
    return pairs.take(order[kept]), column[kept]


def _images(
    lists: tuple[_Pairs, ...], atoms: int, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers of the images that occur: (atom, code) to number, and back to both."""
    codes = lists[0].codes
    home = codes // 2
    used = np.zeros((count, codes), bool)
    for part in lists:
        used[part.j, part.code] = True
    used[:, home] = False
    source, code = np.nonzero(used)
    number = np.zeros((count, codes), np.int32)
    number[:, home] = np.arange(count)
    number[source, code] = atoms + np.arange(len(source))
    source = np.concatenate([np.arange(atoms), source])
    code = np.concatenate([np.full(atoms, home), code])
    return number, source, code


def _padded(values: np.ndarray, room: int, fill: int = 0) -> np.ndarray:
    """Integers in an array of fixed length, cut where they are too many."""
    padded = np.full((room, *values.shape[1:]), fill, np.int32)
    filled = min(room, len(values))
    padded[:filled] = values[:filled]
    return padded


def _nearest(pairs: _Pairs, wrap: Int[np.ndarray, "count 3"]) -> Nearest | None:
    if not len(pairs.r):
        return None
    k = int(pairs.r.argmin())
    i, j = int(pairs.i[k]), int(pairs.j[k])
    shift = _shifts(pairs.code[k : k + 1], pairs.most)[0] + wrap[j] - wrap[i]
    return Nearest(i, j, shift, float(pairs.r[k]))
