"""Reads a force-field file."""

import os
import re
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from ase.calculators.calculator import ReadError

from ase_reaxff_jax.ffield.names import ANY, Types
from ase_reaxff_jax.ffield.schema import MIN_GENERAL, SECTIONS, Section, general_names
from ase_reaxff_jax.ffield.tokens import is_number, leading_numbers, like_number, split
from ase_reaxff_jax.forcefield import ForceField, Header

_SYMBOL = re.compile(r"[A-Za-z][A-Za-z0-9]{0,3}")
_INTEGER = re.compile(r"[0-9]{1,9}")
_NOT_SET = {("off_diagonal", "lgcij"): -1.0}  # what a missing column stands for; else 0
SHOWN = 60  # characters of a line in a message


@runtime_checkable
class Readable(Protocol):
    """A file open for reading, as text or bytes."""

    def read(self) -> str | bytes:
        """Its content."""


class FfieldError(ReadError):
    """A force-field file cannot be understood; the message names file and line."""


def read_ffield(source: str | os.PathLike | Readable) -> ForceField:
    """Read a force-field file; every number as it stands there.

    Reads 39 and more general parameters, the fifth line and seventh off-diagonal column
    of low-gradient dispersion, inner walls, ACKS2 and eReaxFF columns, wild cards, rows
    for types that the file does not have, Windows line ends, tabs, Fortran exponents,
    touching fixed columns, blank lines and comments.

    Args:
        source: Path, or a file open for reading, as text or bytes.

    Raises:
        FileNotFoundError: there is no such file.
        FfieldError: it cannot be understood (a `ReadError` of ASE).
    """
    name, text = _text(source)
    return _Reader(name, text).force_field()


def _text(source) -> tuple[str, str]:
    if isinstance(source, str | os.PathLike):
        name = os.fspath(source)
        if Path(source).is_dir():
            raise FfieldError(f"{name} is a folder, expected a force-field file")
        try:
            content: bytes | str = Path(source).read_bytes()
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"no force-field file {name!r}; bundled sets are read by name with "
                "JaxReaxFF(name).force_field"
            ) from error
    else:
        name = str(getattr(source, "name", "<force field>"))
        content = source.read()
    text = _decoded(content) if isinstance(content, bytes) else content
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise FfieldError(f"{name}:{line}: found binary data, expected text")
    return name, text


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")  # authors' names in old files


