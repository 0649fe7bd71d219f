"""A fit that is killed at any moment and resumed equals one that was not."""

import json
import math
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from ase.calculators.calculator import InputError
from small_fits import NAMES, parameters, water

from ase_reaxff_jax.bundled import load
from ase_reaxff_jax.fit import fit, record
from ase_reaxff_jax.fit.evaluations import Evaluations
from ase_reaxff_jax.fit.objective import Objective
from ase_reaxff_jax.fit.selection import Selection
from ase_reaxff_jax.md import CheckpointError

pytestmark = pytest.mark.xdist_group("small fits")  # the same programs
FILES = ("history.csv", "ffield_best", "fit.journal")
OPTIONS = dict(optimizer="least-squares", steps=6, seed=3, progress=False)
CHANGED = Selection(load("cho"), parameters())
OTHER = CHANGED.force_field_at(1.01 * CHANGED.start)


class Killed(Exception):
    """Stands for the end of the process."""


def contents(folder):
    return {name: (folder / name).read_bytes() for name in FILES}


def numbers(result):
    values = [item.value for item in result.report.items]
    return result.loss, repr(result.history), values, result.failures


def dying(monkeypatch, evaluation):
    """The evaluation of this number, counted from now, does not come back."""
    outcome, calls = Objective.outcome, []

    def counted(self, *arguments, **options):
        found = outcome(self, *arguments, **options)
        calls.append(found)
        if len(calls) == evaluation:
            raise Killed
        return found

    monkeypatch.setattr(Objective, "outcome", counted)


@pytest.mark.parametrize(
    ("optimizer", "options"),
    [
        ("least-squares", {"trials": 2, "start": "educated", "steps": 3}),
        pytest.param("lbfgs", {"perturb": 0.05}, marks=pytest.mark.long),
        ("cma-es", {"steps": 2, "patience": 3}),
        ("multi-start", {"steps": 1, "perturb": 0}),
    ],
)
def test_an_interrupted_fit_is_resumed_bit_for_bit(
    tmp_path, monkeypatch, optimizer, options
):
    monkeypatch.setattr(record, "SHARE", math.inf)  # a checkpoint each time
    options = {**OPTIONS, **options, "optimizer": optimizer}
    if "patience" in options:
        options["validation"] = water(6.0)

    def fitted(name, *, resume):
        return fit("cho", water(), parameters(), out=tmp_path / name, resume=resume,
                   **options)  # fmt: skip

    whole = fitted("whole", resume=False)
    for evaluation in (1, 4):
        with monkeypatch.context() as patch:
            dying(patch, evaluation)
            with pytest.raises(Killed):
                fitted("killed", resume=True)
        # What came after the checkpoint, half of it:
        with open(tmp_path / "killed" / "fit.journal", "ab") as file:
            file.write(b"\x07torn")
        with open(tmp_path / "killed" / "history.csv", "a") as file:
            file.write("1,99,0.")
    resumed = fitted("killed", resume=True)
    assert numbers(resumed) == numbers(whole)
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")
    with monkeypatch.context() as patch:
        dying(patch, 3)  # only the reports need evaluations
        again = fitted("killed", resume=True)
    assert numbers(again) == numbers(whole)
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")


def test_ctrl_c_waits_for_the_evaluation_and_keeps_the_best(
    tmp_path, monkeypatch, caplog
):
    outcome, calls = Objective.outcome, []

    def interrupted(self, *arguments, **options):
        calls.append(self)
        if len(calls) == 3:
            signal.raise_signal(signal.SIGINT)
        return outcome(self, *arguments, **options)

    monkeypatch.setattr(Objective, "outcome", interrupted)
    handler = signal.getsignal(signal.SIGINT)
    found = fit("cho", water(), parameters(), out=tmp_path / "fit", **OPTIONS)
    assert found.interrupted
    assert len(found.history) == 3
    assert found.loss == pytest.approx(found.history[-1].best)
    assert "ends after the evaluation under way" in caplog.text
    assert (tmp_path / "fit" / "history.csv").read_text().count("\n") == 4
    assert signal.getsignal(signal.SIGINT) is handler
    monkeypatch.undo()
    resumed = fit("cho", water(), parameters(), out=tmp_path / "fit", resume=True,
                  **OPTIONS)  # fmt: skip
    assert not resumed.interrupted
    assert repr(resumed.history[:3]) == repr(found.history)


