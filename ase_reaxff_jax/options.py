"""What is decided before compilation: the form of the energy and of the solver."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ase_reaxff_jax.forcefield import ForceField

ChargeModel = Literal["eem", "fixed"]
ChargeMethod = Literal["direct", "stationary", "iterative"]
Implementation = Literal["fused", "reference"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """Static choices; hashable, so that each combination is compiled once."""

    shielding: bool  # van der Waals with gamma_w
    inner_wall: bool  # van der Waals with rcore, ecore, acore
    lg: bool  # low-gradient dispersion
    carbon: int | None  # type with the C2 correction, if it is switched on
    triple_bond_pairs: tuple[tuple[int, int], ...] | Literal["all"]
    charge_model: ChargeModel = "eem"
    charge_method: ChargeMethod = "direct"
    charge_response: bool = True  # forces include the response of the charges
    charge_tolerance: float = 1e-8  # relative residual of the charge equations
    charge_iterations: int = 500  # at most
    implementation: Implementation = "fused"  # of the derivatives
    pair_dtype: str | None = None  # of pairs; None: that of the positions
    bonded_dtype: str | None = None  # of angles and torsions; likewise
    in_parts: bool = True  # their long lists a part at a time, as suits a CPU's cache


def form_of(force_field: ForceField) -> dict:
    """The options that the numbers of the file decide, as LAMMPS decides them."""
    first = {name: force_field.get("atom", force_field.elements[0], name)
             for name in ("gamma_w", "rcore2", "acore2")}  # fmt: skip
    inner_wall = first["rcore2"] > 0.01 and first["acore2"] > 0.01
    shielding = first["gamma_w"] > 0.5
    return dict(
        shielding=bool(shielding),
        inner_wall=bool(inner_wall),
        lg=force_field.lg,
        carbon=_carbon(force_field),
        triple_bond_pairs=_triple_bond_pairs(force_field),
    )


def _carbon(force_field: ForceField) -> int | None:
    """Type of the C2 correction: the element called C, where k_c2 > 0.001."""
    if force_field.get("general", None, "k_c2") > 0.001 and "C" in force_field.elements:
        return force_field.elements.index("C")
    return None


def _triple_bond_pairs(force_field: ForceField):
    """Pairs with the triple-bond term: carbon monoxide, by mass, or all."""
    if int(force_field.get("general", None, "triple_bond_option")) == 2:
        return "all"
    mass = np.array([force_field.get("atom", e, "mass") for e in force_field.elements])
    carbon = np.flatnonzero(abs(mass - 12.0) < 1e-4)
    oxygen = np.flatnonzero(abs(mass - 15.999) < 1e-4)
    return tuple((int(c), int(o)) for c in carbon for o in oxygen)
