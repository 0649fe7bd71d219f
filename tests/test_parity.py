"""Energies, terms, charges, forces and stress equal those of LAMMPS.

Stored results of LAMMPS for every bundled force field, and live ones for structures
from other seeds. Forces and stress are compared at fixed charges, which is what LAMMPS
computes; those at the default are tested elsewhere against differences.

All structures are padded alike, so that a force field has one program; with the room
that they have for users they are compared in the tests of the demo. The long form has
all force fields' programs optimised, as users' are; the short one some.
"""

from functools import cache

import numpy as np
import pytest
import reference_store
from reference import make_reference

from ase_reaxff_jax import JaxReaxFF, engine

ENERGY = 1e-8  # eV/atom
TERM = 1e-7  # eV/atom
CHARGE = 1e-7  # e
FORCE = 1e-5  # eV/Å
STRESS = 1e-7  # eV/Å^3
# In perfect crystals angles are of 180 degrees but for rounding; LAMMPS takes the arc
# cosine there, and has the sine in a denominator that it keeps above 1e-5.
STRESS_STRAIGHT = 1e-6

STORED = reference_store.read()
SEED = 1  # of the live ones; 0 is that of the stored


OPTIMISED = ("cho", "lg")
ATOMS = 128
ROOM = dict(
    images=4096, width=768, close=4096, hydrogen=4096, bonds=1024, angles=2048,
    torsions=8192, hydrogen_bonds=512, acceptors=384,
)  # fmt: skip


@cache
def calculator(force_field):
    """One for all structures of a force field, so that programs are compiled once."""
    tolerance = reference_store.about()["charge_tolerance"]
    made = JaxReaxFF(force_field, charge_tolerance=tolerance, charge_response=False)
    made.engine.lists._single_room[ATOMS] = dict(ROOM)
    return made


@pytest.fixture(autouse=True)
def padded_alike(monkeypatch):
    """All structures get the same room."""
    monkeypatch.setattr(engine, "atoms_room", lambda count: ATOMS)


def assert_parity(reference):
    """All differences of one structure at once: a wrong term explains the energy."""
    excess = [
        f"{what}: off by {difference:.1e}, limit {limit:.0e} {unit}"
        for what, difference, limit, unit in differences(reference)
        if not difference <= limit
    ]
    assert not excess, "\n".join([reference.id, *excess])


def assert_all(references):
    failed = []
    for reference in references:
        try:
            assert_parity(reference)
        except AssertionError as error:
            failed.append(str(error))
    assert not failed, "\n\n".join(failed)


def differences(reference):
    """Largest difference to LAMMPS of each quantity, with its limit and unit."""
    atoms = reference.atoms.copy()
    atoms.calc = calculator(reference.force_field)
    terms = atoms.calc.get_energy_terms(atoms)
    energy = abs(atoms.get_potential_energy() - reference.energy) / len(atoms)
    yield "energy", energy, ENERGY, "eV/atom"
    for name, value in reference.terms.items():
        yield name, abs(terms[name] - value) / len(atoms), TERM, "eV/atom"
    yield "charges", largest(atoms.get_charges() - reference.charges), CHARGE, "e"
    forces = atoms.get_forces()[np.isfinite(reference.forces)]
    expected = reference.forces[np.isfinite(reference.forces)]
    yield "forces", largest(forces - expected), FORCE, "eV/Å"
    if reference.stress is not None and atoms.pbc.any():
        stress = atoms.get_stress(voigt=False)[np.isfinite(reference.stress)]
        expected = reference.stress[np.isfinite(reference.stress)]
        perfect = reference.name.startswith("crystal") and "hot" not in reference.name
        limit = STRESS_STRAIGHT if perfect else STRESS
        yield "stress", largest(stress - expected), limit, "eV/Å^3"


def grouped(force_field, value, name):
    """A parameter set of a test that runs where its force field is compiled already."""
    marks = [pytest.mark.xdist_group(force_field)]
    if force_field in OPTIMISED:
        marks.append(pytest.mark.optimised)
    return pytest.param(value, marks=marks, id=name)


ALL = [grouped(name, name, name) for name in make_reference.FORCE_FIELDS]


def largest(values):
    """Largest magnitude; NaN where there is one."""
    return np.abs(values).max(initial=0.0)


@pytest.mark.parametrize(
    "reference",
    [grouped(r.force_field, r, r.id) for r in STORED],
)
def test_agrees_with_the_stored_results_of_lammps(reference):
    assert_parity(reference)


def test_every_force_field_has_stored_results():
    assert {r.force_field for r in STORED} == set(make_reference.FORCE_FIELDS)


@pytest.mark.parametrize("force_field", ALL)
def test_terms_are_those_of_lammps_and_sum_to_the_energy(force_field):
    reference = next(r for r in STORED if r.force_field == force_field)
    terms = calculator(force_field).get_energy_terms(reference.atoms)
    assert set(terms) == set(reference.terms)
    energy = calculator(force_field).get_potential_energy(reference.atoms)
    np.testing.assert_allclose(sum(terms.values()), energy, rtol=1e-13)


@pytest.mark.lammps
@pytest.mark.parametrize("force_field", ALL)
def test_agrees_with_lammps_on_new_structures(force_field):
    assert_all(make_reference.references(force_field, SEED, differences=False))


@pytest.mark.long
@pytest.mark.parametrize("force_field", ALL)
def test_optimised_programs_agree_as_well(force_field):
    assert_all([r for r in STORED if r.force_field == force_field])


@pytest.mark.lammps
def test_stored_results_are_those_of_the_installed_lammps():
    """Some of them: the file is made by hand and must not be older than its script."""
    force_field = "cho"
    stored = [r for r in STORED if r.force_field == force_field]
    made = make_reference.references(force_field)
    assert [r.id for r in made] == [r.id for r in stored]
    for new, old in zip(made, stored, strict=True):
        np.testing.assert_array_equal(new.atoms.positions, old.atoms.positions)
        np.testing.assert_allclose(new.energy, old.energy, rtol=0, atol=1e-9)
        np.testing.assert_allclose(new.forces, old.forces, rtol=0, atol=1e-7)
