"""Torsions, and the conjugation of four atoms."""

import math
from dataclasses import replace
from itertools import product

import jax
import jax.numpy as jnp
import kernel_pieces as pieces
import numpy as np
import pytest

from ase_reaxff_jax.geometry import bond_vectors
from ase_reaxff_jax.terms.torsion import torsion_energy
from ase_reaxff_jax.topology import Torsions

double_precision = pieces.double_precision
ROOM = 128
CHAIN = dict(symbols=("H", "C", "C", "O"), pairs=((0, 1), (1, 2), (2, 3)))
DIHEDRAL = np.array(
    [[1.0, 0.9, 0.0], [0.5, 0.0, 0.0], [-0.9, 0.1, 0.0], [-1.3, 0.3, 1.1]]
)


def row_of(types):
    """The explicit row, else the last wild card; these stand behind all others."""
    section = pieces.CHO.torsion_types
    explicit = [k for k, row in enumerate(section) if types in (row, row[::-1])]
    _, j, k, _ = types
    fitting = (-1, j, k, -1), (-1, k, j, -1)
    wild = [n for n, row in enumerate(section) if row in fitting]
    return (explicit or wild or [None])[-1]


def chains(symbols=pieces.SYMBOLS, pairs=pieces.PAIRS):
    """(i, j, k, l, row) of each central bond j-k in the order of the list."""
    types = [pieces.CHO.elements.index(s) for s in symbols]
    found = []
    for j, k in pairs:
        at_j = [b if a == j else a for a, b in pairs if j in (a, b)]
        at_k = [b if a == k else a for a, b in pairs if k in (a, b)]
        for i, l in product(at_j, at_k):
            row = row_of((types[i], types[j], types[k], types[l]))
            if i != k and l != j and i != l and row is not None:
                found.append((i, j, k, l, row))
    return found


def record(chains, pairs):
    table = np.zeros((ROOM, 4), np.int32)
    for n, (i, j, k, l, row) in enumerate(chains):
        table[n] = (pieces.directed(j, i, pairs), pieces.directed(j, k, pairs),
                    pieces.directed(k, l, pairs), row)  # fmt: skip
    columns = (jnp.array(c) for c in table.T)
    return Torsions(*columns, jnp.arange(ROOM) < len(chains), jnp.array(len(chains)))


def energies(torsion, general, orders, around, positions, *, symbols=pieces.SYMBOLS,
             pairs=pieces.PAIRS):  # fmt: skip
    bonds = pieces.bonds(pairs)
    return torsion_energy(
        torsion,
        general,
        bonds=bonds,
        torsions=record(chains(symbols, pairs), pairs),
        vectors=bond_vectors(jnp.asarray(positions), bonds),
        orders=pieces.orders_record(orders),
        around=around,
    )


def by_hand(orders, positions, symbols=pieces.SYMBOLS, pairs=pieces.PAIRS):
    """Torsion and conjugation of each chain; w from cross products by atan2."""
    totals = orders.sum(axis=1)
    around = pieces.coordination_by_hand(totals, symbols, pairs)
    order = {p: t for p, t in zip(pairs, totals, strict=True)}
    order |= {p[::-1]: t for p, t in order.items()}
    values = []
    for i, j, k, l, row in chains(symbols, pairs):
        three = order[i, j], order[j, k], order[k, l]
        if min(three) <= 0.001 or math.prod(three) <= 0.001:
            values.append((0.0, 0.0))
            continue
        A = [x - 0.001 for x in three]
        pi = orders[pairs.index((j, k)), 1]
        s = around["delta_boc"][j] + around["delta_boc"][k]
        values.append(_one(row, A, pi, s, positions[[i, j, k, l]]))
    return values


def _one(row, A, pi, s, x):
    V1, V2, V3, p_tor1, p_cot1 = pieces.CHO.torsion[row, :5].tolist()
    g = pieces.general
    ji, jk, kl = x[0] - x[1], x[2] - x[1], x[3] - x[2]
    sine_1 = np.linalg.norm(np.cross(ji, jk)) / math.sqrt(ji @ ji * (jk @ jk))
    sine_2 = np.linalg.norm(np.cross(jk, kl)) / math.sqrt(jk @ jk * (kl @ kl))
    n1, n2 = np.cross(-ji, jk), np.cross(jk, kl)
    sine_w = np.linalg.norm(jk) * (-ji @ n2)
    w = math.atan2(sine_w, n1 @ n2)  # 0 where cis
    f10 = math.prod(1.0 - math.exp(-g("p_tor2") * a) for a in A)
    fall, rise = math.exp(-g("p_tor3") * s), math.exp(g("p_tor4") * s)
    f11 = (2.0 + fall) / (1.0 + fall + rise)
    barrier = math.exp(p_tor1 * (2.0 - pi - f11) ** 2)
    twist = V1 * (1 + math.cos(w)) + V2 * barrier * (1 - math.cos(2 * w))
    twist += V3 * (1 + math.cos(3 * w))
    f12 = math.exp(-g("p_cot2") * sum((a - 1.5) ** 2 for a in A))
    planar = 1.0 + (math.cos(w) ** 2 - 1.0) * sine_1 * sine_2
    return 0.5 * f10 * sine_1 * sine_2 * twist, p_cot1 * f12 * planar


