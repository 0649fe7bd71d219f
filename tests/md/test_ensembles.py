"""Thermostats and barostats on energies whose averages are known.

Harmonic dimers that do not see each other: every mode is that of an oscillator, and
their volume under a pressure is that of an ideal gas of dimers. Nothing would share
energy out between the modes but Langevin's noise; where that matters, velocities are
drawn anew now and then, which leaves the ensemble as it is.
"""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ase import units

from ase_reaxff_jax.charges.equilibrium import Solution
from ase_reaxff_jax.md.extrapolation import History
from ase_reaxff_jax.md.integrators import integrator_of
from ase_reaxff_jax.md.state import Now, Particles, State, volume_of
from ase_reaxff_jax.programs import Derivatives
from ase_reaxff_jax.units import KCAL_PER_MOL

ATOMS = 24
DIMERS = ATOMS // 2
MASS = 12.0  # amu
STIFFNESS = 10.0  # eV/Å^2
KT = units.kB * 500.0
TIMESTEP = 0.8 * units.fs
TAU = 20.0 * units.fs
PRESSURE_TAU = 60.0 * units.fs
EDGE = 20.0  # Å
PRESSURE = (DIMERS + 1) * KT / EDGE**3
STEPS = 200_000


def result_of(positions):
    """Energy, gradient and strain gradient of the dimers, as the kernel gives them."""
    bond = positions[::2] - positions[1::2]
    pull = STIFFNESS * bond
    gradient = jnp.stack([pull, -pull], axis=1).reshape(positions.shape)
    nothing = jnp.zeros(ATOMS), jnp.zeros(ATOMS), jnp.zeros(())
    solution = Solution(*nothing, *[jnp.int32(0), jnp.bool_(True), jnp.bool_(False)],
                        jnp.int32(0))  # fmt: skip
    return Derivatives(
        energy=0.5 * jnp.sum(pull * bond) / KCAL_PER_MOL,
        gradient=gradient / KCAL_PER_MOL,
        strain_gradient=pull.T @ bond / KCAL_PER_MOL,
        solution=solution,
        shortest=jnp.ones(()),
        shortest_pair=jnp.int32(0),
    )


def start(integrator, drifts):
    rng = np.random.default_rng(1)
    positions = rng.uniform(0, EDGE, (ATOMS, 3))
    width = np.sqrt(KT / STIFFNESS)
    positions[1::2] = positions[::2] + rng.normal(0, width, (DIMERS, 3))
    velocities = rng.normal(0, np.sqrt(KT / MASS), (ATOMS, 3))
    if drifts:
        velocities -= velocities.mean(axis=0)
    positions = jnp.asarray(positions)
    return State(
        step=np.zeros((), np.int32),
        positions=positions,
        velocities=jnp.asarray(velocities),
        cell=jnp.eye(3) * EDGE,
        result=result_of(positions),
        history=History.empty(ATOMS, np.float64, used=False),
        bath=jax.tree.map(jnp.asarray, integrator.bath(np.float64)),
    )


def drawn(state, particles, key):
    """Velocities at random, without common motion."""
    velocities = jnp.sqrt(KT / MASS) * jax.random.normal(key, state.velocities.shape)
    velocities -= velocities.mean(axis=0)[None]
    return eqx.tree_at(lambda s: s.velocities, state, velocities)


@partial(jax.jit, static_argnames=("integrator", "mixed"))
def sampled(integrator, particles, state, key, *, mixed):
    """Thermal and potential energy, volume, and the conserved quantity, each step."""

    def step(state, key):
        if mixed:
            often = jax.random.uniform(jax.random.fold_in(key, 3)) < 0.02
            other = drawn(state, particles, jax.random.fold_in(key, 4))
            state = jax.tree.map(lambda x, y: jnp.where(often, x, y), other, state)
        now = Now(*map(jnp.float64, (TIMESTEP, KT, TAU, PRESSURE, PRESSURE_TAU)),
                  jnp.float64(1.0 / PRESSURE), key)  # fmt: skip
        state = integrator.before(state, particles, now)
        result = result_of(state.positions)
        state = eqx.tree_at(lambda s: s.result, state, result)
        state = integrator.after(state, particles, now)
        thermal = particles.thermal_energy(state.velocities)
        total = state.potential_energy + particles.kinetic_energy(state.velocities)
        kept = total + integrator.bath_energy(state, particles, now)
        numbers = thermal, state.potential_energy, volume_of(state.cell), kept
        return state, jnp.stack(numbers)

    return jax.lax.scan(step, state, jax.random.split(key, STEPS))[1]


