"""Bad input and faults: an error of ASE's type that names the culprit."""

import logging
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import (
    CalculationFailed,
    InputError,
    ReadError,
    SCFError,
)
from small import SMALL, moist_methane, rattled, with_calculator

from ase_reaxff_jax import JaxReaxFF, errors, lists
from ase_reaxff_jax.bundled import load
from ase_reaxff_jax.engine import Engine
from ase_reaxff_jax.forcefield import Header
from ase_reaxff_jax.md import relax
from ase_reaxff_jax.notices import Notices

pytestmark = pytest.mark.xdist_group("small structures")  # the same programs

CHO = load("cho")


def energy(atoms: Atoms, force_field="cho", **options) -> float:
    return JaxReaxFF(force_field, **options).get_potential_energy(atoms)


def test_an_element_that_the_force_field_lacks_is_named_with_its_atoms():
    atoms = Atoms("OFeHFe", np.eye(4, 3) * 2.0)
    with pytest.raises(InputError, match=r"for Fe \(Fe: atoms 1, 3\); it has: C H O"):
        energy(atoms)


def test_a_pair_without_a_bond_row_is_named_with_its_distance():
    atoms = Atoms("CS", [[0, 0, 0], [0, 0, 2.5]])
    message = "row for S-C, and atoms 1 .* 0 .*2.50 Å apart.*missing_bonds='ignore'"
    with pytest.raises(InputError, match=message):
        energy(atoms, "lg")
    assert np.isfinite(energy(atoms, "lg", missing_bonds="ignore"))


def test_a_pair_without_a_bond_row_is_found_in_whatever_cell_its_atoms_are():
    atoms = Atoms("CS", [[0, 0, 0], [0, 0, 2.5]], cell=[30, 30, 30], pbc=True)
    atoms.positions += [[60, 0, 0], [0, -30, 30]]
    with pytest.raises(InputError, match=r"row for S-C.* 2\.50 Å apart"):
        energy(atoms, "lg")
    atoms.positions[1] += [0, 0, 3.0]
    assert np.isfinite(energy(atoms, "lg"))


def test_a_list_that_is_too_short_after_it_was_made_to_fit_gives_no_energy(monkeypatch):
    monkeypatch.setattr(lists, "larger_room", lambda room, needed, **_: room)
    dense = bulk("C", "diamond", a=3.0)
    with pytest.raises(errors.CapacityError, match=r"needed .*'width': \d+.* room"):
        energy(dense)


def test_angles_and_torsions_without_a_row_are_logged_once(caplog):
    atoms = SMALL["carbon chain"].copy()
    atoms.symbols[:] = "Au"
    atoms.set_cell([2.7, 0, 0])
    calc = JaxReaxFF("AuO")
    assert calc.missing_terms == ()
    with caplog.at_level(logging.WARNING, "ase_reaxff_jax"):
        calc.get_potential_energy(atoms)
        atoms.positions += 0.1
        calc.get_potential_energy(atoms)
    assert calc.missing_terms == ("angle Au Au Au", "torsion Au Au Au Au")
    (record,) = caplog.records
    assert "angle Au Au Au, torsion Au Au Au Au" in record.getMessage()


def test_missing_rows_of_many_structures_need_no_lists_but_those_of_the_energies(
    monkeypatch,
):
    made, original = [], lists.Lists.made

    def counted(self, *arguments, **options):
        made.append(1)
        return original(self, *arguments, **options)

    monkeypatch.setattr(lists.Lists, "made", counted)
    chain = SMALL["carbon chain"].copy()
    chain.symbols[:] = "Au"
    alone = Atoms("Au", cell=[9, 0, 0], pbc=[True, False, False])
    longer = chain.copy()
    longer.set_cell([2.8, 0, 0])
    chain.set_cell([2.7, 0, 0])
    calc = JaxReaxFF("AuO")
    calc.evaluate([longer, chain, chain, alone])
    assert calc.missing_terms == ("angle Au Au Au", "torsion Au Au Au Au")
    room = len(made)
    calc.evaluate([chain, alone, chain, alone])
    assert len(made) == room + 4


def test_of_many_rows_that_are_missing_a_few_are_named(caplog):
    caplog.set_level("INFO", logger="ase_reaxff_jax")
    notices, rows = Notices(), {f"torsion {k}" for k in range(30)}
    notices.of_missing_terms(rows)
    (record,) = caplog.records
    assert record.getMessage().endswith(", and 24 more (all: calc.missing_terms)")
    assert len(record.getMessage()) < 200 and notices.missing_terms == rows


