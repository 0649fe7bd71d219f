"""What a fit leaves on disk while it works: the best force field, and the history."""

import csv
from os import PathLike
from pathlib import Path

from ase_reaxff_jax.ffield import write_ffield
from ase_reaxff_jax.fit.search import Best, Step
from ase_reaxff_jax.fit.selection import Selection

BEST, HISTORY = "ffield_best", "history.csv"


class Output:
    """A folder with `ffield_best` and `history.csv`, up to date after each evaluation.

    The force field is replaced whole: at any moment one is there, in full precision.
    """

    def __init__(self, folder: str | PathLike[str], selection: Selection):
        self.folder, self._selection = Path(folder), selection
        for name in (BEST, HISTORY):
            if (self.folder / name).exists():
                raise FileExistsError(
                    f"{self.folder / name} exists; move it away, or name another folder"
                )
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / HISTORY, "w", newline="") as file:
            csv.writer(file).writerow(["trial", "evaluation", "loss", "best"])

    def add(self, step: Step, best: Best | None) -> None:
        """One more evaluation, and the parameters where it is the best so far."""
        row = [step.trial + 1, step.evaluation, repr(step.loss), repr(step.best)]
        with open(self.folder / HISTORY, "a", newline="") as file:
            csv.writer(file).writerow(row)
        if best is not None:
            force_field = self._selection.force_field_at(best.x)
            write_ffield(self.folder / BEST, force_field)
