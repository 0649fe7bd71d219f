"""Bond orders from distances, their corrections, and the bounds that lists rely on."""

import math
from dataclasses import replace

import jax
import jax.numpy as jnp
import kernel_pieces as pieces
import numpy as np
import pytest

from ase_reaxff_jax.bond_orders import (
    bond_orders,
    bond_reach,
    order_bound,
    order_limits,
)
from ase_reaxff_jax.bundled import load

double_precision = pieces.double_precision
NAMES = ("total", "sigma", "pi", "pipi")


def sample_distances(seed=0, pairs=pieces.PAIRS):
    """Å; from crowded to no bond at all."""
    rng = np.random.default_rng([3, seed])
    r = rng.uniform(0.8, 2.6, len(pairs))
    r[-1] = 4.9
    return r


def found(r, parameters=None, symbols=pieces.SYMBOLS, pairs=pieces.PAIRS, name="cho"):
    parameters = parameters or pieces.parameters(name)
    whole = jnp.ones(pieces.ROOM).at[: len(pairs)].set(jnp.asarray(r))
    return bond_orders(
        parameters.bond,
        parameters.atom,
        parameters.general,
        species=pieces.species(symbols, load(name)),
        bonds=pieces.bonds(pairs),
        r=whole,
    )


def by_hand(r, symbols=pieces.SYMBOLS, pairs=pieces.PAIRS, force_field=pieces.CHO):
    """(total, sigma, pi, pipi) of each bond, from the numbers of the file."""
    raw = [
        _raw(x, symbols[i], symbols[j], force_field)
        for x, (i, j) in zip(r, pairs, strict=True)
    ]
    S = [
        sum(o[0] * ((i == a) + (j == a)) for o, (i, j) in zip(raw, pairs, strict=True))
        for a in range(len(symbols))
    ]
    return np.array(
        [
            _corrected(o, i, j, S, symbols, force_field)
            for o, (i, j) in zip(raw, pairs, strict=True)
        ]
    )


def _radius(a, b, name, force_field):
    r_a, r_b = (pieces.atom(s, name, force_field) for s in (a, b))
    if r_a <= 0 or r_b <= 0:
        return None
    types = {force_field.elements.index(a), force_field.elements.index(b)}
    for row, pair in enumerate(force_field.off_diagonal_types):
        value = force_field.off_diagonal[row, {"r_s": 3, "r_pi": 4, "r_pipi": 5}[name]]
        if set(pair) == types and value > 0:
            return float(value)
    return 0.5 * (r_a + r_b)


def _raw(r, a, b, force_field):
    p = lambda name: float(force_field.get("bond", (a, b), name))  # noqa: E731
    cut = 0.01 * pieces.general("bo_cut_100", force_field)
    parts = []
    for name, scale, exponent in (
        ("r_s", "p_bo1", "p_bo2"),
        ("r_pi", "p_bo3", "p_bo4"),
        ("r_pipi", "p_bo5", "p_bo6"),
    ):
        radius = _radius(a, b, name, force_field)
        parts.append(
            math.exp(p(scale) * (r / radius) ** p(exponent)) if radius else 0.0
        )
    sigma, pi, pipi = (1.0 + cut) * parts[0], parts[1], parts[2]
    if r > 5.0 or sigma + pi + pipi < cut:
        return 0.0, 0.0, 0.0, 0.0
    return sigma + pi + pipi - cut, sigma - cut, pi, pipi


def _corrected(raw, i, j, S, symbols, force_field):
    order, sigma, pi, pipi = raw
    p = lambda name: float(  # noqa: E731
        force_field.get("bond", (symbols[i], symbols[j]), name)
    )
    at = lambda a, name: pieces.atom(symbols[a], name, force_field)  # noqa: E731
    l1, l2 = (pieces.general(f"p_boc{k}", force_field) for k in (1, 2))
    f1 = f4 = f5 = 1.0
    if p("ovc") >= 0.001:
        D = [S[a] - at(a, "valency") for a in (i, j)]
        f2 = sum(math.exp(-l1 * d) for d in D)
        f3 = -math.log(sum(math.exp(-l2 * d) for d in D) / 2.0) / l2
        f1 = 0.5 * sum(
            (at(a, "valency") + f2) / (at(a, "valency") + f2 + f3) for a in (i, j)
        )
    if p("v13cor") >= 0.001:
        boc3, boc4, boc5 = (
            math.sqrt(at(i, n) * at(j, n)) for n in ("b_o_132", "b_o_131", "b_o_133")
        )
        f4, f5 = (
            1.0 / (1.0 + math.exp(-boc3 * (boc4 * order**2 - D) + boc5))
            for D in (S[a] - _valency_val(a, at) for a in (i, j))
        )
    if p("ovc") >= 0.001 or p("v13cor") >= 0.001:
        order *= f1 * f4 * f5
        pi, pipi = pi * f1 * f1 * f4 * f5, pipi * f1 * f1 * f4 * f5
        sigma = order - pi - pipi
    return tuple(x if x >= 1e-10 else 0.0 for x in (order, sigma, pi, pipi))


