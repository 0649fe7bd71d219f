"""The preconditioner of the charge equations: what it is, and what it saves."""

import jax
import jax.numpy as jnp
import kernel_pieces as pieces
import numpy as np
from small import amorphous, with_calculator

from ase_reaxff_jax import programs
from ase_reaxff_jax.charges.equilibrium import equations_of
from ase_reaxff_jax.neighbors import MEMBERS, image_positions
from ase_reaxff_jax.pairs import half_list

double_precision = pieces.double_precision
ATOMS = 90  # in a cell that is shorter than the reach of the charges


def made(charge_method="iterative", **options):
    """The equations of a mixture, as a matrix, and their approximate inverse."""
    atoms = amorphous("C H O", ATOMS)
    atoms = with_calculator(atoms, charge_method=charge_method, **options)
    engine = atoms.calc.engine
    system = engine.system(atoms)
    entry = engine.lists.of(atoms, system)
    images = image_positions(system.positions, system.cell, entry.neighbors)
    species = jnp.asarray(system.species)
    pairs = half_list(jnp.asarray(entry.host.far), entry.neighbors.source, species)
    mask = jnp.asarray(system.mask)
    equations = equations_of(engine.parameters, images, pairs, mask)
    return np.asarray(equations.dense()), entry.topology.inverse, entry.host


def as_matrix(inverse):
    size = len(inverse.atom)
    return np.asarray(jax.vmap(inverse.times)(jnp.eye(size)))[:ATOMS, :ATOMS]


def test_it_is_symmetric_and_positive_definite():
    _, inverse, _ = made()
    matrix = as_matrix(inverse)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-15)
    assert np.linalg.eigvalsh(matrix)[0] > 0
    assert np.all(np.asarray(inverse.weight)[ATOMS:] == 0)


def test_it_brings_the_eigenvalues_together():
    matrix, inverse, _ = made()
    matrix = matrix[:ATOMS, :ATOMS]
    square_root = np.linalg.cholesky(as_matrix(inverse))

    def spread(scaled):
        values = np.linalg.eigvalsh(scaled)[:-1]  # the largest is that of the sum
        return values[-1] / values[0]

    by_diagonal = 1.0 / np.sqrt(np.diag(matrix))
    plain = by_diagonal[:, None] * matrix * by_diagonal
    assert spread(square_root.T @ matrix @ square_root) < 0.4 * spread(plain)


def test_a_row_solves_the_equations_of_the_atoms_around_it():
    """Where images are few: the diagonal of G H G^T is that of the unit matrix."""
    _, inverse, host = made()
    member = np.concatenate([np.arange(len(host.cluster))[:, None], host.cluster], 1)
    present = member[:ATOMS] < len(host.source)
    rows = np.asarray(inverse.atom)[:ATOMS]
    assert np.all((rows[:, 1:] < rows[:, :1])[present[:, 1:]])
    assert present.sum(axis=1).max() <= MEMBERS + 1
    assert present.sum(axis=1).mean() > 3


def test_it_is_made_only_for_the_iterative_solver():
    assert made("direct")[1] is None
    assert made(charge_model="fixed")[1] is None


def evaluated(method):
    atoms = with_calculator(
        amorphous("C H O", ATOMS), charge_method=method, charge_tolerance=1e-12
    )
    return atoms.calc.engine.evaluate(atoms)


def test_charges_are_the_same_in_fewer_iterations(monkeypatch):
    direct, fast = evaluated("direct"), evaluated("iterative")
    monkeypatch.setattr(programs, "approximate_inverse", lambda *_: None)
    slow = evaluated("iterative")
    for found in (fast, slow):
        np.testing.assert_allclose(found.charges, direct.charges, atol=1e-11)
        np.testing.assert_allclose(found.forces, direct.forces, atol=1e-9)
    assert 0 < fast.charge_iterations < 0.6 * slow.charge_iterations
