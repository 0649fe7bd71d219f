"""`evaluate`: a force field against a training set."""

from os import PathLike
from pathlib import Path

from ase_reaxff_jax.bundled import load
from ase_reaxff_jax.fit.losses import Loss
from ase_reaxff_jax.fit.objective import Objective
from ase_reaxff_jax.fit.report import Report, report_of
from ase_reaxff_jax.fit.report_files import check_free, write_evaluation
from ase_reaxff_jax.fit.selection import Selection
from ase_reaxff_jax.fit.training_set import TrainingSet
from ase_reaxff_jax.forcefield import ForceField


def evaluate(
    ffield: str | PathLike[str] | ForceField,
    data: TrainingSet,
    *,
    minimize: bool = True,
    loss: str = "squares",
    balanced: bool = False,
    out: str | PathLike[str] | None = None,
) -> Report:
    """The loss of a force field, and each item's part in it.

    Args:
        ffield: Name of a bundled set, path of an ffield file, or a `ForceField`.
        data: Structures and reference values.
        minimize: Whether structures that ask for it are minimised first; else all
            stay as they are.
        loss: "squares", ((value - reference) / sigma)^2 summed over items, as in the
            literature; "absolute" or "huber".
        balanced: Whether each kind of items has the same weight.
        out: Folder for `items.csv`, all items in full precision, and `parity.png`,
            values against references, which needs matplotlib; made if it is not there.

    Returns:
        Loss and items; an item that depends on a structure whose energy is not finite
        has the value NaN, and so has the loss.

    Raises:
        FitInputError: an item or structure asks for what cannot be done.
        InputError: an argument cannot be used, or an element has no parameters.
        FileExistsError: the folder has such files already.
    """
    if out is not None:
        check_free(Path(out))
    force_field = load(ffield)
    objective = Objective(
        force_field, data, Selection(force_field, ()), Loss(data.items, loss,
        balanced=balanced), minimize=minimize,
    )  # fmt: skip
    report = report_of(objective, objective.outcome(force_field))
    if out is not None:
        write_evaluation(Path(out), report)
    return report
