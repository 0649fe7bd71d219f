"""Charges of real equations: against NumPy, and their derivatives of two orders."""

from functools import cache

import jax
import jax.numpy as jnp
import kernel_pieces as pieces
import numpy as np
import pytest

from ase_reaxff_jax.charges.eem import ChargeEquations, solver_of
from ase_reaxff_jax.options import Options, form_of
from ase_reaxff_jax.pairs import distances, half_list
from ase_reaxff_jax.precision import scope
from ase_reaxff_jax.taper import taper
from ase_reaxff_jax.terms.coulomb import inverse_distance

double_precision = pieces.double_precision
SYMBOLS = ("O", "H", "H", "C", "O")
ATOMS, ROOM = len(SYMBOLS), 8
POSITIONS = np.array(
    [
        [0.0, 0.1, 0.0],
        [0.9, 0.2, 0.1],
        [-0.3, 0.9, 0.2],
        [2.0, -1.4, 0.3],
        [2.6, -2.1, 1.1],
    ]
)
MASK = np.arange(ROOM) < ATOMS
PAIRS = [(i, j) for i in range(ATOMS) for j in range(i)]
METHODS = ("direct", "iterative")


def options(method, **changed):
    changed = {"charge_tolerance": 1e-13, **changed}
    return Options(**form_of(pieces.CHO), charge_method=method, **changed)


def lists():
    """Every pair once; what is left of the rows reads an image far away."""
    far = np.full((ROOM, ATOMS), ROOM, np.int32)
    for i, j in PAIRS:
        far[i, j] = j
    species = np.zeros(ROOM, np.int32)
    species[:ATOMS] = [pieces.CHO.elements.index(s) for s in SYMBOLS]
    return half_list(jnp.array(far), jnp.arange(ROOM), jnp.array(species))


def equations(positions, parameters):
    pairs = lists()
    images = jnp.concatenate(
        [positions, jnp.zeros((ROOM - ATOMS, 3)), jnp.full((1, 3), 1e6)]
    )
    r, general = distances(images, pairs), parameters.general
    tapered = taper(r, general.swa, general.swb)
    gamma = parameters.pair.gamma[pairs.species[:, None], pairs.species_j]
    return ChargeEquations(
        inverse=inverse_distance(gamma, r=r, tapered=tapered),
        diagonal=2.0 * parameters.atom.eta[pairs.species],
        chi=jnp.where(jnp.array(MASK), parameters.atom.chi[pairs.species], 0.0),
        pairs=pairs,
        mask=jnp.array(MASK),
    )


def charges(positions, parameters, total, method, **changed):
    chosen = equations(positions, parameters)
    solve = solver_of(chosen, options(method, **changed))
    scale = jnp.linalg.norm(chosen.chi)
    return solve(-chosen.chi, total, scale, jnp.zeros(ROOM))


def by_hand(positions, total):
    """Charges from the file's numbers; the bordered matrix in NumPy."""
    whole, right = np.zeros((ATOMS + 1, ATOMS + 1)), np.full(ATOMS + 1, total)
    for i, a in enumerate(SYMBOLS):
        whole[i, i] = 2.0 * pieces.atom(a, "eta")
        right[i] = -pieces.atom(a, "chi")
        whole[i, ATOMS] = whole[ATOMS, i] = 1.0
    for i, j in PAIRS:
        r = np.linalg.norm(positions[i] - positions[j])
        x = r / 10.0
        tap = 20 * x**7 - 70 * x**6 + 84 * x**5 - 35 * x**4 + 1
        gamma = pieces.atom(SYMBOLS[i], "gamma") * pieces.atom(SYMBOLS[j], "gamma")
        whole[i, j] = whole[j, i] = 14.4 * tap / np.cbrt(r**3 + gamma**-1.5)
    return np.linalg.solve(whole, right)[:ATOMS]


@pytest.mark.parametrize("total", [0.0, 1.0])
@pytest.mark.parametrize("method", METHODS)
def test_charges_are_those_of_numpy(method, total):
    found = charges(jnp.array(POSITIONS), pieces.parameters(), jnp.array(total), method)
    np.testing.assert_allclose(found.x[:ATOMS], by_hand(POSITIONS, total), atol=1e-12)
    np.testing.assert_array_equal(found.x[ATOMS:], 0.0)
    assert found.outcome.converged


