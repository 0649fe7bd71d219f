"""Derivatives of items by numbers of all sections, against differences."""

import numpy as np
import pytest
from ase.build import bulk, molecule

from ase_reaxff_jax.bundled import load
from ase_reaxff_jax.ffield.names import addresses
from ase_reaxff_jax.fit import TrainingSet
from ase_reaxff_jax.fit.coordinates import free_coordinates
from ase_reaxff_jax.fit.fittable import why_not
from ase_reaxff_jax.fit.input_errors import FitInputError
from ase_reaxff_jax.fit.items import (
    AngleItem,
    CellItem,
    ChargeItem,
    DipoleItem,
    DisplacementItem,
    DistanceItem,
    EnergyItem,
    ForceItem,
    FrequencyItem,
    HeatItem,
    RmsgItem,
    StressItem,
    TorsionItem,
)
from ase_reaxff_jax.fit.losses import Loss
from ase_reaxff_jax.fit.objective import Objective
from ase_reaxff_jax.fit.parameters import Parameter
from ase_reaxff_jax.fit.selection import Selection
from ase_reaxff_jax.fit.structures import Restraint, Structure

pytestmark = pytest.mark.xdist_group("gradients of items")  # the same programs

FORCE_FIELD = load("cho")
# Every column of these rows, and of `general`.
ROWS = ("atom O", "bond C O", "off_diagonal H O", "angle C O H", "torsion H C O H",
        "hydrogen_bond O H O")  # fmt: skip
SECTIONS = {"general", *(row.split()[0] for row in ROWS)}
# One or two of each section.
FEW = ("general p_boc1", "atom O chi", "atom H gamma", "atom C r_s", "bond C O De_s",
       "bond H O p_be1", "bond C C De_s", "off_diagonal H O r_s", "angle C O H p_val2",
       "torsion H C O H V2", "hydrogen_bond O H O r0_hb")  # fmt: skip
WEIGHTS = np.array([1.0, -8.0, 8.0, -1.0]) / 12.0  # of values at -2, -1, 1, 2 steps
STEPS = np.array([-2.0, -1.0, 1.0, 2.0])
FLOOR = 1e-2
STEP = 2e-4  # of the range
# eV/Å. With a hundred times more the torsion of methanol ends 1e-5 degrees off its
# minimum, and always the same way: differences of ends are not those of minima.
TIGHT = 1e-10


def fittable(names=None):
    """Parameters by name, or all of `ROWS` and `general` that can be fitted."""
    found = []
    for address, name in addresses(FORCE_FIELD):
        row = name.rpartition(" ")[0]
        wanted = row in (*ROWS, "general") if names is None else name in names
        if not wanted or (names is None and why_not(FORCE_FIELD, address)):
            continue
        value = float(FORCE_FIELD.at(address))
        width = max(0.5 * abs(value), 0.05)
        found.append(Parameter(
            section=address.section, row=address.row, column=address.column,
            low=value - width, high=value + width, name=name,
        ))  # fmt: skip
    assert names is None or len(found) == len(names)
    return found


def alcohol_and_water():
    """Ethanol that takes a hydrogen bond of water, off every symmetry."""
    alcohol, water = molecule("CH3CH2OH"), molecule("H2O")
    water.rotate(25, "z")
    water.translate(alcohol[2].position - water[1].position)
    water.translate([0.6, 2.1, 1.7])
    both = alcohol + water
    both.rattle(0.05, seed=4)
    return both


def at_the_geometry_of_the_data():
    """All kinds that depend on parameters where no atom moves, but frequencies."""
    cell = alcohol_and_water()
    cell.set_cell([[7.1, 0.0, 0.0], [0.7, 6.4, 0.0], [-0.4, 0.5, 6.2]])
    cell.pbc = True
    structures = [
        Structure(name=name, atoms=atoms, minimize=False)
        for name, atoms in (
            ("free", alcohol_and_water()), ("cell", cell), ("water", molecule("H2O")),
        )
    ]  # fmt: skip
    items = (
        EnergyItem(structures=("free", "cell"), coefficients=(1.0, -0.5),
                   reference=0.0, sigma=1.0),
        HeatItem(structure="free", reference=0.0, sigma=1.0),
        ChargeItem(structure="cell", atom=1, reference=0.0, sigma=0.1),
        ForceItem(structure="cell", atom=0, component=2, reference=0.0, sigma=1.0),
        ForceItem(structure="free", atom=6, component=None, reference=0.0, sigma=1.0),
        RmsgItem(structure="cell", reference=0.0, sigma=1.0),
        *(StressItem(structure="cell", component=k, reference=0.0, sigma=1.0)
          for k in (0, 5)),
        DipoleItem(structure="free", component=1, reference=0.0, sigma=1.0),
    )  # fmt: skip
    return TrainingSet({s.name: s for s in structures}, items)


