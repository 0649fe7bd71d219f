"""Lists that bonds have nearly outgrown: batches, restarts, finished structures."""

import numpy as np
import pytest
from ase.calculators.calculator import InputError
from small import amorphous

from ase_reaxff_jax import JaxReaxFF
from ase_reaxff_jax.md import run
from ase_reaxff_jax.md.errors import NoListsError
from ase_reaxff_jax.md.minimizers.batch import Start, minimized
from ase_reaxff_jax.md.renewal import Renewal
from ase_reaxff_jax.md.simulation import Simulation
from ase_reaxff_jax.precision import scope

STEPS = 30


@pytest.fixture
def worn_at(monkeypatch):
    """At which steps some system was, and what was done about it."""
    found, original = [], Simulation._renew_worn

    def noted(self):
        which = np.atleast_1d(self.state.result.worn)
        if which.any():
            found.append((self.step, which.tolist()))
        return original(self)

    monkeypatch.setattr(Simulation, "_renew_worn", noted)
    return found


def hot(atoms, folder=None, **options):
    if folder is not None:
        options |= {"checkpoint": folder / "run.ckpt", "checkpoint_every": 1}
    results = run(
        atoms, JaxReaxFF("cho"), ensemble="nve", steps=STEPS, timestep_fs=0.5,
        temperature_K=4000.0, log_every=1, progress=False, **options,
    )  # fmt: skip
    return [result.atoms.positions for result in results]


def test_a_batch_goes_on_from_such_a_step_as_if_it_had_not_ended(worn_at, tmp_path):
    atoms = [amorphous("C H O", 14, seed=k) for k in range(4)]
    whole = hot(atoms)
    steps = [step for step in sorted({at for at, _ in worn_at}) if 0 < step < STEPS - 2]
    assert len(steps) > 2
    for step in steps[:3]:
        folder = tmp_path / str(step)
        folder.mkdir()
        hot(atoms, folder, stop=lambda frame, step=step: frame.step == step)
        for one, other in zip(whole, hot(atoms, folder, restart=True), strict=True):
            np.testing.assert_array_equal(one, other)


def minimised(worn_at, *starts: tuple[int, int]):
    """Two structures, of these numbers, over so many steps; the steps of worn lists."""
    worn_at.clear()
    given = [Start(amorphous("C H O", 14, seed=k), most, 1e-9) for k, most in starts]
    engine = JaxReaxFF("cho").engine
    ends = minimized(engine, given, room={}, optimizer="fire", together=2)
    assert [end.steps for end in ends] == [most for _, most in starts]
    return [[step for step, which in worn_at if which[k]] for k in range(2)]


def test_a_structure_that_is_finished_does_not_hold_up_the_others(worn_at):
    """One of two ends its minimisation at a step from which its lists are worn."""
    steps = minimised(worn_at, (3, 40), (4, 40))[0]
    assert 0 < steps[1] < 30
    assert minimised(worn_at, (3, steps[1]), (4, 40))[0] == steps[:2]


def test_lists_made_for_a_step_that_is_repeated_stay(worn_at, monkeypatch):
    """Where bonds outgrow lists that had been made anew before the step."""
    repeated, original = [], Simulation._repeat

    def noted(self, carry):
        repeated.append(self.step)
        return original(self, carry)

    monkeypatch.setattr(Simulation, "_repeat", noted)
    worn = minimised(worn_at, (2, 10), (3, 10))
    assert any(step + 1 in repeated for step in worn[0])


def test_lists_that_cannot_be_made_of_one_system_change_those_of_none(monkeypatch):
    atoms = [amorphous("C H O", 14, seed=k) for k in range(3)]
    engine = JaxReaxFF("cho").engine
    with scope("float64"):
        systems = engine.alike(atoms)
        renewal = Renewal(engine, atoms, len(systems[0].mask))
        renewal.start(systems)
        before = [(e.topology, e.positions) for e in renewal.entries]
        room, original = dict(renewal.room), engine.lists.renew_topology

        def renew_topology(entry, system):
            if system is systems[2]:
                raise InputError("no row")
            original(entry, system)
            entry.room["torsions"] *= 2

        monkeypatch.setattr(engine.lists, "renew_topology", renew_topology)
        with pytest.raises(NoListsError, match="no row"):
            renewal.cover(systems, np.array([False, True, False]))
    assert renewal.room == room
    for entry, (topology, positions) in zip(renewal.entries, before, strict=True):
        assert entry.topology is topology and entry.positions is positions
        assert entry.room is renewal.room
