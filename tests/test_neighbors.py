"""Neighbour lists against brute force over all images."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ase.calculators.calculator import InputError
from scipy.spatial.transform import Rotation

from ase_reaxff_jax import neighbors as nb

REACH = nb.Reach(far=6.0, close=2.5, hydrogen=4.5)
SKIN = 0.5
PERIODICITIES = list(itertools.product((True, False), repeat=3))


def structure(seed, periodic=(True, True, True), atoms=9, edge=5.0, spread=20.0):
    """Random atoms far outside a random, skew, perhaps left-handed cell."""
    rng = np.random.default_rng(seed)
    cell = edge * (np.eye(3) + rng.uniform(-0.3, 0.3, (3, 3)))
    cell = cell[rng.permutation(3)] @ Rotation.random(rng=rng).as_matrix()
    cell = np.where(np.array(periodic)[:, None], cell, 0.0)
    inside = rng.uniform(0.0, edge, (atoms, 3))
    far_out = rng.integers(-3, 4, (atoms, 3)) @ cell
    role = rng.integers(0, 3, atoms)
    return inside + far_out, cell, role


def build(positions, cell, role, padded=0, **options):
    return nb.build(
        positions=np.pad(positions, [(0, padded), (0, 0)]),
        count=len(positions),
        cell=cell,
        role=role,
        reach=REACH,
        skin=SKIN,
        **options,
    )


def brute_force(positions, cell, cutoff):
    """Vectors between all atoms and images, as rows (i, j, vector), both ways."""
    inverse = np.linalg.pinv(cell)
    inverse *= cell.any(axis=1)
    positions = positions - np.floor(positions @ inverse) @ cell
    reach = cutoff + np.linalg.norm(np.ptp(positions, axis=0))
    most = np.ceil(reach * np.linalg.norm(inverse, axis=0)).astype(int)
    shifts = np.array(list(itertools.product(*[range(-m, m + 1) for m in most])))
    rows = []
    for i, j in itertools.product(range(len(positions)), repeat=2):
        vectors = positions[j] - positions[i] + shifts @ cell
        r = np.linalg.norm(vectors, axis=1)
        near = (r <= cutoff) & ((i != j) | shifts.any(axis=1))
        rows += [(i, j, *v) for v in vectors[near]]
    return rows


def same(found, expected):
    assert len(found) == len(expected)
    if len(expected):
        found, expected = (np.round(x, 6) + 0.0 for x in (found, expected))
        order = [np.lexsort(np.array(x).T[::-1]) for x in (found, expected)]
        np.testing.assert_allclose(
            np.array(found)[order[0]], np.array(expected)[order[1]], atol=2e-6
        )


def vectors(neighbors, positions, cell, i, j):
    """Listed pairs as rows (i, source of j, vector); padding left out."""
    with jax.enable_x64(True):
        images = np.asarray(nb.image_positions(jnp.asarray(positions), cell, neighbors))
    real = j < len(neighbors.source)
    i, j = i[real], j[real]
    return np.column_stack([i, neighbors.source[j], images[j] - images[i]])


def both_ways(rows):
    turned = np.column_stack([rows[:, 1], rows[:, 0], -rows[:, 2:]])
    return np.concatenate([rows, turned])


def far_pairs(neighbors):
    i = np.repeat(np.arange(len(neighbors.far)), neighbors.far.shape[1])
    return i, neighbors.far.ravel()


SEARCHED = [(periodic, "vesin") for periodic in PERIODICITIES]
SEARCHED += [((True, True, True), "jax-md"), ((False, True, False), "jax-md")]


@pytest.mark.parametrize(("periodic", "search"), SEARCHED)
@pytest.mark.parametrize("seed", [1, 2])
def test_every_pair_and_image_is_found_once(periodic, search, seed):
    positions, cell, role = structure(seed, periodic)
    neighbors, nearest = build(positions, cell, role, search=search)
    for lists, reach in (
        (far_pairs(neighbors), REACH.far),
        ((neighbors.close_i, neighbors.close_j), REACH.close),
    ):
        expected = brute_force(positions, cell, reach + SKIN)
        same(both_ways(vectors(neighbors, positions, cell, *lists)), expected)

    expected = brute_force(positions, cell, REACH.hydrogen + SKIN)
    expected = [p for p in expected if role[int(p[0])] == 1 and role[int(p[1])] == 2]
    hydrogen = neighbors.hydrogen_i, neighbors.hydrogen_k
    same(vectors(neighbors, positions, cell, *hydrogen), expected)

    i, j, shift, r = nearest
    assert r == pytest.approx(
        np.linalg.norm(positions[j] - positions[i] + shift @ cell), abs=1e-9
    )
    assert r == pytest.approx(
        min(np.linalg.norm(p[2:]) for p in brute_force(positions, cell, 6.0)), abs=1e-9
    )


def test_too_many_atoms_for_a_quadratic_search_are_refused():
    positions = np.random.default_rng(0).uniform(0, 60, (2001, 3))
    with pytest.raises(InputError, match=r"all 2001 atoms .* neighbors='vesin'"):
        build(positions, np.zeros((3, 3)), np.zeros(2001, int), search="jax-md")


@pytest.mark.parametrize("edge", [1.7, 2.6, 12.0])
def test_one_atom_and_its_images(edge):
    cell = edge * np.array([[1.0, 0.2, 0.0], [0.0, 1.0, 0.3], [0.1, 0.0, 1.0]])
    positions, role = np.array([[7.0, -9.0, 0.3]]), np.zeros(1, int)
    neighbors, _ = build(positions, cell, role)
    found = both_ways(vectors(neighbors, positions, cell, *far_pairs(neighbors)))
    same(found, brute_force(positions, cell, REACH.far + SKIN))


@pytest.mark.parametrize("distance", [None, 50.0, 1e4, 1e5])
def test_without_pairs_the_lists_are_padding(distance):
    positions = np.zeros((1, 3)) if distance is None else np.eye(3)[:2] * distance
    neighbors, nearest = build(
        positions, np.zeros((3, 3)), np.ones(len(positions), int)
    )
    assert nearest is None
    assert (neighbors.far == len(neighbors.source)).all()
    assert (neighbors.close_j == len(neighbors.source)).all()
    assert not neighbors.overflow


def test_the_first_images_are_the_atoms_moved_by_lattice_vectors():
    positions, cell, role = structure(3)
    neighbors, _ = build(positions, cell, role, padded=4)
    np.testing.assert_array_equal(neighbors.source[:13], np.arange(13))
    np.testing.assert_array_equal(neighbors.shift[9:13], 0)
    assert (neighbors.far[9:] == len(neighbors.source)).all()
    inside = (positions + neighbors.shift[:9] @ cell) @ np.linalg.inv(cell)
    assert (inside > -1e-9).all() and (inside < 1 + 1e-9).all()


def test_lattice_vectors_added_to_an_atom_do_not_add_images():
    positions, cell, role = structure(4, atoms=40, edge=9.0)
    moved = positions + np.random.default_rng(0).integers(-9, 9, (40, 3)) @ cell
    counts = [build(p, cell, role)[0].needed["images"] for p in (positions, moved)]
    assert counts[0] == counts[1]


def test_rows_are_balanced():
    positions, cell, role = structure(5, atoms=200, edge=13.0)
    neighbors, _ = build(positions, cell, role)
    length = (neighbors.far < len(neighbors.source)).sum(axis=1)
    full = np.bincount(
        [int(p[0]) for p in brute_force(positions, cell, REACH.far + SKIN)]
    )
    assert (abs(length - full / 2) < 4 * np.sqrt(full) / 2).all()


def test_padded_pairs_are_beyond_every_cutoff():
    positions, cell, role = structure(6)
    neighbors, _ = build(positions, cell, role)
    with jax.enable_x64(True):
        images = np.asarray(nb.image_positions(jnp.asarray(positions), cell, neighbors))
    assert images.dtype == np.float64
    assert len(images) == len(neighbors.source) + 1
    assert np.linalg.norm(images[-1] - images[:-1], axis=1).min() > 1e5


@pytest.mark.parametrize("name", nb.LISTS)
def test_each_list_has_the_room_it_is_given_and_reports_its_overflow(name):
    positions, cell, role = structure(7, atoms=30, edge=8.0)
    enough, _ = build(positions, cell, role)
    assert not enough.overflow
    room = enough.capacity | {name: int(enough.needed[name]) - 1}
    cut, _ = build(positions, cell, role, capacity=room)
    assert cut.overflow and cut.capacity == room
    assert cut.needed == enough.needed
    double = {k: 2 * v for k, v in room.items()}
    roomy, _ = build(positions, cell, role, capacity=double)
    assert not roomy.overflow and roomy.capacity == double


def test_lists_can_be_made_inside_a_compiled_loop():
    positions, cell, role = structure(8)
    start, _ = build(positions, cell, role)
    room = {k: 2 * v for k, v in start.capacity.items()}
    start, _ = build(positions, cell, role, capacity=room)

    made_at = []

    def make(positions, cell):
        made_at.append(positions.copy())
        return build(positions, cell, role, capacity=room)[0]

    def step(_, state):
        positions, neighbors = state
        positions = positions + 0.1
        return positions, nb.renew(make, neighbors, positions, neighbors.reference_cell)

    for dtype in (np.float64, np.float32):
        with jax.enable_x64(dtype == np.float64):
            first = jax.tree.map(jnp.asarray, start)
            loop = jax.jit(
                lambda x, first=first: jax.lax.fori_loop(0, 3, step, (x, first))
            )
            moved, found = loop(positions.astype(dtype))
            np.testing.assert_array_equal(made_at[-1], moved)
            expected, _ = build(np.asarray(moved), cell, role, capacity=room)
            jax.tree.map(
                np.testing.assert_array_equal,
                found,
                jax.tree.map(jnp.asarray, expected),
            )
            _, found = jax.vmap(loop)(jnp.stack([positions, positions]))
            np.testing.assert_array_equal(found.far[1], expected.far)


# Staleness


def fresh_after(positions, cell, role, moved, new_cell):
    neighbors, _ = build(positions, cell, role)
    found = nb.stale(neighbors, moved, new_cell, reach=REACH.far, skin=SKIN)
    with jax.enable_x64(True):
        compiled = jax.jit(
            lambda n, x, c: nb.stale(n, x, c, reach=REACH.far, skin=SKIN)
        )
        assert bool(compiled(neighbors, jnp.asarray(moved), new_cell)) == bool(found)
    return not found


@pytest.mark.parametrize("periodic", PERIODICITIES)
def test_lists_stay_valid_while_no_atom_moves_half_the_skin(periodic):
    positions, cell, role = structure(9, periodic)
    for share, fresh in ((0.49, True), (0.51, False)):
        moved = positions.copy()
        moved[3] += [0.0, share * SKIN, 0.0]
        assert fresh_after(positions, cell, role, moved, cell) == fresh


def test_a_strain_that_atoms_follow_uses_up_the_skin_through_distances_only():
    positions, cell, role = structure(10)
    for strain, fresh in ((0.02, True), (-0.02, True), (-0.1, False)):
        F = np.eye(3)
        F[0, 0] += strain
        assert fresh_after(positions, cell, role, positions @ F, cell @ F) == fresh


@pytest.mark.parametrize("periodic", PERIODICITIES)
def test_no_pair_is_missing_from_lists_that_are_not_stale(periodic):
    checked = 0
    for seed in range(8):
        rng = np.random.default_rng(seed)
        positions, cell, role = structure(11 + seed, periodic, atoms=5)
        F = np.eye(3) + rng.normal(0, 0.01, (3, 3))
        moved = (positions + rng.normal(0, 0.02, positions.shape)) @ F
        if not fresh_after(positions, cell, role, moved, cell @ F):
            continue
        neighbors, _ = build(positions, cell, role)
        rows = vectors(neighbors, moved, cell @ F, *far_pairs(neighbors))
        rows = rows[np.linalg.norm(rows[:, 2:], axis=1) <= REACH.far]
        same(both_ways(rows), brute_force(moved, cell @ F, REACH.far))
        checked += 1
    assert checked


def test_positions_that_are_not_numbers_are_stale():
    positions, cell, role = structure(12)
    assert not fresh_after(positions, cell, role, positions * np.nan, cell)


def test_large_boxes_take_no_memory():
    positions, role = (
        np.array([[0.0, 0, 0], [1.0, 0, 0], [3e5, 0, 0]]),
        np.zeros(3, int),
    )
    neighbors, nearest = build(positions, np.diag([4e5, 3e5, 5e5]), role)
    assert neighbors.needed["close"] == 1
    assert nearest.r == pytest.approx(1.0)