def test_ctrl_c_after_the_last_evaluation_is_not_forgotten(tmp_path, monkeypatch):
    finish = Evaluations.finish

    def interrupted(self):
        signal.raise_signal(signal.SIGINT)
        finish(self)

    whole = fit("cho", water(), parameters(), **OPTIONS)
    monkeypatch.setattr(Evaluations, "finish", interrupted)
    found = fit("cho", water(), parameters(), out=tmp_path / "fit", **OPTIONS)
    assert found.interrupted and not whole.interrupted
    assert repr(found.history) == repr(whole.history)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fits") / "done"
    fit("cho", water(), parameters(), out=folder, **{**OPTIONS, "steps": 2})
    return folder


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (dict(steps=3), "steps was 2 and is now 3"),
        (dict(seed=4), "seed was 3 and is now 4"),
        (dict(ffield=OTHER), "force field was"),
        (dict(data=water(4.0)), "reference values was"),
        (dict(params=parameters(NAMES[:2])), "params was '4 parameters"),
        (dict(optimizer="lbfgs"), "optimizer was 'least-squares' and is now 'lbfgs'"),
        (dict(perturb=0), "perturb was 0.02 and is now 0.0"),
    ],
)
def test_another_fit_is_not_resumed(done, change, words):
    given = dict(ffield="cho", data=water(), params=parameters(NAMES), out=done,
                 resume=True) | OPTIONS | dict(steps=2) | change  # fmt: skip
    before = contents(done)
    with pytest.raises(CheckpointError, match=words):
        fit(**given)
    assert contents(done) == before


def test_a_fit_that_is_there_is_kept_unless_it_is_resumed(done, tmp_path):
    with pytest.raises(FileExistsError, match="resume=True"):
        fit("cho", water(), parameters(), out=done, **OPTIONS)
    (tmp_path / "history.csv").write_text("of something else")
    with pytest.raises(FileExistsError, match=r"no fit\.checkpoint beside it"):
        fit("cho", water(), parameters(), out=tmp_path, resume=True, **OPTIONS)
    with pytest.raises(InputError, match="needs the folder"):
        fit("cho", water(), parameters(), resume=True, **OPTIONS)


def test_damage_is_named(done, tmp_path):
    folder = tmp_path / "copy"
    folder.mkdir()
    for path in done.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    options = {**OPTIONS, "steps": 2, "out": folder, "resume": True}
    journal = folder / "fit.journal"
    content = bytearray(journal.read_bytes())
    content[-20] ^= 1
    journal.write_bytes(content)
    with pytest.raises(CheckpointError, match="is damaged from byte"):
        fit("cho", water(), parameters(), **options)
    journal.unlink()
    with pytest.raises(FileNotFoundError, match=r"fit\.journal"):
        fit("cho", water(), parameters(), **options)
    for name in ("fit.checkpoint", "fit.checkpoint.old"):
        (folder / name).write_bytes(b"nonsense")
    with pytest.raises(CheckpointError, match="is not a checkpoint"):
        fit("cho", water(), parameters(), **options)


SCRIPT = """
import json, os, signal, sys
paths, deadly, steps = map(json.loads, sys.argv[1:])
sys.path[:0] = paths
from small_fits import parameters, water
from ase_reaxff_jax import compilation_cache
from ase_reaxff_jax.fit import evaluations, fit, journal, output
from ase_reaxff_jax.md import checkpoint
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
    # What the record needs of the operating system, each call a chance to die.
    def __getattr__(self, name):
        found = getattr(os, name)
        return counted(found) if name in ("fsync", "replace", "open") else found

checkpoint.os = files.os = journal.os = output.os = System()
evaluate = evaluations.Evaluations._evaluate

def told(*arguments):
    print("running", flush=True)
    evaluations.Evaluations._evaluate = evaluate
    return evaluate(*arguments)

evaluations.Evaluations._evaluate = told
compilation_cache.enable()
fit("cho", water(), parameters(), out="fitted", resume=True, steps=steps, seed=3,
    optimizer="least-squares", progress=False)
"""


def start(folder, deadly=0, steps=400):
    given = map(json.dumps, (sys.path, deadly, steps))
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *given],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def finished(folder):
    done = start(folder)
    _, errors = done.communicate()
    assert done.returncode == 0, errors


@pytest.mark.long
def test_twenty_kills_leave_no_trace(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    finished(whole)
    rng = np.random.default_rng(1)
    for _ in range(20):
        if rng.random() < 0.4:  # within a checkpoint, or at the start
            process = start(killed, deadly=int(rng.integers(1, 25)))
        else:
            process = start(killed)
            assert process.stdout.readline() == "running\n", process.communicate()[1]
            time.sleep(rng.uniform(0.0, 0.5))
            process.kill()
        _, errors = process.communicate()
        assert process.returncode == -signal.SIGKILL, errors or "it was done before"
    finished(killed)
    assert contents(killed / "fitted") == contents(whole / "fitted")
