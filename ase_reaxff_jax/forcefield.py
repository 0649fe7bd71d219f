"""The force field: the numbers of the file, by section, and how to name one of them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from ase.calculators.calculator import InputError
from jaxtyping import Float

from ase_reaxff_jax.errors import suggestion
from ase_reaxff_jax.ffield.schema import BY_NUMBER, SECTIONS, column, general_names

__all__ = ["Address", "ForceField", "Header", "UnknownParameterError", "column"]

Numbers = np.ndarray | jax.Array  # of the host as read, of the device once traced
Types = tuple[tuple[int, ...], ...]  # 0-based types of each row
ANY = -1  # type of a torsion's wild card, `*` in names


class UnknownParameterError(InputError, LookupError):
    """The force field has no such parameter, or more than one of that name."""


class Address(NamedTuple):
    """Place of a parameter as in the `params` file: section, row, column from 1."""

    section: int
    row: int
    column: int


@dataclass(frozen=True)
class Header:
    """First line of the file.

    All headers compare equal, so that what was compiled for one force field serves
    another that differs in its description only.
    """

    text: str = field(default="", compare=False)


class ForceField(eqx.Module):
    """The numbers of a force-field file, exactly as they stand there.

    The arrays are float64 on the host; every number is differentiable. Columns are
    those of `ase_reaxff_jax.ffield.schema`. A row may name a type beyond `elements`:
    it is kept, and takes no part in the energy. Of several rows for one angle all
    count, of several for one bond or off-diagonal pair the last.
    """

    general: Float[Numbers, " general"]
    atom: Float[Numbers, "types 34"]  # the last two are zero unless `lg`
    bond: Float[Numbers, "bonds 16"]
    off_diagonal: Float[Numbers, "off_diagonals 7"]  # lgcij is -1 where not set
    angle: Float[Numbers, "angles 7"]
    torsion: Float[Numbers, "torsions 7"]
    hydrogen_bond: Float[Numbers, "hydrogen_bonds 4"]
    elements: tuple[str, ...] = eqx.field(static=True)
    bond_types: Types = eqx.field(static=True)
    off_diagonal_types: Types = eqx.field(static=True)
    angle_types: Types = eqx.field(static=True)
    torsion_types: Types = eqx.field(static=True)  # -1: any element
    hydrogen_bond_types: Types = eqx.field(static=True)
    lg: bool = eqx.field(static=True)  # with low-gradient dispersion
    header: Header = eqx.field(static=True, default=Header())

    @property
    def description(self) -> str:
        """First line of the file."""
        return self.header.text

    def types(self, section: str) -> Types:
        """0-based types of each row of a section; of `general`, nothing."""
        if section == "general":
            return ()
        if section == "atom":
            return tuple((k,) for k in range(len(self.elements)))
        return getattr(self, f"{_section(section).name}_types")

    def get(
        self,
        section: str,
        key: str | Sequence[str] | None,
        name: str,
        index: int | None = None,
    ):
        """One parameter by name; a scalar, traced if the force field is.

        Args:
            section: One of general, atom, bond, off_diagonal, angle, torsion,
                hydrogen_bond.
            key: The elements of the row, `("C", "C", "H")`, `*` for a torsion's wild
                card; None for a general parameter.
            name: Name of the column.
            index: Which of several rows for the same elements, from 0.

        Raises:
            UnknownParameterError: there is no such row or column, or there are several
                such rows and no `index`.
        """
        return self.at(self._address(section, key, name, index))

    def at(self, address: Sequence[int]):
        """One parameter by section, row and column, all from 1; a scalar."""
        section, place = self._place(address)
        return getattr(self, section)[place]

    def replace(self, parameter: Sequence[int] | str, value) -> "ForceField":
        """A force field that differs in one number.

        Args:
            parameter: Address, or name as in `addresses`.
            value: The number, may be traced; in the unit of the file.
        """
        section, place = self._place(self.locate(parameter))
        old = getattr(self, section)
        traced = isinstance(value, jax.core.Tracer)
        if isinstance(old, np.ndarray) and not traced:
            new = old.copy()
            new[place] = value
        else:
            new = jnp.asarray(old).at[place].set(value)
        return eqx.tree_at(lambda tree: getattr(tree, section), self, new)

    def locate(self, parameter: Sequence[int] | str) -> Address:
        """Address of a parameter by its name, `atom C r_s`; addresses pass through."""
        if not isinstance(parameter, str):
            self._place(parameter)
            return Address(*parameter)
        section, *key, name = parameter.split() if " " in parameter else ("", "")
        index = None
        if key and key[-1].startswith("#") and key[-1][1:].isdecimal():
            index = int(key.pop()[1:]) - 1
        return self._address(section, key, name, index)

    def addresses(self) -> Iterator[tuple[Address, str]]:
        """Every parameter of the file: its address and its name.

        Names are as `atom C r_s`, `torsion * C C * V2`, `general p_boc1`; of several
        rows for the same elements, `angle C H N #2 p_val1`.
        """
        for place, name in enumerate(general_names(len(self.general)), start=1):
            yield Address(1, place, 1), f"general {name}"
        for section in list(SECTIONS.values())[1:]:
            names = section.names[: self._width(section.name)]
            for row, label in enumerate(self.labels(section.name), start=1):
                for place, name in enumerate(names, start=1):
                    address = Address(section.number, row, place)
                    yield address, f"{section.name} {label} {name}"

    def labels(self, section: str) -> tuple[str, ...]:
        """Elements of each row, `C C H`, numbered `#1`, `#2` where they repeat."""
        keys = [self._canonical(section, types) for types in self.types(section)]
        total, seen = Counter(keys), Counter()
        labels = []
        for types, key in zip(self.types(section), keys, strict=True):
            seen[key] += 1
            number = f" #{seen[key]}" if total[key] > 1 else ""
            labels.append(" ".join(map(self._symbol, types)) + number)
        return tuple(labels)

    def _width(self, section: str) -> int:
        """Columns that files of this kind have."""
        lg_only = {"atom": 2, "off_diagonal": 1}.get(section, 0)
        return len(SECTIONS[section].names) - (0 if self.lg else lg_only)

    def _symbol(self, type_: int) -> str:
        if type_ == ANY:
            return "*"
        known = type_ < len(self.elements)
        return self.elements[type_] if known else f"type{type_ + 1}"

    def _canonical(self, section: str, types: Sequence[int]) -> tuple[int, ...]:
        """The same for both directions in which a symmetric row can be written."""
        types = tuple(types)
        return min(types, types[::-1]) if SECTIONS[section].symmetric else types

    def _address(self, section, key, name, index) -> Address:
        number = _section(section).number
        key = tuple(key.split()) if isinstance(key, str) else tuple(key or ())
        if section == "general":
            names = general_names(len(self.general))
            _check(not key, f"a general parameter has no elements, got {key}")
            _check(name in names, f"no general parameter {name!r}", name, names)
            return Address(number, names.index(name) + 1, 1)
        names = SECTIONS[section].names
        _check(name in names, f"no {name!r} in section {section}", name, names)
        row = self._row(section, key, index)
        return Address(number, row + 1, names.index(name) + 1)

    def _row(self, section: str, key: tuple[str, ...], index: int | None) -> int:
        symbols = {self._symbol(t): t for row in self.types(section) for t in row}
        symbols |= {element: k for k, element in enumerate(self.elements)}
        for symbol in key:
            _check(symbol in symbols, f"no element {symbol!r}", symbol, symbols)
        wanted = self._canonical(section, [symbols[symbol] for symbol in key])
        found = [
            row
            for row, types in enumerate(self.types(section))
            if self._canonical(section, types) == wanted
        ]
        what = f"{section} {' '.join(key)}"
        _check(found, f"the force field has no row {what}")
        if index is None:
            one = len(found) == 1
            _check(one, f"{what} has {len(found)} rows: index 0 to {len(found) - 1}?")
            index = 0
        _check(0 <= index < len(found), f"{what} has {len(found)} rows, no [{index}]")
        return found[index]

    def _place(self, address: Sequence[int]) -> tuple[str, tuple[int, ...]]:
        """Section and 0-based index into its array."""
        whole = all(isinstance(number, int | np.integer) for number in address)
        good = len(address) == 3 and whole and address[0] in BY_NUMBER
        _check(good, f"{tuple(address)} is no address (section 1-7, row, column)")
        number, row, place = map(int, address)
        section = BY_NUMBER[number].name
        if section == "general":
            # The `params` format leaves the column of a general parameter open.
            inside = 1 <= row <= len(self.general) and place in (0, 1)
            _check(inside, f"no general parameter at {tuple(address)}")
            return section, (row - 1,)
        rows, width = len(self.types(section)), len(SECTIONS[section].names)
        width = width if section != "atom" else self._width("atom")
        inside = 1 <= row <= rows and 1 <= place <= width
        size = f"{section} has {rows} rows, {width} columns"
        _check(inside, f"no parameter at {tuple(address)}: {size}")
        return section, (row - 1, place - 1)


def _section(name: str):
    _check(name in SECTIONS, f"no section {name!r}", name, SECTIONS)
    return SECTIONS[name]


def _check(condition, message: str, word: str = "", known=()) -> None:
    if not condition:
        raise UnknownParameterError(message + suggestion(word, known))
