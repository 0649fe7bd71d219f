"""Different ways to the same numbers: methods, implementations, precisions, batches."""

import jax.numpy as jnp
import numpy as np
import pytest
from ase import Atoms
from small import SMALL, amorphous, hydronium, moist_methane, rattled, with_calculator

from ase_reaxff_jax import JaxReaxFF, bond_orders, energy, nonbonded
from ase_reaxff_jax.charges.equilibrium import equations_of
from ase_reaxff_jax.neighbors import image_positions
from ase_reaxff_jax.pairs import half_list
from ase_reaxff_jax.precision import scope

pytestmark = pytest.mark.xdist_group("small structures")  # the same programs

NAMES = ["ethanol", "triclinic", "slab", "amorphous"]
# Each structure and each method, not all with all.
WITH_METHODS = [
    ("ethanol", "direct"),
    ("triclinic", "iterative"),
    ("slab", "iterative"),
    ("amorphous", "direct"),
]


def assert_same(atoms: Atoms, first: JaxReaxFF, second: JaxReaxFF, *, tolerance):
    for name in ("energy", "forces", "charges", "stress"):
        if name == "stress" and not atoms.pbc.any():
            continue
        one, two = first.get_property(name, atoms), second.get_property(name, atoms)
        scale = len(atoms) if name == "energy" else 1
        np.testing.assert_allclose(one, two, atol=tolerance * scale, err_msg=name)


@pytest.mark.parametrize(("name", "method"), WITH_METHODS)
def test_the_plain_form_gives_the_same_numbers(name, method):
    fused, plain = (
        JaxReaxFF("cho", charge_method=method, charge_tolerance=1e-13, implementation=i)
        for i in ("fused", "reference")
    )
    assert_same(SMALL[name], fused, plain, tolerance=1e-10)


@pytest.mark.optimised  # with the approximate inverse, as users have it
@pytest.mark.parametrize("name", ["ethanol", "amorphous"])
def test_iterated_charges_are_the_direct_ones(name):
    iterated = JaxReaxFF("cho", charge_method="iterative")
    # The derivative with the adjoint vector errs in second order only.
    assert_same(SMALL[name], JaxReaxFF("cho"), iterated, tolerance=1e-7)


def test_the_guess_from_earlier_geometries_changes_nothing():
    atoms = with_calculator(moist_methane(), charge_method="iterative")
    rng = np.random.default_rng(1)
    direct = JaxReaxFF("cho")
    for _ in range(6):
        atoms.positions += 0.01 * rng.normal(size=atoms.positions.shape)
        assert_same(atoms, direct, atoms.calc, tolerance=1e-7)


@pytest.mark.parametrize("name", NAMES)
def test_single_precision_is_near_double_precision(name):
    atoms, double = SMALL[name], JaxReaxFF("cho")
    single = JaxReaxFF("cho", dtype="float32", charge_method="iterative")
    assert single.get_forces(atoms).dtype == np.float64  # as all of ASE
    assert_same(atoms, single, double, tolerance=5e-4)
    assert single.get_potential_energy(atoms) != double.get_potential_energy(atoms)


@pytest.mark.parametrize(("name", "method"), WITH_METHODS)
def test_mixed_precision_is_nearer(name, method):
    atoms, double = SMALL[name], JaxReaxFF("cho")
    mixed = JaxReaxFF(
        "cho", dtype="mixed", charge_method=method, charge_tolerance=1e-10
    )
    assert_same(atoms, mixed, double, tolerance=5e-5)
    assert mixed.get_potential_energy(atoms) != double.get_potential_energy(atoms)
    terms = mixed.get_energy_terms(atoms)
    assert sum(terms.values()) == pytest.approx(
        mixed.get_potential_energy(atoms), abs=1e-6 * len(atoms)
    )


@pytest.mark.optimised
@pytest.mark.parametrize("name", ["amorphous", "slab"])
def test_forces_of_mixed_precision_cancel_as_those_of_double_precision(name):
    forces = JaxReaxFF("cho", dtype="mixed").get_forces(SMALL[name])
    assert abs(forces.sum(axis=0)).max() < 1e-12


def test_sums_of_single_precision_are_of_double_precision():
    parts = np.random.default_rng(0).uniform(0.5, 1.5, (3000, 7)).astype(np.float32)
    with scope("mixed"):
        single, none = jnp.asarray(parts), jnp.zeros(1)
        pairs = nonbonded.PairEnergies(single, single.astype(float), jnp.zeros(3000))
        bonded = energy.Bonded(**dict.fromkeys(energy.Bonded.__annotations__, none))
        orders = bond_orders.BondOrders(none, none, none, none)
        sums = energy.Terms(bonded, pairs, orders).by_name()
    np.testing.assert_allclose(sums["van_der_waals"], sums["coulomb"], rtol=1e-12)


