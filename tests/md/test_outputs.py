"""What all trajectories have in common: creating, killing, going on."""

import builtins
import contextlib
import resource
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import output_frames
import pytest
from ase.calculators.calculator import InputError
from output_frames import frame

from ase_reaxff_jax.md import outputs

SUFFIXES = [".extxyz", ".traj", ".lammpstrj", ".h5"]
every_format = pytest.mark.parametrize("suffix", SUFFIXES)


def written(path: Path, steps, overwrite: bool = False, size: int = 6) -> dict:
    """The position after frames of these steps."""
    output = outputs.create(path, overwrite=overwrite)
    for step in steps:
        output.write(frame(step, size))
    position = output.flush()
    output.close()
    return position


def contents(path: Path):
    """All that is in a file: bytes, or the datasets of HDF5."""
    if path.suffix != ".h5":
        return path.read_bytes()
    found: dict[str, list] = {}

    def visit(name, item):
        found[name] = [(k, np.asarray(v).tolist()) for k, v in item.attrs.items()]
        if isinstance(item, h5py.Dataset):
            found[name].append(item[...].tolist())

    with h5py.File(path, "r") as file:
        file.visititems_links(lambda name, _: visit(name, file[name]))
    return found


@contextlib.contextmanager
def room(size: int):
    """No file may grow beyond so many bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@every_format
@pytest.mark.parametrize("kept", [0, 1, 2, 43])
def test_reopening_removes_what_was_written_since_and_goes_on(tmp_path, suffix, kept):
    whole, path = tmp_path / f"whole{suffix}", tmp_path / f"md{suffix}"
    written(whole, range(50))
    output = outputs.create(path)
    for step in range(kept):
        output.write(frame(step))
    position = output.flush()
    for step in range(100, 145):
        output.write(frame(step))
    output.close()
    output = outputs.reopen(path, position)
    for step in range(kept, 50):
        output.write(frame(step))
    output.close()
    assert contents(path) == contents(whole)
    assert len(list(tmp_path.iterdir())) == 2


@every_format
def test_a_torn_last_frame_is_cut_off(tmp_path, suffix):
    whole, path = tmp_path / f"whole{suffix}", tmp_path / f"md{suffix}"
    written(whole, range(3))
    position = written(path, range(3))
    with path.open("ab") as file:
        file.write(whole.read_bytes()[:500])
    outputs.reopen(path, position).close()
    assert contents(path) == contents(whole)


@every_format
def test_a_writer_killed_again_and_again_writes_the_same_file(tmp_path, suffix):
    whole, path = tmp_path / f"whole{suffix}", tmp_path / f"md{suffix}"
    command = [sys.executable, output_frames.__file__, str(path), "400", "20"]
    subprocess.run(command, check=True)
    written(whole, range(400), size=300)
    assert contents(path) == contents(whole)


@every_format
def test_a_full_disk_is_an_oserror_and_the_file_can_be_gone_on_with(tmp_path, suffix):
    whole, path = tmp_path / f"whole{suffix}", tmp_path / f"md{suffix}"
    written(whole, range(10), size=300)
    position = written(path, range(4), size=300)
    output = outputs.reopen(path, position)
    with pytest.raises(OSError, match=path.name), room(path.stat().st_size + 50_000):
        for step in range(4, 40):
            output.write(frame(step, 300))
            output.flush()
    with contextlib.suppress(OSError):
        output.close()
    output = outputs.reopen(path, position)
    for step in range(4, 10):
        output.write(frame(step, 300))
    output.close()
    assert contents(path) == contents(whole)


@every_format
def test_an_existing_file_is_replaced_only_when_asked(tmp_path, suffix):
    path, other = tmp_path / f"md{suffix}", tmp_path / f"other{suffix}"
    written(path, [1, 2])
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match=f"overwrite=True.*md{suffix}"):
        outputs.create(path)
    assert path.read_bytes() == before
    written(path, [5], overwrite=True)
    written(other, [5])
    assert contents(path) == contents(other)


@every_format
def test_a_path_that_cannot_be_written_is_an_error_at_once(tmp_path, suffix):
    with pytest.raises(FileNotFoundError, match="folder does not exist"):
        outputs.create(tmp_path / "no" / f"md{suffix}")
    folder = tmp_path / f"folder{suffix}"
    folder.mkdir()
    with pytest.raises(IsADirectoryError, match="this is a folder"):
        outputs.create(folder, overwrite=True)
    with pytest.raises(OSError, match="/proc/md"):
        outputs.create(Path(f"/proc/md{suffix}"))


@every_format
def test_going_on_with_a_missing_or_shorter_or_other_file_is_an_error(tmp_path, suffix):
    path = tmp_path / f"md{suffix}"
    position = written(path, range(5))
    path.unlink()
    with pytest.raises(FileNotFoundError, match="start anew with overwrite=True"):
        outputs.reopen(path, position)
    written(path, range(3))
    before = path.read_bytes()
    with pytest.raises(InputError, match="fewer than the"):
        outputs.reopen(path, position)
    assert path.read_bytes() == before
    path.write_bytes(b"x" * 100_000)
    with pytest.raises((InputError, OSError), match=path.name):
        outputs.reopen(path, position)
    assert path.stat().st_size == 100_000
    assert list(tmp_path.iterdir()) == [path]


@every_format
def test_closing_twice_is_harmless(tmp_path, suffix):
    output = outputs.create(tmp_path / f"md{suffix}")
    output.close()
    output.close()


@every_format
def test_a_link_to_a_file_elsewhere_stays_a_link(tmp_path, suffix):
    (tmp_path / "scratch").mkdir()
    target, link = tmp_path / "scratch" / f"md{suffix}", tmp_path / f"md{suffix}"
    link.symlink_to(target)
    position = written(link, range(2), overwrite=True)
    outputs.reopen(link, position).close()
    assert link.is_symlink()
    assert contents(target) == contents(link)


def test_an_unknown_suffix_is_told_with_those_there_are():
    with pytest.raises(InputError, match=r"md\.lammpstraj.*mean '\.lammpstrj'.*\.h5md"):
        outputs.create(Path("md.lammpstraj"))


def test_h5md_without_h5py_says_what_to_install(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **options):
        if name == "h5py":
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"pip install 'ase-reaxff-jax\[hdf5\]'"):
        outputs.create(tmp_path / "md.h5")
    assert not list(tmp_path.iterdir())
