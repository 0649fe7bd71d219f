r"""Solvers of symmetric equations with a fixed sum:  H x + mu 1 = b,  sum(x) = s.

H must be positive definite; where it is not, the outcome says so, or is a saddle point
where that was asked for (`stationary`).
Each solver is made for one matrix and returns a function of (b, s, scale, guess) that
gives x, mu, b - H x - mu 1 and the outcome. Padding (mask False) takes no part.
"""

from collections.abc import Callable
from typing import ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ase_reaxff_jax.charges.approximate_inverse import ApproximateInverse

FEW = 20  # iterations, of which the residual needs no check


class Outcome(eqx.Module):
    """How well equations were solved."""

    residual: Float[Array, ""]  # norm of it, relative to the scale
    iterations: Int[Array, ""]
    converged: Bool[Array, ""]
    indefinite: Bool[Array, ""]  # the matrix was found not to be positive definite
    worst: Int[Array, ""]  # where the residual is largest

    SIZE: ClassVar[int] = 5

    def packed(self, dtype) -> Float[Array, " 5"]:
        """All of it as floating-point numbers."""
        return jnp.stack([x.astype(dtype) for x in jax.tree.leaves(self)])

    @classmethod
    def unpacked(cls, numbers: Float[Array, " 5"]) -> "Outcome":
        """What `packed` has made numbers of."""
        residual, iterations, converged, indefinite, worst = numbers
        return cls(
            residual=residual,
            iterations=iterations.astype(jnp.int32),
            converged=converged > 0,
            indefinite=indefinite > 0,
            worst=worst.astype(jnp.int32),
        )


def direct(
    matrix: Float[Array, "atoms atoms"], mask: Bool[Array, " atoms"]
) -> Callable:
    """By Cholesky factorisation, and elimination of the condition on the sum.

    Where b is the same for all and the sum is zero, so is x, whatever the matrix: some
    force fields have no charges, and are used where the matrix is indefinite.
    """
    factor = jax.scipy.linalg.cho_factor(matrix, lower=True)

    def solved(b):
        return jax.scipy.linalg.cho_solve(factor, b)

    return _with_the_sum(solved, matrix, mask)


def stationary(
    matrix: Float[Array, "atoms atoms"], mask: Bool[Array, " atoms"]
) -> Callable:
    """By Cholesky factorisation of H^2, whether or not the charges are a minimum.

    Training sets of the literature have structures with dummy atoms and the like, whose
    matrix is indefinite, and reference values of the saddle point. The square makes
    rounding worse, which a refinement of the solution mends.
    """
    factor = jax.scipy.linalg.cho_factor(matrix @ matrix, lower=True)

    def once(b):
        return jax.scipy.linalg.cho_solve(factor, matrix @ b)

    def solved(b):
        x = once(b)
        x += once(b - matrix @ x)
        return x + once(b - matrix @ x)

    return _with_the_sum(solved, matrix, mask)


def _with_the_sum(solved: Callable, matrix, mask) -> Callable:
    """Both right-hand sides in one call: two of a batch at once can hang XLA's threads.

    Each waits within a thread of the pool for other threads of it (jaxlib 0.10.1).
    """
    ones = jnp.where(mask, 1.0, 0.0).astype(matrix.dtype)

    def invert(b, total, scale, guess):
        lowest = jnp.min(jnp.where(mask, b, jnp.inf))
        highest = jnp.max(jnp.where(mask, b, -jnp.inf))
        trivial = (lowest == highest) & (total == 0.0)
        response, free = solved(jnp.stack([ones, b], axis=1)).T
        mu = (jnp.sum(free) - total) / jnp.sum(response)
        x = jnp.where(trivial, 0.0, free - mu * response)
        mu = jnp.where(trivial, lowest, mu)
        left = b - matrix @ x - mu * ones
        finite = jnp.isfinite(mu)
        left = jnp.where(mask, left, 0.0)
        return x, mu, left, _outcome(left, scale, jnp.int32(1), finite, ~finite)

    return invert


class _State(NamedTuple):
    x: Float[Array, " atoms"]
    left: Float[Array, " atoms"]  # b - H x
    residual: Float[Array, " atoms"]  # of it what mu does not make up for
    direction: Float[Array, " atoms"]
    slope: Float[Array, ""]  # residual times preconditioned residual
    step: Int[Array, ""]
    indefinite: Bool[Array, ""]


def projected_conjugate_gradients(
    times: Callable,
    diagonal: Float[Array, " atoms"],
    mask: Bool[Array, " atoms"],
    *,
    tolerance: float,
    iterations: int,
    inverse: ApproximateInverse | None = None,
) -> Callable:
    """Conjugate gradients among vectors whose sum is right, preconditioned.

    The preconditioner is the approximate inverse, or that of the diagonal.

    Residual and direction are both projected: without the former, rounding lets the
    sum drift and the residual stagnates near 1e-8.
    """
    weight = jnp.where(mask, 1.0 / jnp.where(mask, diagonal, 1.0), 0.0)
    share = jnp.where(mask, 1.0, 0.0).astype(diagonal.dtype) / jnp.sum(mask)

    def projected(residual):
        return jnp.where(mask, residual - jnp.sum(residual * share), 0.0)

    def improving(residual):
        return weight * residual if inverse is None else inverse.times(residual)

    common = improving(jnp.where(mask, 1.0, 0.0).astype(diagonal.dtype))

    def preconditioned(residual):
        step = improving(residual)
        return step - jnp.sum(step) / jnp.sum(common) * common

    def invert(b, total, scale, guess):
        x = jnp.where(mask, guess, 0.0)
        x = x + share * (total - jnp.sum(x))
        limit = (tolerance * scale) ** 2

        def unsolved(state: _State):
            far = jnp.sum(state.residual**2) > limit
            return far & (state.step < iterations) & ~state.indefinite

        def improved(state: _State) -> _State:
            along = times(state.direction)
            curvature = jnp.sum(state.direction * along)
            length = state.slope / jnp.where(curvature > 0, curvature, 1.0)
            left = state.left - length * along
            # Of the last residual and not of `left`, whose mean makes rounding worse.
            residual = projected(state.residual - length * along)
            steepest = preconditioned(residual)
            slope = jnp.sum(residual * steepest)
            return _State(
                x=state.x + length * state.direction,
                left=left,
                residual=residual,
                direction=steepest + slope / state.slope * state.direction,
                slope=slope,
                step=state.step + 1,
                indefinite=~(curvature > 0),
            )

        left = b - times(x)
        residual = projected(left)
        steepest = preconditioned(residual)
        slope = jnp.sum(residual * steepest)
        start = _State(
            x, left, residual, steepest, slope, jnp.int32(0), jnp.bool_(False)
        )
        end = jax.lax.while_loop(unsolved, improved, start)
        # Over many iterations rounding parts what is updated from what is.
        left = jax.lax.cond(end.step > FEW, lambda: b - times(end.x), lambda: end.left)
        mu = jnp.sum(left * share)
        reached = jnp.sum(end.residual**2) <= limit
        left = projected(left)
        reached &= ~end.indefinite
        outcome = _outcome(left, scale, end.step, reached, end.indefinite)
        return end.x, mu, left, outcome

    return invert


def _outcome(left, scale, steps, converged, indefinite) -> Outcome:
    return Outcome(
        residual=jnp.sqrt(jnp.sum(left * left)) / jnp.where(scale > 0, scale, 1.0),
        iterations=steps,
        converged=converged,
        indefinite=indefinite,
        worst=jnp.argmax(abs(left)).astype(jnp.int32),
    )
