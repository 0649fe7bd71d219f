"""`run`: ensembles, outputs, restarts, and what goes wrong."""

import numpy as np
import pytest
from ase import units
from ase.calculators.calculator import InputError
from ase.constraints import FixAtoms, FixBondLength, FixCartesian
from molecules import molecule
from motion import warm
from small import moist_methane

from ase_reaxff_jax import JaxReaxFF
from ase_reaxff_jax.md import SimulationBlewUp, run
from ase_reaxff_jax.md.conditions import Conditions, Course
from ase_reaxff_jax.md.integrators import ENSEMBLES
from ase_reaxff_jax.md.loop import CHUNK
from ase_reaxff_jax.precision import scope


@pytest.fixture(scope="module")
def calc():
    return JaxReaxFF("cho")


LONG = ("nvt-csvr", "npt-berendsen")  # `test_ensembles` and `npt-scr` are like these


def quiet(atoms, calc, **options):
    return run(atoms, calc, **{"progress": False, **options})


def test_constant_energy_is_constant(calc):
    result = quiet(moist_methane(), calc, ensemble="nve", steps=400, timestep_fs=0.1)
    assert np.ptp(result.total_energy) < 0.5e-3 * 8
    assert result.kinetic_energy.std() > 10 * np.ptp(result.total_energy)


@pytest.mark.parametrize(
    "ensemble",
    [
        pytest.param(name, marks=[pytest.mark.long] if name in LONG else [])
        for name in ENSEMBLES
    ],
)
def test_the_conserved_quantity_is_conserved(calc, ensemble):
    options = {} if ensemble == "nve" else {"tau_fs": 20.0}
    if ensemble.startswith("npt"):
        options |= {"pressure_GPa": 0.5, "pressure_tau_fs": 200.0}
    result = quiet(
        moist_methane(), calc, ensemble=ensemble, steps=300, timestep_fs=0.1, **options
    )
    assert np.isfinite(result.total_energy).all()
    assert np.ptp(result.conserved_energy) < 2e-3 * 8
    exchanges = np.ptp(result.total_energy) > 10 * np.ptp(result.conserved_energy)
    assert exchanges == (ensemble != "nve")
    moves = np.ptp(result.volume_A3) > 0
    assert moves == ensemble.startswith("npt")


def test_rows_are_every_few_steps_and_the_last(calc):
    result = quiet(molecule("H2O"), calc, ensemble="nve", steps=25, log_every=10)
    assert result.step.tolist() == [0, 10, 20, 25]
    np.testing.assert_allclose(result.time_fs, [0, 2.5, 5.0, 6.25])
    assert result.species == [{"H2O": 1}] * 4


def test_the_first_row_and_the_last_atoms_are_those_of_the_calculator(calc):
    atoms = molecule("H2O")
    atoms.calc = calc
    warm(atoms)
    result = quiet(atoms, calc, ensemble="nve", steps=20)
    assert result.potential_energy[0] == pytest.approx(atoms.get_potential_energy())
    assert result.kinetic_energy[0] == pytest.approx(atoms.get_kinetic_energy())
    last = result.atoms
    assert result.potential_energy[-1] == pytest.approx(last.get_potential_energy())
    assert result.kinetic_energy[-1] == pytest.approx(last.get_kinetic_energy())


def test_dynamics_is_that_of_ases_own_integrator(calc):
    from ase.md.verlet import VelocityVerlet

    atoms = moist_methane()
    warm(atoms)
    result = quiet(atoms, calc, ensemble="nve", steps=40)
    atoms.calc = calc
    VelocityVerlet(atoms, 0.25 * units.fs).run(40)
    np.testing.assert_allclose(
        result.atoms.positions, atoms.positions, rtol=0, atol=1e-9
    )


def test_time_can_be_turned_back(calc):
    tight = JaxReaxFF("cho", charge_tolerance=1e-12)
    start = moist_methane()
    there = quiet(start, tight, ensemble="nve", steps=60).atoms
    there.set_momenta(-there.get_momenta())
    back = quiet(there, tight, ensemble="nve", steps=60).atoms
    np.testing.assert_allclose(back.positions, start.positions, rtol=0, atol=1e-8)


def test_velocities_are_drawn_at_exactly_the_temperature_without_common_motion(calc):
    atoms = moist_methane()
    result = quiet(atoms, calc, ensemble="nve", steps=0, temperature_K=450.0)
    assert result.temperature_K[0] == pytest.approx(450.0)
    np.testing.assert_allclose(result.atoms.get_momenta().sum(axis=0), 0, atol=1e-12)
    assert not atoms.get_momenta().any()  # the atoms given are left alone


