"""Minimisation of the structures of a training set, from where the data has them."""

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
from ase import Atoms
from ase.constraints import FixAtoms
from jaxtyping import Bool

from ase_reaxff_jax import capacity
from ase_reaxff_jax.fit import sample as sampling
from ase_reaxff_jax.fit.coordinates import MINIMISED
from ase_reaxff_jax.fit.input_errors import FitInputError
from ase_reaxff_jax.fit.structures import Restraint as Given
from ase_reaxff_jax.fit.structures import Structure
from ase_reaxff_jax.forcefield import ForceField
from ase_reaxff_jax.md.minimizers.batch import Start, minimized
from ase_reaxff_jax.md.minimizers.cell import Cell
from ase_reaxff_jax.md.minimizers.restraints import Restraint
from ase_reaxff_jax.settings import DIRECT_LIMIT
from ase_reaxff_jax.units import KCAL_PER_MOL

FMAX = 0.02  # eV/Å
MOST_STEPS = 200


@dataclass(frozen=True)
class Relaxed:
    """What minimising has done, by number of the structure."""

    converged: Bool[np.ndarray, " structures"]  # False also where nothing was asked
    failed: dict[int, str] = field(default_factory=dict)  # why it went no further


class Relaxation:
    """Minimises the structures of a sample that are to be minimised.

    Args:
        sample: Whose atoms are moved.
        fmax: Largest force at which a structure counts as minimised, eV/Å.
        most_steps: Of a structure that sets none itself.

    Raises:
        FitInputError: a structure cannot be minimised as it asks.
    """

    def __init__(self, sample: sampling.Sample, *, fmax=FMAX, most_steps=MOST_STEPS):
        self.sample, self.fmax, self.most_steps = sample, fmax, most_steps
        groups: dict[tuple, list[int]] = defaultdict(list)
        for n, cluster in enumerate(sample.clusters):
            for k in cluster.members:
                structure = sample.structures[k]
                if structure.minimize:
                    groups[n, _cell(structure), bool(structure.restraints)].append(k)
        self.groups = [(key[1], members) for key, members in groups.items()]
        found = [sample.clusters[key[0]] for key in groups]
        # More than where structures stay: their lists change on the way.
        self.rooms = [
            {name: capacity.fitting(name, n) for name, n in cluster.room.items()}
            for cluster in found
        ]
        self._sizes = [cluster.atoms for cluster in found]
        self._atoms = {k: _atoms(sample.structures[k])
                       for _, members in self.groups for k in members}  # fmt: skip

    def __call__(self, force_field: ForceField) -> Relaxed:
        """Minimises all of them with this force field."""
        engine = self.sample.engine(force_field)
        converged = np.zeros(len(self.sample.structures), bool)
        failed: dict[int, str] = {}
        for (cell, members), room, size in zip(
            self.groups, self.rooms, self._sizes, strict=True
        ):
            starts = [self._start(k) for k in members]
            ends = minimized(engine, starts, room=room, size=size, cell=cell)
            for k, end in zip(members, ends, strict=True):
                self.sample.move(k, end.positions, end.cell)
                converged[k] = end.converged
                if end.failed:
                    failed[k] = end.failed
        return Relaxed(converged, failed)

    def _start(self, k: int) -> Start:
        given = self.sample.structures[k].restraints
        return Start(
            atoms=self._atoms[k],
            most_steps=self._steps(k),
            fmax=self._largest_force(k),
            restraints=[in_driver_units(r) for r in given],
        )

    def _largest_force(self, k: int) -> float:
        """At which a structure counts as minimised, or less if it asks for that.

        A mean square of all components is at most a third of the largest square of a
        force.
        """
        own = self.sample.structures[k].end_rmsg
        if own is None:
            return self.fmax
        return min(self.fmax, float(np.sqrt(3.0)) * own * KCAL_PER_MOL)

    def _steps(self, k: int) -> int:
        own = self.sample.structures[k].most_steps
        return self.most_steps if own is None else own


def in_driver_units(restraint: Given) -> Restraint:
    """A restraint in eV, Å and radians, as the minimiser takes it."""
    angular = restraint.kind != "bond"
    return Restraint(
        atoms=restraint.atoms,
        target=float(np.radians(restraint.target) if angular else restraint.target),
        strength=restraint.strength * KCAL_PER_MOL,
        sharpness=restraint.width,
    )


def _cell(structure: Structure) -> Cell:
    return MINIMISED[structure.cell_freedom] if structure.relax_cell else "fixed"


def _atoms(structure: Structure) -> Atoms:
    """Atoms to be minimised, with total charge and what is held."""
    atoms = structure.atoms.copy()
    if len(atoms) > DIRECT_LIMIT:
        raise FitInputError(
            f"{structure.where or structure.name}: {len(atoms)} atoms; structures of "
            f"more than {DIRECT_LIMIT} cannot be minimised in a fit: set minimize=False"
        )
    charges = np.full(len(atoms), structure.total_charge / len(atoms))
    atoms.set_initial_charges(charges)  # the engine takes their sum
    if structure.fixed:
        atoms.set_constraint(FixAtoms(list(structure.fixed)))
    return atoms
