"""Reference values that Atoms objects carry, in the units of a training set."""

from typing import Any

import ase.units
import numpy as np
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError
from ase.stress import full_3x3_to_voigt_6_stress

from ase_reaxff_jax.fit.input_errors import FitInputError

KCAL = ase.units.kcal / ase.units.mol  # eV
# By the kind of item: ASE's name, and its unit in that of the item.
PROPERTIES = {
    "energy": ("energy", 1.0 / KCAL),
    "force": ("forces", 1.0 / KCAL),
    "stress": ("stress", 1.0 / ase.units.GPa),
    "charge": ("charges", 1.0),
    "dipole": ("dipole", 1.0),
}
CHARGE_SLACK = 0.05  # e; by how much reference charges may miss the total charge


def values_of(atoms: Atoms, prefix: str | None) -> dict[str, np.ndarray]:
    """What a structure has, by kind of item; energies are 0-d arrays.

    Args:
        atoms: Results of its calculator are taken, never computed; else those in
            `atoms.info` and `atoms.arrays`.
        prefix: Only those of `info` and `arrays`, under ASE's names after this prefix,
            such as "REF_"; None for those of the calculator first.

    Raises:
        FitInputError: a value has another shape than it must have, or is not finite.
    """
    found = {}
    for kind, (name, unit) in PROPERTIES.items():
        value = _stored(atoms, f"{prefix or ''}{name}")
        if prefix is None:
            calculated = _calculated(atoms, name)
            value = value if calculated is None else calculated
        if value is not None:
            found[kind] = np.asarray(_shaped(name, value, len(atoms)) * unit)
    return found


def _calculated(atoms: Atoms, name: str) -> Any:
    if atoms.calc is None:
        return None
    try:
        value = atoms.calc.get_property(name, atoms, allow_calculation=False)
    except PropertyNotImplementedError:
        return None
    if value is None and name in getattr(atoms.calc, "results", {}):
        raise FitInputError(
            f"it was changed after its {name} had been computed; compute anew"
        )
    return value


def _stored(atoms: Atoms, name: str) -> Any:
    return atoms.arrays[name] if name in atoms.arrays else atoms.info.get(name)


def _shaped(name: str, value: Any, size: int) -> np.ndarray:
    shapes: tuple[tuple[int, ...], ...] = {
        "energy": ((),),
        "forces": ((size, 3),),
        "stress": ((6,), (3, 3), (9,)),
        "charges": ((size,),),
        "dipole": ((3,),),
    }[name]
    try:
        array = np.asarray(value, float)
    except (TypeError, ValueError):
        raise FitInputError(f"its {name} are no numbers: {value!r}") from None
    if array.shape not in shapes:
        raise FitInputError(f"its {name}: shape {array.shape}, expected {shapes[0]}")
    if not np.isfinite(array).all():
        raise FitInputError(f"its {name}: not finite")
    if name == "stress" and array.shape != (6,):
        return full_3x3_to_voigt_6_stress(array.reshape(3, 3))
    return array


def total_charge_of(atoms: Atoms) -> float:
    """Of `atoms.info["charge"]`, else the sum of the initial charges, e."""
    given = atoms.info.get("charge")
    if given is None:
        total = float(atoms.get_initial_charges().sum())
        return float(round(total)) if abs(total - round(total)) < 1e-3 else total
    try:
        total = float(given)
    except (TypeError, ValueError):
        total = float("nan")
    if not np.isfinite(total):
        raise FitInputError(f"its info['charge'] is no number: {given!r}")
    return total


def check_charges(charges: np.ndarray, total: float) -> None:
    """Refuses reference charges that no charges of this total can come near to."""
    if abs(charges.sum() - total) > CHARGE_SLACK:
        raise FitInputError(
            f"its charges sum to {charges.sum():.4f} e, but its total charge is "
            f"{total:g} e; set info['charge']"
        )
