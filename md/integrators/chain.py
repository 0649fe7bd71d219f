r"""Nosé-Hoover chains.

The first link exchanges energy with `degrees` degrees of freedom of kinetic energy K,

    Q_1 = degrees kT tau^2,  Q_k = kT tau^2,   dp_1/dt = 2 K - degrees kT - ...

jax-md has a chain too, whose masses are in single precision.
Source: Martyna, Tuckerman, Tobias & Klein, Mol. Phys. 87, 1117 (1996), section 4.
"""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ase_reaxff_jax.arrays import AnyArray

LENGTH = 3
_OUTER = 1.0 / (2.0 - 2.0 ** (1.0 / 3.0))
SUZUKI_YOSHIDA = (_OUTER, 1.0 - 2.0 * _OUTER, _OUTER)


class Chain(eqx.Module):
    """Positions (without unit) and velocities (1/time) of the links."""

    positions: Float[AnyArray, " links"]
    velocities: Float[AnyArray, " links"]

    @classmethod
    def at_rest(cls, dtype) -> "Chain":
        """A chain that has exchanged nothing."""
        return cls(np.zeros(LENGTH, dtype), np.zeros(LENGTH, dtype))

    def energy(self, degrees, kT, tau) -> Float[Array, ""]:
        """Energy of the chain, eV."""
        masses = _masses(degrees, kT, tau)
        kinetic = 0.5 * jnp.sum(masses * self.velocities**2)
        return kinetic + kT * (degrees * self.positions[0] + sum(self.positions[1:]))


def _masses(degrees, kT, tau) -> Float[Array, " links"]:
    return kT * tau**2 * jnp.ones(LENGTH, kT.dtype).at[0].set(degrees)


def half_step(
    chain: Chain, energy, *, degrees, kT, tau, timestep
) -> tuple[Chain, Float[Array, ""]]:
    """Half a time step of the chain, and the factor on the velocities it is tied to.

    Args:
        chain: The chain.
        energy: Kinetic energy of those velocities, eV.
        degrees: Of freedom.
        kT: Wanted, eV.
        tau: Relaxation time.
        timestep: A whole time step.
    """
    masses = _masses(degrees, kT, tau)
    x, v = list(chain.positions), list(chain.velocities)
    twice, factor = 2.0 * energy, jnp.ones_like(energy)

    def push(k, h, twice):
        """Link k driven by what it is tied to, and damped by the link behind it."""
        driven = twice - degrees * kT if k == 0 else masses[k - 1] * v[k - 1] ** 2 - kT
        damping = jnp.exp(-0.25 * h * v[k + 1]) if k + 1 < LENGTH else 1.0
        v[k] = (v[k] * damping + 0.5 * h * driven / masses[k]) * damping

    for weight in SUZUKI_YOSHIDA:
        h = 0.5 * weight * timestep
        for k in reversed(range(LENGTH)):
            push(k, h, twice)
        scale = jnp.exp(-h * v[0])
        factor, twice = factor * scale, twice * scale**2
        x = [position + h * velocity for position, velocity in zip(x, v, strict=True)]
        for k in range(LENGTH):
            push(k, h, twice)
    return Chain(jnp.stack(x), jnp.stack(v)), factor