@pytest.mark.parametrize("seed", range(3))
def test_every_torsion_is_worth_what_the_equations_say(seed):
    orders, positions = pieces.sample_orders(seed), pieces.sample_positions(seed)
    parameters = pieces.parameters()
    around = pieces.coordination_record(orders.sum(axis=1))
    found = energies(parameters.torsion, parameters.general, orders, around, positions)
    expected = np.array(by_hand(orders, positions))
    assert (expected == 0.0).all(axis=1).any() and (expected != 0.0).sum() > 40
    for values, column in zip(
        (found.torsion, found.conjugation), expected.T, strict=True
    ):
        np.testing.assert_allclose(values[: len(column)], column, rtol=1e-9, atol=1e-12)
        np.testing.assert_array_equal(values[len(column) :], 0.0)


def limits():
    bent, straight = DIHEDRAL, DIHEDRAL.copy()
    straight[0] = [2.0, -0.1, 0.0]  # i, j and k on a line
    straight[1:3] = [[0.5, 0.0, 0.0], [-1.0, 0.1, 0.0]]
    line = np.arange(4)[:, None] * np.array([[1.1, 0.3, -0.2]])
    planar = DIHEDRAL * [[1.0, 1.0, 0.0]]
    yield "no bonds", bent, (0.0, 0.0, 0.0), True
    yield "one missing", bent, (0.9, 1.0, 0.0), True
    yield "one at the threshold", bent, (1.9, 1.9, 0.001), True
    yield "product too small", bent, (0.09, 0.11, 0.1), True
    yield "product large enough", bent, (0.11, 0.11, 0.1), False
    yield "three on a line", straight, (0.9, 1.0, 0.8), False
    yield "four on a line", line, (0.9, 1.0, 0.8), False
    yield "in a plane", planar, (0.9, 1.0, 0.8), False


@pytest.mark.parametrize(
    ("positions", "order", "zero"),
    [case[1:] for case in limits()],
    ids=[case[0] for case in limits()],
)
def test_limits_are_exactly_zero_and_have_finite_gradients(positions, order, zero):
    around = pieces.coordination_record(order, **CHAIN)
    parameters = pieces.parameters()

    def total(part):
        torsion, general, orders, around, positions = part
        found = energies(torsion, general, orders, around, positions, **CHAIN)
        return found.torsion.sum() + found.conjugation.sum()

    orders = jnp.array([[0.7 * x, 0.3 * x, 0.0] for x in order])
    value, gradients = jax.value_and_grad(total)(
        (parameters.torsion, parameters.general, orders, around, jnp.array(positions))
    )
    assert (value == 0.0) == zero
    pieces.assert_finite(gradients)


def test_on_a_line_there_is_no_torsion_and_full_conjugation():
    order = np.array([0.9, 1.0, 0.8])
    orders = np.column_stack([order, 0 * order, 0 * order])
    around = pieces.coordination_record(order, **CHAIN)
    parameters = pieces.parameters()
    line = np.arange(4.0)[:, None] * np.array([[1.1, 0.3, -0.2]])
    found = energies(
        parameters.torsion, parameters.general, orders, around, line, **CHAIN
    )
    p_cot1 = pieces.CHO.get("torsion", ("H", "C", "C", "O"), "p_cot1")
    f12 = math.exp(-2.1645 * sum((x - 0.001 - 1.5) ** 2 for x in order))
    np.testing.assert_allclose(found.torsion[0], 0.0, atol=1e-12)
    np.testing.assert_allclose(found.conjugation[0], p_cot1 * f12, rtol=1e-12)


def test_gradients_match_differences():
    orders, positions = pieces.sample_orders(1), pieces.sample_positions(1)
    around = pieces.coordination_record(orders.sum(axis=1))
    parameters = pieces.parameters()
    weight = jnp.linspace(0.5, 1.5, ROOM)

    def total(part):
        found = energies(*part)
        return (weight * (found.torsion + found.conjugation)).sum()

    part = (
        parameters.torsion, parameters.general, jnp.asarray(orders),
        around, jnp.asarray(positions),
    )  # fmt: skip
    gradient = pieces.assert_gradient(total, part, step=1e-5, rtol=1e-6)
    assert all((x != 0).any() for x in jax.tree.leaves(gradient[0]))
    for name in ("p_tor2", "p_tor3", "p_tor4", "p_cot2"):
        assert getattr(gradient[1], name) != 0, name


def test_the_sign_of_the_dihedral_does_not_matter():
    order = np.array([0.9, 1.0, 0.8])
    orders = np.column_stack([order, 0 * order, 0 * order])
    around = pieces.coordination_record(order, **CHAIN)
    parameters = pieces.parameters()

    def at(positions):
        found = energies(parameters.torsion, parameters.general, orders, around,
                         positions, **CHAIN)  # fmt: skip
        return found.torsion[0], found.conjugation[0]

    mirrored = DIHEDRAL * [[1.0, 1.0, -1.0]]
    np.testing.assert_allclose(at(DIHEDRAL), at(mirrored), rtol=1e-13)


@pytest.mark.parametrize("term", ["torsion", "torsion_conjugation"])
def test_agrees_with_lammps(term):
    pieces.assert_lammps_term(term)


def test_padding_reads_a_row_even_where_the_force_field_has_none():
    parameters = pieces.parameters()
    one = jax.tree.map(lambda x: x[:1], parameters.torsion)
    pair = dict(symbols=("C", "C"), pairs=((0, 1),))
    around = pieces.coordination_record([1.0], **pair)
    found = energies(replace(one), parameters.general, np.array([[1.0, 0.0, 0.0]]),
                     around, np.eye(3)[:2], **pair)  # fmt: skip
    np.testing.assert_array_equal(found.torsion, 0.0)
    np.testing.assert_array_equal(found.conjugation, 0.0)
