"""Molecules by step, in the format of LAMMPS's `fix reaxff/species`."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from ase_reaxff_jax.md.frames import Bonding
from ase_reaxff_jax.md.molecules import compositions, molecules
from ase_reaxff_jax.md.outputs.lammps_style import LammpsStyleFile

TITLE = "#  Timestep    No_Moles    No_Specs"


class SpeciesFile(LammpsStyleFile):
    """A file such as `species.out`, two lines for each step.

    The first line names the formulae that are there at this step, in the order of
    their first atoms; the second has the step, the number of molecules, of different
    formulae, and of molecules of each formula. In formulae the elements are in the
    order of `elements`. Bond orders are those of the step, not averages.
    """

    def _text(self, bonding: Bonding) -> str:
        labels = molecules(bonding, self._cutoff)
        return lines(bonding.step, labels, self._kinds, self._elements)


def lines(
    step: int,
    labels: Int[np.ndarray, " atoms"],
    kinds: Int[np.ndarray, " atoms"],
    elements: Sequence[str],
) -> str:
    """Header and numbers of one step; `kinds` are places in `elements`."""
    table = compositions(labels, kinds, len(elements))
    rows, first, number = np.unique(
        table, axis=0, return_index=True, return_counts=True
    )
    order = np.argsort(first)
    names = [formula(row, elements) for row in rows[order].tolist()]
    numbers = [step, len(table), len(names), *number[order].tolist()]
    head = TITLE + "".join(f" {name:>11}" for name in names)
    return f"{head}\n{' '.join(f'{n:>11}' for n in numbers)}\n"


def formula(numbers: Sequence[int], elements: Sequence[str]) -> str:
    """Elements in this order, each with its number where that is above one."""
    parts = zip(elements, numbers, strict=True)
    return "".join(f"{e}{n if n > 1 else ''}" for e, n in parts if n)
