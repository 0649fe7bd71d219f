"""Frequencies as items of a training set: values, derivatives, and what is refused."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.units import _amu, _e, _hbar, invcm

from ase_reaxff_jax import JaxReaxFF
from ase_reaxff_jax.bundled import load
from ase_reaxff_jax.fit import TrainingSet, evaluate
from ase_reaxff_jax.fit.coordinates import number_of_vibrations
from ase_reaxff_jax.fit.input_errors import FitInputError
from ase_reaxff_jax.fit.items import FrequencyItem
from ase_reaxff_jax.fit.losses import Loss
from ase_reaxff_jax.fit.objective import Objective
from ase_reaxff_jax.fit.parameters import Parameter
from ase_reaxff_jax.fit.selection import Selection
from ase_reaxff_jax.fit.structures import Restraint, Structure
from ase_reaxff_jax.md import relax

pytestmark = pytest.mark.xdist_group("frequencies")  # the same programs

FORCE_FIELD = load("cho")
NAMES = ["bond H O De_s", "bond H O p_be1", "angle H O H p_val1", "atom H eta"]


def training_set(structures, modes):
    items = tuple(
        FrequencyItem(structure=s.name, mode=mode, reference=1000.0, sigma=10.0)
        for s in structures for mode in modes[s.name]
    )  # fmt: skip
    return TrainingSet({s.name: s for s in structures}, items)


def wavenumbers(hessian, masses):
    """All of them, 1/cm, of second derivatives in eV/Å^2."""
    weights = np.repeat(masses, 3) ** -0.5
    curvatures = np.linalg.eigvalsh(weights[:, None] * hessian * weights)
    energies = _hbar * 1e10 / np.sqrt(_e * _amu) * np.sqrt(abs(curvatures))
    return np.sign(curvatures) * energies / invcm


def test_frequencies_are_those_of_the_second_derivatives():
    """A molecule, a line, one with heavy hydrogen, a crystal, and a held atom."""
    calculator = JaxReaxFF("cho")
    water, line = (at_rest(name, calculator) for name in ("H2O", "CO2"))
    heavy = water.copy()
    heavy.set_masses([15.999, 2.014, 2.014])
    crystal = bulk("C", cubic=True)
    crystal.rattle(0.02, seed=1)
    structures = [
        Structure(name=name, atoms=atoms, minimize=False, fixed=fixed)
        for name, atoms, fixed in (
            ("water", water, ()), ("heavy", heavy, ()), ("line", line, ()),
            ("crystal", crystal, ()), ("held", water, (0,)),
        )
    ]  # fmt: skip
    modes = {s.name: range(number_of_vibrations(s)) for s in structures}
    assert [len(m) for m in modes.values()] == [3, 3, 4, 21, 6]
    report = evaluate("cho", training_set(structures, modes))
    for s in structures:
        found = [item.value for item in report.items if item.name.startswith(s.name)]
        free = [k for k in range(len(s.atoms)) if k not in s.fixed]
        s.atoms.calc = calculator
        expected = second_derivatives(s.atoms, free)
        # Of a crystal that is not at rest only translations cost nothing.
        rigid = 0 if s.fixed else len(expected) - len(found)
        order = np.argsort(abs(expected))[rigid:]
        np.testing.assert_allclose(found, np.sort(expected[order]), atol=0.2)
    assert found[-1] > 2500  # the stretch of O-H


def at_rest(name, calculator):
    atoms = molecule(name)
    atoms.calc = calculator
    return relax(atoms, fmax=1e-5).atoms


def second_derivatives(atoms, free):
    rows = np.ravel([[3 * k, 3 * k + 1, 3 * k + 2] for k in free])
    hessian = atoms.calc.get_hessian(atoms)
    hessian = hessian.reshape(3 * len(atoms), -1)[np.ix_(rows, rows)]
    return wavenumbers(hessian, atoms.get_masses()[free])


@pytest.mark.parametrize(
    "minimize", [False, pytest.param(True, marks=pytest.mark.long)]
)
def test_derivatives_are_those_of_differences(minimize):
    """At the bent shape that the data has, and through a minimisation."""
    bent = molecule("H2O")
    bent.rattle(0.05, seed=3)
    structures = [Structure(name="water", atoms=bent, minimize=minimize)]
    data = training_set(structures, {"water": (2, 0, 1)})
    chosen = [parameter(name) for name in NAMES]
    selection = Selection(FORCE_FIELD, chosen)
    objective = Objective(FORCE_FIELD, data, selection, Loss(data.items))
    if minimize:
        objective.relaxation.fmax, objective.relaxation.most_steps = 1e-7, 500

    def values(x):
        return objective.outcome(selection.force_field_at(x), slopes=True)

    start = values(selection.start)
    assert minimize is bool(start.relaxed and start.relaxed.converged.all())
    jacobian = objective.jacobian(start)
    np.testing.assert_allclose(
        objective.gradient(start), objective.loss.slopes(start.values) @ jacobian,
        rtol=1e-6,
    )  # fmt: skip
    for k, one in enumerate(chosen):
        step = np.zeros(len(chosen))
        step[k] = 1e-3 * (one.high - one.low)
        after, before = (values(selection.start + s * step) for s in (1, -1))
        differences = (after.values - before.values) / (2 * step[k])
        scale = 1e-5 * abs(differences).max()
        np.testing.assert_allclose(
            jacobian[:, k], differences, rtol=1e-4, atol=scale, err_msg=one.name
        )


def parameter(name):
    section, row, column = FORCE_FIELD.locate(name)
    value = float(FORCE_FIELD.at((section, row, column)))
    width = 0.1 * abs(value)
    return Parameter(section=section, row=row, column=column,
                     low=value - width, high=value + width, name=name)  # fmt: skip


def test_what_does_not_vibrate_is_refused():
    water = Structure(name="water", atoms=molecule("H2O"))
    with pytest.raises(FitInputError, match=r"water has 3 vibrations .*no mode 4"):
        training_set([water], {"water": (3,)})
    alone = Structure(name="alone", atoms=Atoms("H"))
    with pytest.raises(FitInputError, match="alone has 0 vibrations"):
        training_set([alone], {"alone": (0,)})
    held = Restraint(kind="bond", atoms=(0, 1), target=1.05, strength=300.0, width=1.0)
    water = Structure(name="held", atoms=molecule("H2O"), restraints=(held,))
    with pytest.raises(FitInputError, match="minimised with restraints"):
        training_set([water], {"held": (0,)})
