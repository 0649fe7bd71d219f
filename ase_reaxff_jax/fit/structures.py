"""A structure of a training set: atoms, and what is done to them before they count."""

import math
from dataclasses import dataclass, field
from typing import Literal, get_args

from ase import Atoms

from ase_reaxff_jax.fit.input_errors import FitInputError

CellFreedom = Literal["all", "uniform", "a", "b", "c", "c/a"]
"""What of a cell changes when it is relaxed: all, its volume, the length of one lattice
vector, or the proportion of c to a and b at the same volume."""
RestraintKind = Literal["bond", "angle", "torsion"]
SIZES: dict[str, int] = {"bond": 2, "angle": 3, "torsion": 4}


@dataclass(frozen=True, kw_only=True)
class Restraint:
    """Holds a distance or angle near a value while the structure is relaxed.

        E = strength (1 - exp(-width (x - target)^2))

    with angles and their differences in radians; the difference of a torsion is taken
    modulo a full turn. Distances are between the atoms as they stand, without images.
    The loss leaves this energy out. Source: manual of the ReaxFF program (2017), ch. 2,
    where the sign in the exponent is lost.
    """

    kind: RestraintKind
    atoms: tuple[int, ...]  # from 0
    target: float  # Å, or degrees
    strength: float  # kcal/mol
    width: float  # 1/Å^2, or 1/rad^2

    def __post_init__(self):
        """Refuses what describes no coordinate."""
        size = SIZES.get(self.kind)
        if size is None:
            raise FitInputError(f"no restraint {self.kind!r}; there are {list(SIZES)}")
        if len(set(self.atoms)) != len(self.atoms) or len(self.atoms) != size:
            raise FitInputError(
                f"{self.kind} restraint of {self.atoms}: needs {size} different atoms"
            )
        if not all(map(math.isfinite, (self.target, self.strength, self.width))):
            raise FitInputError(f"{self.kind} restraint of {self.atoms}: not finite")


@dataclass(frozen=True, kw_only=True)
class Structure:
    """Atoms, their total charge, and how they are relaxed.

    The atoms carry neither calculator nor constraints: what is held is in `fixed`.
    """

    name: str  # as items refer to it
    atoms: Atoms
    total_charge: float = 0.0  # e
    minimize: bool = True
    most_steps: int | None = None  # MAXIT; None: until converged
    end_rmsg: float | None = None  # ENDPO, kcal/mol/Å: at most so large at the end
    relax_cell: bool = False
    cell_freedom: str = "all"  # see `CellFreedom`
    restraints: tuple[Restraint, ...] = ()
    fixed: tuple[int, ...] = ()  # atoms that do not move, from 0
    where: str | None = field(default=None, compare=False)  # "geo:12"

    def __post_init__(self):
        """Refuses what no training set can refer to, and what cannot be done."""
        check_name(self.name)
        size = len(self.atoms)
        for numbers in (self.fixed, *(r.atoms for r in self.restraints)):
            if any(not 0 <= k < size for k in numbers):
                raise FitInputError(
                    f"structure {self.name} has {size} atoms, but refers to {numbers}"
                )
        if self.cell_freedom not in (known := get_args(CellFreedom)):
            raise FitInputError(
                f"structure {self.name}: cell_freedom={self.cell_freedom!r} is none of "
                f"{', '.join(known)}"
            )
        if self.relax_cell and not (self.minimize and self.atoms.pbc.all()):
            raise FitInputError(
                f"structure {self.name}: relax_cell needs minimize=True and a "
                "structure that is periodic along all axes"
            )


def check_name(name: str) -> None:
    """Refuses a name that would not be one word of a training set."""
    if not name or set(name) & set(" \t\n/#!") or name[0] in "+-":
        raise FitInputError(
            f"{name!r} is no name of a structure: it must be one word without / # ! "
            "that does not begin with + or -"
        )
