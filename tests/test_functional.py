"""`calc.jax_md`: the energy and its lists as pure functions, beside the calculator."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ase.calculators.calculator import InputError
from ase.stress import voigt_6_to_full_3x3_stress
from functional_cases import (
    BY_ALL,
    CALC,
    CRYSTAL,
    CRYSTAL_ENERGY,
    IN_CRYSTAL,
    METHANOL,
    METHANOL_ENERGY,
    OF_METHANOL,
    moved,
    quick,
    reference,
)
from small import SKEWED, moist_methane, rattled

from ase_reaxff_jax import JaxReaxFF
from ase_reaxff_jax.bundled import load

pytestmark = pytest.mark.xdist_group("functional")  # the same programs


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


# Derivatives


def test_energy_forces_and_stress_are_the_calculators():
    neighbor = IN_CRYSTAL.allocate(CRYSTAL.positions)
    cells = SKEWED, SKEWED @ (np.eye(3) + 0.004 * np.tri(3))
    for k, cell in enumerate(cells):
        R, box = jnp.asarray(moved(CRYSTAL, 0.05, seed=k)), jnp.asarray(cell.T)
        neighbor = IN_CRYSTAL.update(R, neighbor, box=box)
        energy, (gradient, by_box, by_deformation) = BY_ALL(
            R, box, jnp.eye(3), neighbor
        )
        atoms = reference(CRYSTAL, R, cell)
        stress = voigt_6_to_full_3x3_stress(atoms.get_stress()) * atoms.get_volume()
        np.testing.assert_allclose(energy, atoms.get_potential_energy(), atol=1e-10)
        np.testing.assert_allclose(-gradient, atoms.get_forces(), atol=1e-10)
        np.testing.assert_allclose(by_deformation, stress, atol=1e-9)
        # The box alone, and the positions that move along with it.
        np.testing.assert_allclose(by_box @ box.T + gradient.T @ R, stress, atol=1e-9)
    assert BY_ALL._cache_size() == 1, "new positions, box or lists must not recompile"


def test_the_hessian_is_the_calculators():
    neighbor = OF_METHANOL.allocate(METHANOL.positions)
    R = jnp.asarray(METHANOL.positions)
    # `jax.hessian` is jacfwd of jacrev.
    hessian = jax.jit(jax.hessian(METHANOL_ENERGY))
    found = hessian(R, neighbor).reshape(R.size, R.size)
    np.testing.assert_allclose(found, CALC.get_hessian(METHANOL), atol=1e-9)


@pytest.mark.parametrize(
    "second",
    [
        lambda f: jax.jacfwd(jax.jacfwd(f)),
        lambda f: jax.jacrev(jax.jacrev(f)),
    ],
)
def test_other_second_derivatives_can_be_traced(second):
    water = rattled("H2O")
    neighbor_fn, energy_fn = CALC.jax_md(water)
    neighbor = neighbor_fn.allocate(water.positions)
    found = jax.eval_shape(second(energy_fn), jnp.asarray(water.positions), neighbor)
    assert found.shape == (3, 3, 3, 3)


def test_a_directional_derivative_is_the_slope_along_the_forces():
    neighbor = OF_METHANOL.allocate(METHANOL.positions)
    R, along = jnp.asarray(METHANOL.positions), jnp.asarray(moved(METHANOL, 1.0))

    energy, found = jax.jvp(lambda R: METHANOL_ENERGY(R, neighbor), (R,), (along,))
    atoms = reference(METHANOL)
    np.testing.assert_allclose(energy, atoms.get_potential_energy(), atol=1e-10)
    np.testing.assert_allclose(found, -np.sum(atoms.get_forces() * along), atol=1e-9)


def test_a_batch_of_structures_gives_what_each_gives_alone():
    stack = jnp.stack([jnp.asarray(moved(METHANOL, 0.1, seed)) for seed in range(3)])
    first = OF_METHANOL.allocate(METHANOL.positions)
    lists = jax.vmap(OF_METHANOL.update, in_axes=(0, None))(stack, first)
    assert lists.did_buffer_overflow.tolist() == [False] * 3
    batch = quick(jax.vmap(jax.value_and_grad(METHANOL_ENERGY)))
    energies, gradients = batch(stack, lists)
    for k, positions in enumerate(stack):
        atoms = reference(METHANOL, positions)
        np.testing.assert_allclose(
            energies[k], atoms.get_potential_energy(), atol=1e-10
        )
        np.testing.assert_allclose(-gradients[k], atoms.get_forces(), atol=1e-10)


def test_lists_allocated_one_by_one_can_be_stacked():
    lists = [OF_METHANOL.allocate(moved(METHANOL, 0.1, seed)) for seed in range(5)]
    stacked = jax.tree.map(lambda *x: jnp.stack(x), *lists)
    assert stacked.positions.shape == (5, len(METHANOL), 3)


# Parameters

PARAMETERS = [
    "general p_boc1", "atom C chi", "atom O eta", "atom H gamma", "atom C epsilon",
    "bond C O De_s", "bond C H p_be1", "off_diagonal C O r_s", "angle H C H theta_00",
    "torsion H C O H V2",
]  # fmt: skip


def test_the_gradient_by_every_parameter_is_finite_and_matches_differences():
    neighbor = OF_METHANOL.allocate(METHANOL.positions)
    R, numbers = jnp.asarray(METHANOL.positions), CALC.force_field
    names = {name for _, name in numbers.addresses()}
    chosen = [name for name in PARAMETERS if name in names]
    assert len(chosen) >= 8

    def energy(ff, R, neighbor):
        return METHANOL_ENERGY(R, neighbor, force_field=ff)

    gradient = jax.jit(jax.grad(energy))(numbers, R, neighbor)
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(gradient))
    for name in chosen:
        address = numbers.locate(name)
        value, h = numbers.at(address), 1e-4
        up, down = (
            energy(numbers.replace(name, value + d), R, neighbor) for d in (h, -h)
        )
        slope = (up - down) / (2 * h)
        np.testing.assert_allclose(
            gradient.at(address), slope, rtol=1e-6, atol=1e-8, err_msg=name
        )


def test_other_parameters_give_their_own_energy_or_none():
    neighbor = OF_METHANOL.allocate(METHANOL.positions)
    R, numbers = jnp.asarray(METHANOL.positions), CALC.force_field
    known = 0
    for factor in (0.97, 1.02, 1.1, 1.4):
        changed = numbers
        for name in ("off_diagonal C O r_s", "atom C r_s", "atom H r_s"):
            value = numbers.at(numbers.locate(name))
            changed = changed.replace(name, factor * value)
        energy = METHANOL_ENERGY(R, neighbor, force_field=changed)
        if np.isnan(energy):
            continue
        known += 1
        other = reference(METHANOL, calc=JaxReaxFF(changed))
        np.testing.assert_allclose(energy, other.get_potential_energy(), atol=1e-9)
    assert 2 <= known < 4, "small changes are covered by the lists, large ones are not"
    longer = numbers.replace("general swb", 13.0)
    assert np.isnan(METHANOL_ENERGY(R, neighbor, force_field=longer))


def test_parameters_of_other_elements_are_refused():
    neighbor = OF_METHANOL.allocate(METHANOL.positions)
    with pytest.raises(InputError, match="elements and rows"):
        METHANOL_ENERGY(METHANOL.positions, neighbor, force_field=load("rdx"))


# Settings


def test_a_box_is_needed_only_along_periodic_directions():
    slab = moist_methane([True, True, False])
    neighbor_fn, energy_fn = CALC.jax_md(slab)
    neighbor = neighbor_fn.allocate(slab.positions)
    R, box = jnp.asarray(slab.positions), SKEWED.T.copy()
    box[:, 2] = 1.0
    expected = reference(slab).get_potential_energy()
    np.testing.assert_allclose(energy_fn(R, neighbor, box=box), expected, atol=1e-10)


def test_single_precision_is_what_a_process_has():
    @quick
    def updated(R, neighbor):
        neighbor = IN_CRYSTAL.update(R, neighbor)
        return jax.value_and_grad(CRYSTAL_ENERGY)(R, neighbor)

    positions = moved(CRYSTAL, 0.2).astype(np.float32)
    with jax.enable_x64(False):
        neighbor = IN_CRYSTAL.allocate(CRYSTAL.positions)
        energy, gradient = updated(positions, neighbor)
    assert energy.dtype == gradient.dtype == np.float32
    atoms = reference(CRYSTAL, positions.astype(np.float64))
    np.testing.assert_allclose(energy, atoms.get_potential_energy(), rtol=2e-6)
    forces = atoms.get_forces()
    np.testing.assert_allclose(-gradient, forces, atol=2e-5 * abs(forces).max())


def test_fixed_charges_are_those_of_the_structure():
    atoms = reference(METHANOL)
    ions = METHANOL.copy()
    ions.set_initial_charges(atoms.get_charges())
    neighbor_fn, energy_fn = JaxReaxFF("cho", charge_model="fixed").jax_md(ions)
    energy = energy_fn(ions.positions, neighbor_fn.allocate(ions.positions))
    np.testing.assert_allclose(energy, atoms.get_potential_energy(), atol=1e-9)
