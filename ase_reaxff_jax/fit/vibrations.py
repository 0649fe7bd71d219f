"""Vibrations of the structures of which frequencies are asked.

The wavenumber of a mode follows from its curvature, u H u, where H are the second
derivatives of the energy and u the displacements of the mode, sqrt(mass)-weighted of
length 1. A mode is stationary: to first order the curvature changes with H alone, so
that its derivative by anything is the change of the second derivative of the energy
along a fixed u. Where modes are degenerate, these are the derivatives within any of
their combinations.
"""

from collections.abc import Iterable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse
from jax.sharding import Mesh
from jaxtyping import Array, Float

from ase_reaxff_jax.compilation import quickly
from ase_reaxff_jax.energy import total_energy
from ase_reaxff_jax.engine import Engine
from ase_reaxff_jax.fit.coordinates import vibrating
from ase_reaxff_jax.fit.devices import side_by_side
from ase_reaxff_jax.fit.hessians import hessians
from ase_reaxff_jax.fit.layout import Layout
from ase_reaxff_jax.fit.observables import Case
from ase_reaxff_jax.fit.pullback import Pulled
from ase_reaxff_jax.fit.sample import Cluster, Sample
from ase_reaxff_jax.fit.selection import Selection
from ase_reaxff_jax.forcefield import ForceField
from ase_reaxff_jax.mixing import mix
from ase_reaxff_jax.options import Options
from ase_reaxff_jax.precision import scope
from ase_reaxff_jax.programs import strained

AT_ONCE = 16  # modes in one call on a device, which needs their structures as often


class Vibration(NamedTuple):
    """The modes of one structure that are asked for."""

    hessian: Float[np.ndarray, "coordinates coordinates"]  # see `hessians`
    curvatures: Float[np.ndarray, " modes"]  # kcal/mol/Å^2/u
    directions: Float[np.ndarray, "modes atoms 3"]  # u, 1/sqrt(atomic mass unit)


