"""Pictures of a fit: predictions against references, the loss, parameters in bounds."""

import math
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from ase_reaxff_jax.fit.error_bars import AT_BOUND, Uncertainty
from ase_reaxff_jax.fit.report import ItemResult, Report
from ase_reaxff_jax.fit.search import Step
from ase_reaxff_jax.md.picture import BLACK, COLOURS, page

Path = str | os.PathLike[str]
NAMED = 3  # items of a kind that are named, those that cost most
COSTLY = 4.0  # loss from which an item is named: two sigma
LONGEST = 40  # letters of a name
ACROSS = 3  # panels side by side
BOUND_COLOUR = COLOURS[1]


def parity_picture(
    path: Path, report: Report, errors: Float[np.ndarray, " items"] | None = None
) -> None:
    """Values against references, a panel for each kind of items.

    Items that cost most are named.

    Args:
        path: Of the PNG; a file that is there is replaced.
        report: Items without a finite value are left out.
        errors: Of the values, drawn as bars; None for none.

    Raises:
        InputError: matplotlib is not installed.
    """
    bars = np.zeros(len(report.items)) if errors is None else errors
    kinds: dict[str, list[tuple[ItemResult, float]]] = {}
    for item, bar in zip(report.items, bars, strict=True):
        if math.isfinite(item.value):
            kinds.setdefault(item.kind, []).append((item, float(bar)))
    across = min(ACROSS, max(1, len(kinds)))
    down = max(1, math.ceil(len(kinds) / across))
    with page(path, 3.6 * across, 4.3 * down) as figure:
        figure.get_layout_engine().set(w_pad=0.1, h_pad=0.15)  # inches
        panels = figure.subplots(down, across, squeeze=False).ravel()
        for axes, (kind, found) in zip(panels, kinds.items(), strict=False):
            _draw_parity(axes, kind, found)
        for axes in panels[len(kinds) :]:
            axes.set_axis_off()


def _draw_parity(axes, kind: str, found: Sequence[tuple[ItemResult, float]]) -> None:
    points = np.array([(i.reference, _drawn(i), bar) for i, bar in found])
    x, y, bars = points.T
    low, high = points[:, :2].min(), points[:, :2].max()
    margin = 0.05 * (high - low) or 1.0
    ends = low - margin, high + margin
    axes.plot(ends, ends, color=BLACK, lw=0.8)
    size = 4 if len(x) <= 300 else 2
    axes.errorbar(
        x, y, yerr=np.nan_to_num(bars), fmt="o", ms=size, mew=0, alpha=0.6,
        color=COLOURS[0], elinewidth=0.8,
    )  # fmt: skip
    worst = sorted((i for i, _ in found), key=lambda i: -i.contribution)[:NAMED]
    worst = [item for item in worst if item.contribution > COSTLY]
    for item, colour in zip(worst, COLOURS[1:], strict=False):
        axes.plot(
            item.reference, _drawn(item), "o", ms=7, mfc="none", mew=1.5, color=colour,
            label=_short(item.name),
        )  # fmt: skip
    unit = found[0][0].unit
    number = f"{len(found)} item" + "s" * (len(found) > 1)
    axes.set(
        xlim=ends, ylim=ends, box_aspect=1, title=f"{kind}, {number}",
        xlabel=f"reference ({unit})", ylabel=f"value ({unit})",
    )  # fmt: skip
    axes.locator_params(nbins=5)
    if worst:
        axes.legend(
            loc="upper center", bbox_to_anchor=(0.5, -0.22), fontsize=8,
            frameon=False, handletextpad=0.2,
        )  # fmt: skip


def _drawn(item: ItemResult) -> float:
    """The value; of a torsion, the one within half a turn of the reference."""
    if item.kind != "torsion":
        return item.value
    return item.reference + (item.value - item.reference + 180.0) % 360.0 - 180.0


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


