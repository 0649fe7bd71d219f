"""What trajectories hold, as ASE and h5py read it back."""

import time

import numpy as np
import pytest
from ase import Atoms, units
from ase.calculators.calculator import InputError
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms, FixCartesian
from ase.io import read
from small import SKEWED

from ase_reaxff_jax.md.frames import Frame
from ase_reaxff_jax.md.outputs import trajectories

h5py = pytest.importorskip("h5py")


def frame(step, size=5, pbc=True, cell=SKEWED):
    """Atoms with all that a run knows; numbers of all magnitudes."""
    rng = np.random.default_rng(step)
    symbols = np.resize(["O", "H", "C"], size)
    atoms = Atoms(symbols, rng.normal(size=(size, 3)) * 9, cell=cell, pbc=pbc)
    atoms.set_momenta(rng.normal(size=(size, 3)))
    results = {
        "energy": -5.0 - step,
        "forces": rng.normal(size=(size, 3)) * 10.0 ** rng.integers(-12, 3, (size, 1)),
        "charges": rng.normal(size=size) / 3,
    }
    if np.all(pbc):
        results["stress"] = rng.normal(size=6) * 1e-3
    atoms.calc = SinglePointCalculator(atoms, **results)
    atoms.info = {"step": step, "time_fs": 0.1 * step}
    return Frame(step, 0.1 * step, atoms)


def write(path, frames):
    output = trajectories.create(path)
    for one in frames:
        output.write(one)
    output.flush()
    output.close()


def facts(atoms):
    kept = [atoms.positions, atoms.cell.array, atoms.pbc, atoms.get_momenta()]
    results = {k: np.asarray(v).tolist() for k, v in atoms.calc.results.items()}
    return [array.tolist() for array in kept], results, dict(atoms.info)


@pytest.mark.parametrize("suffix", [".extxyz", ".xyz", ".traj"])
@pytest.mark.parametrize("pbc", [True, False, (True, False, True)])
def test_ase_reads_back_the_same_doubles(tmp_path, suffix, pbc):
    path = tmp_path / f"md{suffix}"
    frames = [frame(k, pbc=pbc) for k in range(3)]
    write(path, frames)
    back = read(path, ":", format="traj" if suffix == ".traj" else "extxyz")
    assert [facts(a) for a in back] == [facts(f.atoms) for f in frames]
    assert all(a.numbers.tolist() == frames[0].atoms.numbers.tolist() for a in back)


def test_extended_xyz_keeps_constraints_and_masses(tmp_path):
    one = frame(1)
    masses = one.atoms.get_masses() + 0.1
    one.atoms.set_masses(masses)
    one.atoms.set_constraint([FixAtoms([0]), FixCartesian([2], [True, False, True])])
    write(tmp_path / "md.extxyz", [one])
    back = read(tmp_path / "md.extxyz")
    assert back.get_masses().tolist() == masses.tolist()
    fixed = np.zeros((5, 3), bool)
    for constraint in back.constraints:
        fixed[constraint.index] |= constraint.mask
    assert fixed.tolist() == [
        [True] * 3, [False] * 3, [True, False, True], [False] * 3, [False] * 3
    ]  # fmt: skip
    one.atoms.set_constraint(FixAtoms([0, 3]))
    write(tmp_path / "whole.extxyz", [one])
    [constraint] = read(tmp_path / "whole.extxyz").constraints
    assert constraint.index.tolist() == [0, 3]


def test_extended_xyz_without_a_cell(tmp_path):
    write(tmp_path / "md.extxyz", [frame(1, pbc=False, cell=None)])
    assert "Lattice" not in (tmp_path / "md.extxyz").read_text()
    assert not read(tmp_path / "md.extxyz").cell.any()


def test_extended_xyz_of_a_large_system_is_quick(tmp_path):
    one, output = frame(1, size=6591), trajectories.create(tmp_path / "md.extxyz")
    output.write(one)
    start = time.perf_counter()
    output.write(one)
    assert time.perf_counter() - start < 0.3  # 0.02 s on an idle machine
    output.close()


