"""Lists made for likely bond orders: small, and noticed where they do not suffice."""

import jax
import numpy as np
import pytest
from ase.build import bulk, molecule
from ase.calculators.calculator import CalculationFailed
from small import amorphous, with_calculator

from ase_reaxff_jax import JaxReaxFF, bond_orders, programs
from ase_reaxff_jax.md import relax, run, simulation


@pytest.fixture
def narrow(monkeypatch):
    """Lists made for the present orders and hardly more; a count of what that costs."""
    made = []
    plain = programs.order_limits.__wrapped__
    limits = jax.jit(lambda *arguments: plain(*arguments))
    monkeypatch.setattr(bond_orders, "CLOSER", 0.0)
    monkeypatch.setattr(bond_orders, "GROWTH", 1.0001)

    def order_limits(*arguments):
        made.append(1)
        return limits(*arguments)

    monkeypatch.setattr(programs, "order_limits", order_limits)
    return made


@pytest.fixture
def wide(monkeypatch):
    """Lists that hold whatever bonds may become."""
    original = programs.order_limits

    def order_limits(*arguments):
        bound, _, images = original(*arguments)
        return bound, bound, images

    def use():
        monkeypatch.setattr(programs, "order_limits", order_limits)

    return use


@pytest.fixture
def repeated(monkeypatch):
    """Steps that a run repeats."""
    steps, original = [], simulation.Simulation._repeat

    def counted(self, carry):
        steps.append(self.step)
        return original(self, carry)

    monkeypatch.setattr(simulation.Simulation, "_repeat", counted)
    return steps


def compressed(strain: float):
    atoms = bulk("C", "diamond", a=3.57, cubic=True)
    atoms.rattle(0.03, seed=1)
    atoms.set_cell(atoms.cell * (1.0 - strain), scale_atoms=True)
    return atoms


def test_a_dense_solid_has_few_more_than_those_that_count():
    atoms = with_calculator(compressed(0.0))
    engine = atoms.calc.engine
    _, entry, terms = engine._terms(atoms)
    for name in ("angle", "torsion"):
        count = np.count_nonzero(np.asarray(getattr(terms.bonded, name)))
        assert count <= entry.needed[f"{name}s"] <= 1.5 * count + 20


@pytest.mark.optimised
def test_a_calculator_follows_bonds_that_outgrow_its_lists(narrow):
    atoms = with_calculator(compressed(0.0))
    atoms.get_potential_energy()
    again = []
    for strain in (-0.004, 0.004):
        moved = compressed(strain)
        atoms.set_cell(moved.cell)
        atoms.positions = moved.positions
        fresh = with_calculator(moved)
        made = len(narrow)
        energy, forces = atoms.get_potential_energy(), atoms.get_forces()
        again.append(len(narrow) - made)
        assert energy == pytest.approx(fresh.get_potential_energy(), abs=1e-10)
        np.testing.assert_allclose(forces, fresh.get_forces(), atol=1e-9)
    assert any(again)  # within the skin, so for the orders alone


def test_terms_and_second_derivatives_follow_too(narrow):
    atoms = with_calculator(molecule("C2H6"))
    atoms.get_potential_energy()
    for pull in (0.02, 0.04):
        atoms.positions[0, 2] -= pull  # the carbons come closer
        fresh = with_calculator(atoms)
        terms = fresh.calc.get_energy_terms(fresh)
        assert atoms.calc.get_energy_terms(atoms) == pytest.approx(terms, abs=1e-10)
    hessian = atoms.calc.get_hessian(atoms)
    np.testing.assert_allclose(hessian, fresh.calc.get_hessian(fresh), atol=1e-8)


@pytest.mark.parametrize(
    ("ensemble", "several"),
    [pytest.param("nve", True, marks=pytest.mark.long), ("nvt-langevin", False)],
)
def test_dynamics_repeats_steps_and_goes_the_same_way(
    ensemble, several, narrow, wide, repeated
):
    one = amorphous("C H O", 14)
    given = [one, amorphous("C H O", 14, seed=6)] if several else one

    def ends():
        results = run(
            given, JaxReaxFF("cho"), ensemble=ensemble, steps=40, timestep_fs=0.1,
            temperature_K=400.0, progress=False,
        )  # fmt: skip
        results = results if several else [results]
        return [result.atoms.positions for result in results]

    often = ends()
    assert len(repeated) > 3
    repeated.clear()
    wide()
    once = ends()
    assert not repeated
    np.testing.assert_allclose(often, once, atol=1e-9)


def test_lists_are_made_anew_before_bonds_outgrow_them(wide, repeated, monkeypatch):
    """Steps are not repeated for bonds that grow no faster than bonds do."""
    plain, made = programs.order_limits.__wrapped__, []
    limits = jax.jit(lambda *arguments: plain(*arguments))

    def order_limits(*arguments):
        made.append(1)
        return limits(*arguments)

    def end():
        result = run(
            amorphous("C H O", 14), JaxReaxFF("cho"), ensemble="nvt-langevin",
            steps=60, timestep_fs=0.1, temperature_K=400.0, progress=False,
        )  # fmt: skip
        return result.atoms.positions

    monkeypatch.setattr(bond_orders, "CLOSER", 0.0)  # so that they do outgrow them
    with monkeypatch.context() as narrower:
        narrower.setattr(programs, "order_limits", order_limits)
        often = end()
    times = len(made)
    assert not repeated
    wide()
    np.testing.assert_allclose(often, end(), atol=1e-9)
    assert times > 5


def test_a_step_that_lists_made_for_it_do_not_hold_is_not_repeated_for_ever(
    monkeypatch,
):
    original, made = programs.order_limits, []

    def order_limits(*arguments):
        made.append(1)
        bound, likely, images = original(*arguments)
        return bound, 1e-6 * likely, images

    monkeypatch.setattr(programs, "order_limits", order_limits)
    with pytest.raises(CalculationFailed, match="outgrown the interaction lists"):
        run(amorphous("C H O", 14), JaxReaxFF("cho"), steps=1, progress=False)
    assert len(made) == 2


@pytest.mark.long
def test_relaxation_goes_the_same_way(narrow, wide):
    atoms = molecule("CH3CH2OH")
    atoms.rattle(0.05, seed=2)
    narrowly = relax(atoms, JaxReaxFF("cho"), fmax=0.01, progress=False)
    wide()
    widely = relax(atoms, JaxReaxFF("cho"), fmax=0.01, progress=False)
    assert narrowly.converged
    assert narrowly.energies[1] == pytest.approx(widely.energies[1], abs=1e-6)
