"""Structures are put together such that padding costs least."""

from itertools import combinations

import numpy as np
import pytest
from ase.build import bulk

from ase_reaxff_jax import JaxReaxFF
from ase_reaxff_jax.bundled import load
from ase_reaxff_jax.fit import clusters
from ase_reaxff_jax.fit.sample import Sample
from ase_reaxff_jax.fit.structures import Structure
from ase_reaxff_jax.units import KCAL_PER_MOL

NAMES = ("width", "close", "bonds", "angles", "torsions", "hydrogen_bonds", "acceptors")


def sizes_of(count, *, seed=0, scale=40.0):
    random = np.random.default_rng(seed)
    atoms = random.integers(2, 60, count)
    return [
        {"atoms": int(n)} | {name: int(scale * n * random.uniform(0.5, 2.0))
                             for name in NAMES}
        for n in atoms
    ]  # fmt: skip


def price(sizes, parts, passes):
    return sum(
        passes[part].sum() * clusters.cost(clusters.together([sizes[k] for k in part]))
        for part in parts
    )


@pytest.mark.parametrize("most", [1, 2, 3])
def test_no_other_cuts_cost_less(most):
    sizes = sizes_of(9)
    passes = np.random.default_rng(1).integers(1, 20, 9).astype(float)
    parts = clusters.partition(sizes, most=most, passes=passes)
    assert sorted(k for part in parts for k in part) == list(range(9))
    assert len(parts) == most  # these differ by much
    order = sorted(range(9), key=lambda k: clusters.cost(sizes[k]))
    others = [
        [order[a:b] for a, b in zip((0, *cuts), (*cuts, 9), strict=True)]
        for cuts in combinations(range(1, 9), most - 1)
    ]
    least = min(price(sizes, other, passes) for other in others)
    assert price(sizes, parts, passes) == pytest.approx(least)
    own = [max(clusters.cost(sizes[k]) for k in part) for part in parts]
    assert own == sorted(own, reverse=True)


def test_a_cluster_that_does_not_pay_is_not_made():
    def partition(sizes):
        return clusters.partition(sizes, most=4, passes=np.ones(len(sizes)))

    assert len(partition(sizes_of(1))) == 1
    alike = [dict(sizes_of(1)[0]) for _ in range(30)]
    assert partition(alike) == [list(range(30))]
    assert len(partition(sizes_of(30, scale=0.01))) == 1


def test_lists_grow_where_a_cell_shrinks():
    """Images and neighbours too, of which a list that is cut has wrong numbers."""
    crystal = bulk("C", "diamond", a=3.57, cubic=True)
    sample = Sample([Structure(name="c", atoms=crystal, minimize=False)], load("cho"))
    room = sample.clusters[0].room
    dense = crystal.copy()
    dense.set_cell(0.8 * crystal.cell, scale_atoms=True)
    sample.move(0, dense.positions, dense.cell.array)
    dense.calc = JaxReaxFF("cho")
    (found,) = sample.measure(load("cho"), slopes=False)
    assert sample.clusters[0].room["images"] > room["images"]
    expected = dense.get_potential_energy() / KCAL_PER_MOL
    assert float(found.of.energy) == pytest.approx(expected, rel=1e-9)
