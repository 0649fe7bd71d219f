"""Parameters of pairs: combination rules, and what overrides them."""

import math
from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import kernel_pieces as pieces
import numpy as np
import pytest

from ase_reaxff_jax.bundled import load
from ase_reaxff_jax.forcefield import column
from ase_reaxff_jax.mixing import mix

double_precision = pieces.double_precision
GEOMETRIC = {"rcore": "rcore2", "ecore": "ecore2", "acore": "acore2"}
OVERRIDDEN = {"D": ("epsilon", 1.0), "alpha": ("alpha", 1.0), "r_vdW": ("r_vdw", 2.0)}


@pytest.mark.parametrize("name", ["cho", "lg", "FC"])
def test_rules_for_every_pair(name):
    force_field, parameters = load(name), pieces.parameters(name)
    rows = {frozenset(t): force_field.off_diagonal[k].tolist()
            for k, t in enumerate(force_field.off_diagonal_types)}  # fmt: skip
    columns = ("D", "r_vdW", "alpha", "r_s", "r_pi", "r_pipi", "lgcij")
    for a, b in np.ndindex(parameters.bond.r_s.shape):
        first, second = force_field.elements[a], force_field.elements[b]

        def both(name, first=first, second=second):
            return [pieces.atom(s, name, force_field) for s in (first, second)]

        row = dict(zip(columns, rows.get(frozenset((a, b)), [-1] * 7), strict=True))
        pair, bond = parameters.pair, parameters.bond
        expected = {n: math.sqrt(math.prod(both(c))) for n, c in GEOMETRIC.items()}
        expected["gamma"] = math.prod(both("gamma")) ** -1.5
        exponent = -pieces.general("p_vdW1", force_field) / 2.0
        expected["gamma_w"] = math.prod(both("gamma_w")) ** exponent
        for n, (c, scale) in OVERRIDDEN.items():
            rule = math.sqrt(math.prod(both(c)))
            expected[n] = scale * (row[n] if row[n] > 0 else rule)
        if force_field.lg:
            lg_scale = pieces.general("lg_scale", force_field)
            expected["lgre"] = 2.0 * lg_scale * math.sqrt(math.prod(both("lgre")))
            rule = math.sqrt(math.prod(both("lgcij")))
            expected["lgcij"] = row["lgcij"] if row["lgcij"] >= 0 else rule
        for n, value in expected.items():
            np.testing.assert_allclose(getattr(pair, n)[a, b], value, rtol=1e-13)

        expected = {
            n: math.sqrt(math.prod(both(c)))
            for n, c in (("p_boc3", "b_o_132"), ("p_boc4", "b_o_131"),
                         ("p_boc5", "b_o_133"))
        }  # fmt: skip
        for n in ("r_s", "r_pi", "r_pipi"):
            mixed = row[n] if row[n] > 0 else sum(both(n)) / 2.0
            expected[n] = mixed if min(both(n)) > 0 else 0.0
        for n, value in expected.items():
            np.testing.assert_allclose(getattr(bond, n)[a, b], value, rtol=1e-13)


def changed(**values):
    force_field = pieces.CHO
    for name, value in values.items():
        force_field = force_field.replace(name.replace("__", " "), value)
    return mix(force_field)


def test_values_that_are_not_positive_leave_the_rule():
    by_rule = changed(off_diagonal__C__H__D=-1.0).pair.D[0, 1]
    np.testing.assert_allclose(by_rule, math.sqrt(0.1853 * 0.0419), rtol=1e-14)
    for value in (0.0, -0.5):
        assert changed(off_diagonal__C__H__D=value).pair.D[0, 1] == by_rule
    assert changed(off_diagonal__C__H__D=0.2).pair.D[1, 0] == 0.2


def test_an_off_diagonal_radius_makes_no_bond_that_the_atoms_lack():
    bond = changed(off_diagonal__C__H__r_pi=1.2).bond
    assert bond.r_pi[0, 1] == 0.0  # hydrogen has no pi radius
    assert changed(atom__C__r_pi=0.0).bond.r_pi[0, 2] == 0.0  # nor has carbon now


def test_light_elements_take_the_valency_of_the_angle_terms():
    force_field = load("cho").replace("atom C valency_val", 3.1)
    assert mix(force_field).atom.valency_val[0] == 4.0
    heavy = force_field.replace("atom C mass", 21.5)
    assert mix(heavy).atom.valency_val[0] == 3.1
    assert mix(heavy).atom.heavy.tolist() == [True, False, False]


def test_of_several_rows_for_a_pair_the_last_counts_whichever_way_it_is_written():
    force_field = pieces.CHO
    twice = replace(
        force_field,
        off_diagonal_types=(*force_field.off_diagonal_types, (1, 0), (0, 7)),
        off_diagonal=np.concatenate([force_field.off_diagonal, np.full((2, 7), 0.37)]),
    )
    assert mix(twice).pair.D[0, 1] == mix(twice).pair.D[1, 0] == 0.37
    assert mix(twice).pair.D[0, 0] == mix(force_field).pair.D[0, 0]


def test_a_pair_without_a_bond_row_is_marked():
    exists = pieces.parameters("lg").bond.exists
    sulfur = load("lg").elements.index("S")
    assert not exists[sulfur, :sulfur].any() and exists[:sulfur, :sulfur].all()


def test_sections_without_rows_leave_one_for_padding_to_read():
    parameters = pieces.parameters("ci-reax.CH")
    assert len(load("ci-reax.CH").hydrogen_bond) == 0
    assert parameters.hydrogen_bond.r0_hb.shape == (1,)


def test_numbers_of_the_sections_are_passed_on_in_their_columns():
    parameters = pieces.parameters()
    for section in ("general", "angle", "torsion", "hydrogen_bond"):
        record = getattr(parameters, section)
        values = getattr(pieces.CHO, section)
        for name in record.__dataclass_fields__:
            expected = values[..., column(section, name)]
            np.testing.assert_array_equal(getattr(record, name), expected)


@pytest.mark.parametrize("name", ["lg", "FC"])
def test_gradients_are_finite_also_where_numbers_are_zero(name):
    force_field = jax.tree.map(jnp.asarray, load(name))

    def total(force_field):
        floats = eqx.filter(mix(force_field), eqx.is_inexact_array)
        return sum(x.sum() for x in jax.tree.leaves(floats))

    pieces.assert_finite(jax.jit(jax.grad(total))(force_field))
