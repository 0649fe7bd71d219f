"""The pairs that are renewed with the topology: few, and all that interact."""

import numpy as np
import pytest
from small import amorphous, listed_pairs, moist_methane, with_calculator

from ase_reaxff_jax import JaxReaxFF, lists, programs
from ase_reaxff_jax.md import run

CUTOFF = 10.0  # Å, of the force field


@pytest.fixture(autouse=True)
def of_small_structures_too(monkeypatch):
    monkeypatch.setattr(lists, "FEW_ATOMS", 0)


@pytest.fixture
def made(monkeypatch):
    """How often an approximate inverse was made."""
    count, original = [], programs.approximate_inverse

    def counted(*arguments):
        count.append(1)
        return original(*arguments)

    monkeypatch.setattr(programs, "approximate_inverse", counted)
    return count


def listed(atoms):
    """The entry of the structure, and its neighbours before and after."""
    engine = atoms.calc.engine
    system = engine.system(atoms)
    with engine._scope():
        entry = engine.lists.of(atoms, system)
        neighbors = entry.neighbors, entry.topology.narrowed(entry.neighbors)
        within = [programs.within(system, n, CUTOFF) for n in neighbors]
    return entry, *(np.asarray(n.far) for n in neighbors), *map(np.asarray, within)


def same_pairs(far, some, others):
    """Rows of images, in order, of two lists."""
    for row, which, other, of_other in zip(far[0], some, far[1], others, strict=True):
        np.testing.assert_array_equal(row[which], other[of_other])


def moved(atoms, farthest: float, strain, seed: int):
    """Every atom by that much, in a strained cell."""
    rng = np.random.default_rng(seed)
    way = rng.normal(size=(len(atoms), 3))
    there = atoms.copy()
    there.set_cell(atoms.cell.array @ (np.eye(3) - strain), scale_atoms=True)
    there.positions += farthest * way / np.linalg.norm(way, axis=1)[:, None]
    return there


def along_pairs_at(atoms, low: float, high: float):
    """Directions of some of the pairs that are as far apart as that, Å."""
    apart = listed_pairs(atoms)
    r = np.linalg.norm(apart, axis=1)
    found = np.flatnonzero((r > low) & (r < high))[:3]
    assert len(found) == 3
    return apart[found] / r[found, None]


@pytest.mark.parametrize(
    ("farthest", "strain"), [(0.0, 0.0), (0.14, 0.0), (0.0, 0.019), (0.07, 0.01)]
)
def test_they_hold_all_that_interact_while_the_topology_does(farthest, strain):
    """The most that atoms may move, that a cell may shrink, and half of both."""
    atoms = with_calculator(moist_methane())
    check(atoms, [moved(atoms, farthest, strain * np.eye(3), k) for k in range(3)])


def test_they_hold_pairs_that_a_strain_of_one_direction_brings_close():
    """Far pairs come closer than the skin by which the topology is judged."""
    atoms = with_calculator(moist_methane())
    ways = along_pairs_at(atoms, CUTOFF + 0.32, CUTOFF + 0.38)
    check(atoms, [moved(atoms, 0.0, 0.037 * np.outer(d, d), seed=0) for d in ways])


def check(atoms, there):
    """That lists made for the atoms as they are hold all that interacts there."""
    first, wide, narrow, *_ = listed(atoms)
    assert narrow.shape[1] < wide.shape[1]
    topology = first.topology
    for other in there:
        other.calc = atoms.calc
        entry, wide, narrow, in_wide, in_narrow = listed(other)
        assert entry.topology is topology  # neither was made anew
        same_pairs((wide, narrow), in_wide, in_narrow)
        assert in_narrow.sum() > 900


@pytest.mark.parametrize("implementation", ["fused", "reference"])
def test_energies_and_forces_are_those_without_them(implementation, monkeypatch):
    atoms = with_calculator(moist_methane(), implementation=implementation)
    atoms.get_potential_energy()
    there = moved(atoms, 0.14, np.zeros((3, 3)), seed=1)
    there.calc = atoms.calc
    found = there.get_potential_energy(), there.get_forces(), there.get_stress()
    shares = there.get_potential_energies()
    monkeypatch.setattr(lists, "FEW_ATOMS", 256)
    fresh = with_calculator(there.copy(), implementation=implementation)
    assert listed(fresh)[0].topology.pairs is None
    assert found[0] == pytest.approx(fresh.get_potential_energy(), abs=1e-10)
    np.testing.assert_allclose(found[1], fresh.get_forces(), atol=1e-9)
    np.testing.assert_allclose(found[2], fresh.get_stress(), atol=1e-11)
    np.testing.assert_allclose(shares, fresh.get_potential_energies(), atol=1e-9)


def test_the_inverse_is_made_with_the_neighbours_only(made):
    atoms = with_calculator(amorphous("C H O", 14), charge_method="iterative", skin=1.0)
    atoms.get_potential_energy()
    first, *_ = listed(atoms)
    topology = first.topology
    atoms.positions[0] += [0.2, 0.0, 0.0]
    atoms.get_potential_energy()
    entry, *_ = listed(atoms)
    assert entry is first and entry.topology is not topology
    assert entry.topology.inverse is topology.inverse and len(made) == 1
    atoms.positions[1] += [0.7, 0.0, 0.0]
    atoms.get_potential_energy()
    assert listed(atoms)[0] is not first and len(made) == 2


def test_a_run_goes_on_bit_by_bit(tmp_path, made):
    """Lists and inverse of a checkpoint are those that the run had."""
    atoms, options = amorphous("C H O", 14), dict(charge_method="iterative", skin=0.4)

    def end(**more):
        result = run(
            atoms, JaxReaxFF("cho", **options), ensemble="nve", steps=60,
            timestep_fs=0.25, temperature_K=900.0, seed=3, log_every=5,
            progress=False, **more,
        )  # fmt: skip
        return result.atoms

    once = end()
    assert len(made) > 1  # neighbours were renewed
    kept = dict(checkpoint=tmp_path / "md.ckpt", checkpoint_every=5)
    end(stop=lambda frame: frame.step >= 35, **kept)
    again = end(restart=True, **kept)
    np.testing.assert_array_equal(again.positions, once.positions)
    np.testing.assert_array_equal(again.get_momenta(), once.get_momenta())
