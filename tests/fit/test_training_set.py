"""Training sets of Atoms objects, and as files for ASE."""

import warnings
from dataclasses import replace

import ase.db
import ase.io
import ase.units
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.calculator import InputError
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms, FixBondLength
from trainset_cases import GEO, TRAINSET

from ase_reaxff_jax import JaxReaxFF
from ase_reaxff_jax.fit import TrainingSet
from ase_reaxff_jax.fit.input_errors import UnusableItemsWarning
from ase_reaxff_jax.fit.items import EnergyItem
from ase_reaxff_jax.fit.trainset_energies import solve_element_energies

KCAL = ase.units.kcal / ase.units.mol


def having(atoms, **results) -> Atoms:
    atoms = atoms.copy()
    atoms.calc = SinglePointCalculator(atoms, **results)
    return atoms


def energies_of(*named: tuple[str, float]) -> list[Atoms]:
    """Molecules with an energy in kcal/mol."""
    return [having(molecule(name), energy=e * KCAL) for name, e in named]


def written(tmp_path) -> TrainingSet:
    (tmp_path / "geo").write_text(GEO)
    (tmp_path / "trainset.in").write_text(TRAINSET)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return TrainingSet.read(tmp_path / "geo", tmp_path / "trainset.in")


def test_results_of_ase_become_items_in_the_units_of_the_files():
    forces = np.arange(9.0).reshape(3, 3) * KCAL
    stress = np.arange(6.0) * ase.units.GPa
    water = molecule("H2O")
    water.set_cell([4, 4, 4])
    solid = water.copy()
    solid.pbc = True
    charges = [-0.8, 0.4, 0.4]
    data = TrainingSet.from_atoms(
        [
            having(water, forces=forces, charges=charges, dipole=[0, 0, -0.4]),
            having(solid, stress=stress),
        ],
        names=["water", "ice"],
        sigma={"stress": 0.25},
    )
    kinds = {}
    for item in data.items:
        kinds.setdefault(item.kind, []).append(item.reference)
    np.testing.assert_allclose(kinds["force"], np.arange(9.0))
    np.testing.assert_allclose(kinds["stress"], np.arange(6.0))
    np.testing.assert_allclose(kinds["charge"], charges)
    np.testing.assert_allclose(kinds["dipole"], [0, 0, -0.4])
    assert data.items[5].name == "water force 2 z"
    assert {item.sigma for item in data.items if item.kind == "stress"} == {0.25}
    assert not data.structures["ice"].minimize


def test_energies_are_relative_to_the_smallest_and_lowest_structures():
    images = energies_of(("H2", -9.0), ("H2", -10.0), ("O2", -20.0), ("H2O", -50.0))
    data = TrainingSet.from_atoms(images, names=["h", "H", "O", "w"])
    assert [(item.name, round(item.reference, 9)) for item in data.items] == [
        ("h - H", 1.0),
        ("w - O/2 - H", -30.0),
    ]


def test_energies_of_one_composition_are_relative_to_the_lowest():
    images = energies_of(("H2", 3.0), ("H2", 1.0), ("H2", 2.0))
    data = TrainingSet.from_atoms(images)
    assert [item.name for item in data.items] == ["H2_0 - H2_1", "H2_2 - H2_1"]
    np.testing.assert_allclose([item.reference for item in data.items], [2, 1])


def test_energies_of_elements_may_be_taken_off():
    images = energies_of(("H2", -10.0), ("H2O", -50.0))
    own = {"H": -4.0 * KCAL, "O": -30.0 * KCAL}
    data = TrainingSet.from_atoms(images, element_energies=own)
    assert [item.name for item in data.items] == ["H2_0", "H2O_1"]
    np.testing.assert_allclose([i.reference for i in data.items], [-2, -12])
    with pytest.raises(InputError, match="element_energies has none for O"):
        TrainingSet.from_atoms(images, element_energies={"H": 1.0})


def test_energies_of_elements_are_found_by_least_squares():
    own = {"H": -13.5, "O": -430.25}
    images = []
    for atoms in (molecule("H2O"), molecule("H2O2"), molecule("O2")):
        atoms.calc = JaxReaxFF("cho")
        energy = atoms.get_potential_energy() + sum(own[s] for s in atoms.symbols)
        images.append(having(atoms, energy=energy))
    solved = solve_element_energies(images, "cho")
    assert solved == pytest.approx(own, abs=1e-6)