class _Reader:
    """Goes through the lines of one file."""

    def __init__(self, name: str, text: str):
        self.name = name
        self.lines = re.split(r"\r\n|\n|\r", text)
        self.next = 0  # 0-based number of the line to be read

    def force_field(self) -> ForceField:
        header = Header(self.lines[0].strip())
        self.next = 1
        general = self._general()
        elements, atom, lg = self._atoms()
        sections: dict[str, Any] = {}
        for section in list(SECTIONS.values())[2:]:
            types, values = self._rows(section)
            sections[section.name] = values
            sections[f"{section.name}_types"] = types
        self._end()
        return ForceField(
            general=general, elements=elements, atom=atom, lg=lg, header=header,
            **sections,
        )  # fmt: skip

    def fail(self, message: str, line: int | None = None):
        """Error about a line, the last one read unless given (0-based)."""
        line = self.next - 1 if line is None else line
        raise FfieldError(f"{self.name}:{line + 1}: {message}")

    def _skip(self) -> None:
        """Go to the next line that is neither blank nor a comment."""
        while self.next < len(self.lines):
            line = self.lines[self.next].strip()
            if line and line[0] not in "!#":
                return
            self.next += 1

    def _line(self, expected: str) -> str:
        self._skip()
        if self.next >= len(self.lines):
            self.fail(f"the file ends here, expected {expected}", len(self.lines) - 1)
        self.next += 1
        return self.lines[self.next - 1]

    def _peek(self) -> list[str]:
        """Tokens of the line to come; none at the end of the file."""
        self._skip()
        at_end = self.next >= len(self.lines)
        return [] if at_end else split(self.lines[self.next])

    def _skip_titles(self) -> None:
        """Go past the lines that name the columns: text, not a row of numbers."""
        tokens = self._peek()
        while tokens and not any(map(like_number, tokens[:2])):
            self.next += 1
            tokens = self._peek()

    def _count(self, what: str, above: str) -> int:
        line = self._line(f"the number of {what}")
        tokens = split(line)
        one = len(tokens) == 1 or (len(tokens) > 1 and not is_number(tokens[1]))
        if not (one and _INTEGER.fullmatch(tokens[0])):
            self.fail(
                f"found {_shown(line)!r}, expected the number of {what}; "
                f"is the {above} above right?"
            )
        return int(tokens[0])

    def _general(self) -> np.ndarray:
        count = self._count("general parameters", "description in line 1")
        if count < MIN_GENERAL:
            self.fail(
                f"found {count} general parameters, expected {MIN_GENERAL} or more"
            )
        values = []
        for name in general_names(count):
            line = self._line(f"general parameter {name} ({count} in all)")
            found, wrong = leading_numbers(split(line))
            if len(found) != 1 or wrong is not None:
                self.fail(f"found {_shown(line)!r}, expected one number ({name})")
            values += found
        return np.array(values)

    def _atoms(self) -> tuple[tuple[str, ...], np.ndarray, bool]:
        section = SECTIONS["atom"]
        count = self._count(section.title, "count of general parameters")
        if not count:
            self.fail("found 0 atoms, expected at least one")
        self._skip_titles()
        elements: dict[str, int] = {}
        blocks, lg = [], False
        for k in range(count):
            what = f"atom {k + 1} of {count}"
            (symbol,), values = self._numbers(section, 0, what)
            element = symbol.capitalize()
            if element in elements:
                first = elements[element]
                self.fail(f"found {element} again, it is at line {first} already")
            elements[element] = self.next
            what = f"{what} ({element})"
            for line in (1, 2, 3):
                values += self._numbers(section, line, what)[1]
            lg = self._is_lg_line() if k == 0 else lg
            values += self._numbers(section, 4, what)[1] if lg else [0.0, 0.0]
            blocks.append(values)
        return tuple(elements), np.array(blocks), lg

    def _is_lg_line(self) -> bool:
        """Whether a fifth line follows: two numbers, where a count or symbol would."""
        return len(leading_numbers(self._peek())[0]) == 2

    def _rows(self, section: Section) -> tuple[Types, np.ndarray]:
        count = self._count(section.title, "count of the section")
        if section.name == "bond":
            self._skip_titles()
        types, blocks = [], []
        for k in range(count):
            what = f"{section.name.replace('_', ' ')} {k + 1} of {count}"
            indices, values = self._numbers(section, 0, what)
            types.append(self._types(indices, section, what))
            for line in range(1, len(section.lines)):
                values += self._numbers(section, line, what)[1]
            blocks.append(values)
        width = len(section.names)
        return tuple(types), np.array(blocks, dtype=float).reshape(count, width)

    def _types(self, indices: list[str], section: Section, what: str):
        types = tuple(int(index) - 1 for index in indices)
        wild = (0, 3) if section.name == "torsion" else ()
        for place, type_ in enumerate(types):
            if type_ == ANY and place not in wild:
                self.fail(f"found type 0 in {what}, expected the number of an element")
        return types

    def _numbers(
        self, section: Section, number: int, what: str
    ) -> tuple[list[str], list[float]]:
        """Indices (or symbol) and values of one line of a block, `number` from 0.

        Columns that older files leave out get the value that stands for it.
        """
        columns = section.lines[number]
        what = f"{what}, line {number + 1}" if len(section.lines) > 1 else what
        indices = section.indices if number == 0 else 0
        line = self._line(what)
        tokens = split(line, indent=3 * section.indices)
        head, tokens = tokens[:indices], tokens[indices:]
        self._check_head(head, section, what)
        values, wrong = leading_numbers(tokens)
        names = " ".join(column.name for column in columns)
        if wrong is not None:
            self.fail(f"found {wrong[:SHOWN]!r} in {what}, expected numbers ({names})")
        needed = sum(not column.optional for column in columns)
        if not needed <= len(values) <= len(columns) or len(head) < indices:
            wanted = str(needed)
            if needed < len(columns):
                wanted += f" to {len(columns)}"
            self.fail(f"{what} has {len(values)} numbers, needs {wanted} ({names})")
        missing = columns[len(values) :]
        values += [_NOT_SET.get((section.name, column.name), 0.0) for column in missing]
        return head, values

    def _check_head(self, head: list[str], section: Section, what: str) -> None:
        """The symbol of an atom, or the numbers of the types of a row."""
        atom = section.name == "atom"
        pattern = _SYMBOL if atom else _INTEGER
        expected = "the symbol of an element" if atom else "the number of a type"
        for token in head:
            if not pattern.fullmatch(token):
                self.fail(f"found {token[:SHOWN]!r} in {what}, expected {expected}")

    def _end(self) -> None:
        """Only text may follow the last section: numbers would be lost rows."""
        while tokens := self._peek():
            if is_number(tokens[0]):
                self.fail(
                    f"found {_shown(self.lines[self.next])!r} after the last section; "
                    "does its count say how many rows there are?",
                    self.next,
                )
            self.next += 1


def _shown(line: str) -> str:
    text = " ".join(line.split())
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"
