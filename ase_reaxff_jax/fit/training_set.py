"""Structures and reference values that a force field is fitted to."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Literal

from ase_reaxff_jax.fit.input_errors import (
    FitInputError,
    UnusableItemsWarning,
    UnusedStructuresWarning,
)
from ase_reaxff_jax.fit.items import Item
from ase_reaxff_jax.fit.structures import Structure
from ase_reaxff_jax.fit.trainset_check import check
from ase_reaxff_jax.fit.trainset_geo import geo_text, read_structures
from ase_reaxff_jax.fit.trainset_read import read_items
from ase_reaxff_jax.fit.trainset_write import trainset_text

SHOWN = 20  # problems in one message
StrPath = str | PathLike[str]


@dataclass(frozen=True)
class TrainingSet:
    """Structures by name, and the items that refer to them."""

    structures: dict[str, Structure]
    items: tuple[Item, ...]

    def __post_init__(self):
        """Refuses items that do not fit their structures."""
        if not self.items:
            raise FitInputError("the training set has no items")
        for name, structure in self.structures.items():
            if name != structure.name:
                raise FitInputError(f"structure {structure.name} stands under {name!r}")
        for k, item in enumerate(self.items):
            try:
                check(item, self.structures)
            except FitInputError as error:
                raise FitInputError(f"{item.where or f'item {k}'}: {error}") from None

    @classmethod
    def read(
        cls,
        geo: StrPath | Sequence[StrPath],
        trainset: StrPath,
        *,
        on_unusable: Literal["error", "warn"] = "error",
    ) -> "TrainingSet":
        """A training set in the files of the ReaxFF program.

        Structures that no item refers to are left out, with an
        `UnusedStructuresWarning`.

        Args:
            geo: One file, or several, of structures (BIOGRF, XTLGRF).
            trainset: File of reference values.
            on_unusable: What to do about items that cannot be used. "error" raises;
                "warn" leaves them out, and lists them in an `UnusableItemsWarning`.

        Raises:
            FitInputError: items cannot be used, or sections do not begin and end as
                they should; the message has file, line and remedy.
            GeoError: a line of the geo file cannot be understood.
            FileNotFoundError: there is no such file.
        """
        if on_unusable not in ("error", "warn"):
            raise FitInputError(f"on_unusable={on_unusable!r}: 'error' or 'warn'")
        found = read_structures([geo] if isinstance(geo, str | PathLike) else geo)
        items, problems = read_items(trainset, found)
        if problems:
            total = len(items) + len(problems)
            _complain(f"{len(problems)} of {total} items", problems, on_unusable)
        used = {name for item in items for name in item.structures}
        unused = [n for n in (*found.structures, *found.unusable) if n not in used]
        if unused:
            warnings.warn(
                f"{len(unused)} structures of the geo file are in no item of "
                f"{Path(trainset).name}, and left out: {_some(unused, ', ')}",
                UnusedStructuresWarning,
                stacklevel=2,
            )
        structures = {k: v for k, v in found.structures.items() if k in used}
        return cls(structures, tuple(items))

    def write(
        self, *, geo: StrPath, trainset: StrPath, overwrite: bool = False
    ) -> None:
        """The training set as files of the ReaxFF program.

        Positions have five decimals there, targets of restraints two (angles) or four;
        all else is read again as it is.

        Raises:
            FitInputError: geo files have no room for a structure.
            FileExistsError: a file exists, and `overwrite` is not set.
        """
        structures = geo_text(self.structures.values())
        for path in map(Path, (geo, trainset)):
            if path.exists() and not overwrite:
                raise FileExistsError(f"{path} exists; overwrite=True replaces it")
        Path(geo).write_text(structures, encoding="utf-8")
        Path(trainset).write_text(trainset_text(self.items), encoding="utf-8")


def _complain(what: str, problems: Sequence[str], on_unusable: str) -> None:
    listed = f"{what} cannot be used:\n  " + _some(problems, "\n  ")
    if on_unusable == "warn":
        warnings.warn(f"{listed}\nThey are left out.", UnusableItemsWarning, 3)
    else:
        raise FitInputError(f"{listed}\non_unusable='warn' would leave them out")


def _some(texts: Sequence[str], separator: str) -> str:
    more = len(texts) - SHOWN
    shown = separator.join(texts[:SHOWN])
    return f"{shown}{separator}and {more} more" if more > 0 else shown
