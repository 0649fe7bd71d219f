"""What people do with a calculator in ASE works, and gives what it should."""

import copy

import ase.db
import ase.io
import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.lj import LennardJones
from ase.calculators.mixing import SumCalculator
from ase.constraints import FixAtoms, FixBondLength
from ase.filters import FrechetCellFilter
from ase.md.velocitydistribution import thermalize_momenta
from ase.md.verlet import VelocityVerlet
from ase.mep import NEB
from ase.optimize import BFGS, FIRE, LBFGS
from ase.phonons import Phonons
from ase.vibrations import Vibrations
from small import moist_methane, rattled, tiny_cell, with_calculator

from ase_reaxff_jax import JaxReaxFF
from ase_reaxff_jax.lists import Lists

pytestmark = pytest.mark.xdist_group("small structures")  # the same programs


@pytest.fixture
def rebuilds(monkeypatch):
    """How often lists were made: of neighbours, of bonds."""
    count = {"build_neighbors": 0, "build_topology": 0}

    def counted(name):
        build = getattr(Lists, name)

        def wrapped(*args, **options):
            count[name] += 1
            return build(*args, **options)

        monkeypatch.setattr(Lists, name, wrapped)

    for name in count:
        counted(name)
    return count


@pytest.mark.parametrize("optimizer", [BFGS, FIRE, LBFGS])
def test_optimizers_find_the_same_minimum(optimizer):
    atoms = with_calculator(rattled("CH3OH"))
    before = atoms.get_potential_energy()
    assert optimizer(atoms, logfile=None).run(fmax=0.005, steps=400)
    assert atoms.get_potential_energy() < before - 0.1
    np.testing.assert_allclose(atoms.get_distance(0, 1), 1.43, atol=0.06)
    other = with_calculator(rattled("CH3OH", seed=2))
    BFGS(other, logfile=None).run(fmax=0.005, steps=400)
    np.testing.assert_allclose(
        atoms.get_potential_energy(), other.get_potential_energy(), atol=2e-3
    )


def test_cell_and_atoms_relax_together_to_zero_stress():
    crystal = bulk("C", "diamond", a=3.62)
    crystal.set_cell(crystal.cell.array @ (np.eye(3) + 0.01), scale_atoms=True)
    crystal.rattle(0.03, seed=1)
    atoms = with_calculator(crystal)
    # Diamond is stiffer than the curvature that BFGS starts from by default.
    relaxation = BFGS(FrechetCellFilter(atoms), logfile=None, alpha=300.0)
    assert relaxation.run(fmax=0.005, steps=100)
    np.testing.assert_allclose(atoms.get_stress() * atoms.get_volume(), 0, atol=0.02)
    perfect = bulk("C", "diamond", a=(4 * atoms.get_volume()) ** (1 / 3))
    np.testing.assert_allclose(atoms.cell.angles(), perfect.cell.angles(), atol=0.2)
    energy = JaxReaxFF("cho").get_potential_energy(perfect)
    np.testing.assert_allclose(atoms.get_potential_energy(), energy, atol=1e-3)


def test_vibrations_by_differences_are_those_of_the_hessian(tmp_path):
    atoms = with_calculator(rattled("CH3OH"))
    BFGS(atoms, logfile=None).run(fmax=1e-4, steps=300)
    vibrations = Vibrations(atoms, name=str(tmp_path / "vib"), delta=0.003)
    vibrations.run()
    masses = np.repeat(atoms.get_masses(), 3) ** -0.5
    curvatures = np.linalg.eigvalsh(
        atoms.calc.get_hessian(atoms) * np.outer(masses, masses)
    )
    expected = units.invcm**-1 * units._hbar * 1e10 / np.sqrt(units._e * units._amu)
    frequencies = expected * np.sqrt(curvatures[6:])
    np.testing.assert_allclose(
        vibrations.get_frequencies()[6:].real, frequencies, rtol=5e-3, atol=2.0
    )
    assert 2500 < frequencies[-1] < 4500  # the O-H stretch, 1/cm


def test_phonons_at_the_zone_centre_are_those_of_the_hessian(tmp_path):
    crystal = with_calculator(tiny_cell())
    BFGS(crystal, logfile=None).run(fmax=1e-4, steps=300)
    phonons = Phonons(
        crystal, crystal.calc, supercell=(2, 2, 2), delta=0.0005,
        name=str(tmp_path / "phonon"),
    )  # fmt: skip
    phonons.run()
    phonons.read(acoustic=True)
    energies = phonons.band_structure([[0.0, 0.0, 0.0]])[0]
    masses = np.repeat(crystal.get_masses(), 3) ** -0.5
    curvatures = np.linalg.eigvalsh(
        crystal.calc.get_hessian(crystal) * np.outer(masses, masses)
    )
    expected = units._hbar * 1e10 / np.sqrt(units._e * units._amu)
    signed = np.sign(curvatures) * np.sqrt(abs(curvatures))
    np.testing.assert_allclose(np.sort(energies), expected * signed, atol=1e-3)


