"""Reads the items of a trainset.in file."""

from dataclasses import replace
from os import PathLike
from pathlib import Path

from ase.calculators.calculator import InputError

from ase_reaxff_jax.fit.items import CellItem, Item
from ase_reaxff_jax.fit.trainset_check import check
from ase_reaxff_jax.fit.trainset_geo import GeoStructures
from ase_reaxff_jax.fit.trainset_lines import lines_of
from ase_reaxff_jax.fit.trainset_sections import READERS


def read_items(
    path: str | PathLike[str], geo: GeoStructures
) -> tuple[list[Item], list[str]]:
    """The items of a file, and what is wrong with the lines that cannot be used.

    Cells about which the geo file says nothing are relaxed, in `geo`, where an item
    asks for their parameters: uniformly, as the ReaxFF program does by default.

    Raises:
        FitInputError: sections do not begin and end as they should.
        FileNotFoundError: there is no such file.
    """
    items: list[Item] = []
    problems: list[str] = []
    repeated: list[str] = []
    said: dict[str, str] = {}  # where; what is wrong with a structure is said once
    for line in lines_of(Path(path)):
        try:
            found = list(READERS[line.section](line, geo))
            for item in found:
                _open_cell(item, geo)
                check(item, geo.structures, geo.unusable)
        except (ValueError, InputError) as error:
            first = said.setdefault(str(error), line.where)
            if first == line.where:
                problems.append(f"{line.where}: {error}")
            else:
                repeated.append(f"{line.where}: the same as {first}")
        else:
            items += [replace(item, where=line.where) for item in found]
    return items, problems + repeated


def _open_cell(item: Item, geo: GeoStructures) -> None:
    if isinstance(item, CellItem) and item.structure in geo.open_cells:
        old = geo.structures[item.structure]
        new = replace(old, relax_cell=True, cell_freedom="uniform")
        geo.structures[item.structure] = new
        geo.open_cells.remove(item.structure)
