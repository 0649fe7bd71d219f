r"""Electrostatic energy of charges, and the energy it takes to charge an atom.

    E_coulomb = C q_i q_j Tap / (r^3 + gamma_ij^-3)^(1/3)
    E_charge  = 23.02 (chi q + eta q^2)

The same shielded, tapered inverse distance stands in the charge equations. The
constants of the two differ a little: see `ase_reaxff_jax.units`.
Source: van Duin et al., J. Phys. Chem. A 105, 9396 (2001), equation 14; Rappe &
Goddard, J. Phys. Chem. 95, 3358 (1991).
"""

from jaxtyping import Array, Float, Int

from ase_reaxff_jax import safe
from ase_reaxff_jax.mixing import AtomParameters
from ase_reaxff_jax.units import COULOMB, KCAL_PER_EV


def inverse_distance(
    gamma: Float[Array, "*pairs"],
    *,
    r: Float[Array, "*pairs"],
    tapered: Float[Array, "*pairs"],
) -> Float[Array, "*pairs"]:
    """Shielded and tapered, 1/Å; `gamma` is (gamma_i gamma_j)^(-3/2) in Å^3."""
    return tapered * safe.inverse_cube_root(r * r * r + gamma)


def coulomb_energy(
    inverse: Float[Array, "atoms width"],
    charges: Float[Array, " atoms"],
    charges_j: Float[Array, "atoms width"],
) -> Float[Array, "atoms width"]:
    """Energy of each pair, kcal/mol, from its `inverse_distance`; charges in e."""
    return COULOMB * inverse * charges[:, None] * charges_j


def charge_energy(
    atom: AtomParameters,
    *,
    species: Int[Array, " atoms"],
    charges: Float[Array, " atoms"],
) -> Float[Array, " atoms"]:
    """Energy of each atom, kcal/mol."""
    chi, eta = atom.chi[species], atom.eta[species]
    return KCAL_PER_EV * charges * (chi + eta * charges)