def test_momentum_is_conserved(calc):
    result = quiet(moist_methane(), calc, ensemble="nvt-csvr", steps=100)
    np.testing.assert_allclose(result.atoms.get_momenta().sum(axis=0), 0, atol=1e-9)


PARTLY_FIXED = [  # atoms, axes along which they are fixed, degrees of freedom left
    (range(8), (False, False, True), 16 - 2),
    ([0, 1, 2], (False, False, True), 24 - 3 - 2),
    ([5], (True, False, False), 24 - 1 - 2),
    ([5], (True, True, True), 24 - 3),
]


def partly_fixed(fixed, axes):
    atoms = moist_methane()
    atoms.set_constraint(FixCartesian(list(fixed), mask=axes))
    return atoms


def test_momentum_is_conserved_along_the_axes_where_no_atom_is_fixed(calc):
    structures = [partly_fixed(fixed, axes) for fixed, axes, _ in PARTLY_FIXED]
    results = quiet(structures, calc, ensemble="nvt-csvr", steps=30)
    for result, (_, axes, degrees) in zip(results, PARTLY_FIXED, strict=True):
        momentum = result.atoms.get_momenta().sum(axis=0)
        np.testing.assert_allclose(momentum[~np.array(axes)], 0, atol=1e-9)
        expected = 2.0 * result.kinetic_energy / degrees / units.kB
        np.testing.assert_allclose(result.temperature_K, expected)
        assert result.temperature_K[0] == pytest.approx(300.0)
    alone = quiet(structures[1], calc, ensemble="nvt-csvr", steps=30, seed=1)
    np.testing.assert_allclose(
        results[1].total_energy, alone.total_energy, rtol=0, atol=1e-9
    )


@pytest.mark.parametrize(("fixed", "axes", "degrees"), PARTLY_FIXED[:3])
def test_common_motion_is_neither_temperature_nor_pressure(calc, fixed, axes, degrees):
    atoms = partly_fixed(fixed, axes)
    warm(atoms)
    masses, velocities = atoms.get_masses(), atoms.get_velocities()
    drifting = atoms.copy()
    drifting.set_velocities(velocities + np.where(axes, 0.0, [0.03, 0.02, -0.01]))
    own, other = (quiet(a, calc, ensemble="nve", steps=0) for a in (atoms, drifting))
    common = np.where(axes, 0.0, masses @ velocities / masses.sum())
    twice_thermal = (masses[:, None] * (velocities - common) ** 2).sum()
    temperature = twice_thermal / degrees / units.kB
    for result in (own, other):
        assert result.temperature_K[0] == pytest.approx(temperature)
        assert result.pressure_GPa[0] == pytest.approx(own.pressure_GPa[0], rel=1e-9)
    assert other.kinetic_energy[0] > 1.1 * own.kinetic_energy[0]


def test_a_cluster_keeps_its_angular_momentum(calc):
    atoms = molecule("CH3CH2OH")
    tight = JaxReaxFF("cho", charge_tolerance=1e-12)
    start = quiet(atoms, tight, ensemble="nve", steps=0).atoms
    end = quiet(start, tight, ensemble="nve", steps=200).atoms
    np.testing.assert_allclose(
        end.get_angular_momentum(), start.get_angular_momentum(), rtol=0, atol=1e-8
    )


def test_fixed_atoms_and_components_stay_put(calc):
    atoms = moist_methane()
    atoms.set_constraint([FixAtoms([0]), FixCartesian([5], mask=(True, False, False))])
    result = quiet(atoms, calc, ensemble="nvt-langevin", steps=50)
    moved = result.atoms.positions - atoms.positions
    assert (moved[0] == 0).all() and moved[5, 0] == 0
    assert (moved[5, 1:] != 0).all() and (moved[1:5] != 0).all()
    assert result.temperature_K[0] == pytest.approx(300.0)


def test_other_constraints_are_refused_by_name(calc):
    atoms = moist_methane()
    atoms.set_constraint(FixBondLength(0, 1))
    with pytest.raises(NotImplementedError, match="FixBondLength"):
        quiet(atoms, calc, steps=1)