def history_picture(path: Path, history: Sequence[Step]) -> None:
    """The loss of each evaluation, trials by colour, and the least so far.

    Args:
        path: Of the PNG; a file that is there is replaced.
        history: Of the fit; evaluations without a loss are left out.

    Raises:
        InputError: matplotlib is not installed.
    """
    numbers = np.array(
        [(s.trial, s.evaluation, s.loss, s.best, s.screening) for s in history], float
    )
    trial, evaluation, loss, best, screening = numbers.T
    trials = np.unique(trial)
    with page(path, 7.2, 4.2) as figure:
        axes = figure.subplots()
        for k, number in enumerate(trials):
            mine = (trial == number) & (screening == 0)
            axes.plot(
                evaluation[mine], loss[mine], ".", ms=7, mew=0, zorder=3,
                color=COLOURS[k % len(COLOURS)], label=f"trial {number + 1:.0f}",
            )  # fmt: skip
        if screening.any():
            quick = screening == 1
            axes.plot(evaluation[quick], loss[quick], ".", ms=3, mew=0, color=BLACK,
                      alpha=0.35,
                      label="not minimised")  # fmt: skip
        axes.step(evaluation, best, where="post", color=BLACK, label="least so far")
        if np.nanmin(loss, initial=np.inf) > 0:
            axes.set_yscale("log")
        axes.set(xlabel="evaluation", ylabel="loss")
        axes.xaxis.get_major_locator().set_params(integer=True)
        if len(trials) <= len(COLOURS):
            axes.legend(
                loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False, ncols=4
            )


def parameters_picture(
    path: Path, uncertainty: Uncertainty, start: Float[np.ndarray, " parameters"]
) -> None:
    """Where parameters started and ended between their bounds, with their errors.

    Args:
        path: Of the PNG; a file that is there is replaced.
        uncertainty: Of the end.
        start: Values of the start.

    Raises:
        InputError: matplotlib is not installed.
    """
    low = np.array([p.low for p in uncertainty.parameters])
    width = np.array([p.high for p in uncertainty.parameters]) - low
    end = (uncertainty.values - low) / width
    order = np.argsort(end, kind="stable")
    bars = np.nan_to_num(uncertainty.standard_errors / width, posinf=0.0)
    begin = (start - low) / width
    with page(path, 7.2, 1.3 + 0.24 * len(order)) as figure:
        axes = figure.subplots()
        for row, k in enumerate(order):
            glued = uncertainty.status[k] == AT_BOUND
            colour = BOUND_COLOUR if glued else COLOURS[0]
            axes.plot([begin[k], end[k]], [row, row], color=colour, lw=0.9, alpha=0.6)
            axes.errorbar(end[k], row, xerr=bars[k], fmt="o", ms=5, color=colour,
                          ecolor=(colour, 0.4), elinewidth=2.2, zorder=3)  # fmt: skip
        axes.plot(begin[order], range(len(order)), "o", ms=5, mfc="white", color=BLACK)
        _label_rows(axes, uncertainty, order)
        axes.set(xlim=(-0.03, 1.03), ylim=(-0.7, len(order) - 0.3))
        axes.set_xticks([0.0, 0.5, 1.0], ["lower bound", "half-way", "upper bound"])
        axes.set_title("open: start; filled: end, with standard error", fontsize=10)


def _label_rows(axes, uncertainty: Uncertainty, order) -> None:
    """Names on the left, values on the right; red at bounds."""
    names = [uncertainty.names[k] for k in order]
    axes.set_yticks(range(len(order)), names, fontsize=8)
    values = axes.secondary_yaxis("right")
    values.set_yticks(range(len(order)), [_value(uncertainty, k) for k in order],
                      fontsize=8)  # fmt: skip
    for side in (axes, values):
        side.tick_params(axis="y", length=0)
        for label, k in zip(side.get_yticklabels(), order, strict=True):
            if uncertainty.status[k] == AT_BOUND:
                label.set_color(BOUND_COLOUR)
    values.spines["right"].set_visible(False)


def _value(uncertainty: Uncertainty, k: Any) -> str:
    """Value and error of a parameter, or why it has none."""
    value, error = uncertainty.values[k], uncertainty.standard_errors[k]
    after = f"± {short(error)}" if np.isfinite(error) else f"({uncertainty.status[k]})"
    return f"{value:.5g} {after}"


def short(error: float) -> str:
    """Two digits, without an exponent where that is readable."""
    return f"{float(f'{error:.2g}'):g}"
