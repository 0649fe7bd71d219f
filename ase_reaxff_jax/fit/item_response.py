"""Items of the derivatives of the energy, and of the dipole moment."""

from dataclasses import dataclass
from typing import ClassVar

from ase_reaxff_jax.fit.input_errors import FitInputError
from ase_reaxff_jax.fit.item_base import OneStructureItem

VOIGT = ("xx", "yy", "zz", "yz", "xz", "xy")  # order of ASE


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
