import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk, molecule
from ase.calculators.calculator import InputError, ReadError, SCFError
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read, write

from ase_reaxff_jax import JaxReaxFF, cli, cli_errors

COMMANDS = ["energy", "relax", "md", "fit", "evaluate", "forcefields", "convert",
            "demo", "benchmark"]  # fmt: skip


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """Runs a command line in an empty folder; its code, output and errors."""
    monkeypatch.chdir(tmp_path)
    # The cache of the test run stays as conftest has set it.
    monkeypatch.setenv("REAXFF_JAX_CACHE", "off")

    def run(*words):
        with pytest.raises(SystemExit) as end:
            cli.main([str(word) for word in words])
        captured = capsys.readouterr()
        return end.value.code or 0, captured.out, captured.err

    return run


@pytest.fixture
def water(tmp_path):
    write(tmp_path / "water.xyz", molecule("H2O"))
    return "water.xyz"


@pytest.mark.parametrize("flag", ["--help", "-h"])
@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command_has_an_example(run, command, flag):
    code, out, _ = run(command, flag)
    assert code == 0
    assert f"Example: reaxff-jax {command}" in " ".join(out.split())


def test_without_a_command_it_lists_the_commands(run):
    _, out, err = run()
    assert all(command in out + err for command in COMMANDS)


def test_the_version_is_that_of_the_package(run):
    assert run("--version")[1].startswith("reaxff-jax 0.")


def test_energy_prints_terms_charges_and_the_largest_force(run, water):
    code, out, _ = run("energy", water, "--ffield", "cho")
    assert code == 0
    for words in ("H2O", "van_der_waals", "total", "Charges", "Largest force"):
        assert words in out
    assert "Stress" not in out  # a molecule has none


def test_energy_as_json_has_what_the_calculator_gives(run, water):
    code, out, _ = run("energy", water, "--ffield", "cho", "--json")
    report = json.loads(out)
    atoms = read(water)
    atoms.calc = JaxReaxFF("cho")
    assert code == 0
    np.testing.assert_allclose(report["energy_eV"], atoms.get_potential_energy())
    np.testing.assert_allclose(report["forces_eV_per_A"], atoms.get_forces(), atol=1e-9)
    np.testing.assert_allclose(sum(report["terms_eV"].values()), report["energy_eV"])
    assert report["stress_eV_per_A3"] is None


def test_energy_writes_the_results_into_a_structure_file(run, tmp_path):
    write(tmp_path / "diamond.cif", bulk("C", "diamond", a=3.57))
    code, out, err = run("energy", "diamond.cif", "-f", "cho", "-o", "out.extxyz")
    written = read("out.extxyz")
    assert code == 0
    assert "Pressure" in out
    assert "wrote out.extxyz" in err
    assert written.get_forces().shape == (2, 3)
    assert written.get_stress().shape == (6,)
    assert written.get_charges().shape == (2,)


def test_benchmark_measures_calls_and_steps_of_a_structure(run, water):
    code, out, _ = run("benchmark", water, "--steps", 20)
    assert code == 0
    assert "H2O, 3 atoms, not periodic; force field cho, float64" in out
    rows = [line for line in out.splitlines() if line.startswith(("the first", "a "))]
    times = np.array([line.split()[-3:] for line in rows], float)
    assert times.shape == (3, 3) and (times > 0).all()
    np.testing.assert_allclose(times[:, 0], 3e-3 * times[:, 1], rtol=0.05)
    code, _, err = run("benchmark", water, "--molecules", 8)
    assert code == cli_errors.UNUSABLE and "no effect with a FILE" in err


def test_relax_writes_a_structure_without_forces(run, water):
    code, out, _ = run(
        "relax", water, "-f", "cho", "-o", "relaxed.xyz", "--fmax", 0.005
    )
    relaxed = read("relaxed.xyz")
    relaxed.calc = JaxReaxFF("cho")
    assert code == 0
    assert "converged after" in out
    assert np.linalg.norm(relaxed.get_forces(), axis=1).max() < 0.006


