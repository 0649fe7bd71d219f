"""Lone pairs, and the correction of C2."""

import math
from dataclasses import replace

import jax
import jax.numpy as jnp
import kernel_pieces as pieces
import numpy as np
import pytest

from ase_reaxff_jax.terms.lone_pair import c2_energy, lone_pair_energy

double_precision = pieces.double_precision
DIMER = dict(symbols=("C", "C"), pairs=((0, 1),))


def c2(general, orders, around, symbols=DIMER["symbols"], pairs=DIMER["pairs"]):
    return c2_energy(
        general,
        carbon=0,
        species=pieces.species(symbols),
        bonds=pieces.bonds(pairs),
        orders=pieces.orders_record(orders),
        around=around,
    )


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_lone_pairs_are_worth_what_the_equation_says(seed):
    totals = pieces.sample_orders(seed).sum(axis=1)
    expected = []
    delta_lp = pieces.coordination_by_hand(totals)["delta_lp"]
    for symbol, delta in zip(pieces.SYMBOLS, delta_lp, strict=True):
        p_lp2 = pieces.atom(symbol, "p_lp2")
        expected.append(p_lp2 * delta / (1.0 + math.exp(-75.0 * delta)))
    found = lone_pair_energy(
        pieces.parameters().atom,
        species=pieces.species(),
        around=pieces.coordination_record(totals),
    )
    assert max(abs(np.array(expected))) > 0.1  # kcal/mol
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


def test_an_oxygen_with_both_lone_pairs_has_no_lone_pair_energy():
    around = pieces.coordination_record(np.ones(2), symbols=("C", "O", "C"),
                                        pairs=((0, 1), (1, 2)))  # fmt: skip

    def energy(delta_lp):
        return lone_pair_energy(
            pieces.parameters().atom,
            species=pieces.species(("C", "O", "C")),
            around=replace(around, delta_lp=delta_lp),
        )[1]

    assert abs(around.delta_lp[1]) < 0.01
    for delta in (0.0, -1e-300, 1e3, -1e3):
        at = jnp.full(3, delta)
        value, gradient = jax.value_and_grad(energy)(at)
        pieces.assert_finite((value, gradient))
        expected = pieces.atom("O", "p_lp2") * max(delta, 0.0)
        np.testing.assert_allclose(value, expected, rtol=1e-12, atol=1e-250)


def test_c2_is_corrected_from_both_ends_only_beyond_three():
    for order in (3.3, 3.0):
        orders = np.array([[1.0, 1.0, order - 2.0]])
        around = pieces.coordination_by_hand([order], **DIMER)
        record = pieces.coordination_record([order], **DIMER)
        v = order - around["delta"][0] - 0.04 * around["delta"][0] ** 4
        expected = 2 * 70.0 * (v - 3.0) ** 2 if v > 3.0 else 0.0
        assert v > 3.0
        found = c2(pieces.parameters().general, orders, record)
        np.testing.assert_allclose(found[0], expected, rtol=1e-12)
    # With further bonds on both atoms nothing is left of it.
    crowded = replace(record, delta=jnp.array([0.2, -0.1]))
    found, gradient = jax.value_and_grad(
        lambda orders: c2(pieces.parameters().general, orders, crowded).sum()
    )(jnp.array([[1.0, 1.0, 0.8]]))
    assert found == 0.0
    np.testing.assert_array_equal(gradient, 0.0)


def test_the_two_ends_of_a_carbon_bond_count_separately_and_oxygen_not_at_all():
    symbols, pairs = ("C", "C", "O"), ((0, 1), (1, 2))
    orders = np.array([[1.0, 1.0, 0.9], [1.0, 0.9, 0.8]])
    around = pieces.coordination_by_hand(orders.sum(axis=1), symbols, pairs)
    expected = 0.0
    for delta in around["delta"][:2]:
        v = orders[0].sum() - delta - 0.04 * delta**4
        expected += 70.0 * max(v - 3.0, 0.0) ** 2
    assert expected > 0
    record = pieces.coordination_record(
        orders.sum(axis=1), symbols=symbols, pairs=pairs
    )
    found = c2(pieces.parameters().general, orders, record, symbols, pairs)
    np.testing.assert_allclose(found[0], expected, rtol=1e-12)
    np.testing.assert_array_equal(found[1:], 0.0)


def test_gradients_match_differences():
    orders = pieces.sample_orders(1)
    around = pieces.coordination_record(orders.sum(axis=1))
    weight = jnp.linspace(0.5, 1.5, len(pieces.SYMBOLS))
    species = pieces.species()

    def lone_pairs(part):
        atom, delta_lp = part
        now = replace(around, delta_lp=delta_lp)
        return (weight * lone_pair_energy(atom, species=species, around=now)).sum()

    part = pieces.parameters().atom, around.delta_lp
    gradient = pieces.assert_gradient(lone_pairs, part, step=1e-5)
    assert gradient[0].p_lp2[2] != 0

    dimer = np.array([[1.0, 1.0, 1.1]])
    record = pieces.coordination_record(dimer.sum(axis=1), **DIMER)
    gradient = pieces.assert_gradient(
        lambda part: c2(part[0], part[1], replace(record, delta=part[2])).sum(),
        (pieces.parameters().general, jnp.asarray(dimer), record.delta),
    )
    assert gradient[0].k_c2 != 0


@pytest.mark.parametrize("name", ["cho-slab", "cho-C2"])
def test_agrees_with_lammps(name):
    pieces.assert_lammps_term("lone_pair", name)