def test_an_energy_related_to_no_other_is_an_error_or_a_warning():
    images = energies_of(("H2", 3.0), ("H2", 1.0), ("CH4", 2.0))
    told = r"( \(on_unusable='warn' would leave them out\)|, and are left out)"
    message = (
        f"energies of 1 structures cannot be used{told}:\n  structure 2: .* atoms "
    )
    message += "of CH4"
    with pytest.raises(InputError, match=message):
        TrainingSet.from_atoms(images)
    with pytest.warns(UnusableItemsWarning, match=message):
        data = TrainingSet.from_atoms(images, on_unusable="warn")
    assert list(data.structures) == ["H2_0", "H2_1"]


def test_names_charges_and_fixed_atoms_are_those_of_the_structure():
    ion = molecule("OH")
    ion.info |= {"name": "hydroxide", "charge": -1}
    ion.set_constraint(FixAtoms([0]))
    radical = molecule("OH")
    radical.set_initial_charges([0.5, 0.5])
    data = TrainingSet.from_atoms([having(a, energy=0.0) for a in (ion, radical)])
    ion, radical = data.structures.values()
    assert (ion.name, ion.total_charge, ion.fixed) == ("hydroxide", -1.0, (0,))
    assert (radical.name, radical.total_charge) == ("HO_1", 1.0)
    assert not ion.atoms.constraints


def test_values_may_stand_in_info_and_arrays_under_a_prefix():
    first, second = molecule("H2"), molecule("H2")
    for k, atoms in enumerate((first, second)):
        atoms.info["REF_energy"] = k * KCAL
        atoms.arrays["REF_forces"] = np.full((2, 3), k * KCAL)
    images = [having(atoms, energy=77.0) for atoms in (first, second)]
    data = TrainingSet.from_atoms(images, prefix="REF_")
    references = [item.reference for item in data.items]
    np.testing.assert_allclose(references, [1.0, *[0.0] * 6, *[1.0] * 6])


def changed(atoms) -> Atoms:
    atoms.positions += 0.1
    return atoms


@pytest.mark.parametrize(
    ("second", "options", "message"),
    [
        (molecule("H2"), {}, "structure 1: has no reference values: energy, forces"),
        ("H2", {}, "structure 1: is no Atoms object, but 'H2'"),
        (
            changed(having(molecule("H2"), energy=1.0)),
            {},
            "structure 1: it was changed after its energy had been computed",
        ),
        (
            having(molecule("H2"), forces=np.zeros((3, 3))),
            {},
            r"structure 1: its forces: shape \(3, 3\), expected \(2, 3\)",
        ),
        (
            having(molecule("H2"), forces=np.full((2, 3), np.nan)),
            {},
            "structure 1: its forces: not finite",
        ),
        (
            having(molecule("H2"), charges=[0.5, 0.5]),
            {},
            r"structure 1: its charges sum to 1.0000 e, .* set info\['charge'\]",
        ),
        (
            having(molecule("H2"), energy=1.0, stress=np.zeros(6)),
            {},
            "structure 1: H2_1 stress xx: H2_1 is not periodic",
        ),
        (having(molecule("H2"), energy=1.0), {"kinds": ["force"]}, "has no forces"),
        (having(molecule("H2"), energy=1.0), {"kinds": "forces"}, "you mean 'force'"),
        (having(molecule("H2"), energy=1.0), {"sigma": {"e": 1.0}}, "'e' is none of"),
        (having(molecule("H2"), energy=1.0), {"names": ["a"]}, "1 names for 2 struct"),
        (having(molecule("H2"), energy=1.0), {"names": "aa"}, "0 is named a too"),
        (having(molecule("H2"), energy=1.0), {"names": ["a", "b c"]}, "be one word"),
        (having(molecule("H2"), energy=1.0), {"sigma": {"energy": 0.0}}, "sigma is 0"),
        (
            having(Atoms("H2", [[0, 0, 0], [0, 0, np.inf]]), energy=1.0),
            {},
            "structure 1: positions are not finite numbers: atoms 1",
        ),
    ],
)  # fmt: skip
def test_a_structure_that_cannot_be_used_is_an_error_with_its_number(
    second, options, message
):
    images = [having(molecule("H2"), energy=0.0), second]
    with pytest.raises(InputError, match=message):
        TrainingSet.from_atoms(images, **options)


def test_constraints_other_than_fixed_atoms_are_refused():
    atoms = having(molecule("H2"), energy=0.0)
    atoms.set_constraint(FixBondLength(0, 1))
    with pytest.raises(InputError, match="FixBondLengths is not supported"):
        TrainingSet.from_atoms([atoms])
    with pytest.raises(InputError, match="the training set has no items"):
        TrainingSet.from_atoms([])


