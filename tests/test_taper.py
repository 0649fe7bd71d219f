"""The taper of non-bonded energies."""

import jax
import jax.numpy as jnp
import kernel_pieces as pieces
import numpy as np
import pytest

from ase_reaxff_jax.taper import taper

double_precision = pieces.double_precision


@pytest.mark.parametrize(("swa", "swb"), [(0.0, 10.0), (0.0, 7.0), (2.0, 9.0)])
def test_the_polynomial(swa, swb):
    r = np.linspace(0.1, 0.999 * swb, 40)
    x = (r - swa) / (swb - swa)
    expected = 20 * x**7 - 70 * x**6 + 84 * x**5 - 35 * x**4 + 1
    found = taper(jnp.array(r), jnp.array(swa), jnp.array(swb))
    np.testing.assert_allclose(found, expected, atol=1e-13)


def test_one_at_the_lower_radius_and_exactly_zero_beyond_the_upper():
    swa, swb = jnp.array(1.5), jnp.array(10.0)
    assert taper(jnp.array([1.5]), swa, swb)[0] == 1.0
    far = jnp.array([10.0 + 1e-12, 11.0, 1e6, 1e30])
    np.testing.assert_array_equal(taper(far, swa, swb), 0.0)
    gradient = jax.grad(lambda r, *at: taper(r, *at).sum(), (0, 1, 2))(far, swa, swb)
    pieces.assert_finite(gradient)


def test_three_derivatives_vanish_at_both_ends():
    def value(r):
        return taper(r[None], jnp.array(0.0), jnp.array(10.0))[0]

    for order in (1, 2, 3):
        value = jax.grad(value)
        inside = abs(value(jnp.array(5.5)))
        for end in (0.0, 10.0):
            assert abs(value(jnp.array(end))) < 1e-11 < inside, order


def test_single_precision_loses_nothing_near_the_end():
    """Sums of large terms that cancel would be wrong by 1e-5 there."""
    r = np.linspace(0.1, 9.99, 200)
    exact, slope = (
        jax.vmap(f)(jnp.array(r))
        for f in (_at, jax.grad(_at))
    )  # fmt: skip
    rounded = jax.vmap(_at)(jnp.array(r, jnp.float32))
    assert rounded.dtype == jnp.float32
    # What the rounded distance itself makes of it, and a few units in the last place.
    allowed = 1e-7 * r * abs(np.asarray(slope)) + 2e-6 * np.asarray(exact)
    assert (abs(rounded - exact) <= allowed).all()


def _at(r):
    return taper(r, jnp.zeros_like(r), jnp.full_like(r, 10.0))
