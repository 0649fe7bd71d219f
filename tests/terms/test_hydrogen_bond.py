"""Hydrogen bonds."""

import math
from dataclasses import replace

import jax
import jax.numpy as jnp
import kernel_pieces as pieces
import numpy as np
import pytest

from ase_reaxff_jax.geometry import bond_vectors
from ase_reaxff_jax.terms.hydrogen_bond import (
    hydrogen_bond_energy,
    hydrogen_bond_sum,
)
from ase_reaxff_jax.topology import HydrogenBonds

double_precision = pieces.double_precision
# H, its donor, and an acceptor; then a second hydrogen whose bond points to it.
PAIRS = ((0, 1), (1, 3))
POSITIONS = np.array(
    [[0.0, 0.0, 0.0], [-0.9, 0.3, 0.1], [1.7, 0.4, -0.6], [-1.4, 1.1, 0.2]]
)
WEIGHT = np.linspace(-1.0, 1.3, 12).reshape(4, 3)
LISTED = ((0, 1, 2), (3, 1, 2))  # hydrogen, donor, acceptor


def energies(hydrogen_bond, orders, positions, function=hydrogen_bond_energy):
    """Of each hydrogen (row) with each acceptor; a row and a column are padding."""
    atoms, room = len(POSITIONS), len(LISTED) + 1
    donors = np.zeros((room, 2), np.int32)
    row = np.zeros((room, len(pieces.CHO.elements)), np.int32)
    row[: len(LISTED)] = [-1, -1, 0]  # C, H and O as acceptors
    acceptor = np.full((room, 2), atoms, np.int32)
    for n, (hydrogen, donor, end) in enumerate(LISTED):
        donors[n] = hydrogen, pieces.directed(hydrogen, donor, PAIRS)
        acceptor[n, 0] = end
    images = jnp.concatenate([jnp.asarray(positions), jnp.full((1, 3), 1e6)])
    bonds = pieces.bonds(PAIRS)
    return function(
        hydrogen_bond,
        species=pieces.species(("H", "O", "O", "H")),
        source=jnp.arange(atoms),
        bonds=bonds,
        hydrogen_bonds=HydrogenBonds(
            hydrogen=jnp.array(donors[:, 0]),
            donor=jnp.array(donors[:, 1]),
            row=jnp.array(row),
            mask=jnp.arange(room) < len(LISTED),
            acceptor=jnp.array(acceptor),
            needed=jnp.array(len(LISTED)),
            needed_acceptors=jnp.array(1),
        ),
        vectors=bond_vectors(images, bonds),
        orders=pieces.orders_record(jnp.stack([orders, 0 * orders, 0 * orders], 1)),
        images=images,
    )


def by_hand(order, hydrogen, donor, acceptor, positions=POSITIONS):
    r0, p_hb1, p_hb2, p_hb3 = pieces.CHO.hydrogen_bond[0].tolist()
    a = positions[donor] - positions[hydrogen]
    b = positions[acceptor] - positions[hydrogen]
    r = math.sqrt(b @ b)
    theta = math.acos(a @ b / (math.sqrt(a @ a) * r))
    value = p_hb1 * (1.0 - math.exp(-p_hb2 * order))
    value *= math.exp(-p_hb3 * (r0 / r + r / r0 - 2.0))
    return value * math.sin(theta / 2.0) ** 4


def test_the_value_of_the_equation_seen_from_either_end_of_the_bond():
    order = jnp.array([0.93, 0.4])
    found = energies(pieces.parameters().hydrogen_bond, order, POSITIONS)
    expected = [by_hand(float(o), *at) for o, at in zip(order, LISTED, strict=True)]
    np.testing.assert_allclose(found[:2, 0], expected, rtol=1e-12)
    np.testing.assert_array_equal(found[2:], 0.0)
    np.testing.assert_array_equal(found[:, 1], 0.0)


