"""Whether an item fits the structures that it refers to."""

from collections.abc import Iterable, Mapping

from ase_reaxff_jax.errors import suggestion
from ase_reaxff_jax.fit.coordinates import number_of_vibrations
from ase_reaxff_jax.fit.input_errors import FitInputError
from ase_reaxff_jax.fit.items import (
    CellItem,
    DipoleItem,
    FrequencyItem,
    Item,
    StressItem,
)
from ase_reaxff_jax.fit.structures import Structure
from ase_reaxff_jax.settings import DIRECT_LIMIT


def find(
    name: str, structures: Mapping[str, Structure], unusable: Mapping[str, str]
) -> Structure:
    """The structure of that name.

    Raises:
        FitInputError: there is none, or it cannot be used.
    """
    if name in structures:
        return structures[name]
    if name in unusable:
        raise FitInputError(f"structure {name} cannot be used: {unusable[name]}")
    near = suggestion(name, [*structures, *unusable])
    raise FitInputError(f"there is no structure {name!r}{near}")


def by_name(structures: Iterable[Structure]) -> dict[str, Structure]:
    """A dictionary.

    Raises:
        FitInputError: two have the same name.
    """
    found: dict[str, Structure] = {}
    for structure in structures:
        if before := found.get(structure.name):
            raise FitInputError(
                f"{structure.where}: {before.where} is named {structure.name} too"
            )
        found[structure.name] = structure
    return found


def check(
    item: Item,
    structures: Mapping[str, Structure],
    unusable: Mapping[str, str] | None = None,
) -> None:
    """Nothing, where the item's structures have what it asks for.

    Raises:
        FitInputError: they have not; the message says why.
    """
    for name in item.structures:
        structure = find(name, structures, unusable or {})
        _check_atoms(item, structure)
        _check_cell(item, structure)
        if isinstance(item, FrequencyItem):
            _check_mode(item, structure)


def _check_mode(item: FrequencyItem, structure: Structure) -> None:
    if item.mode >= (most := number_of_vibrations(structure)):
        raise FitInputError(
            f"{item.name}: {structure.name} has {most} vibrations (translations and "
            f"rotations do not count), and no mode {item.mode + 1}"
        )
    if (size := len(structure.atoms)) > DIRECT_LIMIT:
        raise FitInputError(
            f"{item.name}: {structure.name} has {size} atoms; frequencies are computed "
            f"for up to {DIRECT_LIMIT}"
        )
    if structure.restraints and structure.minimize:
        raise FitInputError(
            f"{item.name}: {structure.name} is minimised with restraints, where there "
            "is no minimum to vibrate about; take them out, or set minimize=False"
        )


def _check_atoms(item: Item, structure: Structure) -> None:
    atom = getattr(item, "atom", None)
    atoms = getattr(item, "atoms", () if atom is None else (atom,))
    size = len(structure.atoms)
    if any(k >= size for k in atoms):
        raise FitInputError(
            f"{item.name}: {structure.name} has atoms 1 to {size}, not {max(atoms) + 1}"
        )


def _check_cell(item: Item, structure: Structure) -> None:
    pbc = structure.atoms.pbc
    if isinstance(item, CellItem | StressItem) and not pbc.all():
        raise FitInputError(f"{item.name}: {structure.name} is not periodic")
    if isinstance(item, DipoleItem) and pbc.any():
        raise FitInputError(
            f"{item.name}: {structure.name} is periodic, and has no dipole moment"
        )
    if isinstance(item, CellItem) and not structure.relax_cell:
        raise FitInputError(
            f"{item.name}: the cell of {structure.name} is not relaxed, so that no "
            "force field can change it; take out its RUTYPE NO CELL OPT or SINGLE "
            "POINT, or set relax_cell"
        )
