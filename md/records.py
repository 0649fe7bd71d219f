"""What a run leaves behind: rows, files and checkpoints of all its systems."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ase_reaxff_jax.calculator import JaxReaxFF
from ase_reaxff_jax.md import checkpoint, filenames, saving
from ase_reaxff_jax.md.arguments import Arguments
from ase_reaxff_jax.md.errors import CheckpointError
from ase_reaxff_jax.md.picture import summary_picture
from ase_reaxff_jax.md.recorder import Recorder
from ase_reaxff_jax.md.results import Rows
from ase_reaxff_jax.md.saving import Kept
from ase_reaxff_jax.md.simulation import Simulation


class Records:
    """The recorders of all systems, and the checkpoint that they share."""

    def __init__(
        self, arguments: Arguments, calculator: JaxReaxFF, simulation: Simulation
    ):
        self._arguments, self._simulation = arguments, simulation
        self._elements = calculator.force_field.elements
        self.recorders = [self._recorder(k) for k in range(len(arguments.structures))]
        self._names = [recorder.names for recorder in self.recorders]
        self._identity = saving.identity(simulation, arguments, self._names[0])
        self._overwrite = arguments.overwrite
        self._row = np.empty(0)  # of the step reached
        self._regular: Kept | None = None  # without what only the last step has
        self.saved: int | None = None  # step of the last checkpoint

    def _recorder(self, k: int) -> Recorder:
        arguments, simulation = self._arguments, self._simulation
        atoms = arguments.structures[k]
        fixed = simulation.one(simulation.fixed, k)
        rows = Rows(atoms, float(fixed.particles.degrees), arguments.timestep_fs)
        return Recorder(atoms, self._elements, rows, arguments.files_of(k))

    # Start

    def found(self) -> Kept | None:
        """Checks all names; what there is to go on from, None: the run starts.

        Raises:
            CheckpointError, FileExistsError, InputError, OSError: as `run`.
        """
        arguments, path = self._arguments, self._arguments.checkpoint
        filenames.check_usable(self._names, path, arguments.folder())
        if path is None or not arguments.restart or not checkpoint.exists(path):
            files = [file for names in self._names for file in names.paths()]
            self._check_new(
                files if path is None else [*files, *checkpoint.generations(path)]
            )
            return None
        kept = saving.load(path, self._simulation, self._identity)
        if kept.picture != self._picture():
            self._check_new([n.picture for n in self._names if n.picture is not None])
        if kept.positions is None:
            self._overwrite = True  # the files are those of this run
            return None
        self._check_steps()
        return kept

    def _check_new(self, paths: list[Path]) -> None:
        arguments = self._arguments
        filenames.check_new(
            paths, overwrite=arguments.overwrite, restart=arguments.restart,
            checkpoint=arguments.checkpoint,
        )  # fmt: skip

    def _check_steps(self) -> None:
        step, steps = self._simulation.step, self._arguments.steps
        if step > steps:
            raise CheckpointError(
                f"{self._arguments.checkpoint} is at step {step}, beyond "
                f"steps={steps}; give steps={step} or more, or start a new run"
            )

    def start(self, row: np.ndarray) -> None:
        """New files; `row` is that of step 0."""
        self._row = row
        path = self._arguments.checkpoint
        if path is not None:
            # Before there are files: from now on a restart knows them as its own.
            saving.save(path, self._simulation, self._identity, self._kept(None))
        for recorder in self.recorders:
            recorder.open(None, overwrite=self._overwrite)

    def resume(self, kept: Kept) -> None:
        """The files as the checkpoint has left them."""
        assert kept.positions is not None
        for recorder, state, position in zip(
            self.recorders, kept.recorded, kept.positions, strict=True
        ):
            recorder.restore(state)
            recorder.open(position, overwrite=False)
        self._row, self.saved = kept.row, self._simulation.step

    # Steps

    def record(self, row: np.ndarray, speed: float) -> bool:
        """What is due at the present step, whose row is given; whether a row was."""
        self._row = row
        arguments = self._arguments
        row_due, frame_due = (
            self._due(arguments.log_every), self._due(arguments.frame_every)
        )  # fmt: skip
        self._write(speed, row=row_due, frame=frame_due)
        return self.record_end(speed) or row_due

    def record_end(self, speed: float) -> bool:
        """At the last step, row and frame that are not due; whether a row was not.

        Checkpoints leave them out: a run that goes on beyond this step has none here.
        """
        arguments = self._arguments
        if self._simulation.step != arguments.steps:
            return False
        row = not self._due(arguments.log_every)
        frame = not self._due(arguments.frame_every)
        if row or frame:
            self._regular = self._kept([r.flush() for r in self.recorders])
            self._write(speed, row=row, frame=frame)
        return row

    def _due(self, every: int) -> bool:
        return self._simulation.step % every == 0

    def _write(self, speed: float, *, row: bool, frame: bool) -> None:
        simulation = self._simulation
        if row:
            values = self._row if self._arguments.batched else self._row[None]
            bondings = simulation.bonding()
            for recorder, own, bonding in zip(
                self.recorders, values, bondings, strict=True
            ):
                recorder.log(simulation.step, own, bonding, speed)
        if frame:
            for k, recorder in enumerate(self.recorders):
                recorder.frame(partial(simulation.frame, k))

    def save(self) -> None:
        """Brings the files to the disk, and writes the checkpoint if one is wanted."""
        positions = [recorder.flush() for recorder in self.recorders]
        path = self._arguments.checkpoint
        if path is not None:
            kept = self._regular or self._kept(positions)
            saving.save(path, self._simulation, self._identity, kept)
            self.saved = self._simulation.step

    def _kept(self, positions: list[dict[str, Any]] | None) -> Kept:
        states = [recorder.state() for recorder in self.recorders]
        return Kept(positions, states, self._row, self._picture())

    def _picture(self) -> str | None:
        """The picture's name as the checkpoint has it."""
        path, picture = self._arguments.checkpoint, self._names[0].picture
        if path is None or picture is None:
            return None
        return filenames.seen_from(path, picture)

    # End

    def draw(self) -> None:
        """The pictures that are wanted."""
        for recorder in self.recorders:
            path = recorder.names.picture
            if path is not None:
                summary_picture(path, recorder.rows.columns(), recorder.history)

    def close(self) -> None:
        """Closes all files."""
        for recorder in self.recorders:
            recorder.close()
