"""The loss, its derivatives, and fits that find what is known."""

import numpy as np
import pytest
from ase.build import molecule
from ase.calculators.calculator import InputError
from lammps_oracle import evaluate_many

from ase_reaxff_jax import JaxReaxFF, read_ffield
from ase_reaxff_jax.bundled import load
from ase_reaxff_jax.fit import TrainingSet, evaluate, fit
from ase_reaxff_jax.fit.items import (
    AngleItem,
    ChargeItem,
    DipoleItem,
    DistanceItem,
    EnergyItem,
    ForceItem,
    FrequencyItem,
    HeatItem,
    RmsgItem,
)
from ase_reaxff_jax.fit.losses import Loss
from ase_reaxff_jax.fit.objective import Objective
from ase_reaxff_jax.fit.parameters import Parameter
from ase_reaxff_jax.fit.selection import Selection
from ase_reaxff_jax.fit.structures import Restraint, Structure

pytestmark = pytest.mark.xdist_group("small fits")  # the same programs

FORCE_FIELD = load("cho")
NAMES = [
    "bond C O De_s", "bond H O p_be1", "atom O chi", "atom H gamma", "general p_boc1",
    "off_diagonal H O r_s", "angle H O H theta_00", "atom H heat_of_formation",
]  # fmt: skip


def parameters(names, share=0.1):
    found = []
    for name in names:
        address = FORCE_FIELD.locate(name)
        value = float(FORCE_FIELD.at(address))
        width = max(share * abs(value), 0.05)
        found.append(Parameter(
            section=address[0], row=address[1], column=address[2],
            low=value - width, high=value + width, name=name,
        ))  # fmt: skip
    return found


def structure(name, formula, *, rattle=0.0, **options):
    atoms = molecule(formula)
    atoms.rattle(rattle, seed=3)
    return Structure(name=name, atoms=atoms, **options)


def small_set():
    """Every way of depending on parameters, on few small molecules."""
    held = Restraint(kind="bond", atoms=(0, 1), target=1.05, strength=300.0, width=1.0)
    structures = [
        structure("bent", "H2O", rattle=0.05, minimize=False),
        structure("water", "H2O"),
        structure("held", "H2O", restraints=(held,)),
        structure("carbon-monoxide", "CO", minimize=False),
        structure("hydrogen", "H2"),
    ]
    items = (
        EnergyItem(structures=("held", "water"), coefficients=(1.0, -1.0),
                   reference=5.0, sigma=1.0),
        EnergyItem(structures=("carbon-monoxide", "water", "bent"),
                   coefficients=(1.0, -1.0, 0.5), reference=-100.0, sigma=3.0),
        ChargeItem(structure="water", atom=0, reference=-0.7, sigma=0.1),
        DistanceItem(structure="water", atoms=(0, 1), reference=0.97, sigma=0.01),
        AngleItem(structure="water", atoms=(1, 0, 2), reference=104.0, sigma=1.0),
        ForceItem(structure="bent", atom=0, component=1, reference=0.0, sigma=5.0),
        RmsgItem(structure="bent", reference=1.0, sigma=5.0),
        DipoleItem(structure="water", component=2, reference=0.4, sigma=0.1),
        HeatItem(structure="hydrogen", reference=0.0, sigma=2.0),
        FrequencyItem(structure="hydrogen", mode=0, reference=4161.0, sigma=50.0),
    )  # fmt: skip
    return TrainingSet({s.name: s for s in structures}, items)


@pytest.mark.long
def test_derivatives_of_all_kinds_are_those_of_differences_through_relaxations():
    data, chosen = small_set(), parameters(NAMES)
    selection = Selection(FORCE_FIELD, chosen)
    objective = Objective(FORCE_FIELD, data, selection, Loss(data.items))
    objective.relaxation.fmax, objective.relaxation.most_steps = 1e-7, 500

    def values(x):
        return objective.outcome(selection.force_field_at(x), slopes=True)

    start = values(selection.start)
    assert start.relaxed.converged.sum() == 3
    jacobian = objective.jacobian(start)
    np.testing.assert_allclose(
        objective.gradient(start),
        objective.loss.slopes(start.values) @ jacobian,
        rtol=1e-6, atol=1e-6,
    )  # fmt: skip
    for k in range(len(chosen)):
        step = np.zeros(len(chosen))
        step[k] = 1e-4 * (selection.high[k] - selection.low[k])
        after, before = (values(selection.start + s * step) for s in (1, -1))
        differences = (after.values - before.values) / (2 * step[k])
        scale = 1e-4 * abs(differences).max() + 1e-5
        np.testing.assert_allclose(
            jacobian[:, k], differences, rtol=1e-3, atol=scale, err_msg=NAMES[k]
        )


