"""What a fit tells of its result: errors of parameters, tables and pictures."""

import csv
import logging
import sys
from dataclasses import replace

import numpy as np
import pytest
import scipy.optimize
import small_fits
from ase.build import molecule
from ase.calculators.singlepoint import SinglePointCalculator

from ase_reaxff_jax import JaxReaxFF
from ase_reaxff_jax.bundled import load
from ase_reaxff_jax.fit import TrainingSet, evaluate, fit, pictures, uncertainty
from ase_reaxff_jax.fit.covariance import _at_minimum, _promised, uncertainty_of
from ase_reaxff_jax.fit.determination import determine
from ase_reaxff_jax.fit.items import EnergyItem, ForceItem, HeatItem
from ase_reaxff_jax.fit.losses import Loss
from ase_reaxff_jax.fit.objective import Objective
from ase_reaxff_jax.fit.parameters import Parameter
from ase_reaxff_jax.fit.report import ItemResult
from ase_reaxff_jax.fit.selection import Selection
from ase_reaxff_jax.fit.structures import Structure

pytestmark = pytest.mark.xdist_group("small fits")  # the same programs

FORCE_FIELD = load("cho")
BOND = ["bond H O De_s", "bond H O p_be1"]


def parameters(names, share=0.2):
    found = []
    for name in names:
        section, row, column = address = FORCE_FIELD.locate(name)
        value = float(FORCE_FIELD.at(address))
        found.append(Parameter(
            section=section, row=row, column=column, name=name,
            low=value - share * abs(value), high=value + share * abs(value),
        ))  # fmt: skip
    return found


def waters(count=2):
    """Bent and stretched molecules; two, so that programs of other fits serve."""
    found = {}
    for k in range(count):
        atoms = molecule("H2O")
        atoms.rattle(0.08, seed=k)
        found[f"w{k}"] = Structure(name=f"w{k}", atoms=atoms, minimize=False)
    return found


def energies(count=2):
    """Their energies relative to the first, as `cho` has them."""
    structures, calc = waters(count), JaxReaxFF(FORCE_FIELD)
    energy = [
        calc.get_potential_energy(s.atoms) * 23.060547830619026
        for s in structures.values()
    ]
    items = tuple(
        EnergyItem(structures=(f"w{k}", "w0"), coefficients=(1.0, -1.0),
                   reference=energy[k] - energy[0], sigma=0.5)
        for k in range(1, len(energy))
    )  # fmt: skip
    return TrainingSet(structures, items)


def energies_and_forces():
    """More items than parameters, of two molecules."""
    data, calc = energies(), JaxReaxFF(FORCE_FIELD)
    forces = tuple(
        ForceItem(
            structure=name, atom=atom, component=1, sigma=5.0,
            reference=calc.get_forces(one.atoms)[atom, 1] * 23.060547830619026,
        )
        for name, one in data.structures.items() for atom in range(3)
    )  # fmt: skip
    return TrainingSet(data.structures, data.items + forces)


def test_the_covariance_of_a_straight_line_is_that_of_the_textbook():
    x = np.linspace(-1, 2, 7)
    found = determine(np.c_[np.ones(7), x])
    spread = np.sum((x - x.mean()) ** 2)
    np.testing.assert_allclose(found.covariance[1, 1], 1 / spread)
    np.testing.assert_allclose(found.covariance[0, 1], -x.mean() / spread)
    np.testing.assert_allclose(found.leverages, 1 / 7 + (x - x.mean()) ** 2 / spread)
    assert found.rank == 2 and found.determined.all()


def test_directions_without_effect_are_named_and_leave_other_errors_alone():
    rng = np.random.default_rng(0)
    alone, together = rng.normal(size=(2, 9))
    found = determine(np.c_[alone, together, 2 * together])
    assert found.determined.tolist() == [True, False, False]
    np.testing.assert_allclose(
        abs(found.lost), [[0, 2 / np.sqrt(5), 1 / np.sqrt(5)]], atol=1e-12
    )
    reduced = determine(np.c_[alone, together])
    np.testing.assert_allclose(found.covariance[0, 0], reduced.covariance[0, 0])
    np.testing.assert_allclose(found.leverages, reduced.leverages)
    # Fewer data than unknowns: the rest is lost, and said to be.
    assert determine(np.ones((1, 3))).rank == 1