def _valency_val(a, at):
    return at(a, "valency_boc" if at(a, "mass") < 21.0 else "valency_val")


@pytest.mark.parametrize("seed", range(4))
def test_orders_are_those_of_the_equations(seed):
    r = sample_distances(seed)
    expected = by_hand(r)
    assert (expected[-1] == 0.0).all() and (expected > 0.01).sum() > 12
    record = found(r)
    for name, column in zip(NAMES, expected.T, strict=True):
        values = getattr(record, name)
        np.testing.assert_allclose(values[: len(r)], column, rtol=1e-11, atol=1e-14)
        np.testing.assert_array_equal(values[len(r) :], 0.0)


def test_a_heavy_element_keeps_its_own_valency_in_the_1_3_correction():
    symbols, pairs = ("S", "C", "S", "O", "H"), ((0, 1), (1, 2), (2, 3), (0, 4))
    chain = dict(symbols=symbols, pairs=pairs)
    r = np.array([1.7, 1.8, 1.5, 1.35])
    expected = by_hand(r, force_field=load("mattsson"), **chain)
    record = found(r, name="mattsson", **chain)
    for name, column in zip(NAMES, expected.T, strict=True):
        np.testing.assert_allclose(getattr(record, name)[:4], column, rtol=1e-11)


@pytest.mark.parametrize(("ovc", "v13cor"), [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_each_correction_is_switched_by_its_own_number(ovc, v13cor):
    r = sample_distances(2)
    force_field = pieces.CHO
    for row in force_field.labels("bond"):
        force_field = force_field.replace(f"bond {row} ovc", float(ovc))
        force_field = force_field.replace(f"bond {row} v13cor", float(v13cor))
    parameters = pieces.parameters()
    bond = replace(
        parameters.bond,
        ovc=jnp.full((3, 3), float(ovc)),
        v13cor=jnp.full((3, 3), float(v13cor)),
    )
    record = found(r, replace(parameters, bond=bond))
    expected = by_hand(r, force_field=force_field)
    for name, column in zip(NAMES, expected.T, strict=True):
        np.testing.assert_allclose(
            getattr(record, name)[: len(r)], column, rtol=1e-11, atol=1e-14
        )


def test_the_order_goes_to_zero_where_the_bond_ends_and_stays_there():
    dimer = dict(symbols=("C", "C"), pairs=((0, 1),))
    parameters = pieces.parameters()
    reach = float(bond_reach(parameters.bond, parameters.general)[0, 0])

    @jax.jit
    def both(r):
        def total(r):
            record = found(r[None], **dimer)
            return sum(x.sum() for x in jax.tree.leaves(record)), record.total[0]

        return jax.value_and_grad(total, has_aux=True)(r)

    for r, bonded in ((reach - 0.02, True), (reach, False), (5.1, False), (9.0, False)):
        (_, total), _ = both(r)
        assert (total > 0) == bonded and total < 1e-3
    for r in (0.3, 1.5, reach, 5.0, 1e6):
        pieces.assert_finite(both(r))


def test_an_over_coordinated_pair_ends_up_at_its_valency():
    """Two atoms alone: BO' f1 = BO' V / (V + BO' - V), and oxygen has V = 2."""
    dimer = dict(symbols=("O", "O"), pairs=((0, 1),))
    for r in (0.75, 0.85):
        assert _raw(r, "O", "O", pieces.CHO)[0] > 2.3
        np.testing.assert_allclose(found(np.array([r]), **dimer).total[0], 2.0,
                                   rtol=1e-9)  # fmt: skip


def test_gradients_match_differences():
    parameters = pieces.parameters()
    r = jnp.array(sample_distances(1))
    weight = jnp.linspace(0.5, 1.5, pieces.ROOM)

    def total(part):
        bond, atom, general, r = part
        whole = replace(parameters, bond=bond, atom=atom, general=general)
        record = found(r, whole)
        return sum((weight * x).sum() for x in jax.tree.leaves(record))

    part = parameters.bond, parameters.atom, parameters.general, r
    gradient = pieces.assert_gradient(total, part, step=1e-5, rtol=1e-6, zeros=False)
    for name in ("p_bo1", "p_bo2", "p_bo3", "p_bo4", "p_bo5", "p_bo6", "r_s", "r_pi",
                 "r_pipi", "p_boc3", "p_boc4", "p_boc5"):  # fmt: skip
        assert (getattr(gradient[0], name) != 0).any(), name
    for name in ("p_boc1", "p_boc2", "bo_cut_100"):
        assert getattr(gradient[2], name) != 0, name


CROWD = tuple((i, j) for i in range(6) for j in range(i))


@jax.jit
def crowd(parameters, species, r, closer, skin):
    """Bounds at distances r, orders at other distances, of six atoms."""
    bonds = pieces.bonds(CROWD)
    bond, general = parameters.bond, parameters.general
    at = species[bonds.i], species[bonds.j]
    bound = order_bound(bond, general, at, r, bonds.mask, skin=skin)
    orders = bond_orders(bond, parameters.atom, general, species=species, bonds=bonds,
                         r=closer)  # fmt: skip
    return bound, jnp.stack([orders.total, orders.sigma, orders.pi, orders.pipi])


@pytest.mark.parametrize("name", ["cho", "lg", "FC", "V_O_C_H", "AuO"])
def test_no_order_exceeds_its_bound_while_atoms_move_within_the_skin(name):
    """Random crowds of all elements, distances shortened by up to the skin."""
    parameters, force_field = pieces.parameters(name), load(name)
    rng = np.random.default_rng(0)
    skin, nothing = jnp.array(0.3), jnp.array(0.0)
    real = [k for k, s in enumerate(force_field.elements) if s != "X"]
    tightest = np.inf
    for _ in range(40):
        species = jnp.array(rng.choice(real, 6))
        r = rng.uniform(0.7, 6.0, pieces.ROOM)
        closer = np.maximum(r - rng.uniform(0.0, 0.3, pieces.ROOM), 0.4)
        bound, orders = crowd(parameters, species, jnp.array(r), closer, skin)
        assert (orders <= bound[None]).all()
        bound, orders = crowd(parameters, species, jnp.array(closer), closer, nothing)
        strong = orders[0] > 0.1
        if strong.any():
            tightest = min(tightest, (bound / orders[0])[strong].min())
    assert tightest < 1.5  # a bound, and not simply a large number


def test_the_bound_holds_for_every_over_coordination_correction():
    """Also where p_boc1, which can be fitted, makes f1 large, or gives it poles."""
    parameters, dimer = pieces.parameters(), dict(symbols=("C", "O"), pairs=((0, 1),))
    pair = pieces.species(dimer["symbols"], pieces.CHO)[jnp.array([[0], [1]])]
    mask = jnp.array([True])
    corrected = replace(parameters.bond, ovc=jnp.ones((3, 3)))

    @jax.jit
    def both(r, p_boc1):
        general = replace(parameters.general, p_boc1=p_boc1)
        changed = replace(parameters, general=general, bond=corrected)
        bound = order_bound(
            corrected, general, tuple(pair), r, mask, skin=jnp.array(0.0)
        )
        return found(r, changed, **dimer).total[0], bound[0]

    growth = []
    for p_boc1 in (-0.1, 0.0, 0.02, 0.1, 0.2, 0.3, 0.36, 0.37, 0.4, 0.6, 1.0, 50.0):
        for r in (1.2, 1.6, 2.0):
            order, bound = both(jnp.array([r]), jnp.array(p_boc1))
            assert order <= bound
            growth.append(order / _raw(r, "C", "O", pieces.CHO)[0])
    assert max(growth) > 4.0


@pytest.mark.parametrize("bo_cut", [0.0, 0.001])
def test_likely_orders_are_those_now_and_some_more(bo_cut):
    """Numbers for all distances, also where the force field cuts nothing off."""
    parameters, pairs = pieces.parameters(), pieces.PAIRS
    general = replace(parameters.general, bo_cut_100=jnp.array(100.0 * bo_cut))
    r = jnp.concatenate([jnp.linspace(0.9, 6.0, len(pairs)), jnp.ones(3)])
    bonds, species = pieces.bonds(pairs), pieces.species()
    bound, likely = order_limits(
        parameters.bond, parameters.atom, general,
        species=species, bonds=bonds, r=r, skin=0.3,
    )  # fmt: skip
    now = bond_orders(
        parameters.bond, parameters.atom, general, species=species, bonds=bonds, r=r
    ).total
    weak = (now > 1e-6) & (now < 0.5 * bound)
    assert weak.any() and (bound == 0).any()
    assert (now <= likely).all() and (likely <= bound).all()
    assert (likely[weak] >= 1.2 * now[weak]).all()
