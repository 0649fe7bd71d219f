"""What moves: the state of a run, on the device.

Units are ASE's: Å, eV, e, amu, and its unit of time (`ase.units.fs` of them are a
femtosecond); only `result` is as the kernel gives it, in kcal/mol.
"""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ase_reaxff_jax.arrays import AnyArray
from ase_reaxff_jax.md.extrapolation import History
from ase_reaxff_jax.programs import Derivatives
from ase_reaxff_jax.units import KCAL_PER_MOL


class State(eqx.Module):
    """One system at one step. Positions are not wrapped into the cell."""

    step: Int[AnyArray, ""]
    positions: Float[AnyArray, "atoms 3"]  # Å
    velocities: Float[AnyArray, "atoms 3"]
    cell: Float[AnyArray, "3 3"]  # rows are the lattice vectors, Å
    result: Derivatives  # at these positions
    history: History  # charges of earlier steps
    bath: Any  # variables of thermostat and barostat

    @property
    def forces(self) -> Float[Array, "atoms 3"]:
        """Forces, eV/Å."""
        return -self.result.gradient * KCAL_PER_MOL

    @property
    def potential_energy(self) -> Float[Array, ""]:
        """Potential energy, eV."""
        return self.result.energy * KCAL_PER_MOL

    @property
    def virial(self) -> Float[Array, "3 3"]:
        """Minus the derivative of the energy by strain, eV."""
        return -self.result.strain_gradient * KCAL_PER_MOL


class Particles(eqx.Module):
    """What stays the same during a run."""

    masses: Float[AnyArray, " atoms"]  # amu; 1 on padding
    mobile: Bool[AnyArray, "atoms 3"]  # False on padding and where constrained
    degrees: Float[AnyArray, ""]  # of freedom
    drifts: Bool[AnyArray, "3"]  # along x, y, z momentum is conserved and is not heat

    def masked(self, vectors: Float[Array, "atoms 3"]) -> Float[Array, "atoms 3"]:
        """Vectors with zeros where nothing moves."""
        return jnp.where(self.mobile, vectors, 0.0)

    def kinetic_energy(
        self, velocities: Float[AnyArray, "atoms 3"]
    ) -> Float[Array, ""]:
        """Kinetic energy, eV."""
        return 0.5 * jnp.sum(self.masses[:, None] * velocities**2)

    def thermal_energy(
        self, velocities: Float[AnyArray, "atoms 3"]
    ) -> Float[Array, ""]:
        """Kinetic energy without that of the common motion, eV."""
        return self.kinetic_energy(self._thermal_velocities(velocities))

    def kinetic_stress(
        self, velocities: Float[AnyArray, "atoms 3"]
    ) -> Float[Array, "3 3"]:
        """sum_i m_i v_i v_i without the common motion, eV."""
        velocities = self._thermal_velocities(velocities)
        return (self.masses[:, None] * velocities).T @ velocities

    def _thermal_velocities(
        self, velocities: Float[AnyArray, "atoms 3"]
    ) -> Float[Array, "atoms 3"]:
        """Velocities without the common motion along the axes where there is one."""
        weights = jnp.where(self.mobile, self.masses[:, None], 0.0)
        total = jnp.where(self.drifts, jnp.sum(weights, axis=0), 1.0)
        common = jnp.sum(weights * velocities, axis=0) / total
        common = jnp.where(self.drifts, common, 0.0)
        return self.masked(velocities - common[None])


class Now(eqx.Module):
    """Conditions at one step, in ASE's units."""

    timestep: Float[AnyArray, ""]
    kT: Float[AnyArray, ""]  # eV
    tau: Float[AnyArray, ""]  # of the thermostat
    pressure: Float[AnyArray, ""]  # eV/Å^3
    pressure_tau: Float[AnyArray, ""]  # of the barostat
    compressibility: Float[AnyArray, ""]  # Å^3/eV
    key: Any  # of this step's random numbers


def volume_of(cell: Float[Array, "3 3"]) -> Float[Array, ""]:
    """Volume, Å^3; 0 unless the cell is periodic along all three axes."""
    return abs(jnp.linalg.det(cell))
