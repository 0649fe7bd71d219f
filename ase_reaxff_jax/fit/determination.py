"""Linear least squares: which unknowns the data determine, and how well.

With residuals r and A = dr/du, the covariance of u is (A^T A)^-1 times the variance of
a residual. It is taken from the singular values of A, A = U S V^T: V S^-2 V^T. Where a
singular value is (almost) zero, residuals do not change along that direction of u, and
it is not inverted but named.

Source: W. H. Press et al., Numerical Recipes, 3rd ed. (2007), 15.4 and 15.6.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

CUTOFF = 1e-6  # of the largest singular value; what is smaller counts as zero
SLACK = (
    0.01  # by so much an unknown may change along a direction that is not determined
)


@dataclass(frozen=True, eq=False)
class Determination:
    """What residuals tell of the unknowns that they depend on."""

    covariance: Float[np.ndarray, "n n"]  # at unit variance; NaN where there is none
    determined: Bool[np.ndarray, " n"]
    leverages: Float[np.ndarray, " items"]  # variance of each fitted residual
    singular_values: Float[np.ndarray, " n"]  # falling
    lost: Float[np.ndarray, "directions n"]  # unit vectors that are not determined

    @property
    def rank(self) -> int:
        """Number of directions that are determined."""
        return len(self.singular_values) - len(self.lost)


def determine(
    matrix: Float[np.ndarray, "items n"], cutoff: float = CUTOFF
) -> Determination:
    """Covariance of least squares, without the directions that are not determined.

    Args:
        matrix: Derivatives of the residuals by the unknowns, which should be scaled
            such that a change of 1 is large for each.
        cutoff: Singular values up to this share of the largest count as zero.
    """
    items, count = matrix.shape
    # As many rows as unknowns at least: then the directions span all of them.
    padded = np.pad(matrix, [(0, max(0, count - items)), (0, 0)])
    left, sizes, directions = np.linalg.svd(padded, full_matrices=False)
    kept = sizes > cutoff * sizes.max(initial=0.0)
    inverse = directions[kept] / sizes[kept, None]
    covariance = inverse.T @ inverse
    lost = directions[~kept]
    determined = np.linalg.norm(lost, axis=0) <= SLACK
    covariance[~determined] = covariance[:, ~determined] = np.nan
    leverages = np.sum(left[:items, kept] ** 2, axis=1)
    return Determination(covariance, determined, leverages, sizes, lost)
