"""The one calculator that computes all structures of a run or a relaxation."""

from collections.abc import Sequence
from typing import Any

from ase import Atoms
from ase.calculators.calculator import InputError

from ase_reaxff_jax.calculator import JaxReaxFF


def calculator_of(structures: Sequence[Atoms], calc: Any, *, caller: str) -> JaxReaxFF:
    """The calculator given, or that of the structures where `calc` is None.

    Args:
        structures: As the user gave them, with their calculators.
        calc: What the user gave.
        caller: "run" or "relax", for errors.

    Raises:
        InputError: there is none of the kind, or structures have different ones.
    """
    if calc is not None:
        if not isinstance(calc, JaxReaxFF):
            raise InputError(
                f"{caller} needs a JaxReaxFF calculator: found calc={calc!r}"
            )
        return calc
    for k, atoms in enumerate(structures):
        if not isinstance(atoms.calc, JaxReaxFF):
            which = f" of structure {k}" if len(structures) > 1 else ""
            raise InputError(
                f"{caller} needs a JaxReaxFF calculator: pass calc, or set atoms.calc"
                f"{which}; found {atoms.calc!r}"
            )
        if difference := _difference(structures[0].calc, atoms.calc):
            raise InputError(
                f"the calculator of structure {k} has {difference}; one calculator "
                "computes all structures of a list: pass calc, or give each a list "
                "of its own"
            )
    return structures[0].calc


def _difference(first: JaxReaxFF, other: JaxReaxFF) -> str:
    """What an option is, and that of the first; empty where all are the same."""
    if first is other:
        return ""
    theirs, own = first.todict(skip_default=False), other.todict(skip_default=False)
    for name in own:
        if name == "force_field":  # a name may stand for what a file has, and change
            same = first.engine.fingerprint == other.engine.fingerprint
        else:
            same = theirs[name] == own[name]
        if not same:
            then, now = theirs[name], own[name]
            if name == "force_field" and then == now:
                then, now = first.engine.fingerprint, other.engine.fingerprint
            return f"{name}={now!r}, that of structure 0 {then!r}"
    return ""
