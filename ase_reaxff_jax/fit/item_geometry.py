"""Items of the geometry that a force field relaxes a structure to."""

from dataclasses import dataclass
from typing import ClassVar

from ase_reaxff_jax.fit.input_errors import FitInputError
from ase_reaxff_jax.fit.item_base import OneStructureItem

CELL_PARAMETERS = ("a", "b", "c", "alpha", "beta", "gamma")
SIZES = {"distance": 2, "angle": 3, "torsion": 4}
TINY = 5e-324  # the least positive number


@dataclass(frozen=True, kw_only=True)
class _Internal(OneStructureItem):
    """A coordinate of several atoms."""

    atoms: tuple[int, ...]

    def __post_init__(self):
        """Refuses atoms that make no coordinate."""
        super().__post_init__()
        size = SIZES[self.kind]
        if len(self.atoms) != size or len(set(self.atoms)) != size:
            shown = [k + 1 for k in self.atoms]
            raise FitInputError(f"{self.kind} {shown}: needs {size} different atoms")

    @property
    def label(self) -> str:
        """The atoms."""
        return f"{self.kind} {'-'.join(str(k + 1) for k in self.atoms)}"


@dataclass(frozen=True, kw_only=True)
class DistanceItem(_Internal):
    """Distance of two atoms, Å, as they stand, without images; GEOMETRY."""

    kind: ClassVar[str] = "distance"
    unit: ClassVar[str] = "Å"
    least: ClassVar[float] = TINY


@dataclass(frozen=True, kw_only=True)
class AngleItem(_Internal):
    """Angle at the second of three atoms, degrees, 0 to 180; GEOMETRY."""

    kind: ClassVar[str] = "angle"
    unit: ClassVar[str] = "degrees"
    least: ClassVar[float] = 0.0
    most: ClassVar[float] = 180.0


@dataclass(frozen=True, kw_only=True)
class TorsionItem(_Internal):
    """Torsion angle, degrees; differences are taken modulo 360; GEOMETRY."""

    kind: ClassVar[str] = "torsion"
    unit: ClassVar[str] = "degrees"


@dataclass(frozen=True, kw_only=True)
class DisplacementItem(OneStructureItem):
    """How far an atom moves when the structure is relaxed, Å; GEOMETRY of one atom.

    Without an atom (-1 in the file), the mean over all atoms. Neither translation nor
    rotation is taken out, as in the ReaxFF program.
    """

    kind: ClassVar[str] = "displacement"
    unit: ClassVar[str] = "Å"
    least: ClassVar[float] = 0.0

    atom: int | None

    @property
    def label(self) -> str:
        """The atom."""
        return "displacement " + ("mean" if self.atom is None else str(self.atom + 1))


@dataclass(frozen=True, kw_only=True)
class CellItem(OneStructureItem):
    """Length (Å) or angle (degrees) of the relaxed cell; CELL PARAMETERS."""

    kind: ClassVar[str] = "cell"
    unit: ClassVar[str] = "Å or degrees"
    least: ClassVar[float] = TINY

    parameter: str  # one of CELL_PARAMETERS

    def __post_init__(self):
        """Refuses what is no parameter of a cell."""
        super().__post_init__()
        if self.parameter not in CELL_PARAMETERS:
            known = " ".join(CELL_PARAMETERS)
            raise FitInputError(f"no cell parameter {self.parameter!r}: {known}")

    @property
    def label(self) -> str:
        """The parameter."""
        return f"cell {self.parameter}"
