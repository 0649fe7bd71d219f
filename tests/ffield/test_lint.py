import dataclasses

import numpy as np
import pytest

from ase_reaxff_jax.bundled import forcefields, load
from ase_reaxff_jax.ffield.lint import lint
from ase_reaxff_jax.ffield.schema import SECTIONS
from ase_reaxff_jax.ffield.usual import NOT_NEGATIVE, ONE_OF, POSITIVE, RANGES
from ase_reaxff_jax.forcefield import Header


def grave(force_field):
    """Findings that are more than notes, by name."""
    return {f.name: f for f in lint(force_field) if f.severity != "note"}


def test_nothing_is_wrong_with_the_combustion_force_field():
    assert grave(load("cho")) == {}


@pytest.mark.parametrize("name", [entry.name for entry in forcefields()])
def test_published_sets_have_no_errors(name):
    assert all(finding.severity != "error" for finding in lint(load(name)))


@pytest.mark.parametrize(
    ("name", "value", "severity", "message"),
    [
        ("atom C p_ovun2", -1.0, "warning", "is -1, published sets have -60 to -2"),
        ("atom O eta", 0.0, "error", "is 0, must be > 0"),
        ("atom O eta", 7.0, "warning", "polarisation catastrophe"),
        ("atom H gamma", -0.5, "error", "is -0.5, must be > 0"),
        ("atom C mass", -12.0, "error", "is -12, must be > 0"),
        ("atom C mass", 14.0, "warning", "is 14 u, C weighs 12.011"),
        ("atom C b_o_132", -1.0, "error", "must not be negative"),
        ("atom H p_hbond", 3.0, "warning", "one of 0, 1, 2 is meant"),
        ("bond C C p_bo1", 0.0, "error", "does not fall with distance"),
        ("bond C O p_bo3", 0.3, "error", "does not fall with distance"),
        ("bond C C De_s", 1565.953, "warning", "published sets have"),
        ("bond C C ovc", 0.5, "warning", "one of 0, 1 is meant"),
        ("off_diagonal C H D", 1.219, "warning", "published sets have"),
        ("general swa", 2.0, "warning", "begins at 0"),
        ("general swa", 10.0, "error", "not below the upper taper radius"),
        ("general p_boc1", 0.5, "warning", "published sets have"),
    ],
)
def test_a_slip_is_named_with_its_address(name, value, severity, message):
    force_field = load("cho").replace(name, value)
    finding = grave(force_field)[name]
    assert finding.severity == severity
    assert message in finding.message
    assert finding.address == force_field.locate(name)


def test_unset_values_of_off_diagonal_rows_are_no_slip():
    assert grave(load("cho").replace("off_diagonal C H r_vdW", -1.0)) == {}


def test_mixed_van_der_waals_forms_are_named():
    core = load("cho")
    for name, value in (("rcore2", 1.5), ("ecore2", 0.1), ("acore2", 14.0)):
        core = core.replace(f"atom O {name}", value)
    assert "has shielding and an inner wall, C has shielding" in str(
        grave(core)["atom O"]
    )
    neither = load("cho").replace("atom H gamma_w", 0.0)
    assert grave(neither)["atom H"].severity == "error"


def test_pairs_without_a_bond_row_are_named():
    missing = {name for name in grave(load("lg")) if name.startswith("bond")}
    assert missing == {f"bond {e} S" for e in "CHONS"}
    assert grave(load("lg"))["bond C S"].address is None


def test_repeated_rows_and_rows_of_unknown_elements_are_named():
    found = grave(load("rdx"))
    assert "all are added" in found["angle C H N #2"].message
    assert "no such element" in found["angle C H type5"].message


def test_wild_cards_are_noted_and_one_sided_ones_warned_of():
    cho = load("cho")
    notes = [f.name for f in lint(cho) if f.severity == "note"]
    assert "torsion * C C *" in notes
    types = ((-1, 0, 0, 2), *cho.torsion_types[1:])
    found = grave(dataclasses.replace(cho, torsion_types=types))
    assert "one side" in found["torsion * C C O"].message


def test_hydrogen_bonds_between_the_wrong_elements_are_named():
    cho = load("cho").replace("atom O p_hbond", 0.0)
    assert "[0, 1, 0]" in grave(cho)["hydrogen_bond O H O"].message


def test_dispersion_needs_its_scale():
    found = grave(load("lg").replace("general lg_scale", 0.0))
    assert found["general lg_scale"].severity == "error"


@pytest.mark.parametrize("words", ["[ ereaxff acks2 ]", "[ lgDispersion=1 ]"])
def test_forms_of_the_energy_that_are_not_computed_are_named(words):
    force_field = dataclasses.replace(load("cho"), header=Header(f"{words} C/H/O"))
    assert "asks for" in grave(force_field)["description"].message


def test_the_gravest_comes_first():
    force_field = load("rdx").replace("atom O eta", -1.0)
    order = [finding.severity for finding in lint(force_field)]
    assert order == sorted(order, key=["error", "warning", "note"].index)
    assert len(set(order)) == 3


def test_a_finding_reads_as_one_line():
    text = str(grave(load("cho").replace("atom C p_ovun2", -1.0))["atom C p_ovun2"])
    assert text.startswith("warning: atom C p_ovun2 at 2,1,25: is -1, published sets")


def test_ranges_are_of_parameters_that_exist_and_hold_the_published_values():
    for section, name in [*RANGES, *POSITIVE, *NOT_NEGATIVE, *ONE_OF]:
        assert name in SECTIONS[section].names
    assert all(low < high for low, high in RANGES.values())
    assert np.isfinite([*RANGES.values()]).all()
