"""The demo's picture: atoms before and after, energies, temperature, molecules."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.data.colors import jmol_colors
from scipy.sparse import sparray
from scipy.spatial.transform import Rotation

VIEW = (-14, 10)  # degrees about y and x
SHOWN = 6  # kinds of molecules, the commonest
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#222222")


def draw(
    path: Path,
    rows: dict[str, np.ndarray],
    species: list[Counter[str]],
    snapshots: list[tuple[Atoms, sparray]],
) -> None:
    """Writes the picture; the snapshots, with their bonds, are the first and last."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    style: dict[Any, Any] = {
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.alpha": 0.3,
        "font.size": 11,
        "legend.frameon": False,
    }
    with rc_context(style):
        figure = Figure(figsize=(8, 10), layout="constrained")
        FigureCanvasAgg(figure)
        parts: Any = figure.subfigures(2, height_ratios=(1, 2.4))
        above, below = parts
        time = rows["time_fs"]
        above.suptitle("Hydrogen burns: ReaxFF (cho), constant energy", weight="bold")
        for axes, snapshot, when in zip(
            above.subplots(1, 2), snapshots, (time[0], time[-1]), strict=True
        ):
            draw_atoms(axes, *snapshot, title=f"{when:.0f} fs")
        energy, temperature, count = below.subplots(3, sharex=True)
        draw_energies(energy, rows)
        temperature.plot(time, rows["temperature_K"], color=COLOURS[1])
        temperature.set_ylabel("temperature (K)")
        draw_molecules(count, time, species)
        count.set_xlabel("time (fs)")
        count.set_xlim(time[0], time[-1])
        figure.savefig(path, dpi=150)


def draw_atoms(axes, atoms: Atoms, bonds: sparray, title: str) -> None:
    """Atoms and bonds seen almost along z; what is farther away is smaller."""
    inside = atoms.copy()
    inside.wrap(eps=0)
    view = Rotation.from_euler("yx", VIEW, degrees=True)
    positions = view.apply(inside.positions - inside.cell.sum(axis=0) / 2)
    near = 1 + 0.3 * positions[:, 2] / inside.cell.lengths().max()
    for edge in box_edges(inside.cell.array):
        line = view.apply(edge - inside.cell.sum(axis=0) / 2)
        axes.plot(line[:, 0], line[:, 1], color="#bbbbbb", lw=0.8, zorder=-99)
    # Both halves of a bond, each from its own atom: they part at the cell's border.
    for i, j in zip(*bonds.nonzero(), strict=True):
        half = view.apply(inside.get_distance(i, j, mic=True, vector=True)) / 2
        ends = positions[i], positions[i] + half
        axes.plot(
            *np.transpose(ends)[:2],
            color="#777777",
            lw=3 * near[i],
            solid_capstyle="round",
            zorder=positions[i, 2] - 0.1,
        )
    for number, (x, y, z), scale in zip(inside.numbers, positions, near, strict=True):
        size = (150 if number > 1 else 50) * scale**2
        colour = jmol_colors[number]
        axes.scatter(x, y, s=size, color=colour, edgecolors="#333333", lw=0.7, zorder=z)
    axes.set_title(title, size=11)
    axes.set_aspect("equal")
    axes.set_axis_off()


def box_edges(cell: np.ndarray) -> Iterator[np.ndarray]:
    """Both ends of each of the twelve edges."""
    for along in range(3):
        first, second = np.delete(cell, along, axis=0)
        for corner in (0 * first, first, second, first + second):
            yield np.array([corner, corner + cell[along]])


def draw_energies(axes, rows: dict[str, np.ndarray]) -> None:
    """Changes since the start: what the potential loses, the motion gains."""
    for name, colour in zip(("kinetic", "potential", "total"), COLOURS, strict=False):
        values = rows[f"{name}_energy_eV"]
        colour = "#222222" if name == "total" else colour
        axes.plot(rows["time_fs"], values - values[0], color=colour, label=name)
    axes.set_ylabel("energy change (eV)")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))


def draw_molecules(axes, time: np.ndarray, species: list[Counter[str]]) -> None:
    """How many there are of the commonest molecules."""
    total: Counter[str] = Counter()
    for found in species:
        total += found
    names = [name for name, _ in total.most_common(SHOWN)]
    for name, colour in zip(names, COLOURS, strict=False):
        label = "".join(f"$_{{{c}}}$" if c.isdigit() else c for c in name)
        numbers = [found[name] for found in species]
        axes.plot(
            time, numbers, color=colour, label=label, drawstyle="steps-post", lw=1.8
        )
    axes.set_ylabel("molecules")
    axes.set_ylim(bottom=0)
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
