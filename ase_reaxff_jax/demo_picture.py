"""The demo's picture: the box before and after, with its bonds."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.data.colors import jmol_colors
from scipy.sparse import sparray
from scipy.spatial.transform import Rotation

from ase_reaxff_jax import JaxReaxFF

VIEW = (-14, 10)  # degrees about y and x
BONDED = 0.3  # bond order from which a bond is drawn


def draw(
    path: Path, structures: Sequence[Atoms], calc: JaxReaxFF, times_fs: Sequence[float]
) -> None:
    """Writes a PNG of structures side by side."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5 * len(structures), 5.4), layout="constrained")
    FigureCanvasAgg(figure)
    panels: Any = figure.subplots(1, len(structures))
    for axes, atoms, time in zip(panels, structures, times_fs, strict=True):
        bonds = calc.get_bond_orders(atoms) > BONDED
        draw_atoms(axes, atoms, bonds, title=f"{time:.0f} fs")
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