def test_ramps_arrive(calc):
    result = quiet(
        moist_methane(), calc, ensemble="nvt-berendsen", steps=400, tau_fs=5.0,
        temperature_K=(100.0, 900.0),
    )  # fmt: skip
    assert result.temperature_K[0] == pytest.approx(100.0)
    assert result.temperature_K[-10:].mean() == pytest.approx(900.0, rel=0.2)
    function = quiet(
        moist_methane(), calc, ensemble="nvt-berendsen", steps=400, tau_fs=5.0,
        temperature_K=lambda t: 100.0 + 8.0 * t,
    )  # fmt: skip
    np.testing.assert_allclose(function.total_energy, result.total_energy)


def test_a_function_of_time_is_asked_once_for_each_step_of_the_run(calc):
    asked = []

    def falling(time):  # below 0 from step 48 on
        asked.append(time)
        return 300.0 - 25.0 * time

    quiet(
        moist_methane(), calc, ensemble="nvt-berendsen", steps=40, timestep_fs=0.25,
        tau_fs=5.0, temperature_K=falling,
    )  # fmt: skip
    assert asked == [0.25 * step for step in range(41)]
    with pytest.raises(InputError, match=r"at least 0\.001, found 0 at 12 fs in"):
        quiet(
            moist_methane(), calc, ensemble="nvt-berendsen", steps=48, tau_fs=5.0,
            temperature_K=falling,
        )  # fmt: skip


def test_conditions_are_made_for_the_steps_of_a_call_and_no_further():
    options = dict(steps=8, timestep_fs=0.5, least=0.0)
    ramp, function = (
        Course("temperature_K", target, **options)
        for target in ((300.0, 700.0), lambda time: 100.0 / (5.0 - time))
    )
    one = Course("pressure_GPa", 2.0, **options)
    conditions = Conditions(
        timestep_fs=0.5, tau_fs=100.0, pressure_tau_fs=100.0,
        compressibility_per_GPa=0.5, temperatures=[ramp, function],
        pressures=[one, one], seeds=[3, 4], max_temperature_K=np.inf,
        max_displacement_A=np.inf,
    )  # fmt: skip
    assert one.constant and not conditions.constant
    with scope("float64"):
        first, second = conditions.targets(7, 9, JaxReaxFF("cho").engine.settings)
    temperatures = first.kT / units.kB, second.kT / units.kB
    np.testing.assert_allclose(temperatures[0][:3], [650.0, 700.0, 700.0])
    np.testing.assert_allclose(temperatures[1][:3], [200 / 3, 100.0, 200.0])
    for values in temperatures:
        assert (values[3:] == values[2]).all() and len(values) == CHUNK
    assert first.pressure is second.pressure
    assert not np.array_equal(first.key, second.key)


def test_many_systems_advance_as_each_alone(calc):
    structures = [molecule("H2O"), molecule("CH4"), moist_methane()]
    options = dict(ensemble="nve", steps=60)
    temperatures = [200.0, 300.0, 400.0]
    together = quiet(structures, calc, temperature_K=temperatures, seed=3, **options)
    for k, (atoms, found) in enumerate(zip(structures, together, strict=True)):
        assert found.temperature_K[0] == pytest.approx(temperatures[k])
        alone = quiet(atoms, calc, temperature_K=temperatures[k], seed=3 + k, **options)
        np.testing.assert_allclose(
            found.total_energy, alone.total_energy, rtol=0, atol=1e-9
        )


def test_a_time_step_that_is_too_long_ends_with_the_last_good_frame(
    calc, tmp_path, monkeypatch
):
    import ase.io

    monkeypatch.chdir(tmp_path)
    atoms = molecule("H2O")
    atoms.set_momenta(np.array([[0, 0, 0], [60.0, 0, 0], [-60.0, 0, 0]]))
    with pytest.raises(SimulationBlewUp, match=r"step \d+ .* atom") as caught:
        quiet(atoms, calc, ensemble="nve", steps=100, timestep_fs=1.0)
    assert str(caught.value).endswith("The last good frame is in crash.extxyz.")
    saved = ase.io.read(tmp_path / "crash.extxyz")
    np.testing.assert_allclose(saved.positions, caught.value.atoms.positions)


def test_limits_end_a_run(calc, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SimulationBlewUp, match=r"temperature is \d+ K, the limit 350"):
        quiet(molecule("H2O"), calc, ensemble="nve", steps=50, max_temperature_K=350)
    with pytest.raises(SimulationBlewUp, match=r"moved .* limit is 0.0001"):
        quiet(molecule("H2O"), calc, ensemble="nve", steps=9, max_displacement_A=1e-4)


