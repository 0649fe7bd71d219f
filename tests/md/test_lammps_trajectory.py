"""The same trajectory as LAMMPS, from the same start."""

import lammps_dynamics
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule, surface
from ase.optimize import FIRE
from motion import warm
from nitramine import rdx
from packing import packed, place

from ase_reaxff_jax import JaxReaxFF
from ase_reaxff_jax.md import run

pytestmark = pytest.mark.optimised

STEPS = 200


def water():
    return packed(["H2O"] * 27, 0.0905, np.random.default_rng(2)), "cho"


def ethanol():
    return packed(["CH3CH2OH"] * 4, 0.08, np.random.default_rng(3)), "rdx"


def explosive():
    rng = np.random.default_rng(4)
    atoms = Atoms(cell=9.6 * np.eye(3), pbc=True)
    for _ in range(2):
        place(atoms, rdx(), rng, distance=2.2)
    atoms.calc = JaxReaxFF("rdx")
    FIRE(atoms, logfile=None).run(fmax=0.5, steps=100)
    return atoms, "rdx"


def moist_oxide():
    oxide = bulk("ZnO", "wurtzite", a=3.25, c=5.2)
    slab = surface(oxide, (1, 0, 0), layers=2, vacuum=6.0).repeat((1, 2, 1))
    water = molecule("H2O")
    water.translate(slab.positions.max(axis=0) - [1.5, 2.5, -2.2])
    return slab + water, "ZnOH"


@pytest.mark.lammps
@pytest.mark.parametrize(
    "build",
    [water, pytest.param(ethanol, marks=pytest.mark.long), explosive, moist_oxide],
)
def test_positions_are_those_of_lammps_for_200_steps(build):
    atoms, force_field = build()
    warm(atoms)
    options = dict(charge_response=False, charge_tolerance=1e-12)
    calc = JaxReaxFF(force_field, **options)
    frames = []

    def keep(frame):
        frames.append(frame.atoms.positions)
        return False

    run(atoms, calc, ensemble="nve", steps=STEPS, log_every=50, stop=keep,
        timestep_fs=0.25, progress=False)  # fmt: skip
    assert np.ptp(frames, axis=0).max() > 0.3
    theirs = lammps_dynamics.trajectory(
        atoms, force_field, steps=STEPS, every=50, timestep_fs=0.25
    )
    assert np.shape(frames) == theirs.shape
    apart = abs(np.array(frames) - theirs).max()
    print(f"{atoms.symbols}: at most {apart:.1e} Å from LAMMPS's positions")
    assert apart < 1e-6
