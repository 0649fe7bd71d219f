"""How far lists reach beyond what interacts: by default, and as it is asked for."""

import numpy as np
import pytest
from ase.build import bulk
from small import listed_pairs, with_calculator


def reached(atoms) -> float:
    """Length of the longest listed pair, Å."""
    return float(np.linalg.norm(listed_pairs(atoms), axis=1).max())


@pytest.mark.parametrize(
    ("repeated", "asked", "skin"),
    [(3, None, 1.0), (4, None, 2.0), (4, 0.4, 0.4), (3, 1.7, 1.7)],
)
def test_it(repeated, asked, skin):
    atoms = bulk("C", "diamond", a=3.57, cubic=True).repeat(repeated)
    atoms.rattle(0.05, seed=0)
    given = {} if asked is None else {"skin": asked}
    atoms = with_calculator(atoms, **given)
    assert len(atoms) == (216 if repeated == 3 else 512)
    assert 0.0 <= 10.0 + skin - reached(atoms) < 0.05
