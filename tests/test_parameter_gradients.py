"""The gradient of the energy by every number of the file, against differences.

The combination rules lie inside what is differentiated, as in a fit. One structure for
each force field: fragments 13 Å apart that together make nearly every number matter.
"""

import re
from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference_store
from ase import Atoms
from ase.build import molecule
from jax.flatten_util import ravel_pytree

from ase_reaxff_jax.bundled import load
from ase_reaxff_jax.energy import total_energy
from ase_reaxff_jax.engine import Engine
from ase_reaxff_jax.mixing import mix
from ase_reaxff_jax.precision import scope
from ase_reaxff_jax.settings import Settings

STEP = 2e-5  # times 1 + |value|
SECTIONS = ("general", "atom", "bond", "off_diagonal", "angle", "torsion",
            "hydrogen_bond")  # fmt: skip
TOGETHER = [  # both tests of a force field in one process: they share what is compiled
    pytest.param(
        "cho", marks=[pytest.mark.xdist_group("gradients-cho"), pytest.mark.long]
    ),
    pytest.param("lg", marks=pytest.mark.xdist_group("gradients-lg")),
]
INCOMPARABLE = 0.02  # of all numbers: their differences cross a switch of the form
SETTINGS = dict(
    charge=0.0, charge_model="eem", charge_tolerance=1e-12, charge_response=True,
    charge_method="direct", dtype="float64", skin=1.0, bond_skin=0.3,
    neighbors="auto", missing_bonds="error", implementation="fused", device=None,
)  # fmt: skip

NEVER_READ = (  # by this form of the energy
    "unused_.*|mass|p_hbond|p_xel.|heat_of_formation|bcut_acks2|alpha_e|beta_e|"
    "valency_val|v13cor|ovc|p_elho|X_soft|p_val_e|triple_bond_option"
)
SILENT = {
    "cho": (
        "general lg_scale|atom . (rcore2|ecore2|acore2)|"  # no inner wall
        "atom H r_pi(pi)?|bond . . .*H.*|"
        "bond (C H|H H|H O) (De_p|De_pp|p_bo[3-6])|"  # hydrogen has no pi bonds
        "off_diagonal (C H|H O) r_pi(pi)?|"  # not set
        "angle C H H .*|"  # p_val1 = 0 switches the row off
        r"torsion \* (C C|O O) \* .*|"  # explicit rows stand before these wild cards
        r"torsion \* (C H|H H) \* p_tor1"  # V2 = 0
    ),
    "lg": (
        "general k_c2|"  # 0 switches the correction off
        "atom S .*|"  # absent
        "atom H r_pi(pi)?|bond (C H|H H|H O|H N) (De_p|De_pp|p_bo[3-6])|"
        "off_diagonal (C H|H O|H N) r_pi(pi)?|"
        r"angle (C H H|C H C) .*|torsion \* (C H|H H) \* p_tor1"
    ),
}


def zigzag(symbols, length, twist=0.6):
    """A chain with neither straight angles nor flat torsions."""
    n = np.arange(len(symbols))
    x = np.stack([0.85 * n, 0.5 * np.cos(np.pi * n), 0.5 * np.sin(twist * n * n)], 1)
    return Atoms(symbols, length * x / np.linalg.norm(x[1] - x[0]))


@cache
def stored(name):
    return next(r.atoms for r in reference_store.read() if r.id == name)


def fragments(name):
    yield stored(f"{name}-cluster_atoms")
    if name == "cho":
        yield stored("cho-slab")
        yield from (stored("cho-C2"), molecule("CO"), zigzag("HHHH", 0.8))
        yield from (zigzag("OOOO", 1.3), zigzag("CCCC", 1.4), zigzag("OOC", 1.0))
    else:
        yield stored("lg-cluster_molecules")
        yield from (zigzag("NCNN", 1.3), zigzag("OOO", 0.95), molecule("NH3"))
        yield zigzag("HHHH", 0.8)


def structure(name):
    """All fragments in a row, without periodicity.

    None is a pair of over-coordinated atoms: their bond order would be corrected to
    exactly the valency, where the number of lone pairs switches.
    """
    atoms, end = Atoms(), 0.0
    for fragment in fragments(name):
        positions = fragment.positions.copy()
        positions[:, 0] += end - positions[:, 0].min()
        atoms += Atoms(fragment.symbols, positions)
        end = positions[:, 0].max() + 13.0
    return atoms


