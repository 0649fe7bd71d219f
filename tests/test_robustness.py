"""What a new user tried: faults that were found by hand."""

import warnings

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.calculators.calculator import InputError

from ase_reaxff_jax import JaxReaxFF, read_ffield, write_ffield
from ase_reaxff_jax.bundled import load
from ase_reaxff_jax.history import ChargeHistory

pytestmark = pytest.mark.xdist_group("small structures")  # the same programs


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_guesses_after_equal_steps_along_a_line_stay_near_the_charges(dtype):
    rng = np.random.default_rng(0)
    start = rng.normal(size=(6, 3)).astype(dtype)
    step = np.zeros_like(start)
    step[0, 2] = 0.125
    charges = rng.normal(size=(2, 6)).astype(dtype)
    history = ChargeHistory()
    for k in (0, 1, 2, 1, 2, 3):
        history.add(start + dtype(k) * step, charges)
    guess = history.guess(start + dtype(4) * step)
    np.testing.assert_allclose(guess, charges, atol=1e-4)


def test_pairs_without_a_bond_row_are_refused_also_between_two_lists():
    atoms = Atoms("CS", [[0, 0, 0], [5.05, 0, 0]])
    atoms.calc = JaxReaxFF("lg")
    atoms.get_potential_energy()
    atoms.positions[1, 0] = 4.7
    with pytest.raises(InputError, match=r"no bond row for .* 4\.70 Å apart"):
        atoms.get_potential_energy()


def test_many_structures_are_taken_from_any_iterable_and_warned_of():
    calc = JaxReaxFF("cho", charge=1.0)
    water = molecule("H2O", cell=[12] * 3, pbc=True)
    with pytest.warns(UserWarning, match="no neutralising background"):
        (one,) = calc.evaluate(iter([water]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # said once
        assert calc.evaluate([water])[0]["energy"] == pytest.approx(one["energy"])
    with pytest.raises(InputError, match="list of Atoms, found 'H2O'"):
        calc.evaluate(["H2O"])


def test_what_is_no_force_field_and_no_atoms_is_said():
    for wrong in (None, 3):
        with pytest.raises(InputError, match="bundled name, a path or a ForceField"):
            load(wrong)
    with pytest.raises(InputError, match="no atoms"):
        JaxReaxFF("cho").get_charges()


def test_a_force_field_is_written_whatever_the_order(tmp_path):
    cho = load("cho")
    write_ffield(cho, tmp_path / "a.ff")
    write_ffield(tmp_path / "b.ff", cho)
    assert (tmp_path / "a.ff").read_bytes() == (tmp_path / "b.ff").read_bytes()
    assert read_ffield(tmp_path / "a.ff").elements == cho.elements
    with pytest.raises(InputError, match="not str and str"):
        write_ffield("a", "b")
    with pytest.raises(FileNotFoundError, match="no folder"):
        write_ffield(tmp_path / "none" / "a.ff", cho)
