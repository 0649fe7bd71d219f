"""Names and addresses of the parameters of a force field.

A parameter is named `atom C r_s`, `torsion * C C * V2` or `general p_boc1`; where rows
for the same elements repeat, `angle C H N #2 p_val1`. Its address is that of the
`params` file of the fitting programs: section, row and column.

Functions of a `ForceField` rather than methods: binding a method of an equinox module
copies the module's fields, which is felt when thousands of numbers are named.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from ase.calculators.calculator import InputError

from ase_reaxff_jax.errors import suggestion
from ase_reaxff_jax.ffield.schema import BY_NUMBER, SECTIONS, general_names

ANY = -1  # type of a torsion's wild card, `*` in names
Types = tuple[tuple[int, ...], ...]  # 0-based types of each row
Key = str | Sequence[str] | None  # elements of a row; None for a general parameter
_LG_ONLY = {"atom": 2, "off_diagonal": 1}  # last columns, of low-gradient dispersion


class UnknownParameterError(InputError, LookupError):
    """The force field has no such parameter, or more than one of that name."""


class Address(NamedTuple):
    """Place of a parameter as in the `params` file: section, row, column from 1."""

    section: int
    row: int
    column: int


def types_of(force_field, section: str) -> Types:
    """0-based types of each row of a section; of `general`, nothing."""
    _check(section in SECTIONS, f"no section {section!r}", section, SECTIONS)
    if section == "general":
        return ()
    if section == "atom":
        return tuple((k,) for k in range(len(force_field.elements)))
    return getattr(force_field, f"{section}_types")


def labels(force_field, section: str) -> tuple[str, ...]:
    """Elements of each row, `C C H`, numbered `#1`, `#2` where they repeat."""
    elements = force_field.elements
    types = types_of(force_field, section)
    keys = [_canonical(section, row) for row in types]
    total = Counter(keys)
    seen: Counter = Counter()
    found = []
    for row, key in zip(types, keys, strict=True):
        seen[key] += 1
        number = f" #{seen[key]}" if total[key] > 1 else ""
        found.append(" ".join(_symbol(elements, t) for t in row) + number)
    return tuple(found)


def addresses(force_field) -> Iterator[tuple[Address, str]]:
    """Every parameter that files of this kind have: its address and its name."""
    for place, name in enumerate(general_names(len(force_field.general)), start=1):
        yield Address(1, place, 1), f"general {name}"
    for section in list(SECTIONS.values())[1:]:
        lacking = 0 if force_field.lg else _LG_ONLY.get(section.name, 0)
        names = section.names[: len(section.names) - lacking]
        for row, label in enumerate(labels(force_field, section.name), start=1):
            for place, name in enumerate(names, start=1):
                address = Address(section.number, row, place)
                yield address, f"{section.name} {label} {name}"


def locate(force_field, parameter: Sequence[int] | str) -> Address:
    """Address of a parameter by its name; addresses pass through, checked."""
    if not isinstance(parameter, str):
        index_of(force_field, parameter)
        return Address(*parameter)
    section, *key, name = parameter.split() if " " in parameter else (parameter, "")
    index = None
    if key and key[-1].startswith("#") and key[-1][1:].isdecimal():
        index = int(key.pop()[1:]) - 1
    return address_of(force_field, section, key, name, index)


def address_of(
    force_field, section: str, key: Key, name: str, index: int | None = None
) -> Address:
    """Address of a parameter by section, elements, column, and which of several rows.

    Raises:
        UnknownParameterError: there is none, or there are several and no `index`.
    """
    _check(section in SECTIONS, f"no section {section!r}", section, SECTIONS)
    number, names = SECTIONS[section].number, SECTIONS[section].names
    key = tuple(key.split()) if isinstance(key, str) else tuple(key or ())
    if section == "general":
        names = general_names(len(force_field.general))
        _check(not key, f"a general parameter has no elements, got {key}")
    _check(name in names, f"no {name!r} in section {section}", name, names)
    column = names.index(name) + 1
    if section == "general":
        return Address(number, column, 1)
    return Address(number, _row(force_field, section, key, index) + 1, column)


def index_of(force_field, address: Sequence[int]) -> tuple[str, tuple[int, ...]]:
    """Section of an address and the 0-based index into its array."""
    whole = all(isinstance(number, int | np.integer) for number in address)
    good = len(address) == 3 and whole and address[0] in BY_NUMBER
    _check(good, f"{tuple(address)} is no address (section 1-7, row, column)")
    number, row, column = map(int, address)
    section = BY_NUMBER[number].name
    if section == "general":
        # The `params` format leaves the column of a general parameter open.
        inside = 1 <= row <= len(force_field.general) and column in (0, 1)
        _check(inside, f"no general parameter at {tuple(address)}")
        return section, (row - 1,)
    rows, width = len(types_of(force_field, section)), len(SECTIONS[section].names)
    if section == "atom" and not force_field.lg:
        width -= _LG_ONLY[section]
    size = f"{section} has {rows} rows, {width} columns"
    inside = 1 <= row <= rows and 1 <= column <= width
    _check(inside, f"no parameter at {tuple(address)}: {size}")
    return section, (row - 1, column - 1)


def _row(force_field, section: str, key: tuple[str, ...], index: int | None) -> int:
    elements, types = force_field.elements, types_of(force_field, section)
    symbols = {_symbol(elements, t): t for row in types for t in row}
    symbols |= {element: k for k, element in enumerate(elements)}
    for symbol in key:
        _check(symbol in symbols, f"no element {symbol!r}", symbol, symbols)
    wanted = _canonical(section, tuple(symbols[symbol] for symbol in key))
    found = [row for row, t in enumerate(types) if _canonical(section, t) == wanted]
    what = f"{section} {' '.join(key)}"
    _check(found, f"the force field has no row {what}")
    if index is None:
        several = f"{what} has {len(found)} rows: index 0 to {len(found) - 1}?"
        _check(len(found) == 1, several)
        return found[0]
    _check(0 <= index < len(found), f"{what} has {len(found)} rows, no index {index}")
    return found[index]


def _symbol(elements: tuple[str, ...], type_: int) -> str:
    if type_ == ANY:
        return "*"
    return elements[type_] if type_ < len(elements) else f"type{type_ + 1}"


def _canonical(section: str, types: tuple[int, ...]) -> tuple[int, ...]:
    """The same for both directions in which a symmetric row can be written."""
    return min(types, types[::-1]) if SECTIONS[section].symmetric else types


def _check(condition, message: str, word: str = "", known=()) -> None:
    if not condition:
        raise UnknownParameterError(message + suggestion(word, known))
