"""The command `md`: options, the file that they may come from, and what it says."""

import inspect
from pathlib import Path

import numpy as np
import pytest
import typer
from ase.build import molecule
from ase.calculators.calculator import InputError
from ase.io import write

from ase_reaxff_jax import cli, cli_errors, cli_input
from ase_reaxff_jax.md import run as run_function

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
