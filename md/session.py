"""One call of `run`, from its first step to its results."""

import time
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ase_reaxff_jax.calculator import JaxReaxFF
from ase_reaxff_jax.md import checkpoint, saving
from ase_reaxff_jax.md.arguments import Arguments, simulation_of
from ase_reaxff_jax.md.errors import SimulationBlewUp
from ase_reaxff_jax.md.frames import Frame
from ase_reaxff_jax.md.loop import compilations
from ase_reaxff_jax.md.outputs import files
from ase_reaxff_jax.md.outputs.extxyz import ExtendedXYZ
from ase_reaxff_jax.md.recorder import Recorder
from ase_reaxff_jax.md.results import Rows, RunResult
from ase_reaxff_jax.md.signals import Interrupts

CRASH = "crash.extxyz"
FS_PER_DAY = 86_400.0
FS_PER_NS = 1e6


class Session:
    """Steps, outputs, checkpoints, and the reasons to stop early."""

    def __init__(
        self, arguments: Arguments, calculator: JaxReaxFF, interrupts: Interrupts
    ):
        self.arguments, self.calculator = arguments, calculator
        self.interrupts = interrupts
        self.simulation = simulation_of(arguments, calculator)
        self.recorders = [self._recorder(k) for k in range(len(arguments.structures))]
        self.identity = saving.identity(
            self.simulation, arguments.ensemble, arguments.cell, arguments.log_every
        )
        self._started = time.monotonic()
        self._timed_steps, self._timed_seconds = 0, 0.0
        self._speed = np.nan
        self._stopped = ""

    def _recorder(self, k: int) -> Recorder:
        arguments = self.arguments
        atoms = arguments.structures[k]
        fixed = self.simulation.one(self.simulation.fixed, k)
        degrees = float(fixed.particles.degrees)
        rows = Rows(atoms, degrees, arguments.timestep_fs)
        elements = self.calculator.force_field.elements
        return Recorder(atoms, elements, rows, arguments.files_of(k))

    def run(self) -> list[RunResult]:
        """All steps, with outputs, checkpoints and the reasons to stop early."""
        try:
            self._begin()
            self._go_on()
            self._draw()
        except SimulationBlewUp as error:
            self._save_crash(error)
            raise
        finally:
            for recorder in self.recorders:
                recorder.close()
        return [self._result(k) for k in range(len(self.recorders))]

    def _draw(self) -> None:
        for k, recorder in enumerate(self.recorders):
            path = self.arguments.picture_of(k)
            if path is not None:
                from ase_reaxff_jax.md.picture import summary_picture

                summary_picture(path, recorder.rows.columns(), recorder.history)

    def _save_crash(self, error: SimulationBlewUp) -> None:
        info = error.atoms.info
        file = ExtendedXYZ.create(self.arguments.folder() / CRASH, overwrite=True)
        file.write(Frame(info["step"], info["time_fs"], error.atoms))
        file.close()

    # Start

    def _begin(self) -> None:
        path, positions, owned = self.arguments.checkpoint, None, False
        if path is not None and self.arguments.restart and checkpoint.exists(path):
            positions = saving.load(
                path, self.simulation, self.recorders, self.identity
            )
            owned = True
        if positions is not None:
            for recorder, position in zip(self.recorders, positions, strict=True):
                recorder.open(position, overwrite=False)
            return
        if not owned:
            self._check_new(path)
        row = self.simulation.start()
        if path is not None:
            # Before there are files: from now on a restart knows them as its own.
            saving.save(path, self.simulation, self.recorders, self.identity, None)
        for recorder in self.recorders:
            recorder.open(None, overwrite=self.arguments.overwrite or owned)
        self._record(row[-1])
        if path is not None:
            self._save()

    def _check_new(self, path: Path | None) -> None:
        arguments = self.arguments
        for k in range(len(self.recorders)):
            arguments.files_of(k).check(overwrite=arguments.overwrite)
        if path is None:
            return
        files.check_folder(path)
        if not checkpoint.exists(path):
            return
        if not arguments.overwrite:
            raise FileExistsError(
                f"{path} exists; give restart=True to go on with that run, "
                "overwrite=True to replace it, or another name"
            )

    # Steps

    def _go_on(self) -> None:
        arguments, simulation = self.arguments, self.simulation
        hidden = None if arguments.progress else True
        with tqdm(
            total=arguments.steps, initial=simulation.step, unit="step",
            desc=arguments.ensemble, disable=hidden, leave=False, dynamic_ncols=True,
        ) as bar:  # fmt: skip
            while simulation.step < arguments.steps and not self._reason_to_stop():
                before = simulation.step
                rows = self._advance(min(self._next(before), arguments.steps))
                self._record(rows[-1])
                if arguments.checkpoint and self._due(arguments.checkpoint_every):
                    self._save()
                bar.update(simulation.step - before)
                bar.set_postfix_str(self._pace(), refresh=False)
        if arguments.checkpoint:
            self._save()

    def _pace(self) -> str:
        per_day = self._speed * self.arguments.timestep_fs * FS_PER_DAY / FS_PER_NS
        return f"{per_day:.3g} ns/day"

    def _next(self, step: int) -> int:
        """The next step at which something is to be written, or a signal heeded."""
        arguments = self.arguments
        every = [arguments.log_every]
        if arguments.trajectory:
            every.append(arguments.frame_every)
        if arguments.checkpoint:
            every.append(arguments.checkpoint_every)
        soonest = min((step // e + 1) * e for e in every)
        return min(soonest, step + self.simulation.most_steps())

    def _due(self, every: int) -> bool:
        return self.simulation.step % every == 0

    def _advance(self, until: int) -> np.ndarray:
        compiled, start = compilations(), time.perf_counter()
        before = self.simulation.step
        rows = self.simulation.advance(until)
        if compilations() == compiled:
            seconds, steps = time.perf_counter() - start, until - before
            self._timed_steps += steps
            self._timed_seconds += seconds
            self._speed = steps / seconds
        return rows

    def _record(self, row: np.ndarray) -> None:
        """What is to be written at the present step; `row` is its own."""
        arguments, simulation = self.arguments, self.simulation
        last = simulation.step == arguments.steps
        values = row if arguments.batched else row[None]
        if last or self._due(arguments.log_every):
            bondings = simulation.bonding()
            for recorder, own, bonding in zip(
                self.recorders, values, bondings, strict=True
            ):
                recorder.log(simulation.step, own, bonding, self._speed)
            self._ask_to_stop()
        if last or self._due(arguments.frame_every):
            for k, recorder in enumerate(self.recorders):
                recorder.frame(partial(simulation.frame, k))

    def _ask_to_stop(self) -> None:
        stop = self.arguments.stop
        if stop is None:
            return
        frames = [self.simulation.frame(k) for k in range(len(self.recorders))]
        if any([stop(frame) for frame in frames]):
            self._stopped = "asked for by `stop`"

    def _reason_to_stop(self) -> str:
        limit = self.arguments.wall_time_s
        if self.interrupts.received is not None:
            self._stopped = "interrupted"
        elif limit is not None and time.monotonic() - self._started > limit:
            self._stopped = f"after {limit:g} s of wall time"
        return self._stopped

    def _save(self) -> None:
        positions = [recorder.flush() for recorder in self.recorders]
        path = self.arguments.checkpoint
        assert path is not None
        saving.save(path, self.simulation, self.recorders, self.identity, positions)

    # End

    def _result(self, k: int) -> RunResult:
        recorder = self.recorders[k]
        atoms = self.simulation.frame(k).atoms
        atoms.calc = self.calculator
        seconds = self._timed_seconds
        return RunResult(
            atoms=atoms,
            **recorder.rows.columns(),
            species=recorder.species,
            reactions=recorder.history.reactions,
            steps_per_second=self._timed_steps / seconds if seconds else np.nan,
            stopped=self._stopped,
        )
