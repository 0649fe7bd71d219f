"""The arguments of a run, checked, and the simulation that they ask for."""

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import InputError

from ase_reaxff_jax import report
from ase_reaxff_jax.calculator import JaxReaxFF
from ase_reaxff_jax.md import preparation
from ase_reaxff_jax.md.conditions import PRESSURES, Conditions, courses
from ase_reaxff_jax.md.filenames import Files
from ase_reaxff_jax.md.integrators import integrator_of
from ase_reaxff_jax.md.shared_calculator import calculator_of
from ase_reaxff_jax.md.simulation import Simulation
from ase_reaxff_jax.precision import scope
from ase_reaxff_jax.settings import DIRECT_LIMIT

LOG = logging.getLogger("ase_reaxff_jax")
LONGEST_fs, LONG_fs = 1.0, 0.5  # time steps that are refused, and warned of


@dataclass
class Arguments:
    """Those of `run`, with the same names; InputError says which one is wrong."""

    # Any value may come from a user: what is right is checked below, with words.
    atoms: Any
    calc: Any
    steps: Any
    ensemble: Any
    timestep_fs: Any
    temperature_K: Any
    tau_fs: Any
    pressure_GPa: Any
    pressure_tau_fs: Any
    compressibility_per_GPa: Any
    cell: Any
    seed: Any
    log_every: Any
    trajectory: Any
    trajectory_every: Any
    log: Any
    bonds: Any
    species: Any
    picture: Any
    checkpoint: Any
    checkpoint_every: Any
    restart: Any
    overwrite: Any
    max_temperature_K: Any
    max_displacement_A: Any
    wall_time_s: Any
    stop: Any
    progress: Any

    def __post_init__(self):
        if isinstance(self.atoms, Iterator):  # can be read once
            self.atoms = list(self.atoms)
        integrator_of(self.ensemble, self.cell)
        for name in ("timestep_fs", "tau_fs", "pressure_tau_fs",
                     "compressibility_per_GPa"):  # fmt: skip
            self._check_number(name)
        for name in ("max_temperature_K", "max_displacement_A", "wall_time_s"):
            if getattr(self, name) is not None:
                self._check_number(name)
        for name in ("log_every", "checkpoint_every", "trajectory_every"):
            if not (name == "trajectory_every" and self.trajectory_every is None):
                self._check_count(name, least=1)
        self._check_count("steps", least=0)
        self._check_count("seed", least=0)
        self._check_times()
        self._check_pressure()
        if self.restart and self.checkpoint is None:
            raise InputError("restart=True needs the name of the checkpoint")
        if self.stop is not None and not callable(self.stop):
            raise InputError(f"stop must be a function of a frame, not {self.stop!r}")
        self._check_names()
        self.checkpoint = None if self.checkpoint is None else Path(self.checkpoint)
        if self.picture is not None and find_spec("matplotlib") is None:
            raise InputError(
                "picture needs matplotlib: pip install 'ase-reaxff-jax[plot]'"
            )
        self._check_structures()

    def _check_number(self, name: str) -> None:
        value = getattr(self, name)
        number = isinstance(value, int | float | np.number)
        if not number or isinstance(value, bool) or not 0 < value < np.inf:
            raise InputError(f"{name} must be a positive number, not {value!r}")

    def _check_count(self, name: str, *, least: int) -> None:
        value = getattr(self, name)
        whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if not whole or value < least:
            raise InputError(
                f"{name} must be a whole number, at least {least}, not {value!r}"
            )

    def _check_names(self) -> None:
        for name in ("trajectory", "log", "bonds", "species", "picture", "checkpoint"):
            value = getattr(self, name)
            several = name == "trajectory" and isinstance(value, list | tuple)
            for path in value if several else [value]:
                if path is not None and not isinstance(path, str | os.PathLike):
                    raise InputError(f"{name} must be the name of a file, not {path!r}")

    def _check_times(self) -> None:
        if self.timestep_fs > LONGEST_fs:
            raise InputError(
                f"timestep_fs={self.timestep_fs:g} is too long for ReaxFF, whose bonds "
                f"to hydrogen vibrate within 10 fs: at most {LONGEST_fs:g}, usual 0.25"
            )
        if self.timestep_fs > LONG_fs:
            LOG.warning("timestep_fs=%g is long; 0.1 to 0.25 is usual with hydrogen",
                        self.timestep_fs)  # fmt: skip
        times = {"tau_fs": self.ensemble != "nve",
                 "pressure_tau_fs": self.ensemble.startswith("npt")}  # fmt: skip
        for name, used in times.items():
            if used and getattr(self, name) <= self.timestep_fs:
                raise InputError(
                    f"{name}={getattr(self, name):g} must be longer than the time "
                    f"step, {self.timestep_fs:g} fs"
                )

    def _check_pressure(self) -> None:
        wanted = self.ensemble.startswith("npt")
        if wanted and self.pressure_GPa is None:
            raise InputError(f"ensemble={self.ensemble!r} needs pressure_GPa")
        if not wanted and self.pressure_GPa is not None:
            raise InputError(
                f"pressure_GPa has no effect with ensemble={self.ensemble!r}; "
                "leave it out, or take an 'npt' ensemble"
            )

    def _check_structures(self) -> None:
        structures = self.structures
        if not structures or not all(isinstance(a, Atoms) for a in structures):
            raise InputError(f"run takes Atoms or a list of Atoms, not {self.atoms!r}")
        for k, atoms in enumerate(structures):
            with report.numbered(k, len(structures)):
                mobile = preparation.mobile_components(atoms)
                if self.ensemble.startswith("npt"):
                    self._check_cell(atoms, mobile)
        most = max(map(len, structures))
        if self.batched and most > DIRECT_LIMIT:
            raise InputError(
                f"structures of a batch have at most {DIRECT_LIMIT} atoms, one has "
                f"{most}; run larger ones one by one"
            )

    def _check_cell(self, atoms: Atoms, mobile: np.ndarray) -> None:
        """Whether the barostat can change it."""
        if not atoms.pbc.all() or atoms.cell.rank < 3:
            raise InputError(
                f"ensemble={self.ensemble!r} needs a structure that is periodic "
                f"along all three axes; pbc is {atoms.pbc.tolist()}"
            )
        if not mobile.all():
            raise NotImplementedError(
                f"ensemble={self.ensemble!r} with fixed atoms: where they should "
                "go as the cell changes is not defined"
            )

    @cached_property
    def batched(self) -> bool:
        """Whether there is a list of structures."""
        return not isinstance(self.atoms, Atoms)

    @cached_property
    def structures(self) -> list[Atoms]:
        """All structures; copies, without calculators."""
        if not self.batched:
            return [self.atoms.copy()]
        return [a.copy() if isinstance(a, Atoms) else a for a in self.atoms]

    @cached_property
    def frame_every(self) -> int:
        """Steps between frames."""
        every = self.trajectory_every
        return self.log_every if every is None else every

    def calculator(self) -> JaxReaxFF:
        """The one given, or that of the atoms."""
        given = list(self.atoms) if self.batched else [self.atoms]
        return calculator_of(given, self.calc, caller="run")

    def files_of(self, k: int) -> Files:
        """Names of the files of system k."""
        several = isinstance(self.trajectory, list | tuple)
        names = self.trajectory if several else [self.trajectory]

        def path(name) -> Path | None:
            return None if name is None else Path(name)

        files = Files(
            trajectories=tuple(Path(name) for name in names if name is not None),
            log=path(self.log),
            bonds=path(self.bonds),
            species=path(self.species),
            picture=path(self.picture),
        )
        return files.of_system(k) if self.batched else files

    def folder(self) -> Path:
        """Where the outputs go: for what is written when a run fails."""
        paths = [*self.files_of(0).named().values(), self.checkpoint]
        return next((path.parent for path in paths if path is not None), Path())

    def conditions(self) -> Conditions:
        """What the integrators need to know."""
        count = len(self.structures)
        shared: dict[str, Any] = dict(
            many=self.batched, steps=self.steps, timestep_fs=self.timestep_fs
        )
        coldest = 0.0 if self.ensemble == "nve" else 1e-3
        pressure = 0.0 if self.pressure_GPa is None else self.pressure_GPa
        hottest, farthest = self.max_temperature_K, self.max_displacement_A
        return Conditions(
            timestep_fs=self.timestep_fs,
            tau_fs=self.tau_fs,
            pressure_tau_fs=self.pressure_tau_fs,
            compressibility_per_GPa=self.compressibility_per_GPa,
            temperatures=courses(
                "temperature_K", self.temperature_K, count, least=coldest, **shared
            ),
            pressures=courses("pressure_GPa", pressure, count, **PRESSURES, **shared),
            seeds=[self.seed + k for k in range(count)],
            max_temperature_K=np.inf if hottest is None else hottest,
            max_displacement_A=np.inf if farthest is None else farthest,
        )


def simulation_of(arguments: Arguments, calculator: JaxReaxFF) -> Simulation:
    """The simulation, one step before its first."""
    engine, ensemble = calculator.engine, arguments.ensemble
    structures, settings = arguments.structures, engine.settings
    integrator = integrator_of(ensemble, arguments.cell)
    conditions = arguments.conditions()
    with scope(settings.dtype, engine.device):
        systems = engine.alike(structures)
        size = len(systems[0].mask)
        particles, states = [], []
        for k, (atoms, system) in enumerate(zip(structures, systems, strict=True)):
            temperature = conditions.temperatures[k].at(np.zeros(1, int))[0]
            velocities = preparation.first_velocities(
                atoms, ensemble, temperature, arguments.seed + k
            )
            own = preparation.particles_of(atoms, ensemble, settings, size)
            particles.append(own)
            states.append(
                preparation.first_state(atoms, system, velocities, engine, integrator)
            )
        fixed = preparation.fixed_of(systems, particles)
    return Simulation(
        engine, structures, states, fixed,
        integrator=integrator, conditions=conditions, batched=arguments.batched,
    )  # fmt: skip
