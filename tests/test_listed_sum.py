"""Sums in parts are those of all at once, and so are all their derivatives."""

from functools import partial
from typing import Any, NamedTuple

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
    assert max(in_parts) > 1
    assert abs(np.asarray(expected[1][3])).max() > 1.0
    for one, other in zip(*map(jax.tree.leaves, (found, expected)), strict=True):
        if one.dtype == positions.dtype:  # not those by whole numbers
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("energies", "summed"),
    [(of_angles, angle.angle_sum), (of_torsions, torsion.torsion_sum)],
    ids=["angles", "torsions"],
)
@pytest.mark.parametrize("crowded", [1.0, 3.0])  # exponentials of coordination: 1e150
def test_parts_in_single_precision_add_up_in_double(
    energies, summed, crowded, in_parts, monkeypatch
):
    parameters, orders = pieces.parameters(), crowded * pieces.sample_orders(2)
    positions = jnp.asarray(pieces.sample_positions(2))
    around = pieces.coordination_record(orders.sum(axis=1))

    def found(dtype):
        def total(around, positions):
            part = parameters, orders, around, positions
            return energies(monkeypatch, partial(summed, dtype=dtype), part)

        return jax.tree.leaves(
            jax.jit(jax.value_and_grad(total, (0, 1)))(around, positions)
        )

    for rounded, exact in zip(found("float32"), found(None), strict=True):
        assert rounded.dtype == jnp.float64
        scale = abs(exact).max()
        assert abs(rounded - exact).max() <= 1e-4 * scale + 1e-30
        assert scale == 0 or (rounded != exact).any()


def test_many_structures_at_once_and_one_part_alone(in_parts, monkeypatch):
    """As fits and batches ask for it, and as devices other than a CPU compute it."""
    parameters, orders = pieces.parameters(), pieces.sample_orders(1)
    around = pieces.coordination_record(orders.sum(axis=1))
    several = jnp.stack([jnp.asarray(pieces.sample_positions(k)) for k in range(3)])

    def total(positions):
        part = parameters, orders, around, positions
        return of_angles(monkeypatch, angle.angle_sum, part)

    slopes = jax.jit(jax.grad(total))
    expected = jnp.stack([slopes(positions) for positions in several])
    assert max(in_parts) > 1
    along = jax.jit(lambda x: jax.vmap(jax.linearize(total, x)[1])(expected))
    np.testing.assert_allclose(
        along(several[0]), jnp.einsum("kni,ni->k", expected, expected[0]), rtol=1e-10
    )
    together = jax.jit(jax.vmap(slopes))(several)
    np.testing.assert_allclose(together, expected, rtol=1e-10, atol=1e-10)

    summed, alone = listed_sum._summed, []

    def whole(*arguments, at_once):
        alone.append(at_once)
        return summed(*arguments, at_once=len(arguments[4][0]))

    def undivided(positions):
        part = parameters, orders, around, positions
        summed = partial(angle.angle_sum, in_parts=False)
        return of_angles(monkeypatch, summed, part)

    in_parts.clear()
    found = jax.jit(jax.grad(undivided))(several[0])
    assert max(in_parts) == 1
    np.testing.assert_allclose(found, expected[0], rtol=1e-10, atol=1e-10)

    monkeypatch.setattr(listed_sum, "_summed", whole)
    found = jax.jit(jax.grad(lambda x: total(x)))(several[0])
    assert alone
    np.testing.assert_allclose(found, expected[0], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("rows", [7, 24, 60])
@pytest.mark.parametrize("strands", [1, 4])
@pytest.mark.parametrize("counting", [None, 0, 5, 7])
def test_blocks_side_by_side_and_blocks_left_out(rows, strands, counting):
    rng = np.random.default_rng(0)
    values, place = rng.normal(size=(rows, 3)), rng.integers(0, 9, (rows, 3))
    kept = rows if counting is None else counting
    values[kept:] = 0.0  # as of padding
    seen = []

    def added(sums, block):
        values, place = block
        seen.append(len(values))
        at = sums[1].at[place].add(values)
        return (sums[0] + jnp.sum(values), at), jnp.sum(values, axis=1)

    found, by_row = jax.jit(
        lambda *arrays: pairs.sums_over_blocks(
            added,
            (jnp.zeros(()), jnp.zeros(9)),
            arrays,
            entries=3,
            at_once=9,
            strands=strands,
            used=None if counting is None else jnp.int32(counting),
        )
    )(values, place)
    at = np.zeros(9)
    np.add.at(at, place, values)
    np.testing.assert_allclose(found[0], values.sum(), atol=1e-13)
    np.testing.assert_allclose(found[1], at, atol=1e-13)
    assert max(seen) <= 3
    if counting is None:
        np.testing.assert_allclose(by_row, values.sum(axis=1), atol=1e-14)


class _Entries(NamedTuple):
    mask: Any
    divisor: Any


def test_padding_is_not_computed(in_parts):
    """Parts behind the last entry are left out: what they hold does not matter."""
    number, table = np.arange(96), jnp.arange(1.0, 6.0)
    rows = jnp.asarray(number % 5)
    entries = _Entries(jnp.asarray(number < 48), jnp.asarray(number < 48, float))

    def each(parameters, here, entries):
        return parameters * here[0] ** 2 / entries.divisor

    def total(table):
        return listed_sum.listed_sum(each, 2.0, [table], [rows], entries)

    value, slopes = jax.value_and_grad(total)(table)
    assert max(in_parts) > 1
    counted = np.asarray(table)[number[:48] % 5]
    np.testing.assert_allclose(value, 2.0 * (counted**2).sum())
    expected = np.zeros(5)
    np.add.at(expected, number[:48] % 5, 4.0 * counted)
    np.testing.assert_allclose(slopes, expected)


def test_entries_that_do_not_count_are_not_computed(in_parts):
    number, table = np.arange(96), jnp.arange(1.0, 6.0)
    rows = jnp.asarray(number % 5)
    fine = (number % 3 == 0) & (number < 70)
    entries = _Entries(jnp.asarray(number < 80), jnp.asarray(fine, float))

    def each(parameters, here, entries):
        return jnp.where(entries.mask, parameters * here[0] ** 2 / entries.divisor, 0.0)

    def counts(here, entries):
        return (entries.divisor > 0) & (here[0] > 1.0)

    def total(table):
        return listed_sum.listed_sum(each, 2.0, [table], [rows], entries, counts=counts)

    value, slopes = jax.jit(jax.value_and_grad(total))(table)
    assert max(in_parts) > 1
    some = number[fine & (number % 5 > 0)] % 5
    counted = np.asarray(table)[some]
    np.testing.assert_allclose(value, 2.0 * (counted**2).sum())
    expected = np.zeros(5)
    np.add.at(expected, some, 4.0 * counted)
    np.testing.assert_allclose(slopes, expected)
