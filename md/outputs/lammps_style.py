"""What the files in LAMMPS's formats have in common."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from ase.calculators.calculator import InputError
from jaxtyping import Int

from ase_reaxff_jax.md.frames import Bonding
from ase_reaxff_jax.md.molecules import CUTOFF
from ase_reaxff_jax.md.outputs.text import AppendOnlyText

Made = TypeVar("Made", bound="LammpsStyleFile")


class LammpsStyleFile(ABC):
    """A text file to which each step of the bonds is appended.

    Made by `create` and `reopen`. Bonds of an order above `cutoff` count. Types are the
    places of the elements in `elements`, from 1.
    """

    def __init__(
        self,
        file: AppendOnlyText,
        symbols: Sequence[str],
        elements: Sequence[str],
        cutoff: float,
    ):
        self._file = file
        self._elements = tuple(elements)
        self._kinds = kinds_of(symbols, elements)
        self._cutoff = cutoff

    @classmethod
    def create(
        cls: type[Made],
        path: Path,
        symbols: Sequence[str],
        *,
        elements: Sequence[str],
        cutoff: float = CUTOFF,
        overwrite: bool = False,
    ) -> Made:
        """A new file for atoms of these symbols.

        Raises:
            InputError: an element is missing from `elements`, or there twice.
            FileExistsError: there is such a file, and `overwrite` is False.
        """
        kinds_of(symbols, elements)  # an error before there is a file
        file = AppendOnlyText.create(path, overwrite=overwrite)
        return cls(file, symbols, elements, cutoff)

    @classmethod
    def reopen(
        cls: type[Made],
        path: Path,
        position: dict[str, Any],
        symbols: Sequence[str],
        *,
        elements: Sequence[str],
        cutoff: float = CUTOFF,
    ) -> Made:
        """The file as it was at a position that `flush` returned; the rest is cut."""
        file = AppendOnlyText.reopen(path, position)
        return cls(file, symbols, elements, cutoff)

    def write(self, bonding: Bonding) -> None:
        """Appends one step.

        Raises:
            InputError: the bonds are those of another number of atoms.
        """
        if len(bonding.total_order) != len(self._kinds):
            raise InputError(
                f"bonds of {len(bonding.total_order)} atoms for a file of "
                f"{len(self._kinds)} atoms"
            )
        self._file.append(self._text(bonding))

    def flush(self) -> dict[str, Any]:
        """Brings all steps to the disk; returns the position for `reopen`."""
        return self._file.flush()

    def close(self) -> None:
        """Closes the file; closing it again does nothing."""
        self._file.close()

    @abstractmethod
    def _text(self, bonding: Bonding) -> str:
        """The lines of one step."""


def kinds_of(
    symbols: Sequence[str], elements: Sequence[str]
) -> Int[np.ndarray, " atoms"]:
    """The place of each atom's symbol in `elements`, from 0.

    Raises:
        InputError: a symbol is not among the elements, or one of these is there twice.
    """
    place = {element: k for k, element in enumerate(elements)}
    if len(place) < len(elements):
        raise InputError(f"elements are {' '.join(elements)}: one is there twice")
    if missing := sorted(set(symbols) - set(place)):
        raise InputError(
            f"elements are {' '.join(elements)}, the atoms also have "
            f"{' '.join(missing)}; name all, in the order of the types"
        )
    return np.array([place[symbol] for symbol in symbols], int)
