"""The bundled parameter sets, and how a force field is found by its name."""

import os
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from ase.calculators.calculator import InputError

from ase_reaxff_jax.errors import suggestion
from ase_reaxff_jax.ffield.read import read_ffield
from ase_reaxff_jax.forcefield import ForceField

__all__ = [
    "BundledForceField",
    "Catalogue",
    "UnknownForceFieldError",
    "find",
    "forcefields",
    "load",
]


class UnknownForceFieldError(InputError, FileNotFoundError):
    """Neither a file nor the name of a bundled force field."""


@dataclass(frozen=True)
class BundledForceField:
    """What is known of a bundled parameter set."""

    name: str
    elements: tuple[str, ...]  # in the order of the file; X is a dummy
    topic: str  # what it was made for
    citation: str  # publications, separated by `; `
    source: str  # where the numbers were taken from
    notes: str


class Catalogue(tuple[BundledForceField, ...]):
    """The bundled parameter sets; printed, a table."""

    def __str__(self) -> str:
        """A table, the publications under each entry."""
        rows = [("name", "elements", "for")]
        rows += [(s.name, " ".join(s.elements), s.topic) for s in self]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(
                cell.ljust(width) for cell, width in zip(row, widths, strict=True)
            )
            for row in rows
        ]
        head, *body = (line.rstrip() for line in lines)
        parts = [head, "-" * (sum(widths) + 4)]
        for line, entry in zip(body, self, strict=True):
            parts += [line, *(f"    {work}" for work in entry.citation.split("; "))]
            if entry.notes:
                parts.append(f"    Note: {entry.notes}")
        return "\n".join(parts)


@cache
def forcefields() -> Catalogue:
    """The bundled parameter sets: name, elements, publication, origin."""
    table = tomllib.loads((_folder() / "forcefields.toml").read_text("utf-8"))
    return Catalogue(
        BundledForceField(
            name=name,
            elements=tuple(entry["elements"]),
            topic=entry["topic"],
            citation="; ".join(entry["citation"]),
            source=f"LAMMPS potentials/{entry['file']}, 22 Jul 2025",
            notes=entry.get("notes", ""),
        )
        for name, entry in table.items()
    )


def load(source: object) -> ForceField:
    """A force field by name or path; a `ForceField` is returned as it is.

    Raises:
        UnknownForceFieldError: neither a file nor a bundled name; it is an `InputError`
            and a `FileNotFoundError`.
        FfieldError: the file cannot be understood (a `ReadError` of ASE).
    """
    if isinstance(source, ForceField):
        return source
    if not isinstance(source, str | os.PathLike):
        raise InputError(
            "force_field must be a bundled name, a path or a ForceField, "
            f"not {source!r}"
        )
    with find(source).open("rb") as file:
        return read_ffield(file)


def find(name: str | os.PathLike) -> Path | Traversable:
    """The file of a force field; an existing path goes before a bundled name.

    Bundled names match without regard to case, separators and the prefixes `ffield`
    and `reax`: `cho`, `CHO` and `ffield.reax.cho` are one.

    Raises:
        UnknownForceFieldError: neither a file nor a bundled name.
    """
    if os.path.isfile(name):
        return Path(name)
    known = {_key(entry.name): entry.name for entry in forcefields()}
    if isinstance(name, str) and _key(name) in known:
        return _folder() / f"{known[_key(name)]}.ff"
    near = suggestion(name, known.values()) or suggestion(_key(str(name)), known)
    what = "is a folder" if os.path.isdir(name) else "does not exist"
    raise UnknownForceFieldError(
        f"no force field {os.fspath(name)!r}{near}: {os.path.abspath(name)} {what}; "
        f"bundled are {' '.join(known.values())}"
    )


def _folder() -> Traversable:
    return files(__name__)


def _key(name: str) -> str:
    """Letters and digits of a name, without the prefixes of LAMMPS's file names."""
    bare = re.sub(r"[^a-z0-9]", "", name.lower())
    return re.sub(r"^(ffield)?(reax)?", "", bare)