def test_relax_with_the_cell_reaches_the_wanted_pressure(run, tmp_path):
    write(tmp_path / "diamond.cif", bulk("C", "diamond", a=3.5, cubic=True))
    words = ("relax", "diamond.cif", "-f", "cho", "-o", "out.extxyz", "--cell")
    code, out, _ = run(*words, "--pressure", 5, "--fmax", 0.001)
    assert code == 0
    assert "Volume" in out
    pressure = -read("out.extxyz").get_stress()[:3].mean() * 160.21766
    np.testing.assert_allclose(pressure, 5, atol=0.05)


def test_a_relaxation_that_stops_short_is_no_success(run, water):
    words = ("relax", water, "-f", "cho", "-o", "relaxed.xyz", "--fmax", 1e-6)
    code, out, err = run(*words, "--steps", 1)
    assert code == cli_errors.FAILED
    assert "NOT converged" in out
    assert "error: not converged after 1 step" in err
    assert Path("relaxed.xyz").exists()


def test_forcefields_lists_the_bundled_ones(run):
    code, out, _ = run("forcefields")
    assert code == 0
    assert "cho" in out


def test_forcefields_describes_one(run):
    code, out, _ = run("forcefields", "cho")
    assert code == 0
    assert "C H O" in out
    assert "torsion" in out


def test_lint_names_suspicious_values(run):
    run("convert", "cho", "ffield")
    lines = Path("ffield").read_text().splitlines()
    start = next(k for k, line in enumerate(lines) if line.split()[:1] == ["C"])
    lines[start] = lines[start].replace("12.0", "-12.0", 1)
    Path("wrong").write_text("\n".join(lines) + "\n")
    code, out, _ = run("forcefields", "wrong", "--lint")
    assert code == 0
    assert "mass" in out


def test_convert_rewrites_a_parameter_file_with_every_number(run):
    from ase_reaxff_jax import read_ffield

    code, out, _ = run("convert", "cho", "ffield.new")
    assert code == 0
    assert "every number kept" in out
    first = read_ffield("ffield.new")
    run("convert", "ffield.new", "ffield.again")
    second = read_ffield("ffield.again")
    assert dict(first.addresses()) == dict(second.addresses())
    assert all(first.at(a) == second.at(a) for a, _ in first.addresses())


def test_convert_says_what_the_other_format_does_not_hold(run, tmp_path):
    atoms = molecule("H2O")
    atoms.set_momenta(np.ones((3, 3)))
    atoms.calc = SinglePointCalculator(atoms, energy=-1.0, forces=np.zeros((3, 3)))
    write(tmp_path / "water.extxyz", atoms)
    said = run("convert", "water.extxyz", "water.bgf")[1]
    assert "without energy, forces, momenta" in " ".join(said.split())
    assert "without" not in run("convert", "water.extxyz", "water.traj")[1]


def test_convert_says_what_a_format_cannot_be(run, water):
    code, _, errors = run("convert", water, "POSCAR")  # it has no cell
    assert code == cli_errors.UNUSABLE
    assert "POSCAR: ASE cannot write this: Lattice vectors" in " ".join(errors.split())


def test_convert_takes_all_frames_of_a_structure_file(run, tmp_path):
    write(tmp_path / "two.extxyz", [molecule("H2O"), molecule("CH4")])
    code, out, _ = run("convert", "two.extxyz", "two.traj")
    assert code == 0
    assert "2 structures" in out
    assert len(read("two.traj", ":")) == 2


def test_files_that_exist_are_replaced_only_if_asked_for(run, water):
    Path("kept.xyz").write_text("mine")
    commands = (
        ["energy", water, "-f", "cho", "-o", "kept.xyz"],
        ["relax", water, "-f", "cho", "-o", "kept.xyz", "--steps", 1],
        ["convert", water, "kept.xyz"],
        ["convert", "cho", "kept.xyz"],
    )
    for words in commands:
        code, _, err = run(*words)
        assert code == cli_errors.UNUSABLE
        assert "kept.xyz exists; give --overwrite to replace it" in err
    assert Path("kept.xyz").read_text() == "mine"
    assert run("convert", water, "kept.xyz", "--overwrite")[0] == 0
    assert len(read("kept.xyz")) == 3
    assert "no effect without --output" in run(*commands[0][:-2], "--overwrite")[2]