def test_the_matrix_and_its_product_are_the_same():
    chosen = equations(jnp.array(POSITIONS), pieces.parameters())
    q = jnp.array(np.random.default_rng(0).normal(size=ROOM))
    dense = chosen.dense()
    np.testing.assert_array_equal(dense, dense.T)
    expected = np.where(MASK, dense @ np.where(MASK, q, 0.0), 0.0)
    np.testing.assert_allclose(chosen.times(jnp.where(MASK, q, 0.0)), expected,
                               atol=1e-12)  # fmt: skip
    np.testing.assert_array_equal(dense[ATOMS:, ATOMS:], np.eye(ROOM - ATOMS))


@cache
def derivatives(method):
    """First and second derivatives of weighted charges along random directions.

    Directions move positions, every parameter of the equations and the total charge.
    Returns value, first and second derivative as functions of the distance, compiled.
    """
    with scope("float64"):
        rng = np.random.default_rng(5)
        weight = jnp.array(rng.normal(size=ROOM))
        parameters = pieces.parameters()
        along = jnp.array(rng.normal(size=(ATOMS, 3)))
        change = jax.tree.map(
            lambda x: jnp.array(rng.uniform(-0.1, 0.1, x.shape)),
            (parameters.atom.chi, parameters.atom.eta, parameters.general.swb),
        )

        def value(t):
            chi, eta, swb = (
                x + t * d
                for x, d in zip(
                    (parameters.atom.chi, parameters.atom.eta, parameters.general.swb),
                    change,
                    strict=True,
                )
            )
            moved = pieces.with_parts(parameters, chi=chi, eta=eta, swb=swb)
            positions = jnp.array(POSITIONS) + t * along
            found = charges(positions, moved, 0.3 + 0.2 * t, method)
            return weight @ found.x + 0.1 * found.mu

        first = jax.grad(value)
        return jax.jit(value), jax.jit(first), jax.jit(jax.grad(first))


@pytest.mark.parametrize("method", METHODS)
def test_derivatives_of_two_orders_match_differences(method):
    value, first, second = derivatives(method)
    h = 1e-3
    for lower, upper in ((value, first), (first, second)):
        f = [lower(k * h) for k in (-2.0, -1.0, 1.0, 2.0)]
        difference = (f[0] - f[3] + 8.0 * (f[2] - f[1])) / (12.0 * h)
        assert abs(difference) > 1e-2
        np.testing.assert_allclose(upper(0.0), difference, rtol=1e-8)


def test_forward_and_reverse_derivatives_agree():
    def x(positions):
        return charges(positions, pieces.parameters(), jnp.array(0.0), "iterative").x

    at = jnp.array(POSITIONS)
    forward, reverse = jax.jit(jax.jacfwd(x))(at), jax.jit(jax.jacrev(x))(at)
    np.testing.assert_allclose(forward, reverse, atol=1e-10)
    np.testing.assert_allclose(forward.sum(axis=0), 0.0, atol=1e-10)  # total charge
    np.testing.assert_allclose(forward.sum(axis=1), 0.0, atol=1e-10)  # translation


@pytest.mark.parametrize("method", METHODS)
def test_two_atoms_on_top_of_each_other_are_indefinite(method):
    """gamma too large for the hardness: the polarisation catastrophe is flagged."""
    parameters = pieces.parameters()
    soft = pieces.with_parts(
        parameters, chi=parameters.atom.chi, eta=0.05 * parameters.atom.eta,
        swb=parameters.general.swb,
    )  # fmt: skip
    found = charges(jnp.array(0.3 * POSITIONS), soft, jnp.array(0.0), method)
    assert found.outcome.indefinite and not found.outcome.converged
    eigenvalues = np.linalg.eigvalsh(
        equations(jnp.array(0.3 * POSITIONS), soft).dense()
    )
    assert eigenvalues[0] < 0


def test_too_few_iterations_are_reported():
    found = charges(jnp.array(POSITIONS), pieces.parameters(), jnp.array(0.0),
                    "iterative", charge_iterations=1)  # fmt: skip
    assert not found.outcome.converged and not found.outcome.indefinite
    assert found.outcome.residual > 1e-4
