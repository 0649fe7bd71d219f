"""Molecules, their formulae, and the reactions between two samples of the bonds."""

import json
import time

import numpy as np
import pytest
from ase.calculators.calculator import InputError

from ase_reaxff_jax.md.analysis import SpeciesHistory, counts, formulae, molecules
from ase_reaxff_jax.md.frames import Bonding


def sample(step, atoms, bonds, order=0.9):
    """Bonds, pairs of atoms, all of one order; 0.5 fs a step."""
    i, j = np.array(bonds, int).reshape(-1, 2).T
    orders = np.broadcast_to(np.asarray(order, float), len(i)).copy()
    zeros = np.zeros(atoms)
    return Bonding(step, 0.5 * step, i, j, orders, zeros, zeros, zeros)


def history(symbols, *samples, **options):
    """A history of lists of bonds, 10 steps apart."""
    made = SpeciesHistory(symbols, **options)
    for k, bonds in enumerate(samples):
        made.add(sample(10 * k, len(symbols), bonds))
    return made


def equations(made):
    return [(r.step, str(r)) for r in made.reactions]


METHANE = [(0, 1), (0, 2), (0, 3), (0, 4)]
BURNING = "C H H H H O O".split()


def test_molecules_are_numbered_by_their_first_atoms():
    bonds = sample(0, 6, [(5, 1), (4, 0), (3, 4)])
    np.testing.assert_array_equal(molecules(bonds), [0, 1, 2, 0, 0, 1])


def test_bonds_of_an_order_up_to_the_cutoff_join_nothing():
    bonds = sample(0, 4, [(0, 1), (1, 2), (2, 3)], order=[0.3, 0.31, 0.5])
    np.testing.assert_array_equal(molecules(bonds), [0, 1, 1, 1])
    np.testing.assert_array_equal(molecules(bonds, cutoff=0.4), [0, 1, 2, 2])


def test_bonds_to_several_images_and_to_oneself_join_once():
    bonds = sample(0, 3, [(0, 0), (0, 1), (0, 1), (2, 2)])
    np.testing.assert_array_equal(molecules(bonds), [0, 0, 1])


def test_molecules_larger_than_any_counter_stay_whole():
    chain = [(k, k + 1) for k in range(599)]
    made = history(["H"] * 601, chain, [*chain, (599, 600)])
    assert equations(made) == [(10, "H + H600 -> H601")]


def test_formulae_have_carbon_and_hydrogen_first_then_the_alphabet():
    labels = np.array([0, 1, 0, 0, 1, 1, 2, 2, 2])
    symbols = ["O", "O", "H", "C", "H", "H", "Si", "Cl", "H"]
    assert formulae(labels, symbols) == ["CHO", "H2O", "HClSi"]


def test_molecules_are_counted_by_formula():
    labels = np.array([0, 0, 1, 2, 3, 3])
    assert counts(labels, "HHOOHH") == {"H2": 2, "O": 2}


def test_no_atoms_are_no_molecules():
    nothing = sample(0, 0, [])
    assert formulae(molecules(nothing), []) == []
    made = history([], [], [])
    assert (made.reactions, made.counts()) == ([], {})


def test_a_reaction_tells_atoms_reactants_and_products():
    made = history(BURNING, [*METHANE, (5, 6)], [*METHANE[:3], (4, 5), (5, 6)])
    (reaction,) = made.reactions
    assert str(reaction) == "CH4 + O2 -> CH3 + HO2"
    assert (reaction.step, reaction.time_fs) == (10, 5.0)
    assert reaction.atoms == tuple(range(7))
    assert reaction.reactants == {"CH4": 1, "O2": 1}
    assert not reaction.exchange


def test_equal_molecules_are_counted_in_the_equation():
    made = history("HHHHOO", [(0, 1), (2, 3), (4, 5)], [(0, 4), (4, 1), (2, 5), (5, 3)])
    assert equations(made) == [(10, "2 H2 + O2 -> 2 H2O")]


def test_reactions_far_from_each_other_are_two():
    made = history("HHHH", [(0, 1), (2, 3)], [])
    assert equations(made) == [(10, "H2 -> 2 H")] * 2
    assert [r.atoms for r in made.reactions] == [(0, 1), (2, 3)]


def test_an_exchange_of_atoms_between_equal_molecules_is_a_reaction():
    made = history("HHHH", [(0, 1), (2, 3)], [(0, 2), (1, 3)])
    assert equations(made) == [(10, "2 H2 -> 2 H2")]
    assert made.reactions[0].exchange


def test_bonds_that_change_inside_a_molecule_are_no_reaction():
    made = history("HHH", [(0, 1), (1, 2)], [(0, 2), (1, 2)], [(0, 1), (0, 2), (1, 2)])
    assert made.reactions == []


def test_counts_have_zeros_before_a_molecule_comes_and_after_it_goes():
    made = history("HHH", [(0, 1)], [(0, 1), (1, 2)], [(1, 2)], [])
    found = {name: numbers.tolist() for name, numbers in made.counts().items()}
    assert found == {"H2": [1, 0, 1, 0], "H": [1, 0, 1, 3], "H3": [0, 1, 0, 0]}
    assert made.steps == [0, 10, 20, 30]
    assert made.times_fs == [0.0, 5.0, 10.0, 15.0]


