"""Nosé-Hoover dynamics: constant temperature, and constant pressure (MTK)."""

from dataclasses import dataclass

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ase_reaxff_jax.arrays import AnyArray
from ase_reaxff_jax.md.integrators.cell_rescaling import Shape, projected
from ase_reaxff_jax.md.integrators.chain import Chain, half_step
from ase_reaxff_jax.md.integrators.verlet import (
    Verlet,
    accelerations,
    with_bath,
    with_velocities,
)
from ase_reaxff_jax.md.state import Now, Particles, State, volume_of


@dataclass(frozen=True)
class NoseHoover(Verlet):
    """Constant temperature by a chain of thermostats. `bath` is the chain.

    Source: Martyna, Klein & Tuckerman, J. Chem. Phys. 97, 2635 (1992).
    """

    def bath(self, dtype) -> Chain:
        """A chain at rest."""
        return Chain.at_rest(dtype)

    def before(self, state: State, particles: Particles, now: Now) -> State:
        """Half a step of the chain, then of velocity Verlet."""
        return super().before(_thermostatted(state, particles, now), particles, now)

    def after(self, state: State, particles: Particles, now: Now) -> State:
        """The other halves."""
        return _thermostatted(super().after(state, particles, now), particles, now)

    def bath_energy(
        self, state: State, particles: Particles, now: Now
    ) -> Float[Array, ""]:
        """Energy of the chain."""
        return state.bath.energy(particles.degrees, now.kT, now.tau)


def _thermostatted(state: State, particles: Particles, now: Now) -> State:
    chain, factor = _half_step(state.bath, state.velocities, particles, now)
    return with_bath(with_velocities(state, factor * state.velocities), chain)


def _half_step(chain: Chain, velocities, particles: Particles, now: Now):
    return half_step(
        chain,
        particles.thermal_energy(velocities),
        degrees=particles.degrees,
        kT=now.kT,
        tau=now.tau,
        timestep=now.timestep,
    )


class Piston(eqx.Module):
    """The cell's rate of deformation (1/time), and two chains."""

    rate: Float[AnyArray, "3 3"]  # symmetric
    of_atoms: Chain
    of_cell: Chain


DEGREES = {"isotropic": 1, "orthorhombic": 3, "full": 6}


@dataclass(frozen=True)
class MTK(Verlet):
    """Constant pressure by Martyna, Tobias and Klein's equations. `bath`: `Piston`.

    With W the piston's inertia, (degrees + 3) kT pressure_tau^2 / 3, and g its rate,
    W dg/dt = V (P - p) + 2 K / degrees; the cell keeps its orientation. jax-md's
    drifts, because it takes fractional coordinates for Cartesian ones.
    Source: Martyna, Tobias & Klein, J. Chem. Phys. 101, 4177 (1994); the splitting of
    Martyna, Tuckerman, Tobias & Klein, Mol. Phys. 87, 1117 (1996).
    """

    shape: Shape = "isotropic"

    def bath(self, dtype) -> Piston:
        """A piston at rest."""
        rest = Chain.at_rest(dtype)
        return Piston(np.zeros((3, 3), dtype), rest, rest)

    def before(self, state: State, particles: Particles, now: Now) -> State:
        """Chains, piston and velocities for half a step, positions and cell for one."""
        state = self._pushed(self._thermostatted(state, particles, now), particles, now)
        state = _kick(state, particles, now)
        return _drift(state, now)

    def after(self, state: State, particles: Particles, now: Now) -> State:
        """The other halves, in the opposite order."""
        state = self._pushed(_kick(state, particles, now), particles, now)
        return self._thermostatted(state, particles, now)

    def _inertia(self, particles: Particles, now: Now):
        return (particles.degrees + 3.0) * now.kT * now.pressure_tau**2 / 3.0

    def _kinetic_energy(self, rate, particles: Particles, now: Now):
        return 0.5 * self._inertia(particles, now) * jnp.sum(rate**2)

    def _pushed(self, state: State, particles: Particles, now: Now) -> State:
        unit = jnp.eye(3, dtype=state.cell.dtype)
        push = particles.kinetic_stress(state.velocities) + state.virial
        push -= volume_of(state.cell) * now.pressure * unit
        thermal = particles.thermal_energy(state.velocities)
        push += 2.0 * thermal / particles.degrees * unit
        change = 0.5 * now.timestep / self._inertia(particles, now) * push
        rate = state.bath.rate + projected(change, self.shape)
        return eqx.tree_at(lambda s: s.bath.rate, state, rate)

    def _thermostatted(self, state: State, particles: Particles, now: Now) -> State:
        piston = state.bath
        of_atoms, factor = _half_step(piston.of_atoms, state.velocities, particles, now)
        of_cell, slower = half_step(
            piston.of_cell,
            self._kinetic_energy(piston.rate, particles, now),
            degrees=DEGREES[self.shape],
            kT=now.kT,
            tau=now.pressure_tau,
            timestep=now.timestep,
        )
        state = with_velocities(state, factor * state.velocities)
        return with_bath(state, Piston(slower * piston.rate, of_atoms, of_cell))

    def bath_energy(
        self, state: State, particles: Particles, now: Now
    ) -> Float[Array, ""]:
        """Energy of piston, chains, and work of the pressure."""
        piston, degrees = state.bath, DEGREES[self.shape]
        return (
            self._kinetic_energy(piston.rate, particles, now)
            + now.pressure * volume_of(state.cell)
            + piston.of_atoms.energy(particles.degrees, now.kT, now.tau)
            + piston.of_cell.energy(degrees, now.kT, now.pressure_tau)
        )


def _kick(state: State, particles: Particles, now: Now) -> State:
    """dv/dt = a - (g + tr(g) / degrees) v for half a step, exactly."""
    rates, axes = jnp.linalg.eigh(state.bath.rate)
    half = 0.5 * now.timestep
    damping = (rates + jnp.sum(rates) / particles.degrees) * half
    change = half * accelerations(state, particles) @ axes
    kept, gained = jnp.exp(-damping), jnp.exp(-0.5 * damping) * _sinhc(0.5 * damping)
    along = state.velocities @ axes * kept[None] + change * gained[None]
    return with_velocities(state, along @ axes.T)


def _drift(state: State, now: Now) -> State:
    """dx/dt = v + g x, and the same for the cell, for one step, exactly."""
    rates, axes = jnp.linalg.eigh(state.bath.rate)
    strain = rates * now.timestep
    stretched = axes @ jnp.diag(jnp.exp(strain)) @ axes.T
    moved = axes @ jnp.diag(jnp.exp(0.5 * strain) * _sinhc(0.5 * strain)) @ axes.T
    positions = state.positions @ stretched + now.timestep * state.velocities @ moved
    return eqx.tree_at(
        lambda s: (s.positions, s.cell), state, (positions, state.cell @ stretched)
    )


def _sinhc(x: Float[Array, " n"]) -> Float[Array, " n"]:
    """sinh(x) / x, for the small numbers that occur here."""
    return 1.0 + x**2 / 6.0 * (1.0 + x**2 / 20.0 * (1.0 + x**2 / 42.0))