class Vibrations:
    """Curvatures of modes, and their derivatives.

    Args:
        sample: The structures.
        layout: Says which modes of each are asked for.
        selection: The parameters.
    """

    def __init__(self, sample: Sample, layout: Layout, selection: Selection):
        self.sample, self.layout, self.selection = sample, layout, selection

    def __call__(self, force_field: ForceField) -> dict[int, Vibration]:
        """The modes of each structure of which any are asked for, by its number."""
        wanted = [k for k, modes in enumerate(self.layout.modes) if modes]
        if not wanted:
            return {}
        matrices = hessians(self.sample, force_field, wanted)
        return {k: self._vibration(k, matrices[k]) for k in wanted}

    def _vibration(self, k: int, hessian) -> Vibration:
        structure, count = self.sample.structures[k], self.layout.counts[k]
        positions = np.asarray(self.sample.systems[k].positions)[:count]
        basis = vibrating(structure, positions)
        inner = basis.T @ hessian[: 3 * count, : 3 * count] @ basis
        modes = list(self.layout.modes[k])
        if not np.isfinite(inner).all():  # the loss is not finite then, and says so
            nothing = np.full((len(modes), count, 3), np.nan)
            return Vibration(hessian, nothing[:, 0, 0], nothing)
        curvatures, vectors = np.linalg.eigh(0.5 * (inner + inner.T))
        directions = (basis @ vectors[:, modes]).T.reshape(-1, count, 3)
        return Vibration(hessian, curvatures[modes], directions)

    def pulled(
        self,
        force_field: ForceField,
        found: dict[int, Vibration],
        rows: scipy.sparse.csr_array,
    ) -> dict[int, Pulled]:
        """Derivatives of what rows have of curvatures, by structure.

        Args:
            force_field: The numbers.
            found: The modes at these numbers.
            rows: Derivatives of items by the vector of observables.
        """
        if not found:
            return {}
        columns, engine = rows.tocsc(), self.sample.engine(force_field)
        parts = {k: columns[:, self.layout.part("curvatures", k)] for k in found}
        used = {k for k, part in parts.items() if part.nnz}
        answers: dict[int, Pulled] = {}
        for cluster in self.sample.clusters:
            members = [k for k in cluster.members if k in used]
            for k, slopes in self._slopes(engine, cluster, members, found).items():
                items = np.unique(parts[k].indices)
                weights = parts[k].tocsr()[items].toarray()
                sums = (np.tensordot(weights, slope, 1) for slope in slopes)
                answers[k] = Pulled(items, *sums)
        return answers

    def _slopes(
        self,
        engine: Engine,
        cluster: Cluster,
        members: Iterable[int],
        found: dict[int, Vibration],
    ) -> dict[int, tuple[np.ndarray, ...]]:
        """Of each mode by parameters, positions and strain, by structure."""
        asked = [(k, u) for k in members for u in found[k].directions]
        size = self.sample.room_for(len(asked), AT_ONCE)
        parts = [
            self._call(engine, cluster, asked[first : first + size], size)
            for first in range(0, len(asked), size)
        ]
        answers: dict[int, tuple[np.ndarray, ...]] = {}
        for k in members:
            own = [n for n, (other, _) in enumerate(asked) if other == k]
            by_parameter, by_position, by_strain = (
                np.concatenate(part)[own] for part in zip(*parts, strict=True)
            )
            by_position = by_position[:, : self.layout.counts[k]]
            answers[k] = by_parameter, by_position, by_strain
        return answers

    def _call(self, engine: Engine, cluster: Cluster, asked, size: int) -> tuple:
        """Of some modes, one after another; the program is that of `size` modes."""
        along = np.zeros((size, cluster.atoms, 3))
        for row, (k, u) in zip(along, asked, strict=False):
            row[: self.layout.counts[k]] = u
        with scope("float64"):
            by_number, *places = jax.device_get(slopes_of_curvatures(
                engine.force_field,
                self.sample.some(cluster, [k for k, _ in asked], size),
                along, options=self.sample.options(cluster, engine),
                mesh=self.sample.mesh,
            ))  # fmt: skip
        found = self.selection.gathered(by_number), *places
        return tuple(x[: len(asked)] for x in found)


@quickly(static_argnames=("options", "mesh"))
def slopes_of_curvatures(
    force_field: ForceField,
    cases: Case,
    directions: Float[Array, "cases atoms 3"],
    *,
    options: Options,
    mesh: Mesh | None = None,
) -> tuple[ForceField, Float[Array, "cases atoms 3"], Float[Array, "cases 3 3"]]:
    """Derivatives of each structure's second derivative along its direction.

    By every number, by the positions (1/Å), and by a strain of the structure, which
    leaves the direction as it is.
    """

    def one(numbers: ForceField, case: Case, direction: Float[Array, "atoms 3"]):
        zero = jnp.zeros((), direction.dtype)
        guess = jnp.zeros((2, len(case.system.mask)), direction.dtype)

        def energy(force_field, positions, strain, length):
            system = strained(case.system, positions, strain)
            moved = system.positions + length * direction
            system = eqx.tree_at(lambda s: s.positions, system, moved)
            parameters = mix(force_field)
            return total_energy(parameters, system, *case.lists, options, guess)[0]

        def slopes(length):
            place = case.system.positions, jnp.zeros((3, 3), direction.dtype)
            return jax.grad(energy, argnums=(0, 1, 2))(numbers, *place, length)

        def change(length):
            return jax.jvp(slopes, (length,), (jnp.ones_like(zero),))[1]

        return jax.jvp(change, (zero,), (jnp.ones_like(zero),))[1]

    # One after the other: two batches of charge equations at once on one device can
    # hang, see `solvers`.
    return side_by_side(one, mesh, force_field, cases, directions, in_turn=True)