def test_a_flicker_is_left_out():
    flicker = [[(0, 1)], [], [(0, 1)], [(0, 1)]]
    assert len(history("HH", *flicker).reactions) == 2
    held = history("HH", *flicker, hold=2)
    assert held.reactions == []
    assert held.counts()["H2"].tolist() == [1, 1, 1, 1]


def test_what_stays_is_known_late_with_the_time_when_it_came():
    made = history("HH", [(0, 1)], [], hold=3)
    assert made.add(sample(20, 2, [])) == []
    (reaction,) = made.add(sample(30, 2, []))
    assert (str(reaction), reaction.step) == ("H2 -> 2 H", 10)
    found = {name: numbers.tolist() for name, numbers in made.counts().items()}
    assert found == {"H2": [1, 0, 0, 0], "H": [0, 2, 2, 2]}


def test_a_flicker_elsewhere_delays_nothing():
    steady, flickering = [(0, 1)], [(2, 3)]
    made = history(
        "HHHH", steady + flickering, flickering, [], flickering, [], flickering, hold=3
    )
    assert equations(made) == [(10, "H2 -> 2 H")]


def test_an_intermediate_that_does_not_last_is_passed_over():
    made = history(
        "HHO", [(0, 1)], [(0, 2)], [(0, 2), (1, 2)], [(0, 2), (1, 2)], hold=2
    )
    assert equations(made) == [(20, "H2 + O -> H2O")]


def slowly(before, now):
    """Reactions by sets: the atoms of each group."""
    old = {frozenset(np.flatnonzero(before == k).tolist()) for k in before}
    new = {frozenset(np.flatnonzero(now == k).tolist()) for k in now}
    groups: list[set] = []
    for molecule in old ^ new:
        touched = [g for g in groups if g & molecule]
        groups = [g for g in groups if not g & molecule]
        groups.append(set(molecule).union(*touched))
    return sorted(tuple(sorted(g)) for g in groups)


@pytest.mark.parametrize("seed", range(5))
def test_groups_and_counts_agree_with_sets_of_atoms(seed):
    rng = np.random.default_rng(seed)
    symbols = rng.choice(["C", "H", "O"], 40).tolist()
    made = SpeciesHistory(symbols)
    bonds = rng.integers(0, 40, (25, 2))
    before = None
    for k in range(12):
        bonds[rng.integers(0, 25, 4)] = rng.integers(0, 40, (4, 2))
        found = made.add(sample(k, 40, bonds))
        now = molecules(sample(k, 40, bonds))
        if before is not None:
            assert sorted(r.atoms for r in found) == slowly(before, now)
        before = now
        last = {name: n[-1] for name, n in made.counts().items() if n[-1]}
        assert last == counts(now, symbols)


@pytest.mark.parametrize("hold", [1, 3])
def test_a_history_goes_on_from_its_stored_state(hold):
    rng = np.random.default_rng(3)
    samples = [sample(k, 9, rng.integers(0, 9, (5, 2))) for k in range(40)]
    whole = SpeciesHistory("CHHHHOOHH", hold=hold)
    for each in samples:
        whole.add(each)
    parted = SpeciesHistory("CHHHHOOHH", hold=hold)
    for each in samples[:20]:
        parted.add(each)
    text = json.dumps(parted.state(), default=np.ndarray.tolist)
    parted = SpeciesHistory.from_state(json.loads(text))
    for each in samples[20:]:
        parted.add(each)
    assert parted.reactions == whole.reactions
    assert json.dumps(parted.state(), default=np.ndarray.tolist) == json.dumps(
        whole.state(), default=np.ndarray.tolist
    )


def test_a_state_before_the_first_sample_can_be_stored():
    again = SpeciesHistory.from_state(SpeciesHistory("HH", 0.2, 2).state())
    assert again.add(sample(0, 2, [(0, 1)], order=0.25)) == []
    assert again.counts()["H2"].tolist() == [1]


def test_samples_out_of_order_or_of_other_atoms_are_refused():
    made = history("HH", [(0, 1)], [])
    with pytest.raises(InputError, match="step 10 after those of step 10"):
        made.add(sample(10, 2, []))
    with pytest.raises(InputError, match=r"bonds of 3 atoms .* of 2 atoms"):
        made.add(sample(20, 3, []))
    with pytest.raises(InputError, match="hold is 0"):
        SpeciesHistory("HH", hold=0)


def test_ten_thousand_atoms_take_little_time():
    # A box of water in which one molecule in thirty loses an atom at each sample.
    oxygen = np.arange(0, 9999, 3)
    whole = np.concatenate([np.c_[oxygen, oxygen + 1], np.c_[oxygen, oxygen + 2]])
    rng = np.random.default_rng(1)
    made = SpeciesHistory(["O", "H", "H"] * 3333)
    taken = []
    for k in range(8):
        bonds = sample(k, 9999, np.delete(whole, rng.integers(0, 6666, 110), axis=0))
        start = time.perf_counter()
        made.add(bonds)
        taken.append(time.perf_counter() - start)
    assert min(taken) < 0.05  # 3 ms where nothing else runs
