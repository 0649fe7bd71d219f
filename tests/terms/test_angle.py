"""Valence angles: bending, penalty, conjugation."""

import math
from dataclasses import replace
from itertools import combinations

import jax
import jax.numpy as jnp
import kernel_pieces as pieces
import numpy as np
import pytest

from ase_reaxff_jax.geometry import bond_vectors
from ase_reaxff_jax.terms.angle import angle_energy
from ase_reaxff_jax.topology import Angles

double_precision = pieces.double_precision
ROOM = 64


def rows_of(types):
    section = pieces.CHO.angle_types
    return [k for k, row in enumerate(section) if types in (row, row[::-1])]


def chains(symbols=pieces.SYMBOLS, pairs=pieces.PAIRS):
    """(i, j, k, row): every two bonds of an atom, for every row that fits."""
    types = [pieces.CHO.elements.index(s) for s in symbols]
    found = []
    for j in range(len(symbols)):
        ends = [b if a == j else a for a, b in pairs if j in (a, b)]
        for i, k in combinations(ends, 2):
            found += [(i, j, k, row) for row in rows_of((types[i], types[j], types[k]))]
    return found


def record(chains, pairs=pieces.PAIRS):
    table = np.zeros((ROOM, 4), np.int32)
    for n, (i, j, k, row) in enumerate(chains):
        first, second = (pieces.directed(j, end, pairs) for end in (i, k))
        table[n] = first, second, j, row
    columns = (jnp.array(c) for c in table.T)
    return Angles(*columns, jnp.arange(ROOM) < len(chains), jnp.array(len(chains)))


def energies(parameters, orders, around, positions, *, symbols=pieces.SYMBOLS,
             pairs=pieces.PAIRS, angles=None):  # fmt: skip
    bonds = pieces.bonds(pairs)
    return angle_energy(
        parameters.angle,
        parameters.atom,
        parameters.general,
        species=pieces.species(symbols),
        bonds=bonds,
        angles=record(chains(symbols, pairs) if angles is None else angles, pairs),
        vectors=bond_vectors(jnp.asarray(positions), bonds),
        orders=pieces.orders_record(orders),
        around=around,
    )


def by_hand(orders, positions, symbols=pieces.SYMBOLS, pairs=pieces.PAIRS):
    """Bending, penalty and conjugation of each chain, from the file's numbers."""
    totals = orders.sum(axis=1)
    around = pieces.coordination_by_hand(totals, symbols, pairs)
    g = pieces.general
    order = {p: t for p, t in zip(pairs, totals, strict=True)}
    order |= {p[::-1]: t for p, t in order.items()}
    return [
        _one(i, j, k, row, symbols, pairs, orders, order, around, positions, g)
        for i, j, k, row in chains(symbols, pairs)
    ]


