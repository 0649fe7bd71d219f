"""Ways to minimise: on a valley that is known, and what they do where it is bad."""

import logging
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from ase.calculators.calculator import CalculationFailed, InputError
from small_fits import parameters, water

from ase_reaxff_jax.bundled import load
from ase_reaxff_jax.fit import fit, plan
from ase_reaxff_jax.fit.evaluations import Answer, Evaluations
from ase_reaxff_jax.fit.gauss_newton import least_squares
from ase_reaxff_jax.fit.items import ChargeItem
from ase_reaxff_jax.fit.losses import Loss
from ase_reaxff_jax.fit.objective import Objective
from ase_reaxff_jax.fit.optimizers import OPTIMIZERS, lbfgs
from ase_reaxff_jax.fit.plan import Plan, persistent
from ase_reaxff_jax.fit.result import suspicious
from ase_reaxff_jax.fit.sample import Sample
from ase_reaxff_jax.fit.search import FitFailed, Search, TrialEnded
from ase_reaxff_jax.fit.selection import Selection

pytestmark = pytest.mark.xdist_group("small fits")  # the same programs
LEAST = np.array([0.3, 0.55, 1.0])  # of the valley; the last at its bound
ITEM = ChargeItem(structure="none", atom=0, reference=0.0, sigma=1.0)


class Valley(Evaluations):
    """A curved valley in three parameters; beyond `wall` there is no loss."""

    def __init__(self, wall=2.0, kink=(), relaxation=None):
        self.low, self.width = np.zeros(3), np.ones(3)
        self.asked, self.kink, self.wall = [], list(kink), wall
        self.minimized = []
        fitted = [SimpleNamespace(name=f"p{k}", address=(2, 1, k)) for k in range(3)]
        self.objective = SimpleNamespace(
            data=SimpleNamespace(items=[ITEM] * 3),
            loss=Loss([ITEM] * 3),
            relaxation=relaxation,
            selection=SimpleNamespace(parameters=fitted),
        )
        self.validation, self.live, self._record, self._outcome = None, True, None, None

    def values(self, u, *, slopes, minimize):
        self.asked.append(u)
        self.minimized.append(minimize)
        if u[0] > self.wall:
            return Answer(np.full(3, np.nan), "torn apart")
        return Answer(self.residuals(u, minimize=minimize), "")

    def residuals(self, u, *, minimize):
        x, y, z = u
        z += 0.0 if minimize else 0.4
        return np.array([x - 0.3, 3 * (y - 0.46 - x**2), 1.2 - z])

    def jacobian(self, u):
        made = np.array([[1.0, 0, 0], [-6 * u[0], 3, 0], [0, 0, -1]])
        made[:, self.kink] = np.nan
        return made

    def gradient(self, u):
        values = self.residuals(u, minimize=self.minimized[-1])
        return 2 * values @ self.jacobian(u)

    def validation_loss(self, u):
        return float(len(self.asked))


def found(name, valley, *, steps=60, perturb=0.0, seed=0):
    search = Search(valley, lambda step, better: None)
    search.begin_trial(0)
    start = np.array([0.5, 0.2, 0.4])
    OPTIMIZERS[name](search, start, Plan(steps, perturb, np.random.default_rng(seed)))
    return search


@pytest.mark.parametrize(
    ("name", "steps"), [(n, {"adam": 400}.get(n, 60)) for n in OPTIMIZERS]
)
def test_every_optimizer_finds_the_minimum_and_keeps_to_the_bounds(name, steps):
    valley = Valley()
    search = found(name, valley, steps=steps)
    assert search.best.loss == pytest.approx(0.04, abs=1e-3)
    np.testing.assert_allclose(search.best.x, LEAST, atol=0.02)
    asked = np.array(valley.asked)
    assert asked.min() >= 0.0 and asked.max() <= 1.0
    assert len(search.history) == len(asked)


