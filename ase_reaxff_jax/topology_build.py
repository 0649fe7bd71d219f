"""Builds the candidate lists on the host, in NumPy.

The lists follow from an upper bound of each bond's order alone (the bound itself is
computed by the kernel's own bond orders, `bond_orders.order_bound`): the conditions of
the energy terms on orders and their products, applied to the bounds. What is made of
bonds may follow from tighter bounds, which must then be checked at each geometry.
"""

from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from ase_reaxff_jax.capacity import columns_of, fitting, pad
from ase_reaxff_jax.rows import Rows
from ase_reaxff_jax.topology import (
    Angles,
    Bonds,
    HydrogenBonds,
    Pairs,
    Topology,
    Torsions,
)
from ase_reaxff_jax.units import (
    ANGLE_ORDER_PRODUCT,
    BODY_ORDER,
    HYDROGEN_BOND_CUTOFF,
    HYDROGEN_BOND_ORDER,
)

WORN = 0.75  # of the orders that lists are made for; one step seldom adds the rest


class Directed(NamedTuple):
    """Directed bonds sorted by origin: the bonds of atom a are start[a]:start[a+1].

    Only those strong enough for angles, torsions and hydrogen bonds.
    """

    number: Int[np.ndarray, " n"]  # index among all directed bonds, without padding
    origin: Int[np.ndarray, " n"]
    end: Int[np.ndarray, " n"]
    shift: Int[np.ndarray, "n 3"]  # lattice vectors from origin to end
    bound: Float[np.ndarray, " n"]
    start: Int[np.ndarray, " atoms_plus_1"]

    def of(self, atoms: Int[np.ndarray, " m"]) -> tuple[np.ndarray, np.ndarray]:
        """For each atom in turn its directed bonds: (position in `atoms`, bond)."""
        return _runs(self.start[atoms], self.start[atoms + 1] - self.start[atoms])


def _runs(start, count) -> tuple[np.ndarray, np.ndarray]:
    """Whole numbers from each start on, so many: (of which start, number)."""
    owner = np.repeat(np.arange(len(count)), count)
    skipped = start - (np.cumsum(count) - count)
    return owner, np.arange(len(owner)) + np.repeat(skipped, count)


def build(
    *,
    species: Int[np.ndarray, " atoms"],
    images: Float[np.ndarray, "images_plus_1 3"],
    source: Int[np.ndarray, " images"],
    shift: Int[np.ndarray, "images 3"],
    close: tuple[Int[np.ndarray, " close"], Int[np.ndarray, " close"]],
    hydrogen: tuple[Int[np.ndarray, " hydrogen"], Int[np.ndarray, " hydrogen"]],
    bound: Float[np.ndarray, " close"],
    rows: Rows,
    skin: float,
    capacity: dict[str, int] | None = None,
    allowed: Float[np.ndarray, " close"] | None = None,
) -> Topology:
    """Candidate lists while no distance shrinks by more than `skin` (Å).

    Args:
        species: Type of each atom.
        images: Positions (Å) of the atoms and their images.
        source: Atom of which each image is a copy.
        shift: Lattice vectors added to that atom.
        close: Pairs (atom, image) that may be bonded; image = len(source) on padding.
        hydrogen: Pairs (hydrogen, acceptor image), padded in the same way.
        bound: Upper bound of the order of each close pair; 0 where there is no bond.
        rows: Which parameter row each angle, torsion and hydrogen bond has.
        skin: Å.
        capacity: Room in each list, by name, where it is decided already; a list that
            is longer is cut, and its `needed` tells.
        allowed: Order of each close pair, at most `bound`, that everything but the
            bonds themselves is made for; None takes `bound`.
    """
    # NumPy looks up by integers of the processor's size; others it converts each time.
    species, source = species.astype(np.intp), source.astype(np.intp)
    kept = np.flatnonzero(bound > 0)
    i, j = (x[kept].astype(np.intp) for x in close)
    largest = bound[kept]
    bound = largest if allowed is None else allowed[kept]
    bond_shift = shift[j] - shift[i]  # atoms are images too, brought into the cell
    directed = _directed(i, source[j], bond_shift, bound, len(species))

    angles = _angles(directed, species, rows)
    torsions = _torsions(directed, i, source[j], bond_shift, bound, species, rows)
    donors, place, acceptor = _hydrogen_bonds(
        directed, hydrogen, images, source, shift, species, rows, skin
    )
    room = capacity or {}

    def padded(record, name, **columns):
        found = len(next(iter(columns.values())))
        fields, mask, needed = pad(columns, room.get(name, fitting(name, found)))
        return partial(record, **fields, mask=mask, needed=needed)

    bonds = padded(Bonds, "bonds", i=i, j=j, j_atom=source[j])()
    if allowed is not None:
        worn_from = np.where(bound < largest, WORN * bound, np.inf)
        limits = np.zeros((2, *bonds.mask.shape), allowed.dtype)
        limits[:, bonds.mask] = np.stack([bound, worn_from])[:, : bonds.mask.sum()]
        bonds = replace(bonds, allowed=limits[0], worn_from=limits[1])
    spare = len(bonds.mask) - len(i)

    def numbered(lists, *names):
        # Behind the padding of the bonds: the directed bonds from j to i.
        offset = {n: np.where(lists[n] >= len(i), spare, 0) for n in names}
        return lists | {name: lists[name] + offset[name] for name in names}

    listed = padded(HydrogenBonds, "hydrogen_bonds", **numbered(donors, "donor"))
    return Topology(
        bonds=bonds,
        angles=padded(Angles, "angles", **numbered(angles, "first", "second"))(),
        torsions=padded(Torsions, "torsions", **numbered(torsions, "first", "last"))(),
        hydrogen_bonds=_with_acceptors(
            listed, place, acceptor, beyond=len(source), room=room.get("acceptors")
        ),
    )