def _one(i, j, k, row, symbols, pairs, orders, order, around, positions, g):
    names = ("theta_00", "p_val1", "p_val2", "p_coa1", "p_val7", "p_pen1", "p_val4")
    p = dict(zip(names, pieces.CHO.angle[row].tolist(), strict=True))
    BO1, BO2 = order[i, j], order[j, k]
    A1, A2 = BO1 - 0.001, BO2 - 0.001
    if min(A1, A2) <= 0 or BO1 * BO2 <= 1e-5 or abs(p["p_val1"]) <= 0.001:
        return (0.0, 0.0, 0.0)

    mine = [n for n, pair in enumerate(pairs) if j in pair]
    boc = around["delta_boc"][j]
    vacancy = around["lone_pairs"][j] if around["lone_pair_excess"][j] < 0 else 0.0
    full = math.prod(math.exp(-(orders[n].sum() ** 8)) for n in mine)
    SBO = sum(orders[n, 1] + orders[n, 2] for n in mine)
    SBO += (1.0 - full) * (-boc - g("p_val8") * vacancy)
    if SBO <= 0:
        SBO2 = 0.0
    elif SBO <= 1:
        SBO2 = SBO ** g("p_val9")
    elif SBO < 2:
        SBO2 = 2.0 - (2.0 - SBO) ** g("p_val9")
    else:
        SBO2 = 2.0
    p_val3, p_val5 = (pieces.atom(symbols[j], n) for n in ("p_val3", "p_val5"))
    f7 = math.prod(1.0 - math.exp(-p_val3 * A ** p["p_val4"]) for A in (A1, A2))
    rise, fall = math.exp(g("p_val6") * boc), math.exp(-p["p_val7"] * boc)
    f8 = p_val5 - (p_val5 - 1.0) * (2.0 + rise) / (1.0 + rise + fall)
    opening = p["theta_00"] * (1.0 - math.exp(-g("p_val10") * (2.0 - SBO2)))
    theta_0 = 3.14159265 / 180.0 * (180.0 - opening)
    a, b = positions[i] - positions[j], positions[k] - positions[j]
    cosine = a @ b / math.sqrt(a @ a * (b @ b))
    theta = math.acos(max(-1.0, min(1.0, cosine)))
    well = math.exp(-p["p_val2"] * (theta_0 - theta) ** 2)
    bend = p["p_val1"] * (1.0 - well) if p["p_val1"] >= 0 else -p["p_val1"] * well

    delta = around["delta"][j]
    less, more = math.exp(-g("p_pen3") * delta), math.exp(g("p_pen4") * delta)
    f9 = (2.0 + less) / (1.0 + less + more)
    doubles = (A1 - 2.0) ** 2 + (A2 - 2.0) ** 2
    penalty = p["p_pen1"] * f9 * math.exp(-g("p_pen2") * doubles)

    rest = (around["order"][i] - A1) ** 2 + (around["order"][k] - A2) ** 2
    aromatic = (A1 - 1.5) ** 2 + (A2 - 1.5) ** 2
    conjugation = math.exp(-g("p_coa3") * rest - g("p_coa4") * aromatic) * p["p_coa1"]
    conjugation /= 1.0 + math.exp(g("p_coa2") * around["delta_val"][j])
    return f7 * f8 * bend, penalty, conjugation


@pytest.mark.parametrize("seed", range(4))
def test_every_angle_is_worth_what_the_equations_say(seed):
    orders, positions = pieces.sample_orders(seed), pieces.sample_positions(seed)
    around = pieces.coordination_record(orders.sum(axis=1))
    found = energies(pieces.parameters(), orders, around, positions)
    expected = np.array(by_hand(orders, positions))
    assert (expected == 0.0).all(axis=1).any() and (expected != 0.0).any(axis=0).all()
    for values, column in zip(
        (found.angle, found.penalty, found.conjugation), expected.T, strict=True
    ):
        np.testing.assert_allclose(values[: len(column)], column, rtol=1e-9, atol=1e-12)
        np.testing.assert_array_equal(values[len(column) :], 0.0)


def test_a_row_with_its_maximum_at_the_equilibrium_angle():
    parameters = pieces.parameters()
    angle = replace(parameters.angle, p_val1=-abs(parameters.angle.p_val1))
    orders, positions = pieces.sample_orders(), pieces.sample_positions()
    around = pieces.coordination_record(orders.sum(axis=1))
    up = energies(parameters, orders, around, positions).angle
    down = energies(replace(parameters, angle=angle), orders, around, positions).angle
    # p_val1 (1 - well) and p_val1 well add up to f7 f8 p_val1.
    flat = replace(parameters.angle, p_val2=jnp.full_like(angle.p_val2, 1e9))
    whole = energies(replace(parameters, angle=flat), orders, around, positions).angle
    np.testing.assert_allclose(up + down, whole, rtol=1e-10, atol=1e-12)


def limits():
    """Orders of H-O-H around which conditions switch, and geometries without plane."""
    water = np.array([[0.9, 0.3, 0.0], [0.0, 0.0, 0.0], [-0.9, 0.3, 0.0]])
    straight = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [-1.2, 0.0, 0.0]])
    folded = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [1.2, 0.0, 0.0]])
    yield "no bonds", water, (0.0, 0.0), True
    yield "one bond", water, (0.9, 0.0), True
    yield "at the threshold", water, (0.9, 0.001), True
    yield "above the threshold", water, (0.9, 0.001 + 1e-9), False
    yield "product too small", water, (0.003, 0.0033), True
    yield "product large enough", water, (0.003, 0.0034), False
    yield "straight", straight, (0.9, 0.8), False
    yield "folded", folded, (0.9, 0.8), False


