"""Functions with finite derivatives: values, limits, and both orders of derivatives."""

import jax
import jax.numpy as jnp
import kernel_pieces as pieces
import numpy as np
import pytest

from ase_reaxff_jax import safe
from ase_reaxff_jax.precision import scope

double_precision = pieces.double_precision
FUNCTIONS = {
    "power": lambda x: safe.power(x, 0.45),
    "a high power": lambda x: safe.power(x, 37.7),
    "exponent": lambda x: safe.power(jnp.full_like(x, 0.3), jnp.maximum(x, -9.0)),
    "exponent of nothing": lambda x: safe.power(jnp.zeros_like(x), x),
    "sqrt": safe.sqrt,
    "norm": lambda x: safe.norm(jnp.stack([x, x, x], -1), x > 0),
    "exp": safe.exp,
    "deviation": lambda x: safe.from_straight(-jnp.cos(x), jnp.sin(x) ** 2)[0],
    "its square": lambda x: safe.from_straight(-jnp.cos(x), jnp.sin(x) ** 2)[1],
}
POINTS = (-1e3, -1.0, -0.0, 0.0, 1e-12, 1e-3, 1.0, 3.0, 900.0)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_derivatives_are_finite(name):
    x = jnp.array(POINTS)
    function = FUNCTIONS[name]
    first = jax.grad(lambda x: function(x).sum())
    pieces.assert_finite(jax.jit(lambda x: (function(x), first(x)))(x))
    if name not in ("power", "sqrt", "deviation"):  # these grow at zero
        pieces.assert_finite(jax.grad(lambda x: first(x).sum())(x))


def test_powers_are_those_of_numpy_and_zero_without_a_base():
    base, exponent = np.meshgrid([1e-8, 0.2, 1.0, 3.0], [-1.5, 0.0, 0.45, 6.8])
    found = safe.power(jnp.array(base), jnp.array(exponent))
    np.testing.assert_allclose(found, base**exponent, rtol=1e-13)
    for x in (0.0, -0.5):
        value, gradients = jax.value_and_grad(safe.power, (0, 1))(x, 0.45)
        assert value == 0.0 and gradients == (0.0, 0.0)


def test_the_exponential_stops_where_its_fourth_power_would_overflow():
    for x in (-800.0, -1.0, 0.0, 170.0):
        np.testing.assert_allclose(safe.exp(jnp.array(x)), np.exp(x), rtol=1e-14)
    large, gradient = jax.value_and_grad(safe.exp)(jnp.array(1e4))
    assert np.isfinite((0.9 * large) ** 4) and large > 1e70 and gradient == 0.0
    single = safe.exp(jnp.array(1e4, jnp.float32))
    assert single.dtype == jnp.float32 and np.isfinite((0.9 * single) ** 4)


def test_second_derivatives_are_finite_in_single_precision():
    def switch(s):  # as that of torsions
        fall = safe.exp(-24.0 * s)
        return (2.0 + fall) / (1.0 + fall + safe.exp(9.0 * s))

    at = jnp.array([-8.0, -1.3, 0.0, 1.0, 4.0, 8.0], jnp.float32)
    second = jax.vmap(jax.grad(jax.grad(switch)))(at)
    exact = jax.vmap(jax.grad(jax.grad(switch)))(at.astype(float))
    np.testing.assert_allclose(second, exact, rtol=1e-4, atol=1e-4)
    nothing = jnp.array([0.0, 1e-38, 1e-25, 1e-18, 1e-9], jnp.float32)
    for name in ("sqrt", "deviation"):
        pieces.assert_finite(jax.vmap(jax.grad(jax.grad(FUNCTIONS[name])))(nothing))


def test_norms_of_padding_are_one():
    vectors = jnp.array([[3.0, 4.0, 0.0], [0.0, 0.0, 0.0]])
    mask = jnp.array([True, False])
    np.testing.assert_array_equal(safe.norm(vectors, mask), [5.0, 1.0])
    gradient = jax.grad(lambda v: safe.norm(v, mask).sum())(vectors)
    np.testing.assert_allclose(gradient, [[0.6, 0.8, 0.0], [0.0, 0.0, 0.0]])


@pytest.mark.parametrize("bend", [0.0, 1e-8, 1e-4, 9.9e-3, 1.01e-2, 0.3, 1.6, 3.1])
def test_the_deviation_from_a_straight_line_and_its_square(bend):
    cosine, square = jnp.array(-np.cos(bend)), jnp.array(np.sin(bend) ** 2)
    deviation, squared = safe.from_straight(cosine, square)
    np.testing.assert_allclose(deviation, bend, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(squared, bend**2, rtol=1e-11, atol=1e-30)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_inverse_cube_root_and_its_derivatives(dtype):
    with scope(dtype):
        x = jnp.geomspace(1e-3, 1e18, 200, dtype=dtype)
        exact = np.asarray(x, float) ** (-1.0 / 3.0)
        tolerance = dict(rtol=2e-15 if dtype == "float64" else 3e-6)
        np.testing.assert_allclose(safe.inverse_cube_root(x), exact, **tolerance)
        first = jax.vmap(jax.grad(safe.inverse_cube_root))
        np.testing.assert_allclose(
            first(x), -exact / (3.0 * np.asarray(x, float)), **tolerance
        )
        near = x[:50]
        second = jax.vmap(jax.grad(jax.grad(safe.inverse_cube_root)))(near)
        expected = 4.0 / 9.0 * exact[:50] / np.asarray(near, float) ** 2
        np.testing.assert_allclose(second, expected, **tolerance)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_logarithm_and_its_derivatives(dtype):
    with scope(dtype):
        near_one = 1.0 + np.geomspace(1e-12, 0.4, 40)
        points = np.concatenate(
            [np.geomspace(1e-30, 1e30, 400), near_one, 1 / near_one]
        )
        x = jnp.asarray(points, dtype)
        exact = np.log(np.asarray(x, float))
        tolerance = dict(rtol=1e-15 if dtype == "float64" else 1e-6, atol=1e-37)
        np.testing.assert_allclose(safe.log(x), exact, **tolerance)
        first = jax.vmap(jax.grad(safe.log))(x)
        np.testing.assert_allclose(first, 1 / np.asarray(x, float), **tolerance)
        middle = x[150:250]
        second = jax.vmap(jax.grad(jax.grad(safe.log)))(middle)
        np.testing.assert_allclose(
            second, -(np.asarray(middle, float) ** -2), **tolerance
        )


def test_the_logarithm_is_a_number_for_padding():
    assert np.all(np.isfinite(safe.log(jnp.array([0.0, 1e40, 1e300, jnp.inf]))))
    assert np.isnan(safe.log(jnp.array(jnp.nan)))
