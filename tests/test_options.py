"""Options, devices, memory and versions: what is wrong is named with what there is."""

import subprocess
import sys

import jax
import numpy as np
import pytest
from ase.calculators.calculator import (
    CalculationFailed,
    CalculatorSetupError,
    InputError,
)
from small import SMALL, amorphous, rattled, with_calculator

from ase_reaxff_jax import JaxReaxFF, errors, jax_version, programs

pytestmark = pytest.mark.xdist_group("small structures")  # the same programs

WRONG = {
    "charge_tolerence": (1e-6, "did you mean 'charge_tolerance'"),
    "charge_model": ("qeq", "none of eem, fixed"),
    "charge_method": ("directly", "did you mean 'direct'"),
    "dtype": ("float46", "did you mean 'float64'"),
    "charge": ("one", "charge must be a number"),
    "charge_tolerance": (0.0, "must be a positive number, not 0.0"),
    "skin": (np.nan, "must be a positive number, not nan"),
    "bond_skin": ("0.3", "must be a positive number"),
    "charge_response": ("no", "must be True or False"),
    "implementation": ("fast", "none of fused, reference"),
    "missing_bonds": ("ignored", "did you mean 'ignore'"),
    "device": ("gpus:7", "no such device; it has: "),
}


@pytest.mark.parametrize("option", WRONG)
def test_a_wrong_option_is_named_with_what_there_is(option):
    value, message = WRONG[option]
    with pytest.raises(CalculatorSetupError, match=message):
        JaxReaxFF("cho", **{option: value})


def test_charges_that_mean_nothing_cannot_be_asked_for():
    with pytest.raises(CalculatorSetupError, match=r"too loose .* at most 0\.01"):
        JaxReaxFF("cho", charge_tolerance=0.5)


def test_a_charge_that_is_a_whole_number_compiles_nothing_anew():
    water = rattled("H2O")
    expected = JaxReaxFF("cho", charge=1.0).get_potential_energy(water)
    compiled = programs.compilations()
    assert JaxReaxFF("cho", charge=1).get_potential_energy(water) == expected
    assert programs.compilations() == compiled


def test_what_begins_with_a_word_is_suggested_first():
    assert "'nvt-langevin'" in errors.suggestion("nvt", ["nve", "nvt-langevin"])
    assert "'nve'" in errors.suggestion("nev", ["nve", "nvt-langevin"])


def test_an_unknown_option_is_a_type_error_as_well():
    with pytest.raises(TypeError, match="has no option 'cutoff'; it has: force_field"):
        JaxReaxFF("cho", cutoff=10.0)


def test_what_is_not_implemented_yet_says_so():
    with pytest.raises(InputError, match="not implemented yet; there is"):
        JaxReaxFF("cho", charge_model="acks2")
    with pytest.raises(InputError, match="no effect with charge_model='fixed'"):
        JaxReaxFF("cho", charge=1.0, charge_model="fixed")


@pytest.mark.parametrize(
    "fault", [RuntimeError("RESOURCE_EXHAUSTED: Out of memory: 9 GiB"), MemoryError()]
)
def test_running_out_of_memory_says_what_did_not_fit(monkeypatch, fault):
    def failing(*_, **__):
        raise fault

    for program in ("evaluate", "evaluate_batch"):
        monkeypatch.setattr(programs, program, failing)
    calc, water = JaxReaxFF("cho"), rattled("H2O")
    sizes = r"with 3 atoms, \d+ non-bonded pairs, .* GB\)"
    message = rf"out of memory {sizes}: .*dtype='float32'.*PREALLOCATE"
    for compute in (calc.get_potential_energy, calc.get_hessian):
        with pytest.raises(CalculationFailed, match=message):
            compute(water)
    with pytest.raises(CalculationFailed, match="memory with 6 atoms"):
        calc.evaluate([water, water])


def test_other_faults_of_the_device_pass_through(monkeypatch):
    def failing(*_, **__):
        raise RuntimeError("INTERNAL: broken")

    monkeypatch.setattr(programs, "evaluate", failing)
    with pytest.raises(RuntimeError, match="INTERNAL: broken"):
        JaxReaxFF("cho").get_potential_energy(rattled("H2O"))


def test_results_are_in_double_precision_while_the_process_is_not():
    atoms = with_calculator(SMALL["triclinic"])
    assert not jax.config.jax_enable_x64
    energies = []
    for step in (0.0, 1e-9):
        atoms.positions[0, 0] += step
        energies.append(atoms.get_potential_energy())
    slope = (energies[1] - energies[0]) / 1e-9
    np.testing.assert_allclose(-slope, atoms.get_forces()[0, 0], atol=1e-3)
    assert jax.numpy.ones(1).dtype == np.float32


@pytest.mark.parametrize("version", ["0.10.2", "0.11.0", "0.11.1", "0.7.2"])
def test_versions_of_jax_that_cannot_be_used_are_refused(version):
    with pytest.raises(ImportError, match=rf"jax {version}.*pip install"):
        jax_version.check(version)


@pytest.mark.parametrize("version", ["0.8.0", "0.10.1", "0.11.2", "1.0", "0.12.0.dev1"])
def test_other_versions_of_jax_are_taken(version):
    jax_version.check(version)


def test_the_version_is_checked_at_import():
    code = "import jax; jax.__version__ = '0.11.0'; import ase_reaxff_jax"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert "ImportError: jax 0.11.0 computes wrong numbers" in done.stderr


def test_all_errors_are_runtime_errors_as_in_ase():
    for name in errors.__all__:
        kind = getattr(errors, name)
        if isinstance(kind, type):
            assert issubclass(kind, RuntimeError), name


def test_strange_structures_give_numbers_or_errors_never_nan():
    rng = np.random.default_rng(4)
    calc = JaxReaxFF("cho")
    for seed in range(8):
        atoms = amorphous("C H O", 10, seed)
        atoms.positions += rng.normal(0.0, 0.25, atoms.positions.shape)
        try:
            assert np.isfinite(calc.get_forces(atoms)).all()
        except CalculationFailed as error:
            assert "apart" in str(error)
