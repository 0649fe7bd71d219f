"""How the loss depends on each parameter, and through which kinds of items."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ase_reaxff_jax.fit.objective import Objective, Outcome


@dataclass(frozen=True, kw_only=True, eq=False)
class Sensitivity:
    """Derivatives of the loss by parameters in units of their ranges, kind by kind.

    At a minimum the first derivatives of the kinds cancel: they tell which kinds pull
    a parameter which way; the second tell how strongly each kind holds it.
    """

    kinds: tuple[str, ...]
    slopes: Float[np.ndarray, "kinds parameters"]  # first derivatives
    curvatures: Float[np.ndarray, "kinds parameters"]  # second, as Gauss-Newton has it

    @property
    def gradient(self) -> Float[np.ndarray, " parameters"]:
        """Of the whole loss."""
        return self.slopes.sum(axis=0)

    @property
    def shares(self) -> Float[np.ndarray, "kinds parameters"]:
        """Share of each kind in the second derivative; 0 where that is 0."""
        total = self.curvatures.sum(axis=0, keepdims=True)
        return self.curvatures / np.where(total > 0, total, 1.0)


def sensitivity_of(
    objective: Objective,
    outcome: Outcome,
    jacobian: Float[np.ndarray, "items parameters"],
) -> Sensitivity:
    """That of an outcome.

    Args:
        objective: The loss.
        outcome: At the parameters.
        jacobian: Derivatives of the values by the parameters in units of their ranges;
            items without finite ones do not count.
    """
    loss = objective.loss
    items = objective.data.items
    kinds = tuple(dict.fromkeys(item.kind for item in items))
    members = np.array([[i.kind == kind for i in items] for kind in kinds], float)
    squares = 2 * (loss.weight / loss.sigma**2)[:, None] * jacobian**2
    return Sensitivity(
        kinds=kinds,
        slopes=members @ np.nan_to_num(loss.slopes(outcome.values)[:, None] * jacobian),
        curvatures=members @ np.nan_to_num(squares),
    )