def minimised():
    """What depends on where atoms go: all coordinates, and items there."""
    methanol, carbon = molecule("CH3OH"), bulk("C", cubic=True)
    # Where forces jump, as some do when a small order passes the cutoff of angles,
    # differences are no derivatives: these seeds lead to other places.
    methanol.rattle(0.05, seed=1)
    carbon.rattle(0.02, seed=2)
    oblique = bulk("C")
    oblique.set_cell(oblique.cell.array * [[1.03], [1.0], [0.98]], scale_atoms=True)
    stretched = Restraint(kind="bond", atoms=(0, 1), target=1.7, strength=50.0,
                          width=2.0)  # fmt: skip
    torsion = (2, 0, 1, 3)
    held = Restraint(kind="torsion", atoms=torsion, target=150.0, strength=100.0,
                     width=1.0)  # fmt: skip
    structures = [
        Structure(name="held", atoms=methanol, restraints=(held,)),
        Structure(name="methanol", atoms=methanol),
        Structure(name="pair", atoms=alcohol_and_water()),
        Structure(name="pinned", atoms=methanol, fixed=(0, 1, 2)),
        Structure(name="diamond", atoms=carbon, relax_cell=True),
        Structure(name="squeezed", atoms=carbon),
        Structure(
            name="uniform", atoms=oblique, relax_cell=True, cell_freedom="uniform"
        ),
        Structure(name="ratio", atoms=oblique, relax_cell=True, cell_freedom="c/a"),
        *(
            Structure(
                name=name,
                atoms=oblique,
                relax_cell=True,
                cell_freedom=freedom,
                restraints=(stretched,),
            )
            for name, freedom in (("held-all", "all"), ("held-ratio", "c/a"))
        ),
    ]
    items = (
        EnergyItem(structures=("held", "methanol"), coefficients=(1.0, -1.0),
                   reference=0.0, sigma=1.0),
        EnergyItem(structures=("pair",), coefficients=(1.0,), reference=0.0, sigma=1.0),
        TorsionItem(structure="held", atoms=torsion, reference=150.0, sigma=1.0),
        AngleItem(structure="held", atoms=torsion[1:], reference=108.0, sigma=1.0),
        DistanceItem(structure="methanol", atoms=(0, 1), reference=1.4, sigma=0.01),
        DistanceItem(structure="pair", atoms=(2, 9), reference=2.8, sigma=0.1),
        ChargeItem(structure="pair", atom=2, reference=0.0, sigma=0.1),
        DisplacementItem(structure="pinned", atom=3, reference=0.1, sigma=0.1),
        ForceItem(structure="pinned", atom=0, component=1, reference=0.0, sigma=1.0),
        DipoleItem(structure="pinned", component=1, reference=0.0, sigma=1.0),
        HeatItem(structure="methanol", reference=0.0, sigma=1.0),
        FrequencyItem(structure="methanol", mode=6, reference=1000.0, sigma=50.0),
        CellItem(structure="diamond", parameter="a", reference=3.57, sigma=0.01),
        StressItem(structure="squeezed", component=0, reference=0.0, sigma=1.0),
        *(StressItem(structure=name, component=k, reference=0.0, sigma=1.0)
          for name in ("uniform", "ratio") for k in (1, 5)),
        *(StressItem(structure=name, component=1, reference=0.0, sigma=1.0)
          for name in ("held-all", "held-ratio")),
        *(CellItem(structure=name, parameter="a", reference=2.5, sigma=0.01)
          for name in ("held-all", "held-ratio")),
        CellItem(structure="uniform", parameter="b", reference=2.5, sigma=0.01),
        CellItem(structure="ratio", parameter="c", reference=2.5, sigma=0.01),
    )  # fmt: skip
    return TrainingSet({s.name: s for s in structures}, items)


def objective_of(data, names=None):
    chosen = fittable(names)
    selection = Selection(FORCE_FIELD, chosen)
    return Objective(FORCE_FIELD, data, selection, Loss(data.items))


def outcome_at(objective, x):
    return objective.outcome(objective.selection.force_field_at(x), slopes=True)


