"""Forces, stress and Hessian are the derivatives of the energy.

Compared with central differences of two step sizes. Where the two differ, a term is
switched on or off between the two sides (ReaxFF has such cutoffs by design) and there
is no derivative to compare with: such components are counted, named and few.
"""

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import CalculationFailed
from molecules import molecule
from small import SMALL, amorphous, hydronium, rattled

from ase_reaxff_jax import JaxReaxFF, programs

pytestmark = pytest.mark.xdist_group("small structures")  # the same programs

FORCE = 1e-6  # eV/Å
STRESS = 1e-7  # eV/Å^3
STEPS = (1e-5, 1e-6)  # Å, and relative for strains
KINKS = 0.02  # at most this share of the components


def energy_at(atoms: Atoms, calc: JaxReaxFF, displacement, strain) -> float:
    moved = atoms.copy()
    deformation = np.eye(3) + strain
    moved.positions = (atoms.positions + displacement) @ deformation
    moved.cell = atoms.cell.array @ deformation
    return calc.get_potential_energy(moved)


def slopes(energy, directions, step):
    return np.array([(energy(step * d) - energy(-step * d)) / (2 * step)
                     for d in directions])  # fmt: skip


def assert_slopes(expected, energy, directions, tolerance, *, what):
    """Exact derivatives against differences; kinks are told apart, and few."""
    coarse, fine = (slopes(energy, directions, step) for step in STEPS)
    kinked = abs(coarse - fine) > tolerance
    assert kinked.sum() <= np.ceil(KINKS * len(kinked)), (what, np.flatnonzero(kinked))
    difference = np.where(kinked, 0.0, coarse - expected)
    np.testing.assert_allclose(difference, 0.0, atol=tolerance, err_msg=what)


def assert_exact_derivatives(atoms: Atoms, calc: JaxReaxFF):
    atoms = atoms.copy()
    atoms.calc = calc
    forces = atoms.get_forces()
    assert abs(forces).max() > 0.1 or len(atoms) == 1
    unit = np.eye(3 * len(atoms)).reshape(-1, len(atoms), 3)
    still = np.zeros((3, 3))
    assert_slopes(
        -forces.ravel(),
        lambda move: energy_at(atoms, calc, move, still),
        unit,
        FORCE,
        what="forces",
    )
    if not (atoms.pbc.any() and atoms.cell.rank == 3):
        return
    pairs = [(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)]
    strains = np.zeros((6, 3, 3))
    for k, (a, b) in enumerate(pairs):
        strains[k, a, b] += 0.5
        strains[k, b, a] += 0.5
    volume = atoms.get_volume()
    assert_slopes(
        atoms.get_stress(),
        lambda strain: energy_at(atoms, calc, 0.0, strain) / volume,
        strains,
        STRESS,
        what="stress",
    )


@pytest.mark.parametrize("name", SMALL)
def test_forces_and_stress_are_derivatives_of_the_energy(name):
    assert_exact_derivatives(SMALL[name], JaxReaxFF("cho"))


def test_forces_of_a_charged_cluster_are_derivatives_of_its_energy():
    assert_exact_derivatives(hydronium(), JaxReaxFF("cho", charge=1.0))


def test_forces_at_fixed_charges_are_derivatives_at_those_charges():
    atoms = SMALL["triclinic"].copy()
    charges = np.linspace(-0.4, 0.4, len(atoms))
    atoms.set_initial_charges(charges)
    assert_exact_derivatives(atoms, JaxReaxFF("cho", charge_model="fixed"))


@pytest.mark.parametrize("name", ["triclinic", "slab"])
def test_so_they_are_with_iterated_charges(name):
    # Differences divide the energy's error by the step: it must be tiny here.
    calc = JaxReaxFF("cho", charge_method="iterative", charge_tolerance=1e-13)
    assert_exact_derivatives(SMALL[name], calc)


