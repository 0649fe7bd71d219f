"""Parts of the kernel's input made by hand, for tests of one part at a time.

The sample is no real molecule: the orders of its bonds are drawn at random, not taken
from distances, so that every branch of a term is met. What a term is compared with is
computed here and in the tests from the numbers of the file, atom by atom, in plain
Python.
"""

import math
from collections.abc import Callable
from functools import cache, partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference_store
from jax.flatten_util import ravel_pytree

from ase_reaxff_jax import JaxReaxFF, programs
from ase_reaxff_jax.bond_orders import BondOrders
from ase_reaxff_jax.bundled import load
from ase_reaxff_jax.coordination import Coordination
from ase_reaxff_jax.precision import scope
from ase_reaxff_jax.topology import Bonds

CHO = load("cho")
SYMBOLS = ("C", "C", "O", "O", "H", "H", "H", "C", "O", "H")
PAIRS = ((0, 1), (1, 2), (1, 3), (3, 4), (0, 5), (0, 6), (0, 7), (7, 8), (7, 9),
         (2, 7), (3, 8), (4, 8), (5, 6))  # fmt: skip
ROOM = 16  # for bonds; three are padding


@pytest.fixture(autouse=True)
def double_precision():
    """What the engine does around its device calls; a test module takes it over."""
    with scope("float64"):
        yield


@cache
def parameters(name="cho"):
    """Mixed parameters of a bundled force field, float64."""
    with scope("float64"):
        return programs.prepare(load(name))[0]


def species(symbols=SYMBOLS, force_field=CHO):
    return jnp.array([force_field.elements.index(s) for s in symbols])


def bonds(pairs=PAIRS, room=ROOM):
    """The record of bonds within one cell; padding joins atom 0 to itself."""
    table = np.zeros((room, 2), np.int32)
    if pairs:
        table[: len(pairs)] = pairs
    i, j = jnp.array(table[:, 0]), jnp.array(table[:, 1])
    mask = jnp.arange(room) < len(pairs)
    return Bonds(i, j, j, mask, jnp.array(len(pairs)))


def directed(origin, end, pairs=PAIRS, room=ROOM):
    """Number of the directed bond from one atom to another."""
    if (origin, end) in pairs:
        return pairs.index((origin, end))
    return room + pairs.index((end, origin))


def sample_orders(seed=0, symbols=SYMBOLS, pairs=PAIRS):
    """Sigma, pi and double-pi order of each bond; some bonds are very weak."""
    rng = np.random.default_rng(seed)
    orders = rng.uniform([0.3, 0.05, 0.02], [1.1, 0.9, 0.5], (len(pairs), 3))
    for k, pair in enumerate(pairs):
        if "H" in (symbols[pair[0]], symbols[pair[1]]):
            orders[k, 1:] = 0.0
    orders[-3:] = [[0.004, 0.0, 0.0], [0.002, 0.0, 0.0], [0.0005, 0.0, 0.0]]
    return orders


def orders_record(orders, room=ROOM):
    """The record of bond orders from (bonds, 3); 0 on padding. Differentiable."""
    parts = jnp.zeros((room, 3)).at[: len(orders)].set(jnp.asarray(orders))
    sigma, pi, pipi = parts.T
    return BondOrders(sigma + pi + pipi, sigma, pi, pipi)


def sample_positions(seed=0):
    return np.random.default_rng([7, seed]).normal(0.0, 1.3, (len(SYMBOLS), 3))


def coordination_by_hand(totals, symbols=SYMBOLS, pairs=PAIRS, force_field=CHO):
    """Every number of `Coordination`, from the orders of the bonds, as arrays."""
    p_lp1 = force_field.get("general", None, "p_lp1")
    rows = []
    for a, symbol in enumerate(symbols):
        p = partial(force_field.get, "atom", symbol)
        order = sum(
            x * ((i == a) + (j == a)) for (i, j), x in zip(pairs, totals, strict=True)
        )
        light = p("mass") < 21.0
        delta_e = order - p("valency_e")
        whole = int(delta_e / 2.0)  # towards zero
        excess = delta_e - 2.0 * whole
        pairs_left = math.exp(-p_lp1 * (2.0 + excess) ** 2) - whole
        delta_lp = 0.5 * (p("valency_e") - p("valency")) - pairs_left
        val = p("valency_boc") if light else p("valency_val")
        rows.append(
            dict(
                order=order,
                delta=order - p("valency"),
                delta_boc=order - p("valency_boc"),
                delta_val=order - val,
                lone_pair_excess=excess,
                lone_pairs=pairs_left,
                delta_lp=delta_lp,
                delta_lp_light=delta_lp if light else 0.0,
            )
        )
    return {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}


def coordination_record(totals, **sample):
    """The record, made by hand."""
    by_hand = coordination_by_hand(totals, **sample)
    return Coordination(**{name: jnp.array(x) for name, x in by_hand.items()})


def general(name, force_field=CHO):
    return float(force_field.get("general", None, name))


def atom(symbol, name, force_field=CHO):
    return float(force_field.get("atom", symbol, name))


def assert_gradient(
    function: Callable, record, *, rtol=1e-7, atol=1e-8, step=1e-4, zeros=True
):
    """The gradient by every number of a record equals that of differences.

    Without `zeros` numbers that are 0 stay so: they switch something off.
    """
    numbers, rest = eqx.partition(record, eqx.is_inexact_array)
    start, back = ravel_pytree(numbers)

    def energy(x):
        return function(eqx.combine(back(x), rest))

    h = step * (1.0 + abs(start))
    moving = jnp.where(zeros | (start != 0.0), h, 0.0)

    @jax.jit
    def both(x):
        shifts = jnp.diag(moving)
        moved = [jax.vmap(energy)(x[None] + k * shifts) for k in (-2, -1, 1, 2)]
        difference = (moved[0] - moved[3] + 8.0 * (moved[2] - moved[1])) / (12.0 * h)
        return jax.grad(energy)(x), difference

    gradient, difference = both(start)
    scale = np.abs(difference).max()
    assert scale > 0
    np.testing.assert_allclose(gradient, difference, rtol=rtol, atol=atol * scale)
    return back(gradient)


def with_parts(parameters, *, chi, eta, swb):
    """Parameters with other numbers in the charge equations."""
    return eqx.tree_at(
        lambda p: (p.atom.chi, p.atom.eta, p.general.swb), parameters, (chi, eta, swb)
    )


def assert_finite(tree):
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(tree))


# One number of LAMMPS.


@cache
def calculator(force_field):
    """With the settings of the tests of parity, so that programs are compiled once."""
    tolerance = reference_store.about()["charge_tolerance"]
    return JaxReaxFF(force_field, charge_tolerance=tolerance, charge_response=False)


@cache
def _references():
    return {r.id: r for r in reference_store.read()}


@cache
def _terms(name):
    reference = _references()[name]
    return calculator(reference.force_field).get_energy_terms(reference.atoms)


def assert_lammps_term(term, name="cho-slab"):
    """A term of a stored structure is that of LAMMPS, which is not zero, in eV."""
    expected = _references()[name].terms[term]
    assert abs(expected) > 1e-4
    np.testing.assert_allclose(_terms(name)[term], expected, rtol=0, atol=1e-7)
