"""The files that tell of an evaluation or a fit: tables as CSV, and pictures.

Numbers are written in full: read again they are the same.
"""

import csv
import logging
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from ase_reaxff_jax.ffield.schema import BY_NUMBER
from ase_reaxff_jax.fit.error_bars import Uncertainty
from ase_reaxff_jax.fit.report import Report
from ase_reaxff_jax.fit.search import Step
from ase_reaxff_jax.forcefield import ForceField

LOG = logging.getLogger("ase_reaxff_jax")
ITEMS, PARITY = "items.csv", "parity.png"
PARAMETERS, CORRELATIONS = "parameters.csv", "correlations.csv"
HISTORY, BOUNDS = "history.png", "parameters.png"


def check_free(folder: Path) -> None:
    """Refuses a folder that has files of an evaluation; FileExistsError."""
    for name in (ITEMS, PARITY):
        if (folder / name).exists():
            raise FileExistsError(
                f"{folder / name} exists; move it away, or name another folder"
            )


def write_evaluation(folder: Path, report: Report) -> list[str]:
    """Writes the files of an evaluation into a folder, which is made if need be.

    Returns:
        Their names: `items.csv`, `parity.png`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return _of_report(folder, report, None, drawn=_can_draw())


def write_fit(
    folder: Path,
    *,
    report: Report,
    validation: Report | None,
    uncertainty: Uncertainty,
    history: Sequence[Step],
    start: ForceField,
) -> list[str]:
    """Writes the files of a fit into its folder; those that are there are replaced.

    Returns:
        Their names.
    """
    drawn = _can_draw()
    names = _of_report(folder, report, uncertainty.prediction_errors, drawn=drawn)
    if validation is not None:
        names += _of_report(folder, validation, None, "validation_", drawn=drawn)
    before = np.array([float(start.at(p.address)) for p in uncertainty.parameters])
    _write(folder / PARAMETERS, _parameter_rows(uncertainty, before, start))
    pairs = uncertainty.strongest(len(uncertainty.values) ** 2)
    _write(folder / CORRELATIONS, [("one", "other", "correlation"), *pairs])
    names += [PARAMETERS, CORRELATIONS]
    if drawn:
        from ase_reaxff_jax.fit.pictures import history_picture, parameters_picture

        history_picture(folder / HISTORY, history)
        parameters_picture(folder / BOUNDS, uncertainty, before)
        names += [HISTORY, BOUNDS]
    return names


def _of_report(
    folder: Path,
    report: Report,
    errors: Float[np.ndarray, " items"] | None,
    prefix: str = "",
    *,
    drawn: bool,
) -> list[str]:
    items, parity = prefix + ITEMS, prefix + PARITY
    _write(folder / items, _item_rows(report, errors))
    if not drawn:
        return [items]
    from ase_reaxff_jax.fit.pictures import parity_picture

    parity_picture(folder / parity, report, errors)
    return [items, parity]


def _can_draw() -> bool:
    if find_spec("matplotlib") is not None:
        return True
    LOG.warning(
        "no pictures are drawn: they need matplotlib: pip install "
        "'ase-reaxff-jax[plot]'"
    )
    return False


def _write(path: Path, rows: Iterable[Iterable[Any]]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def _item_rows(
    report: Report, errors: Float[np.ndarray, " items"] | None
) -> Iterable[Iterable[Any]]:
    names = ["name", "kind", "unit", "reference", "value", "sigma", "contribution"]
    yield names if errors is None else [*names, "standard_error"]
    for k, item in enumerate(report.items):
        row = [getattr(item, name) for name in names]
        yield row if errors is None else [*row, float(errors[k])]


def _parameter_rows(
    uncertainty: Uncertainty, start: Float[np.ndarray, " parameters"], of: ForceField
) -> Iterable[Iterable[Any]]:
    sensitivity = uncertainty.sensitivity
    by_kind = [f"{word}_{kind}" for word in ("slope", "share_of_curvature")
               for kind in sensitivity.kinds]  # fmt: skip
    yield (
        "name", "section", "row", "column", "unit", "low", "high", "start", "end",
        "standard_error", "status", "slope", "curvature", *by_kind,
    )  # fmt: skip
    for k, p in enumerate(uncertainty.parameters):
        numbers = np.concatenate([
            [sensitivity.gradient[k], sensitivity.curvatures[:, k].sum()],
            sensitivity.slopes[:, k], sensitivity.shares[:, k],
        ])  # fmt: skip
        yield (
            p.name, *p.address, unit_of(p.address, of), p.low, p.high,
            float(start[k]), float(uncertainty.values[k]),
            float(uncertainty.standard_errors[k]), uncertainty.status[k],
            *numbers.tolist(),
        )  # fmt: skip


def unit_of(address, force_field: ForceField) -> str:
    """Unit of a number of the file; of one without a unit, nothing."""
    section = BY_NUMBER[address.section]
    place = address.row if section.name == "general" else address.column
    columns = section.columns
    return columns[place - 1].unit if place <= len(columns) else ""
