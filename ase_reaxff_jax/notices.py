"""What the user should know about a result that is right, said once a calculator."""

import inspect
import logging
import warnings
from pathlib import Path
from types import FrameType

import ase
import numpy as np
from ase import Atoms
from jaxtyping import Float

LOG = logging.getLogger("ase_reaxff_jax")
SHOWN = 6  # angles and torsions without a row that a message names
LARGE_CHARGE = 5.0  # e; beyond this something is wrong
INSIDE = tuple(str(Path(path).parent) for path in (__file__, ase.__file__))


class Notices:
    """Warns of a thing once, and remembers what it has said."""

    def __init__(self) -> None:
        self._said: set[str] = set()
        self.missing_terms: set[str] = set()

    def of_forms(self, forms: list[str]) -> None:
        """Forms of the energy that the file asks for and that are left out."""
        for form in forms:
            self._warn(form, f"the force field's first line asks for {form}")

    def of_elements(self, atoms: Atoms, unlike: dict[str, str], first: str) -> None:
        """Elements whose van der Waals form is not that of the first element."""
        for element in sorted(set(atoms.symbols) & set(unlike)):
            self._warn(
                f"form of {element}",
                f"the van der Waals parameters of {element} are of another form than "
                f"those of {first}, the first element: {unlike[element]}",
            )

    def of_charges(
        self, atoms: Atoms, charges: Float[np.ndarray, " atoms"], total: float
    ) -> None:
        """Charges that no atom has, and charged periodic structures."""
        largest = int(abs(charges).argmax())
        if abs(charges[largest]) > LARGE_CHARGE:
            self._warn(
                "large",
                f"the charge of atom {largest} ({atoms.symbols[largest]}) is "
                f"{charges[largest]:.1f} e",
            )
        if atoms.pbc.any() and abs(total) > 1e-6:
            self._warn(
                "charged",
                f"a periodic structure with a total charge of {total:g} e: the "
                "shielded, tapered Coulomb energy has no neutralising background",
            )

    def of_missing_terms(self, missing: set[str]) -> None:
        """Angles and torsions without a row; each is logged once."""
        new = sorted(missing - self.missing_terms)
        self.missing_terms |= missing
        if new:
            more = len(new) - SHOWN
            LOG.warning(
                "the force field has no row for, and so gives no energy to: %s%s",
                ", ".join(new[:SHOWN]),
                f", and {more} more (all: calc.missing_terms)" if more > 0 else "",
            )

    def _warn(self, key: str, message: str) -> None:
        if key not in self._said:
            self._said.add(key)
            warnings.warn(message, stacklevel=_outside(inspect.currentframe()))


def _outside(frame: FrameType | None) -> int:
    """Stack level, seen from `frame`, of the first caller outside this and ASE."""
    level = last = 1
    while frame is not None:
        if frame.f_code.co_filename.startswith(INSIDE):
            last = level
        frame, level = frame.f_back, level + 1
    return last + 1
