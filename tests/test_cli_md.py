"""The command `md`: options, the file that they may come from, and what it says."""

import inspect
import os
import re
import signal
from pathlib import Path

import numpy as np
import pytest
import typer
from ase.build import molecule
from ase.calculators.calculator import InputError
from ase.io import write

from ase_reaxff_jax import cli, cli_errors, cli_input
from ase_reaxff_jax.md import run as run_function
from ase_reaxff_jax.md.records import Records
from ase_reaxff_jax.md.session import Session

OPTIONS = typer.main.get_command(cli.app).commands["md"].params
LINES = """\
structure: water.xyz
ffield: cho
ensemble: nvt-csvr
steps: 20
temperature_K: [300, 500]  # a ramp
timestep: 0.2
log: run.csv
trajectory: [run.extxyz, run.traj]
"""


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """An empty working folder with `there/run.yaml`, and the structure beside that."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REAXFF_JAX_CACHE", "off")
    there = tmp_path / "there"
    there.mkdir()
    (there / "run.yaml").write_text(LINES)
    write(there / "water.xyz", molecule("H2O"))
    return there


def command(*words):
    with pytest.raises(SystemExit) as end:
        cli.main([str(word) for word in words])
    return end.value.code or 0


def read(text):
    Path("some.yaml").write_text(text)
    return cli_input.read(Path("some.yaml"), OPTIONS)


def test_a_run_from_a_file_writes_beside_it_and_the_command_line_goes_first(folder):
    code = command("md", "--input", "there/run.yaml", "--steps", 10, "--seed", 3,
                   "--write-input", "used.yaml")  # fmt: skip
    assert code == 0
    assert {p.name for p in folder.iterdir()} >= {"run.csv", "run.extxyz", "run.traj"}
    table = np.genfromtxt(folder / "run.csv", delimiter=",", names=True)
    np.testing.assert_allclose(table["time_fs"], [0, 2])
    used = cli_input.read(Path("used.yaml"), OPTIONS)
    assert used["structure"] == "there/water.xyz"
    assert used["trajectory"] == ["there/run.extxyz", "there/run.traj"]
    given = (
        "steps",
        "seed",
        "timestep_fs",
        "temperature_K",
        "ffield",
        "charge_tolerance",
    )
    assert [used[name] for name in given] == [
        "10", "3", "0.2", "300:500", "cho", "1.0e-06"
    ]  # fmt: skip


def test_options_are_written_only_where_nothing_is_lost_and_when_they_are_accepted(
    folder, capsys
):
    asked = "md", "--input", "there/run.yaml"
    Path("kept.yaml").write_text("kept")
    assert command(*asked, "--write-input", "kept.yaml") == cli_errors.UNUSABLE
    assert "kept.yaml exists; give --overwrite" in capsys.readouterr().err
    assert Path("kept.yaml").read_text() == "kept"
    wrong = "--write-input", "new.yaml", "--tau", "-1"
    assert command(*asked, *wrong) == cli_errors.UNUSABLE
    clash = "--write-input", "there/../there/run.csv"
    assert command(*asked, *clash) == cli_errors.UNUSABLE
    assert "is to be written twice" in capsys.readouterr().err
    assert not Path("new.yaml").exists() and not (folder / "run.csv").exists()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("steps: four", "some.yaml:2: steps: .*integer"),
        ("restart: maybe", "some.yaml:2: restart: .*boolean"),
        ("log_every: 0", "some.yaml:2: log_every: "),
    ],
)
def test_a_value_of_the_wrong_type_is_named_with_its_line(folder, capsys, line, words):
    Path("some.yaml").write_text(f"ffield: cho\n{line}\n")
    assert command("md", "--input", "some.yaml") == cli_errors.UNUSABLE
    assert re.search(words, capsys.readouterr().err)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("give restart=True to go on", "give --restart to go on"),
        ("tau_fs=50.0 has no effect with ensemble='nve'; leave it out",
         "--tau 50.0 has no effect with --ensemble nve; leave it out"),
        ("ensemble='nve' needs pressure_GPa", "--ensemble nve needs --pressure"),
        ("steps=3; progress=False", "--steps 3; --no-progress"),
        ("steps of /x/tau_fs=3/log_every.csv", "steps of /x/tau_fs=3/log_every.csv"),
    ],
)  # fmt: skip
def test_messages_name_options_not_arguments(message, words):
    cli_errors.speak_of(OPTIONS)
    assert cli_errors.worded(message) == words


@pytest.mark.parametrize(
    ("number", "code", "last"),
    [
        (signal.SIGINT, cli_errors.INTERRUPTED, "interrupted"),
        (signal.SIGTERM, cli_errors.TERMINATED, "terminated"),
    ],
)
def test_a_signal_ends_a_run_with_the_step_and_the_way_to_go_on(
    folder, capsys, monkeypatch, number, code, last
):
    saved = Records.start

    def ended(self, row):
        saved(self, row)
        os.kill(os.getpid(), number)

    monkeypatch.setattr(Records, "start", ended)
    asked = "md", "there/water.xyz", "--ffield", "cho", "--steps", 50, "--no-progress"
    assert command(*asked, "--checkpoint", "md.ckpt") == code
    told = capsys.readouterr().err.splitlines()
    assert told == [
        f"note: ended by {number.name} at step 0 of 50; md.ckpt has step 0, --restart "
        "goes on from there",
        last,
    ]


def test_a_run_that_is_stopped_between_rows_tells_the_step_that_it_reached(
    folder, capsys, monkeypatch
):
    def late(self):
        self._stopped = "after 2 s of wall time" if self.simulation.step else ""
        return self._stopped

    monkeypatch.setattr(Session, "_reason_to_stop", late)
    asked = "md", "there/water.xyz", "--ffield", "cho", "--steps", 2000, "--no-progress"
    name = "of a long name [b].ckpt"  # neither markup nor a line to be broken
    assert command(*asked, "--log-every", 2000, "--checkpoint", name) == 0
    assert (
        f"256 steps, 64 fs, ended early: after 2 s of wall time; {name} has this step, "
        "--restart goes on from there\n" in capsys.readouterr().out
    )


def test_every_argument_of_run_is_an_option():
    arguments = set(inspect.signature(run_function).parameters) - {"atoms", "calc"}
    assert arguments - {"stop"} <= {option.name for option in OPTIONS}


def test_values_are_taken_as_they_are_written(folder):
    found = read("seed: 0x10\ncell: off\ntemperature: 300:50\nlog: ~\ntau: 1e2\n")
    assert found == {
        "seed": "0x10", "cell": "off", "temperature_K": "300:50", "tau_fs": "1e2"
    }  # fmt: skip


def test_a_force_field_beside_the_file_goes_before_a_bundled_one(folder):
    file = folder / "run.yaml"
    assert cli_input.read(file, OPTIONS)["ffield"] == "cho"
    (folder / "cho").write_text("")
    assert cli_input.read(file, OPTIONS)["ffield"] == str(folder / "cho")
    file.write_text("ffield: mine.ff\n")
    assert cli_input.read(file, OPTIONS)["ffield"] == str(folder / "mine.ff")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("steps: 1\ntemprature_K: 3\n", "some.yaml:2: no option 'temprature_K' .did "
         "you mean 'temperature_K'"),
        ("tau: 1\nseed: 2\ntau_fs: 3\n", "some.yaml:3: 'tau_fs' is given on line 1"),
        ("input: other.yaml\n", "some.yaml:1: no option 'input'"),
        ("tau:\n  of: 3\n", "some.yaml:1: 'tau' must be one value or a list"),
        ("steps 20\n", "no lines of the form"),
        ("", "no lines of the form"),
        ("steps: [20\n", "(?s)is not YAML.*some.yaml., line 2"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_in_a_file_is_named_with_its_line(folder, text, words):
    with pytest.raises(InputError, match=words):
        read(text)


@pytest.mark.parametrize(
    ("words", "culprit"),
    [
        (["--input", "nowhere.yaml"], "no input file 'nowhere.yaml'"),
        (["--input", "there/run.yaml", "--temperature", "hot"], "--temperature 'hot'"),
        (["--input", "there/run.yaml", "--steps", "1.5"], "--steps"),
        (["there/water.xyz", "--steps", "1"], "--ffield"),
    ],
)
def test_unusable_options_end_with_a_line(folder, capsys, words, culprit):
    assert command("md", *words) == cli_errors.UNUSABLE
    assert culprit in capsys.readouterr().err


def test_the_search_for_neighbours_is_that_of_the_option(folder, capsys):
    asked = "md", "there/water.xyz", "--ffield", "cho", "--steps", 2, "--no-progress"
    assert command(*asked, "--neighbors", "nobody") == cli_errors.UNUSABLE
    assert "neighbors" in capsys.readouterr().err
    assert command(*asked, "--neighbors", "jax-md") == 0
