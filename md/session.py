"""One call of `run`, from its first step to its results."""

import logging
import time
from collections.abc import Callable
from contextlib import closing

import jax
import numpy as np
from tqdm import tqdm

from ase_reaxff_jax.calculator import JaxReaxFF
from ase_reaxff_jax.md.arguments import Arguments, simulation_of
from ase_reaxff_jax.md.errors import SimulationBlewUp
from ase_reaxff_jax.md.filenames import CRASH
from ase_reaxff_jax.md.frames import Frame
from ase_reaxff_jax.md.loop import compilations
from ase_reaxff_jax.md.outputs.extxyz import ExtendedXYZ
from ase_reaxff_jax.md.records import Records
from ase_reaxff_jax.md.results import RunResult
from ase_reaxff_jax.md.signals import Interrupts

LOG = logging.getLogger("ase_reaxff_jax")
FS_PER_DAY = 86_400.0
FS_PER_NS = 1e6


class Session:
    """Steps, what is to be written after them, and the reasons to stop early."""

    def __init__(
        self, arguments: Arguments, calculator: JaxReaxFF, interrupts: Interrupts
    ):
        self.arguments, self.calculator = arguments, calculator
        self.interrupts = interrupts
        self.simulation = simulation_of(arguments, calculator)
        self.records = Records(arguments, calculator, self.simulation)
        self._started = time.monotonic()
        self._timed_steps, self._timed_seconds = 0, 0.0
        self._speed = np.nan
        self._stopped = ""

    def run(self, accepted: Callable[[], None]) -> list[RunResult]:
        """All steps, with outputs, checkpoints and the reasons to stop early.

        `accepted` is called when no argument can be refused any more.
        """
        try:
            self._begin(accepted)
            self._go_on()
            self.records.draw()
            self._give_notice()
        except SimulationBlewUp as error:
            self._save_crash(error)
            raise
        finally:
            self.records.close()
        return [self._result(k) for k in range(len(self.records.recorders))]

    def _begin(self, accepted: Callable[[], None]) -> None:
        kept = self.records.found()
        accepted()
        if kept is not None:
            self.records.resume(kept)
            self._give_notice()
            if self.records.record_end(self._speed):
                self._ask_to_stop()
            return
        row = self.simulation.start()[-1]
        self.records.start(row)
        self._record(row)
        if self.arguments.checkpoint:
            self.records.save()

    def _record(self, row: np.ndarray) -> None:
        if self.records.record(row, self._speed):
            self._give_notice()
            self._ask_to_stop()

    def _give_notice(self) -> None:
        simulation = self.simulation
        with simulation.scope():
            charges = jax.device_get(simulation.state.result.solution.charges)
        for k, atoms in enumerate(simulation.structures):
            own = simulation.one(charges, k)[: len(atoms)].astype(float)
            topology = simulation.renewal.entries[k].topology
            self.calculator.notice(atoms, own, topology)

    def _save_crash(self, error: SimulationBlewUp) -> None:
        info = error.atoms.info
        path = self.arguments.folder() / CRASH
        try:
            with closing(ExtendedXYZ.create(path, overwrite=True)) as file:
                file.write(Frame(info["step"], info["time_fs"], error.atoms))
        except OSError as failure:  # which must not hide that of the run
            LOG.warning("the last good frame is not in a file: %s", failure)
            return
        error.args = (f"{error} The last good frame is in {path}.",)

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
                due = simulation.step % arguments.checkpoint_every == 0
                if arguments.checkpoint and due:
                    self.records.save()
                bar.update(simulation.step - before)
                bar.set_postfix_str(self._pace(), refresh=False)
        if arguments.checkpoint:
            self.records.save()

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

    def _ask_to_stop(self) -> None:
        stop = self.arguments.stop
        if stop is None:
            return
        frames = [
            self.simulation.frame(k) for k in range(len(self.arguments.structures))
        ]
        if any([stop(frame) for frame in frames]):
            self._stopped = "asked for by `stop`"

    def _reason_to_stop(self) -> str:
        limit = self.arguments.wall_time_s
        if self.interrupts.received is not None:
            self._stopped = "interrupted"
        elif limit is not None and time.monotonic() - self._started > limit:
            self._stopped = f"after {limit:g} s of wall time"
        return self._stopped

    # End

    def where_it_ended(self) -> str:
        """The step reached, and how to go on from there."""
        arguments, path = self.arguments, self.arguments.checkpoint
        step = max(self.simulation.step, 0)
        reached = f"at step {step} of {arguments.steps}"
        if path is None:
            return f"{reached}; without a checkpoint it cannot be continued"
        saved = self.records.saved
        if saved is None:
            return f"{reached}; there is no checkpoint yet"
        return f"{reached}; {path} has step {saved}, restart=True goes on from there"

    def _result(self, k: int) -> RunResult:
        recorder = self.records.recorders[k]
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
