"""Every thermostat and barostat, by the checks of the package `physical_validation`.

Energies are cheap; the integrators are those of `run`. Two runs at different
temperatures or pressures have distributions of a known ratio; kinetic energies have
known ones. A result is how many standard deviations something is from where it should
be.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from ase import units
from model_systems import CRYSTAL, CRYSTAL_AT_WORK, crystal_energy, sampled
from other_programs import elsewhere
from small import moist_methane

from ase_reaxff_jax import JaxReaxFF
from ase_reaxff_jax.md import run

SHAPES = ("isotropic", "orthorhombic", "full")
CHECKS = Path(__file__).parents[1] / "physical_validation_checks.py"
EVERYTHING = [
    *((f"nvt-{name}", "-") for name in ("langevin", "nose-hoover", "csvr")),
    *((f"npt-{name}", shape) for name in ("scr", "mtk") for shape in SHAPES),
]
WEAK = [("nvt-berendsen", "-"), *(("npt-berendsen", shape) for shape in SHAPES)]
LIMIT = 4.0  # standard deviations
MASS = 40.0  # amu
WARMER, HARDER = 1.15, 0.01  # of the second run: factor on kT, pressure (eV/Å^3)


def conditions_of(ensemble: str, second: bool):
    conditions = CRYSTAL_AT_WORK
    if ensemble == "nvt-langevin":
        # Its velocities at whole steps are a little too slow, by the step's square.
        conditions = conditions._replace(timestep=0.5 * conditions.timestep)
    if ensemble.startswith("nvt"):
        return conditions._replace(kT=conditions.kT * WARMER**second)
    tau = 150.0 if ensemble == "npt-mtk" else 100.0
    return conditions._replace(pressure=HARDER * second, pressure_tau=tau * units.fs)


def crystals(cases, samples: int) -> dict:
    """Samples and facts of two runs of each case."""
    runs = {}
    for ensemble, shape in cases:
        # A piston swings: its energy is remembered longer than the package sees in the
        # volumes. And a chain alone mixes the six modes of a cell too slowly.
        piston = ensemble == "npt-mtk"
        rarely = 10 if piston else 1
        for second, letter in enumerate("ab"):
            conditions = conditions_of(ensemble, bool(second))
            found = sampled(
                ensemble, "isotropic" if shape == "-" else shape, crystal_energy,
                CRYSTAL.positions, CRYSTAL.cell.array, MASS, conditions,
                samples=samples // rarely, every=20 * rarely, seed=3 + second,
                mixed=piston,
            )  # fmt: skip
            pressure = conditions.pressure if shape != "-" else np.nan
            runs[f"{ensemble} {shape} {letter}"] = dict(
                kinetic=found.thermal,
                potential=found.potential,
                volume=found.volume,
                facts=[len(CRYSTAL), found.degrees, conditions.kT, pressure],
            )
    return runs


def deviations(runs: dict, folder: Path) -> dict[str, list[float]]:
    """By the package, in a process of its own."""
    arrays = {
        f"{run}/{name}": numbers
        for run, parts in runs.items()
        for name, numbers in parts.items()
    }
    np.savez(folder / "samples.npz", **arrays)
    printed = elsewhere("physical_validation", CHECKS, folder / "samples.npz")
    return json.loads(printed.splitlines()[-1])


@pytest.mark.parametrize(
    ("cases", "samples"),
    [
        pytest.param([("nvt-nose-hoover", "-"), ("npt-scr", "full")], 4000, id="short"),
        pytest.param(EVERYTHING, 20_000, id="long", marks=pytest.mark.long),
    ],
)
def test_distributions_are_those_of_the_ensemble(cases, samples, tmp_path):
    found = deviations(crystals(cases, samples), tmp_path)
    assert len(found) == 3 * len(cases)
    wrong = {name: values for name, values in found.items() if max(values) > LIMIT}
    assert not wrong


@pytest.mark.parametrize(
    ("cases", "samples"),
    [
        pytest.param(WEAK[:1], 2000, id="short"),
        pytest.param(WEAK, 10_000, id="long", marks=pytest.mark.long),
    ],
)
def test_weak_coupling_reaches_the_means_alone(cases, samples, tmp_path):
    runs = crystals(cases, samples)
    for parts in runs.values():
        _, degrees, kT, _ = parts["facts"]
        assert parts["kinetic"].mean() == pytest.approx(0.5 * degrees * kT, rel=3e-3)
    found = deviations(runs, tmp_path)
    for ensemble, shape in cases:
        name = f"{ensemble} {shape}"
        # Mean and width of the kinetic energy, and the ratio of the distributions.
        for letter in "ab":
            mean, width = found[f"{name} {letter}"]
            assert mean < LIMIT < 50.0 < width
        assert found[name][0] > LIMIT


@pytest.mark.long
@pytest.mark.parametrize("ensemble", ["nvt-csvr", "nvt-langevin", "npt-scr"])
def test_a_reactive_force_field_has_the_kinetic_energies_too(ensemble, tmp_path):
    # Rows as far apart as the thermostat takes: nearer ones would count for too much.
    runs, barostat = {}, {}
    if ensemble == "npt-scr":
        barostat = dict(
            pressure_GPa=2.0, pressure_tau_fs=100.0, compressibility_per_GPa=0.1
        )
    for temperature_K, letter in zip((300.0, 330.0), "ab", strict=True):
        result = run(
            moist_methane(), JaxReaxFF("cho"), ensemble=ensemble, steps=40_000,
            temperature_K=temperature_K, tau_fs=20.0, timestep_fs=0.25,
            log_every=80, progress=False, **barostat,
        )  # fmt: skip
        kept = slice(len(result.step) // 10, None)
        degrees = 24 if ensemble == "nvt-langevin" else 21
        runs[f"{ensemble} - {letter}"] = dict(
            kinetic=0.5 * degrees * units.kB * result.temperature_K[kept],
            potential=result.potential_energy[kept],
            volume=result.volume_A3[kept],
            facts=[8, degrees, units.kB * temperature_K, np.nan],
        )
    found = deviations(runs, tmp_path)
    kinetic = {name: values for name, values in found.items() if len(values) == 2}
    assert len(kinetic) == 2
    assert not {name: x for name, x in kinetic.items() if max(x) > LIMIT}
