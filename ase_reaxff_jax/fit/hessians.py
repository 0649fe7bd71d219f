"""Second derivatives of the energy of structures where their atoms are now."""

from collections.abc import Iterable

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Float

from ase_reaxff_jax.compilation import quickly
from ase_reaxff_jax.energy import total_energy
from ase_reaxff_jax.fit.devices import side_by_side
from ase_reaxff_jax.fit.observables import Case
from ase_reaxff_jax.fit.sample import Sample
from ase_reaxff_jax.forcefield import ForceField
from ase_reaxff_jax.mixing import Parameters, mix
from ase_reaxff_jax.options import Options
from ase_reaxff_jax.precision import scope
from ase_reaxff_jax.programs import strained


def hessians(
    sample: Sample, force_field: ForceField, wanted: Iterable[int]
) -> dict[int, Float[np.ndarray, "coordinates coordinates"]]:
    """Of each wanted structure, by positions and, behind them, the nine strains.

    In kcal/mol and Å, by the number of the structure, without padding.
    """
    found: dict[int, np.ndarray] = {}
    if not (chosen := set(wanted)):
        return found
    engine = sample.engine(force_field)
    for cluster in sample.clusters:
        members = [k for k in cluster.members if k in chosen]
        if not members:
            continue
        with scope("float64"):
            cases = sample.some(cluster, members, sample.room_for(len(members)))
            matrices = np.asarray(second_derivatives(
                engine.force_field, cases, options=sample.options(cluster, engine),
                mesh=sample.mesh,
            ))  # fmt: skip
        for k, matrix in zip(members, matrices, strict=False):
            end = 3 * cluster.atoms
            kept = np.r_[: 3 * sample.counts[k], end : end + 9]
            found[k] = matrix[np.ix_(kept, kept)]
    return found


@quickly(static_argnames=("options", "mesh"))
def second_derivatives(
    force_field: ForceField, cases: Case, *, options: Options, mesh: Mesh | None = None
) -> Float[Array, "cases coordinates coordinates"]:
    """Of the energy by positions and, behind them, the nine strains; kcal/mol, Å."""

    def one(parameters: Parameters, case: Case):
        size = case.system.positions.size
        guess = jnp.zeros((2, len(case.system.mask)), case.system.positions.dtype)

        def energy(y):
            positions, strain = y[:size].reshape(-1, 3), y[size:].reshape(3, 3)
            system = strained(case.system, positions, strain)
            return total_energy(parameters, system, *case.lists, options, guess)[0]

        start = jnp.concatenate([case.system.positions.ravel(), jnp.zeros(9)])
        _, along = jax.linearize(jax.grad(energy), start)
        return jax.lax.map(along, jnp.eye(len(start)))

    # One after the other: what a row needs of one structure stays in the cache.
    return side_by_side(one, mesh, mix(force_field), cases, in_turn=True)
