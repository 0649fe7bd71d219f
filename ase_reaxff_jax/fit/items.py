"""What a force field is fitted to: one record a kind of reference value.

Each item contributes ((value - reference) / sigma)^2 to the loss: `sigma` is the
accuracy that is aimed at, so the smaller, the more important. Units are those of the
`trainset.in` file, for which see each kind. Atoms count from 0 in the records, from 1
in names, as in the files.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

from ase_reaxff_jax.fit.input_errors import FitInputError
from ase_reaxff_jax.fit.item_base import BaseItem, OneStructureItem
from ase_reaxff_jax.fit.item_geometry import (
    CELL_PARAMETERS,
    AngleItem,
    CellItem,
    DisplacementItem,
    DistanceItem,
    TorsionItem,
)
from ase_reaxff_jax.fit.item_response import (
    VOIGT,
    DipoleItem,
    ForceItem,
    FrequencyItem,
    RmsgItem,
    StressItem,
)

__all__ = [
    "CELL_PARAMETERS",
    "KINDS",
    "VOIGT",
    "AngleItem",
    "CellItem",
    "ChargeItem",
    "DipoleItem",
    "DisplacementItem",
    "DistanceItem",
    "EnergyItem",
    "ForceItem",
    "FrequencyItem",
    "HeatItem",
    "Item",
    "OneStructureItem",
    "RmsgItem",
    "StressItem",
    "TorsionItem",
]


@dataclass(frozen=True, kw_only=True)
class EnergyItem(BaseItem):
    """Sum of energies times coefficients, kcal/mol; ENERGY.

    The energies are bare: without restraints.
    """

    kind: ClassVar[str] = "energy"
    unit: ClassVar[str] = "kcal/mol"

    structures: tuple[str, ...]
    coefficients: tuple[float, ...]

    def __post_init__(self):
        """Refuses terms without a coefficient."""
        super().__post_init__()
        if not self.structures or len(self.structures) != len(self.coefficients):
            raise FitInputError(
                f"{len(self.structures)} structures, {len(self.coefficients)} "
                "coefficients: an energy needs one or more, and as many of each"
            )
        if any(not math.isfinite(c) or c == 0 for c in self.coefficients):
            raise FitInputError(f"coefficients {self.coefficients}: not finite, or 0")

    @property
    def label(self) -> str:
        """The terms, such as `a/2 - b`."""
        terms = zip(self.structures, self.coefficients, strict=True)
        text = " ".join(_term(name, c) for name, c in terms)
        return text.removeprefix("+ ")

    @property
    def name(self) -> str:
        """The terms, such as `a/2 - b`."""
        return self.label


@dataclass(frozen=True, kw_only=True)
class ChargeItem(OneStructureItem):
    """Charge of an atom, e; CHARGE."""

    kind: ClassVar[str] = "charge"
    unit: ClassVar[str] = "e"

    atom: int

    @property
    def label(self) -> str:
        """The atom."""
        return f"charge {self.atom + 1}"


@dataclass(frozen=True, kw_only=True)
class HeatItem(OneStructureItem):
    """Heat of formation at 298.15 K, kcal/mol; HEATFO.

    The energy, plus the `heat_of_formation` of each atom's element in the force field,
    plus 4 R T a molecule: 2.3699 kcal/mol (ReaxFF program, `outres2`).
    """

    kind: ClassVar[str] = "heat"
    unit: ClassVar[str] = "kcal/mol"

    @property
    def label(self) -> str:
        """What it is."""
        return "heat of formation"


Item = EnergyItem | OneStructureItem
KINDS: dict[str, type[Item]] = {
    record.kind: record
    for record in (
        EnergyItem,
        ChargeItem,
        DistanceItem,
        AngleItem,
        TorsionItem,
        RmsgItem,
        DisplacementItem,
        CellItem,
        HeatItem,
        FrequencyItem,
        ForceItem,
        StressItem,
        DipoleItem,
    )
}


def _term(name: str, coefficient: float) -> str:
    sign = "-" if coefficient < 0 else "+"
    size = abs(coefficient)
    if size == 1.0:
        return f"{sign} {name}"
    return f"{sign} {name}/{1.0 / size:g}"