@pytest.mark.parametrize(
    "pbc", [True, False, (True, False, True), (False, True, False)]
)
def test_ase_reads_the_lammps_dump(tmp_path, pbc):
    cell = np.diag([5.0, 6, 7])
    frames = [frame(k, pbc=pbc, cell=cell) for k in (0, 4)]
    write(tmp_path / "md.dump", frames)
    back = read(tmp_path / "md.dump", ":", format="lammps-dump-text", units="real")
    for atoms, one in zip(back, frames, strict=True):
        was = one.atoms
        assert atoms.info["timestep"] == one.step
        assert atoms.positions == pytest.approx(was.positions, abs=1e-14)
        assert atoms.get_velocities() == pytest.approx(was.get_velocities(), rel=1e-6)
        forces = was.calc.results["forces"]
        assert atoms.get_forces() == pytest.approx(forces, rel=1e-6)
        charges = was.calc.results["charges"]
        assert atoms.get_initial_charges() == pytest.approx(charges, rel=1e-15)
        assert str(atoms.symbols) == str(was.symbols)
        assert atoms.pbc.tolist() == was.pbc.tolist()
        lengths = atoms.cell.lengths()[was.pbc]
        assert lengths == pytest.approx(cell.diagonal()[was.pbc])
        low = atoms.get_celldisp().ravel()
        inside = (atoms.positions > low) & (
            atoms.positions < low + atoms.cell.lengths()
        )
        assert inside[:, ~was.pbc].all()


@pytest.mark.parametrize("pbc", [True, (True, True, False), (True, False, True)])
def test_a_skewed_cell_is_turned_as_lammps_wants_it(tmp_path, pbc):
    one = frame(3, pbc=pbc)
    write(tmp_path / "md.dump", [one])
    back = read(tmp_path / "md.dump", format="lammps-dump-text", units="real")
    assert np.triu(back.cell.array, 1) == pytest.approx(0)
    rows = one.atoms.pbc
    gram = SKEWED[rows] @ SKEWED[rows].T
    assert back.cell[rows] @ back.cell[rows].T == pytest.approx(gram)
    everything = one.atoms.get_all_distances()
    assert back.get_all_distances() == pytest.approx(everything)
    if rows.all():
        scaled = one.atoms.get_scaled_positions(wrap=False)
        assert back.cell.scaled_positions(back.positions) == pytest.approx(scaled)


def test_h5md_has_the_frames_in_named_units(tmp_path):
    frames = [frame(k) for k in (0, 5)]
    write(tmp_path / "md.h5", frames)
    with h5py.File(tmp_path / "md.h5") as file:
        assert file["h5md"].attrs["version"].tolist() == [1, 1]
        atoms, was = file["particles/all"], frames[1].atoms
        assert atoms["position/value"][1].tolist() == was.positions.tolist()
        velocities = atoms["velocity/value"][1] / units.fs
        assert velocities == pytest.approx(was.get_velocities())
        assert atoms["force/value"].attrs["unit"] == "kcal mol-1 Angstrom-1"
        forces = atoms["force/value"][1] * units.kcal / units.mol
        assert forces == pytest.approx(was.get_forces(), rel=1e-14)
        assert atoms["charge/step"][:].tolist() == [0, 5]
        assert atoms["box/edges/time"][:].tolist() == [0, 0.5]
        assert atoms["box"].attrs["boundary"].tolist() == ["periodic"] * 3
        assert atoms["species"][:].tolist() == was.numbers.tolist()
        energies = file["observables/potential_energy/value"][:]
        assert energies * units.kcal / units.mol == pytest.approx([-5, -10])


def test_h5md_is_read_while_it_grows(tmp_path):
    output = trajectories.create(tmp_path / "md.h5")
    output.write(frame(0))
    with h5py.File(tmp_path / "md.h5", swmr=True) as file:
        steps = file["particles/all/position/step"]
        output.write(frame(1))
        output.flush()
        steps.refresh()
        assert steps[:].tolist() == [0, 1]
    output.close()


@pytest.mark.parametrize("other", [frame(1, size=4), frame(1, pbc=(True, True, False))])
def test_h5md_refuses_frames_unlike_the_first(tmp_path, other):
    output = trajectories.create(tmp_path / "md.h5")
    output.write(frame(0))
    with pytest.raises(InputError, match="the first frame differ in"):
        output.write(other)
    assert output.flush() == {"frames": 1}
    output.close()
