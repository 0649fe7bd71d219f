"""The force field: the numbers of the file, by section, and access to each of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ase_reaxff_jax.ffield import names
from ase_reaxff_jax.ffield.names import ANY, Address, Types, UnknownParameterError
from ase_reaxff_jax.ffield.schema import SECTIONS, column

__all__ = ["ANY", "Address", "ForceField", "Header", "UnknownParameterError", "column"]

Numbers = np.ndarray | jax.Array  # of the host as read, of the device once traced


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

    def __check_init__(self):
        """Each row has its types."""
        for section in list(SECTIONS)[1:]:
            rows, types = len(getattr(self, section)), len(self.types(section))
            if rows != types:
                raise ValueError(f"{section} has {rows} rows, but types for {types}")

    @property
    def description(self) -> str:
        """First line of the file."""
        return self.header.text

    def equals(self, other: "ForceField") -> bool:
        """Whether the other has the same rows, numbers and description."""
        form: Any = jax.tree.structure(self)
        numbers = jax.tree.leaves(self), jax.tree.leaves(other)
        return self is other or (
            form == jax.tree.structure(other)
            and self.description == other.description
            and all(map(np.array_equal, *numbers))
        )

    def types(self, section: str) -> Types:
        """0-based types of each row of a section; of `general`, nothing."""
        return names.types_of(self, section)

    def labels(self, section: str) -> tuple[str, ...]:
        """Elements of each row, `C C H`, numbered `#1`, `#2` where they repeat."""
        return names.labels(self, section)

    def addresses(self) -> Iterator[tuple[Address, str]]:
        """Every parameter of the file: its address and its name.

        Names are as `atom C r_s`, `torsion * C C * V2`, `general p_boc1`; of several
        rows for the same elements, `angle C H N #2 p_val1`.
        """
        return names.addresses(self)

    def locate(self, parameter: Sequence[int] | str) -> Address:
        """Address of a parameter by its name, `atom C r_s`; addresses pass through."""
        return names.locate(self, parameter)

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
        return self.at(names.address_of(self, section, key, name, index))

    def at(self, address: Sequence[int]):
        """One parameter by section, row and column, all from 1; a scalar."""
        section, place = names.index_of(self, address)
        return getattr(self, section)[place]

    def replace(self, parameter: Sequence[int] | str, value) -> "ForceField":
        """A force field that differs in one number.

        Args:
            parameter: Address, or name as in `addresses`.
            value: The number, may be traced; in the unit of the file.
        """
        section, place = names.index_of(self, names.locate(self, parameter))
        old = getattr(self, section)
        if isinstance(old, np.ndarray) and not isinstance(value, jax.core.Tracer):
            new: Numbers = old.copy()
            new[place] = value
        else:
            new = jnp.asarray(old).at[place].set(value)
        return eqx.tree_at(lambda tree: getattr(tree, section), self, new)
