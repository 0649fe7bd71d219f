r"""Charge equilibration (EEM, QEq): charges that equalise the electronegativity.

Minimises  sum_i (chi_i q_i + eta_i q_i^2) + 14.4 sum_pairs f_ij q_i q_j  at a fixed sum
of the charges, in eV, with f the tapered, shielded inverse distance:

    H q + mu 1 = -chi,   sum(q) = Q,   H_ii = 2 eta_i,   H_ij = 14.4 f_ij

Derivatives come from the solved equations, not from the iterations, so they are as
exact as the residual, to any order.
Source: Rappe & Goddard, J. Phys. Chem. 95, 3358 (1991); Aktulga, Fogarty, Pandit &
Grama, Parallel Comput. 38, 245 (2012).
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ase_reaxff_jax.charges import solvers
from ase_reaxff_jax.charges.approximate_inverse import ApproximateInverse
from ase_reaxff_jax.charges.solvers import Outcome
from ase_reaxff_jax.options import Options
from ase_reaxff_jax.pairs import HalfList, sums_over_blocks
from ase_reaxff_jax.units import COULOMB_CHARGES

AT_ONCE = 75_000  # pairs of a block
STRANDS = 4  # blocks side by side: XLA leaves the scatter of each to one core


class ChargeEquations(eqx.Module):
    """H and chi of one structure, the matrix as the half list has it."""

    inverse: Float[Array, "atoms width"]  # f of each pair, 1/Å
    diagonal: Float[Array, " atoms"]  # 2 eta, eV/e^2
    chi: Float[Array, " atoms"]  # eV; 0 on padding
    pairs: HalfList
    mask: Bool[Array, " atoms"]  # False on padding: there charges are 0

    def coulomb(self, charges: Float[Array, " atoms"]) -> Float[Array, " atoms"]:
        """sum_j f_ij q_j for every atom, e/Å."""

        def added(at_ends, block):
            f, atom, charge = block
            at_ends = at_ends.at[atom].add(f * charge[:, None])
            return at_ends, jnp.sum(f * charges[atom], axis=1)

        rows = self.inverse, self.pairs.atom, charges
        at_ends, in_rows = sums_over_blocks(
            added, jnp.zeros_like(charges), rows,
            entries=self.inverse.shape[1], at_once=AT_ONCE, strands=STRANDS,
        )  # fmt: skip
        return at_ends + in_rows

    def times(self, charges: Float[Array, " atoms"]) -> Float[Array, " atoms"]:
        """H q, eV/e; 0 on padding."""
        potential = COULOMB_CHARGES * self.coulomb(charges)
        return jnp.where(self.mask, self.diagonal * charges + potential, 0.0)

    def dense(self) -> Float[Array, "atoms atoms"]:
        """H as a matrix; the unit matrix on padding."""
        atoms = len(self.diagonal)
        rows = jnp.broadcast_to(jnp.arange(atoms)[:, None], self.inverse.shape)
        half = jnp.zeros((atoms, atoms), self.diagonal.dtype)
        f = self.inverse.astype(half.dtype)
        half = half.at[rows, self.pairs.atom].add(COULOMB_CHARGES * f)
        both = self.mask[:, None] & self.mask[None, :]
        diagonal = jnp.where(self.mask, self.diagonal, 1.0)
        return jnp.where(both, half + half.T, 0.0) + jnp.diag(diagonal)


class Equilibrated(eqx.Module):
    """A solution of H x + mu 1 = b, sum(x) = s."""

    x: Float[Array, " atoms"]
    mu: Float[Array, ""]
    left: Float[Array, " atoms"]  # b - H x - mu 1; without derivatives
    outcome: Outcome | None  # None where charges were given


Solver = Callable[..., Equilibrated]


def solver_of(
    equations: ChargeEquations,
    options: Options,
    inverse: ApproximateInverse | None = None,
) -> Solver:
    """A function that solves the equations for any right-hand side.

    `solve(b, total, scale, guess)`: `scale` is what the residual is relative to.
    Differentiable in the equations, `b` and `total`.
    """
    matrix = jax.lax.stop_gradient(equations)
    if options.charge_method == "direct":
        invert = solvers.direct(matrix.dense(), matrix.mask)
    elif options.charge_method == "stationary":
        invert = solvers.stationary(matrix.dense(), matrix.mask)
    else:
        invert = solvers.projected_conjugate_gradients(
            matrix.times,
            matrix.diagonal,
            matrix.mask,
            inverse=jax.lax.stop_gradient(inverse),
            tolerance=options.charge_tolerance,
            iterations=options.charge_iterations,
        )

    atoms = len(equations.diagonal)

    def bordered(unknown):
        x, mu, others = jnp.split(unknown, [atoms, atoms + 1])
        first = jnp.where(equations.mask, equations.times(x) + mu, x)
        return jnp.concatenate([first, jnp.sum(x)[None], others])

    def solve(b, total, scale, guess) -> Equilibrated:
        b = jnp.where(equations.mask, b, 0.0)
        start = jax.lax.stop_gradient((scale, guess))

        def solved(_, right):
            x, mu, left, outcome = invert(right[:atoms], right[atoms], *start)
            return jnp.concatenate([x, mu[None], outcome.packed(x.dtype), left])

        # One array: of several right-hand sides jax can only transpose all or none. The
        # outcome and what is left travel as further unknowns: `vmap` of a derivative
        # would give each tangent its own if they were what jax calls auxiliary data.
        others = jnp.zeros(Outcome.SIZE + atoms, b.dtype)
        right = jnp.concatenate([b, total[None], others])
        solution = jax.lax.custom_linear_solve(bordered, right, solved, symmetric=True)
        # Without it, derivatives by charges of padding would enter the transpose.
        x = jnp.where(equations.mask, solution[:atoms], 0.0)
        others = jax.lax.stop_gradient(solution[atoms + 1 :])
        outcome, left = jnp.split(others, [Outcome.SIZE])
        return Equilibrated(x, solution[atoms], left, Outcome.unpacked(outcome))

    return solve
