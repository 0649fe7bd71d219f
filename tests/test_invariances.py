"""What must not matter does not: origin, orientation, order, choice of the cell."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import make_supercell
from ase.neighborlist import neighbor_list
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation
from small import SMALL

from ase_reaxff_jax import JaxReaxFF

ENERGY = 1e-10  # eV/atom
FORCE = 1e-9  # eV/Å
NEAREST = 0.7  # Å, in random structures
CALC = JaxReaxFF("cho")


def of(atoms: Atoms):
    """Energy per atom, forces, charges, and the stress where there is one."""
    CALC.calculate(atoms)
    results = CALC.results
    stress = results.get("stress", np.zeros(6)) if atoms.cell.rank == 3 else np.zeros(6)
    return results["energy"] / len(atoms), results["forces"], results["charges"], stress


def assert_equal(atoms: Atoms, other: Atoms, *, rotation=None, order=None, times=1):
    """The other structure is the same, but turned, reordered or repeated."""
    energy, forces, charges, stress = of(atoms)
    energy_2, forces_2, charges_2, stress_2 = of(other)
    turn = np.eye(3) if rotation is None else rotation
    order = np.arange(len(atoms)) if order is None else order
    np.testing.assert_allclose(energy_2, energy, atol=ENERGY)
    expected = np.tile(forces[order] @ turn.T, (times, 1))
    np.testing.assert_allclose(forces_2, expected, atol=FORCE)
    np.testing.assert_allclose(charges_2, np.tile(charges[order], times), atol=1e-10)
    if rotation is None:
        np.testing.assert_allclose(stress_2, stress, atol=1e-10)


@pytest.mark.parametrize("name", SMALL)
def test_the_origin_does_not_matter(name):
    moved = SMALL[name].copy()
    moved.translate([17.3, -4.1, 0.77])
    assert_equal(SMALL[name], moved)


@pytest.mark.parametrize("name", SMALL)
def test_the_orientation_does_not_matter(name):
    rotation = Rotation.from_euler("xyz", [0.4, 1.9, -0.8]).as_matrix()
    turned = SMALL[name].copy()
    turned.positions = turned.positions @ rotation.T
    turned.cell = turned.cell.array @ rotation.T
    assert_equal(SMALL[name], turned, rotation=rotation)


@pytest.mark.parametrize("name", SMALL)
def test_a_mirror_image_has_the_same_energy(name):
    mirror = np.diag([1.0, 1.0, -1.0])
    mirrored = SMALL[name].copy()
    mirrored.positions = mirrored.positions @ mirror
    mirrored.cell = mirrored.cell.array @ mirror  # left-handed
    assert_equal(SMALL[name], mirrored, rotation=mirror)


@pytest.mark.parametrize("name", SMALL)
def test_the_order_of_the_atoms_does_not_matter(name):
    order = np.random.default_rng(1).permutation(len(SMALL[name]))
    assert_equal(SMALL[name], SMALL[name][order], order=order)


@pytest.mark.parametrize("name", ["triclinic", "slab", "tiny cell", "amorphous"])
def test_a_left_handed_cell_gives_the_same(name):
    atoms = SMALL[name]
    other = atoms.copy()
    other.set_cell(atoms.cell.array[[1, 0, 2]])
    other.pbc = atoms.pbc[[1, 0, 2]]
    assert np.linalg.det(other.cell.array) < 0
    assert_equal(atoms, other)


@pytest.mark.parametrize("name", ["triclinic", "slab", "wire", "tiny cell"])
def test_other_vectors_of_the_same_lattice_give_the_same(name):
    atoms = SMALL[name]
    a, b = np.resize(np.flatnonzero(atoms.pbc), 2)
    other = atoms.copy()
    if a == b:
        other.cell[a] *= -1
    else:
        other.cell[a] = atoms.cell[a] + 2 * atoms.cell[b]
    assert_equal(atoms, other)


@pytest.mark.parametrize("name", ["triclinic", "slab", "wire", "tiny cell"])
def test_atoms_may_lie_in_any_image_of_the_cell(name):
    atoms = SMALL[name]
    shifts = np.random.default_rng(2).integers(-3, 4, (len(atoms), 3)) * atoms.pbc
    other = atoms.copy()
    other.positions += shifts @ atoms.cell.array
    assert_equal(atoms, other)
    wrapped = other.copy()
    wrapped.wrap()
    assert_equal(other, wrapped)


@pytest.mark.parametrize("name", ["triclinic", "slab", "wire"])
def test_a_supercell_is_two_of_the_cell(name):
    atoms = SMALL[name]
    for axis in np.flatnonzero(atoms.pbc):
        repeat = np.ones(3, int)
        repeat[axis] = 2
        assert_equal(atoms, atoms.repeat(repeat), times=2)


def test_a_tiny_cell_is_one_of_many_images():
    atoms = SMALL["tiny cell"]
    assert_equal(atoms, atoms.repeat((2, 2, 2)), times=8)
    skew = make_supercell(atoms, [[1, 1, 0], [0, 2, 1], [1, 0, 2]])
    energy, *_, stress = of(atoms)
    energy_2, *_, stress_2 = of(skew)
    np.testing.assert_allclose(energy_2, energy, atol=ENERGY)
    np.testing.assert_allclose(stress_2, stress, atol=1e-10)


def test_a_large_box_is_a_molecule():
    atoms = SMALL["ethanol"]
    boxed = atoms.copy()
    boxed.set_cell([40.0, 40.0, 40.0])
    free = boxed.copy()
    boxed.pbc = True
    energy, forces, charges, _ = of(free)
    energy_2, forces_2, charges_2, stress = of(boxed)
    np.testing.assert_allclose(energy_2, energy, atol=ENERGY)
    np.testing.assert_allclose(forces_2, forces, atol=FORCE)
    np.testing.assert_allclose(charges_2, charges, atol=1e-10)
    virial = -np.einsum("ia,ib->ab", atoms.positions, forces) / boxed.get_volume()
    np.testing.assert_allclose(
        stress, virial[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]], atol=1e-12
    )


@pytest.mark.parametrize("name", SMALL)
def test_neither_force_nor_torque_acts_on_the_whole(name):
    _, forces, *_ = of(SMALL[name])
    np.testing.assert_allclose(forces.sum(axis=0), 0.0, atol=1e-10)
    if not SMALL[name].pbc.any():
        torque = np.cross(SMALL[name].positions, forces).sum(axis=0)
        np.testing.assert_allclose(torque, 0.0, atol=1e-9)


def test_padding_does_not_matter():
    # Two copies out of reach of each other need a program for more atoms.
    atoms = SMALL["ethanol"]
    twin = atoms.copy()
    twin.translate([40.0, 0.0, 0.0])
    assert len(atoms) <= 16 < len(atoms + twin)
    assert_equal(atoms, atoms + twin, times=2)


@st.composite
def structures(draw) -> Atoms:
    """Cells from tiny to medium, all periodicities, mixtures of C, H and O."""
    count = draw(st.integers(1, 6))
    symbols = draw(st.lists(st.sampled_from("CHO"), min_size=count, max_size=count))
    edge = (18.0 * count) ** (1 / 3) * draw(st.floats(0.9, 1.8))
    tilt = draw(arrays(float, (3, 3), elements=st.floats(-0.35, 0.35)))
    fractions = draw(arrays(float, (count, 3), elements=st.floats(0, 1)))
    pbc = draw(st.tuples(st.booleans(), st.booleans(), st.booleans()))
    cell = edge * (np.eye(3) + tilt)
    assume(abs(np.linalg.det(cell)) > 0.6 * edge**3)
    atoms = Atoms(symbols, fractions @ cell, cell=cell, pbc=pbc)
    assume(not len(neighbor_list("i", atoms, NEAREST)))
    return atoms


@settings(
    derandomize=True,
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
@given(structures(), st.integers(0, 2**32 - 1))
def test_random_structures_are_invariant_too(atoms, seed):
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(atoms))
    other = atoms[order]
    shifts = rng.integers(-2, 3, (len(atoms), 3)) * atoms.pbc
    other.positions += shifts @ atoms.cell.array + rng.normal(size=3)
    assert_equal(atoms, other, order=order)
    rotation = Rotation.random(rng=rng).as_matrix()
    other.positions = other.positions @ rotation.T
    other.cell = other.cell.array @ rotation.T
    assert_equal(atoms, other, rotation=rotation, order=order)
    repeat = np.where(atoms.pbc, 1, 1)
    if atoms.pbc.any() and len(atoms) <= 8:
        repeat[rng.choice(np.flatnonzero(atoms.pbc))] = 2
        assert_equal(atoms, atoms.repeat(repeat), times=int(repeat.prod()))
