"""Both solvers of the charge equations against NumPy's of the bordered matrix."""

import jax
import jax.numpy as jnp
import kernel_pieces as pieces
import numpy as np
import pytest

from ase_reaxff_jax.charges import solvers

double_precision = pieces.double_precision
ATOMS, PADDING = 12, 4
MASK = np.arange(ATOMS + PADDING) < ATOMS
METHODS = ("direct", "stationary", "iterative")


def matrix(seed=0, atoms=ATOMS, lowest=1.0):
    """Symmetric, with eigenvalues from `lowest` to 20."""
    rng = np.random.default_rng(seed)
    basis, _ = np.linalg.qr(rng.normal(size=(atoms, atoms)))
    return basis @ np.diag(np.linspace(lowest, 20.0, atoms)) @ basis.T


def padded(H):
    whole = np.eye(ATOMS + PADDING)
    whole[:ATOMS, :ATOMS] = H
    return whole


def right_side(seed=0):
    b = np.random.default_rng([1, seed]).normal(size=ATOMS + PADDING)
    return np.where(MASK, b, 0.0)


def solver(method, H, *, tolerance=1e-13, iterations=200):
    H = jnp.array(padded(H))
    if method != "iterative":
        return getattr(solvers, method)(H, jnp.array(MASK))
    return solvers.projected_conjugate_gradients(
        lambda x: jnp.where(MASK, H @ x, 0.0),
        jnp.where(MASK, jnp.diag(H), 7.0),  # what stands on padding must not matter
        jnp.array(MASK),
        tolerance=tolerance,
        iterations=iterations,
    )


def solve(method, H, b, total, *, guess=None, scale=None, **options):
    guess = jnp.full(ATOMS + PADDING, 0.3) if guess is None else jnp.array(guess)
    scale = jnp.array(np.linalg.norm(b) if scale is None else scale)
    invert = solver(method, H, **options)
    return jax.jit(invert)(jnp.array(b), jnp.array(total), scale, guess)


def bordered(H, b, total):
    whole = np.zeros((ATOMS + 1, ATOMS + 1))
    whole[:ATOMS, :ATOMS] = H
    whole[ATOMS, :ATOMS] = whole[:ATOMS, ATOMS] = 1.0
    solution = np.linalg.solve(whole, np.append(b[:ATOMS], total))
    return solution[:ATOMS], solution[ATOMS]


@pytest.mark.parametrize("total", [0.0, -1.5])
@pytest.mark.parametrize("method", METHODS)
def test_the_solution_of_the_bordered_system(method, total):
    H, b = matrix(), right_side()
    x, mu, _, outcome = solve(method, H, b, total)
    expected, multiplier = bordered(H, b, total)
    np.testing.assert_allclose(x[:ATOMS], expected, atol=1e-12)
    np.testing.assert_allclose(mu, multiplier, atol=1e-12)
    np.testing.assert_array_equal(x[ATOMS:], 0.0)
    np.testing.assert_allclose(x.sum(), total, atol=1e-13)
    assert outcome.converged and not outcome.indefinite
    assert outcome.iterations == 1 or 2 < outcome.iterations <= 2 * ATOMS


@pytest.mark.parametrize("iterations", [0, 2, 5, 9, 200])
def test_the_residual_is_that_of_the_solution_returned(iterations):
    H, b = matrix(), right_side()
    scale = 3.7
    x, mu, rest, outcome = solve(
        "iterative", H, b, 0.5, scale=scale, iterations=iterations
    )
    left = b[:ATOMS] - H @ x[:ATOMS] - mu
    np.testing.assert_allclose(rest[:ATOMS], left, atol=1e-14)
    np.testing.assert_array_equal(rest[ATOMS:], 0.0)
    np.testing.assert_allclose(outcome.residual, np.linalg.norm(left) / scale,
                               atol=1e-14)  # fmt: skip
    assert outcome.converged == (iterations == 200)
    assert outcome.iterations <= iterations
    if iterations < 200:
        assert outcome.residual > 1e-6 and not outcome.indefinite
        assert outcome.worst == np.abs(left).argmax()


