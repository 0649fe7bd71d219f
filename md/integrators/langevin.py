"""Langevin dynamics: friction and noise that keep every atom at a temperature."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ase_reaxff_jax.md.integrators.verlet import (
    Verlet,
    drift,
    kick,
    with_bath,
    with_velocities,
)
from ase_reaxff_jax.md.state import Now, Particles, State


@dataclass(frozen=True)
class Langevin(Verlet):
    """The splitting BAOAB, whose positions are sampled to second order and better.

    The friction is 1/tau. The total momentum fluctuates, so that all degrees of
    freedom count. `bath` is the heat received, eV.
    Source: Leimkuhler & Matthews, Appl. Math. Res. Express 2013, 34.
    """

    def bath(self, dtype) -> Float[Array, ""]:
        """No heat so far."""
        return jnp.zeros((), dtype)

    def before(self, state: State, particles: Particles, now: Now) -> State:
        """Kick, half a drift, friction and noise, half a drift."""
        half = 0.5 * now.timestep
        state = drift(kick(state, particles, half), half)
        kept = jnp.exp(-now.timestep / now.tau)
        noise = jax.random.normal(
            now.key, state.velocities.shape, state.velocities.dtype
        )
        spread = jnp.sqrt(now.kT * (1.0 - kept**2) / particles.masses)
        velocities = kept * state.velocities + spread[:, None] * noise
        velocities = particles.masked(velocities)
        heat = particles.kinetic_energy(velocities)
        heat -= particles.kinetic_energy(state.velocities)
        state = with_bath(with_velocities(state, velocities), state.bath + heat)
        return drift(state, half)

    def bath_energy(
        self, state: State, particles: Particles, now: Now
    ) -> Float[Array, ""]:
        """Minus the heat received."""
        return -state.bath
