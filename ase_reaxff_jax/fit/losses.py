"""How deviations of all items make one number that is minimised."""

from collections.abc import Sequence

import numpy as np
from ase.calculators.calculator import InputError
from jaxtyping import Float

from ase_reaxff_jax.errors import suggestion
from ase_reaxff_jax.fit.items import Item

LOSSES = ("squares", "absolute", "huber")


class Loss:
    """The loss: a sum over items of a function of deviation / sigma.

    "squares" is that of the literature, the square; "absolute" is the magnitude, and
    "huber" the square up to 1 and 2 |x| - 1 beyond: outliers count less. `balanced`
    gives every kind of item the same total weight.

    Args:
        items: In the order of the predictions.
        form: One of `LOSSES`.
        balanced: Whether each kind has the same weight.
    """

    def __init__(self, items: Sequence[Item], form: str = "squares",
                 *, balanced: bool = False):  # fmt: skip
        if form not in LOSSES:
            raise InputError(
                f"loss={form!r} is none of {', '.join(LOSSES)}"
                f"{suggestion(form, LOSSES)}"
            )
        self.form = form
        self.reference = np.array([item.reference for item in items], float)
        self.sigma = np.array([item.sigma for item in items], float)
        self.turns = np.array([item.kind == "torsion" for item in items], bool)
        kinds = np.array([item.kind for item in items], dtype=object)
        names, which, number = np.unique(
            kinds.astype(str), return_inverse=True, return_counts=True
        )
        self.weight = np.ones(len(items))
        if balanced:
            self.weight = len(items) / len(names) / number[which]

    def deviations(
        self, values: Float[np.ndarray, " items"]
    ) -> Float[np.ndarray, " items"]:
        """(value - reference) / sigma; of torsions by the shorter way round."""
        difference = values - self.reference
        shorter = (difference + 180.0) % 360.0 - 180.0
        return np.where(self.turns, shorter, difference) / self.sigma

    def contributions(
        self, values: Float[np.ndarray, " items"]
    ) -> Float[np.ndarray, " items"]:
        """What each item adds to the loss."""
        x = self.deviations(values)
        size = abs(x)
        forms = {
            "squares": lambda: x**2,
            "absolute": lambda: size,
            "huber": lambda: np.where(size <= 1, x**2, 2 * size - 1),
        }
        return self.weight * forms[self.form]()

    def slopes(
        self, values: Float[np.ndarray, " items"]
    ) -> Float[np.ndarray, " items"]:
        """Derivatives of the loss by the values."""
        x = self.deviations(values)
        forms = {
            "squares": lambda: 2 * x,
            "absolute": lambda: np.sign(x),
            "huber": lambda: 2 * np.clip(x, -1, 1),
        }
        return self.weight * forms[self.form]() / self.sigma

    def residuals(
        self, values: Float[np.ndarray, " items"]
    ) -> tuple[Float[np.ndarray, " items"], Float[np.ndarray, " items"]]:
        """Numbers whose squares add up to the loss, and their slopes by the values."""
        part, slope = self.contributions(values), self.slopes(values)
        x = self.deviations(values)
        root = np.sqrt(part)
        # d sqrt(c) = c' / (2 sqrt(c)); at zero that of the square.
        near = np.sqrt(self.weight) / self.sigma
        steep = np.where(root > 0, abs(slope) / np.where(root > 0, 2 * root, 1), near)
        return np.sign(x) * root, steep
