"""Programs are compiled once for structures of similar size, not for each of them."""

import logging

import numpy as np
import pytest
from ase.build import bulk
from small import SMALL, hydronium, moist_methane, rattled

from ase_reaxff_jax import JaxReaxFF, compilation, programs
from ase_reaxff_jax.bundled import load

CHO = load("cho")


@pytest.fixture
def compiled():
    """Number of variants of the program that were compiled since the last call."""
    before = programs.compilations()

    def since() -> int:
        nonlocal before
        new = programs.compilations() - before
        before += new
        return new

    return since


def test_one_program_serves_all_small_structures(compiled):
    calc = JaxReaxFF("cho")
    for atoms in [*SMALL.values(), rattled("H2O"), rattled("C6H6"), hydronium()]:
        calc.get_potential_energy(atoms)
    assert compiled() <= 1  # none where another test has compiled it


def test_another_calculator_and_other_values_compile_nothing(compiled):
    atoms = rattled("CH3OH")
    energy = JaxReaxFF("cho").get_potential_energy(atoms)
    compiled()
    other = CHO.replace("bond C O De_s", 150.0).replace("atom O chi", 8.0)
    assert JaxReaxFF(other, charge=1.0).get_potential_energy(atoms) != energy
    JaxReaxFF("cho", skin=0.7, bond_skin=0.2).get_potential_energy(atoms)
    assert compiled() == 0


def test_motion_in_which_lists_are_remade_compiles_nothing(compiled):
    atoms, calc = moist_methane(), JaxReaxFF("cho")
    calc.get_potential_energy(atoms)
    compiled()
    rng = np.random.default_rng(1)
    for _ in range(5):
        atoms.positions += 0.1 * rng.normal(size=atoms.positions.shape)
        atoms.set_cell(atoms.cell.array * 1.01, scale_atoms=True)
        calc.get_potential_energy(atoms)
    assert compiled() == 0


def test_growing_lists_compile_once_each_time_and_are_logged(compiled, caplog):
    crystal, calc = bulk("C", "diamond", a=4.4), JaxReaxFF("cho")
    energies, grown = [], 0
    with caplog.at_level(logging.INFO, "ase_reaxff_jax"):
        for a in (4.4, 3.62, 3.6, 3.58, 4.4):
            crystal.set_cell(bulk("C", "diamond", a=a).cell, scale_atoms=True)
            before = len(caplog.records)
            energies.append(calc.get_potential_energy(crystal))
            grew = len(caplog.records) > before
            assert compiled() <= 1, a
            grown += grew
    assert 1 <= grown <= 2
    assert "lists of 16 atoms grow: " in caplog.text
    # The structure that the small lists were made for still gives the same.
    np.testing.assert_allclose(energies[-1], energies[0], rtol=1e-12)
    calc.get_potential_energy(rattled("H2O"))
    assert compiled() == 0


def test_a_compiler_that_does_not_know_the_older_loops_takes_its_own(monkeypatch):
    compilation.older_loops.cache_clear()
    monkeypatch.setattr(compilation, "OLDER_LOOPS", {"xla_no_such_option": False})
    try:
        assert compilation.older_loops() is None
        program = compilation.quickly()(lambda x: x + 1)
        assert program._cache_size() == 0
        assert int(program(1)) == 2 and program._cache_size() == 1
    finally:
        compilation.older_loops.cache_clear()
