"""Electrostatic energy, and the energy of charging atoms."""

import jax
import jax.numpy as jnp
import kernel_pieces as pieces
import numpy as np
import pytest

from ase_reaxff_jax.taper import taper
from ase_reaxff_jax.terms.coulomb import (
    charge_energy,
    coulomb_energy,
    inverse_distance,
)

double_precision = pieces.double_precision
DISTANCES = (1e-6, 0.5, 1.3, 4.0, 8.7)


def inverse(gamma, general, r):
    tapered = taper(r, general.swa, general.swb)
    return inverse_distance(gamma, r=r, tapered=tapered)


@pytest.mark.parametrize("pair", [("C", "C"), ("H", "O"), ("O", "C")], ids="-".join)
def test_the_value_of_the_equation(pair):
    parameters = pieces.parameters()
    a, b = (pieces.CHO.elements.index(s) for s in pair)
    gamma = parameters.pair.gamma[a, b][None, None]
    mixed = (pieces.atom(pair[0], "gamma") * pieces.atom(pair[1], "gamma")) ** -1.5
    for r in DISTANCES:
        x = r / 10.0
        tap = 20 * x**7 - 70 * x**6 + 84 * x**5 - 35 * x**4 + 1
        f = tap / (r**3 + mixed) ** (1 / 3)
        found = inverse(gamma, parameters.general, jnp.array([[r]]))
        np.testing.assert_allclose(found, [[f]], rtol=1e-11)  # the taper cancels
        energy = coulomb_energy(found, jnp.array([0.37]), jnp.array([[-0.8]]))
        np.testing.assert_allclose(energy, [[332.06371 * 0.37 * -0.8 * f]], rtol=1e-11)


def test_charging_an_atom_costs_chi_q_and_eta_q_squared():
    charges = np.linspace(-0.9, 1.1, len(pieces.SYMBOLS))
    expected = [
        23.02 * (pieces.atom(s, "chi") * q + pieces.atom(s, "eta") * q * q)
        for s, q in zip(pieces.SYMBOLS, charges, strict=True)
    ]
    found = charge_energy(
        pieces.parameters().atom,
        species=pieces.species(),
        charges=jnp.array(charges),
    )
    np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_zero_from_the_cutoff_on_and_finite_gradients_everywhere():
    parameters = pieces.parameters()
    gamma = parameters.pair.gamma[0, 0][None]
    for r in (1e-12, 10.0, 10.0 + 1e-9, 1e6):
        at = jnp.array([r])
        value, gradients = jax.value_and_grad(
            lambda *x: inverse(*x).sum(), argnums=(0, 1, 2)
        )(gamma, parameters.general, at)
        assert abs(value) < 1e-14 if r >= 10.0 else value > 0.1
        assert value == 0.0 or r <= 10.0
        pieces.assert_finite(gradients)


def test_gradients_match_differences():
    parameters = pieces.parameters()
    r = jnp.array([DISTANCES[1:]])
    part = (
        jnp.full(r.shape, parameters.pair.gamma[0, 2]), parameters.general, r,
        jnp.array([0.4]), jnp.linspace(-0.5, 0.3, r.size)[None],
    )  # fmt: skip

    def total(part):
        gamma, general, r, q, q_j = part
        return coulomb_energy(inverse(gamma, general, r), q, q_j).sum()

    gradient = pieces.assert_gradient(total, part, step=1e-5)
    assert (gradient[0] != 0).all() and gradient[1].swa != 0 and gradient[1].swb != 0

    species = pieces.species()
    charges = jnp.linspace(-0.9, 1.1, len(species))
    gradient = pieces.assert_gradient(
        lambda part: charge_energy(part[0], species=species, charges=part[1]).sum(),
        (parameters.atom, charges),
    )
    assert (gradient[0].chi != 0).all() and (gradient[0].eta != 0).all()


@pytest.mark.parametrize("term", ["coulomb", "charge"])
def test_agrees_with_lammps(term):
    pieces.assert_lammps_term(term)
