"""Thermostats that scale all velocities alike, alone or with a barostat."""

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ase_reaxff_jax.arrays import AnyArray
from ase_reaxff_jax.md.integrators.cell_rescaling import CellRescaling
from ase_reaxff_jax.md.integrators.verlet import (
    Verlet,
    kick,
    with_bath,
    with_velocities,
)
from ase_reaxff_jax.md.state import Now, Particles, State


class Received(eqx.Module):
    """What thermostat and barostat have given to the system so far."""

    energy: Float[AnyArray, ""]  # eV
    strain: Float[AnyArray, "3 3"]  # of the barostat in the last step


@dataclass(frozen=True)
class _Rescaling(Verlet):
    """Velocity Verlet, then a factor on all velocities.

    The total energy less what `bath` has received is conserved as well as the steps
    are short. The barostat's work on the potential energy is -tr(virial strain), with
    the mean of the virials before and after the step.
    """

    barostat: CellRescaling | None = None

    def bath(self, dtype) -> Received:
        """Nothing so far."""
        return Received(np.zeros((), dtype), np.zeros((3, 3), dtype))

    def before(self, state: State, particles: Particles, now: Now) -> State:
        """Up to the new positions, in the new cell."""
        moved = super().before(state, particles, now)
        if self.barostat is None:
            return moved
        deformed, strain = self.barostat.applied(moved, state, particles, now)
        work = particles.kinetic_energy(deformed.velocities)
        work -= particles.kinetic_energy(moved.velocities)
        work -= 0.5 * jnp.sum(state.virial * strain)
        return with_bath(deformed, Received(state.bath.energy + work, strain))

    def after(self, state: State, particles: Particles, now: Now) -> State:
        """The rest of the step, and the thermostat."""
        state = kick(state, particles, 0.5 * now.timestep)
        thermal = particles.thermal_energy(state.velocities)
        wanted = self._thermal_energy(thermal, particles, now)
        factor = jnp.sqrt(wanted / jnp.where(thermal > 0, thermal, 1.0))
        factor = jnp.where(thermal > 0, factor, 1.0)  # atoms at rest stay so
        given = (factor**2 - 1.0) * particles.kinetic_energy(state.velocities)
        given -= 0.5 * jnp.sum(state.virial * state.bath.strain)
        state = with_velocities(state, factor * state.velocities)
        received = Received(state.bath.energy + given, state.bath.strain)
        return with_bath(state, received)

    def bath_energy(
        self, state: State, particles: Particles, now: Now
    ) -> Float[Array, ""]:
        """Minus what has been received."""
        return -state.bath.energy

    def _thermal_energy(self, thermal, particles: Particles, now: Now):
        raise NotImplementedError


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
