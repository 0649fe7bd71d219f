r"""L-BFGS: Newton's steps with the curvature that the last steps have shown.

With steps s and changes y of the gradient the next step is -H g, where the two-loop
recursion gives H from the last pairs and from gamma = s.y / y.y of the newest one
beside them. There is no line search: a step is shortened to what is allowed, and one
that has led uphill is halved, three times at most, because the energy has jumps. A pair
that shows no positive curvature says that the quadratic picture is wrong here: then all
are forgotten, and the next step follows the force.

Source: Nocedal & Wright, Numerical Optimization, 2nd ed. (2006), algorithm 7.4.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ase_reaxff_jax.md.minimizers.descent import Minimizer
from ase_reaxff_jax.md.minimizers.goal import Progress

PAIRS = 20
STIFFNESS = 70.0  # eV/Å^2, of a bond: ASE's first guess
HALVINGS = 3  # of a step
LEAST_CURVATURE = 1e-8  # s.y / (|s| |y|)


@dataclass(frozen=True)
class LBFGS(Minimizer):
    """Limited-memory BFGS."""

    def memory(self, rows: Float[np.ndarray, "rows 3"]) -> dict:
        """Nothing known."""
        pairs = np.zeros((PAIRS, *rows.shape), rows.dtype)
        return dict(
            steps=pairs,
            changes=pairs,
            inverse=np.zeros(PAIRS, rows.dtype),  # 1 / s.y; 0 where there is no pair
            step=np.zeros_like(rows),  # the last one
            gradient=np.zeros_like(rows),  # before it
            energy=np.asarray(np.inf, rows.dtype),  # the same, eV
            halvings=np.zeros((), np.int32),  # of it
        )

    def step(self, progress: Progress, limited) -> tuple[Float[Array, "rows 3"], dict]:
        """A quasi-Newton step, one along the force, or half of the last one back."""
        memory, rounding = progress.memory, 100 * jnp.finfo(progress.energy.dtype).eps
        rise = progress.energy - memory["energy"]
        uphill = rise > rounding * abs(progress.energy)
        uphill &= memory["halvings"] < HALVINGS
        half = 0.5 * memory["step"]
        halved = memory | dict(step=half, halvings=memory["halvings"] + 1)
        step, remembered = self._onwards(progress, limited)
        return jax.tree.map(
            lambda back, on: jnp.where(uphill, back, on),
            (-half, halved),
            (step, remembered),
        )

    def _onwards(
        self, progress: Progress, limited
    ) -> tuple[Float[Array, "rows 3"], dict]:
        gradient = progress.gradient
        memory = _with_last_step(progress.memory, gradient)
        step = -_newton(memory, gradient)
        downhill = jnp.sum(step * gradient) < 0
        inverse = jnp.where(downhill, memory["inverse"], 0.0)
        step = limited(jnp.where(downhill, step, -gradient / STIFFNESS))
        return step, memory | dict(
            inverse=inverse,
            step=step,
            gradient=gradient,
            energy=progress.energy,
            halvings=jnp.zeros_like(memory["halvings"]),
        )


def _with_last_step(memory: dict, gradient: Float[Array, "rows 3"]) -> dict:
    """With the pair of the step just made, or without any."""
    step, change = memory["step"], gradient - memory["gradient"]
    curvature = jnp.sum(step * change)
    sizes = jnp.sqrt(jnp.sum(step**2) * jnp.sum(change**2))
    good = curvature > LEAST_CURVATURE * sizes
    newest = jnp.where(good, 1.0 / jnp.where(good, curvature, 1.0), 0.0)

    def pushed(old, new):
        return jnp.concatenate([old[1:], new[None]])

    known = memory | dict(
        steps=pushed(memory["steps"], step),
        changes=pushed(memory["changes"], change),
        inverse=jnp.where(good, pushed(memory["inverse"], newest), 0.0),
    )
    first = ~jnp.any(step)
    return jax.tree.map(lambda old, new: jnp.where(first, old, new), memory, known)


def _newton(memory: dict, gradient: Float[Array, "rows 3"]) -> Float[Array, "rows 3"]:
    """H g by the two-loop recursion; pairs with `inverse` 0 have no effect."""
    pairs = memory["steps"], memory["changes"], memory["inverse"]

    def back(q, pair):
        s, y, inverse = pair
        share = inverse * jnp.sum(s * q)
        return q - share * y, share

    def forth(q, pair_and_share):
        (s, y, inverse), share = pair_and_share
        return q + (share - inverse * jnp.sum(y * q)) * s, None

    q, shares = jax.lax.scan(back, gradient, pairs, reverse=True)
    square = jnp.sum(memory["changes"][-1] ** 2) * memory["inverse"][-1]
    gamma = jnp.where(square > 0, 1.0 / jnp.where(square > 0, square, 1.0), 0.0)
    q = q * jnp.where(gamma > 0, gamma, 1.0 / STIFFNESS)
    return jax.lax.scan(forth, q, (pairs, shares))[0]
