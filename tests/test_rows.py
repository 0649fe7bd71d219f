"""Which row of the file counts for which elements."""

import itertools

import numpy as np
import pytest

from ase_reaxff_jax.bundled import forcefields, load
from ase_reaxff_jax.rows import _angle_rows, _torsion_rows, rows_of

ANY = -1


def test_several_rows_for_one_angle_all_count_in_both_directions():
    table = _angle_rows(((0, 1, 2), (2, 1, 0), (0, 0, 0), (0, 1, 2), (0, 3, 0)), 3)
    assert table.shape == (3, 3, 3, 3)
    assert table[0, 1, 2].tolist() == table[2, 1, 0].tolist() == [0, 1, 3]
    assert table[0, 0, 0].tolist() == [2, -1, -1]
    assert (table[1, 0, 2] == -1).all()


def test_a_symmetric_angle_counts_once():
    assert _angle_rows(((0, 1, 0),), 2)[0, 1, 0].tolist() == [0]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([(0, 1, 2, 0), (0, 1, 2, 0)], 1),  # the last explicit row
        ([(0, 1, 2, 0), (0, 2, 1, 0)], 1),  # also if written the other way round
        ([(0, 1, 2, 0), (ANY, 1, 2, ANY)], 0),  # a wild card fills gaps only
        ([(ANY, 1, 2, ANY), (0, 1, 2, 0)], 1),  # a later explicit row counts
        ([(ANY, 1, 2, ANY), (ANY, 2, 1, ANY)], 1),  # the last of wild cards
        ([(ANY, 1, 2, ANY)], 0),
        ([(ANY, 1, 1, ANY)], None),
        ([(0, 1, 2, 2)], None),
        ([(ANY, 1, 2, 9), (0, 1, 9, 0)], None),  # elements that the file lacks
    ],
)
def test_precedence_of_torsion_rows(rows, expected):
    table = _torsion_rows(tuple(rows), 3)
    found = table[0, 1, 2, 0]
    assert found == table[0, 2, 1, 0]
    assert found == (-1 if expected is None else expected)


def torsion_by_hand(section, types):
    """The rule once more, for one combination of types at a time."""
    chosen, explicit = -1, False
    for row, (i, j, k, l) in enumerate(section):
        for key in ((i, j, k, l), (l, k, j, i)):
            wild = ANY in (key[0], key[3])
            if wild and key[1:3] == types[1:3] and not explicit:
                chosen = row
            elif not wild and key == types:
                chosen, explicit = row, True
    return chosen


@pytest.mark.parametrize("name", [f.name for f in forcefields()])
def test_tables_of_every_bundled_force_field(name):
    force_field = load(name)
    rows, types = rows_of(force_field), range(len(force_field.elements))
    for key in itertools.product(types, repeat=4):
        expected = torsion_by_hand(force_field.torsion_types, key)
        assert rows.torsion[key] == expected == rows.torsion[key[::-1]], key
    for key in itertools.product(types, repeat=3):
        section = force_field.angle_types
        expected = [n for n, row in enumerate(section) if key in (row, row[::-1])]
        found = rows.angle[key]
        assert found[found >= 0].tolist() == expected, key
        section = force_field.hydrogen_bond_types
        expected = [n for n, row in enumerate(section) if row == key] or [-1]
        assert rows.hydrogen_bond[key] == expected[-1], key


def test_duplicate_angle_rows_occur():
    assert (np.sum(rows_of(load("rdx")).angle >= 0, axis=-1) > 1).any()
