"""Candidate lists against brute force over all images."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest

from ase_reaxff_jax import neighbors as nb
from ase_reaxff_jax.rows import Rows
from ase_reaxff_jax.topology_build import build

REACH = nb.Reach(far=4.0, close=4.0, hydrogen=7.5)
SKIN, BOND_SKIN = 0.4, 0.3
TYPES = 3


def rows(seed=0):
    """Rows for most combinations, several for some angles; symmetric as in files."""
    rng = np.random.default_rng([11, seed])
    angle = np.full((TYPES,) * 3 + (2,), -1, np.int32)
    torsion = np.full((TYPES,) * 4, -1, np.int32)
    hydrogen_bond = np.full((TYPES,) * 3, -1, np.int32)
    for n, (a, b, c) in enumerate(itertools.product(range(TYPES), repeat=3)):
        count = rng.integers(0, 3)
        angle[a, b, c, :count] = angle[c, b, a, :count] = [n, 50 + n][:count]
        angle[a, b, c, count:] = angle[c, b, a, count:] = -1
        hydrogen_bond[a, b, c] = n if rng.random() < 0.8 else -1
    for n, (a, b, c, d) in enumerate(itertools.product(range(TYPES), repeat=4)):
        torsion[a, b, c, d] = torsion[d, c, b, a] = n if rng.random() < 0.8 else -1
    return Rows(angle, torsion, hydrogen_bond)


def order_at(r):
    """A bound that crosses every threshold: 0.01, 0.001, products, and nothing."""
    return np.where(r < 3.6, np.exp(-3.5 * (r - 1.6)), 0.0)


class Structure:
    """Random atoms in a skew cell, with their lists."""

    def __init__(self, atoms, edge, periodic, seed=0, capacity=None):
        rng = np.random.default_rng([seed, atoms])
        cell = edge * (np.eye(3) + rng.uniform(-0.2, 0.2, (3, 3)))
        self.cell = np.where(np.array(periodic)[:, None], cell, 0.0)
        positions = rng.uniform(0.0, max(edge, 3.0), (atoms, 3))
        self.positions = positions + rng.integers(-1, 2, (atoms, 3)) @ self.cell
        self.species = rng.integers(0, TYPES, atoms).astype(np.int32)
        self.role = np.array([0, 1, 2])[self.species]
        self.rows = rows(seed)
        self.neighbors, _ = nb.build(
            positions=self.positions, count=atoms, cell=self.cell, role=self.role,
            reach=REACH, skin=SKIN,
        )  # fmt: skip
        self.topology = self.build(capacity)

    def build(self, capacity=None):
        n = self.neighbors
        images = self.positions[n.source] + n.shift @ self.cell
        self.images = np.concatenate([images, np.full((1, 3), 1e6)])
        r = np.linalg.norm(self.images[n.close_j] - self.images[n.close_i], axis=1)
        return build(
            species=self.species,
            images=self.images,
            source=n.source,
            shift=n.shift,
            close=(n.close_i, n.close_j),
            hydrogen=(n.hydrogen_i, n.hydrogen_k),
            bound=order_at(r),
            rows=self.rows,
            skin=BOND_SKIN,
            capacity=capacity,
        )

    # What is listed, by atoms and vectors.

    def directed(self, number):
        """Origin, end, and vector of a directed bond."""
        b = self.topology.bonds
        forwards = number < len(b.i)
        number = number if forwards else number - len(b.i)
        assert b.mask[number]
        i, j, image = b.i[number], b.j_atom[number], b.j[number]
        assert self.neighbors.source[image] == j
        vector = self.images[image] - self.images[i]
        return (i, j, vector) if forwards else (j, i, -vector)

    def bonds(self):
        b = self.topology.bonds
        for number in np.flatnonzero(b.mask):
            i, j, vector = self.directed(number)
            yield bond_key(i, j, vector)

    def angles(self):
        a = self.topology.angles
        for first, second, centre, row in listed(a, "first second centre row"):
            i, j = self.directed(first), self.directed(second)
            assert i[0] == j[0] == centre
            yield angle_key(i, j, row)

    def torsions(self):
        t = self.topology.torsions
        for first, centre, last, row in listed(t, "first centre last row"):
            ji, jk, kl = (self.directed(x) for x in (first, centre, last))
            assert ji[0] == jk[0] and jk[1] == kl[0]
            yield torsion_key(ji, jk, kl, row)

    def hydrogen_bonds(self):
        h = self.topology.hydrogen_bonds
        for n in np.flatnonzero(h.mask):
            bond = self.directed(h.donor[n])
            assert bond[0] == h.hydrogen[n]
            for image in h.acceptor[n][h.acceptor[n] < len(self.neighbors.source)]:
                atom = self.neighbors.source[image]
                to = self.images[image] - self.images[h.hydrogen[n]]
                row = h.row[n, self.species[atom]]
                yield hydrogen_key(bond, atom, to, row)

    # What there is, from positions alone.

    def everything(self, cutoff):
        """Directed pairs (i, j, vector) within a distance, by brute force."""
        span = np.linalg.norm(np.ptp(self.positions, axis=0)) + cutoff
        inverse = np.linalg.pinv(self.cell)
        most = np.ceil(span * np.linalg.norm(inverse, axis=0)).astype(int)
        most[~self.cell.any(axis=1)] = 0
        shifts = np.array(list(itertools.product(*[range(-m, m + 1) for m in most])))
        for i, j in itertools.product(range(len(self.positions)), repeat=2):
            vectors = self.positions[j] - self.positions[i] + shifts @ self.cell
            r = np.linalg.norm(vectors, axis=1)
            near = (r <= cutoff) & ((r > 1e-9) | (i != j))
            yield from ((i, j, v) for v in vectors[near])

    def expected(self):
        """The four lists as counters of keys."""
        species = self.species
        bonds = [b for b in self.everything(3.6) if size(b) > 0]
        at = {a: [b for b in bonds if b[0] == a] for a in range(len(species))}
        angles, torsions = Counter(), Counter()
        for a in at:
            for x, y in itertools.combinations(at[a], 2):
                strong = min(size(x), size(y)) > 0.001 and size(x) * size(y) > 1e-5
                for row in self.rows.angle[species[x[1]], species[a], species[y[1]]]:
                    if strong and row >= 0:
                        angles[angle_key(x, y, row)] += 1
        order = {id(b): size(b) for b in bonds}
        for jk in bonds:
            for ji, kl in itertools.product(at[jk[0]], at[jk[1]]):
                three = order[id(ji)], order[id(jk)], order[id(kl)]
                if min(three) <= 0.001 or math.prod(three) <= 0.001:
                    continue
                turns = same(ji[2], jk[2], ji[1], jk[1]) or same(
                    kl[2], -jk[2], kl[1], jk[0]
                )
                ring = same(ji[2], jk[2] + kl[2], ji[1], kl[1])
                key = ji[1], jk[0], jk[1], kl[1]
                row = self.rows.torsion[tuple(species[list(key)])]
                if row >= 0 and not turns and not ring:
                    torsions[torsion_key(ji, jk, kl, row)] += 0.5  # met from j and k
        return Counter(bond_key(*b) for b in bonds), angles, torsions

    def expected_hydrogen_bonds(self):
        found = Counter()
        pairs = list(self.everything(7.5 + BOND_SKIN))
        bonds = {a: [] for a in range(len(self.species))}
        for bond in pairs:
            if size(bond) >= 0.01:
                bonds[bond[0]].append(bond)
        for hydrogen, acceptor, to in pairs:
            if self.role[hydrogen] != 1 or self.role[acceptor] != 2:
                continue
            for bond in bonds[hydrogen]:
                if same(bond[2], to, bond[1], acceptor):
                    continue
                key = [bond[1], hydrogen, acceptor]
                row = self.rows.hydrogen_bond[tuple(self.species[key])]
                if row >= 0:
                    found[hydrogen_key(bond, acceptor, to, row)] += 1
        return found


def listed(record, names):
    columns = [getattr(record, name)[record.mask] for name in names.split()]
    return zip(*columns, strict=True)


def size(bond):
    x, y, z = bond[2].tolist()
    r = math.sqrt(x * x + y * y + z * z)
    return math.exp(-3.5 * (r - 1.6)) if r < 3.6 else 0.0


def same(a, b, atom_a, atom_b):
    return atom_a == atom_b and max(abs(a - b)) < 1e-6


def rounded(vector):
    return tuple((np.round(vector, 5) + 0.0).tolist())


def bond_key(i, j, vector):
    """The same from both ends; a directed bond is met twice by brute force."""
    return min((int(i), int(j), rounded(vector)), (int(j), int(i), rounded(-vector)))


def angle_key(x, y, row):
    ends = sorted((int(b[1]), rounded(b[2])) for b in (x, y))
    return int(x[0]), *ends, int(row)


def torsion_key(ji, jk, kl, row):
    there = [int(jk[0]), int(jk[1]), int(ji[1]), int(kl[1])]
    there += [rounded(ji[2]), rounded(jk[2]), rounded(kl[2])]
    back = [int(jk[1]), int(jk[0]), int(kl[1]), int(ji[1])]
    back += [rounded(kl[2]), rounded(-jk[2]), rounded(ji[2])]
    return (*min(there, back), int(row))


def hydrogen_key(bond, acceptor, to, row):
    donor = int(bond[0]), int(bond[1]), rounded(bond[2])
    return (*donor, int(acceptor), rounded(to), int(row))


CASES = {
    "cluster": (7, 4.0, (False, False, False)),
    "crystal": (4, 3.1, (True, True, True)),
    "film": (4, 3.0, (True, False, True)),
    "wire": (3, 2.4, (False, True, False)),
    "one atom": (1, 1.9, (True, True, True)),
    "one atom in a row": (1, 1.2, (True, False, False)),
    "two atoms": (2, 2.2, (True, True, True)),
}


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("case", CASES)
def test_every_candidate_is_listed_once_and_nothing_else(case, seed):
    structure = Structure(*CASES[case], seed=seed)
    bonds, angles, torsions = structure.expected()
    listed_bonds = Counter(structure.bonds())
    assert max(listed_bonds.values(), default=1) == 1
    assert set(listed_bonds) == set(bonds)
    assert set(bonds.values()) <= {2}
    assert Counter(structure.angles()) == angles
    assert Counter(structure.torsions()) == torsions
    hydrogen_bonds = structure.expected_hydrogen_bonds()
    assert Counter(structure.hydrogen_bonds()) == hydrogen_bonds
    topology = structure.topology
    assert not topology.overflow
    assert topology.needed["angles"] == angles.total()
    assert topology.needed["torsions"] == torsions.total()
    rows_of_acceptors = Counter(key[:3] for key in hydrogen_bonds.elements())
    assert topology.needed["hydrogen_bonds"] == len(rows_of_acceptors)
    assert topology.needed["acceptors"] == max(rows_of_acceptors.values(), default=0)


def test_the_cases_meet_what_they_are_meant_to_meet():
    one = Structure(*CASES["one atom"], seed=0)
    assert len(list(one.bonds())) > 6 and len(list(one.torsions())) > 50
    for case in ("cluster", "crystal"):
        structure = Structure(*CASES[case])
        lists = (structure.angles(), structure.torsions(), structure.hydrogen_bonds())
        assert all(len(list(x)) > 5 for x in lists)
    repeated = Counter(key[:-1] for key in Structure(*CASES["crystal"]).angles())
    assert max(repeated.values()) == 2  # two rows for one angle


def test_a_ring_of_three_has_no_torsion_but_a_chain_to_the_next_image_has():
    ring = Structure(1, 1.0, (False, False, False))
    ring.rows = rows()._replace(torsion=np.zeros((TYPES,) * 4, np.int32))
    ring.positions = 1.3 * np.array([[0, 0, 0], [1, 0, 0], [0.5, 0.8, 0.0]])
    ring.species = np.zeros(3, np.int32)
    counts = []
    for cell in (np.zeros((3, 3)), np.diag([2.6, 0.0, 0.0])):
        ring.cell = cell
        ring.neighbors, _ = nb.build(
            positions=ring.positions, count=3, cell=cell, role=np.zeros(3, int),
            reach=REACH._replace(close=1.4 - SKIN), skin=SKIN,
        )  # fmt: skip
        ring.topology = ring.build()
        counts.append(len(list(ring.torsions())))
    # In the row a torsion may join an atom and its own image, which differ.
    assert counts[0] == 0 < counts[1]
    assert Counter(ring.torsions()) == ring_by_hand(ring)


def ring_by_hand(ring):
    def near(a):
        return [b for b in ring.everything(1.4) if b[0] == a]

    found = Counter()
    for jk in [b for a in range(3) for b in near(a)]:
        for ji, kl in itertools.product(near(jk[0]), near(jk[1])):
            closes = same(ji[2], jk[2] + kl[2], ji[1], kl[1])
            turns = same(ji[2], jk[2], ji[1], jk[1])
            turns |= same(kl[2], -jk[2], kl[1], jk[0])
            if not closes and not turns:
                found[torsion_key(ji, jk, kl, 0)] += 0.5
    return found


@pytest.mark.parametrize(
    "name", ["bonds", "angles", "torsions", "hydrogen_bonds", "acceptors"]
)
def test_a_list_that_was_cut_says_what_it_needs(name):
    structure = Structure(*CASES["crystal"])
    needed = {k: int(n) for k, n in structure.topology.needed.items()}
    assert needed[name] > 1
    cut = structure.build(needed | {name: needed[name] - 1})
    assert cut.overflow and cut.capacity[name] == needed[name] - 1
    assert {k: int(n) for k, n in cut.needed.items()} == needed
    exact = structure.build(needed)
    assert not exact.overflow and exact.capacity == needed
    if name == "acceptors":
        full, part = exact.hydrogen_bonds.acceptor, cut.hydrogen_bonds.acceptor
        np.testing.assert_array_equal(full[:, :-1], part)
        return
    full, part = getattr(exact, name), getattr(cut, name)
    assert full.mask.all() and part.mask.all()
    numbers = "row" if name != "bonds" else "i"
    np.testing.assert_array_equal(getattr(full, numbers)[:-1], getattr(part, numbers))


def test_without_bonds_all_lists_are_empty():
    far = Structure(1, 30.0, (True, True, True))
    assert all(n == 0 for n in far.topology.needed.values())
    assert not far.topology.overflow
