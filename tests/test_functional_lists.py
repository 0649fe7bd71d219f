"""The lists of `calc.jax_md`: kept, renewed, overflowing; never a wrong number."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ase.calculators.calculator import InputError
from functional_cases import (
    BY_ALL,
    CRYSTAL,
    CRYSTAL_ENERGY,
    IN_CRYSTAL,
    METHANOL,
    OF_METHANOL,
    moved,
    reference,
)
from small import SKEWED

from ase_reaxff_jax import JaxReaxFF
from ase_reaxff_jax.errors import AtomsTooCloseError

pytestmark = pytest.mark.xdist_group("functional")  # the same programs


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


def test_an_energy_is_right_or_not_a_number_however_far_atoms_move():
    neighbor = IN_CRYSTAL.allocate(CRYSTAL.positions)
    outcomes = []
    for step, width in enumerate((0.02, 0.07, 0.2, 0.6, 1.5)):
        R = jnp.asarray(moved(CRYSTAL, width, seed=step))
        energy = CRYSTAL_ENERGY(R, neighbor)
        outcomes.append(bool(np.isnan(energy)))
        expected = reference(CRYSTAL, R).get_potential_energy()
        if not outcomes[-1]:
            np.testing.assert_allclose(energy, expected, atol=1e-10)
        updated = neighbor.update(R)
        if not updated.did_buffer_overflow:
            np.testing.assert_allclose(CRYSTAL_ENERGY(R, updated), expected, atol=1e-9)
    assert outcomes == [False, False, True, True, True]


def test_lists_are_kept_while_they_last():
    neighbor = IN_CRYSTAL.allocate(CRYSTAL.positions)
    same = IN_CRYSTAL.update(jnp.asarray(CRYSTAL.positions + 0.02), neighbor)
    bonds = IN_CRYSTAL.update(jnp.asarray(CRYSTAL.positions + 0.1), neighbor)
    both = IN_CRYSTAL.update(jnp.asarray(CRYSTAL.positions + 0.4), neighbor)
    old = neighbor.neighbors.reference_positions
    np.testing.assert_array_equal(same.positions, old)
    np.testing.assert_allclose(bonds.positions, old + 0.1)
    np.testing.assert_array_equal(bonds.neighbors.reference_positions, old)
    np.testing.assert_allclose(both.neighbors.reference_positions, old + 0.4)


def test_an_overflowing_list_gives_no_number_and_can_be_allocated_anew():
    wide, narrow = 1.6 * SKEWED.T, SKEWED.T
    R = jnp.asarray(CRYSTAL.positions)
    neighbor = IN_CRYSTAL.allocate(R, box=wide)
    assert not neighbor.did_buffer_overflow
    neighbor = IN_CRYSTAL.update(R, neighbor, box=narrow)
    assert neighbor.did_buffer_overflow
    assert np.isnan(CRYSTAL_ENERGY(R, neighbor, box=narrow))
    enough = IN_CRYSTAL.allocate(R, box=narrow)
    expected = reference(CRYSTAL).get_potential_energy()
    np.testing.assert_allclose(CRYSTAL_ENERGY(R, enough), expected, atol=1e-10)


def test_every_list_that_is_cut_makes_energy_and_forces_no_numbers():
    R, box = jnp.asarray(CRYSTAL.positions), jnp.asarray(SKEWED.T)
    whole = IN_CRYSTAL.allocate(R)
    rooms = whole.neighbors.capacity | whole.topology.capacity
    tight = IN_CRYSTAL.allocate(R, extra_capacity=5)
    larger = tight.neighbors.capacity | tight.topology.capacity
    assert all(larger[name] >= room for name, room in rooms.items())
    assert larger["width"] > rooms["width"]
    leaves, structure = jax.tree.flatten(whole)
    paths = [jax.tree_util.keystr(p) for p, _ in jax.tree.leaves_with_path(whole)]
    needed = [k for k, path in enumerate(paths) if "needed" in path]
    assert len(needed) == len(rooms)
    for k in needed:
        cut = [x + 10**6 if i == k else x for i, x in enumerate(leaves)]
        neighbor = jax.tree.unflatten(structure, cut)
        assert neighbor.did_buffer_overflow, paths[k]
        energy, (gradient, *_) = BY_ALL(R, box, jnp.eye(3), neighbor)
        assert np.isnan(energy), paths[k]
        assert np.isnan(gradient).all(), paths[k]


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 1e7, 1e30])
def test_impossible_positions_give_no_number_and_leave_the_lists_usable(wrong):
    neighbor = IN_CRYSTAL.allocate(CRYSTAL.positions)
    R = jnp.asarray(CRYSTAL.positions).at[2, 1].set(wrong)
    after = IN_CRYSTAL.update(R, neighbor)
    assert np.isnan(CRYSTAL_ENERGY(R, after))
    assert np.isfinite(CRYSTAL_ENERGY(CRYSTAL.positions, after))
    with pytest.raises(InputError, match="not numbers"):
        IN_CRYSTAL.allocate(R)


def test_what_cannot_be_meant_is_refused():
    neighbor = OF_METHANOL.allocate(METHANOL.positions)
    with pytest.raises(InputError, match="another structure"):
        CRYSTAL_ENERGY(CRYSTAL.positions, neighbor)
    with pytest.raises(InputError, match="another structure"):
        JaxReaxFF("cho").jax_md(METHANOL)[1](METHANOL.positions, neighbor)
    with pytest.raises(InputError, match="R has 2 atoms"):
        OF_METHANOL.allocate(METHANOL.positions[:2])
    with pytest.raises(AtomsTooCloseError, match="closer than"):
        OF_METHANOL.allocate(0.01 * METHANOL.positions)