def without_padding(neighbors, topology):
    """Shorter lists: the differences take thousands of energies."""
    far = neighbors.far[:, : int(neighbors.needed["width"])]
    neighbors = eqx.tree_at(lambda n: n.far, neighbors, far)
    for part in ("angles", "torsions"):
        record, needed = getattr(topology, part), int(topology.needed[part])
        record = jax.tree.map(lambda x, n=needed: x[:n] if x.ndim else x, record)
        topology = eqx.tree_at(lambda t, p=part: getattr(t, p), topology, record)
    return neighbors, topology


def energy_of(name):
    """Energy of the structure, kcal/mol, as a function of the file's numbers."""
    force_field = load(name)
    engine, atoms = Engine(force_field, Settings(**SETTINGS)), structure(name)
    system = engine.system(atoms)
    entry = engine.lists.of(atoms, system)
    lists = without_padding(entry.neighbors, entry.topology)
    system = jax.tree.map(jnp.asarray, system)
    options = engine.options(len(system.mask))
    guess = jnp.zeros((2, len(system.mask)))
    start, back = ravel_pytree({s: jnp.asarray(getattr(force_field, s))
                                for s in SECTIONS})  # fmt: skip

    def energy(numbers):
        parts = back(numbers)
        changed = eqx.tree_at(
            lambda f: [getattr(f, s) for s in SECTIONS],
            force_field,
            [parts[s] for s in SECTIONS],
        )
        return total_energy(mix(changed), system, *lists, options, guess)[0]

    return energy, start, back


@cache
def gradient_and_differences(name):
    """Gradient, and central differences at one step and at two, by name."""
    with scope("float64"):
        energy, start, back = energy_of(name)
        gradient = jax.jit(jax.grad(energy))(start)
        step = STEP * (1.0 + abs(start))

        @jax.jit
        def moved(k):
            def one(n):
                return energy(start.at[n].add(k * step[n]))

            return jax.lax.map(one, jnp.arange(len(start)))

        values = [moved(k) for k in (-2.0, -1.0, 1.0, 2.0)]
        near = (values[2] - values[1]) / (2.0 * step)
        far = (values[3] - values[0]) / (4.0 * step)
        columns = [back(x) for x in (gradient, near, far, step)]
    force_field = load(name)
    return {
        label: tuple(
            float(column[SECTIONS[s - 1]][row - 1 if s == 1 else (row - 1, c - 1)])
            for column in columns
        )
        for (s, row, c), label in force_field.addresses()
    }


def comparable(near, far, step):
    """Whether the differences at two step sizes belong to a smooth function.

    The error of a second-order formula grows fourfold with the step, so that at most
    a third of their distance separates the better one from the derivative.
    """
    return abs(near - far) <= 1e-4 * abs(near) + noise(step)


def noise(step):
    """Rounding of differences: of the energy, about 1e4 kcal/mol."""
    return 1e-11 / step + 1e-7


@pytest.mark.parametrize("name", TOGETHER)
def test_the_gradient_by_every_number_is_that_of_differences(name):
    found = gradient_and_differences(name)
    assert all(np.isfinite(values).all() for values in found.values())
    switched = [n for n, (_, *rest) in found.items() if not comparable(*rest)]
    wrong = []
    for label, (gradient, near, far, step) in found.items():
        better = near + (near - far) / 3.0
        limit = 2e-6 * abs(better) + noise(step)
        if label not in switched and not abs(gradient - better) <= limit:
            wrong.append(f"{label}: gradient {gradient:.9g}, difference {better:.9g}")
    assert not wrong, "\n".join(wrong)
    assert len(switched) <= INCOMPARABLE * len(found), switched


@pytest.mark.parametrize("name", TOGETHER)
def test_every_number_that_is_read_matters_and_no_other(name):
    found = gradient_and_differences(name)
    silent = {label for label, (gradient, *_) in found.items() if gradient == 0.0}
    pattern = re.compile(f"{SILENT[name]}|.* ({NEVER_READ})")
    expected = {label for label in found if pattern.fullmatch(label)}
    assert not silent - expected, "no effect"
    assert not expected - silent, "an effect that was not expected"
    for label in silent:
        np.testing.assert_allclose(found[label][1:3], 0.0, atol=noise(STEP))
