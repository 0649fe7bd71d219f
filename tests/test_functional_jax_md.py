"""jax-md's integrators and minimisers with the lists and energies of `calc.jax_md`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ase import units
from ase.md.velocitydistribution import thermalize_momenta
from ase.md.verlet import VelocityVerlet
from ase.optimize import BFGS
from functional_cases import (
    CALC,
    CRYSTAL,
    CRYSTAL_ENERGY,
    IN_CRYSTAL,
    METHANOL,
    METHANOL_ENERGY,
    OF_METHANOL,
    quick,
)
from jax_md import minimize, simulate, space

from ase_reaxff_jax.md import run

pytestmark = pytest.mark.xdist_group("functional")  # the same programs

STEPS = 30
_, SHIFT = space.free()


def repeated(step, steps: int):
    """A program that takes steps, the lists being kept up to date between them."""

    @quick
    def run(state, neighbor):
        def forward(pair, _):
            state, neighbor = pair
            state = step(state, neighbor=neighbor)
            return (state, OF_METHANOL.update(state.position, neighbor)), None

        return jax.lax.scan(forward, (state, neighbor), length=steps)[0]

    return run


def test_a_trajectory_at_constant_energy_is_that_of_ase_and_of_the_driver():
    atoms = METHANOL.copy()
    thermalize_momenta(atoms, temperature_K=600, rng=np.random.default_rng(1))
    atoms.calc = CALC
    timestep = float(np.float32(0.25 * units.fs))  # jax-md rounds it so
    with jax.enable_x64(True):
        _, step = simulate.nve(METHANOL_ENERGY, SHIFT, dt=timestep)
        R = jnp.asarray(atoms.positions)
        before = OF_METHANOL.allocate(R)
        state = simulate.NVEState(
            R,
            jnp.asarray(atoms.get_momenta()),
            jnp.asarray(atoms.get_forces()),
            jnp.asarray(atoms.get_masses()[:, None]),
        )
        state, after = repeated(step, STEPS)(state, before)
        total = METHANOL_ENERGY(state.position, after) + simulate.kinetic_energy(state)
    renewed = np.asarray(after.positions) - np.asarray(before.positions)
    assert abs(renewed).max() > 0.07
    driven = run(
        atoms, CALC, ensemble="nve", steps=STEPS, timestep_fs=timestep / units.fs,
        progress=False,
    ).atoms  # fmt: skip
    np.testing.assert_allclose(state.position, driven.positions, atol=1e-9)
    np.testing.assert_allclose(state.momentum, driven.get_momenta(), atol=1e-8)
    start = atoms.get_total_energy()
    VelocityVerlet(atoms, timestep=timestep).run(STEPS)
    np.testing.assert_allclose(state.position, atoms.positions, atol=1e-9)
    np.testing.assert_allclose(state.momentum, atoms.get_momenta(), atol=1e-8)
    np.testing.assert_allclose(total, atoms.get_total_energy(), atol=1e-8)
    assert abs(np.asarray(total) - start) < 0.02


def test_fire_relaxes_a_molecule_to_the_minimum_of_ase():
    atoms = METHANOL.copy()
    atoms.calc = CALC
    with jax.enable_x64(True):
        init, step = minimize.fire_descent(
            METHANOL_ENERGY, SHIFT, dt_start=0.02, dt_max=0.08
        )
        neighbor = OF_METHANOL.allocate(atoms.positions)
        state = quick(init)(jnp.asarray(atoms.positions), neighbor=neighbor)
        state, neighbor = repeated(step, 200)(state, neighbor)
        energy = METHANOL_ENERGY(state.position, neighbor)
    assert abs(np.asarray(state.force)).max() < 1e-3
    BFGS(atoms, logfile=None).run(fmax=1e-3)
    np.testing.assert_allclose(energy, atoms.get_potential_energy(), atol=1e-5)


def in_fractions(R, box, **others):
    """The energy for jax-md's integrators at constant pressure."""
    return CRYSTAL_ENERGY(space.transform(box, R), box=box, **others)


def constant_pressure(R, key, **lists):
    box = jnp.asarray(CRYSTAL.cell.array.T, R.dtype)
    _, shift = space.periodic_general(box)
    init, step = simulate.npt_nose_hoover(in_fractions, shift, 0.02, 0.0, 0.02)
    fractions = R @ jnp.linalg.inv(box).T
    state = init(key, fractions, box, mass=1.0, **lists)
    return step(state, kT=0.03, **lists).position


def with_integrator(integrator):
    def one_step(R, key, **lists):
        init, step = integrator(CRYSTAL_ENERGY, SHIFT)
        return step(init(key, R, mass=1.0, **lists), kT=0.03, **lists).position

    return one_step


def with_minimizer(minimizer, **options):
    def one_step(R, key, **lists):
        init, step = minimizer(CRYSTAL_ENERGY, SHIFT, **options)
        state = step(init(R, **lists), **lists)
        return getattr(state, "position", state)

    return one_step


@pytest.mark.parametrize(
    "one_step",
    [
        with_integrator(lambda e, s: simulate.nvt_nose_hoover(e, s, 0.02, 0.02)),
        with_integrator(lambda e, s: simulate.nvt_langevin(e, s, 0.02, 0.02)),
        with_minimizer(minimize.gradient_descent, step_size=1e-3),
        constant_pressure,
    ],
    ids=["nose-hoover", "langevin", "gradient descent", "pressure"],
)
def test_other_methods_of_jax_md_take_the_energy(one_step):
    # Traced only: what they compute with the energy is theirs.
    with jax.enable_x64(True), jax.numpy_rank_promotion("allow"):
        lists = {"neighbor": IN_CRYSTAL.allocate(CRYSTAL.positions)}
        R = jnp.asarray(CRYSTAL.positions)
        found = jax.eval_shape(lambda *x: one_step(*x, **lists), R, jax.random.key(0))
    assert found.shape == R.shape
