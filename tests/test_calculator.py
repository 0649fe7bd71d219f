"""The calculator keeps ASE's contract."""

import copy
import pickle

import numpy as np
import pytest
from ase import Atoms
from small import SMALL, moist_methane, rattled, with_calculator

from ase_reaxff_jax import JaxReaxFF, read_ffield, write_ffield
from ase_reaxff_jax.bundled import load
from ase_reaxff_jax.engine import Engine

pytestmark = pytest.mark.xdist_group("small structures")  # the same programs

CHO = load("cho")


@pytest.fixture
def evaluations(monkeypatch):
    """The structures that were really computed."""
    done = []
    evaluate = Engine.evaluate

    def counted(self, atoms):
        done.append(atoms.copy())
        return evaluate(self, atoms)

    monkeypatch.setattr(Engine, "evaluate", counted)
    return done


def assert_as_new(atoms: Atoms, calc: JaxReaxFF, **options):
    """The calculator gives what one that has seen nothing else gives."""
    new = JaxReaxFF("cho", **options)
    for name in ("energy", "forces", "charges"):
        got, expected = (c.get_property(name, atoms) for c in (calc, new))
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-10)


def test_all_results_of_one_structure_come_from_one_evaluation(evaluations):
    atoms = with_calculator(moist_methane())
    atoms.get_potential_energy()
    atoms.get_forces()
    atoms.get_stress()
    atoms.get_charges()
    atoms.get_potential_energies()
    atoms.calc.get_energy_terms(atoms)
    assert len(evaluations) == 1


def test_any_change_of_the_atoms_is_noticed(evaluations):
    atoms = with_calculator(moist_methane())
    changes = [
        lambda: atoms.positions.__iadd__(1e-9 * np.arange(24).reshape(8, 3)),
        lambda: atoms.set_cell(atoms.cell.array * 1.001),
        lambda: atoms.set_pbc([True, False, True]),
        lambda: atoms.set_atomic_numbers(atoms.numbers[::-1]),
    ]
    energies = [atoms.get_potential_energy()]
    for change in changes:
        change()
        energies.append(atoms.get_potential_energy())
    assert len(evaluations) == len(set(energies)) == 5


def test_initial_charges_matter_only_where_they_are_used(evaluations):
    atoms = with_calculator(rattled("H2O"))
    atoms.get_potential_energy()
    atoms.set_initial_charges([0.3, 0.3, 0.4])
    atoms.set_initial_magnetic_moments([1.0, 0.0, 0.0])
    atoms.get_potential_energy()
    assert len(evaluations) == 1
    atoms.calc.set(charge=None)
    atoms.get_potential_energy()
    np.testing.assert_allclose(atoms.get_charges().sum(), 1.0, atol=1e-10)
    atoms.set_initial_charges([0.0, 0.0, 0.0])
    np.testing.assert_allclose(atoms.get_charges().sum(), 0.0, atol=1e-10)


def test_results_are_copies():
    atoms = with_calculator(rattled("H2O"))
    atoms.get_forces()[:] = 0.0
    assert abs(atoms.get_forces()).max() > 0.1


def test_set_tells_what_changed_and_drops_results_only_then(evaluations):
    atoms = with_calculator(rattled("H2O"))
    before = atoms.get_potential_energy()
    assert atoms.calc.set(charge=0.0, force_field="cho") == {}
    assert atoms.calc.results
    assert atoms.calc.set(charge=1.0) == {"charge": 1.0}
    assert not atoms.calc.results
    assert abs(atoms.get_potential_energy() - before) > 1.0
    atoms.calc.set(force_field=CHO.replace("atom O chi", 9.0), charge=0.0)
    assert atoms.get_potential_energy() != before
    assert len(evaluations) == 3


def test_options_that_are_refused_change_nothing():
    atoms = with_calculator(rattled("H2O"))
    energy = atoms.get_potential_energy()
    with pytest.raises(Exception, match="skin"):
        atoms.calc.set(skin=-1.0, charge=1.0)
    assert atoms.calc.parameters.charge == 0.0
    assert atoms.get_potential_energy() == energy


def test_check_state_names_what_changed():
    atoms = with_calculator(rattled("H2O"))
    atoms.get_potential_energy()
    assert atoms.calc.check_state(atoms) == []
    atoms.positions[0, 0] += 1e-12
    assert atoms.calc.check_state(atoms) == ["positions"]


def test_todict_has_what_differs_from_the_defaults_as_plain_data(tmp_path):
    assert JaxReaxFF("cho").todict() == {}
    calc = JaxReaxFF(CHO, charge=np.float64(1.0), device="cpu")
    plain = calc.todict()
    assert set(plain) == {"force_field", "charge", "device"}
    assert plain["force_field"].startswith("ForceField(C H O, sha256 ")
    assert type(plain["charge"]) is float
    everything = JaxReaxFF("cho").todict(skip_default=False)
    assert everything == JaxReaxFF.default_parameters
    assert repr(JaxReaxFF("cho", dtype="mixed")) == "JaxReaxFF('cho', dtype='mixed')"
    assert repr(calc).startswith("JaxReaxFF(ForceField(C H O, sha256 ")
    file = tmp_path / "ffield"
    write_ffield(file, CHO)
    assert JaxReaxFF(file).todict() == {"force_field": str(file)}


