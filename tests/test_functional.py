"""`calc.jax_md(atoms)`: pure functions that jax transforms and jax-md integrates."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ase import units
from ase.build import bulk, molecule
from ase.md.verlet import VelocityVerlet

from ase_reaxff_jax import JaxReaxFF
from ase_reaxff_jax.precision import scope

CALC = JaxReaxFF("cho", charge_tolerance=1e-10)
METHANOL = molecule("CH3OH")
METHANOL.rattle(0.02, seed=0)
NEIGHBOR_FN, ENERGY_FN = CALC.jax_md(METHANOL)


@pytest.fixture(autouse=True)
def double_precision():
    with scope("float64"):
        yield


@pytest.fixture
def start():
    """Positions and lists."""
    R = jnp.asarray(METHANOL.positions)
    return R, NEIGHBOR_FN.allocate(R)


def reference(**changes):
    atoms = METHANOL.copy()
    atoms.calc = CALC
    return atoms


def test_energy_and_forces_are_those_of_the_calculator(start):
    R, neighbor = start
    energy, gradient = jax.jit(jax.value_and_grad(ENERGY_FN))(R, neighbor=neighbor)
    assert energy.dtype == np.float64
    np.testing.assert_allclose(energy, reference().get_potential_energy(), rtol=1e-12)
    np.testing.assert_allclose(-gradient, reference().get_forces(), atol=1e-9)


def test_hessians_by_every_mode_are_that_of_the_calculator(start):
    R, neighbor = start
    expected = CALC.get_hessian(METHANOL)
    for hessian in (jax.hessian(ENERGY_FN), jax.jacfwd(jax.jacrev(ENERGY_FN))):
        found = jax.jit(hessian)(R, neighbor).reshape(R.size, R.size)
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_jvp_is_the_gradient_along_a_direction(start):
    R, neighbor = start
    along = jnp.asarray(np.random.default_rng(0).normal(size=R.shape))
    _, slope = jax.jvp(lambda R: ENERGY_FN(R, neighbor), (R,), (along,))
    expected = jnp.sum(jax.grad(ENERGY_FN)(R, neighbor) * along)
    np.testing.assert_allclose(slope, expected, rtol=1e-9)


def test_vmap_over_structures_equals_a_loop(start):
    R, neighbor = start
    moves = 0.01 * np.random.default_rng(1).normal(size=(3, *R.shape))
    several = R[None] + jnp.asarray(moves)
    batch = jax.vmap(ENERGY_FN, (0, None))(several, neighbor)
    one_by_one = [ENERGY_FN(x, neighbor) for x in several]
    np.testing.assert_allclose(batch, jnp.stack(one_by_one), rtol=1e-12)


def test_the_gradient_by_parameters_is_that_of_differences(start):
    R, neighbor = start

    def energy(force_field):
        return ENERGY_FN(R, neighbor=neighbor, force_field=force_field)

    gradient = jax.jit(jax.grad(energy))(CALC.force_field)
    names = ("bond C O De_s", "atom O chi", "atom H eta", "angle H C H theta_00")
    for name in names:
        value, h = CALC.force_field.at(CALC.force_field.locate(name)), 1e-5
        up, down = (energy(CALC.force_field.replace(name, value + x)) for x in (h, -h))
        found = gradient.at(gradient.locate(name))
        np.testing.assert_allclose(found, (up - down) / (2 * h), rtol=1e-5, atol=1e-8)


def test_a_deformation_gives_the_stress():
    crystal = bulk("C", "diamond", a=3.6)
    crystal.positions += [[0.03, 0.01, 0.0], [0.0, 0.0, 0.0]]
    neighbor_fn, energy_fn = CALC.jax_md(crystal)
    R = jnp.asarray(crystal.positions)
    neighbor = neighbor_fn.allocate(R)
    crystal.calc = CALC

    def deformed(P):
        return energy_fn(R, neighbor, perturbation=P)

    stress = jax.grad(deformed)(jnp.eye(3)) / crystal.get_volume()
    expected = crystal.get_stress(voigt=False)
    np.testing.assert_allclose(0.5 * (stress + stress.T), expected, atol=1e-10)
    box = jnp.asarray(crystal.cell.array.T)
    np.testing.assert_allclose(
        energy_fn(R, neighbor, box=box), crystal.get_potential_energy(), rtol=1e-12
    )


def test_lists_that_do_not_cover_the_positions_give_no_number(start):
    R, neighbor = start
    moved = R.at[0, 0].add(0.6)
    assert jnp.isnan(ENERGY_FN(moved, neighbor))
    assert jnp.isnan(jax.grad(ENERGY_FN)(moved, neighbor)).all()
    renewed = NEIGHBOR_FN.update(moved, neighbor)
    assert not renewed.did_buffer_overflow
    atoms = METHANOL.copy()
    atoms.positions = np.asarray(moved)
    atoms.calc = CALC
    expected = atoms.get_potential_energy()
    np.testing.assert_allclose(ENERGY_FN(moved, renewed), expected, rtol=1e-12)


def test_lists_without_room_say_so_and_give_no_number():
    chain = bulk("C", "diamond", a=5.0)
    neighbor_fn, energy_fn = CALC.jax_md(chain)
    R = jnp.asarray(chain.positions)
    neighbor = neighbor_fn.allocate(R)
    box = 0.6 * jnp.asarray(chain.cell.array.T)
    squeezed = neighbor_fn.update(0.6 * R, neighbor, box=box)
    assert squeezed.did_buffer_overflow
    assert jnp.isnan(energy_fn(0.6 * R, squeezed, box=box))
    again = neighbor_fn.allocate(0.6 * R, box=box)
    assert jnp.isfinite(energy_fn(0.6 * R, again, box=box))


def test_single_precision_where_the_user_has_not_asked_for_double():
    with scope("float32"):
        R = jnp.asarray(METHANOL.positions)
        energy = ENERGY_FN(R, NEIGHBOR_FN.allocate(R))
        assert energy.dtype == np.float32
        expected = reference().get_potential_energy()
        np.testing.assert_allclose(energy, expected, atol=1e-3)


@pytest.mark.filterwarnings("ignore")
def test_dynamics_of_jax_md_is_that_of_ase(start):
    from jax_md import simulate, space

    R, neighbor = start
    atoms = reference()
    rng = np.random.default_rng(2)
    momenta = rng.normal(size=R.shape) * np.sqrt(0.02 * atoms.get_masses())[:, None]
    atoms.set_momenta(momenta)
    _, shift = space.free()
    dt = float(np.float32(0.2 * units.fs))  # jax-md keeps the step in single precision
    init, step = simulate.nve(ENERGY_FN, shift, dt=dt)
    masses = jnp.asarray(atoms.get_masses())
    state = init(None, R, None, mass=masses, momenta=momenta, neighbor=neighbor)

    def forward(_, pair):
        state, neighbor = pair
        state = step(state, neighbor=neighbor)
        return state, NEIGHBOR_FN.update(state.position, neighbor)

    state, _ = jax.jit(lambda s, n: jax.lax.fori_loop(0, 30, forward, (s, n)))(
        state, neighbor
    )
    VelocityVerlet(atoms, dt).run(30)
    np.testing.assert_allclose(state.position, atoms.positions, atol=1e-7)
