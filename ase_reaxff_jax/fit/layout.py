"""All observables of all structures as one vector, which items read."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

FIELDS = ("energy", "forces", "charges", "strain_gradient", "positions", "cell")


class Layout:
    """Where each number of each structure stands.

    Of a structure with n atoms: the energy (1), forces (3 n), charges (n), derivatives
    by strain (9), positions (3 n) and cell vectors (9), in kcal/mol, Å and e.
    """

    def __init__(self, counts: Sequence[int]):
        self.counts = list(counts)
        n = np.asarray(counts)
        sizes = np.stack([1 + 0 * n, 3 * n, n, 9 + 0 * n, 3 * n, 9 + 0 * n])
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
