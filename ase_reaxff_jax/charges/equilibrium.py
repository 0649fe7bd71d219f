"""The charges of a structure, and what is known of how well they were found."""

from functools import partial, reduce

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ase_reaxff_jax.arrays import AnyArray
from ase_reaxff_jax.charges.approximate_inverse import ApproximateInverse
from ase_reaxff_jax.charges.eem import ChargeEquations, Equilibrated, solver_of
from ase_reaxff_jax.mixing import Parameters
from ase_reaxff_jax.options import Options
from ase_reaxff_jax.pairs import HalfList, alone, distances, of_pairs, of_type
from ase_reaxff_jax.taper import taper
from ase_reaxff_jax.terms.coulomb import inverse_distance


class Start(eqx.Module):
    """Where the solution of the charge equations starts, and what may speed it up.

    `guess` has charges and adjoint vector, e; with the charge model "fixed" it has the
    charges themselves.
    """

    guess: Float[AnyArray, "2 atoms"]
    inverse: ApproximateInverse | None = None


class Solution(eqx.Module):
    """Charges, and how well their equations were solved. Without derivatives."""

    charges: Float[Array, " atoms"]  # e
    adjoint: Float[Array, " atoms"]  # e; 0 where no derivative was asked for
    residual: Float[Array, ""]  # relative
    iterations: Int[Array, ""]
    converged: Bool[Array, ""]
    indefinite: Bool[Array, ""]
    worst_atom: Int[Array, ""]


def equations_of(
    parameters: Parameters,
    images: Float[Array, "images 3"],
    pairs: HalfList,
    mask: Bool[Array, " atoms"],
    dtype: str | None = None,
) -> ChargeEquations:
    """The charge equations at the positions of all images (Å).

    `dtype` is that of the matrix, where it is not that of the positions.
    """
    atom, species = parameters.atom, pairs.species
    return ChargeEquations(
        inverse=alone(partial(_inverse_distances, dtype), parameters, images, pairs),
        diagonal=2.0 * atom.eta[species],
        chi=jnp.where(mask, atom.chi[species], 0.0),
        pairs=pairs,
        mask=mask,
    )


def _inverse_distances(dtype, parameters, images, pairs) -> Float[Array, "atoms width"]:
    parameters = of_type(parameters, dtype)
    r, general = distances(images, pairs, dtype), parameters.general
    tapered = taper(r, general.swa, general.swb)
    gamma = of_pairs(parameters.pair, pairs).gamma
    return inverse_distance(gamma, r=r, tapered=tapered)


def charges_of(
    equations: ChargeEquations,
    total_charge: Float[Array, ""],
    options: Options,
    start: Start,
) -> tuple[Equilibrated, Float[Array, ""]]:
    """Charges by the model of the options, and the scale of their residual, eV."""
    even = equations.diagonal * abs(total_charge) / jnp.sum(equations.mask)
    size = jnp.where(equations.mask, abs(equations.chi) + even, 0.0)
    scale = jnp.linalg.norm(size)
    if options.charge_model == "fixed":
        q = start.guess[0]
        return Equilibrated(q, jnp.zeros_like(scale), jnp.zeros_like(q), None), scale
    solve = solver_of(equations, options, start.inverse)
    return solve(-equations.chi, total_charge, scale, start.guess[0]), scale


def solution_of(
    solved: Equilibrated,
    adjoint: Float[Array, " atoms"],
    response: Equilibrated | None = None,
) -> Solution:
    """The record of a solution; the worse of the two outcomes."""
    if solved.outcome is None:
        zero, yes, no = jnp.int32(0), jnp.bool_(True), jnp.bool_(False)
        nothing = jnp.zeros_like(solved.mu)
        return Solution(solved.x, adjoint, nothing, zero, yes, no, zero)
    outcomes = [solved.outcome]
    if response is not None and response.outcome is not None:
        outcomes.append(response.outcome)
    residuals = jnp.stack([outcome.residual for outcome in outcomes])
    worst = jnp.stack([outcome.worst for outcome in outcomes])
    record = Solution(
        charges=solved.x,
        adjoint=adjoint,
        residual=jnp.max(residuals),
        iterations=reduce(jnp.add, [outcome.iterations for outcome in outcomes]),
        converged=jnp.all(jnp.stack([outcome.converged for outcome in outcomes])),
        indefinite=jnp.any(jnp.stack([outcome.indefinite for outcome in outcomes])),
        worst_atom=worst[jnp.argmax(residuals)],
    )
    return jax.lax.stop_gradient(record)