def test_frames_that_are_not_there_and_empty_files_are_told(run, water):
    write("two.extxyz", [molecule("H2O"), molecule("CH4")])
    Path("empty.xyz").touch()
    for source, words in (
        (
            "two.extxyz@5",
            "two.extxyz has 2 frames, numbered from 0: there is no frame 5",
        ),
        ("two.extxyz@:", "names 2 structures; name one"),
        ("empty.xyz", "empty.xyz: the file is empty"),
    ):
        code, _, err = run("energy", source, "-f", "cho")
        assert code == cli_errors.UNUSABLE and words in err
    assert "H2O" in run("energy", f"{water}@:", "-f", "cho")[1]


def test_a_data_file_of_lammps_is_known_by_its_name(run, tmp_path):
    write(tmp_path / "zno.cif", bulk("ZnO", "wurtzite", a=3.25, c=5.2))
    assert run("convert", "zno.cif", "data.zno")[0] == 0
    assert run("convert", "data.zno", "back.extxyz")[0] == 0
    assert read("back.extxyz").symbols.formula.count() == {"Zn": 2, "O": 2}


@pytest.mark.parametrize(
    ("words", "culprit"),
    [
        (["energy", "nothing.xyz", "-f", "cho"], "nothing.xyz"),
        (["energy", "water.xyz", "-f", "choo"], "choo"),
        (["energy", "water.xyz", "-f", "ci-reax.CH"], "O"),
        (["energy", "water.xyz", "-f", "cho", "--dtype", "float16"], "float16"),
        (["energy", "broken.xyz", "-f", "cho"], "broken.xyz"),
        (["energy", "water.xyz", "-f", "cho", "-o", "no/folder.xyz"], "no"),
        (["relax", "water.xyz", "-f", "cho", "-o", "a.xyz", "--cell"], "periodic"),
        (["relax", "water.xyz", "-f", "cho", "-o", "no/a.xyz"], "no"),
        (["relax", "water.xyz", "-f", "cho", "-o", "a.xyz", "--optimizer", "cg"], "cg"),
        (["relax", "water.xyz", "-f", "cho", "-o", "a.xyz", "--pressure", "1"], "cell"),
        (["relax", "water.xyz", "-f", "cho", "-o", "a.xyz", "--fmax", "0"], "fmax"),
        (["energy", "water.xyz", "-f", "cho", "-o", "a.nothing"], "a.nothing"),
        (["convert", "water.xyz", "out.nothing"], "out.nothing"),
        (["forcefields", "--lint"], "name"),
        (["forcefields", "broken.xyz"], "broken.xyz"),
        (["nonsense"], "nonsense"),
    ],
)
def test_unusable_input_is_named_without_a_traceback(run, water, words, culprit):
    Path("broken.xyz").write_text("3\n\nH 0 0\n")
    code, _, err = run(*words)
    assert code == cli_errors.UNUSABLE
    assert culprit in err
    assert "Traceback" not in err


def test_debug_shows_where_it_happened(monkeypatch):
    monkeypatch.setenv("REAXFF_JAX_CACHE", "off")
    with pytest.raises(FileNotFoundError):
        cli.main(["energy", "nothing.xyz", "--ffield", "cho", "--debug"])


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("x"), 2),
        (ReadError("x"), 2),
        (FileNotFoundError("x"), 2),
        (SCFError("x"), 1),
        (cli_errors.NotConverged("x"), 1),
        (KeyError("x"), 3),
        (KeyboardInterrupt(), 130),
    ],
    ids=lambda value: type(value).__name__,
)
def test_exit_codes_are_those_of_the_readme(error, code, capsys):
    with pytest.raises(SystemExit) as end, cli_errors.reported(debug=False):
        raise error
    assert end.value.code == code
    assert len(capsys.readouterr().err.splitlines()) <= 2  # the line and a hint


def test_the_installed_command_starts(tmp_path):
    program = Path(sys.executable).with_name("reaxff-jax")
    if not program.exists():
        pytest.skip("the package is not installed in this environment")
    done = subprocess.run([program, "--help"], cwd=tmp_path, capture_output=True)
    assert done.returncode == 0