def samples(ensemble, shape="isotropic", *, mixed=False):
    """Columns of `sampled` without the first tenth."""
    with jax.enable_x64(True):
        integrator = integrator_of(ensemble, shape)
        drifts = ensemble != "nvt-langevin"
        particles = Particles(
            masses=np.full(ATOMS, MASS),
            mobile=np.ones((ATOMS, 3), bool),
            degrees=np.asarray(3.0 * ATOMS - 3.0 * drifts),
            drifts=np.asarray(drifts),
        )
        state = start(integrator, drifts)
        found = sampled(integrator, particles, state, jax.random.key(2), mixed=mixed)
        degrees = float(particles.degrees)
        return np.asarray(found)[STEPS // 10 :].T, degrees


def error_of_mean(values, blocks=20):
    """From the scatter of the means of blocks."""
    means = values[: len(values) // blocks * blocks].reshape(blocks, -1).mean(axis=1)
    return means.std(ddof=1) / np.sqrt(blocks)


def assert_mean(values, expected):
    mean, error = values.mean(), error_of_mean(values)
    assert error < 0.05 * expected, "too few samples to tell"
    assert abs(mean - expected) < 4 * error + 0.003 * expected, (mean, expected, error)


@pytest.mark.parametrize("ensemble", ["nvt-langevin", "nvt-csvr"])
def test_energies_are_distributed_as_in_the_canonical_ensemble(ensemble):
    (thermal, potential, _, kept), degrees = samples(ensemble)
    assert_mean(thermal, 0.5 * degrees * KT)
    assert_mean((thermal - thermal.mean()) ** 2, 0.5 * degrees * KT**2)
    assert np.ptp(kept) < 0.2 * thermal.mean()
    if ensemble == "nvt-langevin":
        assert_mean(potential, 1.5 * DIMERS * KT)
        assert_mean((potential - potential.mean()) ** 2, 1.5 * DIMERS * KT**2)


def test_a_chain_keeps_the_mean_temperature_and_its_own_energy():
    (thermal, _, _, kept), degrees = samples("nvt-nose-hoover")
    assert_mean(thermal, 0.5 * degrees * KT)
    assert np.ptp(kept) < 0.05 * thermal.mean()


def test_weak_coupling_keeps_the_mean_temperature_but_not_its_fluctuation():
    (thermal, _, _, _), degrees = samples("nvt-berendsen")
    assert thermal.mean() == pytest.approx(0.5 * degrees * KT, rel=0.02)
    assert thermal.var() < 0.9 * 0.5 * degrees * KT**2


# An ideal gas does not mind the shape of its cell, which would wander without bounds.
SHAPES = pytest.mark.parametrize("shape", ["isotropic", "orthorhombic"])


@SHAPES
def test_stochastic_rescaling_gives_the_volumes_of_an_ideal_gas(shape):
    (thermal, _, volume, _), degrees = samples("npt-scr", shape, mixed=True)
    assert_mean(thermal, 0.5 * degrees * KT)
    assert_mean(PRESSURE * volume / KT, DIMERS + 1)
    fluctuation = (PRESSURE / KT) ** 2 * (volume - volume.mean()) ** 2
    assert_mean(fluctuation, DIMERS + 1)


@SHAPES
def test_a_piston_gives_the_volumes_of_an_ideal_gas(shape):
    (thermal, _, volume, _), degrees = samples("npt-mtk", shape, mixed=True)
    assert_mean(thermal, 0.5 * degrees * KT)
    # One less than above: the centre of mass rests, and takes no part.
    assert_mean(PRESSURE * volume / KT, DIMERS)


@pytest.mark.parametrize("shape", ["isotropic", "full"])
def test_a_piston_keeps_its_own_energy(shape):
    (_, _, volume, kept), degrees = samples("npt-mtk", shape)
    assert np.ptp(volume) > 0.1 * volume.mean()
    assert np.ptp(kept) < 0.02 * 0.5 * degrees * KT