@pytest.mark.parametrize(
    ("positions", "order", "zero"),
    [case[1:] for case in limits()],
    ids=[case[0] for case in limits()],
)
def test_limits_are_exactly_zero_and_have_finite_gradients(positions, order, zero):
    water = dict(symbols=("H", "O", "H"), pairs=((0, 1), (1, 2)))
    around = pieces.coordination_record(order, **water)

    def total(angle, orders, positions):
        parameters = replace(pieces.parameters(), angle=angle)
        found = energies(parameters, orders, around, positions, **water)
        return found.angle.sum() + found.penalty.sum() + found.conjugation.sum()

    orders = jnp.array([[x, 0.0, 0.0] for x in order])
    angle = pieces.parameters().angle
    value, gradients = jax.value_and_grad(total, (0, 1, 2))(
        angle, orders, jnp.array(positions)
    )
    assert (value == 0.0) == zero
    pieces.assert_finite(gradients)


@pytest.mark.parametrize("bent", [0.0, 1e-9, 1e-6, 1e-3, 0.02, 0.3])
def test_bending_is_smooth_through_the_straight_line(bent):
    """Gradients equal differences, whatever branch the angle is computed with."""
    chain = dict(symbols=("C", "C", "C"), pairs=((0, 1), (1, 2)))
    orders = np.array([[1.0, 0.4, 0.1], [1.0, 0.3, 0.2]])
    around = pieces.coordination_record(orders.sum(axis=1), **chain)
    # An equilibrium angle of 180 degrees has a quadratic minimum there.
    angle = replace(
        pieces.parameters().angle, theta_00=jnp.zeros(len(pieces.CHO.angle))
    )
    parameters = replace(pieces.parameters(), angle=angle)

    def total(positions):
        return energies(parameters, orders, around, positions, **chain).angle.sum()

    positions = jnp.array([[1.3, bent, 0.0], [0.0, 0.0, 0.0], [-1.2, bent, 0.1 * bent]])
    gradient, h = jax.grad(total)(positions), 1e-5
    for n in (1, 4, 5):
        shift = jnp.zeros(9).at[n].set(h).reshape(3, 3)
        difference = (total(positions + shift) - total(positions - shift)) / (2 * h)
        np.testing.assert_allclose(gradient.ravel()[n], difference, atol=2e-6)


def test_gradients_match_differences():
    orders, positions = pieces.sample_orders(1), pieces.sample_positions(1)
    around = pieces.coordination_record(orders.sum(axis=1))
    parameters = pieces.parameters()
    weight = jnp.linspace(0.5, 1.5, ROOM)

    def total(part):
        angle, atom, general, orders, around, positions = part
        whole = replace(parameters, angle=angle, atom=atom, general=general)
        found = energies(whole, orders, around, positions)
        # The three are of different size; each must be seen.
        values = found.angle + found.penalty + 100.0 * found.conjugation
        return (weight * values).sum()

    part = (
        parameters.angle, parameters.atom, parameters.general, jnp.asarray(orders),
        around, jnp.asarray(positions),
    )  # fmt: skip
    gradient = pieces.assert_gradient(total, part, step=2e-6, rtol=2e-6, atol=1e-8)
    assert all((x != 0).any() for x in jax.tree.leaves(gradient[0]))
    general = gradient[2]
    for name in ("p_val6", "p_val8", "p_val9", "p_val10", "p_pen2", "p_pen3", "p_pen4",
                 "p_coa2", "p_coa3", "p_coa4"):  # fmt: skip
        assert getattr(general, name) != 0, name


@pytest.mark.parametrize("term", ["angle", "penalty", "angle_conjugation"])
def test_agrees_with_lammps(term):
    pieces.assert_lammps_term(term)
