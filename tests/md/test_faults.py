"""What can go wrong while a run goes on: disks, lists, boxes, signals."""

import dataclasses
import errno
import json
import logging
import os
import resource
import shutil
import signal
import subprocess
import sys

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import InputError
from molecules import molecule
from motion import warm
from small import moist_methane

from ase_reaxff_jax import JaxReaxFF, cli_errors
from ase_reaxff_jax.md import CheckpointError, SimulationBlewUp, checkpoint, run
from ase_reaxff_jax.md.simulation import Simulation

OPTIONS = dict(
    ensemble="nvt-langevin", steps=60, log_every=2, trajectory="md.extxyz",
    log="md.csv", checkpoint="md.ckpt", checkpoint_every=10, progress=False,
)  # fmt: skip


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def calc():
    return JaxReaxFF("cho")


@pytest.fixture
def expected(here, calc):
    """The trajectory of an undisturbed run."""
    run(molecule("H2O"), calc, **OPTIONS)
    content = (here / "md.extxyz").read_bytes()
    for path in here.iterdir():
        path.unlink()
    return content


def step_of(path) -> int:
    """Of the checkpoint that a restart would take."""
    arrays, _ = checkpoint.read(path)
    return int(arrays["state 0"])


@pytest.fixture
def full_disk():
    """A function after which no file may grow beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("full", ["md.extxyz", "md.ckpt"])
def test_a_full_disk_ends_the_run_and_the_last_checkpoint_goes_on(
    here, calc, expected, full_disk, full
):
    def fills(frame):
        if frame.step == 34:
            # The trajectory is the longest file, unless it is on another disk.
            full_disk((here / full).stat().st_size)
        return False

    options = OPTIONS if full == "md.extxyz" else OPTIONS | {"trajectory": None}
    with pytest.raises(OSError, match=full) as caught:
        run(molecule("H2O"), calc, stop=fills, **options)
    assert caught.value.errno in (errno.EFBIG, errno.ENOSPC)
    assert cli_errors.code_of(caught.value) != 0
    full_disk(resource.RLIM_INFINITY)
    assert 0 < step_of(here / "md.ckpt") <= 34
    assert not (here / "md.ckpt.new").exists()
    result = run(molecule("H2O"), calc, restart=True, **options)
    assert result.step[-1] == 60
    if full == "md.extxyz":
        assert (here / "md.extxyz").read_bytes() == expected


DISK = """
import json, sys
from ase.build import molecule
from ase_reaxff_jax import JaxReaxFF, compilation_cache
from ase_reaxff_jax.md import run
from pathlib import Path

compilation_cache.enable()
options, disk, whole = json.loads(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])

def go(folder, **more):
    for name in ("trajectory", "log", "checkpoint"):
        more[name] = folder / options[name]
    try:
        return run(molecule("H2O"), JaxReaxFF("cho"), **{**options, **more})
    except OSError as error:
        return print(error.errno, error.filename)

