"""The picture of a run: what it shows, and what it needs."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from ase.calculators.calculator import InputError

from ase_reaxff_jax.md.analysis import SpeciesHistory
from ase_reaxff_jax.md.frames import Bonding
from ase_reaxff_jax.md.picture import spread, summary_picture

figure = pytest.importorskip("matplotlib.figure", reason="draws the picture")


def rows(count, step_fs=1.0):
    time = step_fs * np.arange(count)
    return {
        "time_fs": time,
        "potential_energy": np.sin(time),
        "total_energy": np.zeros(count),
        "temperature_K": 300 + np.cos(time),
    }


def history(count, step_fs=1.0):
    """Six atoms that join to three molecules one after the other."""
    made = SpeciesHistory("HHHHHH")
    zeros = np.zeros(6)
    for k in range(count):
        i = np.arange(0, 2 * min(k, 3), 2)
        ones = np.ones(len(i))
        made.add(Bonding(k, step_fs * k, i, i + 1, ones, zeros, zeros, zeros))
    return made


def texts(monkeypatch, path, *arguments):
    """The words in the picture, each with its height."""
    kept = []
    save = figure.Figure.savefig

    def keep(drawn, *given, **options):
        kept.append(drawn)
        save(drawn, *given, **options)

    monkeypatch.setattr(figure.Figure, "savefig", keep)
    summary_picture(path, *arguments)
    axes = kept[0].axes
    words = [a.get_ylabel() for a in axes] + [axes[-1].get_xlabel()]
    return words, [{t.get_text(): t.xyann[1] for t in a.texts} for a in axes]


def test_the_picture_names_its_lines(tmp_path, monkeypatch):
    path = tmp_path / "run.png"
    words, labels = texts(monkeypatch, path, rows(20), history(20))
    assert path.read_bytes().startswith(b"\x89PNG")
    assert words == [
        "energy change\n(meV per atom)",
        "temperature (K)",
        "molecules",
        "time (fs)",
    ]
    assert [set(each) for each in labels] == [
        {"potential", "total"},
        set(),
        {"H", "H$_{2}$"},
    ]
    # Both end at their values: three molecules, and no atom left.
    assert labels[2]["H$_{2}$"] > labels[2]["H"]


@pytest.mark.parametrize(
    ("bath", "shown"), [(0.0, False), (np.nan, False), (1.0, True)]
)
def test_a_conserved_quantity_that_is_not_the_total_energy_is_shown(
    tmp_path, monkeypatch, bath, shown
):
    given = rows(20)
    given["conserved_energy"] = given["total_energy"] + bath * np.arange(20.0)
    _, labels = texts(monkeypatch, tmp_path / "run.png", given, history(20))
    assert ("conserved" in labels[0]) == shown


def test_a_long_run_is_shown_in_picoseconds(tmp_path, monkeypatch):
    path = tmp_path / "run.png"
    words, _ = texts(monkeypatch, path, rows(20, 500.0), history(20, 500.0))
    assert words[-1] == "time (ps)"


def test_rows_may_be_attributes_and_there_may_be_one(tmp_path):
    path = tmp_path / "run.png"
    summary_picture(path, SimpleNamespace(**rows(1)), history(1))
    assert path.exists()


def test_a_run_without_rows_has_no_picture(tmp_path):
    for some in ((rows(0), history(1)), (rows(1), history(0))):
        with pytest.raises(InputError, match="needs a row and a sample"):
            summary_picture(tmp_path / "run.png", *some)


def test_a_missing_matplotlib_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(InputError, match=r"pip install 'ase-reaxff-jax\[plot\]'"):
        summary_picture(tmp_path / "run.png", rows(2), history(2))


def test_labels_are_moved_apart_and_stay_below_the_top():
    places = spread(np.array([5.0, 1.0, 1.0, 9.5]), gap=2.0, top=10.0)
    np.testing.assert_allclose(places, [5.0, 1.0, 3.0, 9.5])
    places = spread(np.array([9.0, 9.0, 9.5]), gap=2.0, top=10.0)
    np.testing.assert_allclose(places, [6.0, 8.0, 10.0])
