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

VOIGT = ("xx", "yy", "zz", "yz", "xz", "xy")  # order of ASE


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
class RmsgItem(OneStructureItem):
    """Root mean square of the force components, kcal/mol/Å; GEOMETRY without atoms.

    Over the three components of all atoms that are free to move, as in the ReaxFF
    program.
    """

    kind: ClassVar[str] = "rmsg"
    unit: ClassVar[str] = "kcal/mol/Å"
    least: ClassVar[float] = 0.0

    @property
    def label(self) -> str:
        """What it is."""
        return "RMS force"


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


@dataclass(frozen=True, kw_only=True)
class FrequencyItem(OneStructureItem):
    """Wavenumber of a vibration, 1/cm; FREQUENCIES.

    Modes count from 0 (in files from 1), the lowest first, after the translations and
    rotations; imaginary ones count as negative.
    """

    kind: ClassVar[str] = "frequency"
    unit: ClassVar[str] = "1/cm"

    mode: int

    @property
    def label(self) -> str:
        """The mode."""
        return f"frequency {self.mode + 1}"


@dataclass(frozen=True, kw_only=True)
class ForceItem(OneStructureItem):
    """A component of the force on an atom, kcal/mol/Å; FORCES.

    Without a component, the magnitude of the force (the form of the file that has one
    number instead of three).
    """

    kind: ClassVar[str] = "force"
    unit: ClassVar[str] = "kcal/mol/Å"

    atom: int
    component: int | None  # 0 to 2

    def __post_init__(self):
        """Refuses what is no component."""
        super().__post_init__()
        if self.component not in (None, 0, 1, 2):
            raise FitInputError(f"force component {self.component}: 0, 1, 2 or None")
        if self.component is None and self.reference < 0:
            raise FitInputError(f"the magnitude of a force is {self.reference:g}")

    @property
    def label(self) -> str:
        """Atom and component."""
        axis = "" if self.component is None else f" {'xyz'[self.component]}"
        return f"force {self.atom + 1}{axis}"


@dataclass(frozen=True, kw_only=True)
class StressItem(OneStructureItem):
    """A component of the stress, GPa, positive under tension; STRESS.

    In files, `xx` to `xy` are components of the stress; `x`, `y` and `z` are the ReaxFF
    program's pressures in GPa along these axes: the same with the other sign.
    """

    kind: ClassVar[str] = "stress"
    unit: ClassVar[str] = "GPa"

    component: int  # 0 to 5: xx yy zz yz xz xy

    def __post_init__(self):
        """Refuses what is no component."""
        super().__post_init__()
        if self.component not in range(6):
            raise FitInputError(f"stress component {self.component}: 0 to 5")

    @property
    def label(self) -> str:
        """The component."""
        return f"stress {VOIGT[self.component]}"


@dataclass(frozen=True, kw_only=True)
class DipoleItem(OneStructureItem):
    """A component of the dipole moment of a molecule, e Å."""

    kind: ClassVar[str] = "dipole"
    unit: ClassVar[str] = "e Å"

    component: int  # 0 to 2

    def __post_init__(self):
        """Refuses what is no component."""
        super().__post_init__()
        if self.component not in range(3):
            raise FitInputError(f"dipole component {self.component}: 0, 1 or 2")

    @property
    def label(self) -> str:
        """The component."""
        return f"dipole {'xyz'[self.component]}"


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
