"""Errors of the driver."""

from functools import partial

from ase import Atoms
from ase.calculators.calculator import CalculationFailed, InputError


class SimulationBlewUp(CalculationFailed):
    """A step whose result cannot be trusted; `atoms` is the last good frame."""

    def __init__(self, message: str, *, step: int, atoms: Atoms):
        super().__init__(message)
        self.step, self.atoms = step, atoms

    def __reduce__(self):
        """How other processes get it: exceptions forget what has a keyword."""
        made = partial(type(self), step=self.step, atoms=self.atoms)
        return made, self.args, self.__dict__


class NoListsError(CalculationFailed):
    """Of one system no interaction lists can be made where it is; told as a blow-up."""

    def __init__(self, message: str, *, system: int):
        super().__init__(message)
        self.system = system


class CheckpointError(InputError):
    """A checkpoint cannot be used."""
