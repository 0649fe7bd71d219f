"""Velocities for the tests of the driver."""

import numpy as np
from ase import Atoms, units


def warm(atoms: Atoms, temperature_K: float = 300.0, seed: int = 1) -> None:
    """Gives atoms velocities at random, with some common motion."""
    rng = np.random.default_rng(seed)
    width = np.sqrt(units.kB * temperature_K * atoms.get_masses())[:, None]
    atoms.set_momenta(width * rng.standard_normal((len(atoms), 3)))