@pytest.mark.long
def test_errors_are_those_of_fits_to_many_draws_of_noisy_data():
    data, chosen = energies(9), parameters(BOND)
    selection = Selection(FORCE_FIELD, chosen)
    objective = Objective(FORCE_FIELD, data, selection, Loss(data.items))
    width, exact = selection.high - selection.low, objective.loss.reference.copy()

    last = {}

    def outcome(u):
        if last.get("at") != u.tobytes():
            x = selection.start + u * width
            found = objective.outcome(selection.force_field_at(x), slopes=True)
            last.update(at=u.tobytes(), found=found)
        return last["found"]

    def residuals(u):
        return objective.loss.deviations(outcome(u).values)

    def jacobian(u):
        slopes = objective.jacobian(outcome(u)) * width
        return slopes / objective.loss.sigma[:, None]

    predicted = uncertainty_of(objective, outcome(np.zeros(2)), scaled=False)
    rng, draws, predictions, sizes = np.random.default_rng(1), [], [], []
    for _ in range(60):
        objective.loss.reference = exact + rng.normal(scale=0.5, size=len(exact))
        found = scipy.optimize.least_squares(
            residuals, np.zeros(2), jacobian, xtol=1e-6, ftol=1e-8
        )
        end = outcome(found.x)
        draws.append(found.x * width)
        predictions.append(end.values)
        sizes.append(uncertainty_of(objective, end).scale)
    spread = np.std(draws, axis=0)
    np.testing.assert_allclose(predicted.standard_errors, spread, rtol=0.3)
    assert predicted.correlations[0, 1] == pytest.approx(
        np.corrcoef(np.transpose(draws))[0, 1], abs=0.15
    )
    np.testing.assert_allclose(
        predicted.prediction_errors, np.std(predictions, axis=0), rtol=0.35
    )
    # Sigma is right here, so that the reduced chi-square is one.
    assert np.mean(sizes) == pytest.approx(1.0, abs=0.25)


def test_what_the_data_do_not_determine_is_said():
    names = ["atom H heat_of_formation", "atom O heat_of_formation", "bond C O De_s"]
    (chi,) = parameters(["atom O chi"])
    held = replace(chi, high=float(FORCE_FIELD.at(chi.address)))
    structures = waters()
    items = [HeatItem(structure=name, reference=0.0, sigma=2.0) for name in structures]
    data = TrainingSet(structures, tuple(items))
    found = uncertainty("cho", data, [*parameters(names), held])
    assert found.status == (
        "undetermined", "undetermined", "without effect", "at a bound",
    )  # fmt: skip
    assert (
        np.isinf(found.standard_errors[:3]).all() and np.isnan(found.correlations).all()
    )
    assert found.degrees_of_freedom == len(items) - 1
    (direction,) = found.undetermined
    width = [p.high - p.low for p in found.parameters]
    # Two H and one O: what O gains, each H loses half of.
    ratio = direction[names[1]] * width[1] / (direction[names[0]] * width[0])
    assert ratio == pytest.approx(-2.0)
    # All is sure of the predictions: the mean of the items.
    sure = np.sqrt(found.scale / len(items)) * 2.0
    np.testing.assert_allclose(found.prediction_errors, sure)
    assert found.sensitivity.shares[0].tolist() == [1.0, 1.0, 0.0, 1.0]


def test_errors_far_from_a_minimum_are_said_to_be_too_small():
    data, chosen = energies_and_forces(), parameters(BOND)
    there = uncertainty("cho", data, chosen)
    assert there.at_minimum
    assert there.promised == pytest.approx(there.chi_square, abs=1e-9)
    value = float(FORCE_FIELD.at(chosen[1].address))
    moved = FORCE_FIELD.replace(BOND[1], 0.98 * value)
    away = uncertainty(moved, data, chosen)
    assert away.at_minimum is False
    assert 0.9 * away.chi_square < away.promised < away.chi_square
    assert uncertainty(moved, data, chosen, loss="huber").at_minimum is None
    # One that is at a bound is not at a minimum if it could go on inwards.
    held = replace(chosen[1], high=0.98 * value)  # which is negative
    at_bound = uncertainty(moved, data, [held])
    assert at_bound.status == ("at a bound",)
    assert at_bound.at_minimum is False and at_bound.promised > 0.5 * away.promised
    kept = uncertainty(moved, data, [replace(chosen[1], low=0.98 * value)])
    assert kept.status == ("at a bound",) and kept.at_minimum


def test_only_what_the_bounds_leave_is_promised():
    matrix, residuals = np.diag([1.0, 1e-4, 1.0]), np.array([0.3, 1.0, 0.0])
    step, gain = _promised(matrix, residuals, np.array([0.5, 0.5, 0.0]))
    np.testing.assert_allclose(step, [-0.3, -0.5, 0.0], atol=1e-6)
    assert gain == pytest.approx(0.3**2 + 1e-4, rel=1e-3)
    step, gain = _promised(matrix, residuals, np.array([0.0, 0.5, 1.0]))
    assert step[0] == 0.0 and gain == pytest.approx(1e-4, rel=1e-3)


