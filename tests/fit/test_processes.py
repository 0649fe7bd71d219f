"""Trials at once, each in a process of its own."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from ase.calculators.calculator import InputError
from small_fits import parameters, water

from ase_reaxff_jax.fit import fit
from ase_reaxff_jax.fit.processes import joined
from ase_reaxff_jax.fit.search import Best, Found, Step
from ase_reaxff_jax.md import CheckpointError

OPTIONS = dict(optimizer="least-squares", start="educated", seed=3, progress=False)


def losses(history, trial):
    return [step.loss for step in history if step.trial == trial]


@pytest.mark.long
def test_trials_at_once_find_what_they_find_one_after_another(tmp_path):
    given = {**OPTIONS, "trials": 2, "steps": 2, "perturb": 0}
    at_once = fit("cho", water(), parameters(), processes=2, out=tmp_path / "at-once",
                  **given)  # fmt: skip
    one = fit("cho", water(), parameters(), **given)
    for trial in (0, 1):
        expected = losses(one.history, trial)
        assert losses(at_once.history, trial) == pytest.approx(expected, rel=1e-6)
    assert [s.evaluation for s in at_once.history] == [
        s.evaluation for s in one.history
    ]
    assert at_once.loss == pytest.approx(one.loss, rel=1e-6)
    assert at_once.history[-1].best == at_once.loss
    files = sorted(path.name for path in (tmp_path / "at-once" / "trial-2").iterdir())
    assert {"ffield_best", "fit.checkpoint", "fit.journal", "history.csv"} <= {*files}
    before = (tmp_path / "at-once" / "history.csv").read_bytes()
    again = fit("cho", water(), parameters(), processes=2, resume=True,
                out=tmp_path / "at-once", **given)  # fmt: skip
    assert repr(again.history) == repr(at_once.history)
    assert (tmp_path / "at-once" / "history.csv").read_bytes() == before
    with pytest.raises(CheckpointError, match="processes was 'one for each trial'"):
        fit("cho", water(), parameters(), resume=True, out=tmp_path / "at-once",
            **given)  # fmt: skip


def test_what_trials_have_found_is_put_together():
    nan = float("nan")
    first = [Step(0, 1, 5.0, 5.0), Step(0, 2, nan, 5.0)]
    second = [Step(1, 1, 7.0, nan, screening=True), Step(1, 2, 6.0, 6.0)]
    best = [Best(np.zeros(1), 5.0, 0), Best(np.ones(1), 6.0, 1)]
    found = joined(
        [Found(first, best[0], ["no"], False), Found(second, best[1], [], True)],
        interrupted=False,
    )
    assert [step.evaluation for step in found.history] == [1, 2, 3, 4]
    assert [step.best for step in found.history] == [5.0] * 4
    assert found.best is best[0]
    assert found.failures == ["no"]
    assert found.interrupted


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (dict(processes=2), "processes=2, but trials=1: .* give trials=2"),
        (dict(processes=0, trials=2), "processes must be at least 1"),
        (dict(processes=1.5, trials=2), "processes must be .* whole"),
    ],
)
def test_wrong_numbers_of_processes_are_named(options, words):
    with pytest.raises(InputError, match=words):
        fit("cho", water(), parameters(), **OPTIONS, **options)


SCRIPT = """
import json, sys
sys.path[:0] = json.loads(sys.argv[1])
from small_fits import parameters, water
from ase_reaxff_jax import compilation_cache
from ase_reaxff_jax.fit import fit

if __name__ == "__main__":
    compilation_cache.enable()
    result = fit("cho", water(), parameters(), out="fitted", optimizer="least-squares",
                 steps=100000, trials=3, processes=2, seed=3, start="random",
                 progress=False)
    print("interrupted", result.interrupted, result.loss)
"""


@pytest.mark.long
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_processes_end_with_the_one_that_has_started_them(tmp_path, end):
    """By Ctrl-C with the best so far; by SIGKILL at once, and nothing writes on."""
    (tmp_path / "script.py").write_text(SCRIPT)
    process = subprocess.Popen(
        [sys.executable, "script.py", json.dumps(sys.path)], cwd=tmp_path, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    histories = [tmp_path / "fitted" / f"trial-{k}" / "history.csv" for k in (1, 2)]
    deadline = time.monotonic() + 300
    while not all(path.exists() and rows(path) > 5 for path in histories):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.5)
    process.send_signal(end)
    output, errors = process.communicate(timeout=120)
    if end == signal.SIGINT:
        assert process.returncode == 0, errors
        assert output.startswith("interrupted True")
        assert rows(tmp_path / "fitted" / "history.csv") == sum(map(rows, histories))
    time.sleep(2.0)
    before = [path.read_bytes() for path in histories]
    time.sleep(2.0)
    assert [path.read_bytes() for path in histories] == before


def rows(path):
    return path.read_text().count("\n") - 1
