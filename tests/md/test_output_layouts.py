"""The layouts of LAMMPS dumps and H5MD, and what is not always there."""

from itertools import product

import h5py
import numpy as np
import pytest
from ase import units
from ase.calculators.calculator import InputError
from ase.calculators.lammps import convert
from ase.geometry import find_mic
from ase.io import read
from ase.stress import voigt_6_to_full_3x3_stress
from output_frames import TRICLINIC, frame

from ase_reaxff_jax.md import outputs

ORTHORHOMBIC = np.diag([11.0, 12.0, 13.0])


def written(path, *frames):
    output = outputs.create(path)
    for each in frames:
        output.write(each)
    output.close()
    return path


def equal(found, expected):
    """Bit for bit."""
    np.testing.assert_array_equal(np.asarray(found), np.asarray(expected), strict=True)


@pytest.mark.parametrize("suffix", [".extxyz", ".traj"])
def test_velocities_of_atoms_with_masses_of_their_own_are_read_back(tmp_path, suffix):
    given = frame(0)
    given.atoms.set_masses(np.arange(1.0, 7.0))
    atoms = read(written(tmp_path / f"md{suffix}", given))
    equal(atoms.get_velocities(), given.atoms.get_velocities())


@pytest.mark.parametrize("suffix", [".extxyz", ".traj", ".h5"])
def test_a_molecule_without_cell_and_stress_can_be_written(tmp_path, suffix):
    given = frame(0, pbc=False, cell=np.zeros((3, 3)))
    del given.atoms.calc.results["stress"]
    path = written(tmp_path / f"md{suffix}", given)
    if suffix != ".h5":
        atoms = read(path)
        assert not atoms.cell.any() and "stress" not in atoms.calc.results
        return
    with h5py.File(path) as file:
        assert list(file["particles/all/box"].attrs["boundary"]) == ["none"] * 3
        assert "edges" not in file["particles/all/box"]
        assert list(file["observables"]) == ["potential_energy"]


def nearest(atoms):
    """Distances of the atoms from the nearest image of the origin."""
    # ASE misses nearer ones where a cell vector is askew that is not periodic.
    cell = np.where(atoms.pbc[:, None], atoms.cell.array, 0.0)
    return find_mic(atoms.positions, cell, atoms.pbc)[1]


PERIODICITIES = list(product([True, False], repeat=3))


@pytest.mark.parametrize("cell", [ORTHORHOMBIC, TRICLINIC], ids=["right", "skewed"])
@pytest.mark.parametrize("pbc", PERIODICITIES)
def test_a_lammps_dump_is_the_structure_turned_into_lammps_frame(tmp_path, cell, pbc):
    given = frame(7, pbc=pbc, cell=cell)
    path = written(tmp_path / "md.lammpstrj", frame(6, pbc=pbc, cell=cell), given)
    atoms = read(path, -1, format="lammps-dump-text", units="real")
    expected = given.atoms
    assert atoms.info["timestep"] == 7
    assert atoms.get_chemical_symbols() == expected.get_chemical_symbols()
    equal(atoms.pbc, expected.pbc)
    equal(atoms.get_initial_charges(), expected.calc.results["charges"])
    # Whatever the rotation, it leaves all products of vectors alone.
    found = np.vstack([atoms.positions, 5 * atoms.get_velocities(), atoms.get_forces()])
    results = expected.calc.results
    wanted = np.vstack(
        [expected.positions, 5 * expected.get_velocities(), results["forces"]]
    )
    np.testing.assert_allclose(found @ found.T, wanted @ wanted.T, atol=1e-9)
    np.testing.assert_allclose(nearest(atoms), nearest(expected), atol=1e-9)
    low = atoms.get_celldisp().ravel()
    inside = np.linalg.solve(atoms.cell.array.T, (atoms.positions - low).T).T
    open_axes = ~expected.pbc
    assert (inside[:, open_axes] > 0).all() and (inside[:, open_axes] < 1).all()


@pytest.mark.parametrize("pbc", PERIODICITIES)
def test_a_lammps_dump_does_not_turn_a_right_angled_cell(tmp_path, pbc):
    given = frame(7, pbc=pbc, cell=ORTHORHOMBIC)
    path = written(tmp_path / "md.dump", given)
    atoms = read(path, format="lammps-dump-text", units="real")
    np.testing.assert_allclose(atoms.positions, given.atoms.positions, atol=1e-12)
    text = path.read_text()
    assert ("xy xz yz" in text) is False
    columns = "ITEM: ATOMS id type element q xu yu zu vx vy vz fx fy fz"
    assert columns in text.splitlines()
    first = [float(x) for x in text.splitlines()[9].split()[7:10]]
    velocity = given.atoms.get_velocities()[0] * units.fs
    np.testing.assert_allclose(first, velocity, rtol=1e-12, atol=1e-14)


def test_h5md_has_the_layout_of_the_standard(tmp_path):
    frames = [frame(step) for step in (0, 10)]
    with h5py.File(written(tmp_path / "md.h5", *frames)) as file:
        assert list(file["h5md"].attrs["version"]) == [1, 1]
        assert file["h5md/author"].attrs["name"]
        assert file["h5md/creator"].attrs["name"] == "ase-reaxff-jax"
        group = file["particles/all"]
        assert group["box"].attrs["dimension"] == 3
        assert list(group["box"].attrs["boundary"]) == ["periodic"] * 3
        equal(group["species"], frames[0].atoms.numbers)
        equal(group["mass"], frames[0].atoms.get_masses())
        kcal = convert(1.0, "energy", "ASE", "real")
        for k, given in enumerate(frames):
            atoms, results = given.atoms, given.atoms.calc.results
            equal(group["position/value"][k], atoms.positions)
            equal(group["box/edges/value"][k], atoms.cell.array)
            equal(group["charge/value"][k], results["charges"])
            velocities, forces = group["velocity/value"][k], group["force/value"][k]
            near = np.testing.assert_allclose
            near(velocities, atoms.get_velocities() * units.fs, rtol=1e-14)
            near(forces, results["forces"] * kcal, rtol=1e-12)
            seen = file["observables"]
            near(seen["potential_energy/value"][k], results["energy"] * kcal)
            stress = voigt_6_to_full_3x3_stress(results["stress"])
            near(seen["stress/value"][k], stress / units.GPa)
        assert group["force/value"].attrs["unit"] == "kcal mol-1 Angstrom-1"
        for element in (group["velocity"], group["box/edges"], seen["stress"]):
            equal(element["step"], [0, 10])
            equal(element["time"], [0.0, 1.0])
            assert element["time"] == group["position/time"]  # one by two names


def test_a_frame_that_lacks_what_the_first_had_is_an_error_in_h5md(tmp_path):
    output = outputs.create(tmp_path / "md.h5")
    output.write(frame(0))
    other = frame(1)
    del other.atoms.calc.results["charges"]
    with pytest.raises(InputError, match=r"step 1 .*particles/all/charge"):
        output.write(other)
    output.write(frame(2))
    output.close()
    with h5py.File(tmp_path / "md.h5") as file:
        equal(file["particles/all/charge/step"], [0, 2])
