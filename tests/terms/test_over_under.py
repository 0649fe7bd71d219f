"""Over- and under-coordination."""

import math
from dataclasses import replace
from functools import cache

import jax
import jax.numpy as jnp
import kernel_pieces as pieces
import numpy as np
import pytest

from ase_reaxff_jax.bundled import load
from ase_reaxff_jax.terms.over_under import over_under_energy

double_precision = pieces.double_precision
HEAVY = dict(  # sulfur is above mass 21, its neighbours are not
    symbols=("C", "S", "O", "H", "S", "N"),
    pairs=((0, 1), (1, 2), (1, 3), (1, 4), (4, 5), (0, 5)),
)


@cache
def sulfur():
    return load("mattsson")


def energies(parameters, orders, around, *, symbols, pairs, force_field):
    return over_under_energy(
        parameters.atom,
        parameters.bond,
        parameters.general,
        species=pieces.species(symbols, force_field),
        bonds=pieces.bonds(pairs),
        orders=pieces.orders_record(orders),
        around=around,
    )


def by_hand(orders, symbols, pairs, force_field):
    around = pieces.coordination_by_hand(
        orders.sum(axis=1), symbols, pairs, force_field
    )
    g = {name: pieces.general(f"p_ovun{name}", force_field) for name in (3, 4, 6, 7, 8)}
    values = []
    for a, symbol in enumerate(symbols):
        p = {
            name: pieces.atom(symbol, name, force_field)
            for name in ("mass", "valency", "p_ovun2", "p_ovun5")
        }
        light = 0.0 if p["mass"] > 21.0 else 1.0
        lp = np.where(
            [pieces.atom(s, "mass", force_field) > 21.0 for s in symbols],
            0.0,
            around["delta_lp"],
        )
        s1 = s2 = 0.0
        for (i, j), (sigma, pi, pipi) in zip(pairs, orders, strict=True):
            for centre, other in ((i, j), (j, i)):
                if centre == a:
                    pair = (symbols[i], symbols[j])
                    p_ovun1 = force_field.get("bond", pair, "p_ovun1")
                    De_s = force_field.get("bond", pair, "De_s")
                    s1 += p_ovun1 * De_s * (sigma + pi + pipi)
                    s2 += (around["delta"][other] - light * lp[other]) * (pi + pipi)
        D = around["delta"][a] - light * lp[a] / (1.0 + g[3] * math.exp(g[4] * s2))
        over = s1 * D / ((D + p["valency"] + 1e-8) * (1.0 + math.exp(p["p_ovun2"] * D)))
        under = -p["p_ovun5"] * (1.0 - math.exp(g[6] * D))
        under /= 1.0 + math.exp(-p["p_ovun2"] * D)
        under /= 1.0 + g[7] * math.exp(g[8] * s2)
        values.append(over + under)
    return values


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_atom_pays_what_the_equation_says(seed):
    orders = pieces.sample_orders(seed)
    sample = dict(symbols=pieces.SYMBOLS, pairs=pieces.PAIRS, force_field=pieces.CHO)
    around = pieces.coordination_record(orders.sum(axis=1))
    found = energies(pieces.parameters(), orders, around, **sample)
    np.testing.assert_allclose(found, by_hand(orders, **sample), rtol=1e-11)


def test_heavy_elements_leave_lone_pairs_out_their_own_and_their_neighbours():
    rng = np.random.default_rng(3)
    orders = rng.uniform([0.4, 0.1, 0.0], [1.0, 0.6, 0.2], (len(HEAVY["pairs"]), 3))
    sample = dict(HEAVY, force_field=sulfur())
    around = pieces.coordination_record(orders.sum(axis=1), **sample)
    assert around.delta_lp[1] != 0 and around.delta_lp_light[1] == 0
    found = energies(pieces.parameters("mattsson"), orders, around, **sample)
    np.testing.assert_allclose(found, by_hand(orders, **sample), rtol=1e-11)


def test_a_lone_atom_is_under_coordinated_and_everything_is_finite():
    sample = dict(symbols=("C",), pairs=())
    around = pieces.coordination_record(np.zeros(0), **sample)
    sample["force_field"] = pieces.CHO
    found = energies(pieces.parameters(), np.zeros((0, 3)), around, **sample)
    np.testing.assert_allclose(found, by_hand(np.zeros((0, 3)), **sample), rtol=1e-12)
    assert found[0] != 0

    sample = dict(symbols=("C", "O"), pairs=((0, 1),), force_field=pieces.CHO)
    for order in (0.0, 1e-10, 1e-8, 12.0, 40.0):

        def total(orders, delta, order=order):
            pair = {k: sample[k] for k in ("symbols", "pairs")}
            around = pieces.coordination_record([order], **pair)
            around = replace(around, delta=delta)
            return energies(pieces.parameters(), orders, around, **sample).sum()

        delta = pieces.coordination_record([order], **{
            k: sample[k] for k in ("symbols", "pairs")}).delta  # fmt: skip
        orders = jnp.array([[0.5 * order, 0.5 * order, 0.0]])
        pieces.assert_finite(jax.value_and_grad(total, (0, 1))(orders, delta))


def test_gradients_match_differences():
    orders = pieces.sample_orders()
    sample = dict(symbols=pieces.SYMBOLS, pairs=pieces.PAIRS, force_field=pieces.CHO)
    around = pieces.coordination_record(orders.sum(axis=1))
    parameters = pieces.parameters()
    weight = jnp.linspace(0.5, 1.5, len(pieces.SYMBOLS))

    def total(part):
        atom, bond, general, orders, delta, delta_lp = part
        whole = replace(parameters, atom=atom, bond=bond, general=general)
        now = replace(around, delta=delta, delta_lp_light=delta_lp)
        return (weight * energies(whole, orders, now, **sample)).sum()

    part = (
        parameters.atom, parameters.bond, parameters.general, jnp.asarray(orders),
        around.delta, around.delta_lp_light,
    )  # fmt: skip
    gradient = pieces.assert_gradient(total, part, step=1e-5, atol=1e-7)
    atom, bond, general = gradient[:3]
    assert (atom.p_ovun2 != 0).all()
    assert (atom.p_ovun5[jnp.array([0, 2])] != 0).all()
    assert bond.p_ovun1[0, 2] != 0
    for k in (3, 4, 6, 7, 8):
        assert getattr(general, f"p_ovun{k}") != 0


def test_agrees_with_lammps():
    pieces.assert_lammps_term("over_under")
