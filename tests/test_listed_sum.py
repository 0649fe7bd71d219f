"""Sums in parts are those of all at once, and so are all their derivatives."""

from functools import partial

import jax
import jax.numpy as jnp
import kernel_pieces as pieces
import numpy as np
import pytest
from terms import test_angle, test_torsion

from ase_reaxff_jax import listed_sum, pairs
from ase_reaxff_jax.terms import angle, torsion

double_precision = pieces.double_precision


@pytest.fixture
def in_parts(monkeypatch):
    """Long lists begin at sixteen entries; how many parts there were."""
    found, original = [], pairs.sums_over_blocks

    def counted(function, start, rows, **options):
        at_once = options["at_once"]
        found.append(len(rows[0][0]) // min(at_once, len(rows[0][0])))
        return original(function, start, rows, **options)

    monkeypatch.setattr(listed_sum, "AT_ONCE", 16)
    monkeypatch.setattr(listed_sum, "sums_over_blocks", counted)
    return found


def of_angles(monkeypatch, function, part):
    monkeypatch.setattr(test_angle, "angle_energy", function)
    parameters, orders, around, positions = part
    return test_angle.energies(parameters, orders, around, positions)


def of_torsions(monkeypatch, function, part):
    monkeypatch.setattr(test_torsion, "torsion_energy", function)
    parameters, *rest = part
    return test_torsion.energies(parameters.torsion, parameters.general, *rest)


@pytest.mark.parametrize(
    ("energies", "each", "summed"),
    [
        (of_angles, angle.angle_energy, angle.angle_sum),
        (of_torsions, torsion.torsion_energy, torsion.torsion_sum),
    ],
    ids=["angles", "torsions"],
)
def test_all_derivatives_are_those_of_the_terms(
    energies, each, summed, in_parts, monkeypatch
):
    orders = jnp.asarray(pieces.sample_orders(1))
    around = pieces.coordination_record(np.asarray(orders).sum(axis=1))
    positions = jnp.asarray(pieces.sample_positions(1))
    part = pieces.parameters(), orders, around, positions

    def total(function, part):
        found = energies(monkeypatch, function, part)
        return sum(jnp.sum(x) for x in jax.tree.leaves(found))

    def answers(function):
        of = partial(total, function)
        first = jax.jit(jax.value_and_grad(of, allow_int=True))(part)
        by_all = jax.grad(of, allow_int=True)

        @jax.jit
        def second(x):  # by positions, of the derivatives by everything
            return jax.jacfwd(lambda x: by_all((*part[:3], x)))(x)

        return first, second(positions)

    expected = answers(each)
    assert not in_parts
    found = answers(summed)
    assert max(in_parts) > 1  # the kernel for other devices takes all at once
    assert abs(np.asarray(expected[1][3])).max() > 1.0
    for one, other in zip(*map(jax.tree.leaves, (found, expected)), strict=True):
        if one.dtype == positions.dtype:  # not those by whole numbers
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("energies", "summed"),
    [(of_angles, angle.angle_sum), (of_torsions, torsion.torsion_sum)],
    ids=["angles", "torsions"],
)
def test_parts_in_single_precision_add_up_in_double(
    energies, summed, in_parts, monkeypatch
):
    orders, positions = pieces.sample_orders(2), jnp.asarray(pieces.sample_positions(2))
    around = pieces.coordination_record(orders.sum(axis=1))

    def found(dtype):
        def total(positions):
            part = pieces.parameters(), orders, around, positions
            return energies(monkeypatch, partial(summed, dtype=dtype), part)

        return jax.jit(jax.value_and_grad(total))(positions)

    for rounded, exact in zip(found("float32"), found(None), strict=True):
        assert rounded.dtype == jnp.float64
        scale = abs(exact).max()
        assert 0 < abs(rounded - exact).max() < 1e-5 * scale
