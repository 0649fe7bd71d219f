"""What a run or a relaxation refuses, and how its errors travel."""

import pickle
from dataclasses import replace
from inspect import unwrap

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import InputError
from ase.calculators.emt import EMT
from molecules import molecule
from small import moist_methane

from ase_reaxff_jax import JaxReaxFF
from ase_reaxff_jax.md import SimulationBlewUp, relax, run
from ase_reaxff_jax.md.shared_calculator import calculator_of


@pytest.fixture(scope="module")
def calc():
    return JaxReaxFF("cho")


def test_a_blow_up_reaches_other_processes_with_its_atoms():
    error = SimulationBlewUp("too hot", step=7, atoms=molecule("H2O"))
    error.add_note("in the night")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is SimulationBlewUp and str(copy) == "too hot"
    assert copy.step == 7 and copy.atoms == error.atoms
    assert copy.__notes__ == ["in the night"]


def test_structures_that_cannot_move_are_told_why(calc):
    for refused in (run, relax):
        with pytest.raises(InputError, match="the structure has no atoms"):
            refused(Atoms(), calc, steps=1, progress=False)
    light = molecule("H2O")
    light.set_masses([16.0, 0.0, 1.0])
    with pytest.raises(InputError, match="masses must be positive: atoms 1"):
        run(light, calc, steps=1, progress=False)


def waters(*calculators):
    structures = [molecule("H2O") for _ in calculators]
    for atoms, own in zip(structures, calculators, strict=True):
        atoms.calc = own
    return structures


@pytest.mark.parametrize("caller", [run, relax])
def test_a_list_of_structures_with_different_calculators_is_refused(calc, caller):
    for other, words in (
        (JaxReaxFF("rdx"), "structure 1 has force_field='rdx', that of .* 0 'cho'; "),
        (
            JaxReaxFF("cho", skin=2.0),
            "structure 1 has skin=2.0, .* 0 None; .*pass calc",
        ),
        (None, f"{caller.__name__} .*: pass calc, or set .* structure 1; found None"),
        (EMT(), "of structure 1; found .*EMT"),
    ):
        with pytest.raises(InputError, match=words):
            caller(waters(calc, other), steps=0, progress=False)


def test_calculators_with_the_same_numbers_and_options_are_one(calc):
    same = waters(calc, calc, JaxReaxFF(calc.force_field, charge=0))
    assert calculator_of(same, None, caller="run") is calc
    other = JaxReaxFF("rdx")
    assert calculator_of(waters(calc, None), other, caller="run") is other


@pytest.mark.parametrize("cell", [1, None, 0.5, [1.5] * 6, {"xx": True}])
def test_what_a_cell_may_be_is_told(calc, cell):
    with pytest.raises(InputError, match="cell must be True, False, one of full"):
        relax(moist_methane(), calc, cell=cell, progress=False)


@pytest.mark.parametrize("name", ["trajectory", "log", "picture", "checkpoint"])
def test_names_of_files_are_names(calc, name):
    given = [3] if name == "trajectory" else 3
    with pytest.raises(InputError, match=f"{name} must be the name of a file, not 3"):
        # As without the tests' checks of types, which refuse it earlier.
        unwrap(run)(molecule("H2O"), calc, steps=1, progress=False, **{name: given})


def test_temperatures_are_told_as_they_were_given(calc):
    with pytest.raises(InputError, match=r"temperature_K must be .*, found -5$"):
        run(molecule("H2O"), calc, steps=1, temperature_K=-5, progress=False)
    with pytest.raises(InputError, match=r"found -5 in \(300, -5\)$"):
        run(molecule("H2O"), calc, steps=1, temperature_K=(300, -5), progress=False)


def test_a_limit_below_the_temperature_at_the_start_is_a_contradiction(calc):
    message = "max_temperature_K=200 is below the temperature at the start, 300 K"
    with pytest.raises(InputError, match=message):
        run(molecule("H2O"), calc, steps=1, max_temperature_K=200, progress=False)


def test_free_strains_may_be_an_array_of_numpy(calc):
    mask = np.array([True, False, False, False, False, False])
    result = relax(moist_methane(), calc, cell=mask, steps=0, progress=False)
    assert result.steps == 0


def test_structures_may_come_one_by_one(calc):
    def molecules():
        return (molecule(name) for name in ("H2O", "CH4"))

    begin = unwrap(run)  # as without the tests' checks of types
    results = begin(molecules(), calc, steps=0, progress=False)
    assert [len(result.atoms) for result in results] == [3, 5]
    with pytest.raises(InputError, match="run needs a JaxReaxFF calculator"):
        begin(molecules(), steps=0, progress=False)


def test_force_fields_that_differ_in_what_a_row_is_for_are_not_one(calc):
    given = calc.force_field
    types = list(given.bond_types)
    types[:2] = types[1::-1]
    swapped = JaxReaxFF(replace(given, bond_types=tuple(types)))
    structures = [molecule("H2O"), molecule("CH4")]
    for atoms, one in zip(structures, (calc, swapped), strict=True):
        atoms.calc = one
    with pytest.raises(InputError, match="structure 1 has force_field="):
        calculator_of(structures, None, caller="run")
