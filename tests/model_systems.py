"""Dynamics on energies that cost nothing, by the integrators of the driver.

The steps are those of the driver's loop; only the energy is another, a function of
positions (Å) and cell, in eV.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from ase import units
from ase.build import bulk
from ase.neighborlist import neighbor_list

from ase_reaxff_jax.charges.equilibrium import Solution
from ase_reaxff_jax.md.extrapolation import History
from ase_reaxff_jax.md.integrators import integrator_of
from ase_reaxff_jax.md.state import Now, Particles, State, volume_of
from ase_reaxff_jax.programs import Derivatives
from ase_reaxff_jax.units import KCAL_PER_MOL

REFRESHED = 0.02  # how often a step begins with new velocities, where they are mixed


class Conditions(NamedTuple):
    """Of a run, in ASE's units."""

    timestep: float
    kT: float
    tau: float
    pressure: float
    pressure_tau: float
    compressibility: float


class Samples(NamedTuple):
    """One number for each sample, in eV and Å."""

    thermal: np.ndarray
    potential: np.ndarray
    volume: np.ndarray
    kept: np.ndarray  # the conserved quantity
    pressure: np.ndarray
    degrees: float


def result_of(energy: Callable, positions, cell) -> Derivatives:
    """Energy and its derivatives, as the kernel gives them."""

    def strained(positions, strain):
        deformation = jnp.eye(3) + strain
        return energy(positions @ deformation, cell @ deformation) / KCAL_PER_MOL

    value, (gradient, strain_gradient) = jax.value_and_grad(strained, (0, 1))(
        positions, jnp.zeros((3, 3))
    )
    nothing = jnp.zeros(len(positions)), jnp.zeros(len(positions)), jnp.zeros(())
    states = jnp.int32(0), jnp.bool_(True), jnp.bool_(False), jnp.int32(0)
    return Derivatives(
        energy=value,
        gradient=gradient,
        strain_gradient=strain_gradient,
        solution=Solution(*nothing, *states),
        shortest=jnp.ones(()),
        shortest_pair=jnp.int32(0),
        covered=jnp.bool_(True),
        worn=jnp.bool_(False),
    )


def particles_of(count: int, mass: float, *, drifts: bool) -> Particles:
    """Atoms that are all alike and free."""
    return Particles(
        masses=np.full(count, mass),
        mobile=np.ones((count, 3), bool),
        degrees=np.asarray(3.0 * count - 3.0 * drifts),
        drifts=np.full(3, drifts),
    )


def drawn(kT, particles: Particles, key):
    """Velocities at random."""
    shape = particles.mobile.shape
    width = jnp.sqrt(kT / particles.masses)[:, None]
    velocities = width * jax.random.normal(key, shape, jnp.float64)
    common = particles.masses @ velocities / particles.masses.sum()
    return velocities - jnp.where(particles.drifts, common, 0.0)[None]


@partial(jax.jit, static_argnames=("integrator", "energy", "samples", "every", "mixed"))
def _sampled(
    integrator, energy, particles, positions, cell, conditions, key, *,
    samples, every, mixed,
):  # fmt: skip
    kT = conditions.kT

    def step(state, key):
        if mixed:
            often = jax.random.uniform(jax.random.fold_in(key, 3)) < REFRESHED
            other = drawn(kT, particles, jax.random.fold_in(key, 4))
            velocities = jnp.where(often, other, state.velocities)
            state = eqx.tree_at(lambda s: s.velocities, state, velocities)
        now = Now(**conditions._asdict(), key=key)
        state = integrator.before(state, particles, now)
        result = result_of(energy, state.positions, state.cell)
        state = eqx.tree_at(lambda s: s.result, state, result)
        return integrator.after(state, particles, now), None

    def sample(state, key):
        keys = jax.random.split(key, every)
        state, _ = jax.lax.scan(step, state, keys)
        now = Now(**conditions._asdict(), key=key)
        kinetic = particles.kinetic_energy(state.velocities)
        bath = integrator.bath_energy(state, particles, now)
        stress = particles.kinetic_stress(state.velocities) + state.virial
        volume = volume_of(state.cell)
        numbers = (
            particles.thermal_energy(state.velocities),
            state.potential_energy,
            volume,
            state.potential_energy + kinetic + bath,
            jnp.trace(stress) / (3.0 * volume),
        )
        return state, jnp.stack(numbers)

    state = State(
        step=jnp.int32(0),
        positions=positions,
        velocities=drawn(kT, particles, jax.random.fold_in(key, 5)),
        cell=cell,
        result=result_of(energy, positions, cell),
        history=History.empty(len(positions), np.float64, used=False),
        bath=jax.tree.map(jnp.asarray, integrator.bath(np.float64)),
    )
    return jax.lax.scan(sample, state, jax.random.split(key, samples))[1]


def sampled(
    ensemble: str, shape: str, energy: Callable, positions: np.ndarray,
    cell: np.ndarray, mass: float, conditions: Conditions, *,
    samples: int, every: int, mixed: bool = False, seed: int = 2,
) -> Samples:  # fmt: skip
    """Numbers of a run without its first tenth.

    Args:
        ensemble: As of `run`.
        shape: What the barostat may change.
        energy: Of positions and cell, eV; can be hashed.
        positions: At the start, Å.
        cell: At the start, Å.
        mass: Of each atom, amu.
        conditions: Of the run.
        samples: Of the whole run.
        every: Steps between them.
        mixed: Whether velocities are drawn anew now and then.
        seed: Of everything random.
    """
    with jax.enable_x64(True):
        particles = particles_of(
            len(positions), mass, drifts=ensemble != "nvt-langevin"
        )
        found = _sampled(
            integrator_of(ensemble, shape), energy, particles, jnp.asarray(positions),
            jnp.asarray(cell), jax.tree.map(jnp.float64, conditions),
            jax.random.key(seed), samples=samples, every=every, mixed=mixed,
        )  # fmt: skip
        table = np.asarray(found)[samples // 10 :].T
    return Samples(*table, degrees=float(particles.degrees))


# A crystal

CRYSTAL = bulk("Ar", a=4.0, cubic=True).repeat(2)
STIFFNESS = 2.0  # eV/Å^2
LENGTH = 4.0 / np.sqrt(2.0)  # Å
_I, _J, _SHIFTS = neighbor_list("ijS", CRYSTAL, LENGTH + 0.1)
_ONCE = np.flatnonzero(_I < _J)
I, J, SHIFTS = _I[_ONCE], _J[_ONCE], _SHIFTS[_ONCE].astype(float)


def crystal_energy(positions, cell):
    """Springs to the twelve neighbours, not harmonic: the modes exchange energy."""
    vectors = positions[J] - positions[I] + SHIFTS @ cell
    longer = jnp.sqrt(jnp.sum(vectors**2, axis=1)) - LENGTH
    return 0.5 * STIFFNESS * jnp.sum(longer**2 * (1.0 - longer + longer**2))


CRYSTAL_AT_WORK = Conditions(
    timestep=2.0 * units.fs,
    kT=0.06,
    tau=20.0 * units.fs,
    pressure=0.0,
    pressure_tau=60.0 * units.fs,
    compressibility=1.5,  # Å^3/eV
)
