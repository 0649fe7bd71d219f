"""What the calculator gives: sums, signs, shapes; reasons where there is nothing."""

import numpy as np
import pytest
import scipy.sparse
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError
from small import (
    SMALL,
    carbon_chain,
    hydronium,
    moist_methane,
    rattled,
    with_calculator,
)

from ase_reaxff_jax import JaxReaxFF

pytestmark = pytest.mark.xdist_group("small structures")  # the same programs


@pytest.mark.parametrize("name", SMALL)
def test_energies_of_atoms_and_of_terms_add_up(name):
    atoms = with_calculator(SMALL[name])
    energy = atoms.get_potential_energy()
    np.testing.assert_allclose(atoms.get_potential_energies().sum(), energy, atol=1e-9)
    terms = atoms.calc.get_energy_terms(atoms)
    np.testing.assert_allclose(sum(terms.values()), energy, atol=1e-9)
    assert atoms.get_potential_energy(force_consistent=True) == energy


def test_terms_have_the_documented_names():
    names = """bond over_under lone_pair angle penalty angle_conjugation hydrogen_bond
    torsion torsion_conjugation van_der_waals coulomb charge"""
    terms = JaxReaxFF("cho").get_energy_terms(SMALL["ethanol"])
    assert list(terms) == names.split()
    assert all(type(value) is float for value in terms.values())


@pytest.mark.parametrize("name", ["ethanol", "triclinic", "slab", "carbon chain"])
def test_properties_can_be_exported(name):
    atoms = with_calculator(SMALL[name])
    atoms.get_potential_energies()
    properties = atoms.calc.export_properties()
    assert properties["natoms"] == len(atoms)
    assert ("stress" in properties) == (atoms.cell.rank == 3)
    assert ("dipole" in properties) == (not atoms.pbc.any())


def test_a_compressed_crystal_has_negative_stress_a_stretched_one_positive():
    atoms = with_calculator(moist_methane())
    atoms.set_cell(0.85 * atoms.cell.array, scale_atoms=False)
    assert atoms.get_stress()[:3].max() < 0
    assert atoms.get_stress().shape == (6,)
    np.testing.assert_array_equal(
        atoms.get_stress(voigt=False), atoms.get_stress(voigt=False).T
    )
    chain = with_calculator(carbon_chain())
    chain.set_cell([1.75, 9.0, 9.0])
    assert chain.get_stress()[0] > 0


def test_what_is_not_defined_says_why():
    molecule, slab = with_calculator(rattled("H2O")), with_calculator(SMALL["slab"])
    with pytest.raises(PropertyNotImplementedError, match="whose cell has a volume"):
        molecule.get_stress()
    with pytest.raises(PropertyNotImplementedError, match="without periodicity"):
        slab.get_dipole_moment()
    with pytest.raises(PropertyNotImplementedError, match="neutral"):
        with_calculator(hydronium(), charge=1.0).get_dipole_moment()
    with pytest.raises(PropertyNotImplementedError, match="magmoms"):
        molecule.get_magnetic_moments()


def test_the_dipole_of_water_points_to_its_hydrogens():
    water = with_calculator(rattled("H2O", width=0.0))
    dipole = water.get_dipole_moment()
    middle = water.positions[1:].mean(axis=0) - water.positions[0]
    assert dipole @ middle > 0.1
    np.testing.assert_allclose(np.cross(dipole, middle), 0.0, atol=1e-10)


def test_fixed_charges_are_the_initial_ones():
    atoms = rattled("CH3OH")
    charges = np.linspace(-0.3, 0.3, len(atoms))
    atoms.set_initial_charges(charges)
    atoms.calc = JaxReaxFF("cho", charge_model="fixed")
    np.testing.assert_array_equal(atoms.get_charges(), charges)
    before = atoms.get_potential_energy()
    atoms.set_initial_charges(-charges)
    assert atoms.get_potential_energy() != before


def test_fixed_charges_at_the_solution_give_the_same_energy():
    atoms = with_calculator(moist_methane())
    energy = atoms.get_potential_energy()
    atoms.set_initial_charges(atoms.get_charges())
    atoms.calc = JaxReaxFF("cho", charge_model="fixed")
    np.testing.assert_allclose(atoms.get_potential_energy(), energy, atol=1e-10)


@pytest.mark.parametrize("name", SMALL)
def test_bond_orders_are_sparse_and_symmetric(name):
    atoms = SMALL[name]
    orders = JaxReaxFF("cho").get_bond_orders(atoms)
    assert scipy.sparse.issparse(orders)
    assert orders.shape == (len(atoms), len(atoms))
    assert abs(orders - orders.T).max() == 0.0
    assert orders.min() >= 0.0


def test_bond_orders_tell_single_from_double_bonds():
    single, double = (
        JaxReaxFF("cho").get_bond_orders(rattled(name, width=0.0)).toarray()
        for name in ("C2H6", "C2H4")
    )
    np.testing.assert_allclose(single[0, 1], 1.0, atol=0.1)
    assert 1.5 < double[0, 1] < 2.1
    np.testing.assert_allclose(double[2:, :2].max(axis=1), 1.0, atol=0.1)


def test_an_atom_bonded_to_its_own_image_has_both_bonds_on_the_diagonal():
    calc = JaxReaxFF("cho")
    one, three = carbon_chain(), carbon_chain().repeat((3, 1, 1))
    diagonal = calc.get_bond_orders(one).toarray()[0, 0]
    np.testing.assert_allclose(
        diagonal, calc.get_bond_orders(three).toarray().sum(axis=1), rtol=1e-10
    )
    assert diagonal > 2.0


def test_without_atoms_the_last_structure_is_meant():
    atoms = with_calculator(Atoms("O2", [[0, 0, 0], [0, 0, 1.3]]))
    calc = atoms.calc
    energy = atoms.get_potential_energy()
    np.testing.assert_allclose(sum(calc.get_energy_terms().values()), energy)
    np.testing.assert_array_equal(
        calc.get_bond_orders().toarray(), calc.get_bond_orders(atoms).toarray()
    )
    with pytest.raises(RuntimeError, match=r"atoms\.calc"):
        JaxReaxFF("cho").get_bond_orders()
