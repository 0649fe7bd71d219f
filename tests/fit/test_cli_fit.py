"""The commands `fit` and `evaluate`, on files of the ReaxFF program."""

import inspect
import signal
from pathlib import Path

import pytest
import typer
from ase.build import molecule
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from ase_reaxff_jax import cli, cli_input, read_ffield
from ase_reaxff_jax.fit import TrainingSet
from ase_reaxff_jax.fit import fit as fit_function
from ase_reaxff_jax.fit.items import EnergyItem
from ase_reaxff_jax.fit.objective import Objective
from ase_reaxff_jax.fit.structures import Structure

pytestmark = pytest.mark.xdist_group("small fits")  # the same programs

OPTIONS = typer.main.get_command(cli.app).commands["fit"].params
LINES = """\
init_FF: cho
geo: [geo]
train_file: trainset.in
params: params
valid_geo_file: geo
valid_file: trainset.in
opt_method: L-BFGS-B
num_steps: 9
out_folder: fitted
"""


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REAXFF_JAX_CACHE", "off")
    structures = {}
    for name, seed in (("a", 1), ("b", 2)):
        atoms = molecule("H2O")
        atoms.rattle(0.05, seed=seed)
        structures[name] = Structure(name=name, atoms=atoms, minimize=False)
    item = EnergyItem(structures=("a", "b"), coefficients=(1.0, -1.0),
                      reference=12.0, sigma=1.0)  # fmt: skip
    TrainingSet(structures, (item,)).write(geo="geo", trainset="trainset.in")
    (tmp_path / "params").write_text("3 6 1 0.1 100.0 300.0 ! a bond\n")
    return ["--ffield", "cho", "--geo", "geo", "--trainset", "trainset.in"]


def run(capsys, *words):
    with pytest.raises(SystemExit) as end:
        cli.main([str(word) for word in words])
    captured = capsys.readouterr()
    return end.value.code or 0, captured.out, captured.err


def test_a_fit_from_files_improves_the_loss_and_writes_the_force_field(files, capsys):
    code, out, err = run(capsys, "evaluate", *files)
    assert code == 0, err
    assert "energy" in out and "a - b" in out
    code, out, err = run(
        capsys, "fit", *files, "--params", "params", "--out", "fitted", "--steps", 5,
        "--optimizer", "least-squares",
    )  # fmt: skip
    assert code == 0, err
    assert "wrote fitted" in out
    fitted = read_ffield("fitted/ffield_best")
    assert 100.0 <= float(fitted.at((3, 6, 1))) <= 300.0
    rows = [line.split(",") for line in
            Path("fitted/history.csv").read_text().splitlines()[1:]]  # fmt: skip
    assert float(rows[-1][3]) < float(rows[0][3])
    assert {row[5] for row in rows} == {"no"}  # nothing is minimised
    code, _, err = run(
        capsys, "fit", *files, "--params", "params", "--out", "fitted", "--steps", 1
    )
    assert code == 2 and "exists" in err


def test_an_interrupted_fit_has_the_code_of_ctrl_c(files, capsys, monkeypatch):
    outcome, signals = Objective.outcome, [signal.SIGINT]

    def interrupted(self, *arguments, **options):
        if signals:
            signal.raise_signal(signals.pop())
        return outcome(self, *arguments, **options)

    monkeypatch.setattr(Objective, "outcome", interrupted)
    code, out, err = run(
        capsys, "fit", *files, "--params", "params", "--out", "fitted",
        "--steps", 5, "--optimizer", "least-squares",
    )  # fmt: skip
    assert code == 130 and err.endswith("\ninterrupted\n")
    assert "after 1 evaluations" in out and "wrote fitted" in out
    assert "This is not a minimum" in out
    assert Path("fitted/ffield_best").exists()


