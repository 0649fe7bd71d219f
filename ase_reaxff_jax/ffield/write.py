"""Writes a force-field file from which every number can be read back."""

import os
import threading
from pathlib import Path

import numpy as np
from ase.calculators.calculator import InputError

from ase_reaxff_jax.ffield.schema import SECTIONS, Section, general_names
from ase_reaxff_jax.forcefield import ForceField

WIDTH = 9  # of a column, as Fortran's f9.4


def write_ffield(
    path: str | os.PathLike | ForceField,
    force_field: ForceField | str | os.PathLike,
) -> None:
    """Write a force-field file; reading it gives the same numbers, bit for bit.

    Numbers stand in the format's fixed columns where four decimals are exact, and with
    as many digits as they need elsewhere: programs that split lines at white space read
    them, those that count columns do not. The file appears whole or not at all.

    Args:
        path: Where to; an existing file is replaced.
        force_field: What; its numbers must be known, not traced. The two are told apart
            whatever their order.

    Raises:
        InputError: a number is not finite, or dispersion is set without `lg`.
    """
    if isinstance(path, ForceField):
        path, force_field = force_field, path
    if isinstance(path, ForceField) or not isinstance(force_field, ForceField):
        raise InputError(
            f"write_ffield takes a path and a ForceField, not {type(path).__name__} "
            f"and {type(force_field).__name__}"
        )
    target = Path(os.path.realpath(path))  # a link stays a link
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{path}: there is no folder {target.parent}")
    unique = f"{os.getpid()}.{threading.get_ident()}"
    temporary = target.with_name(f".{target.name}.{unique}.tmp")
    text = to_text(force_field)
    try:
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def to_text(force_field: ForceField) -> str:
    """Content of the file."""
    _check(force_field)
    lines = [" ".join(force_field.description.split()), *_general(force_field)]
    lines += _atoms(force_field)
    for section in list(SECTIONS.values())[2:]:
        lines += _rows(force_field, section)
    return "\n".join(lines) + "\n"


def number(value: float, width: int = WIDTH) -> str:
    """A number in a column, always after a blank.

    Full columns would touch, so a number that leaves no blank has fewer decimals where
    these are exact. The point is always written: Fortran supplies one otherwise.
    """
    for decimals in range(4, -1, -1):
        text = f"{value:#.{decimals}f}"
        if len(text) < width and float(text) == value:
            return text.rjust(width)
    text = repr(float(value))
    if "." not in text:
        text = text.replace("e", ".0e")
    return f" {text}".rjust(width)


def _check(force_field: ForceField) -> None:
    for address, name in force_field.addresses():
        if not np.isfinite(force_field.at(address)):
            raise InputError(f"{name} is {force_field.at(address)}: not written")
    if not force_field.lg and np.any(force_field.atom[:, 32:]):
        raise InputError(
            "lgcij and lgre of the atoms are set, but the force field is not `lg`"
        )


def _general(force_field: ForceField) -> list[str]:
    count = len(force_field.general)
    docs = [column.doc for column in SECTIONS["general"].columns]
    lines = [f"{count:3d}       ! Number of general parameters"]
    for k, name in enumerate(general_names(count)):
        comment = f"{name}: {docs[k]}" if k < len(docs) else name
        lines.append(f"{number(float(force_field.general[k]), 10)} ! {comment}")
    return lines


def _atoms(force_field: ForceField) -> list[str]:
    section = SECTIONS["atom"]
    used = section.lines if force_field.lg else section.lines[:4]
    titles = [" ".join(column.name for column in line) for line in used]
    count = len(force_field.elements)
    lines = [f"{count:3d}    ! Nr of atoms; {titles[0]}"]
    # Readers skip three lines here: a fifth line shares its title with the fourth.
    lines += [f"            {title}" for title in titles[1:3]]
    lines.append(f"            {'; '.join(titles[3:])}")
    for element, values in zip(force_field.elements, force_field.atom, strict=True):
        heads = [f" {element:<2}", *["   "] * (len(used) - 1)]
        lines += _block(section, heads, values)
    return lines


def _rows(force_field: ForceField, section: Section) -> list[str]:
    types = force_field.types(section.name)
    values = np.asarray(getattr(force_field, section.name))
    titles = [" ".join(column.name for column in line) for line in section.lines]
    indices = " ".join(f"at{k + 1}" for k in range(section.indices))
    lines = [f"{len(types):3d}    ! Nr of {section.title}; {indices} {titles[0]}"]
    lines += [f"{' ' * 23}{title}" for title in titles[1:]]
    if section.name == "off_diagonal" and not force_field.lg:
        if np.all(values[:, 6] == -1.0):
            values = values[:, :6]  # the column of the dispersion: nowhere set
    indent = " " * 3 * section.indices
    for row, numbers in zip(types, values, strict=True):
        head = "".join(f" {type_ + 1:>2}" for type_ in row)
        lines += _block(section, [head] + [indent] * (len(section.lines) - 1), numbers)
    return lines


def _block(section: Section, heads: list[str], values) -> list[str]:
    """Lines of one block, as many as it has heads."""
    lines, start = [], 0
    for head, columns in zip(heads, section.lines, strict=False):
        part = values[start : start + len(columns)]
        lines.append(head + "".join(number(value) for value in part))
        start += len(columns)
    return lines
