"""Which numbers of a force field are fitted, and within which bounds: params files.

A line has section, row, column, step and both bounds, in either order: `2 1 4 0.1 1.7
2.6`. Companion files, `koppel2`, tie parameters to others. Source: manual of the ReaxFF
program (2017); `ffopt` of the program.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import Any

from ase.calculators.calculator import InputError

from ase_reaxff_jax.ffield import names
from ase_reaxff_jax.ffield.names import Address
from ase_reaxff_jax.fit.fittable import has_to_exceed, why_not
from ase_reaxff_jax.fit.input_errors import FitInputError
from ase_reaxff_jax.forcefield import ForceField
from ase_reaxff_jax.geo.columns import Column, number, read_columns

ADDRESS = [Column(name, 3, "d") for name in Address._fields]
COLUMNS = [*ADDRESS, *[Column(name, 8, "f", 4) for name in ("step", "bound", "other")]]
REFERENCE = [*ADDRESS, Column("links", 3, "d")]
StrPath = str | PathLike[str]


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A number of the force field that is fitted.

    Section, row and column are those of the `params` file, from 1; the column of a
    general parameter is 1. The numbers at `links` always equal it.
    """

    section: int
    row: int
    column: int
    low: float  # in the unit of the file
    high: float
    step: float | None = None  # of the ReaxFF program's line search; None: not given
    links: tuple[Address, ...] = ()
    name: str = field(default="", compare=False)  # such as `bond Co Co De_s`
    where: str | None = field(default=None, compare=False)  # "params:12"

    def __post_init__(self):
        """Refuses bounds between which there is nothing."""
        if not (math.isfinite(self.low) and math.isfinite(self.high)):
            raise FitInputError(f"bounds {self.low:g} and {self.high:g}: not finite")
        if self.low > self.high:
            raise FitInputError(
                f"bounds {self.low:g} and {self.high:g}: the lower one is the larger"
            )
        if self.low == self.high:
            raise FitInputError(
                f"bounds {self.low:g} and {self.high:g}: there is nothing between "
                "them; widen them, or take the line out"
            )

    @property
    def address(self) -> Address:
        """Where it stands."""
        return Address(self.section, self.row, self.column)


def read_params(
    path: StrPath, force_field: ForceField, *, links: StrPath | None = None
) -> list[Parameter]:
    """The parameters that a `params` file names.

    Args:
        path: The file. `#` and `!` begin comments.
        force_field: What they are parameters of; each must lie within its bounds.
        links: A `koppel2` file of parameters that equal others.

    Raises:
        FitInputError: a line cannot be used; names the line, and a remedy.
        FileNotFoundError: there is no such file.
    """
    known = dict(names.addresses(force_field))
    found: dict[Address, Parameter] = {}
    for where, text in _lines(Path(path)):
        try:
            parameter = _parameter(text, force_field)
            if before := found.get(parameter.address):
                raise FitInputError(f"it stands at {before.where} already")
        except (ValueError, InputError) as error:
            raise FitInputError(f"{where}: {error}") from None
        name = known[parameter.address]
        found[parameter.address] = replace(parameter, name=name, where=where)
    if not found:
        raise FitInputError(f"{Path(path).name} names no parameters")
    if links is not None:
        _link(found, Path(links), force_field)
    return list(found.values())


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    with path.open(encoding="utf-8", errors="replace") as fd:
        for k, line in enumerate(fd, 1):
            text = line.expandtabs().replace("!", "#").partition("#")[0].rstrip()
            if text.strip():
                yield f"{path.name}:{k}", text


def _parameter(text: str, force_field: ForceField) -> Parameter:
    values = read_columns(_without_words(text), COLUMNS)
    address = _address(values, force_field)
    low, high = sorted((values["bound"], values["other"]))
    if values["step"] == 0:
        raise ValueError(
            "the step is 0; make it positive, or negative if it is to follow from the "
            "bounds"
        )
    step = values["step"] if values["step"] > 0 else None
    made = Parameter(**address._asdict(), low=low, high=high, step=step)
    value = float(force_field.at(address))
    if not low <= value <= high:
        raise ValueError(
            f"the force field has {value:g}, outside the bounds {low:g} to {high:g}; "
            "widen them, or change the force field"
        )
    _check_low(low, force_field, address)
    return made


def _check_low(low: float, force_field: ForceField, address: Address) -> None:
    least = has_to_exceed(force_field, address)
    if least is not None and low <= least:
        raise ValueError(
            f"the lower bound is {low:g}, but from {least:g} down the term is off, or "
            f"another rule holds; make the bound larger than {least:g}"
        )


def _without_words(text: str) -> str:
    """Without a comment that has no mark before it."""
    words = text.split()
    if len(words) <= len(COLUMNS):
        return text
    try:
        number(words[len(COLUMNS)])
    except ValueError:
        return " ".join(words[: len(COLUMNS)])
    return text


def _address(values: dict[str, Any], force_field: ForceField) -> Address:
    """Of a parameter that can be fitted; ValueError or InputError if it is none."""
    address = Address(*(values[name] for name in Address._fields))
    names.index_of(force_field, address)
    if address.section == 1:
        address = address._replace(column=1)
    if reason := why_not(force_field, address):
        name = dict(names.addresses(force_field)).get(address, f"{tuple(address)}")
        raise ValueError(f"{name} cannot be fitted: {reason}; take the line out")
    return address


def _link(found: dict[Address, Parameter], path: Path, force_field: ForceField) -> None:
    """Adds the links of a `koppel2` file to the parameters that they refer to."""
    lines = _lines(path)
    taken = set(found)
    for where, text in lines:
        try:
            values = read_columns(text, REFERENCE)
            address = _address(values, force_field)
            if address not in found:
                raise ValueError(
                    f"{tuple(address)} is not among the parameters; add it to them, or "
                    "take its links out"
                )
            if values["links"] < 1:
                raise ValueError(f"found {values['links']} links, expected 1 or more")
            links = []
            for _ in range(values["links"]):
                where, text = next(lines, (where, ""))
                link = _address(read_columns(text, ADDRESS), force_field)
                if link in taken:
                    raise ValueError(f"{tuple(link)} is fitted or linked already")
                _check_low(found[address].low, force_field, link)
                taken.add(link)
                links.append(link)
        except (ValueError, InputError) as error:
            raise FitInputError(f"{where}: {error}") from None
        old = found[address]
        found[address] = replace(old, links=(*old.links, *links))


def write_params(
    parameters: Iterable[Parameter], path: StrPath, *, links: StrPath | None = None
) -> None:
    """A `params` file, and a `koppel2` file of their links.

    Numbers are written so that they are read as they are.

    Raises:
        FitInputError: there are links, but no file for them.
    """
    lines, tied = [], []
    for parameter in parameters:
        step = -1.0 if parameter.step is None else parameter.step
        address = " ".join(f"{k:3d}" for k in parameter.address)
        bounds = f"{step!r} {parameter.low!r} {parameter.high!r}"
        lines.append(f"{address} {bounds} ! {parameter.name}".removesuffix(" ! "))
        if parameter.links:
            tied.append(f"{address} {len(parameter.links)}")
            tied += [" ".join(map(str, link)) for link in parameter.links]
    if tied and links is None:
        raise FitInputError("some parameters have links; name a koppel2 file for them")
    Path(path).write_text("".join(f"{k}\n" for k in lines), encoding="utf-8")
    if links is not None:
        Path(links).write_text("".join(f"{k}\n" for k in tied), encoding="utf-8")
