r"""Barostats that deform the cell a little at each step, stochastically or not.

With the pressure tensor P of the last step, the wanted pressure p, compressibility b,
and relaxation time tau, the strain of a step of length dt is

    de = b dt / (3 tau) (P - p + k kT / V)  +  sqrt(2 kT b dt / (3 V tau)) R

with R symmetric, its normal numbers of variance 1 on the diagonal and 1/2 beside it.
Positions and cell are deformed by exp(de), velocities by exp(-de). k is 1 where the
total momentum stays zero, because then positions have three degrees of freedom more
than velocities, which the deformation scales the other way; else 0. (The noise becomes
weaker as the volume grows: read as an Ito equation, that alone gives the weight V dV.)
Without R and k it is Berendsen's barostat, which also leaves the velocities alone.

Sources: Bernetti & Bussi, J. Chem. Phys. 153, 114107 (2020); Del Tatto, Raiteri,
Bernetti & Bussi, Appl. Sci. 12, 1139 (2022); Berendsen et al., J. Chem. Phys. 81, 3684
(1984).
"""

from dataclasses import dataclass
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ase_reaxff_jax.md.state import Now, Particles, State, volume_of

Shape = Literal["isotropic", "orthorhombic", "full"]


def projected(strain: Float[Array, "3 3"], shape: Shape) -> Float[Array, "3 3"]:
    """The part of a symmetric strain that the cell may follow."""
    if shape == "full":
        return 0.5 * (strain + strain.T)
    diagonal = jnp.diagonal(strain)
    if shape == "isotropic":
        diagonal = jnp.full(3, jnp.mean(diagonal))
    return jnp.diag(diagonal)


def exponential(strain: Float[Array, "3 3"]) -> Float[Array, "3 3"]:
    """Matrix exponential of a symmetric matrix."""
    values, vectors = jnp.linalg.eigh(strain)
    return vectors @ jnp.diag(jnp.exp(values)) @ vectors.T


@dataclass(frozen=True)
class CellRescaling:
    """The barostat; `stochastic` gives the ensemble, without it only the mean."""

    shape: Shape
    stochastic: bool

    def applied(
        self, moved: State, last: State, particles: Particles, now: Now
    ) -> tuple[State, Float[Array, "3 3"]]:
        """`moved` deformed by the pressure of the `last` step, and the strain."""
        strain = projected(self._strain(last, particles, now), self.shape)
        deformation = exponential(strain)
        velocities = moved.velocities
        if self.stochastic:
            velocities = velocities @ exponential(-strain)
        deformed = eqx.tree_at(
            lambda s: (s.positions, s.cell, s.velocities),
            moved,
            (moved.positions @ deformation, moved.cell @ deformation, velocities),
        )
        return deformed, strain

    def _strain(self, last: State, particles: Particles, now: Now):
        volume, unit = volume_of(last.cell), jnp.eye(3, dtype=last.cell.dtype)
        pressure = particles.kinetic_stress(last.velocities) + last.virial
        excess = pressure / volume - now.pressure * unit
        rate = now.compressibility * now.timestep / (3.0 * now.pressure_tau)
        if not self.stochastic:
            return rate * excess
        lost = jnp.where(particles.drifts[None], unit, 0.0)
        excess += lost * now.kT / volume
        noise = jax.random.normal(jax.random.fold_in(now.key, 2), (3, 3), unit.dtype)
        noise = 0.5 * (noise + noise.T)
        # Beside the diagonal the sum of two halves; on it one number, of variance 1.
        return rate * excess + jnp.sqrt(2.0 * now.kT * rate / volume) * noise