@pytest.mark.parametrize(
    ("force_field", "elements"), [("mattsson", "C H O N S"), ("lg", "C H O N")]
)
def test_so_they_are_for_sulfur_and_with_inner_wall_and_dispersion(
    force_field, elements
):
    assert_exact_derivatives(amorphous(elements, 15), JaxReaxFF(force_field))


def test_held_charges_give_other_forces_which_are_not_the_derivative():
    atoms = SMALL["triclinic"]
    exact = JaxReaxFF("cho").get_forces(atoms)
    held = JaxReaxFF("cho", charge_response=False).get_forces(atoms)
    difference = abs(held - exact).max()
    assert 1e-5 < difference < 0.1  # eV/Å: two constants differ by 0.17 %
    with pytest.raises(AssertionError, match="forces"):
        assert_exact_derivatives(atoms, JaxReaxFF("cho", charge_response=False))


def test_the_difference_of_held_charges_is_documented():
    assert "charge_response" in JaxReaxFF.__doc__
    assert "exact derivative" in JaxReaxFF.__doc__


@pytest.mark.parametrize("name", ["ethanol", "triclinic"])
def test_the_hessian_is_the_derivative_of_the_forces(name):
    atoms, calc = SMALL[name], JaxReaxFF("cho")
    hessian = calc.get_hessian(atoms)
    forces = slopes(
        lambda move: calc.get_forces(_moved(atoms, move)).ravel(),
        np.eye(3 * len(atoms)).reshape(-1, len(atoms), 3),
        1e-5,
    )
    np.testing.assert_allclose(hessian, -forces, atol=2e-5)
    np.testing.assert_array_equal(hessian, hessian.T)


def test_the_hessian_in_single_precision_is_that_in_double_precision():
    atoms = rattled("H2O")
    single, double = (
        JaxReaxFF("cho", dtype=dtype).get_hessian(atoms)
        for dtype in ("float32", "float64")
    )
    np.testing.assert_allclose(single, double, atol=5e-5 * abs(double).max())


@pytest.mark.parametrize("name", ["CO2", "C2H2"])
def test_atoms_on_a_line_along_any_direction_have_a_hessian_of_usual_size(name):
    atoms = molecule(name)
    atoms.rotate(37, [1, 2, 3])
    hessian = JaxReaxFF("cho").get_hessian(atoms)
    assert 10.0 < abs(hessian).max() < 1000.0


def test_a_hessian_that_is_not_finite_is_refused(monkeypatch):
    def broken(_, system, *__, **___):
        size = len(system.mask)
        return np.zeros((size, 3, size, 3)) + np.where(np.arange(3) == 1, np.nan, 0.0)

    monkeypatch.setattr(programs, "hessian", broken)
    with pytest.raises(CalculationFailed, match=r"27 of 81 second .* \[0, 1, 2\]"):
        JaxReaxFF("cho").get_hessian(rattled("H2O"))


@pytest.mark.parametrize("name", ["ethanol", "slab"])
def test_translations_change_no_force(name):
    atoms = SMALL[name]
    hessian = JaxReaxFF("cho").get_hessian(atoms)
    translations = np.tile(np.eye(3), (len(atoms), 1))
    np.testing.assert_allclose(hessian @ translations, 0.0, atol=1e-9)


def test_rotations_of_a_molecule_at_rest_have_no_frequency():
    from ase.optimize import BFGS

    water = rattled("H2O")
    water.calc = JaxReaxFF("cho")
    BFGS(water, logfile=None).run(fmax=1e-6, steps=100)
    curvatures = np.linalg.eigvalsh(water.calc.get_hessian(water))
    np.testing.assert_allclose(curvatures[:6], 0.0, atol=1e-4)
    assert (curvatures[6:] > 1.0).all()


def _moved(atoms: Atoms, displacement) -> Atoms:
    moved = atoms.copy()
    moved.positions += displacement
    return moved