@pytest.mark.parametrize("relaxation", [None, "of some structures"])
def test_what_is_not_minimised_is_only_searched(relaxation):
    valley = Valley(relaxation=relaxation)
    search = found("multi-start", valley, steps=20)
    quick = np.array([step.screening for step in search.history])
    assert quick.tolist() == [not minimize for minimize in valley.minimized]
    if relaxation is None:
        assert not quick.any()
        return
    assert quick.mean() > 0.5 and not quick[0] and not quick[-1]
    losses = np.array([step.loss for step in search.history])
    assert losses[quick].min() < losses[~quick].min()  # with z up to 1.4, that is
    assert search.best.loss == losses[~quick].min()
    best = np.array([step.best for step in search.history])
    assert (np.diff(best[quick]) == 0.0).all()


@pytest.mark.parametrize("relaxation", [None, "of some structures"])
def test_validation_ends_none_of_many_starts(relaxation):
    def asked(patience):
        valley = Valley(relaxation=relaxation)
        search = Search(valley, lambda step, better: None, patience)
        search.begin_trial(0)
        plan = Plan(20, 0.0, np.random.default_rng(0))
        try:
            OPTIMIZERS["multi-start"](search, np.array([0.5, 0.2, 0.4]), plan)
        except TrialEnded:
            assert patience is not None
        return len(valley.asked)

    # The validation of a valley grows with each evaluation: the last run ends soon.
    assert asked(None) - 20 <= asked(1) < asked(None)


@pytest.mark.parametrize("name", ["cma-es", "multi-start", "lbfgs"])
def test_the_seed_decides_the_sequence(name):
    def asked(seed):
        valley = Valley()
        found(name, valley, steps=20, perturb=0.05, seed=seed)
        return np.array(valley.asked)

    state = np.random.get_state()[1].tolist()  # noqa: NPY002
    np.testing.assert_array_equal(asked(1), asked(1))
    assert not np.array_equal(asked(1)[-3:], asked(2)[-3:])
    # The user's own random numbers go on.
    assert np.random.get_state()[1].tolist() == state  # noqa: NPY002


@pytest.mark.parametrize("name", ["least-squares", "lbfgs", "adam", "cma-es"])
def test_parameters_without_a_loss_are_penalised_and_counted(name):
    valley = Valley(wall=0.5)
    search = found(name, valley, steps=80, perturb=0.3)
    assert search.best.loss < 0.2
    bad = [step for step in search.history if step.loss != step.loss]
    assert len(bad) == len(search.failures) == sum(u[0] > 0.5 for u in valley.asked)
    worst = max(step.loss for step in search.history if step.loss == step.loss)
    assert search.loss(np.array([0.9, 0.5, 0.5])) == 1000 * worst


@pytest.mark.parametrize("name", ["least-squares", "lbfgs"])
def test_derivatives_that_are_not_finite_are_replaced_and_named(name, caplog):
    with caplog.at_level(logging.WARNING):
        search = found(name, Valley(kink=[1]))
    np.testing.assert_allclose(search.best.x, LEAST, atol=0.01)
    assert "derivatives by p1 are not finite" in caplog.text


@pytest.mark.parametrize("descent", [least_squares, lbfgs])
def test_where_it_is_stuck_it_goes_on_from_the_best_until_the_steps_are_used(descent):
    calls = []

    def counted(search, start, steps):
        calls.append((start, steps))
        return descent(search, start, steps)

    for perturb in (0.0, 0.05):
        calls.clear()
        search = Search(Valley(), lambda step, better: None)
        search.begin_trial(0)
        random = np.random.default_rng(0)
        persistent(counted)(search, np.full(3, 0.5), Plan(40, perturb, random))
        assert (len(calls) > 1) == (perturb > 0)
    assert all(np.abs(start - LEAST).max() < 0.06 for start, _ in calls[1:])
    left = [steps for _, steps in calls]
    assert left[0] == 40 and left == sorted(left, reverse=True)


@pytest.mark.parametrize("steps", [1, 2])
def test_least_squares_tries_as_many_steps_as_it_is_given(steps):
    search = Search(Valley(), lambda step, better: None)
    assert least_squares(search, np.full(3, 0.5), steps) == steps
    assert len(search.history) == 1 + steps


