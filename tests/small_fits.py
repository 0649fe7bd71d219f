"""A fit of few parameters to few small molecules, which takes a second."""

from ase.build import molecule

from ase_reaxff_jax.bundled import load
from ase_reaxff_jax.fit import TrainingSet
from ase_reaxff_jax.fit.items import AngleItem, DistanceItem, EnergyItem, ForceItem
from ase_reaxff_jax.fit.parameters import Parameter
from ase_reaxff_jax.fit.structures import Structure

NAMES = ["bond H O De_s", "bond H O p_be1", "atom O chi", "angle H O H theta_00"]


def parameters(names=NAMES):
    """Within a tenth on both sides of what is bundled."""
    force_field, found = load("cho"), []
    for name in names:
        address = force_field.locate(name)
        value = float(force_field.at(address))
        width = max(0.1 * abs(value), 0.05)
        found.append(Parameter(
            section=address[0], row=address[1], column=address[2],
            low=value - width, high=value + width, name=name,
        ))  # fmt: skip
    return found


def water(force=5.0):
    """Items of a water molecule that is minimised, and of one that is not."""
    bent = molecule("H2O")
    bent.rattle(0.05, seed=3)
    structures = [
        Structure(name="bent", atoms=bent, minimize=False),
        Structure(name="water", atoms=molecule("H2O")),
    ]
    items = (
        EnergyItem(structures=("bent", "water"), coefficients=(1.0, -1.0),
                   reference=4.0, sigma=1.0),
        ForceItem(structure="bent", atom=0, component=1, reference=force, sigma=5.0),
        DistanceItem(structure="water", atoms=(0, 1), reference=0.97, sigma=0.01),
        AngleItem(structure="water", atoms=(1, 0, 2), reference=104.0, sigma=1.0),
    )  # fmt: skip
    return TrainingSet({s.name: s for s in structures}, items)