def pairs_of(
    far: Int[np.ndarray, "atoms width"],
    kept: Bool[np.ndarray, "atoms width"],
    *,
    beyond: int,
    room: int = 0,
) -> Pairs:
    """Some of the neighbours' pairs, in their rows and order.

    Args:
        far: All of them.
        kept: Which to take.
        beyond: Number of the image of padding.
        room: In each row; where it is too little there is as much as is fitting.
    """
    count = np.count_nonzero(kept, axis=1)
    needed = int(count.max(initial=0))
    if room < needed:
        room = min(fitting("pairs", needed), far.shape[1])
    rows = np.full((len(far), room), beyond, np.int32)
    rows[np.arange(room) < count[:, None]] = far[kept]
    return Pairs(rows, np.asarray(needed, np.int32))


def _with_acceptors(
    listed: partial, place, acceptor, *, beyond: int, room: int | None
) -> HydrogenBonds:
    """Acceptors in the row of their donor bond; the image `beyond` on padding."""
    donors = len(listed.keywords["mask"])
    order, column, width = columns_of(place.astype(np.int32), donors)
    room = fitting("acceptors", width) if room is None else room
    table = np.full((donors, room), beyond, np.int32)
    kept = (column < room) & (place[order] < donors)
    table[place[order][kept], column[kept]] = acceptor[order][kept]
    return listed(acceptor=table, needed_acceptors=np.asarray(width, np.int32))


def _directed(i, j_atom, shift, bound, atoms: int) -> Directed:
    strong = np.flatnonzero(bound > BODY_ORDER)
    number = np.concatenate([strong, strong + len(i)])
    i, j_atom, shift, bound = i[strong], j_atom[strong], shift[strong], bound[strong]
    origin = np.concatenate([i, j_atom])
    order = np.argsort(origin, kind="stable")
    return Directed(
        number=number[order],
        origin=origin[order],
        end=np.concatenate([j_atom, i])[order],
        shift=np.concatenate([shift, -shift])[order],
        bound=np.concatenate([bound, bound])[order],
        start=np.searchsorted(origin[order], np.arange(atoms + 1)),
    )


def _angles(directed: Directed, species, rows: Rows) -> dict[str, np.ndarray]:
    """Each pair of bonds of an atom once, and once for each row that fits."""
    after = np.arange(1, len(directed.origin) + 1)
    first, second = _runs(after, directed.start[directed.origin + 1] - after)
    product = directed.bound[first] * directed.bound[second]
    kept = np.flatnonzero(product > ANGLE_ORDER_PRODUCT)
    first, second = first[kept], second[kept]
    centre, ends = directed.origin[first], species[directed.end]
    row = rows.angle[ends[first], species[centre], ends[second]]
    candidate, column = np.nonzero(row >= 0)
    return dict(
        first=directed.number[first[candidate]],
        second=directed.number[second[candidate]],
        centre=centre[candidate],
        row=row[candidate, column],
    )


