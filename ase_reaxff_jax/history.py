"""Guesses for the charges from those of earlier, similar geometries."""

import numpy as np

KEPT = 6


class ChargeHistory:
    """Charges and adjoint vectors of the last few geometries of one structure."""

    def __init__(self):
        self._positions: list[np.ndarray] = []
        self._solutions: list[np.ndarray] = []

    def add(self, positions: np.ndarray, solution: np.ndarray) -> None:
        """Remembers a solution (2, atoms): charges and adjoint vector."""
        self._positions = [*self._positions, positions.copy()][-KEPT:]
        self._solutions = [*self._solutions, solution][-KEPT:]

    def guess(self, positions: np.ndarray) -> np.ndarray | None:
        """The combination of earlier solutions that best gives the positions.

        The weights add up to 1 and minimise the distance between the positions (Å)
        and the same combination of the earlier ones, so that steps of any size are
        followed; on a smooth trajectory this is polynomial extrapolation.
        """
        if not self._solutions:
            return None
        last = self._positions[-1]
        if len(self._solutions) == 1:
            return self._solutions[-1]
        differences = np.stack([p - last for p in self._positions[:-1]])
        basis = differences.reshape(len(differences), -1).astype(np.float64)
        matrix = basis @ basis.T
        right = basis @ (positions - last).ravel().astype(np.float64)
        # Steps that rounding alone tells from parallel ones must not give huge weights.
        damping = 1e-6 if positions.dtype == np.float32 else 1e-8
        weights = np.linalg.lstsq(matrix, right, rcond=damping)[0]
        weights = np.append(weights, 1.0 - weights.sum())
        return np.tensordot(weights, np.stack(self._solutions), axes=1)
