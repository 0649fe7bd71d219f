"""What is said where the input of a fit cannot be used."""

import warnings
from collections.abc import Sequence
from typing import Literal, get_args

from ase.calculators.calculator import InputError, ReadError

OnUnusable = Literal["error", "warn"]
LEAVE_OUT = "on_unusable='warn'"
SHOWN = 20  # problems in one message


class FitInputError(InputError, ReadError):
    """A training set or parameter file cannot be used; names file and line, or index.

    An `InputError` of ASE, as wrong input, and a `ReadError`, as most of it is files.
    """


class UnusableItemsWarning(UserWarning):
    """Parts of a training set that were left out at the caller's wish."""


class UnusedStructuresWarning(UserWarning):
    """Structures that no item of the training set refers to."""


def check_choice(on_unusable: str) -> None:
    """Refuses what is no choice.

    Raises:
        FitInputError: it is neither "error" nor "warn".
    """
    if on_unusable not in get_args(OnUnusable):
        raise FitInputError(f"on_unusable={on_unusable!r}: 'error' or 'warn'")


def complain(what: str, problems: Sequence[str], on_unusable: OnUnusable) -> None:
    """An error or a warning, as the caller of a public function wished."""
    listed = "\n  " + some(problems, "\n  ")
    if on_unusable == "error":
        remedy = f"{LEAVE_OUT} would leave them out"
        raise FitInputError(f"{what} cannot be used ({remedy}):{listed}")
    warnings.warn(f"{what} cannot be used, and are left out:{listed}",
                  UnusableItemsWarning, 3)  # fmt: skip


def some(texts: Sequence[str], separator: str) -> str:
    """The first few of many texts."""
    more = len(texts) - SHOWN
    shown = separator.join(texts[:SHOWN])
    return f"{shown}{separator}and {more} more" if more > 0 else shown