@pytest.mark.parametrize("name", ["amorphous", "slab"])
def test_charges_of_mixed_precision_leave_of_the_equations_what_is_said(name):
    atoms = with_calculator(
        SMALL[name], dtype="mixed", charge_method="iterative", charge_tolerance=1e-10
    )
    engine, charges = atoms.calc.engine, atoms.get_charges()
    with scope("mixed"):
        system = engine.system(atoms)
        lists = engine.lists.of(atoms, system).neighbors
        images = image_positions(system.positions, system.cell, lists)
        pairs = half_list(lists.far, lists.source, jnp.asarray(system.species))
        mask = jnp.asarray(system.mask)
        exact = equations_of(engine.parameters, images, pairs, mask)
        left = np.array(exact.dense())[: len(atoms), : len(atoms)] @ charges
        left += np.asarray(exact.chi)[: len(atoms)]
    relative = np.linalg.norm(left - left.mean()) / np.linalg.norm(exact.chi)
    assert 1e-9 < relative < 5 * engine.options(len(atoms)).charge_tolerance


def test_what_is_in_double_precision_in_any_case_keeps_the_tolerance():
    mixed, double = (
        JaxReaxFF("cho", dtype=d, charge_tolerance=1e-9).engine
        for d in ("mixed", "float64")
    )
    assert mixed.options(300).charge_tolerance == 1e-6
    assert mixed.options(300, "float64") == double.options(300)


def test_second_derivatives_are_those_of_double_precision():
    atoms = SMALL["ethanol"]
    mixed, double = (
        JaxReaxFF("cho", dtype=d).get_hessian(atoms) for d in ("mixed", "float64")
    )
    np.testing.assert_allclose(mixed, double, atol=1e-9)


def test_a_mixture_of_sizes_at_once_equals_one_at_a_time():
    structures = [rattled("H2O", seed=s) for s in range(60)]
    structures += [*SMALL.values(), Atoms("O")]
    structures = [
        structures[k] for k in np.random.default_rng(2).permutation(len(structures))
    ]
    structures.insert(30, thin_gas())
    assert len(structures) > 64 and len(structures[30]) > 256
    structures += [hydronium(), hydronium()]
    structures[-1].set_initial_charges([1.0, 0.0, 0.0, 0.0])
    calc, single = (JaxReaxFF("cho", charge=None) for _ in range(2))
    results = calc.evaluate(structures)
    for atoms, result in zip(structures, results, strict=True):
        single.calculate(atoms)
        assert result.keys() == single.results.keys()
        for name, value in single.results.items():
            np.testing.assert_allclose(result[name], value, atol=1e-9, err_msg=name)
    totals = [result["charges"].sum() for result in results[-2:]]
    np.testing.assert_allclose(totals, [0.0, 1.0], atol=1e-10)


def test_above_the_limit_of_direct_charges_they_are_iterated_to_the_same():
    cell = thin_gas((1, 1, 1))
    one, many = (JaxReaxFF("cho") for _ in range(2))
    energy = many.get_potential_energy(thin_gas())
    np.testing.assert_allclose(energy, 36 * one.get_potential_energy(cell), atol=1e-6)
    forces = np.tile(one.get_forces(cell), (36, 1))
    np.testing.assert_allclose(many.get_forces(thin_gas()), forces, atol=1e-6)


def test_no_structures_give_no_results():
    assert JaxReaxFF("cho").evaluate([]) == []


@pytest.mark.parametrize("name", ["triclinic", "slab"])
def test_the_search_for_neighbours_does_not_matter(name):
    searches = (JaxReaxFF("cho", neighbors=n) for n in ("vesin", "jax-md"))
    assert_same(SMALL[name], *searches, tolerance=1e-10)


def test_the_skin_does_not_matter():
    atoms = amorphous("C H O", 14)
    wide = JaxReaxFF("cho", skin=0.2, bond_skin=0.6)
    assert_same(atoms, JaxReaxFF("cho"), wide, tolerance=1e-11)


def thin_gas(repeat=(4, 3, 3)) -> Atoms:
    """Many atoms with few neighbours."""
    atoms = moist_methane()
    atoms.set_cell(9.0 * np.eye(3))
    return atoms.repeat(repeat)
