"""All observables of all structures as one vector, which items read."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

FIELDS = (
    "energy", "forces", "charges", "strain_gradient", "positions", "cell", "curvatures"
)  # fmt: skip


class Layout:
    """Where each number of each structure stands.

    Of a structure with n atoms: the energy (1), forces (3 n), charges (n), derivatives
    by strain (9), positions (3 n), cell vectors (9) and the curvatures of the modes
    that are asked for, in kcal/mol, Å, e and atomic mass units.

    Args:
        counts: Of the atoms of each structure.
        modes: Of each structure's vibrations those that are asked for, from 0.
    """

    def __init__(self, counts: Sequence[int], modes: Sequence[Sequence[int]]):
        self.counts, self.modes = list(counts), [tuple(m) for m in modes]
        n, asked = np.asarray(counts), np.array([len(m) for m in self.modes])
        one = np.ones_like(n)
        sizes = np.stack([one, 3 * n, n, 9 * one, 3 * n, 9 * one, asked])
        ends = np.cumsum(sizes.T.ravel()).reshape(-1, len(FIELDS))
        starts = ends - sizes.T
        self._starts = {name: starts[:, k] for k, name in enumerate(FIELDS)}
        self._ends = {name: ends[:, k] for k, name in enumerate(FIELDS)}
        self.size = int(ends[-1, -1])

    def start(self, name: str, structure) -> Int[np.ndarray, "..."]:
        """Where a field of a structure begins, or of several structures."""
        return np.asarray(self._starts[name][structure])

    def part(self, name: str, structure: int) -> slice:
        """The place of a field of a structure."""
        return slice(
            int(self._starts[name][structure]), int(self._ends[name][structure])
        )

    def vector(self, found: Sequence[dict]) -> Float[np.ndarray, " size"]:
        """The vector, from a dictionary of fields for each structure."""
        parts = [np.ravel(one[name]) for one in found for name in FIELDS]
        return np.concatenate(parts)