@pytest.mark.parametrize(
    "clone", [copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))]
)
def test_a_copy_and_a_pickled_calculator_work(clone, tmp_path):
    file = tmp_path / "ffield"
    write_ffield(file, CHO)
    atoms = with_calculator(rattled("H2O"), force_field=file, charge=1.0)
    energy = atoms.get_potential_energy()
    file.unlink()  # the copy has the numbers
    other = clone(atoms.calc)
    assert other.results["energy"] == energy
    other.reset()
    assert other.get_potential_energy(atoms) == energy
    assert other.parameters.charge == 1.0
    other.set(skin=0.9)
    np.testing.assert_allclose(other.get_potential_energy(atoms), energy, rtol=1e-13)


def test_atoms_with_a_calculator_can_be_copied():
    atoms = with_calculator(rattled("H2O"))
    energy = atoms.get_potential_energy()
    assert copy.deepcopy(atoms).get_potential_energy() == energy
    assert pickle.loads(pickle.dumps(atoms)).get_potential_energy() == energy


def test_a_name_a_path_and_a_force_field_are_the_same(tmp_path):
    file = tmp_path / "my ffield"
    write_ffield(file, CHO)
    atoms = rattled("CH3OH")
    energies = [
        JaxReaxFF(source).get_potential_energy(atoms)
        for source in (
            "cho",
            "ffield.reax.cho",
            file,
            str(file),
            CHO,
            read_ffield(file),
        )
    ]
    assert len(set(energies)) == 1


def test_a_file_that_has_changed_is_read_again_where_it_is_named_again(
    tmp_path, evaluations
):
    file = tmp_path / "ffield"
    write_ffield(file, CHO)
    atoms = with_calculator(rattled("H2O"), force_field=file)
    energy = atoms.get_potential_energy()
    atoms.calc.set(force_field=file)
    atoms.get_potential_energy()
    assert len(evaluations) == 1  # nothing has changed
    write_ffield(file, CHO.replace("atom O chi", 9.0))
    atoms.calc.set(charge=0.0)
    assert atoms.get_potential_energy() == energy  # the file was not named
    atoms.calc.set(force_field=file)
    assert abs(atoms.get_potential_energy() - energy) > 1e-3
    assert atoms.calc.force_field.get("atom", "O", "chi") == 9.0


def test_one_calculator_serves_many_structures_in_any_order():
    calc = JaxReaxFF("cho")
    structures = [*SMALL.values(), rattled("H2O"), rattled("CO2")]
    for atoms in [*structures, *structures[::-1]]:
        assert_as_new(atoms, calc)


def test_atoms_that_share_a_calculator_do_not_get_each_others_results():
    first, second = rattled("H2O"), rattled("CO2")
    first.calc = second.calc = JaxReaxFF("cho")
    one, two = first.get_forces(), second.get_forces()
    np.testing.assert_array_equal(first.get_forces(), one)
    np.testing.assert_array_equal(second.get_forces(), two)
    assert one.shape == two.shape and abs(one - two).max() > 0.1


def test_atoms_may_come_go_and_change_places():
    calc = JaxReaxFF("cho")
    atoms = moist_methane()
    assert_as_new(atoms, calc)
    assert_as_new(atoms[[7, 3, 1, 0, 2, 4, 6, 5]], calc)
    del atoms[3]
    assert_as_new(atoms, calc)
    atoms.extend(Atoms("O2", [[1.0, 4.0, 3.9], [2.1, 4.2, 4.3]]))
    assert_as_new(atoms, calc)
    atoms.symbols[1] = "C"
    assert_as_new(atoms, calc)


def test_cell_and_periodicity_may_change():
    calc = JaxReaxFF("cho")
    atoms = moist_methane()
    for stretch in (1.0, 1.002, 1.1, 0.95):
        atoms.set_cell(moist_methane().cell.array * stretch, scale_atoms=True)
        assert_as_new(atoms, calc)
    for pbc in ([True, False, False], False, [False, True, True], True):
        atoms.pbc = pbc
        assert_as_new(atoms, calc)


def test_a_failure_leaves_no_results_of_other_atoms():
    calc = JaxReaxFF("cho")
    good, bad = rattled("H2O"), rattled("H2O")
    bad.positions[1] = bad.positions[0]
    calc.calculate(good)
    with pytest.raises(RuntimeError, match="apart"):
        calc.calculate(bad, ["energy"], ["positions"])
    assert "energy" not in calc.results
    assert_as_new(good, calc)
