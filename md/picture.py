"""A picture of a run: energy, temperature and molecules against time."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from ase.calculators.calculator import InputError
from jaxtyping import Float

from ase_reaxff_jax.md.analysis import SpeciesHistory

SHOWN = 6  # kinds of molecules
LONG = 5000.0  # fs; longer runs are shown in ps
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#222222")
BLACK = "#222222"
STYLE: dict[Any, Any] = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.3,
    "grid.linewidth": 0.6,
    "font.size": 10,
    "lines.linewidth": 1.4,
    "lines.solid_capstyle": "round",
}


def check_suffix(path: Path) -> None:
    """Raises InputError where a picture of this name would not be what it says."""
    if path.suffix.lower() != ".png":
        raise InputError(f"{path}: a picture is a PNG; give it the suffix .png")


def summary_picture(
    path: str | os.PathLike, rows: Mapping[str, Any] | Any, history: SpeciesHistory
) -> None:
    """Draws energies, temperature and the main molecules into a PNG file.

    Energies are changes since the start, per atom; the conserved quantity is among them
    where it is another than the total energy. Molecules are the `SHOWN` kinds of
    which there are most on average.

    Args:
        path: Of the picture; a file that is there is replaced.
        rows: A dictionary of arrays, or an object with them as attributes: `time_fs`,
            `potential_energy`, `total_energy` and, where there is one,
            `conserved_energy` in eV, `temperature_K`.
        history: The molecules of the same run.

    Raises:
        InputError: matplotlib is not installed, or there is no row or no sample.
    """
    time = _column(rows, "time_fs")
    if not len(time) or not history.steps:
        raise InputError(
            f"a picture needs a row and a sample of molecules, there are {len(time)} "
            f"rows and {len(history.steps)} samples"
        )
    with page(path, 7.2, 7.2) as figure:
        panels: Any = figure.subplots(
            3, sharex=True, gridspec_kw={"height_ratios": (1, 1, 1.5)}
        )
        _draw(figure, panels, rows, history)


@contextmanager
def page(path: str | os.PathLike, width: float, height: float) -> Iterator[Any]:
    """An empty figure of this size in inches, in the style of all pictures.

    It is written as a PNG at the end.

    Raises:
        InputError: matplotlib is not installed.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InputError(
            "a picture needs matplotlib: pip install 'ase-reaxff-jax[plot]'"
        ) from error
    with rc_context(STYLE):
        figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
        FigureCanvasAgg(figure)
        yield figure
        figure.savefig(path, format="png")


def _column(rows: Any, name: str) -> Float[np.ndarray, " rows"]:
    values = rows[name] if isinstance(rows, Mapping) else getattr(rows, name)
    return np.asarray(values, float)


def _energies(rows: Any) -> dict[str, Float[np.ndarray, " rows"]]:
    """Those that are drawn, by what they are called."""
    found = {name: _column(rows, f"{name}_energy") for name in ("potential", "total")}
    try:
        conserved = _column(rows, "conserved_energy")
    except (KeyError, AttributeError):
        return found
    # At constant energy it is the total energy.
    if np.ptp(conserved - found["total"]) > 0.0:
        found["conserved"] = conserved
    return found


def _draw(figure, panels, rows, history: SpeciesHistory) -> None:
    time, sampled = _column(rows, "time_fs"), np.array(history.times_fs)
    start, end = min(time[0], sampled[0]), max(time[-1], sampled[-1])
    unit, scale = ("ps", 1e-3) if end - start > LONG else ("fs", 1.0)
    energy, temperature, molecules = panels
    labels = [
        _draw_energies(energy, scale * time, rows, history.size),
        [],
        _draw_molecules(molecules, scale * sampled, history),
    ]
    temperature.plot(scale * time, _column(rows, "temperature_K"), color=BLACK)
    temperature.set_ylabel("temperature (K)")
    molecules.set_xlabel(f"time ({unit})")
    if end > start:
        molecules.set_xlim(scale * start, scale * end)
    figure.align_ylabels(panels)
    figure.draw_without_rendering()  # settles the heights, which labels need
    for axes, ends in zip(panels, labels, strict=True):
        _label(axes, ends)


def _draw_energies(axes, time, rows, atoms: int) -> list[tuple[float, str, str]]:
    ends = []
    colours = {"potential": COLOURS[0], "total": BLACK, "conserved": COLOURS[1]}
    for name, values in _energies(rows).items():
        colour = colours[name]
        change = 1e3 * (values - values[0]) / atoms
        axes.plot(time, change, color=colour)
        ends.append((float(change[-1]), name, colour))
    axes.set_ylabel("energy change\n(meV per atom)")
    return ends


def _draw_molecules(
    axes, time, history: SpeciesHistory
) -> list[tuple[float, str, str]]:
    counts = history.counts()
    main = sorted(counts, key=lambda name: -counts[name].mean())[:SHOWN]
    ends = []
    for name, colour in zip(main, COLOURS, strict=False):
        label = re.sub(r"(\d+)", r"$_{\1}$", name)
        axes.plot(time, counts[name], color=colour, drawstyle="steps-post")
        ends.append((float(counts[name][-1]), label, colour))
    axes.set_ylabel("molecules")
    axes.set_ylim(bottom=0)
    axes.yaxis.get_major_locator().set_params(integer=True)
    return ends


def _label(axes, ends: list[tuple[float, str, str]]) -> None:
    """Names at the right ends of lines, moved apart where they would overlap."""
    if not ends:
        return
    size = axes.figure.dpi / 72 * 10  # pixels of a line of text
    heights = np.array([value for value, _, _ in ends])
    pixels = axes.transData.transform(np.c_[np.zeros(len(ends)), heights])[:, 1]
    bottom, height = axes.bbox.y0, axes.bbox.height
    places = (spread(pixels, 1.25 * size, bottom + height) - bottom) / height
    for (value, text, colour), place in zip(ends, places, strict=True):
        axes.annotate(
            text,
            xy=(1, value),
            xycoords=axes.get_yaxis_transform(),
            xytext=(1.04, place),
            textcoords="axes fraction",
            color=colour,
            va="center",
            arrowprops={"arrowstyle": "-", "color": colour, "lw": 0.6, "shrinkB": 0},
            annotation_clip=False,
        )


def spread(
    wanted: Float[np.ndarray, " n"], gap: float, top: float
) -> Float[np.ndarray, " n"]:
    """Places near those that are wanted, at least `gap` apart, and below `top`."""
    order = np.argsort(wanted, kind="stable")
    steps = gap * np.arange(len(wanted))
    # Upwards from below, then downwards from `top` what went too far.
    places = np.maximum.accumulate(wanted[order] - steps) + steps
    places = np.minimum(places, top - steps[::-1])
    result = np.empty_like(places)
    result[order] = places
    return result
