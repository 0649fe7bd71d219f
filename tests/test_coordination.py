"""Coordination of atoms: deviations from the valencies, lone pairs."""

import jax
import jax.numpy as jnp
import kernel_pieces as pieces
import numpy as np
import pytest

from ase_reaxff_jax.bundled import load
from ase_reaxff_jax.coordination import coordination

double_precision = pieces.double_precision
SULFUR = dict(
    symbols=("S", "C", "H", "O", "S", "N"),
    pairs=((0, 1), (0, 2), (1, 3), (0, 4), (4, 5)),
)


def found(orders, name="cho", symbols=pieces.SYMBOLS, pairs=pieces.PAIRS):
    parameters = pieces.parameters(name)
    return coordination(
        parameters.atom,
        parameters.general,
        species=pieces.species(symbols, load(name)),
        bonds=pieces.bonds(pairs),
        orders=pieces.orders_record(orders),
    )


@pytest.mark.parametrize("seed", range(4))
def test_every_number_is_that_of_the_equations(seed):
    orders = pieces.sample_orders(seed)
    expected = pieces.coordination_by_hand(orders.sum(axis=1))
    record = found(orders)
    assert len(set(np.trunc(expected["lone_pairs"]))) > 1
    for name, values in expected.items():
        np.testing.assert_allclose(getattr(record, name), values, atol=1e-13)


def test_heavy_elements_keep_the_valency_of_the_file_and_no_light_lone_pairs():
    force_field = load("mattsson")
    orders = np.random.default_rng(0).uniform(0.1, 0.9, (5, 3))
    expected = pieces.coordination_by_hand(
        orders.sum(axis=1), **SULFUR, force_field=force_field
    )
    record = found(orders, "mattsson", **SULFUR)
    for name, values in expected.items():
        np.testing.assert_allclose(getattr(record, name), values, atol=1e-13)
    assert record.delta_lp_light[0] == 0.0 != record.delta_lp[0]


def test_a_bond_to_the_own_image_counts_at_both_ends():
    record = found(np.array([[0.6, 0.2, 0.1]]), symbols=("C",), pairs=((0, 0),))
    np.testing.assert_allclose(record.order, [1.8], rtol=1e-15)


def test_without_bonds_and_on_padding_everything_is_finite():
    def total(orders):
        record = found(orders)
        return sum(x.sum() for x in jax.tree.leaves(record))

    value, gradient = jax.value_and_grad(total)(jnp.zeros((len(pieces.PAIRS), 3)))
    pieces.assert_finite((value, gradient))
    full = jnp.ones((pieces.ROOM, 3)).at[: len(pieces.PAIRS)].set(0.0)
    np.testing.assert_array_equal(found(full).order, 0.0)


def test_gradients_match_differences():
    parameters = pieces.parameters()
    orders = jnp.array(pieces.sample_orders(1))
    weight = jnp.linspace(0.5, 1.5, len(pieces.SYMBOLS))

    def total(part):
        atom, general, orders = part
        record = coordination(atom, general, species=pieces.species(),
                              bonds=pieces.bonds(), orders=orders)  # fmt: skip
        return sum((weight * x).sum() for x in jax.tree.leaves(record))

    part = parameters.atom, parameters.general, pieces.orders_record(orders)
    gradient = pieces.assert_gradient(total, part, step=1e-5)
    assert gradient[1].p_lp1 != 0 and (gradient[0].valency_e != 0).all()
