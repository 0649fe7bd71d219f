"""The numbers of a force field that are fitted, as a vector, and back."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from ase_reaxff_jax.ffield.names import index_of
from ase_reaxff_jax.fit.parameters import Parameter
from ase_reaxff_jax.forcefield import ForceField


class Selection:
    """Fitted parameters of a force field.

    Args:
        force_field: Where all other numbers come from.
        parameters: Those that are fitted.
    """

    def __init__(self, force_field: ForceField, parameters: Sequence[Parameter]):
        self.force_field = force_field
        self.parameters = tuple(parameters)
        # Section, index, and number of the parameter: of each and of its links.
        self._places = [
            (*index_of(force_field, address), k)
            for k, parameter in enumerate(self.parameters)
            for address in (parameter.address, *parameter.links)
        ]

    @property
    def start(self) -> Float[np.ndarray, " parameters"]:
        """The values that the force field has."""
        return np.array([self.force_field.at(p.address) for p in self.parameters])

    @property
    def low(self) -> Float[np.ndarray, " parameters"]:
        """Lower bounds."""
        return np.array([p.low for p in self.parameters])

    @property
    def high(self) -> Float[np.ndarray, " parameters"]:
        """Upper bounds."""
        return np.array([p.high for p in self.parameters])

    def numbers_of(self, section: str, index: tuple[int, ...]) -> list[int]:
        """Parameters that stand at a place, or are linked to it."""
        return [k for name, at, k in self._places if (name, at) == (section, index)]

    def force_field_at(self, x: Float[np.ndarray, " parameters"]) -> ForceField:
        """The force field with these values."""
        changed = {name: np.array(getattr(self.force_field, name)) for name in
                   {section for section, _, _ in self._places}}  # fmt: skip
        for section, index, k in self._places:
            changed[section][index] = x[k]
        return _with(self.force_field, changed)

    def gathered(self, slopes: ForceField) -> Float[np.ndarray, "... parameters"]:
        """Derivatives by the parameters, from those by all numbers.

        The arrays of `slopes` may have leading axes, which are kept.
        """
        arrays = {name: np.asarray(getattr(slopes, name)) for name in
                  {section for section, _, _ in self._places}}  # fmt: skip
        leading = slopes.general.shape[:-1]
        found = np.zeros((*leading, len(self.parameters)))
        for section, index, k in self._places:
            place: Any = (..., *index)
            found[..., k] += arrays[section][place]
        return found


def _with(force_field: ForceField, arrays: dict[str, np.ndarray]) -> ForceField:
    fields = {name: getattr(force_field, name) for name in
              force_field.__dataclass_fields__}  # fmt: skip
    return ForceField(**{**fields, **arrays})
