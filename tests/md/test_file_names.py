"""Names of outputs: what cannot be written, or would be lost, is told at once."""

import pytest
from ase.calculators.calculator import InputError
from molecules import molecule

from ase_reaxff_jax import JaxReaxFF
from ase_reaxff_jax.md import run
from ase_reaxff_jax.md.simulation import Simulation

OPTIONS = dict(steps=2, log_every=1, progress=False)


@pytest.fixture(scope="module")
def calc():
    return JaxReaxFF("cho")


@pytest.fixture
def idle(tmp_path, monkeypatch):
    """A working folder in which no run may get to its first step."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Simulation, "start", lambda self: pytest.fail("it worked"))
    return tmp_path


@pytest.mark.parametrize(
    "name", ["trajectory", "log", "bonds", "species", "picture", "checkpoint"]
)
@pytest.mark.parametrize("restart", [False, True])
def test_a_folder_is_never_replaced(idle, calc, name, restart):
    file = {"trajectory": "o.traj", "picture": "o.png"}.get(name, "o")
    (idle / file).mkdir()
    names = {"checkpoint": "md.ckpt", name: file}
    with pytest.raises(IsADirectoryError, match="this is a folder"):
        run(molecule("H2O"), calc, overwrite=True, restart=restart, **names, **OPTIONS)
    assert [path.name for path in idle.iterdir()] == [file]


def test_a_folder_in_place_of_the_older_checkpoint_is_told(idle, calc):
    (idle / "o.old").mkdir()
    with pytest.raises(IsADirectoryError, match=r"o\.old"):
        run(molecule("H2O"), calc, checkpoint="o", overwrite=True, **OPTIONS)


@pytest.mark.parametrize(
    "names",
    [
        dict(trajectory=["a.traj", "a.traj"]),
        dict(trajectory=["a.traj", "x/../a.traj"]),
        dict(trajectory=["a.traj", "link.traj"]),
        dict(log="a", bonds="a"),
        dict(log="a", checkpoint="a"),
        dict(log="a.old", checkpoint="a"),
        dict(log="a.new", checkpoint="a"),
        dict(log="p.png", picture="p.png"),
        dict(trajectory="crash.extxyz"),
    ],
    ids=str,
)
def test_no_file_is_written_twice(idle, calc, names):
    (idle / "x").mkdir()
    (idle / "link.traj").symlink_to("a.traj")
    with pytest.raises(InputError, match="is to be written twice"):
        run(molecule("H2O"), calc, overwrite=True, **names, **OPTIONS)


@pytest.mark.parametrize(
    ("picture", "error", "words"),
    [
        ("nowhere/p.png", FileNotFoundError, "folder does not exist"),
        ("p.jpg", InputError, r"p\.jpg: a picture is a PNG"),
        ("old.png", FileExistsError, r"old\.png exists; give overwrite=True"),
    ],
)
def test_the_name_of_a_picture_is_checked_before_any_work(
    idle, calc, picture, error, words
):
    pytest.importorskip("matplotlib")
    (idle / "old.png").write_text("kept")
    with pytest.raises(error, match=words):
        run(molecule("H2O"), calc, picture=picture, **OPTIONS)
    assert (idle / "old.png").read_text() == "kept"


def test_a_restart_without_a_checkpoint_says_that_there_is_none(idle, calc):
    (idle / "a.csv").write_text("kept")
    names = dict(log="a.csv", checkpoint="md.ckpt", restart=True)
    with pytest.raises(FileExistsError, match=r"no checkpoint md\.ckpt to go on from"):
        run(molecule("H2O"), calc, **names, **OPTIONS)
    assert (idle / "a.csv").read_text() == "kept"


def test_a_restart_draws_its_own_picture_anew_and_no_other(tmp_path, monkeypatch, calc):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    names = dict(checkpoint="md.ckpt", picture="p.png")
    run(molecule("H2O"), calc, **names, **OPTIONS)
    (tmp_path / "p.png").write_text("")
    (tmp_path / "other.png").write_text("kept")
    run(molecule("H2O"), calc, restart=True, **names, **OPTIONS)
    assert (tmp_path / "p.png").stat().st_size
    names["picture"] = "other.png"
    with pytest.raises(FileExistsError, match="is not of the run"):
        run(molecule("H2O"), calc, restart=True, **names, **OPTIONS)
    assert (tmp_path / "other.png").read_text() == "kept"