def test_a_run_that_begins_where_another_ended_knows_its_loss():
    search = Search(Valley(), lambda step, better: None)
    here = np.full(3, 0.5)
    loss = search.loss(here)
    search.begin_run()
    assert search.loss(here) == loss == search.best_of_run[0]
    assert len(search.history) == 1


def test_a_trial_ends_when_the_validation_loss_does_not_fall():
    search = Search(Valley(), lambda step, better: None, patience=3)
    search.begin_trial(0)
    with pytest.raises(TrialEnded, match="3 improvements"):
        OPTIMIZERS["lbfgs"](
            search, np.full(3, 0.5), Plan(60, 0.0, np.random.default_rng(0))
        )
    judged = [s.validation for s in search.history if s.validation == s.validation]
    assert len(judged) == 4  # the first, and three that were no lower


def test_values_do_not_depend_on_the_sets_that_were_tried_before():
    data, selection = water(), Selection(load("cho"), parameters())
    objective = Objective(load("cho"), data, selection, Loss(data.items))
    evaluations, here = Evaluations(objective), np.full(4, 0.5)
    options = dict(slopes=False, minimize=True)
    first = evaluations.values(here, **options)
    given = evaluations.values(here, slopes=False, minimize=False)
    assert abs(given.values - first.values).max() > 0.1
    there = objective.sample.systems[1].positions
    evaluations.values(np.array([0.0, 1.0, 0.0, 1.0]), **options)
    assert abs(objective.sample.systems[1].positions - there).max() > 0.01
    second = evaluations.values(here, **options)
    np.testing.assert_allclose(second.values, first.values, rtol=1e-9)
    again = evaluations.values(here, slopes=False, minimize=False)
    np.testing.assert_allclose(again.values, given.values, rtol=1e-9)


def test_lists_that_have_grown_are_short_again_where_they_can_be():
    sample = Sample(list(water().structures.values()), load("cho"))
    (cluster,) = sample.clusters
    least = cluster.room

    def energies(*rooms):
        cluster.rooms, cluster.now = list(rooms), len(rooms) - 1
        return [
            float(one.of.energy) for one in sample.measure(load("cho"), slopes=False)
        ]

    expected = energies(least)
    assert energies(least, {name: 2 * k for name, k in least.items()}) == expected
    assert cluster.now == 0
    assert energies(least | {"bonds": 1}, least) == expected
    assert cluster.now == 1


def test_a_fit_of_which_nothing_has_a_loss_says_why(monkeypatch):
    def outcome(*arguments, **options):
        raise CalculationFailed("atoms 1 and 2 of bent are on top of each other")

    monkeypatch.setattr(Objective, "outcome", outcome)
    with pytest.raises(FitFailed, match="atoms 1 and 2 of bent"):
        fit("cho", water(), parameters(), steps=2, progress=False)


def test_a_fitted_parameter_without_physical_meaning_is_named():
    known = parameters(["atom O p_ovun2"])[0]
    fitted = replace(known, low=-1.5, high=-0.5)
    start = Selection(load("cho"), [known]).force_field_at(np.array([-1.0]))
    found = suspicious(Selection(start, [fitted]), start)
    assert [finding.name for finding in found] == ["atom O p_ovun2"]


@pytest.mark.parametrize("name", ["cma", "optax"])
def test_a_package_that_is_missing_is_named(monkeypatch, name):
    monkeypatch.setattr(plan, "find_spec", lambda package: None)
    optimizer = {"cma": "cma-es", "optax": "adam"}[name]
    with pytest.raises(InputError, match=rf"{name}: pip install .*\[fit\]"):
        fit("cho", water(), parameters(), optimizer=optimizer, progress=False)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"perturb": 2}, "perturb is a share"),
        ({"patience": 3}, "patience needs validation data"),
        ({"patience": 0, "validation": water()}, "patience must be at least 1"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"steps": 1.5}, "steps must be at least 1, and whole, not 1.5"),
    ],
)
def test_wrong_options_are_named(options, words):
    with pytest.raises(InputError, match=words):
        fit("cho", water(), parameters(), progress=False, **options)
