"""Thermostats that scale all velocities alike, alone or with a barostat."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ase_reaxff_jax.md.integrators.cell_rescaling import CellRescaling
from ase_reaxff_jax.md.integrators.verlet import (
    Verlet,
    kick,
    with_bath,
    with_velocities,
)
from ase_reaxff_jax.md.state import Now, Particles, State


@dataclass(frozen=True)
class _Rescaling(Verlet):
    """Velocity Verlet, then a factor on all velocities. `bath`: heat received, eV."""

    barostat: CellRescaling | None = None

    def bath(self, dtype) -> Float[Array, ""]:
        return jnp.zeros((), dtype)

    def before(self, state: State, particles: Particles, now: Now) -> State:
        moved = super().before(state, particles, now)
        if self.barostat is None:
            return moved
        return self.barostat.applied(moved, state, particles, now)

    def after(self, state: State, particles: Particles, now: Now) -> State:
        state = kick(state, particles, 0.5 * now.timestep)
        thermal = particles.thermal_energy(state.velocities)
        wanted = self._thermal_energy(thermal, particles, now)
        factor = jnp.sqrt(wanted / jnp.where(thermal > 0, thermal, 1.0))
        factor = jnp.where(thermal > 0, factor, 1.0)  # atoms at rest stay so
        heat = (factor**2 - 1.0) * particles.kinetic_energy(state.velocities)
        state = with_velocities(state, factor * state.velocities)
        return with_bath(state, state.bath + heat)

    def _thermal_energy(self, thermal, particles: Particles, now: Now):
        raise NotImplementedError

    def bath_energy(
        self, state: State, particles: Particles, now: Now
    ) -> Float[Array, ""]:
        """Minus the heat received; not known with a barostat, which works too."""
        return -state.bath if self.barostat is None else jnp.nan * state.bath


@dataclass(frozen=True)
class StochasticRescaling(_Rescaling):
    """CSVR: the kinetic energy follows its own stochastic equation; canonical.

    jax-md's draws three numbers from one random key, which biases the variance.
    Source: Bussi, Donadio & Parrinello, J. Chem. Phys. 126, 014101 (2007), eq. A7.
    """

    def _thermal_energy(self, thermal, particles: Particles, now: Now):
        kept = jnp.exp(-now.timestep / now.tau)
        first, others = jax.random.split(jax.random.fold_in(now.key, 1))
        one = jax.random.normal(first, (), thermal.dtype)
        # The sum of the squares of `degrees - 1` normal numbers.
        rest = 2.0 * jax.random.gamma(
            others, 0.5 * (particles.degrees - 1.0), dtype=thermal.dtype
        )
        rest = jnp.where(particles.degrees > 1.0, rest, 0.0)
        share = 0.5 * now.kT * (1.0 - kept)
        mixed = 2.0 * one * jnp.sqrt(kept * thermal * share)
        return kept * thermal + share * (one**2 + rest) + mixed


@dataclass(frozen=True)
class Berendsen(_Rescaling):
    """Weak coupling: the temperature decays to what is wanted; not canonical.

    Source: Berendsen et al., J. Chem. Phys. 81, 3684 (1984), eq. 11.
    """

    def _thermal_energy(self, thermal, particles: Particles, now: Now):
        wanted = 0.5 * particles.degrees * now.kT
        change = now.timestep / now.tau * (wanted - thermal)
        return jnp.maximum(thermal + change, 0.0)
