"""What a fit leaves on disk while it works: the best force field, and the history."""

import contextlib
import csv
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ase_reaxff_jax.ffield import write_ffield
from ase_reaxff_jax.fit.record import CHECKPOINT, JOURNAL
from ase_reaxff_jax.fit.search import Best, Step
from ase_reaxff_jax.fit.selection import Selection
from ase_reaxff_jax.md import checkpoint
from ase_reaxff_jax.md.outputs import files

BEST, HISTORY = "ffield_best", "history.csv"
COLUMNS = ("trial", "evaluation", "loss", "best", "validation", "minimized")


def claim(folder: Path, *, resume: bool) -> None:
    """Makes the folder of a fit.

    Raises:
        FileExistsError: it has a fit that is not to be resumed, or cannot be.
    """
    there = [folder / name for name in (BEST, HISTORY, CHECKPOINT, JOURNAL)
             if (folder / name).exists()]  # fmt: skip
    resumable = checkpoint.exists(folder / CHECKPOINT)
    there += sorted(folder.glob(f"trial-*/{CHECKPOINT}"))
    if there and resume and not resumable:
        raise FileExistsError(
            f"{there[0]} exists, but no {CHECKPOINT} beside it from which to resume; "
            "move it away, or name another folder"
        )
    if there and not resume:
        remedy = "give resume=True to go on with that fit, " if resumable else ""
        raise FileExistsError(
            f"{there[0]} exists; {remedy}move it away, or name another folder"
        )
    folder.mkdir(parents=True, exist_ok=True)


def least_of(folder: Path) -> float:
    """The least loss in the history of a fit; infinite where there is none."""
    least = np.inf
    with contextlib.suppress(FileNotFoundError), open(folder / HISTORY) as file:
        for row in csv.DictReader(file):
            with contextlib.suppress(TypeError, ValueError):  # torn when it was killed
                least = float(np.fmin(least, float(row["best"])))
    return least


class Output:
    """A folder with `ffield_best` and `history.csv`, up to date after each evaluation.

    The force field is replaced whole: at any moment one is there, in full precision.
    """

    def __init__(self, folder: Path, selection: Selection):
        self.folder, self._selection = folder, selection

    def start(self, history: Sequence[Step], best: Best | None) -> None:
        """Both files as they are after these evaluations, whatever was there."""
        new = self.folder / f".{HISTORY}.new"
        with files.named(new), open(new, "w", newline="") as file:
            csv.writer(file).writerows([COLUMNS, *map(_row, history)])
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, self.folder / HISTORY)
        self.keep(best)

    def add(self, step: Step, best: Best | None) -> None:
        """One more evaluation, and the parameters where it is the best so far."""
        path = self.folder / HISTORY
        with files.named(path), open(path, "a", newline="") as file:
            csv.writer(file).writerow(_row(step))
        self.keep(best)

    def keep(self, best: Best | None) -> None:
        """The force field of these parameters, if any, as the best."""
        if best is not None:
            force_field = self._selection.force_field_at(best.x)
            write_ffield(self.folder / BEST, force_field)


def _row(step: Step) -> list:
    judged = "" if step.validation != step.validation else repr(step.validation)
    loss, best = repr(step.loss), repr(step.best)
    minimized = "yes" if step.minimizing and not step.screening else "no"
    return [step.trial + 1, step.evaluation, loss, best, judged, minimized]
