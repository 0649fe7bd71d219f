"""Errors of this package: all of them are ASE's, so that `except` clauses of ASE work.

InputError: the structure, the force field or an option cannot be used.
ReadError: a file cannot be understood.
CalculationFailed: the structure is unphysical, or memory ran out.
SCFError: the charge equations did not converge.
PropertyNotImplementedError: the property is not defined for this structure.
"""

from difflib import get_close_matches

from ase.calculators.calculator import CalculationFailed, InputError, SCFError

__all__ = [
    "AtomsTooCloseError",
    "CapacityError",
    "ChargesNotConvergedError",
    "IndefiniteChargeMatrixError",
    "UnknownOptionError",
    "suggestion",
]


class UnknownOptionError(InputError, TypeError):
    """A keyword that the calculator does not have."""


class AtomsTooCloseError(CalculationFailed):
    """Two atoms almost on top of each other."""


class IndefiniteChargeMatrixError(CalculationFailed):
    """The charge equations have no minimum: the polarisation catastrophe."""


class ChargesNotConvergedError(SCFError):
    """The iterative solution of the charge equations stopped short."""


class CapacityError(CalculationFailed):
    """An interaction list outgrew its room again and again."""


def suggestion(word: object, known) -> str:
    """' (did you mean ...?)' where something known begins so, or else is near."""
    names = {str(k).lower(): str(k) for k in known}
    given = str(word).lower()
    near = [name for name in names if word and name.startswith(given)]
    near = [names[name] for name in near or get_close_matches(given, names, n=1)]
    return f" (did you mean {near[0]!r}?)" if near else ""
