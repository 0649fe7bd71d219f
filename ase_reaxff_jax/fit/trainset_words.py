"""The words of an item's line: numbers, atoms and the terms of an energy."""

import re
from collections.abc import Sequence

from ase_reaxff_jax.geo.columns import number

MOST_DIGITS = 9  # of the number of an atom: more is a slip


def real(word: str, what: str) -> float:
    """A number, also with Fortran's exponents; ValueError says what it should be."""
    try:
        return number(word)
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from None


def count(word: str, what: str) -> int:
    """An integer of the file that counts from 1, counted from 0."""
    if not re.fullmatch(rf"[0-9]{{1,{MOST_DIGITS}}}", word) or int(word) < 1:
        raise ValueError(f"{what} {word!r}: must be a number from 1")
    return int(word) - 1


def terms(words: Sequence[str]) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Structures and coefficients of `+ a/2 - b`.

    Signs may touch the names, and may be left out if positive; so may `/n`, blanks may
    surround the slash. ValueError where the words are no such sum.
    """
    names: list[str] = []
    factors: list[float] = []
    sign = 0.0
    for word in re.sub(r"\s*/\s*", "/", " ".join(words)).split():
        if word[0] in "+-":
            if sign or word[1:2] in ("+", "-"):
                raise ValueError(f"two signs in a row at {word!r}")
            sign, word = (-1.0 if word[0] == "-" else 1.0), word[1:]
        if word:
            name, slash, divisor = word.partition("/")
            factors.append((sign or 1.0) / (_divisor(word, divisor) if slash else 1.0))
            names.append(name)
            sign = 0.0
    if sign or not names or not all(names):
        raise ValueError(f"{' '.join(words)!r} is no sum such as + a/2 - b/1")
    return tuple(names), tuple(factors)


def _divisor(word: str, divisor: str) -> float:
    value = real(divisor, f"the divisor of {word}")
    if not value > 0:
        raise ValueError(f"the divisor of {word} must be positive")
    return value


def divisor_of(coefficient: float) -> str:
    """The n of `/n` that gives a coefficient's size again when it is read."""
    size = abs(coefficient)
    whole = round(1.0 / size)
    if whole and 1.0 / whole == size:
        return str(whole)
    return repr(1.0 / size)
