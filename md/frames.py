"""What the outputs of a run get to see of one step."""

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from jaxtyping import Float, Int


@dataclass(frozen=True)
class Frame:
    """One step, in ASE's units.

    `atoms` has positions (not wrapped into the cell), cell, momenta, constraints, a
    `SinglePointCalculator` with energy, forces, charges and, where it is defined,
    stress, and `info` with "step" and "time_fs".
    """

    step: int
    time_fs: float
    atoms: Atoms


@dataclass(frozen=True)
class Bonding:
    """Who is bonded to whom at one step, each bond once.

    A bond is one between an atom and one image of another (or itself): two atoms may
    have several. Orders are total bond orders, not cut off.
    """

    step: int
    time_fs: float
    i: Int[np.ndarray, " bonds"]  # atoms
    j: Int[np.ndarray, " bonds"]
    order: Float[np.ndarray, " bonds"]
    total_order: Float[np.ndarray, " atoms"]  # of all bonds of an atom
    lone_pairs: Float[np.ndarray, " atoms"]
    charges: Float[np.ndarray, " atoms"]  # e
