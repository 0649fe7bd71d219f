"""Van der Waals energy: shielded, with an inner wall, with low-gradient dispersion."""

import math
from dataclasses import replace

import jax
import jax.numpy as jnp
import kernel_pieces as pieces
import numpy as np
import pytest

from ase_reaxff_jax.bundled import load
from ase_reaxff_jax.options import Options, form_of
from ase_reaxff_jax.taper import taper
from ase_reaxff_jax.terms.van_der_waals import van_der_waals_energy

double_precision = pieces.double_precision
DISTANCES = (0.3, 0.9, 1.6, 2.7, 3.9, 7.3, 9.9)
PAIRS = (("C", "C"), ("C", "H"), ("O", "H"), ("H", "H"))


def energies(pair, general, r, options):
    tapered = taper(r, general.swa, general.swb)
    return van_der_waals_energy(pair, general, r=r, tapered=tapered, options=options)


def of_pair(name, first, second):
    """Options, general parameters, and those of one pair of elements."""
    force_field, parameters = load(name), pieces.parameters(name)
    a, b = (force_field.elements.index(s) for s in (first, second))
    pair = jax.tree.map(lambda table: table[a, b][None], parameters.pair)
    options = Options(**form_of(force_field))
    return options, parameters.general, pair


def by_hand(name, first, second, r):
    force_field = load(name)
    columns = ["r_vdw", "epsilon", "alpha", "gamma_w", "rcore2", "ecore2", "acore2"]
    columns += ["lgcij", "lgre"] if force_field.lg else []
    mean = {}
    for column in columns:
        a, b = (pieces.atom(s, column, force_field) for s in (first, second))
        mean[column] = math.sqrt(a * b)
    D, alpha, r_vdW = mean["epsilon"], mean["alpha"], 2.0 * mean["r_vdw"]
    lgcij = mean.get("lgcij")
    types = tuple(sorted(force_field.elements.index(s) for s in (first, second)))
    for row, pair in enumerate(force_field.off_diagonal_types):
        if tuple(sorted(pair)) == types:
            values = force_field.off_diagonal[row].tolist()
            D = values[0] if values[0] > 0 else D
            r_vdW = 2.0 * values[1] if values[1] > 0 else r_vdW
            alpha = values[2] if values[2] > 0 else alpha
            lgcij = values[6] if values[6] >= 0 else lgcij
    g = lambda column: pieces.general(column, force_field)  # noqa: E731
    leader = force_field.elements[0]
    core = all(pieces.atom(leader, x, force_field) > 0.01 for x in ("rcore2", "acore2"))
    rho = r
    if pieces.atom(leader, "gamma_w", force_field) > 0.5:
        power = g("p_vdW1")
        rho = (r**power + mean["gamma_w"] ** -power) ** (1.0 / power)
    energy = D * math.exp(alpha * (1.0 - rho / r_vdW))
    energy -= 2.0 * D * math.exp(0.5 * alpha * (1.0 - rho / r_vdW))
    if core:
        energy += mean["ecore2"] * math.exp(mean["acore2"] * (1.0 - r / mean["rcore2"]))
        if force_field.lg:
            radius = 2.0 * g("lg_scale") * mean["lgre"]
            energy -= lgcij / (r**6 + radius**6)
    if r > g("swb"):
        return 0.0
    x = (r - g("swa")) / (g("swb") - g("swa"))
    return energy * (20 * x**7 - 70 * x**6 + 84 * x**5 - 35 * x**4 + 1)


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
@pytest.mark.parametrize("name", ["cho", "lg", "ci-reax.CH", "V_O_C_H"])
def test_the_value_of_the_equation(name, pair):
    if not set(pair) <= set(load(name).elements):
        pair = ("C", "H")
    options, general, parameters = of_pair(name, *pair)
    found = [energies(parameters, general, jnp.array([r]), options)[0]
             for r in DISTANCES]  # fmt: skip
    expected = [by_hand(name, *pair, r) for r in DISTANCES]
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-13)


def test_the_forms_that_are_meant_are_met():
    forms = {n: form_of(load(n)) for n in ("cho", "lg", "mattsson")}
    found = {n: (f["shielding"], f["inner_wall"], f["lg"]) for n, f in forms.items()}
    assert found["cho"] == (True, False, False)
    assert found["lg"][1:] == (True, True)


@pytest.mark.parametrize("name", ["cho", "lg"])
def test_zero_from_the_cutoff_on_with_finite_gradients(name):
    options, general, pair = of_pair(name, "C", "H")

    def total(pair, general, r):
        return energies(pair, general, r, options).sum()

    cutoff = float(general.swb)
    for r, zero in ((cutoff * (1 + 1e-9), True), (1e6, True), (cutoff, True),
                    (cutoff - 0.5, False), (1e-3, False)):  # fmt: skip
        value, gradients = jax.value_and_grad(total, (0, 1, 2))(
            pair, general, jnp.array([r])
        )
        assert (abs(value) < 1e-12) == zero
        assert value == 0.0 or r <= cutoff
        pieces.assert_finite(gradients)


def test_with_an_inner_wall_but_no_shielding_the_distance_is_the_plain_one():
    options, general, pair = of_pair("lg", "C", "O")
    options = replace(options, shielding=False, lg=False)
    p = {name: float(getattr(pair, name)[0]) for name in pair.__dataclass_fields__}
    for r in (1.5, 3.7):
        half = math.exp(0.5 * p["alpha"] * (1.0 - r / p["r_vdW"]))
        expected = p["D"] * (half**2 - 2.0 * half)
        expected += p["ecore"] * math.exp(p["acore"] * (1.0 - r / p["rcore"]))
        x = r / 10.0
        expected *= 20 * x**7 - 70 * x**6 + 84 * x**5 - 35 * x**4 + 1
        found = energies(pair, general, jnp.array([r]), options)[0]
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_an_element_without_inner_wall_among_those_with_one_has_finite_gradients():
    options, general, pair = of_pair("lg", "C", "C")
    zero = jnp.zeros(1)
    without = replace(pair, rcore=zero, ecore=zero, acore=zero, lgcij=zero, lgre=zero)
    plain = replace(options, inner_wall=False, lg=False)
    r = jnp.array([2.0])
    value, gradient = jax.value_and_grad(
        lambda pair: energies(pair, general, r, options).sum()
    )(without)
    np.testing.assert_allclose(value, energies(pair, general, r, plain)[0], rtol=1e-13)
    pieces.assert_finite(gradient)


@pytest.mark.parametrize("name", ["cho", "lg"])
def test_gradients_match_differences(name):
    options, general, pair = of_pair(name, "C", "O")
    pair = jax.tree.map(lambda x: jnp.repeat(x, len(DISTANCES)), pair)
    # Of pairs of very different size: weighed to be alike.
    r = jnp.array(DISTANCES)
    weight = 1.0 / (0.1 + abs(energies(pair, general, r, options)))

    def total(part):
        pair, general, r = part
        return (weight * energies(pair, general, r, options)).sum()

    gradient = pieces.assert_gradient(total, (pair, general, r), step=1e-5, rtol=1e-6)
    names = ["D", "alpha", "r_vdW", "gamma_w"]
    names += ["rcore", "ecore", "acore", "lgcij", "lgre"] if name == "lg" else []
    assert all((getattr(gradient[0], n)[:3] != 0).all() for n in names)
    assert gradient[1].p_vdW1 != 0 and gradient[1].swb != 0


@pytest.mark.parametrize("name", ["cho-slab", "lg-wire"])
def test_agrees_with_lammps(name):
    pieces.assert_lammps_term("van_der_waals", name)