def test_a_set_is_the_same_after_extxyz(tmp_path):
    data = written(tmp_path)
    data.write(extxyz=tmp_path / "set.extxyz")
    again = TrainingSet.from_atoms(ase.io.read(tmp_path / "set.extxyz", ":"))
    assert again.items == data.items
    for name, structure in data.structures.items():
        other = again.structures[name]
        np.testing.assert_allclose(
            other.atoms.positions, structure.atoms.positions, atol=1e-8
        )
        assert replace(other, atoms=structure.atoms) == structure


def test_a_set_is_the_same_after_a_database(tmp_path):
    data = written(tmp_path)
    data.write(db=tmp_path / "set.db")
    assert TrainingSet.from_db(tmp_path / "set.db") == data
    with pytest.raises(FileNotFoundError):
        TrainingSet.from_db(tmp_path / "absent.db")
    with pytest.raises(InputError, match="no structures for the selection 'C'"):
        TrainingSet.from_db(tmp_path / "set.db", "C")


def test_rows_of_a_database_may_have_a_name_and_a_charge(tmp_path):
    with ase.db.connect(tmp_path / "set.db") as connection:
        for name, charge in (("radical", 0), ("anion", -1)):
            atoms = having(molecule("OH"), energy=-2.0 * charge)
            connection.write(atoms, name=name, data={"charge": charge})
    data = TrainingSet.from_db(tmp_path / "set.db", "O")
    assert [item.name for item in data.items] == ["anion - radical"]
    assert data.structures["anion"].total_charge == -1
    assert repr(data) == "TrainingSet(2 structures; items: 1 energy)"


def test_a_set_of_atoms_is_the_same_after_geo_and_trainset(tmp_path):
    silicon = bulk("Si", cubic=True)
    images = [
        having(silicon, energy=k * 1.0, forces=np.full((8, 3), 0.1 * k)) for k in (1, 2)
    ]
    data = TrainingSet.from_atoms(images)
    paths = {"geo": tmp_path / "geo", "trainset": tmp_path / "trainset.in"}
    data.write(**paths)
    again = TrainingSet.read(**paths)
    assert again.items == data.items
    for name, structure in data.structures.items():
        np.testing.assert_allclose(
            again.structures[name].atoms.get_all_distances(mic=True),
            structure.atoms.get_all_distances(mic=True),
            atol=4e-5,
        )


def test_atoms_of_a_set_have_the_results_that_are_items():
    forces = np.arange(6.0).reshape(2, 3)
    images = [having(molecule("H2"), energy=-31.0, forces=forces, charges=[0.1, -0.1])]
    data = TrainingSet.from_atoms(images, element_energies={"H": -13.0})
    (atoms,) = data.to_atoms()
    np.testing.assert_allclose(atoms.get_potential_energy(), -5.0)
    np.testing.assert_allclose(atoms.get_forces(), forces)
    np.testing.assert_allclose(atoms.get_charges(), [0.1, -0.1])


def test_structures_with_items_of_their_own_take_no_options(tmp_path):
    images = written(tmp_path).to_atoms()
    with pytest.raises(InputError, match="which options cannot change"):
        TrainingSet.from_atoms(images, sigma={"energy": 2.0})
    with pytest.raises(InputError, match="there is no structure 'water'"):
        TrainingSet.from_atoms(images[1:])
    with pytest.raises(InputError, match="structure 0 is named water too"):
        TrainingSet.from_atoms([*images, images[0]])
    del images[2].info["reaxff_fit"]
    with pytest.raises(InputError, match="structure 2: has no info"):
        TrainingSet.from_atoms(images)
    images[0].info["reaxff_fit"] = {"structure": {}}
    with pytest.raises(InputError, match="structure 0: info"):
        TrainingSet.from_atoms(images)


def test_items_must_fit_the_structures_of_a_set(tmp_path):
    data = written(tmp_path)
    odd = EnergyItem(
        structures=("steam",), coefficients=(1.0,), reference=0.0, sigma=1.0
    )
    with pytest.raises(InputError, match="item 0: there is no structure 'steam'"):
        TrainingSet(data.structures, (odd,))
    with pytest.raises(InputError, match="structure water stands under 'w'"):
        TrainingSet({"w": data.structures["water"]}, data.items)
    with pytest.raises(InputError, match="relax_cell needs minimize=True"):
        replace(data.structures["water"], relax_cell=True)
    with pytest.raises(InputError, match="name a file to write: geo, trainset"):
        data.write()
