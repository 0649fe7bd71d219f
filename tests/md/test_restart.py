"""A run that is killed at any moment and continued equals one that was not."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from ase.calculators.calculator import InputError
from molecules import molecule
from small import moist_methane

from ase_reaxff_jax import JaxReaxFF
from ase_reaxff_jax.md import CheckpointError, run

OPTIONS = dict(
    ensemble="nvt-langevin", steps=600, timestep_fs=0.25, temperature_K=400.0,
    log_every=20, trajectory=["md.extxyz", "md.traj"], bonds="bonds.reaxff",
    species="species.out", log="md.csv", checkpoint="md.ckpt", checkpoint_every=40,
    progress=False,
)  # fmt: skip
COMPARED = ("md.extxyz", "md.traj", "bonds.reaxff", "species.out")

SCRIPT = """
import json, sys
sys.path[:0] = json.loads(sys.argv[2])
from small import moist_methane
from ase_reaxff_jax import JaxReaxFF, compilation_cache
from ase_reaxff_jax.md import run
compilation_cache.enable()
print("ready", flush=True)
run(moist_methane(), JaxReaxFF("cho"), restart=True, **json.loads(sys.argv[1]))
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def start(folder):
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, json.dumps(OPTIONS), json.dumps(sys.path)],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def contents(folder):
    return {name: (folder / name).read_bytes() for name in COMPARED}


@pytest.mark.slow
def test_kills_leave_no_trace(here):
    whole = here / "whole"
    whole.mkdir()
    done = start(whole)
    _, errors = done.communicate()
    assert done.returncode == 0, errors
    rng = np.random.default_rng(1)
    for _ in range(8):
        killed = start(here)
        assert killed.stdout.readline() == "ready\n"
        time.sleep(rng.uniform(0.5, 4.0))
        killed.kill()
        killed.communicate()
    done = start(here)
    _, errors = done.communicate()
    assert done.returncode == 0, errors
    assert contents(here) == contents(whole)


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
    assert process.stdout.readline() == "ready\n"
    while not (here / "md.csv").exists():
        time.sleep(0.05)
        assert process.poll() is None, process.communicate()[1]
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate()
    assert process.returncode in (0, 128 + signal.SIGTERM), errors
    assert (here / "md.ckpt").exists()
    assert "Traceback" not in errors


SHORT = dict(ensemble="nve", steps=4, log_every=2, checkpoint="md.ckpt", progress=False)


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
    ],
)
def test_a_checkpoint_of_another_run_is_refused(saved, change, words):
    calc, _ = saved
    given = dict(atoms=molecule("H2O"), calc=calc, restart=True) | SHORT | change
    with pytest.raises(CheckpointError, match=words):
        run(**given)


def test_files_that_exist_are_kept_unless_asked_otherwise(saved):
    calc, _ = saved
    with pytest.raises(FileExistsError, match="restart=True"):
        run(molecule("H2O"), calc, **SHORT)
    run(molecule("H2O"), calc, overwrite=True, **SHORT)
    options = {**SHORT, "checkpoint": None, "log": "x.csv"}
    run(molecule("H2O"), calc, **options)
    with pytest.raises(FileExistsError, match=r"x\.csv"):
        run(molecule("H2O"), calc, **options)


def test_folders_that_are_missing_are_named_before_any_work(here):
    calc = JaxReaxFF("cho")
    for name in ("trajectory", "log", "checkpoint"):
        options = {**SHORT, "checkpoint": None, name: "nowhere/x.extxyz"}
        with pytest.raises(OSError, match="nowhere"):
            run(molecule("H2O"), calc, **options)
    with pytest.raises(InputError, match="same file name"):
        run(molecule("H2O"), calc, **{**SHORT, "log": "a", "bonds": "a"})
