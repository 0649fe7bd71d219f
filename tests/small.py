"""Small structures of many kinds for the tests of the calculator.

All fit the same compiled program: at most 16 atoms, at a density well below a solid's.
"""

import numpy as np
from ase import Atoms
from molecules import molecule
from packing import mixture

from ase_reaxff_jax import JaxReaxFF

SKEWED = np.array([[5.2, 0.3, -0.2], [1.4, 4.9, 0.4], [-0.8, 1.1, 5.6]])


def rattled(name: str, seed: int = 1, width: float = 0.08) -> Atoms:
    """A molecule out of equilibrium, away from every symmetry."""
    atoms = molecule(name)
    atoms.rattle(width, seed=seed)
    return atoms


def moist_methane(pbc=True) -> Atoms:
    """A methane and a water in a skewed cell of 5 Å: neighbours are images."""
    water = molecule("H2O")
    water.rotate(40, "x")
    water.translate([2.4, 2.9, 2.6])
    atoms = molecule("CH4") + water
    atoms.rattle(0.08, seed=3)
    atoms.set_cell(SKEWED)
    atoms.pbc = pbc
    return atoms


def carbon_chain() -> Atoms:
    """One atom, bonded to its own images along x."""
    return Atoms("C", [[0.2, 0.3, -0.1]], cell=[1.45, 0, 0], pbc=[True, False, False])


def tiny_cell() -> Atoms:
    """A CO in a cell of 3 Å."""
    cell = [[3.3, 0.2, 0.1], [-0.4, 3.1, 0.3], [0.5, 0.2, 3.6]]
    return Atoms("CO", [[0, 0, 0], [0.5, 0.4, 1.0]], cell=cell, pbc=True)


def hydronium() -> Atoms:
    """Water with one proton more: a cluster of charge 1 e."""
    atoms = rattled("H2O")
    atoms.extend(Atoms("H", [atoms.positions[0] + [0.7, 0.1, 0.65]]))
    return atoms


def two_waters() -> Atoms:
    """A hydrogen bond."""
    other = rattled("H2O", seed=2)
    other.rotate(70, [1, 2, 0])
    other.translate([0.4, -0.6, 2.9])
    return rattled("H2O") + other


def amorphous(elements: str, count: int, seed: int = 5) -> Atoms:
    """Atoms at random in a skewed cell; strange bonds and charges."""
    rng = np.random.default_rng(seed)
    side = (20.0 * count) ** (1 / 3)
    cell = side * np.eye(3) + rng.uniform(-1, 1, (3, 3))
    return mixture(elements.split(), count, cell, rng)


def with_calculator(atoms: Atoms, **options) -> Atoms:
    """A copy with a new calculator of the force field cho."""
    atoms = atoms.copy()
    atoms.calc = JaxReaxFF(options.pop("force_field", "cho"), **options)
    return atoms


SMALL = {
    "ethanol": rattled("CH3CH2OH"),
    "triclinic": moist_methane(),
    "slab": moist_methane([True, True, False]),
    "wire": moist_methane([False, True, False]),
    "tiny cell": tiny_cell(),
    "carbon chain": carbon_chain(),
    "hydrogen bond": two_waters(),
    "amorphous": amorphous("C H O", 14),
}


def listed_pairs(atoms) -> np.ndarray:
    """Vectors between the ends of all pairs in the calculator's neighbours, Å."""
    engine = atoms.calc.engine
    system = engine.system(atoms)
    with engine._scope():
        host = engine.lists.of(atoms, system).host
    images = system.positions[host.source] + host.shift @ system.cell
    row, column = np.nonzero(host.far < len(host.source))
    return images[host.far[row, column]] - images[row]