def test_straight_hydrogen_bonds_are_strongest_and_folded_ones_nothing():
    x = np.array([[0.0, 0.0, 0.0], [-1.0, 0.0, 0.0], [1.9682, 0.0, 0.0], [9, 9, 9]])
    order = jnp.array([1.0, 0.0])
    hydrogen_bond = pieces.parameters().hydrogen_bond
    best = energies(hydrogen_bond, order, x)[0, 0]
    np.testing.assert_allclose(best, -4.4628 * (1 - math.exp(-1.7976)), rtol=1e-12)
    folded = x * [[1], [1], [-1], [1]]
    assert energies(hydrogen_bond, order, folded)[0, 0] == 0.0


@jax.jit
def both_forms(hydrogen_bond, orders, positions):
    """Sum and all its derivatives, plainly and in closed form."""

    def plain(*arguments):
        return energies(*arguments).sum()

    def closed(*arguments):
        return energies(*arguments, hydrogen_bond_sum)

    arguments = hydrogen_bond, orders, positions
    return [jax.value_and_grad(f, (0, 1, 2))(*arguments) for f in (plain, closed)]


@pytest.mark.parametrize(
    ("order", "r", "zero"),
    [
        (0.0, 2.0, True),
        (0.01 - 1e-12, 2.0, True),
        (0.01, 2.0, False),
        (0.9, 7.5 - 1e-12, False),
        (0.9, 7.5 + 1e-9, True),
        (0.9, 1e6, True),
        (0.9, 0.3, False),
    ],
)
def test_limits_are_exactly_zero_and_have_finite_gradients(order, r, zero):
    x = POSITIONS.copy()
    x[2] = [r, 0.0, 0.0]

    arguments = pieces.parameters().hydrogen_bond, jnp.array([order, 0.0]), x
    for value, gradients in both_forms(*arguments):
        assert (value == 0.0) == zero
        pieces.assert_finite(gradients)


def test_a_row_without_radius_has_no_energy_and_finite_gradients():
    hydrogen_bond = pieces.parameters().hydrogen_bond
    for r0 in (0.0, -1.0):
        none = replace(hydrogen_bond, r0_hb=jnp.full(1, r0))
        value, gradient = jax.value_and_grad(
            lambda p: energies(p, jnp.array([0.9, 0.4]), POSITIONS).sum()
        )(none)
        assert value == 0.0
        pieces.assert_finite(gradient)


@pytest.mark.parametrize("y", [0.0, 1e-7, 0.2])
def test_the_closed_form_has_the_same_derivatives_also_on_a_line(y):
    x = POSITIONS.copy()
    x[1], x[2] = [-1.0, y, 0.0], [2.0, 0.0, 0.0]
    orders = jnp.array([0.9, 0.4])
    plain, closed = both_forms(pieces.parameters().hydrogen_bond, orders, x)
    for a, b in zip(jax.tree.leaves(plain), jax.tree.leaves(closed), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("function", [hydrogen_bond_energy, hydrogen_bond_sum])
def test_gradients_match_differences(function):
    part = pieces.parameters().hydrogen_bond, jnp.array([0.9, 0.4]), POSITIONS
    part = jax.tree.map(jnp.asarray, part)
    gradient = pieces.assert_gradient(
        lambda part: energies(*part, function).sum(), part
    )
    assert all((x != 0).all() for x in jax.tree.leaves(gradient[0]))


def test_second_derivatives_of_the_closed_form_match_differences():
    hydrogen_bond, orders = pieces.parameters().hydrogen_bond, jnp.array([0.9, 0.4])

    def slope(distance):
        def total(positions):
            return energies(hydrogen_bond, orders, positions, hydrogen_bond_sum)

        positions = POSITIONS + distance * jnp.array(WEIGHT[::-1])
        return (jax.grad(total)(positions) * jnp.array(WEIGHT)).sum()

    h, at = 1e-4, jax.jit(slope)
    second = jax.jit(jax.grad(slope))(0.0)
    assert abs(second) > 1.0
    np.testing.assert_allclose(second, (at(h) - at(-h)) / (2.0 * h), rtol=1e-6)


def test_agrees_with_lammps():
    pieces.assert_lammps_term("hydrogen_bond")
