"""Fields of fixed width, as Fortran writes them, or separated by blanks."""

import math
import re
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Column:
    """A field of fixed width; its name is None for blanks.

    Kinds: "d" is an integer, "f" a number, "s" text, "a" the number of an atom.
    """

    name: str | None
    width: int
    kind: str = "s"
    decimals: int = 0
    optional: bool = False

    def read(self, text: str) -> Any:
        """The value; atoms are counted from 0. ValueError where it is none."""
        if self.kind in "ad":
            return _integer(text) - (self.kind == "a")
        return number(text) if self.kind == "f" else text.strip()

    def written(self, value: Any) -> str:
        """The text; ValueError where it is wider than the field."""
        if self.kind == "f":
            text = f"{value:z{self.width}.{self.decimals}f}"  # no -0.000
        elif self.kind in "ad":
            text = f"{value + (self.kind == 'a'):{self.width}d}"
        else:
            text = f"{value:<{self.width}}"
        if len(text) > self.width:
            raise ValueError(
                f"{self.name} {value} needs more than {self.width} characters"
            )
        return text


def _integer(text: str) -> int:
    """An integer; ValueError where it is none."""
    if not re.fullmatch(r"\s*[-+]?[0-9]{1,18}\s*", text):
        raise ValueError(f"{text.strip()!r} is no integer")
    return int(text)


def number(text: str) -> float:
    """A number, also with Fortran's exponents; no infinities."""
    try:
        if "_" in text:  # which Python takes for a separator of thousands
            raise ValueError
        value = float(text.lower().replace("d", "e"))
    except ValueError:
        raise ValueError(f"{text.strip()!r} is no number") from None
    if not math.isfinite(value):
        raise ValueError(f"{text.strip()!r} is not finite")
    return value


def read_columns(text: str, columns: list[Column], atoms: int = 0) -> dict[str, Any]:
    """Fields by name; those that several columns share are lists.

    Separated by blanks or, where they touch, of fixed width. Optional ones that are
    missing are 0. ValueError where neither works, or there is no such atom.
    """
    fields = [column for column in columns if column.name]
    needed = sum(not column.optional for column in fields)
    words = text.split()
    if needed <= len(words) <= len(fields):
        try:
            return _values(words, fields, atoms)
        except ValueError as error:
            reason = str(error)
    else:
        reason = f"{len(words)} fields"
    try:
        return _values(_sliced(text, columns), fields, atoms)
    except ValueError:
        names = " ".join(str(column.name) for column in fields)
        raise ValueError(f"found {reason}, expected {names}") from None


def _values(words: list[str], fields: list[Column], atoms: int) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for k, column in enumerate(fields):
        missing = k >= len(words) or not words[k].strip()
        if missing and not column.optional:
            raise ValueError(f"no {column.name}")
        value = column.read("0" if missing else words[k])
        if column.kind == "a" and not 0 <= value < atoms:
            raise ValueError(f"atom {value + 1} of {atoms}")
        if fields.count(column) > 1:
            values.setdefault(str(column.name), []).append(value)
        else:
            values[str(column.name)] = value
    return values


def _sliced(text: str, columns: list[Column]) -> list[str]:
    words, start = [], 0
    for column in columns:
        if column.name:
            words.append(text[start : start + column.width])
        start += column.width
    if text[start:].strip():
        raise ValueError(f"more text: {text[start:].strip()!r}")
    return words


def write_columns(values: dict[str, Any], columns: list[Column]) -> str:
    """The fields in their columns; ValueError where one does not fit."""
    taken = {k: iter(v) for k, v in values.items() if isinstance(v, list | tuple)}
    parts = []
    for column in columns:
        if column.name is None:
            parts.append(" " * column.width)
            continue
        value = next(taken[column.name]) if column.name in taken else None
        value = values.get(column.name, 0) if value is None else value
        parts.append(column.written(value))
    return "".join(parts).rstrip()
