"""The demo: its stored numbers, its files, and what it says of them."""

import numpy as np
import pytest
from ase.io import read
from scipy.sparse import csr_array

from ase_reaxff_jax import demo, demo_reaction


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """The folder and the output of a demo whose fire is short."""
    folder = tmp_path_factory.mktemp("demo") / "new"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo_reaction, "STEPS", 40)
        lines = []
        patch.setattr(
            "rich.console.Console.print", lambda self, *x, **_: lines.extend(x)
        )
        demo.run(folder)
    return folder, [line for line in lines if isinstance(line, str)]


def test_every_file_that_is_named_was_written(shown):
    folder, lines = shown
    start = next(k for k, line in enumerate(lines) if "Written to" in line)
    assert str(folder) in lines[start]
    named = {line.split()[0] for line in lines[start + 1 :]}
    assert named == {file.name for file in folder.iterdir()}
    assert all(file.stat().st_size > 0 for file in folder.iterdir())


def test_the_largest_difference_from_lammps_is_told(shown):
    (line,) = (line for line in shown[1] if "Largest difference" in line)
    assert float(line.split()[-2]) < 1e-9


def test_the_table_and_the_trajectory_have_the_same_samples(shown):
    folder, _ = shown
    table = np.genfromtxt(folder / "combustion.csv", delimiter=",", names=True)
    frames = read(folder / "combustion.traj", ":")
    energies = [atoms.get_potential_energy() for atoms in frames]
    np.testing.assert_allclose(table["time_fs"], [0, 1, 2, 3, 4])
    np.testing.assert_allclose(table["potential_energy_eV"], energies, rtol=1e-8)
    np.testing.assert_allclose(table["temperature_K"][0], demo_reaction.TEMPERATURE)
    np.testing.assert_allclose(np.ptp(table["total_energy_eV"]), 0, atol=0.05)


def test_molecules_are_told_by_their_bond_orders():
    orders = np.zeros((5, 5))
    for i, j, order in [(0, 1, 0.9), (0, 2, 0.8), (3, 4, 0.95), (2, 3, 0.1)]:
        orders[i, j] = orders[j, i] = order
    found = demo_reaction.molecules(csr_array(orders), ["O", "H", "H", "H", "H"])
    assert found == {"H2O": 1, "H2": 1}


def test_a_difference_from_lammps_fails_the_demo(monkeypatch, tmp_path):
    monkeypatch.setattr(demo, "compare", lambda case, out: 1e-3)
    monkeypatch.setattr(demo, "relaxation", lambda folder, out: {})
    monkeypatch.setattr(demo_reaction, "run", lambda folder, out: {})
    with pytest.raises(demo.CalculationFailed, match=r"1\.0e-03 eV"):
        demo.run(tmp_path)
