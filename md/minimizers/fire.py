r"""FIRE: masses that slide downhill, and are stopped whenever they go uphill.

With forces F and velocities v of unit masses, a step is

    P = F . v
    P > 0:  v <- (1 - a) v + a |v| F / |F|;  after n_min such steps in a row the time
            step grows by f_inc up to dt_max, and a falls by f_alpha
    else:   v <- 0, dt <- f_dec dt, a <- a_start
    v <- v + dt F,  x <- x + dt v

and velocities are cut where an atom would move too far. jax-md's rounds its constants
to half precision, has neither that limit nor a test of convergence, and adds 1e-6 to
the square of the force. The longest time step is shorter than usual.

Source: Bitzek, Koskinen, Gähler, Moseler & Gumbsch, Phys. Rev. Lett. 97, 170201 (2006).
"""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ase_reaxff_jax.md.minimizers.descent import Minimizer
from ase_reaxff_jax.md.minimizers.goal import Progress

# Å eV^-1/2. Bonds to hydrogen are unstable beyond 0.2: there the masses would be
# stopped again and again, which keeps soft modes from gathering speed.
DT_START, DT_MAX = 0.1, 0.12
N_MIN = 5
F_INC, F_DEC = 1.1, 0.5
A_START, F_ALPHA = 0.1, 0.99


@dataclass(frozen=True)
class FIRE(Minimizer):
    """The fast inertial relaxation engine."""

    def memory(self, rows: Float[np.ndarray, "rows 3"]) -> dict:
        """At rest."""
        return dict(
            velocities=np.zeros_like(rows),
            dt=np.asarray(DT_START, rows.dtype),
            a=np.asarray(A_START, rows.dtype),
            downhill=np.zeros((), np.int32),  # steps in a row
        )

    def step(self, progress: Progress, limited) -> tuple[Float[Array, "rows 3"], dict]:
        """One step of the dynamics."""
        forces, memory = -progress.gradient, progress.memory
        v, dt, a = memory["velocities"], memory["dt"], memory["a"]
        onwards = jnp.sum(forces * v) > 0
        steady = onwards & (memory["downhill"] > N_MIN)
        along = _norm(v) / jnp.maximum(_norm(forces), jnp.finfo(v.dtype).tiny)
        v = jnp.where(onwards, (1.0 - a) * v + a * along * forces, 0.0)
        resting = ~jnp.any(memory["velocities"])
        halted = ~onwards & ~resting
        dt = jnp.where(steady, jnp.minimum(dt * F_INC, DT_MAX), dt)
        dt = jnp.where(halted, dt * F_DEC, dt)
        a = jnp.where(steady, a * F_ALPHA, jnp.where(onwards, a, A_START))
        step = limited(dt * (v + dt * forces))
        return step, dict(
            velocities=step / dt,
            dt=dt,
            a=a,
            downhill=jnp.where(onwards, memory["downhill"] + 1, 0),
        )


def _norm(x: Float[Array, "rows 3"]) -> Float[Array, ""]:
    return jnp.sqrt(jnp.sum(x**2))