def test_a_function_and_the_clock_can_end_a_run(calc):
    options = dict(ensemble="nve", steps=1000)
    result = quiet(molecule("H2O"), calc, stop=lambda f: f.step == 30, **options)
    assert result.step[-1] == 30 and "stop" in result.stopped
    result = quiet(molecule("H2O"), calc, wall_time_s=1e-9, **options)
    assert result.step[-1] < 1000 and "wall time" in result.stopped


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (dict(timestep_fs=0.0), "timestep_fs"),
        (dict(timestep_fs=2.0), "too long"),
        (dict(temperature_K=-1.0), "temperature_K"),
        (dict(temperature_K="hot"), "temperature_K"),
        (dict(temperature_K=(300.0,)), r"\(start, stop\) .*, not \(300.0,\)"),
        (dict(temperature_K=[1.0, 2.0]), "list"),
        (dict(tau_fs=0.1), "tau_fs"),
        (dict(steps=-1), "steps"),
        (dict(steps=1.5), "steps"),
        (dict(log_every=0), "log_every"),
        (dict(ensemble="nvt-csrv"), "nvt-csvr"),
        (dict(pressure_GPa=1.0), "no effect"),
        (dict(ensemble="nve", tau_fs=50.0), "tau_fs=50.0 has no effect .*'nve'"),
        (dict(pressure_tau_fs=50.0), "pressure_tau_fs=50.0 has no effect .*langevin"),
        (dict(compressibility_per_GPa=1), "compressibility_per_GPa=1 has no effect"),
        (dict(cell="full"), "cell='full' has no effect"),
        (dict(cell="fulll"), "cell='fulll' is none of"),
        (dict(ensemble="NVE"), "did you mean 'nve'"),
        (dict(checkpoint_every=5), "checkpoint_every=5 has no effect without"),
        (dict(trajectory_every=5, trajectory=[]), "trajectory_every=5 has no effect"),
        (dict(ensemble="nve", temperature_K=(1.0, 2.0)), "nothing holds it"),
        (dict(ensemble="npt-mtk"), "needs pressure_GPa"),
        (dict(ensemble="npt-mtk", pressure_GPa=0.0), "periodic"),
        (dict(restart=True), "checkpoint"),
        (dict(calc=None), "JaxReaxFF"),
        (dict(max_temperature_K=0), "max_temperature_K"),
        (dict(trajectory="x.foo"), "foo"),
    ],
)
def test_bad_arguments_are_named(calc, options, words):
    given = {"calc": calc, "steps": 1, **options}
    with pytest.raises(InputError, match=words):
        run(molecule("H2O"), progress=False, **given)


@pytest.mark.parametrize("pressure", [101325, (0.0, 2e4), lambda time: -2e4])
def test_a_pressure_in_another_unit_is_refused(calc, pressure):
    words = r"at most 10000 \(1 atm is 0\.000101325 GPa\), found (101325|-?20000)"
    with pytest.raises(InputError, match=words):
        quiet(moist_methane(), calc, ensemble="npt-scr", steps=1, pressure_GPa=pressure)


@pytest.mark.parametrize("found", [None, "300", [300.0], True])
def test_a_function_of_time_that_gives_no_number_is_named(calc, found):
    with pytest.raises(InputError, match=r"temperature_K must be .* at 0 fs"):
        quiet(molecule("H2O"), calc, steps=1, temperature_K=lambda time: found)
    function = Course(
        "pressure_GPa", lambda time: found if time else np.array(1.0),
        steps=1, timestep_fs=0.5, least=0.0,
    )  # fmt: skip
    with pytest.raises(InputError, match=r"pressure_GPa must be .* at 0\.5 fs"):
        function.at(np.arange(2))


def test_a_barostat_names_the_structure_that_it_cannot_serve(calc):
    options = dict(ensemble="npt-mtk", pressure_GPa=0.0, steps=1)
    slab, held = moist_methane([True, True, False]), moist_methane()
    held.set_constraint(FixAtoms([0]))
    with pytest.raises(InputError, match=r"^structure 1: .* periodic"):
        quiet([moist_methane(), slab], calc, **options)
    with pytest.raises(NotImplementedError, match=r"^structure 1: .* fixed atoms"):
        quiet([moist_methane(), held], calc, **options)
