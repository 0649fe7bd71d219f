"""Guesses for the charges from those of earlier steps, on the device.

The same method as `ase_reaxff_jax.history`, which serves the calculator on the host:
the combination of earlier solutions whose weights add up to 1 and best give the new
positions; on a smooth trajectory that is polynomial extrapolation.
"""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ase_reaxff_jax.arrays import AnyArray
from ase_reaxff_jax.history import KEPT


class History(eqx.Module):
    """Positions and solutions (charges, adjoint vector) of the last steps, newest last.

    With room for none there is no history: where equations are solved directly.
    """

    positions: Float[AnyArray, "kept atoms 3"]
    solutions: Float[AnyArray, "kept 2 atoms"]
    count: Int[AnyArray, ""]

    @classmethod
    def empty(cls, atoms: int, dtype, *, used: bool) -> "History":
        """Room for a few steps, or for none."""
        kept = KEPT if used else 0
        return cls(
            positions=np.zeros((kept, atoms, 3), dtype),
            solutions=np.zeros((kept, 2, atoms), dtype),
            count=np.zeros((), np.int32),
        )

    def with_step(
        self, positions: Float[Array, "atoms 3"], solution: Float[Array, "2 atoms"]
    ) -> "History":
        """The history with one more step, without the oldest."""
        kept = len(self.positions)
        if not kept:
            return self

        def pushed(old, new):
            return jnp.concatenate([old[1:], new[None]])

        return History(
            positions=pushed(self.positions, positions),
            solutions=pushed(self.solutions, solution),
            count=jnp.minimum(self.count + 1, kept),
        )

    def guess(self, positions: Float[Array, "atoms 3"]) -> Float[Array, "2 atoms"]:
        """Charges and adjoint vector to start from; zeros where nothing is known."""
        kept, atoms = self.positions.shape[:2]
        if not kept:
            return jnp.zeros((2, atoms), positions.dtype)
        known = jnp.arange(kept - 1) >= kept - self.count
        differences = self.positions[:-1] - self.positions[-1:]
        basis = jnp.where(known[:, None, None], differences, 0.0).reshape(kept - 1, -1)
        right = basis @ (positions - self.positions[-1]).ravel()
        weights = _least_squares(basis @ basis.T, right)
        weights = jnp.append(weights, 1.0 - jnp.sum(weights))
        return jnp.tensordot(weights, self.solutions, axes=1)


def _least_squares(
    matrix: Float[Array, "n n"], right: Float[Array, " n"]
) -> Float[Array, " n"]:
    """Solves symmetric equations in the space of the large eigenvalues.

    Steps that rounding alone tells from parallel ones must not give huge weights.
    """
    damping = 1e-6 if matrix.dtype == jnp.float32 else 1e-8
    values, vectors = jnp.linalg.eigh(matrix)
    large = values > damping * values[-1]
    inverse = jnp.where(large, 1.0 / jnp.where(large, values, 1.0), 0.0)
    return vectors @ (inverse * (vectors.T @ right))
