"""Errors of the driver."""

from ase import Atoms
from ase.calculators.calculator import CalculationFailed, InputError


class SimulationBlewUp(CalculationFailed):
    """A step whose result cannot be trusted; `atoms` is the last good frame."""

    def __init__(self, message: str, *, step: int, atoms: Atoms):
        super().__init__(message)
        self.step, self.atoms = step, atoms


class CheckpointError(InputError):
    """A checkpoint cannot be used."""