def test_a_band_of_images_may_share_one_calculator():
    calc = JaxReaxFF("cho")
    start, end = rattled("H2O", width=0.0), rattled("H2O", width=0.0)
    end.positions[[1, 2]] = end.positions[[2, 1]]  # the hydrogens change places
    middle = Atoms("OH2", 0.5 * (start.positions + end.positions))
    middle.positions[1] += [0.8, 0.0, 0.2]
    middle.positions[2] -= [0.8, 0.0, -0.2]
    images = [start, *(middle.copy() for _ in range(3)), end]
    for k, image in enumerate(images):
        image.calc = calc
        image.positions += 0.001 * k
    band = NEB(images, allow_shared_calculator=True, method="improvedtangent")
    FIRE(band, logfile=None).run(fmax=0.3, steps=30)
    energies = [JaxReaxFF("cho").get_potential_energy(image) for image in images]
    np.testing.assert_allclose(band.energies, energies, atol=1e-9)


@pytest.mark.parametrize(("timestep", "steps"), [(0.1, 300), (0.25, 120)])
def test_dynamics_conserve_energy_while_lists_are_reused(timestep, steps, rebuilds):
    atoms = with_calculator(moist_methane())
    FIRE(atoms, logfile=None).run(fmax=0.1, steps=100)
    thermalize_momenta(atoms, temperature_K=600, rng=np.random.default_rng(3))
    rebuilds.update(build_neighbors=0, build_topology=0)
    totals = []
    dynamics = VelocityVerlet(atoms, timestep * units.fs)
    dynamics.attach(lambda: totals.append(atoms.get_total_energy()))
    dynamics.run(steps)
    assert np.ptp(totals) < 0.02 * timestep  # eV; 0.6 eV are kinetic
    drift = np.polyfit(np.arange(len(totals)), totals, 1)[0] * len(totals)
    assert abs(drift) < 5e-3  # eV
    assert rebuilds["build_neighbors"] <= steps // 20
    assert 1 <= rebuilds["build_topology"] <= steps // 5


def test_lists_are_remade_only_when_atoms_have_moved_far(rebuilds):
    atoms = with_calculator(moist_methane())
    atoms.get_potential_energy()
    assert rebuilds == {"build_neighbors": 1, "build_topology": 1}
    for name, shift, expected in (
        ("nothing", 0.05, (1, 1)),
        ("bonds", 0.15, (1, 2)),
        ("all", 0.6, (2, 3)),
    ):
        atoms.positions[0, 2] += shift
        energy = atoms.get_potential_energy()
        assert tuple(rebuilds.values()) == expected, name
        fresh = rebuilds.copy()
        new = JaxReaxFF("cho").get_potential_energy(atoms)
        rebuilds.update(fresh)
        np.testing.assert_allclose(energy, new, atol=1e-10)


def test_a_database_keeps_results_and_options(tmp_path):
    atoms = with_calculator(moist_methane(), skin=0.8)
    energy, forces = atoms.get_potential_energy(), atoms.get_forces()
    with ase.db.connect(tmp_path / "results.db") as database:
        database.write(atoms)
        row = database.get(1)
    assert (row.calculator, row.calculator_parameters) == ("jaxreaxff", {"skin": 0.8})
    assert row.energy == energy
    np.testing.assert_array_equal(row.forces, forces)
    np.testing.assert_array_equal(row.toatoms().get_charges(), atoms.get_charges())


@pytest.mark.parametrize("name", ["run.traj", "run.extxyz"])
def test_trajectories_keep_results(tmp_path, name):
    atoms, frames = with_calculator(moist_methane()), []
    for _ in range(2):
        atoms.rattle(0.01)
        atoms.get_forces()
        frames.append(copy.deepcopy(atoms))
    ase.io.write(tmp_path / name, frames)
    for got, frame in zip(ase.io.read(tmp_path / name, ":"), frames, strict=True):
        for quantity in ("potential_energy", "forces", "stress", "charges"):
            one, two = (getattr(a, f"get_{quantity}")() for a in (got, frame))
            np.testing.assert_allclose(one, two, atol=1e-7)


def test_it_adds_to_another_calculator():
    atoms, other = moist_methane(), LennardJones(sigma=1.0, epsilon=0.01, rc=4.0)
    alone = [calc.get_property(name, atoms) for calc in (JaxReaxFF("cho"), other)
             for name in ("energy", "forces", "stress")]  # fmt: skip
    atoms.calc = SumCalculator([JaxReaxFF("cho"), other])
    together = atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress()
    for total, one, two in zip(together, alone[:3], alone[3:], strict=True):
        np.testing.assert_allclose(total, one + two, atol=1e-12)


def test_constraints_act_on_what_atoms_give_and_not_on_the_calculator():
    atoms = with_calculator(rattled("CH3OH"))
    raw = atoms.get_forces()
    atoms.set_constraint([FixAtoms([0]), FixBondLength(1, 3)])
    np.testing.assert_array_equal(atoms.get_forces(apply_constraint=False), raw)
    assert not atoms.get_forces()[0].any() and raw[0].any()
    place, length = atoms.positions[0].copy(), atoms.get_distance(1, 3)
    FIRE(atoms, logfile=None).run(fmax=0.05, steps=20)
    np.testing.assert_array_equal(atoms.positions[0], place)
    np.testing.assert_allclose(atoms.get_distance(1, 3), length, atol=1e-8)