def test_energies_and_forces_are_those_of_the_calculator():
    report = evaluate("cho", small_set(), minimize=False)
    atoms = molecule("H2O")
    atoms.rattle(0.05, seed=3)
    atoms.calc = JaxReaxFF("cho")
    kcal = 23.060547830619026
    force = next(item for item in report.items if item.kind == "force")
    assert force.value == pytest.approx(atoms.get_forces()[0, 1] * kcal, abs=1e-6)
    assert report.loss == pytest.approx(sum(i.contribution for i in report.items))
    assert sum(report.by_kind().values()) == pytest.approx(report.loss)
    assert report.minimized == 0


def rattled_water(force_field):
    images = []
    for k in range(2):
        atoms = molecule("H2O")
        atoms.rattle(0.08, seed=k)
        atoms.calc = JaxReaxFF(force_field)
        atoms.get_forces()
        images.append(atoms)
    return images


def test_a_structure_is_minimised_as_far_as_it_asks():
    limits = {"usual": None, "tight": 1e-3, "loose": 5.0}
    structures = [structure(name, "H2O", rattle=0.05, end_rmsg=limit)
                  for name, limit in limits.items()]  # fmt: skip
    items = [RmsgItem(structure=name, reference=0.0, sigma=1.0) for name in limits]
    data = TrainingSet({s.name: s for s in structures}, tuple(items))
    usual, tight, loose = [item.value for item in evaluate("cho", data).items]
    assert tight < 1e-3 < usual == loose


@pytest.mark.lammps
def test_lammps_gives_the_energies_that_a_fit_has_reported(tmp_path):
    chosen = parameters(["bond H O De_s", "bond H O p_be1"])
    images = rattled_water(FORCE_FIELD.replace("bond H O De_s", 150.0))
    data = TrainingSet.from_atoms(images, kinds=["energy", "force"])
    result = fit("cho", data, chosen, optimizer="least-squares", steps=2,
                 out=tmp_path / "fit", progress=False)  # fmt: skip
    found = evaluate_many(images, tmp_path / "fit" / "ffield_best")
    energies = [one.energy for one in found]
    items = [item for item in result.report.items if item.kind == "energy"]
    kcal = 23.060547830619026
    assert [item.name for item in items] == ["H2O_0 - H2O_1"]
    assert items[0].value == pytest.approx((energies[0] - energies[1]) * kcal, abs=1e-7)


@pytest.mark.parametrize(
    "optimizer", ["least-squares", pytest.param("lbfgs", marks=pytest.mark.long)]
)
def test_parameters_behind_the_data_are_found_again(optimizer, tmp_path):
    names = ["bond H O De_s", "bond H O p_be1"]
    chosen = parameters(names)
    truth = Selection(FORCE_FIELD, chosen)
    target = truth.low + np.array([0.7, 0.35]) * (truth.high - truth.low)
    images = rattled_water(truth.force_field_at(target))
    data = TrainingSet.from_atoms(images, kinds=["energy", "force"])
    out = tmp_path / "fitted"
    result = fit("cho", data, chosen, optimizer=optimizer, out=out, progress=False)
    found = Selection(result.force_field, chosen).start
    np.testing.assert_allclose(
        (found - target) / (truth.high - truth.low), 0.0, atol=1e-3
    )
    saved = read_ffield(out / "ffield_best")
    for name, value in zip(names, found, strict=True):
        assert float(saved.at(saved.locate(name))) == value
    assert evaluate(saved, data).loss == pytest.approx(result.loss, abs=1e-8)
    rows = (out / "history.csv").read_text().splitlines()
    assert len(rows) == len(result.history) + 1
    assert result.history[-1].best == pytest.approx(result.loss, abs=1e-9)
    with pytest.raises(FileExistsError, match="ffield_best"):
        fit("cho", data, chosen, out=out, progress=False)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"optimizer": "lbfg"}, "did you mean 'lbfgs'"),
        ({"start": "randon"}, "did you mean 'random'"),
        ({"trials": 0}, "trials must be at least 1"),
        ({"loss": "square"}, "did you mean 'squares'"),
    ],
)
def test_wrong_arguments_are_named(options, words):
    with pytest.raises(InputError, match=words):
        fit("cho", small_set(), parameters(NAMES), progress=False, **options)


def test_a_start_outside_the_bounds_is_refused():
    given = parameters(["bond H O De_s"])[0]
    beyond = Parameter(section=given.section, row=given.row, column=given.column,
                       low=given.high, high=given.high + 1.0)  # fmt: skip
    with pytest.raises(InputError, match="outside its bounds"):
        fit("cho", small_set(), [beyond], progress=False)
