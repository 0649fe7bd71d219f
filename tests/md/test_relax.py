"""`relax`: minima, cells, constraints, batches, and what is no success."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import CalculationFailed, InputError
from ase.cell import Cell
from ase.constraints import FixAtoms, FixBondLength, FixCartesian
from ase.optimize import LBFGS
from ase.stress import voigt_6_to_full_3x3_stress
from ase.units import GPa
from molecules import molecule
from small import moist_methane, rattled, tiny_cell

from ase_reaxff_jax import JaxReaxFF
from ase_reaxff_jax.errors import AtomsTooCloseError
from ase_reaxff_jax.lists import Lists
from ase_reaxff_jax.md import SimulationBlewUp, relax
from ase_reaxff_jax.md.loop import UNCOVERED, compilations
from ase_reaxff_jax.md.minimizers import batch
from ase_reaxff_jax.md.minimizers import cell as coordinates
from ase_reaxff_jax.md.minimizers.batch import Start, minimized
from ase_reaxff_jax.md.minimizers.goal import Goal
from ase_reaxff_jax.md.minimizers.restraints import Restraint, Restraints
from ase_reaxff_jax.md.minimizers.setup import Request, simulation_of
from ase_reaxff_jax.md.simulation import Simulation
from ase_reaxff_jax.precision import scope


@pytest.fixture(scope="module")
def calc():
    return JaxReaxFF("cho")


def quiet(atoms, calc, **options):
    return relax(atoms, calc, **{"progress": False, "optimizer": "lbfgs", **options})


def largest_force(atoms):
    return np.linalg.norm(atoms.get_forces(), axis=1).max()


@pytest.mark.parametrize("optimizer", ["fire", "lbfgs"])
def test_the_minimum_is_that_of_ases_optimiser(calc, optimizer):
    start = rattled("CH3OH")
    result = quiet(start, calc, optimizer=optimizer, fmax=1e-3)
    theirs = start.copy()
    theirs.calc = JaxReaxFF("cho")
    LBFGS(theirs, logfile=None).run(fmax=1e-3)
    assert result.converged and 0 < result.steps < 500
    assert result.fmax == pytest.approx(largest_force(result.atoms), rel=1e-6)
    assert result.fmax <= 1e-3
    np.testing.assert_array_equal(start.positions, rattled("CH3OH").positions)
    wanted = theirs.get_potential_energy()
    assert result.energies[1] == pytest.approx(wanted, abs=1e-6 * len(start))
    assert result.energies[1] == pytest.approx(result.atoms.get_potential_energy())
    start.calc = theirs.calc
    assert result.energies[0] == pytest.approx(start.get_potential_energy())


def many():
    """Molecules of many sizes; always as many, so that one program serves."""
    names = "H2O CH4 C2H6 C2H4 CH3OH H2CO HCOOH CH3CH2OH C2H2 H2O2 CO2".split()
    return [rattled(name, seed=k, width=0.05) for k, name in enumerate(names)]


def goal_of(atoms, mobile=True, strains=True):
    one = np.asarray(1.0)
    return Goal(
        masses=np.ones(len(atoms)), mobile=np.full((len(atoms), 3), mobile),
        degrees=one, drifts=np.zeros(3, bool), fmax=one,
        most_steps=np.asarray(1, np.int32), atoms=np.asarray(float(len(atoms))),
        cell=atoms.cell.array, strains=np.full((3, 3), strains), restraints=None,
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["free", "isotropic", "b", "c/a"])
def test_derivatives_by_the_coordinates_are_those_of_the_enthalpy(kind, calc):
    start, pressure, h = moist_methane(), 3.0 * GPa, 1e-4
    oblique = np.array([[1.0, 0.0, 0.0], [0.1, 1.0, 0.0], [-0.05, 0.08, 1.0]])
    start.set_cell(start.cell.array @ oblique, scale_atoms=True)
    goal, rng = goal_of(start), np.random.default_rng(1)

    def along(size):
        """Coordinates, or a way, that this kind of cell allows."""
        of_cell = rng.normal(size=(3, 3))
        if kind == "free":
            of_cell += of_cell.T.copy()
        else:
            of_cell = of_cell[0, 0] * np.diag(coordinates.LENGTHS[kind])
        return np.vstack([rng.normal(size=start.positions.shape), size * of_cell])

    rows = along(0.3)
    rows[:-3] = start.positions

    def atoms_at(rows):
        atoms = start.copy()
        positions, cell = coordinates.geometry(rows, goal, kind)
        atoms.set_cell(np.asarray(cell))
        atoms.positions = np.asarray(positions)
        atoms.calc = calc
        return atoms

    def enthalpy(rows):
        atoms = atoms_at(rows)
        return atoms.get_potential_energy() + pressure * atoms.get_volume()

    with scope("float64"):
        there = atoms_at(rows)
        work = there.get_volume() * (
            voigt_6_to_full_3x3_stress(there.get_stress()) + pressure * np.eye(3)
        )
        found, largest = coordinates.gradient(
            rows, -there.get_forces(), work, goal, kind
        )
        for _ in range(3):
            way = along(1.0)
            slope = (enthalpy(rows + h * way) - enthalpy(rows - h * way)) / (2 * h)
            assert slope == pytest.approx(float(np.sum(found * way)), rel=1e-5)
    assert float(largest) >= largest_force(there) - 1e-9


def test_a_step_never_leaves_what_new_lists_cover():
    atoms = moist_methane()
    goal = goal_of(atoms)
    step = np.full((len(atoms) + 3, 3), 5.0)
    with scope("float64"):
        short = np.asarray(coordinates.shorter(step, goal, "free", 0.1, 0.01))
    assert np.linalg.norm(short[:-3], axis=1).max() <= 0.1
    assert np.linalg.norm(short[-3:]) / np.sqrt(len(atoms)) <= 0.01 + 1e-12


@pytest.mark.parametrize("kind", ["free", "a"])
def test_nor_does_it_where_lattice_vectors_are_oblique(kind):
    atoms = bulk("C")
    goal = goal_of(atoms)
    step = np.full((len(atoms) + 3, 3), 5.0)
    if kind == "a":
        step[-3:] = np.diag([5.0, 0.0, 0.0])
    with scope("float64"):
        short = np.asarray(coordinates.shorter(step, goal, kind, 0.1, 0.01))
        _, cell = coordinates.geometry(
            np.vstack([atoms.positions, short[-3:]]), goal, kind
        )
    assert np.linalg.norm(short[:-3], axis=1).max() <= 0.1
    strain = np.linalg.solve(atoms.cell.array, np.asarray(cell)) - np.eye(3)
    assert 0.005 < np.linalg.norm(strain) <= 0.01 * 1.01


@pytest.mark.parametrize(
    ("kind", "factors"),
    [
        ("isotropic", (2.0, 2.0, 2.0)),
        ("a", (2.0, 1.0, 1.0)),
        ("b", (1.0, 2.0, 1.0)),
        ("c", (1.0, 1.0, 2.0)),
        ("c/a", (2.0, 2.0, 0.25)),  # the volume stays
    ],
)
def test_what_changes_of_a_cell_is_what_its_name_says(kind, factors):
    atoms, rows = bulk("C"), np.zeros((5, 3))  # oblique lattice vectors
    goal, one = goal_of(atoms), np.log(2.0) * np.sqrt(len(atoms))
    rows[:2] = atoms.positions
    rows[-3:] = one * np.diag(coordinates.LENGTHS[kind])
    with scope("float64"):
        positions, cell = coordinates.geometry(rows, goal, kind)
    before, after = atoms.cell.array, np.asarray(cell)
    np.testing.assert_allclose(after, before * np.array(factors)[:, None], atol=1e-12)
    shares = np.linalg.solve(before.T, atoms.positions.T)
    np.testing.assert_allclose(positions, shares.T @ after, atol=1e-12)


@pytest.mark.parametrize("kind", ["a", "c/a"])
def test_lengths_of_a_cell_relax_alone(kind, calc):
    atoms = bulk("C")
    atoms.set_cell(atoms.cell.array * [[1.03], [1.0], [0.99]], scale_atoms=True)
    start = Start(atoms=atoms, most_steps=300, fmax=1e-4)
    (end,) = minimized(calc.engine, [start], room={}, cell=kind)
    assert end.converged
    before, after = atoms.cell.cellpar(), Cell(end.cell).cellpar()
    np.testing.assert_allclose(after[3:], before[3:], atol=1e-9)
    change = np.log(after[:3] / before[:3])
    proportion = np.array(coordinates.LENGTHS[kind])
    found = change @ proportion / (proportion @ proportion)
    np.testing.assert_allclose(change, found * proportion, atol=1e-9)

    def energy(more):
        other = atoms.copy()
        factors = np.exp((found + more) * proportion)
        other.set_cell(atoms.cell.array * factors[:, None], scale_atoms=True)
        return quiet(other, calc, fmax=1e-4).energies[1]

    least = energy(0.0)
    assert least == pytest.approx(end.energy / 23.060547830619026, abs=1e-6)
    assert min(energy(-0.01), energy(0.01)) > least + 1e-4


@pytest.mark.parametrize(
    "kind", ["full", pytest.param("isotropic", marks=pytest.mark.long)]
)
def test_the_cell_relaxes_to_the_wanted_pressure(calc, kind):
    start = bulk("C", "diamond", a=3.5)
    result = quiet(start, calc, cell=kind, pressure_GPa=5.0, fmax=1e-4)
    assert result.converged
    np.testing.assert_allclose(
        result.atoms.get_stress() / GPa, [-5, -5, -5, 0, 0, 0], atol=0.05
    )
    assert result.volumes == (start.cell.volume, result.atoms.cell.volume)
    assert result.volumes[0] != result.volumes[1]
    lengths = result.atoms.cell.cellpar()
    np.testing.assert_allclose(lengths[1:3], lengths[0], rtol=1e-6)


def test_only_the_free_strains_relax(calc):
    start = tiny_cell()
    start.set_cell([3.3, 3.2, 3.6])
    result = quiet(
        start, calc, cell=[True, True, False, False, False, False], fmax=0.02
    )
    assert result.converged
    cell = result.atoms.cell.array
    assert cell[2, 2] == 3.6 and (cell[~np.eye(3, dtype=bool)] == 0).all()
    assert abs(result.atoms.get_stress()[:2]).max() < 0.02 * 2 / cell[0, 0] ** 3
    assert cell[0, 0] != 3.3 and cell[1, 1] != 3.2


def test_fixed_atoms_and_components_stay_put(calc):
    atoms = moist_methane()
    atoms.set_constraint([FixAtoms([0]), FixCartesian([5], mask=(True, False, False))])
    result = quiet(atoms, calc)
    moved = result.atoms.positions - atoms.positions
    assert result.converged and (moved[0] == 0).all() and moved[5, 0] == 0
    assert (moved[5, 1:] != 0).all() and (moved[1:5] != 0).all()
    assert result.fmax == pytest.approx(largest_force(result.atoms))  # ASE's: masked


def test_fixed_atoms_follow_the_cell(calc):
    atoms = bulk("C", "diamond", a=3.5)
    atoms.rattle(0.05, seed=1)
    atoms.set_constraint(FixAtoms([0, 1]))
    result = quiet(atoms, calc, cell=True)
    assert result.converged and result.volumes[0] != result.volumes[1]
    np.testing.assert_allclose(
        result.atoms.get_scaled_positions(), atoms.get_scaled_positions(), atol=1e-12
    )


def test_what_is_at_rest_stays_exactly_where_it_is_while_others_move(calc):
    at_rest = quiet(rattled("H2O"), calc, fmax=1e-3).atoms
    others = many()[1:]
    found = quiet([at_rest, *others], calc, fmax=2e-3)
    assert found[0].steps == 0 and all(result.converged for result in found)
    assert (found[0].atoms.positions == at_rest.positions).all()
    assert found[1].steps != found[2].steps
    alone = quiet(others[0], calc, fmax=2e-3)
    assert alone.steps == found[1].steps
    np.testing.assert_allclose(
        alone.atoms.positions, found[1].atoms.positions, rtol=0, atol=1e-9
    )


def test_lists_of_many_structures_are_renewed_however_differently_they_move(calc):
    assert all(result.converged for result in quiet(many(), calc))


@pytest.mark.parametrize("steps", [0, 2])
def test_too_few_steps_are_no_success(calc, steps):
    result = quiet(rattled("CH3OH"), calc, steps=steps, fmax=1e-3)
    assert not result.converged and result.steps == steps
    assert result.fmax == pytest.approx(largest_force(result.atoms)) and result.fmax > 1


def test_atoms_on_top_of_each_other_are_an_error(calc):
    atoms = Atoms("OH2", [[0, 0, 0], [0, 0, 0.01], [0, 1, 0]])
    with pytest.raises(AtomsTooCloseError):
        quiet(atoms, calc)


def test_fixed_in_every_way_is_refused(calc):
    atoms = molecule("H2O")
    atoms.set_constraint(FixAtoms([0, 1, 2]))
    with pytest.raises(InputError, match="nothing can move"):
        quiet(atoms, calc)
    atoms.set_constraint(FixBondLength(0, 1))
    with pytest.raises(NotImplementedError, match="FixBondLength"):
        quiet(atoms, calc)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (dict(fmax=0), "fmax"),
        (dict(fmax="tight"), "fmax"),
        (dict(steps=-1), "steps"),
        (dict(steps=1.5), "steps"),
        (dict(optimizer="lbgfs"), "lbfgs"),
        (dict(cell=True), "periodic"),
        (dict(pressure_GPa=1.0), "cell=True"),
        (dict(calc=None), "JaxReaxFF"),
    ],
)
def test_bad_arguments_are_named(calc, options, words):
    with pytest.raises(InputError, match=words):
        relax(molecule("H2O"), progress=False, **{"calc": calc, **options})
    with pytest.raises(InputError, match="6"):
        quiet(moist_methane(), calc, cell=[True, False])


@pytest.mark.parametrize("pressure", [101325, -2e4, np.nan])
def test_a_pressure_in_another_unit_is_refused(calc, pressure):
    words = r"at most 10000 \(1 atm is 0\.000101325 GPa\), found (101325|-20000|nan)"
    with pytest.raises(InputError, match=words):
        quiet(moist_methane(), calc, cell=True, pressure_GPa=pressure, steps=0)


def restraints_of(atoms, *given, room=3):
    return Restraints.of(given, atoms=len(atoms), room=room, dtype=np.float64)


def test_restraints_measure_as_ase_does_and_push_downhill():
    import jax

    atoms = rattled("CH3CH2OH")
    ways = [(0, 3), (1, 0, 3), (2, 1, 0, 3)]
    values = [
        atoms.get_distance(0, 3),
        np.radians(atoms.get_angle(1, 0, 3)),
        np.radians(atoms.get_dihedral(2, 1, 0, 3)),
    ]
    with scope("float64"):
        for way, value in zip(ways, values, strict=True):
            well = restraints_of(atoms, Restraint(way, value - 0.3, 2.0, 1.5))
            depth = 2.0 * (1.0 - np.exp(-1.5 * 0.09))
            assert float(well.energy(atoms.positions)) == pytest.approx(depth)
        pairs = zip(ways, values, strict=True)
        together = restraints_of(
            atoms, *(Restraint(way, v + 0.2, 1.0, 2.0) for way, v in pairs)
        )
        slope = np.asarray(jax.grad(together.energy)(atoms.positions))
        way = np.random.default_rng(0).normal(size=slope.shape)
        up, down = (together.energy(atoms.positions + h * way) for h in (1e-5, -1e-5))
        difference = float(up - down) / 2e-5
        assert difference == pytest.approx(float(np.sum(slope * way)), rel=1e-6)
        straight = np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 0, 0.0]])
        lined = restraints_of(straight, Restraint((0, 1, 2, 3), 1.0, 1.0, 1.0))
        assert np.isfinite(jax.grad(lined.energy)(straight)).all()


@pytest.mark.parametrize("together", [1, 2])
def test_minimisations_hold_restraints_and_do_not_recompile_for_other_parameters(
    calc, together
):
    structures = [rattled("H2O"), rattled("CH4")]
    starts = [
        Start(structures[0], 200, 1e-3, [Restraint((0, 1), 1.3, 20.0, 10.0)]),
        Start(structures[1], 3, 1e-3),
    ]
    room: dict = {}
    minimized(calc.engine, starts, room=room, together=together)  # finds the room
    first, second = minimized(calc.engine, starts, room=room, together=together)
    assert first.converged and not second.converged and second.steps == 3
    held, free = structures[0].copy(), quiet(structures[0], calc).atoms
    held.positions, held.calc = first.positions, calc
    assert held.get_distance(0, 1) > free.get_distance(0, 1) + 0.1
    assert largest_force(held) > 1.0  # of ReaxFF alone
    energy = first.energy * 0.0433641
    assert energy == pytest.approx(held.get_potential_energy(), rel=1e-6)

    before = compilations()
    other = JaxReaxFF(calc.force_field.replace("atom O eta", 9.0)).engine
    again = minimized(other, starts, room=room, together=together)
    assert compilations() == before
    assert again[0].energy != first.energy


def test_atoms_that_are_pulled_together_are_an_error_or_fail_alone(calc):
    pull = [Restraint((1, 2), 0.0, 300.0, 0.3)]
    structures = [rattled("H2O"), rattled("CH4")]
    starts = [Start(structures[0], 200, 0.1, pull), Start(structures[1], 200, 0.1)]
    first, second = minimized(calc.engine, starts, room={}, together=2)
    assert not first.converged and second.converged
    assert "closer than" in first.failed and not second.failed
    last = structures[0].copy()
    last.positions = first.positions
    assert 0.3 <= last.get_distance(1, 2) < 0.7

    request = Request(
        optimizer="lbfgs", most_steps=[200, 200], fmax=[0.1, 0.1],
        restraints=[pull, []],
    )  # fmt: skip
    with scope("float64"):
        relaxation = simulation_of(calc.engine, structures, request, batched=True)
    with pytest.raises(
        SimulationBlewUp, match=r"relaxation blew up .* closer"
    ) as error:
        relaxation.advance(relaxation.start().shape[0] + 200)
    assert isinstance(error.value, CalculationFailed)
    np.testing.assert_array_equal(error.value.atoms.positions, last.positions)


def test_a_structure_without_lists_fails_alone_and_the_others_repeat_the_step(
    calc, monkeypatch
):
    structures = [rattled("H2O"), rattled("CH4")]
    weak = [Restraint((0, 1), 1.0, 1.0, 1.0)]
    starts = [Start(structures[0], 50, 0.1, weak), Start(structures[1], 50, 0.1)]
    room: dict = {}
    undisturbed = minimized(calc.engine, starts, room=room, together=2)
    assert undisturbed[0].steps > 2

    call, renew = Simulation._call, Lists.renew_topology

    def called(self, before, until):
        """As if no list held what step 2 has led to."""
        carry = call(self, before, before + 1)
        if before + 1 == 2 and not renewed:
            status = jnp.asarray(UNCOVERED, carry.status.dtype)
            covered = jnp.zeros_like(carry.state.result.covered)
            return eqx.tree_at(
                lambda c: (c.status, c.state.result.covered), carry, (status, covered)
            )
        return carry

    renewed = []

    def renew_topology(self, entry, system):
        count = int(np.sum(system.mask))
        renewed.append(count)
        if count == len(structures[0]):
            raise AtomsTooCloseError("too close")
        renew(self, entry, system)

    monkeypatch.setattr(Simulation, "_call", called)
    monkeypatch.setattr(Lists, "renew_topology", renew_topology)
    first, second = minimized(calc.engine, starts, room=room, together=2)
    assert renewed[:2] == [3, 5]
    assert first.failed == "too close" and first.steps == 1
    assert second.converged and not second.failed
    np.testing.assert_array_equal(second.positions, undisturbed[1].positions)


def test_a_structure_without_an_energy_does_not_stop_the_others(calc):
    engine = JaxReaxFF(calc.force_field.replace("atom O eta", 0.5)).engine
    structures = [rattled("H2O"), rattled("CH4")]
    weak = [Restraint((0, 1), 1.0, 1.0, 1.0)]
    starts = [Start(structures[0], 50, 0.1, weak), Start(structures[1], 50, 0.1)]
    first, second = minimized(engine, starts, room={})
    assert not first.converged and second.converged
    assert "positive definite" in first.failed and not second.failed
    assert (first.positions == structures[0].positions).all()


def test_a_cell_that_collapses_ends_the_minimisation_of_its_structure(
    calc, monkeypatch
):
    stretched = bulk("C", "diamond", a=4.1, cubic=True)
    start = Start(stretched, 60, 1e-3)
    whole = minimized(calc.engine, [start], room={}, cell="isotropic")[0]
    assert whole.converged
    share = np.linalg.det(whole.cell) / stretched.get_volume()
    assert share < 0.8
    monkeypatch.setattr(batch, "LEAST_VOLUME", 0.9)
    held = minimized(calc.engine, [start], room={}, cell="isotropic")[0]
    assert not held.converged and held.steps < whole.steps
    assert "its cell collapses" in held.failed
    assert share < np.linalg.det(held.cell) / stretched.get_volume() < 0.9