whole.mkdir()
go(whole)
filler = disk / "filler"
filler.write_bytes(bytes(40_000))
go(disk)
print(sorted(path.name for path in disk.iterdir()))
filler.unlink()
go(disk, restart=True)
names = options["trajectory"], options["log"]
print((disk / names[0]).read_bytes() == (whole / names[0]).read_bytes())
"""


@pytest.mark.long
@pytest.mark.skipif(shutil.which("unshare") is None, reason="no program `unshare`")
def test_a_disk_that_is_really_full(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    small = f"mount -t tmpfs -o size=96k none {disk}"
    if subprocess.run([*mount, small], check=False).returncode:
        pytest.skip("this machine does not let users mount")
    arguments = [json.dumps(OPTIONS), str(disk), str(tmp_path / "whole")]
    done = subprocess.run(
        [*mount, small + ' && exec "$@"', "sh", sys.executable, "-c", DISK, *arguments],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    failure, names, same = done.stdout.splitlines()
    assert failure.startswith(f"{errno.ENOSPC} {disk}")
    assert "md.ckpt" in names and "md.ckpt.new" not in names
    assert same == "True"


@pytest.mark.parametrize("name", ["trajectory", "log", "checkpoint"])
def test_a_folder_that_may_only_be_read_is_told_before_any_work(
    here, calc, monkeypatch, name
):
    # As root may write anywhere, the answer of the system is replaced.
    allowed = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: mode != os.W_OK and allowed(path, mode)
    )
    monkeypatch.setattr(Simulation, "start", lambda self: pytest.fail("it worked"))
    with pytest.raises(PermissionError, match="may not be written in"):
        run(molecule("H2O"), calc, steps=2, progress=False, **{name: "md.extxyz"})


def test_a_checkpoint_of_another_version_and_missing_files_are_told(here, calc):
    run(molecule("H2O"), calc, **OPTIONS)
    trajectory = here / "md.extxyz"
    content = trajectory.read_bytes()
    trajectory.unlink()
    with pytest.raises(FileNotFoundError, match=r"md\.extxyz"):
        run(molecule("H2O"), calc, restart=True, **OPTIONS)
    trajectory.write_bytes(content)
    for path in checkpoint.generations(here / "md.ckpt"):
        path.write_bytes(path.read_bytes().replace(b"checkpoint 6", b"checkpoint 1"))
    with pytest.raises(CheckpointError, match="another version"):
        run(molecule("H2O"), calc, restart=True, **OPTIONS)
    assert trajectory.read_bytes() == content


def test_ctrl_c_writes_a_checkpoint_and_ends(here, calc, expected):
    def interrupts(frame):
        if frame.step == 24:
            os.kill(os.getpid(), signal.SIGINT)
        return False

    with pytest.raises(KeyboardInterrupt):
        run(molecule("H2O"), calc, stop=interrupts, **OPTIONS)
    assert step_of(here / "md.ckpt") == 24
    run(molecule("H2O"), calc, restart=True, **OPTIONS)
    assert (here / "md.extxyz").read_bytes() == expected


def test_a_blow_up_leaves_the_checkpoint_whole(here, calc):
    options = OPTIONS | dict(ensemble="nve", timestep_fs=0.1)
    atoms = molecule("H2O")
    atoms.set_momenta([[0, 0, 0], [0, 2.0, 2.0], [0, -2.0, 2.0]])
    with pytest.raises(SimulationBlewUp) as caught:
        run(atoms, calc, max_displacement_A=0.0215, **options)
    assert cli_errors.code_of(caught.value) != 0
    assert caught.value.step > 0 and (here / "crash.extxyz").exists()
    saved = step_of(here / "md.ckpt")
    assert 0 <= saved < caught.value.step
    result = run(atoms, calc, restart=True, **options)  # without the limit
    assert result.step[-1] == 60


def test_a_frame_that_cannot_be_saved_does_not_hide_why_the_run_failed(
    here, calc, caplog
):
    (here / "crash.extxyz").mkdir()
    with pytest.raises(SimulationBlewUp, match=r"the limit is 0\.001 Å") as caught:
        run(molecule("H2O"), calc, max_displacement_A=0.001, **OPTIONS)
    assert "crash.extxyz" not in str(caught.value)
    (told,) = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert "last good frame" in told and "crash.extxyz" in told


BENT = Atoms("OFeOH", [[0, 0, 0], [1.9, 0, 0], [2.5, 1.8, 0], [3.4, 1.9, 0.1]])


def test_a_run_gives_the_notices_of_its_structures_once(caplog, tmp_path):
    calc, atoms = JaxReaxFF("Fe_O_C_H", charge=1.0), BENT.copy()
    atoms.set_cell([20.0, 20.0, 20.0])
    atoms.pbc = True
    options = dict(ensemble="nve", steps=4, log_every=2, temperature_K=10.0,
                   progress=False, checkpoint=tmp_path / "run.ckpt")  # fmt: skip
    with pytest.warns(UserWarning, match="total charge of 1 e") as warned:
        run([molecule("H2O"), atoms], calc, **options)
    assert "torsion H O Fe H" in calc.missing_terms
    assert caplog.text.count("no row for") == len(warned) == 1
    again = JaxReaxFF("Fe_O_C_H", charge=1.0)
    with pytest.warns(UserWarning, match="total charge of 1 e"):
        run([molecule("H2O"), atoms], again, restart=True, **options)
    assert again.missing_terms == calc.missing_terms


def test_rows_that_are_missing_are_told_when_atoms_come_near(caplog):
    calc, found = JaxReaxFF("Fe_O_C_H"), []
    atoms = BENT.copy()
    atoms.positions[3] += [4.0, 0.4, 0.4]
    atoms.set_momenta([[0, 0, 0]] * 3 + [[-1.0, -0.1, -0.1]])
    run(atoms, calc, ensemble="nve", steps=120, log_every=10, progress=False,
        stop=lambda frame: found.append(calc.missing_terms))  # fmt: skip
    assert found[0] == () and "torsion H O Fe O" in found[-1]
    assert "torsion H O Fe O" in caplog.text


@pytest.fixture
def renewals(monkeypatch):
    """The steps at which lists were made anew."""
    steps = []
    renew = Simulation._renew

    def counted(self, reason):
        steps.append(self.step)
        renew(self, reason)

    monkeypatch.setattr(Simulation, "_renew", counted)
    return steps


def assert_forces_are_those_of_new_lists(frames):
    for frame in frames:
        atoms = frame.atoms.copy()
        atoms.calc = JaxReaxFF("cho", charge_tolerance=1e-10)
        found = frame.atoms.calc.results
        np.testing.assert_allclose(
            found["forces"], atoms.get_forces(), rtol=0, atol=1e-6
        )
        np.testing.assert_allclose(found["energy"], atoms.get_potential_energy())


def test_no_force_is_that_of_an_outdated_list(renewals):
    atoms, frames = moist_methane(), []
    warm(atoms, 6000.0)
    run(
        atoms, JaxReaxFF("cho", charge_tolerance=1e-10), ensemble="nve", steps=200,
        timestep_fs=0.2, stop=lambda frame: frames.append(frame), progress=False,
    )  # fmt: skip
    assert len(renewals) > 5
    assert_forces_are_those_of_new_lists(frames[::4])


def test_lists_follow_a_box_that_shrinks_and_a_collapse_is_an_error(renewals, here):
    calc, frames = JaxReaxFF("cho", charge_tolerance=1e-10), []
    options = dict(
        ensemble="npt-berendsen", tau_fs=5.0, temperature_K=300.0, timestep_fs=0.1,
        pressure_tau_fs=20.0, compressibility_per_GPa=0.02, progress=False,
    )  # fmt: skip
    result = run(
        moist_methane(), calc, steps=120, pressure_GPa=40.0,
        stop=lambda frame: frames.append(frame), **options,
    )  # fmt: skip
    assert result.volume_A3[-1] < 0.8 * result.volume_A3[0] and renewals
    assert_forces_are_those_of_new_lists(frames[::10])
    with pytest.raises(
        SimulationBlewUp, match=r"cell changes too much .* -\d.*% along"
    ):
        run(moist_methane(), calc, steps=300, pressure_GPa=1e4, **options)
    options |= dict(pressure_GPa=500.0, max_displacement_A=0.02)
    with pytest.raises(SimulationBlewUp, match=r"moved .* most of it with the cell"):
        run(moist_methane(), calc, steps=9, **options)


def test_a_pair_without_a_bond_row_that_comes_close_ends_a_run_at_its_step(here, calc):
    given, types = calc.force_field, calc.force_field.bond_types
    pair = {given.elements.index("C"), given.elements.index("O")}
    kept = [row for row, both in enumerate(types) if set(both) != pair]
    lacking = dataclasses.replace(
        given, bond=given.bond[kept], bond_types=tuple(types[row] for row in kept)
    )
    atoms = Atoms("CO", [[0, 0, 0], [0, 0, 5.2]])
    atoms.set_momenta([[0, 0, 1.0], [0, 0, -1.0]])
    options = OPTIONS | dict(ensemble="nve", steps=200, timestep_fs=0.5)
    message = (
        r"step \d+ .*no bond row for .* apart; .*missing_bonds='ignore'[^.]*\. "
        r"The last good frame is in crash\.extxyz\.$"
    )
    with pytest.raises(SimulationBlewUp, match=message) as caught:
        run(atoms, JaxReaxFF(lacking), **options)
    # New lists are made where an atom has moved half the skin of bonds.
    assert 4.8 < caught.value.atoms.get_distance(0, 1) < 5.0
    assert caught.value.step == caught.value.atoms.info["step"]
    saved = ase.io.read(here / "crash.extxyz")
    np.testing.assert_allclose(saved.positions, caught.value.atoms.positions)


def test_a_long_time_step_is_warned_of(calc, caplog):
    with caplog.at_level(logging.WARNING):
        run(molecule("H2O"), calc, steps=1, timestep_fs=0.6, progress=False)
    assert "timestep_fs=0.6 is long" in caplog.text
    caplog.clear()
    run(molecule("H2O"), calc, steps=1, timestep_fs=0.5, progress=False)
    assert not caplog.text
    with pytest.raises(InputError, match="too long"):
        run(molecule("H2O"), calc, steps=1, timestep_fs=1.1, progress=False)
