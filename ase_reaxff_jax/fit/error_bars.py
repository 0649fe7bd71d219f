"""How well a training set determines parameters, and what that means for predictions.

At the minimum of a sum of squares the Gauss-Newton covariance of the parameters is
s (A^T A)^-1, with A the derivatives of (value - reference) / sigma by the parameters.
The factor s is the reduced chi-square, the loss over the number of items beyond that of
determined directions: so `sigma` counts as a relative weight, and what the force field
cannot describe counts as noise of the data. Parameters at a bound are held there.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ase_reaxff_jax.fit.parameters import Parameter
from ase_reaxff_jax.fit.sensitivity import Sensitivity

AT_BOUND = "at a bound"  # held there
NO_EFFECT = "without effect"  # no item depends on it
UNDETERMINED = "undetermined"  # it changes along a direction that no item depends on
LOOSE = "loose"  # its error exceeds its range: the bounds hold it, not the data
DETERMINED = "determined"


@dataclass(frozen=True, kw_only=True, eq=False)
class Uncertainty:
    """Errors and correlations of parameters, errors of predictions, sensitivities.

    Arrays are in the order of `parameters` and of the items; parameters are in the
    units of the force-field file, predictions in those of their items.
    """

    parameters: tuple[Parameter, ...]
    values: Float[np.ndarray, " parameters"]
    status: tuple[str, ...]  # one of the words of this module
    # Infinite where it is not determined, NaN where the parameter is held.
    standard_errors: Float[np.ndarray, " parameters"]
    covariance: Float[np.ndarray, "parameters parameters"]  # NaN where there is none
    # By the errors of the parameters; NaN where a value or derivative is not finite.
    prediction_errors: Float[np.ndarray, " items"]
    chi_square: float  # of the squares, whatever the form of the loss
    # By so much a step of least squares within the bounds would lower it, if the items
    # were linear.
    promised: float
    # Whether that is within the noise, else the errors are those of another place; None
    # where the loss is not that of squares, or an item or derivative is not finite.
    at_minimum: bool | None
    degrees_of_freedom: int  # items less directions that are determined
    scale: float  # by which the covariance is multiplied: reduced chi-square, or 1
    singular_values: Float[np.ndarray, " free"]  # falling; of A in units of ranges
    undetermined: tuple[dict[str, float], ...]  # directions: parameters and their parts
    sensitivity: Sensitivity

    @property
    def names(self) -> tuple[str, ...]:
        """Of the parameters, such as `bond C O De_s`."""
        return tuple(p.name for p in self.parameters)

    @property
    def correlations(self) -> Float[np.ndarray, "parameters parameters"]:
        """Of the errors, -1 to 1; NaN where there is none."""
        with np.errstate(invalid="ignore"):
            sizes = np.outer(self.standard_errors, self.standard_errors)
            return self.covariance / sizes

    def strongest(self, count: int = 10) -> list[tuple[str, str, float]]:
        """The pairs of parameters whose errors are correlated most."""
        matrix, names = self.correlations, self.names
        pairs = [(names[i], names[j], float(matrix[i, j]))
                 for i, j in zip(*np.tril_indices(len(names), -1), strict=True)
                 if np.isfinite(matrix[i, j])]  # fmt: skip
        return sorted(pairs, key=lambda pair: -abs(pair[2]))[:count]
