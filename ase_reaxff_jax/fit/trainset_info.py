"""Training sets as Atoms objects and back, without loss: all of it is in their info."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import InputError
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms

from ase_reaxff_jax.fit.input_errors import FitInputError
from ase_reaxff_jax.fit.items import KINDS, Item
from ase_reaxff_jax.fit.reference_values import PROPERTIES
from ase_reaxff_jax.fit.structures import Restraint, Structure
from ase_reaxff_jax.fit.trainset_check import by_name
from ase_reaxff_jax.fit.trainset_geo import fixed_atoms

KEY = "reaxff_fit"  # of `atoms.info`
_OF_ATOMS = ("atoms", "fixed", "where")  # not among the settings


def atoms_of(structures: Mapping[str, Structure], items: Sequence[Item]) -> list[Atoms]:
    """The structures, each with the items that name it first, and ASE's results.

    A calculator has the forces, stress, charges and dipole of which every component is
    an item, and the energy if it is one by itself; `info` has all items.
    """
    of_first: dict[str, dict[int, Item]] = {name: {} for name in structures}
    for number, item in enumerate(items):
        of_first[item.structures[0]][number] = item
    made = []
    for structure in structures.values():
        own = of_first[structure.name]
        atoms = structure.atoms.copy()
        atoms.info.pop("geo", None)
        settings = {k: v for k, v in asdict(structure).items() if k not in _OF_ATOMS}
        atoms.info |= {
            "name": structure.name,
            "charge": structure.total_charge,
            KEY: {
                "structure": settings,
                "items": [_plain(k, i) for k, i in own.items()],
            },
        }
        results = _results(list(own.values()), len(atoms))
        if results:
            atoms.calc = SinglePointCalculator(atoms, **results)
        if structure.fixed:
            atoms.set_constraint(FixAtoms(list(structure.fixed)))
        made.append(atoms)
    return made


def _plain(number: int, item: Item) -> dict[str, Any]:
    """An item with its number in the set, by which the order comes back."""
    values = {f.name: getattr(item, f.name) for f in fields(item) if f.name != "where"}
    return {"number": number, "kind": item.kind, **values}


def _results(items: Sequence[Item], size: int) -> dict[str, Any]:
    shapes: dict[str, tuple[int, ...]] = {
        "energy": (),
        "force": (size, 3),
        "stress": (6,),
        "charge": (size,),
        "dipole": (3,),
    }
    results = {}
    for kind, (name, unit) in PROPERTIES.items():
        values = np.full(shapes[kind], np.nan)
        for item in items:
            if item.kind == kind and (place := _place(item)) is not None:
                values[place] = item.reference / unit
        if np.isfinite(values).all():
            results[name] = values if values.ndim else float(values)
    return results


def _place(item: Item) -> tuple[int, ...] | None:
    """Where an item's reference stands in the array; None where it has no place."""
    if item.kind == "energy":
        return () if getattr(item, "coefficients", None) == (1.0,) else None
    place = [getattr(item, n) for n in ("atom", "component") if hasattr(item, n)]
    return None if None in place else tuple(place)


def from_info(
    images: Sequence[Atoms],
) -> tuple[dict[str, Structure], tuple[Item, ...]]:
    """What `atoms_of` has put there.

    Raises:
        FitInputError: a structure has nothing there, or nothing that can be used.
    """
    structures: list[Structure] = []
    items: list[tuple[int, Item]] = []
    for k, atoms in enumerate(images):
        stored = atoms.info.get(KEY)
        try:
            if stored is None:
                raise FitInputError(f"has no info[{KEY!r}], unlike others")
            structures.append(_structure(atoms, stored["structure"], f"structure {k}"))
            items += [_item(values, f"structure {k}") for values in stored["items"]]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise FitInputError(f"structure {k}: info[{KEY!r}]: {error!r}") from None
        except InputError as error:
            raise FitInputError(f"structure {k}: {error}") from None
    items.sort(key=lambda numbered: numbered[0])
    return by_name(structures), tuple(item for _number, item in items)


def _structure(atoms: Atoms, settings: dict[str, Any], where: str) -> Structure:
    restraints = [_restraint(values) for values in settings["restraints"]]
    bare = atoms.copy()
    bare.set_constraint()
    for key in (KEY, "name", "charge"):
        bare.info.pop(key, None)
    given = {**settings, "restraints": tuple(restraints), "where": where}
    return Structure(atoms=bare, fixed=fixed_atoms(atoms), **given)


def _restraint(values: dict[str, Any]) -> Restraint:
    return Restraint(**{**values, "atoms": tuple(values["atoms"])})


def _item(values: dict[str, Any], where: str) -> tuple[int, Item]:
    given: dict[str, Any] = {
        k: tuple(v) if isinstance(v, list) else v for k, v in values.items()
    }
    record = KINDS[str(given.pop("kind"))]
    return int(given.pop("number")), record(**given, where=where)
