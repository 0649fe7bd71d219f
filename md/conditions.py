"""Conditions of a run: temperature and pressure, which may change, and constants."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import numpy as np
from ase import units
from ase.calculators.calculator import InputError
from jaxtyping import Float

from ase_reaxff_jax.md.loop import CHUNK, Schedule, Targets
from ase_reaxff_jax.settings import Settings

MOST_PRESSURE = 1e4  # GPa; who asks for more means another unit
PRESSURES: dict[str, Any] = dict(
    least=-MOST_PRESSURE, most=MOST_PRESSURE, hint=" (1 atm is 0.000101325 GPa)"
)
"""What a `Course` accepts as a pressure."""

Target = Any
"""A number, (start, stop) of a linear ramp over the run, or a function of time (fs)."""


class Course:
    """What a quantity is to be at every step."""

    def __init__(
        self, name: str, target: Target, *, steps: int, timestep_fs, least: float,
        most: float = np.inf, hint: str = "",
    ):  # fmt: skip
        self.name, self.target = name, target
        self.least, self.most, self.hint = least, most, hint
        self.steps, self.timestep_fs = steps, timestep_fs
        self._known: dict[int, float] = {}  # of a function, at the steps asked for last
        ramp = isinstance(target, tuple)
        ends = target if ramp else (target,)
        if callable(target):
            self.at(np.zeros(1, int))
        elif (ramp and len(ends) != 2) or not all(map(_is_number, ends)):
            raise InputError(
                f"{name} must be a number, (start, stop) or a function of the time in "
                f"fs, not {target!r}"
            )
        else:
            self._check(np.asarray(ends, float), ends)

    @property
    def constant(self) -> bool:
        """Whether it is the same at all steps."""
        return not callable(self.target) and not isinstance(self.target, tuple)

    def at(self, steps: np.ndarray) -> Float[np.ndarray, " steps"]:
        """Values at these steps; InputError where one makes no sense."""
        target = self.target
        if callable(target):
            self._known = {n: self._value(n) for n in steps.tolist()}
            return np.array(list(self._known.values()))
        if isinstance(target, tuple):
            share = np.clip(steps / max(self.steps, 1), 0.0, 1.0)
            return target[0] + (target[1] - target[0]) * share
        return np.full(len(steps), float(target))

    def _value(self, step: int) -> float:
        """Of a function, which is asked once for each step."""
        if step not in self._known:
            time = step * float(self.timestep_fs)
            found, at = self.target(time), f" at {time:g} fs"
            if not _is_number(found):
                raise InputError(
                    f"{self.name} must be a number, found {found!r}{at} in "
                    f"{self.target!r}"
                )
            self._check(np.array([float(found)]), self.target, at=at)
            return float(found)
        return self._known[step]

    def described(self) -> float | str:
        """The course as a checkpoint has it; a function is known by its start alone."""
        target = self.target
        if callable(target):
            return f"a function of time, {self.at(np.zeros(1, int))[0]:g} at the start"
        if isinstance(target, tuple):
            first, last = map(float, target)
            return f"a ramp from {first} to {last} over {self.steps} steps"
        return float(self.at(np.zeros(1, int))[0])

    def _check(self, values: np.ndarray, given, at: str = "") -> None:
        bad = ~np.isfinite(values) | (values < self.least) | (values > self.most)
        if bad.any():
            limit = f"at least {self.least:g}"
            if np.isfinite(self.most):
                limit += f" and at most {self.most:g}{self.hint}"
            where = f" in {given!r}" if callable(given) or len(given) > 1 else ""
            raise InputError(
                f"{self.name} must be {limit}, found {values[bad][0]:g}{at}{where}"
            )


def courses(
    name: str, targets, systems: int, *, many: bool, **options
) -> Sequence[Course]:
    """The course of each system: of a list each has its own, else all have the same."""
    if not isinstance(targets, list):
        return [Course(name, targets, **options)] * systems
    if not many:
        raise InputError(
            f"{name} is a list, but there is one system; a ramp is a tuple"
        )
    if len(targets) != systems:
        raise InputError(f"{name} has {len(targets)} entries for {systems} systems")
    return [Course(name, target, **options) for target in targets]


def _is_number(value) -> bool:
    if getattr(value, "shape", None) == ():
        value = value.item()  # as interpolations give it, an array without axes
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """Everything that the integrators need to know, in the units of its name."""

    timestep_fs: float | int
    tau_fs: float | int
    pressure_tau_fs: float | int
    compressibility_per_GPa: float | int
    temperatures: Sequence[Course]  # K, of each system
    pressures: Sequence[Course]  # GPa, of each system
    seeds: Sequence[int]  # of each system
    max_temperature_K: float | int  # infinite where there is no limit
    max_displacement_A: float | int

    def schedule(
        self, first: int, settings: Settings, *, at_rest: bool = False
    ) -> Schedule:
        """What all systems share, from step `first` on; `at_rest`: no time passes."""
        array = settings.array
        return Schedule(
            first=np.asarray(first, np.int32),
            timestep=array(0.0 if at_rest else self.timestep_fs * units.fs),
            tau=array(self.tau_fs * units.fs),
            pressure_tau=array(self.pressure_tau_fs * units.fs),
            compressibility=array(self.compressibility_per_GPa / units.GPa),
            hottest=array(self.max_temperature_K * units.kB),
            farthest=array(self.max_displacement_A),
        )

    @property
    def constant(self) -> bool:
        """Whether nothing changes from step to step."""
        return all(c.constant for c in (*self.temperatures, *self.pressures))

    @cached_property
    def _keys(self) -> list[np.ndarray]:
        """Of each system's random numbers."""
        keys = map(jax.random.key, self.seeds)
        return [np.asarray(jax.random.key_data(key)) for key in keys]

    def targets(self, first: int, last: int, settings: Settings) -> list[Targets]:
        """What each system is to have at steps `first` to `last`, of one call."""
        steps = np.arange(first, last + 1)
        kT = _of_each(self.temperatures, steps, units.kB, settings)
        pressure = _of_each(self.pressures, steps, units.GPa, settings)
        parts = zip(kT, pressure, self._keys, strict=True)
        return [Targets(kT=t, pressure=p, key=key) for t, p, key in parts]


def _of_each(
    courses: Sequence[Course], steps: np.ndarray, unit: float, settings: Settings
) -> list[np.ndarray]:
    """Values of each course, as long as the loop wants them; the last is repeated.

    Systems that share a course share the array.
    """
    spare = CHUNK - len(steps)
    made = {
        id(course): np.pad(settings.array(unit * course.at(steps)), (0, spare), "edge")
        for course in {id(course): course for course in courses}.values()
    }
    return [made[id(course)] for course in courses]
