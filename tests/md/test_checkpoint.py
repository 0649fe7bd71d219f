"""A process that dies while it writes a checkpoint leaves one to go on from."""

import os

import numpy as np
import pytest

from ase_reaxff_jax.md import CheckpointError, checkpoint
from ase_reaxff_jax.md.outputs import files


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def put(folder, found):
    for file in folder.iterdir():
        file.unlink()
    for name, content in found.items():
        (folder / name).write_bytes(content)


def write(folder, step):
    checkpoint.write(folder / "ckpt", {"step": np.array(step)}, {})


def step_of(folder):
    arrays, _ = checkpoint.read(folder / "ckpt")
    return int(arrays["step"])


@pytest.fixture
def instants(tmp_path, monkeypatch):
    """What a folder has at each instant at which a step is written to it."""
    seen = []

    def watched(name):
        def call(*arguments):
            seen.append(contents(tmp_path))
            return getattr(os, name)(*arguments)

        return call

    class System:
        def __getattr__(self, name):
            return watched(name) if name in ("fsync", "replace") else getattr(os, name)

    monkeypatch.setattr(checkpoint, "os", System())
    monkeypatch.setattr(files, "os", System())

    def written(found, step):
        put(tmp_path, found)
        seen.clear()
        write(tmp_path, step)
        return [*seen, contents(tmp_path)]

    return written


def of_steps(folder, *steps):
    put(folder, {})
    for step in steps:
        write(folder, step)
    return contents(folder)


def cut(found, name):
    return found | {name: found[name][:-10]}


@pytest.mark.parametrize("damaged", ["", "ckpt", "ckpt.old"])
def test_two_kills_leave_a_whole_checkpoint_whichever_was_damaged(
    tmp_path, instants, damaged
):
    start = of_steps(tmp_path, 1, 2)
    if damaged:
        start = cut(start, damaged)
    for killed in instants(start, 3):
        put(tmp_path, killed)
        reached = step_of(tmp_path)
        assert reached in ((1, 3) if damaged == "ckpt" else (2, 3))
        for again in instants(killed, 4):
            put(tmp_path, again)
            assert step_of(tmp_path) in (reached, 3, 4)


def test_a_new_checkpoint_that_did_not_take_its_place_is_the_last_resort(
    tmp_path, instants
):
    lost = cut(cut(of_steps(tmp_path, 1, 2), "ckpt"), "ckpt.old")
    put(tmp_path, lost)
    with pytest.raises(CheckpointError, match=r"ckpt is damaged.*ckpt\.old is damaged"):
        step_of(tmp_path)
    left = lost | {"ckpt.new": of_steps(tmp_path, 3)["ckpt"]}
    for killed in instants(left, 4):
        put(tmp_path, killed)
        assert step_of(tmp_path) in (3, 4)


def test_a_run_that_starts_anew_takes_nothing_from_what_another_has_left(tmp_path):
    put(tmp_path, {"ckpt.new": of_steps(tmp_path, 99)["ckpt"]})
    assert not checkpoint.exists(tmp_path / "ckpt")
    write(tmp_path, 1)
    assert set(contents(tmp_path)) == {"ckpt"} and step_of(tmp_path) == 1