@pytest.mark.parametrize(
    ("promised", "chi_square", "freedom", "known"),
    [(0.0, 5.0, 3, True), (1.0, 5.0, 3, True), (4.0, 5.0, 1, False),
     (4.0, 5.0, 3, False), (0.9, 5.0, 0, True), (1.1, 5.0, 0, False),
     (1e-9, 1e-9, 3, True)],
)  # fmt: skip
def test_a_minimum_is_where_noise_is_all_that_is_left(
    promised, chi_square, freedom, known
):
    assert _at_minimum(promised, chi_square, freedom) is known


def read(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_a_fit_leaves_tables_in_full_and_pictures(tmp_path):
    data, out = energies_and_forces(), tmp_path / "fitted"
    chosen = parameters(BOND)
    result = fit("cho", data, chosen, optimizer="least-squares", steps=3, trials=2,
                 start="random", out=out, validation=data, progress=False)  # fmt: skip
    items = read(out / "items.csv")
    assert [float(row["value"]) for row in items] == [
        item.value for item in result.report.items
    ]
    assert [row["name"] for row in items] == [item.name for item in data.items]
    assert items[0]["name"] == "w1 - w0" and len(items) == 7
    rows = read(out / "parameters.csv")
    assert [row["name"] for row in rows] == BOND
    assert rows[0]["unit"] == "kcal/mol"
    for k, row in enumerate(rows):
        assert float(row["end"]) == result.uncertainty.values[k]
        assert float(row["start"]) == float(FORCE_FIELD.at(chosen[k].address))
        assert float(row["standard_error"]) == pytest.approx(
            result.uncertainty.standard_errors[k], nan_ok=True
        )
    assert len(read(out / "correlations.csv")) <= 1
    assert len(read(out / "validation_items.csv")) == 7
    for name in ("parity", "validation_parity", "history", "parameters"):
        assert (out / f"{name}.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("kind", "value", "drawn"),
    [("torsion", -179.0, 181.0), ("torsion", 150.0, 150.0), ("angle", 10.0, 10.0)],
)
def test_torsions_are_drawn_near_their_references(kind, value, drawn):
    item = ItemResult(name="t", kind=kind, unit="degrees", reference=178.0, value=value,
                      sigma=1.0, contribution=0.0)  # fmt: skip
    assert pictures._drawn(item) == pytest.approx(drawn)


def test_an_evaluation_writes_its_items_even_without_matplotlib(
    tmp_path, monkeypatch, caplog
):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with caplog.at_level(logging.WARNING, "ase_reaxff_jax"):
        report = evaluate("cho", energies(), out=tmp_path / "report")
    assert "ase-reaxff-jax[plot]" in caplog.text
    rows = read(tmp_path / "report" / "items.csv")
    assert sum(float(row["contribution"]) for row in rows) == report.loss
    assert not list(tmp_path.glob("**/*.png"))
    with pytest.raises(FileExistsError, match=r"items\.csv"):
        evaluate("cho", energies(), out=tmp_path / "report")


def test_charges_at_a_saddle_point_have_an_energy_and_are_named():
    atoms = molecule("H2O")
    atoms.calc = SinglePointCalculator(atoms, forces=np.zeros((3, 3)))
    other = molecule("H2")
    other.calc = SinglePointCalculator(other, forces=np.zeros((2, 3)))
    data = TrainingSet.from_atoms([atoms, other], kinds=["force"])
    good, bad = load("cho"), load("cho").replace("atom O eta", 0.5)
    assert evaluate(good, data).saddles == ()
    report = evaluate(bad, data)
    assert len(report.saddles) == 1 and np.isfinite(report.loss)


def test_validation_data_have_the_loss_that_the_fit_has():
    data, more = small_fits.water(), small_fits.water(6.0)
    further = replace(more.items[1], component=2)  # so that kinds differ in number
    judge = TrainingSet(more.structures, (*more.items, further))
    options = dict(loss="huber", balanced=True)
    result = fit(
        "cho", data, small_fits.parameters(), optimizer="cma-es", steps=1,
        validation=judge, perturb=0.0, progress=False, **options,
    )  # fmt: skip
    same = evaluate(result.force_field, judge, **options)
    assert result.validation.loss == pytest.approx(same.loss, rel=1e-9)
    plain = evaluate(result.force_field, judge, loss="huber")
    assert plain.loss != pytest.approx(same.loss, rel=1e-3)
