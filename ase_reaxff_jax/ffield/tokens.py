"""Numbers of one line of a force-field file.

The format is one of fixed Fortran columns that most programs split at white space.
Where a number fills its column it touches its neighbour; such numbers are separated
where that can be done in one way only.
"""

import math
import re

NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eEdD][+-]?[0-9]+)?")
COLUMN = 9  # width of f9.4
# Numbers, whole or damaged, and Fortran's sign of overflow.
_LIKE_NUMBER = re.compile(
    r"[+-]?\.?[0-9]|\*+$|[+-]?(?:nan|inf|infinity)$", re.IGNORECASE
)
_FULL = re.compile(r"(?:[+-]?[0-9]+\.[0-9]{4}){2,}")  # full columns of f9.4
_ONE_FULL = re.compile(r"[+-]?[0-9]+\.[0-9]{4}")
_BEFORE_SIGN = re.compile(r"(?<=[0-9.])(?=[+-])")


def is_number(token: str) -> bool:
    """Whether a token is a number as Fortran writes them."""
    return NUMBER.fullmatch(token) is not None


def like_number(token: str) -> bool:
    """Whether a token is a number, damaged perhaps: no comment begins like this."""
    return _LIKE_NUMBER.match(token) is not None


def to_float(token: str) -> float:
    """Its value, inf where float64 cannot hold it."""
    return float(token.upper().replace("D", "E"))


def split(line: str, indent: int = 0) -> list[str]:
    """Tokens of a line up to its comment, touching columns separated.

    Args:
        line: The line.
        indent: Characters before the first column of numbers.
    """
    text = re.split(r"[!#]", line, maxsplit=1)[0]
    grid_known = "\t" not in text
    tokens: list[str] = []
    for match in re.finditer(r"\S+", text):
        token = match.group()
        if is_number(token):
            tokens.append(token)
        elif grid_known and _FULL.fullmatch(token):
            pieces = _ONE_FULL.findall(token)
            ends = _ends(match.start(), pieces)
            on_grid = all((end - indent) % COLUMN == 0 for end in ends[:-1])
            signed = all(piece[0] in "+-" for piece in pieces[1:])
            tokens.extend(pieces if on_grid or signed else [token])
        else:
            tokens.extend(_at_signs(token))
    return tokens


def _ends(start: int, pieces: list[str]) -> list[int]:
    ends = []
    for piece in pieces:
        start += len(piece)
        ends.append(start)
    return ends


def _at_signs(token: str) -> list[str]:
    """Parts of a token of numbers that touch at their signs."""
    parts = _BEFORE_SIGN.split(token)
    # Without the point, 1.0-5 could be Fortran's 1.0E-5.
    clear = all(is_number(part) for part in parts)
    return parts if clear and all("." in part for part in parts[1:]) else [token]


def leading_numbers(tokens: list[str]) -> tuple[list[float], str | None]:
    """Values of the numbers that a line begins with, and what is wrong after them.

    The second is the token that should be a number and is not, None where a comment
    or nothing follows.
    """
    values: list[float] = []
    for token in tokens:
        if not is_number(token):
            return values, token if like_number(token) else None
        value = to_float(token)
        if not math.isfinite(value):
            return values, token
        values.append(value)
    return values, None