def test_a_missing_structure_is_named_with_its_line(files, capsys):
    with open("trainset.in", "a") as file:
        file.write("ENERGY\n" + 2 * "1.0 + a/1 - c/1 3.0\n" + "ENDENERGY\n")
    code, _, err = run(capsys, "evaluate", *files)
    assert code == 2
    assert "(--skip-unusable would leave them out): trainset.in:" in err
    assert err.count("'c'") == 1 and "the same as trainset.in:" in err


def test_a_fit_in_a_file_with_old_names_is_resumed(files, capsys):
    there = Path("there")
    there.mkdir()
    for name in ("geo", "trainset.in", "params"):
        Path(name).rename(there / name)
    (there / "fit.yaml").write_text(LINES)
    words = ["fit", "--input", "there/fit.yaml", "--num_steps", 2, "--no-progress"]
    code, out, err = run(capsys, *words, "--write-input", "used.yaml")
    assert code == 0, err
    assert "loss of the validation data" in out and "wrote there/fitted" in out
    used = cli_input.read(Path("used.yaml"), OPTIONS)
    given = ("ffield", "geo", "out", "optimizer", "steps", "start", "resume")
    assert [used[name] for name in given] == [
        "cho", ["there/geo"], "there/fitted", "L-BFGS-B", "2", "fixed", "false"
    ]  # fmt: skip
    code, _, err = run(capsys, *words)
    assert code == 2 and "give --resume to go on" in err
    before = (there / "fitted" / "history.csv").read_text()
    code, again, err = run(capsys, "fit", "-i", "used.yaml", "--resume")
    assert code == 0, err
    assert again == out
    assert (there / "fitted" / "history.csv").read_text() == before
    code, _, err = run(capsys, *words, "--resume", "--seed", 1)
    assert code == 2 and "seed was 0 and is now 1" in err


@pytest.mark.parametrize("name", ["dft.extxyz", "dft.db"])
def test_structures_with_results_serve_as_well(files, name, capsys):
    known = TrainingSet.read("geo", "trainset.in")
    known.write(**{Path(name).suffix[1:]: name})
    code, whole, err = run(capsys, "evaluate", *files)
    assert code == 0, err
    code, out, err = run(capsys, "evaluate", "--ffield", "cho", "--images", name)
    assert code == 0, err
    assert out == whole


def test_a_fit_to_frames_of_another_method(files, capsys):
    frames = [molecule("H2O") for _ in range(3)]
    for seed, atoms in enumerate(frames):
        atoms.rattle(0.05, seed=seed)
        atoms.calc = SinglePointCalculator(atoms, energy=0.1 * seed)
    write("dft.traj", frames)
    words = "--ffield cho --images dft.traj@:2 --validation-images dft.traj".split()
    words += "--params params --out fitted --steps 2 --optimizer lbfgs".split()
    code, out, err = run(capsys, "fit", *words, "--write-input", "used.yaml")
    assert code == 0, err
    assert "loss of the validation data" in out
    used = cli_input.read(Path("used.yaml"), OPTIONS)
    assert used["images"] == ["dft.traj@:2"]


@pytest.mark.parametrize("words, told", [
    ("", "--geo"),
    ("--geo geo", "--images"),
    ("--geo geo --trainset trainset.in --images a.extxyz", "--images"),
    ("--images none.extxyz", "none.extxyz"),
])  # fmt: skip
def test_data_are_of_one_kind_and_whole(files, words, told, capsys):
    code, _, err = run(capsys, "evaluate", "--ffield", "cho", *words.split())
    assert code == 2 and told in err


def test_every_argument_of_fit_is_an_option():
    arguments = set(inspect.signature(fit_function).parameters)
    assert arguments - {"data", "validation"} <= {option.name for option in OPTIONS}


def test_validation_without_reference_values_is_refused(files, capsys):
    words = ["--params", "params", "--out", "fitted", "--validation-geo", "geo"]
    code, _, err = run(capsys, "fit", *files, *words)
    assert code == 2 and "--validation-trainset" in err
