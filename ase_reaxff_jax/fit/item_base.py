"""What all kinds of items have."""

import math
from dataclasses import dataclass, field, fields
from typing import ClassVar

from ase_reaxff_jax.fit.input_errors import FitInputError


@dataclass(frozen=True, kw_only=True)
class BaseItem:
    """A reference value and the accuracy aimed at."""

    kind: ClassVar[str]
    unit: ClassVar[str]
    least: ClassVar[float] = -math.inf  # of the reference
    most: ClassVar[float] = math.inf

    reference: float
    sigma: float
    where: str | None = field(default=None, compare=False)  # "trainset.in:12"

    def __post_init__(self):
        """Refuses numbers that make no loss."""
        inside = self.least <= self.reference <= self.most
        if not (math.isfinite(self.reference) and inside):
            raise FitInputError(
                f"the reference of the {self.kind} is {self.reference:g}; it must be "
                f"finite, and from {self.least:g} to {self.most:g}"
            )
        if not (math.isfinite(self.sigma) and self.sigma > 0):
            raise FitInputError(
                f"sigma is {self.sigma:g}; it is the accuracy aimed at and must be "
                "positive: the smaller, the more the item counts"
            )
        for entry in fields(self):
            value = getattr(self, entry.name)
            if entry.name in ("atom", "atoms", "mode") and value is not None:
                _check_count(entry.name, value)


@dataclass(frozen=True, kw_only=True)
class OneStructureItem(BaseItem):
    """Of one structure."""

    structure: str

    @property
    def structures(self) -> tuple[str, ...]:
        """The one it depends on; all kinds of items have this."""
        return (self.structure,)

    @property
    def label(self) -> str:
        """What of the structure is meant, for a table."""
        raise NotImplementedError(type(self).__name__)

    @property
    def name(self) -> str:
        """The structure and what of it is meant, for a table."""
        return f"{self.structure} {self.label}"


def _check_count(name: str, value: int | tuple[int, ...]) -> None:
    numbers = value if isinstance(value, tuple) else (value,)
    if any(k < 0 for k in numbers):
        raise FitInputError(f"{name} {value}: counts from 0")