@pytest.mark.parametrize(("word", "form"), [("eReaxFF", "explicit"), ("ACKS2", "EEM")])
def test_a_file_that_asks_for_another_form_of_the_energy_is_warned_of(word, form):
    calc, water = JaxReaxFF(replace(CHO, header=Header(f"[{word}] x"))), rattled("H2O")
    with pytest.warns(UserWarning, match=f"first line asks for .*{form}"):
        calc.get_potential_energy(water)
    water.rattle(0.01)
    calc.get_potential_energy(water)


def test_single_precision_is_refused_where_it_leaves_no_digits():
    water = rattled("H2O")
    water.positions += [4e5, 0.0, 0.0]
    with pytest.raises(InputError, match=r"than 3e-02 Å: atoms 0, 1, 2; .*'float64'"):
        energy(water, dtype="float32")
    assert np.isfinite(energy(water))


def test_the_structure_at_fault_is_named_by_its_number():
    calc, good, iron = JaxReaxFF("cho"), rattled("H2O"), Atoms("Fe")
    near = Atoms("O2", [[0, 0, 0], [0, 0, 0.1]])
    for bad in (iron, near):
        for of_many in (calc.evaluate, partial(relax, calc=calc, progress=False)):
            with pytest.raises(
                (InputError, CalculationFailed), match=r"^structure 1: "
            ):
                of_many([good, bad])
        with pytest.raises((InputError, CalculationFailed), match=r"^(the f|atoms 0)"):
            calc.evaluate([bad])


def test_complete_force_fields_miss_nothing(caplog):
    calc = JaxReaxFF("cho")
    for atoms in SMALL.values():
        calc.get_potential_energy(atoms)
    assert calc.missing_terms == () and not caplog.records


def test_a_damaged_file_is_named_with_the_line(tmp_path):
    file = tmp_path / "broken"
    file.write_text("a force field\n 39 ! numbers\n 50.0 ! p_boc1\n nonsense\n")
    with pytest.raises(ReadError, match=r"broken:4: "):
        JaxReaxFF(file)


def test_elements_of_another_van_der_waals_form_are_named_once():
    calc, water = JaxReaxFF(CHO.replace("atom O gamma_w", 0.1)), rattled("H2O")
    with pytest.warns(UserWarning, match=r"of O are .*gamma_w = 0.1, no") as told:
        calc.get_potential_energy(water)
    assert told[0].filename.endswith("test_errors.py")  # where the user called
    water.rattle(0.01)
    calc.get_potential_energy(water)


def test_a_force_field_that_is_not_there_says_where_it_was_sought():
    with pytest.raises(
        FileNotFoundError, match=r"(?s)did you mean.*bundled are cho rdx"
    ):
        JaxReaxFF("ch0")
    with pytest.raises(InputError, match=r"no force field 'no/such/file'"):
        JaxReaxFF("no/such/file")


@pytest.mark.parametrize("distance", [0.0, 0.05, 0.29])
def test_atoms_on_top_of_each_other_are_named(distance):
    atoms = Atoms("CHO", [[0, 0, 0], [1.1, 0, 0], [1.1, 0, distance]])
    message = rf"atoms 1 \(H\) and 2 \(O\) are {distance:.3f} Å apart"
    with pytest.raises(CalculationFailed, match=message):
        energy(atoms)
    with pytest.raises(errors.AtomsTooCloseError):
        JaxReaxFF("cho").evaluate([rattled("H2O"), atoms])
    with pytest.raises(errors.AtomsTooCloseError):
        JaxReaxFF("cho").get_energy_terms(atoms)
    with pytest.raises(errors.AtomsTooCloseError):
        JaxReaxFF("cho").get_hessian(atoms)


def test_too_close_an_image_is_named_too():
    atoms = Atoms("OC", [[0.1, 0, 0], [8.95, 0, 0]], cell=[9, 9, 9], pbc=True)
    with pytest.raises(
        CalculationFailed, match=r"\(image \((1|-1), 0, 0\)\) are 0.150"
    ):
        energy(atoms)


