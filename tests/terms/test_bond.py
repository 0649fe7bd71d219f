"""Bond energy, and the stabilisation of triple bonds."""

import math
from dataclasses import replace

import jax
import jax.numpy as jnp
import kernel_pieces as pieces
import numpy as np
import pytest

from ase_reaxff_jax.terms.bond import bond_energy

double_precision = pieces.double_precision
CARBON_OXYGEN = ((0, 2), (2, 0))
MONOXIDE = dict(symbols=("C", "O"), pairs=((0, 1),))


def energies(
    parameters,
    orders,
    *,
    symbols=pieces.SYMBOLS,
    pairs=pieces.PAIRS,
    triple=CARBON_OXYGEN,
    around=None,
):
    if around is None:
        totals = np.sum(orders, axis=1)
        around = pieces.coordination_record(totals, symbols=symbols, pairs=pairs)
    table = np.zeros((3, 3), bool)
    for pair in triple:
        table[pair] = True
    return bond_energy(
        parameters.bond,
        parameters.general,
        species=pieces.species(symbols),
        bonds=pieces.bonds(pairs),
        orders=pieces.orders_record(orders),
        around=around,
        triple=jnp.array(table),
    )


def by_hand(orders, symbols=pieces.SYMBOLS, pairs=pieces.PAIRS):
    around = pieces.coordination_by_hand(orders.sum(axis=1), symbols, pairs)
    values = []
    for (i, j), (sigma, pi, pipi) in zip(pairs, orders, strict=True):
        pair = (symbols[i], symbols[j])
        p = {
            name: pieces.CHO.get("bond", pair, name)
            for name in ("De_s", "De_p", "De_pp", "p_be1", "p_be2")
        }
        value = -p["De_s"] * sigma * math.exp(p["p_be1"] * (1 - sigma ** p["p_be2"]))
        value -= p["De_p"] * pi + p["De_pp"] * pipi
        order = sigma + pi + pipi
        if set(pair) == {"C", "O"} and order >= 1.0:
            value += triple_bond_by_hand(order, i, j, around)
        values.append(value)
    return values


def triple_bond_by_hand(order, i, j, around):
    gp3, gp4, gp7, gp10 = (
        pieces.general(name) for name in ("p_trip4", "p_trip3", "p_trip2", "p_trip1")
    )
    s, delta = around["order"], around["delta"]
    others = math.exp(-gp3 * (s[i] - order)) + math.exp(-gp3 * (s[j] - order))
    crowding = 1.0 + 25.0 * math.exp(gp4 * (delta[i] + delta[j]))
    return gp10 * math.exp(-gp7 * (order - 2.5) ** 2) * others / crowding


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_bond_is_worth_what_the_equation_says(seed):
    orders = pieces.sample_orders(seed)
    found = energies(pieces.parameters(), orders)
    np.testing.assert_allclose(found[: len(orders)], by_hand(orders), rtol=1e-12)


def test_a_full_sigma_bond_is_worth_its_dissociation_energy():
    found = energies(pieces.parameters(), np.array([[1.0, 0.0, 0.0]]), triple=(),
                     **MONOXIDE)  # fmt: skip
    np.testing.assert_allclose(found[0], -160.4802, rtol=1e-14)


def test_the_triple_bond_of_carbon_monoxide_starts_at_order_one():
    for order, extra in ((2.3, True), (1.0, True), (1.0 - 1e-9, False)):
        orders = np.array([[0.5, order - 0.75, 0.25]])
        with_it = energies(pieces.parameters(), orders, **MONOXIDE)[0]
        without = energies(pieces.parameters(), orders, triple=(), **MONOXIDE)[0]
        around = pieces.coordination_by_hand(orders.sum(axis=1), **MONOXIDE)
        expected = triple_bond_by_hand(order, 0, 1, around) if extra else 0.0
        np.testing.assert_allclose(with_it - without, expected, rtol=1e-9)


def test_no_bond_and_padding_have_no_energy_and_finite_gradients():
    parameters = pieces.parameters()

    def total(parameters, orders):
        around = pieces.coordination_record(np.zeros(1), **MONOXIDE)
        return energies(parameters, orders, around=around, **MONOXIDE).sum()

    value, gradients = jax.value_and_grad(total, argnums=(0, 1), allow_int=True)(
        parameters, jnp.zeros((1, 3))
    )
    assert value == 0.0
    pieces.assert_finite(
        (gradients[0].bond.De_s, gradients[0].bond.p_be2, gradients[1])
    )
    # Full orders on the padded bonds, which join carbon to itself, are not seen.
    full = jnp.ones((pieces.ROOM, 3)).at[0].set(0.0)
    around = pieces.coordination_record(np.zeros(1), **MONOXIDE)
    padded = energies(parameters, full, around=around, **MONOXIDE)
    np.testing.assert_array_equal(padded, 0.0)


def test_gradients_by_parameters_and_orders_match_differences():
    orders = pieces.sample_orders()
    parameters = pieces.parameters()
    around = pieces.coordination_record(orders.sum(axis=1))
    weight = jnp.linspace(0.5, 1.5, pieces.ROOM)

    def total(part):
        bond, general, orders = part
        whole = replace(parameters, bond=bond, general=general)
        return (weight * energies(whole, orders, around=around)).sum()

    part = parameters.bond, parameters.general, jnp.asarray(orders)
    gradient = pieces.assert_gradient(total, part, step=1e-5)
    for name in ("De_s", "De_p", "De_pp", "p_be1", "p_be2"):
        assert (np.diag(getattr(gradient[0], name))[[0]] != 0).all(), name
    for name in ("p_trip1", "p_trip2", "p_trip3", "p_trip4"):
        assert getattr(gradient[1], name) != 0, name


def test_agrees_with_lammps():
    pieces.assert_lammps_term("bond")
