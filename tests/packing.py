"""Atoms and molecules placed at random, none closer than they should be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii
from molecules import molecule
from scipy.spatial.transform import Rotation

CLOSEST = 0.75  # of the sum of covalent radii, in mixtures of atoms
BETWEEN_MOLECULES = 1.9  # Å, closest atoms of two molecules
ATTEMPTS = 400  # for one atom or molecule, before the cell is made larger
GROWTH = 1.04  # of each cell vector
SHIFTS = np.array(list(np.ndindex(5, 5, 5))) - 2  # images that are looked at


class NoRoomError(RuntimeError):
    """Random packing found no place for an atom or a molecule."""


def radii(elements: Sequence[str]) -> np.ndarray:
    """Covalent radii in Å."""
    return covalent_radii[[atomic_numbers[e] for e in elements]]


def box(elements: Sequence[str], count: int) -> np.ndarray:
    """A cube for `count` atoms at about the density of a liquid, Å."""
    volume = count * np.mean(7.0 + 4.0 * radii(elements) ** 3)
    return volume ** (1.0 / 3.0) * np.eye(3)


def mixture(
    elements: Sequence[str], count: int, cell: np.ndarray, rng: np.random.Generator
) -> Atoms:
    """Single atoms at random in a periodic cell, each element about equally often.

    The cell grows until there is room.
    """
    symbols = [elements[k % len(elements)] for k in range(count)]
    symbols = [symbols[k] for k in rng.permutation(count)]
    pieces = [Atoms(s) for s in symbols]
    return _filled(pieces, cell, CLOSEST, 0.0, rng)


def packed(names: Sequence[str], density: float, rng: np.random.Generator) -> Atoms:
    """Molecules in a periodic cube of about `density` atoms/Å^3."""
    pieces = sorted((molecule(n) for n in names), key=len, reverse=True)
    side = (sum(map(len, pieces)) / density) ** (1.0 / 3.0)
    return _filled(pieces, side * np.eye(3), CLOSEST, BETWEEN_MOLECULES, rng)


def place(
    atoms: Atoms,
    piece: Atoms,
    rng: np.random.Generator,
    *,
    relative: float = 0.0,
    distance: float = 0.0,
) -> None:
    """Add a piece, turned and moved at random.

    Its atoms keep from all others, and from the piece's own images, `distance` (Å) and
    `relative` times the sum of covalent radii.
    """
    shifts = SHIFTS @ atoms.cell.array
    there = atoms.positions[:, None, :] + shifts
    own = shifts[np.any(SHIFTS != 0, axis=1)]
    limit_there = _limit(piece, atoms, relative, distance)
    limit_own = _limit(piece, piece, relative, distance)
    for _ in range(ATTEMPTS):
        turned = Rotation.random(rng=rng).apply(piece.positions)
        here = turned + rng.random(3) @ atoms.cell.array
        if _clear(here, there, limit_there) and _clear(
            here, here[:, None, :] + own, limit_own
        ):
            atoms.extend(Atoms(piece.symbols, here))
            return
    raise NoRoomError(f"no room for {piece.symbols} among {len(atoms)} atoms")


def spaced(pieces: Sequence[Atoms], distance: float = 3.6) -> Atoms:
    """Pieces side by side in a square grid in the xy plane, not periodic."""
    width = int(np.ceil(np.sqrt(len(pieces))))
    atoms = Atoms()
    for k, piece in enumerate(pieces):
        row, column = divmod(k, width)
        shift = [column * distance, row * distance, 0.0]
        atoms.extend(Atoms(piece.symbols, piece.positions + shift))
    return atoms


def _filled(
    pieces: Sequence[Atoms],
    cell: np.ndarray,
    relative: float,
    distance: float,
    rng: np.random.Generator,
) -> Atoms:
    while True:
        atoms = Atoms(cell=cell, pbc=True)
        try:
            for piece in pieces:
                place(atoms, piece, rng, relative=relative, distance=distance)
            return atoms
        except NoRoomError:
            cell = GROWTH * cell


def _limit(a: Atoms, b: Atoms, relative: float, distance: float) -> np.ndarray:
    contact = radii(list(a.symbols))[:, None] + radii(list(b.symbols))[None, :]
    return np.maximum(relative * contact, distance)


def _clear(here: np.ndarray, there: np.ndarray, limit: np.ndarray) -> bool:
    """Whether no point of `here` is near a point of `there`, (atoms, images, 3)."""
    separation = here[:, None, None, :] - there[None]
    squared = np.einsum("ijkx,ijkx->ijk", separation, separation)
    return bool(np.all(squared.min(axis=2, initial=np.inf) >= limit**2))
