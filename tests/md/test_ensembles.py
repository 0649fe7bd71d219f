"""Thermostats and barostats on energies whose averages are known.

Harmonic dimers that do not see each other: every mode is that of an oscillator, and
their volume under a pressure is that of an ideal gas of dimers. Nothing would share
energy out between the modes but Langevin's noise; where that matters, velocities are
drawn anew now and then, which leaves the ensemble as it is.
"""

import numpy as np
import pytest
from ase import units
from model_systems import Conditions, sampled

ATOMS = 24
DIMERS = ATOMS // 2
MASS = 12.0  # amu
STIFFNESS = 10.0  # eV/Å^2
KT = units.kB * 500.0
EDGE = 20.0  # Å
PRESSURE = (DIMERS + 1) * KT / EDGE**3
CONDITIONS = Conditions(
    timestep=0.8 * units.fs,
    kT=KT,
    tau=20.0 * units.fs,
    pressure=PRESSURE,
    pressure_tau=60.0 * units.fs,
    compressibility=1.0 / PRESSURE,
)


def energy(positions, cell):
    """Of the dimers, eV."""
    return 0.5 * STIFFNESS * ((positions[::2] - positions[1::2]) ** 2).sum()


def samples(ensemble, shape="isotropic", *, mixed=False):
    rng = np.random.default_rng(1)
    positions = rng.uniform(0, EDGE, (ATOMS, 3))
    width = np.sqrt(KT / STIFFNESS)
    positions[1::2] = positions[::2] + rng.normal(0, width, (DIMERS, 3))
    return sampled(
        ensemble, shape, energy, positions, EDGE * np.eye(3), MASS, CONDITIONS,
        samples=100_000, every=2, mixed=mixed,
    )  # fmt: skip


def error_of_mean(values, blocks=20):
    """From the scatter of the means of blocks."""
    means = values[: len(values) // blocks * blocks].reshape(blocks, -1).mean(axis=1)
    return means.std(ddof=1) / np.sqrt(blocks)


def assert_mean(values, expected):
    mean, error = values.mean(), error_of_mean(values)
    assert error < 0.05 * expected, "too few samples to tell"
    assert abs(mean - expected) < 4 * error + 0.003 * expected, (mean, expected, error)


@pytest.mark.parametrize("ensemble", ["nvt-langevin", "nvt-csvr"])
def test_energies_are_distributed_as_in_the_canonical_ensemble(ensemble):
    thermal, potential, _, kept, _, degrees = samples(ensemble)
    assert_mean(thermal, 0.5 * degrees * KT)
    assert_mean((thermal - thermal.mean()) ** 2, 0.5 * degrees * KT**2)
    assert np.ptp(kept) < 0.2 * thermal.mean()
    if ensemble == "nvt-langevin":
        assert_mean(potential, 1.5 * DIMERS * KT)
        assert_mean((potential - potential.mean()) ** 2, 1.5 * DIMERS * KT**2)


def test_a_chain_keeps_the_mean_temperature_and_its_own_energy():
    thermal, _, _, kept, _, degrees = samples("nvt-nose-hoover")
    assert_mean(thermal, 0.5 * degrees * KT)
    assert np.ptp(kept) < 0.05 * thermal.mean()


def test_weak_coupling_keeps_the_mean_temperature_but_not_its_fluctuation():
    thermal, *_, degrees = samples("nvt-berendsen")
    assert thermal.mean() == pytest.approx(0.5 * degrees * KT, rel=0.02)
    assert thermal.var() < 0.9 * 0.5 * degrees * KT**2


# An ideal gas does not mind the shape of its cell, which would wander without bounds.
@pytest.mark.parametrize(
    "shape", [pytest.param("isotropic", marks=pytest.mark.long), "orthorhombic"]
)
def test_stochastic_rescaling_gives_the_volumes_of_an_ideal_gas(shape):
    thermal, _, volume, _, _, degrees = samples("npt-scr", shape, mixed=True)
    assert_mean(thermal, 0.5 * degrees * KT)
    assert_mean(PRESSURE * volume / KT, DIMERS + 1)
    fluctuation = (PRESSURE / KT) ** 2 * (volume - volume.mean()) ** 2
    assert_mean(fluctuation, DIMERS + 1)


@pytest.mark.long
@pytest.mark.parametrize("shape", ["isotropic", "orthorhombic"])
def test_a_piston_gives_the_volumes_of_an_ideal_gas(shape):
    thermal, _, volume, _, _, degrees = samples("npt-mtk", shape, mixed=True)
    assert_mean(thermal, 0.5 * degrees * KT)
    # One less than above: the centre of mass rests, and takes no part.
    assert_mean(PRESSURE * volume / KT, DIMERS)


@pytest.mark.parametrize("shape", ["isotropic", "full"])
def test_a_piston_keeps_its_own_energy(shape):
    _, _, volume, kept, _, degrees = samples("npt-mtk", shape)
    assert np.ptp(volume) > 0.1 * volume.mean()
    assert np.ptp(kept) < 0.02 * 0.5 * degrees * KT
