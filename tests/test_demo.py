"""The demo: its stored numbers, its files, and what it says of them."""

import numpy as np
import pytest
from ase.io import read

from ase_reaxff_jax import demo, demo_reaction

pytestmark = pytest.mark.xdist_group("demo")  # it runs once


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
    np.testing.assert_allclose(table["time_fs"], [0, 8])
    np.testing.assert_allclose(table["potential_energy_eV"], energies, rtol=1e-8)
    np.testing.assert_allclose(table["temperature_K"][0], demo_reaction.TEMPERATURE)


def test_a_mixture_has_its_molecules_apart_from_each_other():
    names = ["CH4", "O2", "O2"] * 7
    mixed = demo_reaction.mixture(names, spacing=4.0)
    assert mixed.symbols.formula.count() == {"C": 7, "H": 28, "O": 28}
    np.testing.assert_allclose(mixed.cell.lengths(), 12.0)
    distances = mixed.get_all_distances(mic=True)
    start = np.repeat(np.arange(21), [5, 2, 2] * 7)
    assert distances[start[:, None] != start].min() > 1.4
    other = demo_reaction.mixture(names, spacing=4.0, seed=1)
    assert not np.allclose(mixed.positions, other.positions)


def test_a_difference_from_lammps_fails_the_demo(monkeypatch, tmp_path):
    monkeypatch.setattr(demo, "compare", lambda case, out: 1e-3)
    monkeypatch.setattr(demo, "relaxation", lambda folder, out: {})
    monkeypatch.setattr(demo_reaction, "run", lambda folder, out: {})
    with pytest.raises(demo.CalculationFailed, match=r"1\.0e-03 eV"):
        demo.run(tmp_path)