def test_the_residual_of_the_direct_solution_is_rounding():
    H, b = matrix(lowest=1e-3), right_side()
    x, mu, rest, outcome = solve("direct", H, b, 0.5, scale=1.0)
    left = b[:ATOMS] - H @ x[:ATOMS] - mu
    np.testing.assert_allclose(rest[:ATOMS], left, atol=1e-13)
    np.testing.assert_array_equal(rest[ATOMS:], 0.0)
    np.testing.assert_allclose(outcome.residual, np.linalg.norm(left), atol=1e-13)
    assert outcome.residual < 1e-10


def test_a_tolerance_is_kept_and_no_more_than_needed_is_done():
    H, b = matrix(), right_side()
    steps = []
    for tolerance in (1e-3, 1e-6, 1e-10):
        outcome = solve("iterative", H, b, 0.0, tolerance=tolerance)[3]
        assert outcome.converged and outcome.residual <= 1.01 * tolerance
        steps.append(int(outcome.iterations))
    assert steps[0] < steps[1] <= steps[2]


def test_from_the_solution_no_step_is_needed():
    H, b = matrix(), right_side()
    exact = np.append(bordered(H, b, 0.7)[0], np.zeros(PADDING))
    x, mu, _, outcome = solve("iterative", H, b, 0.7, guess=exact, tolerance=1e-10)
    assert outcome.iterations == 0 and outcome.converged
    np.testing.assert_allclose(mu, bordered(H, b, 0.7)[1], atol=1e-10)
    np.testing.assert_allclose(x, exact, atol=1e-13)


@pytest.mark.parametrize("guess", [0.0, 1e3])
def test_a_guess_of_any_sum_is_brought_to_the_right_one(guess):
    H, b = matrix(), right_side()
    guess = np.full(ATOMS + PADDING, guess)
    x, _, _, outcome = solve("iterative", H, b, 2.0, guess=guess, tolerance=1e-10)
    np.testing.assert_allclose(x[:ATOMS], bordered(H, b, 2.0)[0], atol=1e-9)
    assert outcome.converged


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("seed", range(4))
def test_an_indefinite_matrix_is_found_out(method, seed):
    H = matrix(seed, lowest=-3.0)
    # Negative also among the vectors of sum zero, which are all that iterations see.
    P = np.eye(ATOMS) - 1.0 / ATOMS
    assert np.linalg.eigvalsh(P @ H @ P)[0] < -1.0
    b = right_side(seed)
    x, mu, _, outcome = solve(method, H, b, 0.0)
    assert bool(outcome.indefinite) == (method != "stationary")
    assert bool(outcome.converged) == (method == "stationary")
    if method == "stationary":
        np.testing.assert_allclose(H @ x[:ATOMS] + mu, b[:ATOMS], atol=1e-10)


@pytest.mark.parametrize("method", METHODS)
def test_nothing_to_solve_gives_zero(method):
    x, mu, _, outcome = solve(method, matrix(), np.zeros(ATOMS + PADDING), 0.0,
                           guess=np.zeros(ATOMS + PADDING))  # fmt: skip
    np.testing.assert_array_equal(x, 0.0)
    assert mu == 0.0 and outcome.converged and outcome.residual == 0.0


@pytest.mark.parametrize("method", METHODS)
def test_one_atom_has_the_total_charge(method):
    mask = jnp.array([True, False])
    H = jnp.array([[9.0, 0.0], [0.0, 1.0]])
    b = jnp.array([-5.0, 0.0])
    invert = solvers.direct(H, mask)
    if method == "iterative":
        invert = solvers.projected_conjugate_gradients(
            lambda x: jnp.where(mask, H @ x, 0.0), jnp.diag(H), mask,
            tolerance=1e-12, iterations=10,
        )  # fmt: skip
    x, mu, _, outcome = invert(b, jnp.array(1.0), jnp.array(5.0), jnp.zeros(2))
    np.testing.assert_allclose(x, [1.0, 0.0], atol=1e-15)
    np.testing.assert_allclose(mu, -14.0, rtol=1e-14)
    assert outcome.converged and outcome.residual < 1e-14
