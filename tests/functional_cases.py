"""Structures and functions that the tests of `calc.jax_md` share."""

import jax
import numpy as np
from ase import Atoms
from ase.build import molecule
from small import moist_methane

from ase_reaxff_jax import JaxReaxFF

CALC = JaxReaxFF("cho")
CRYSTAL = moist_methane()
METHANOL = molecule("CH3OH")  # as in the example, whose programs then serve both
METHANOL.rattle(0.02, seed=0)
IN_CRYSTAL, CRYSTAL_ENERGY = CALC.jax_md(CRYSTAL)
OF_METHANOL, METHANOL_ENERGY = CALC.jax_md(METHANOL)


def reference(atoms: Atoms, positions=None, cell=None, calc=CALC) -> Atoms:
    """The structure with the calculator, moved."""
    atoms = atoms.copy()
    if cell is not None:
        atoms.set_cell(cell)
    if positions is not None:
        atoms.positions = positions
    atoms.calc = calc
    return atoms


def moved(atoms: Atoms, width: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return atoms.positions + rng.uniform(-width, width, atoms.positions.shape)


def quick(function):
    """`jax.jit` without optimisation: compiles in half the time."""
    return jax.jit(function, compiler_options={"xla_backend_optimization_level": 0})


BY_ALL = quick(
    jax.value_and_grad(
        lambda R, box, deformation, neighbor: CRYSTAL_ENERGY(
            R, neighbor=neighbor, box=box, perturbation=deformation
        ),
        argnums=(0, 1, 2),
    )
)