def differences(objective, k):
    """Of all values by parameter `k`, of fourth order in the step."""
    selection = objective.selection
    step = STEP * (selection.high[k] - selection.low[k])
    total = np.zeros(len(objective.data.items))
    for weight, places in zip(WEIGHTS, STEPS, strict=True):
        x = selection.start
        x[k] += places * step
        total += weight * outcome_at(objective, x).values
    return total / step


def compare(objective, jacobian, tolerance):
    """To so much of each derivative, or of the largest change of the item by any."""
    selection = objective.selection
    widths = selection.high - selection.low
    changes = abs(jacobian * widths).max(axis=1)
    assert np.all(changes > 0), "an item that depends on nothing shows nothing"
    shares = abs(jacobian * widths) / changes[:, None]
    for one, largest in zip(selection.parameters, shares.max(axis=0), strict=True):
        if one.name in FEW:  # of the others some are of terms that are not there
            assert largest > 1e-6, f"nothing depends on {one.name}"
    for k, one in enumerate(selection.parameters):
        found, expected = jacobian[:, k], differences(objective, k)
        error = abs(found - expected)
        limit = tolerance * (abs(expected) + FLOOR * changes / widths[k])
        worst = int(np.argmax(error / limit))
        item = objective.data.items[worst]
        assert error[worst] <= limit[worst], (
            f"{item.label} by {one.name}: {found[worst]}, not {expected[worst]}"
        )


@pytest.mark.parametrize(
    "names",
    [pytest.param(FEW, id="few"), pytest.param(None, id="all", marks=pytest.mark.long)],
)
def test_by_every_section_where_no_atom_moves(names):
    objective = objective_of(at_the_geometry_of_the_data(), names)
    fitted = objective.selection.parameters
    assert {p.name.split()[0] for p in fitted} == SECTIONS
    start = outcome_at(objective, objective.selection.start)
    compare(objective, objective.jacobian(start), 1e-5)


def test_sums_of_observables_by_a_strain_are_those_of_strained_structures():
    """Of a cell under stress, by a strain that turns it, too."""
    objective = objective_of(at_the_geometry_of_the_data(), FEW)
    sample = objective.sample
    k = [structure.name for structure in sample.structures].index("cell")
    outcome = outcome_at(objective, objective.selection.start)
    needs = objective.pullback.needs(outcome.by_observables)
    (weights,) = [need.weights for need in needs if need.structure == k]
    given = sample.systems[k]
    strain = np.random.default_rng(5).normal(size=(3, 3))

    def sums(size):
        deformation = np.eye(3) + size * strain
        positions = np.asarray(given.positions)[: sample.counts[k]]
        sample.move(k, positions @ deformation, np.asarray(given.cell) @ deformation)
        of = sample.measure(FORCE_FIELD, slopes=True)[k].of
        return (
            np.tensordot(weights.forces, of.forces, 2)
            + weights.charges @ of.charges
            + np.tensordot(weights.strain_gradient, of.strain_gradient, 2)
        )

    found = np.tensordot(objective.pullback(FORCE_FIELD, needs)[k].by_strain, strain, 2)
    expected = WEIGHTS @ [sums(1e-4 * step) for step in STEPS] / 1e-4
    assert np.all(abs(expected) > 1e-3)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("freedom", "lengths"),
    [("uniform", (1, 1, 1)), ("a", (1, 0, 0)), ("b", (0, 1, 0)), ("c", (0, 0, 1)),
     ("c/a", (1, 1, -2))],
)  # fmt: skip
def test_a_cell_moves_as_its_freedom_says(freedom, lengths):
    atoms = bulk("C")
    structure = Structure(name="c", atoms=atoms, relax_cell=True, cell_freedom=freedom)
    cell = atoms.cell.array
    *_, way = free_coordinates(structure, atoms.positions, cell).T
    assert not way[:-9].any()
    moved = cell @ way[-9:].reshape(3, 3)
    expected = np.array(lengths)[:, None] * cell
    size = np.linalg.norm(moved) / np.linalg.norm(expected)
    np.testing.assert_allclose(moved, size * expected, atol=1e-12)
    with pytest.raises(FitInputError, match="'d' is none of all, uniform, a, b, c"):
        Structure(name="c", atoms=atoms, relax_cell=True, cell_freedom="d")


@pytest.mark.long
def test_by_every_section_through_relaxations():
    objective = objective_of(minimised(), FEW)
    objective.relaxation.fmax, objective.relaxation.most_steps = TIGHT, 5000
    start = outcome_at(objective, objective.selection.start)
    assert start.relaxed.converged.all()
    compare(objective, objective.jacobian(start), 1e-4)
