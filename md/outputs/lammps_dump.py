"""Trajectories in the text format of LAMMPS's `dump custom`."""

import numpy as np
from ase import Atoms
from ase.calculators.lammps import Prism, convert
from ase.geometry import complete_cell
from jaxtyping import Float

from ase_reaxff_jax.md.frames import Frame
from ase_reaxff_jax.md.outputs.lammps_style import kinds_of
from ase_reaxff_jax.md.outputs.text_trajectory import TextTrajectory, rows

COLUMNS = "id type element q xu yu zu vx vy vz fx fy fz"
MARGIN = 0.5  # Å, between the outermost atoms and a bound that is not periodic


class LammpsDump(TextTrajectory):
    """A file such as `md.lammpstrj`, in LAMMPS's units "real".

    Positions, not wrapped, are in Å, velocities in Å/fs, forces in kcal/mol/Å and
    charges in e. Types are the places of the elements in `elements`, from 1; `run`
    gives those of the atoms in the order of the force field, as in the file of bonds.
    The first cell vector is along x, the second in the xy plane, as LAMMPS wants it:
    positions, velocities and forces are rotated with the cell (a left-handed cell is
    mirrored). An axis that is not periodic is perpendicular to those that are, with
    bounds that enclose the atoms.
    """

    elements: tuple[str, ...] = ()  # none: those of the atoms, by the alphabet

    def _text(self, frame: Frame) -> str:
        atoms, results = frame.atoms, frame.atoms.calc.results
        prism = Prism(complete_cell(atoms.cell.array * atoms.pbc[:, None]), atoms.pbc)
        velocities = convert(atoms.get_velocities(), "velocity", "ASE", "real")
        forces = convert(np.asarray(results["forces"]), "force", "ASE", "real")
        vectors = (atoms.positions, velocities, forces)
        rotated = [prism.vector_to_lammps(v) for v in vectors]
        numbers = np.column_stack([results["charges"], *rotated])
        symbols = atoms.get_chemical_symbols()
        types = 1 + kinds_of(symbols, self.elements or sorted(set(symbols)))
        pairs = zip(types.tolist(), symbols, strict=True)
        first = [f"{k} {kind} {s}" for k, (kind, s) in enumerate(pairs, start=1)]
        return (
            f"ITEM: TIMESTEP\n{frame.step}\nITEM: NUMBER OF ATOMS\n{len(atoms)}\n"
            f"{_box(atoms, prism.cell, rotated[0])}ITEM: ATOMS {COLUMNS}\n"
            + rows(first, numbers, [""] * len(atoms))
        )


def _box(
    atoms: Atoms, cell: Float[np.ndarray, "3 3"], positions: Float[np.ndarray, "n 3"]
) -> str:
    """Bounds of the box; for a skewed one of a box around it, and the tilts."""
    low = np.where(atoms.pbc, 0.0, positions.min(axis=0) - MARGIN)
    high = np.where(atoms.pbc, np.diag(cell), positions.max(axis=0) + MARGIN)
    xy, xz, yz = np.where(abs(cell) > 1e-10, cell, 0.0)[[1, 2, 2], [0, 0, 1]].tolist()
    kinds = " ".join("pp" if periodic else "ss" for periodic in atoms.pbc)
    if not (xy or xz or yz):
        pairs = zip(low.tolist(), high.tolist(), strict=True)
        lines = "".join(f"{a!r} {b!r}\n" for a, b in pairs)
        return f"ITEM: BOX BOUNDS {kinds}\n{lines}"
    corners = np.array([[0, 0, 0], [xy, 0, 0], [xz, yz, 0], [xy + xz, yz, 0]])
    bounds = np.column_stack(
        [low + corners.min(axis=0), high + corners.max(axis=0), [xy, xz, yz]]
    )
    lines = "".join(f"{a!r} {b!r} {c!r}\n" for a, b, c in bounds.tolist())
    return f"ITEM: BOX BOUNDS xy xz yz {kinds}\n{lines}"
