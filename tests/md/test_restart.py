"""A run that is killed at any moment and continued equals one that was not."""

import json
import signal
import subprocess
import sys
import time
from inspect import signature
from pathlib import Path

import h5py
import numpy as np
import pytest
from molecules import molecule
from small import moist_methane

from ase_reaxff_jax import JaxReaxFF
from ase_reaxff_jax.md import CheckpointError, checkpoint, run, saving
from ase_reaxff_jax.md.arguments import Arguments, simulation_of
from ase_reaxff_jax.md.defaults import completed

OPTIONS = dict(
    ensemble="nvt-langevin", steps=600, timestep_fs=0.25, temperature_K=400.0,
    log_every=20, trajectory=["md.extxyz", "md.traj"], bonds="bonds.reaxff",
    species="species.out", log="md.csv", checkpoint="md.ckpt", checkpoint_every=40,
    progress=False,
)  # fmt: skip
COMPARED = ("md.extxyz", "md.traj", "bonds.reaxff", "species.out")

SCRIPT = """
import json, os, signal, sys
options, paths, deadly = map(json.loads, sys.argv[1:])
sys.path[:0] = paths
from small import moist_methane
from ase_reaxff_jax import JaxReaxFF, compilation_cache
from ase_reaxff_jax.md import checkpoint, run
from ase_reaxff_jax.md.outputs import files

calls = 0

def counted(function):
    def call(*arguments):
        global calls
        calls += 1
        if calls == deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments)
    return call

class System:
    # What checkpoints need of the operating system, each call a chance to die.
    def __getattr__(self, name):
        found = getattr(os, name)
        return counted(found) if name in ("fsync", "replace", "open") else found

def told(frame):
    if not told.already:
        print("running", flush=True)
    told.already = True
    return False

told.already = False
checkpoint.os = files.os = System()
compilation_cache.enable()
run(moist_methane(), JaxReaxFF("cho"), restart=True, stop=told, **options)
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def start(folder, deadly=0, **options):
    """A process with the run, which dies by itself while it writes a checkpoint."""
    given = map(json.dumps, (OPTIONS | options, sys.path, deadly))
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *given],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def finished(folder, **options):
    done = start(folder, **options)
    _, errors = done.communicate()
    assert done.returncode == 0, errors


def killed(folder, rng, **options):
    """Starts the run and kills it: at any instant, or within a checkpoint."""
    if rng.random() < 0.4:
        # Five calls make a checkpoint; the first process writes two at its start.
        process = start(folder, deadly=int(rng.integers(1, 20)), **options)
    else:
        process = start(folder, **options)
        assert process.stdout.readline() == "running\n", process.communicate()[1]
        time.sleep(rng.uniform(0.0, 0.2))
        process.kill()
    _, errors = process.communicate()
    assert process.returncode == -signal.SIGKILL, errors or "it was done before"


def contents(folder):
    return {name: (folder / name).read_bytes() for name in COMPARED}


@pytest.mark.parametrize(
    ("kills", "steps"),
    [
        pytest.param(2, 800, marks=pytest.mark.slow),
        pytest.param(50, 12_000, marks=pytest.mark.long),
    ],
)
def test_kills_leave_no_trace(here, kills, steps):
    whole = here / "whole"
    whole.mkdir()
    finished(whole, steps=steps)
    rng = np.random.default_rng(1)
    for _ in range(kills):
        killed(here, rng, steps=steps)
    finished(here, steps=steps)
    assert contents(here) == contents(whole)
    rows = np.genfromtxt(here / "md.csv", delimiter=",", names=True)
    expected = np.genfromtxt(whole / "md.csv", delimiter=",", names=True)
    for name in set(rows.dtype.names) - {"steps_per_second"}:
        np.testing.assert_array_equal(rows[name], expected[name])


def test_an_interrupted_run_continues_bit_for_bit(here):
    calc = JaxReaxFF("cho")
    whole = run(moist_methane(), calc, **OPTIONS)
    files = contents(here)
    for path in list(here.iterdir()):
        path.unlink()
    # Not at a checkpoint, and again where the run begins anew from the last one.
    run(moist_methane(), calc, stop=lambda f: f.step == 100, **OPTIONS)
    run(moist_methane(), calc, stop=lambda f: f.step == 340, restart=True, **OPTIONS)
    result = run(moist_methane(), calc, restart=True, **OPTIONS)
    assert contents(here) == files
    assert result.species == whole.species and result.reactions == whole.reactions
    for name in ("step", "total_energy", "temperature_K", "conserved_energy"):
        np.testing.assert_array_equal(getattr(result, name), getattr(whole, name))
    np.testing.assert_array_equal(result.atoms.positions, whole.atoms.positions)


def test_sigterm_writes_a_checkpoint_and_ends(here):
    process = start(here)
    assert process.stdout.readline() == "running\n"
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate()
    assert process.returncode in (0, 128 + signal.SIGTERM), errors
    assert (here / "md.ckpt").exists()
    assert "Traceback" not in errors


SHORT = dict(
    ensemble="nve", steps=4, log_every=2, checkpoint="md.ckpt", progress=False,
    trajectory="a.traj", trajectory_every=1, log="a.csv",
)  # fmt: skip


@pytest.fixture
def saved(here):
    calc = JaxReaxFF("cho")
    run(molecule("H2O"), calc, checkpoint_every=2, **SHORT)
    return calc, here / "md.ckpt"


def test_a_damaged_checkpoint_falls_back_to_the_one_before(saved):
    calc, path = saved
    path.write_bytes(path.read_bytes()[:-10])
    result = run(molecule("H2O"), calc, restart=True, **SHORT)
    assert result.step.tolist() == [0, 2, 4]
    path.write_bytes(b"nonsense")
    path.with_name("md.ckpt.old").write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"md.ckpt .* md.ckpt.old"):
        run(molecule("H2O"), calc, restart=True, **SHORT)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (dict(atoms=molecule("CH4")), "number of atoms"),
        (dict(ensemble="nvt-csvr"), "ensemble"),
        (dict(timestep_fs=0.1), "timestep_fs"),
        (dict(calc=JaxReaxFF("rdx")), "force field"),
        (dict(seed=4), "seed"),
        (dict(temperature_K=900), "temperature_K was 300.0 and is now 900.0"),
        (dict(calc=JaxReaxFF("cho", charge_tolerance=1e-4)), "charge_tolerance"),
        (dict(calc=JaxReaxFF("cho", charge_response=False)), "charge_response"),
        (dict(calc=JaxReaxFF("cho", skin=0.8)), "skin was 1.0 and is now 0.8"),
        (dict(calc=JaxReaxFF("cho", bond_skin=0.2)), "bond_skin was 0.3"),
        (dict(calc=JaxReaxFF("cho", implementation="reference")), "implementation"),
        (dict(calc=JaxReaxFF("cho", neighbors="jax-md")), "neighbors was 'vesin'"),
        (dict(calc=JaxReaxFF("cho", charge_method="iterative")), "method was 'd"),
        (dict(trajectory_every=2), r"trajectory_every was 1 and is now 2"),
        (dict(trajectory="b.traj"), r"trajectory was \['a.traj'\] and .* \['b.traj'\]"),
        (dict(log=None), "log was 'a.csv' and is now None"),
        (dict(steps=3), "is at step 4, beyond steps=3"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(saved, change, words):
    calc, path = saved
    before = {file: file.read_bytes() for file in path.parent.iterdir()}
    given = dict(atoms=molecule("H2O"), calc=calc, restart=True) | SHORT | change
    with pytest.raises(CheckpointError, match=words):
        run(**given)
    assert {file: file.read_bytes() for file in path.parent.iterdir()} == before


@pytest.mark.usefixtures("saved")
def test_what_auto_stands_for_may_be_named_in_a_restart():
    named = JaxReaxFF("cho", neighbors="vesin", charge_method="direct", device="cpu")
    result = run(molecule("H2O"), named, restart=True, **SHORT)
    assert result.step.tolist() == [0, 2, 4]


def test_a_state_of_another_shape_is_told_with_a_remedy(saved):
    calc, path = saved
    arrays, plain = checkpoint.read(path)
    arrays["state 1"] = arrays["state 1"][:-1]
    checkpoint.write(path, arrays, plain)
    words = r"array 1 of the state is float64 \(15, 3\), .* \(16, 3\); .*overwrite"
    with pytest.raises(CheckpointError, match=words):
        run(molecule("H2O"), calc, restart=True, **SHORT)


def identity(**options):
    """What a checkpoint has of a run, read back."""
    unset = {name: p.default for name, p in signature(run).parameters.items()}
    given = completed(unset | dict(atoms=moist_methane(), steps=4, **options))
    calc, arguments = JaxReaxFF("cho"), Arguments(**given)
    simulation = simulation_of(arguments, calc)
    found = saving.identity(simulation, arguments, arguments.files_of(0))
    return json.loads(json.dumps(found))


@pytest.mark.parametrize(
    ("options", "change", "words"),
    [
        (dict(temperature_K=(300, 900)), dict(temperature_K=(300, 800)),
         "ramp from 300.0 to 900.0 over 4 steps' and is now .* 800.0 over 4 steps"),
        (dict(temperature_K=lambda t: 300 + t), dict(temperature_K=lambda t: 50 + t),
         "a function of time, 300 at the start' and is now .* 50 at the start"),
        ({}, dict(tau_fs=50), "tau_fs was 100.0 and is now 50.0"),
        (dict(ensemble="npt-scr", pressure_GPa=0), dict(pressure_GPa=1),
         "pressure_GPa was 0.0 and is now 1.0"),
    ],
)  # fmt: skip
def test_changed_conditions_are_named_with_both_values(options, change, words):
    before = identity(**options)
    checkpoint.check_same(before, identity(**options), Path("md.ckpt"))
    with pytest.raises(CheckpointError, match=words):
        checkpoint.check_same(before, identity(**options | change), Path("md.ckpt"))


def test_a_ramp_keeps_its_number_of_steps(here):
    calc, options = JaxReaxFF("cho"), SHORT | dict(ensemble="nvt-langevin")
    options["temperature_K"] = 300, 900
    run(molecule("H2O"), calc, **options)
    with pytest.raises(CheckpointError, match=r"over 4 steps. and is now .* over 8"):
        run(molecule("H2O"), calc, restart=True, **options | {"steps": 8})


def test_a_run_that_is_extended_has_the_files_of_one_without_a_stop(here):
    options = dict(
        trajectory=["md.extxyz", "md.h5"], trajectory_every=4, bonds="bonds.reaxff",
        species="species.out", log="md.csv", checkpoint="md.ckpt", log_every=10,
        checkpoint_every=6, progress=False,
    )  # fmt: skip
    names = "md.extxyz", "bonds.reaxff", "species.out"
    calc = JaxReaxFF("cho")
    whole = run(molecule("H2O"), calc, steps=21, **options)
    expected = {name: (here / name).read_bytes() for name in names}
    for path in list(here.iterdir()):
        path.unlink()
    run(molecule("H2O"), calc, steps=9, **options)
    shown = np.genfromtxt("md.csv", delimiter=",", names=True)["step"]
    assert shown.tolist() == [0, 9]
    for steps in (9, 21):  # nothing is left to do, then more is wanted
        result = run(molecule("H2O"), calc, steps=steps, restart=True, **options)
    assert {name: (here / name).read_bytes() for name in names} == expected
    assert result.step.tolist() == whole.step.tolist() == [0, 10, 20, 21]
    rows = np.genfromtxt("md.csv", delimiter=",", names=True)
    assert rows["step"].tolist() == [0, 10, 20, 21]
    with h5py.File("md.h5") as file:
        steps = file["particles/all/position/step"][...].tolist()
    assert steps == [0, 4, 8, 12, 16, 20, 21]
    np.testing.assert_array_equal(result.total_energy, whole.total_energy)


def test_files_that_exist_are_kept_unless_asked_otherwise(saved):
    calc, _ = saved
    with pytest.raises(FileExistsError, match="restart=True"):
        run(molecule("H2O"), calc, **SHORT)
    run(molecule("H2O"), calc, overwrite=True, **SHORT)
    options = SHORT | {"checkpoint": None, "log": "x.csv", "overwrite": False}
    options |= {"trajectory": None, "trajectory_every": None}
    run(molecule("H2O"), calc, **options)
    with pytest.raises(FileExistsError, match=r"x\.csv exists; give overwrite=True"):
        run(molecule("H2O"), calc, **options)


def test_folders_that_are_missing_are_named_before_any_work(here):
    calc = JaxReaxFF("cho")
    for name in ("trajectory", "log", "checkpoint"):
        options = dict(steps=4, progress=False) | {name: "nowhere/x.extxyz"}
        with pytest.raises(OSError, match="nowhere"):
            run(molecule("H2O"), calc, **options)
