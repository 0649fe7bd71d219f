"""What a relaxation is to reach, and what it may change."""

import equinox as eqx
from jaxtyping import Bool, Float, Int

from ase_reaxff_jax.arrays import AnyArray
from ase_reaxff_jax.md.minimizers.restraints import Restraints
from ase_reaxff_jax.md.state import Particles


class Goal(Particles):
    """Takes the place of the particles of a dynamic run: nothing has a velocity."""

    fmax: Float[AnyArray, ""]  # eV/Å
    most_steps: Int[AnyArray, ""]
    atoms: Float[AnyArray, ""]  # their number, without padding
    cell: Float[AnyArray, "3 3"]  # at the start, Å
    strains: Bool[AnyArray, "3 3"]  # which may change; symmetric
    restraints: Restraints | None


class Progress(eqx.Module):
    """How far a relaxation has come: the `bath` of a minimiser's state."""

    steps: Int[AnyArray, ""]  # taken; -1 before the first forces
    finished: Bool[AnyArray, ""]  # converged, or out of steps: it stays as it is
    coordinates: Float[AnyArray, "rows 3"]  # of atoms and, behind them, cell
    gradient: Float[AnyArray, "rows 3"]  # of the energy by them; 0 where nothing moves
    energy: Float[AnyArray, ""]  # that is minimised, eV: with restraints and p V
    largest: Float[AnyArray, ""]  # force, eV/Å
    memory: dict  # of the minimiser
