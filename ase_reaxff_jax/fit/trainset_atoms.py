"""Training sets of Atoms objects that carry reference values."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import InputError

from ase_reaxff_jax.errors import suggestion
from ase_reaxff_jax.fit import items as kinds
from ase_reaxff_jax.fit.input_errors import FitInputError
from ase_reaxff_jax.fit.items import Item
from ase_reaxff_jax.fit.reference_values import (
    PROPERTIES,
    check_charges,
    total_charge_of,
    values_of,
)
from ase_reaxff_jax.fit.structures import Structure
from ase_reaxff_jax.fit.trainset_energies import absolute_energies, relative_energies
from ase_reaxff_jax.fit.trainset_geo import fixed_atoms
from ase_reaxff_jax.inputs import check_geometry

_PLACES = {
    "force": ("atom", "component"),
    "stress": ("component",),
    "charge": ("atom",),
    "dipole": ("component",),
}
# Accuracies aimed at, in the units of the items.
SIGMA = {"energy": 1.0, "force": 10.0, "stress": 0.5, "charge": 0.1, "dipole": 0.1}


@dataclass(frozen=True)
class Image:
    """A structure and its reference values, in the units of items."""

    structure: Structure
    values: dict[str, np.ndarray]


def images_of(
    images: Iterable,
    *,
    names: Sequence[str] | None,
    minimize: bool,
    wanted: Iterable[str] | None,
    prefix: str | None,
) -> list[Image]:
    """Structures with their reference values.

    Raises:
        FitInputError: one cannot be used; names its number, from 0.
    """
    images = [images] if isinstance(images, Atoms) else list(images)
    if names is not None and len(names) != len(images):
        raise FitInputError(f"{len(names)} names for {len(images)} structures")
    asked = None if wanted is None else _known("kinds", wanted)
    found = []
    for k, atoms in enumerate(images):
        try:
            if not isinstance(atoms, Atoms):
                raise FitInputError(f"is no Atoms object, but {atoms!r}")
            name = names[k] if names else _name(atoms, k)
            structure = _structure(atoms, name, minimize, f"structure {k}")
            found.append(Image(structure, _values(atoms, structure, asked, prefix)))
        except InputError as error:
            raise FitInputError(f"structure {k}: {error}") from None
    return found


def _known(what: str, given: Iterable[str]) -> list[str]:
    given = [given] if isinstance(given, str) else list(given)
    for kind in given:
        if kind not in PROPERTIES:
            raise FitInputError(
                f"{what}: {kind!r} is none of {', '.join(PROPERTIES)}"
                f"{suggestion(kind, PROPERTIES)}"
            )
    return given


def _name(atoms: Atoms, number: int) -> str:
    given = atoms.info.get("name")
    return str(given or f"{atoms.symbols.formula.format('hill')}_{number}")


def _structure(atoms: Atoms, name: str, minimize: bool, where: str) -> Structure:
    check_geometry(atoms)
    bare = atoms.copy()
    bare.set_constraint()
    return Structure(
        name=name,
        atoms=bare,
        total_charge=total_charge_of(atoms),
        minimize=minimize,
        fixed=fixed_atoms(atoms),
        where=where,
    )


def _values(
    atoms: Atoms, structure: Structure, asked: list[str] | None, prefix: str | None
) -> dict[str, np.ndarray]:
    values = values_of(atoms, prefix)
    if asked is not None:
        missing = [kind for kind in asked if kind not in values]
        if missing:
            raise FitInputError(
                f"has no {', '.join(PROPERTIES[k][0] for k in missing)}"
            )
        values = {kind: values[kind] for kind in asked}
    if not values:
        raise FitInputError(
            f"has no reference values: {', '.join(n for n, _ in PROPERTIES.values())} "
            "of its calculator, info or arrays"
        )
    if "charge" in values:
        check_charges(values["charge"], structure.total_charge)
    return values


def items_of(
    images: Sequence[Image],
    *,
    sigma: Mapping[str, float] | None,
    element_energies: Mapping[str, float] | None,
) -> tuple[list[Item], list[str]]:
    """The items, kind by kind, and which energies could not be used, and why."""
    _known("sigma", sigma or {})
    widths = {kind: float(width) for kind, width in (SIGMA | dict(sigma or {})).items()}
    found, problems = _energies(images, widths["energy"], element_energies)
    for kind in _PLACES:
        for image in images:
            if kind in image.values:
                found += _components(kind, image, widths[kind])
    return found, problems


def _energies(
    images: Sequence[Image], sigma: float, own: Mapping[str, float] | None
) -> tuple[list[Item], list[str]]:
    with_energy = [image for image in images if "energy" in image.values]
    if not with_energy:
        return [], []
    atoms = [image.structure.atoms for image in with_energy]
    energies = [float(image.values["energy"]) for image in with_energy]
    if own is None:
        found, alone = relative_energies(atoms, energies)
    else:
        found, alone = absolute_energies(atoms, energies, own), []
    problems = [
        f"{with_energy[k].structure.where}: its energy is related to that of no other "
        f"structure, as none together have the atoms of {atoms[k].symbols}; give "
        "element_energies, or free atoms"
        for k in alone
    ]
    items: list[Item] = [
        kinds.EnergyItem(
            structures=tuple(with_energy[n].structure.name for n in numbers),
            coefficients=coefficients,
            reference=reference,
            sigma=sigma,
            where=with_energy[numbers[0]].structure.where,
        )
        for numbers, coefficients, reference in found
    ]
    return items, problems


def _components(kind: str, image: Image, sigma: float) -> Iterable[Item]:
    """An item for each number of a force, stress, charge or dipole."""
    record = kinds.KINDS[kind]
    structure = image.structure
    common: dict[str, Any] = {
        "structure": structure.name,
        "sigma": sigma,
        "where": structure.where,
    }
    for place, value in np.ndenumerate(image.values[kind]):
        numbers = dict(zip(_PLACES[kind], place, strict=True))
        yield record(reference=float(value), **numbers, **common)