@pytest.mark.parametrize("outside", [0, 2])
def test_atoms_that_come_too_close_within_the_skin_are_noticed(outside):
    # The lists are those of the first call; atoms may lie outside the cell.
    atoms = Atoms("OC", [[0.1, 0, 0], [8.7, 0, 0]], cell=[9, 9, 9], pbc=True)
    atoms.positions[:, 0] += outside * 9.0
    calc = JaxReaxFF("cho")
    calc.get_potential_energy(atoms)
    atoms.positions[1, 0] += 0.12
    with pytest.raises(errors.AtomsTooCloseError, match=r"\(image \((1|-1), 0, 0\)\)"):
        calc.get_potential_energy(atoms)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_positions_cells_and_charges_that_are_no_numbers_are_refused(value):
    atoms = rattled("H2O")
    atoms.positions[1, 2] = value
    with pytest.raises(InputError, match="positions are not finite numbers: atoms 1"):
        energy(atoms)
    atoms = rattled("H2O")
    atoms.set_initial_charges([0.0, 0.0, value])
    with pytest.raises(InputError, match="initial charges are not finite: atoms 2"):
        energy(atoms, charge=None)
    atoms = moist_methane()
    atoms.cell[2, 1] = value
    with pytest.raises(InputError, match="cell has entries that are not finite"):
        energy(atoms)


def test_cells_without_a_volume_are_refused():
    atoms = moist_methane()
    atoms.cell[2] = 0.0
    with pytest.raises(
        InputError, match="periodic along c, but that cell vector is zero"
    ):
        energy(atoms)
    atoms.cell[2] = atoms.cell[0] - atoms.cell[1]
    with pytest.raises(InputError, match="linearly dependent"):
        energy(atoms)


@pytest.mark.parametrize("last", [(0.0, 0.0, 1e-6), (2.5, 2.5, 1e-5)])
def test_cells_that_are_nearly_flat_are_refused_before_images_are_counted(last):
    atoms = Atoms("H", cell=[(5.0, 0.0, 0.0), (0.0, 5.0, 0.0), last], pbc=True)
    with pytest.raises(errors.AtomsTooCloseError, match="nearly flat"):
        energy(atoms)


def test_no_atoms_are_refused_and_one_atom_works():
    with pytest.raises(InputError, match="no atoms"):
        energy(Atoms())
    one = with_calculator(Atoms("O"), charge=-0.5)
    assert np.isfinite(one.get_potential_energy())
    np.testing.assert_allclose(one.get_charges(), [-0.5], atol=1e-12)
    np.testing.assert_array_equal(one.get_forces(), np.zeros((1, 3)))


def test_an_atom_without_neighbours_adds_its_own_energy():
    water, oxygen = rattled("H2O"), Atoms("H", [[40.0, 0, 0]])
    both = with_calculator(water + oxygen)
    parts = JaxReaxFF("cho")
    assert np.isfinite(both.get_potential_energy())
    np.testing.assert_allclose(both.get_charges().sum(), 0.0, atol=1e-12)
    np.testing.assert_allclose(both.get_forces()[3], 0.0, atol=1e-12)
    assert parts.get_bond_orders(both).toarray()[3].sum() == 0.0


def test_charges_that_do_not_converge_say_how_far_they_came(monkeypatch):
    options = Engine.options
    monkeypatch.setattr(
        Engine,
        "options",
        lambda self, atoms: replace(options(self, atoms), charge_iterations=2),
    )
    calc = JaxReaxFF("cho", charge_method="iterative")
    message = (
        r"residual \d\.\de-\d\d after \d iterations, tolerance 1.0e-08; largest at "
        r"atom \d+ \([CHO]\).*too close, or eta"
    )
    with pytest.raises(SCFError, match=message):
        calc.get_potential_energy(SMALL["triclinic"])
    assert "energy" not in calc.results
    with pytest.raises(errors.ChargesNotConvergedError):
        calc.get_energy_terms(SMALL["triclinic"])


@pytest.mark.parametrize("method", ["direct", "iterative"])
def test_a_polarisation_catastrophe_names_the_elements(method):
    soft = CHO.replace("atom O eta", 0.5)
    message = r"not positive definite.*eta < 7.2 gamma: O \(eta 0.5 eV, gamma 1.05"
    with pytest.raises(CalculationFailed, match=message):
        energy(SMALL["triclinic"], soft, charge_method=method)


def test_enormous_charges_are_warned_of_once():
    atoms = with_calculator(rattled("H2O"), charge=20.0)
    with pytest.warns(UserWarning, match=r"charge of atom \d \([OH]\) is [\d.]+ e"):
        atoms.get_potential_energy()
    atoms.rattle(0.01)
    atoms.get_potential_energy()


def test_a_charged_crystal_is_warned_of_once():
    atoms = with_calculator(moist_methane(), charge=1.0)
    with pytest.warns(UserWarning, match="total charge of 1 e: .* no neutralising"):
        atoms.get_potential_energy()
    atoms.rattle(0.01)
    np.testing.assert_allclose(atoms.get_charges().sum(), 1.0, atol=1e-10)