def _torsions(
    directed: Directed, i, j_atom, shift, bound, species, rows: Rows
) -> dict[str, np.ndarray]:
    """Each chain of three bonds once; not those that close to a ring of three."""
    strongest = np.zeros(len(species))
    np.maximum.at(strongest, directed.origin, directed.bound)
    # Most chains may have no row: what no atom at its ends can complete goes early.
    exists = rows.torsion >= 0
    central = np.any(exists, axis=(0, 3))[species[i], species[j_atom]]
    centre = np.flatnonzero(central & (bound > BODY_ORDER))

    # i-j of each central bond j-k: the strongest bond k-l must suffice.
    ends = species[directed.end]
    owner, first = directed.of(i[centre])
    centre = centre[owner]
    k, pair = j_atom[centre], bound[centre] * directed.bound[first]
    kept = np.flatnonzero(
        (directed.number[first] != centre)
        & (pair * strongest[k] > BODY_ORDER)
        & np.any(exists, axis=3)[ends[first], species[i[centre]], species[k]]
    )
    centre, first, pair = centre[kept], first[kept], pair[kept]

    owner, last = directed.of(j_atom[centre])
    back = centre + len(i)  # from k to j
    kept = np.flatnonzero(
        (pair[owner] * directed.bound[last] > BODY_ORDER)
        & (directed.number[last] != back[owner])
    )
    owner, last = owner[kept], last[kept]
    centre, first = centre[owner], first[owner]

    types = ends[first], species[i[centre]], species[j_atom[centre]], ends[last]
    row = rows.torsion[types]
    same = np.flatnonzero(directed.end[first] == directed.end[last])
    way = directed.shift[first[same]] - shift[centre[same]] - directed.shift[last[same]]
    row[same[~way.any(axis=1)]] = -1  # a ring
    kept = np.flatnonzero(row >= 0)
    return dict(
        first=directed.number[first[kept]],
        centre=centre[kept],
        last=directed.number[last[kept]],
        row=row[kept],
    )


def _hydrogen_bonds(
    directed: Directed, hydrogen, images, source, shift, species, rows: Rows, skin
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Donor bonds; for each pair of one and an acceptor, its place and the image."""
    atom, acceptor = (x.astype(np.intp) for x in hydrogen)
    square = np.zeros(len(atom))
    for x in images.T.copy():
        square += (x[acceptor] - x[atom]) ** 2
    # Padding is far away.
    near = np.flatnonzero(square <= (HYDROGEN_BOND_CUTOFF + skin) ** 2)
    atom, acceptor = atom[near], acceptor[near]
    count = np.bincount(atom, minlength=len(species))
    start = np.cumsum(count) - count

    ends = species[directed.end], species[directed.origin]
    fits = np.any(rows.hydrogen_bond >= 0, axis=2)[ends]
    donor = np.flatnonzero(fits & (directed.bound >= HYDROGEN_BOND_ORDER))
    hydrogen = directed.origin[donor]
    pair, place = _runs(start[hydrogen], count[hydrogen])
    acceptor = acceptor[place]
    copy, bond = source[acceptor], donor[pair]
    kept = rows.hydrogen_bond[ends[0][bond], ends[1][bond], species[copy]] >= 0
    same = np.flatnonzero(directed.end[bond] == copy)
    atom = directed.origin[bond[same]]
    way = directed.shift[bond[same]] - (shift[acceptor[same]] - shift[atom])
    kept[same] &= way.any(axis=1)

    some = np.bincount(pair[kept], minlength=len(donor)) > 0
    place = np.cumsum(some) - 1
    bond, pair = donor[some], place[pair]
    ends = species[directed.end[bond]], species[directed.origin[bond]]
    listed = dict(
        hydrogen=directed.origin[bond],
        donor=directed.number[bond],
        row=rows.hydrogen_bond[ends],
    )
    return listed, pair[kept], acceptor[kept]
