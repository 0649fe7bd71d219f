"""Velocity Verlet, and the parts that the other integrators are made of.

A step is what comes `before` the forces at the new positions and what comes `after`
them. jax-md's integrators are not used here: they round the time step to single
precision, count three degrees of freedom too many, and know no constraints and no
ramps; the tests hold this one to theirs.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ase_reaxff_jax.md.state import Now, Particles, State


def with_velocities(state: State, velocities: Float[Array, "atoms 3"]) -> State:
    """The state with other velocities."""
    return eqx.tree_at(lambda s: s.velocities, state, velocities)


def with_bath(state: State, bath: Any) -> State:
    """The state with other variables of thermostat and barostat."""
    return eqx.tree_at(lambda s: s.bath, state, bath, is_leaf=lambda x: x is None)


def accelerations(state: State, particles: Particles) -> Float[Array, "atoms 3"]:
    """Forces over masses; zero where nothing moves."""
    return particles.masked(state.forces / particles.masses[:, None])


def kick(state: State, particles: Particles, duration: Float[Array, ""]) -> State:
    """Velocities after the forces have acted for a while."""
    change = duration * accelerations(state, particles)
    return with_velocities(state, state.velocities + change)


def drift(state: State, duration: Float[Array, ""]) -> State:
    """Positions after moving freely for a while."""
    positions = state.positions + duration * state.velocities
    return eqx.tree_at(lambda s: s.positions, state, positions)


@dataclass(frozen=True)
class Verlet:
    """Constant energy: velocity Verlet."""

    brief: ClassVar[bool] = False  # a run takes so few steps that compiling counts
    process: ClassVar[str] = "simulation"
    remedy: ClassVar[str] = (
        "Take a smaller time step, relax the structure first, or start at a lower "
        "temperature."
    )

    def bath(self, dtype) -> Any:
        """Variables of thermostat and barostat at the start."""
        return ()

    def before(self, state: State, particles: Particles, now: Now) -> State:
        """Up to the new positions, with the forces at the old ones."""
        return drift(kick(state, particles, 0.5 * now.timestep), now.timestep)

    def after(self, state: State, particles: Particles, now: Now) -> State:
        """The rest of the step, with the forces at the new positions."""
        return kick(state, particles, 0.5 * now.timestep)

    def finished(self, state: State) -> Bool[Array, ""] | None:
        """Whether a system is to stay as it is from now on; None: it never does."""
        return None

    def bath_energy(
        self, state: State, particles: Particles, now: Now
    ) -> Float[Array, ""]:
        """What makes the total energy a conserved quantity, eV."""
        return jnp.zeros_like(state.result.energy)
