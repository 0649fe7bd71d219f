"""Entries that count are found in their order, whatever the length of the list."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ase_reaxff_jax import compaction


@pytest.mark.parametrize("room", [1, 16, 17, 300, 8192, 8193, 20_000])
@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("filled", [0.0, 0.6, 1.0])
def test_their_places(room, share, filled):
    listed = int(filled * room)
    rng = np.random.default_rng(room)
    counts = (rng.random(room) < share) & (np.arange(room) < listed)
    place, number = jax.jit(compaction.places)(jnp.asarray(counts), jnp.int32(listed))
    expected = np.flatnonzero(counts)
    assert place.shape == (room,)
    assert number == len(expected)
    np.testing.assert_array_equal(place[:number], expected)
    np.testing.assert_array_equal(place[number:], 0)


def test_of_several_lists_at_once():
    rng = np.random.default_rng(0)
    counts = rng.random((3, 500)) < np.array([[0.0], [0.3], [1.0]])
    listed = jnp.full(3, 500, jnp.int32)
    place, number = jax.jit(jax.vmap(compaction.places))(jnp.asarray(counts), listed)
    for row, found, many in zip(counts, place, number, strict=True):
        np.testing.assert_array_equal(found[:many], np.flatnonzero(row))
        assert many == row.sum()
