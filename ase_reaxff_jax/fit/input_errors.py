"""What is said where the input of a fit cannot be used."""

from ase.calculators.calculator import InputError, ReadError


class FitInputError(InputError, ReadError):
    """A training set or parameter file cannot be used; names file and line, or index.

    An `InputError` of ASE, as wrong input, and a `ReadError`, as most of it is files.
    """


class UnusableItemsWarning(UserWarning):
    """Parts of a training set that were left out at the caller's wish."""


class UnusedStructuresWarning(UserWarning):
    """Structures that no item of the training set refers to."""
