"""Molecules and reactions while a run goes on."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from ase.calculators.calculator import InputError
from ase.symbols import symbols2numbers
from jaxtyping import Int

from ase_reaxff_jax.md.frames import Bonding
from ase_reaxff_jax.md.molecules import (
    CUTOFF,
    changed,
    counts,
    formulae,
    formulae_of_numbers,
    molecules,
    numbered,
)
from ase_reaxff_jax.md.reactions import Reaction, groups, packed, sides, unpacked

__all__ = ["Reaction", "SpeciesHistory", "counts", "formulae", "molecules"]


class SpeciesHistory:
    """How many molecules of each kind there were, and what reacted.

    Two samples are compared by the sets of atoms that are molecules. Atoms whose
    molecule is another set than before form groups, connected through the molecules
    before and after; each group is one reaction.

    Args:
        symbols: Elements of the atoms.
        cutoff: Bond order above which two atoms belong to one molecule.
        hold: Samples in a row that must show the products before a reaction counts. At
            1 each difference counts. More leaves out bonds that flicker around the
            cutoff, and intermediates that live shorter; a reaction is then known
            `hold` - 1 samples late, and has the step at which its products appeared.

    Attributes:
        steps: Of each sample.
        times_fs: Of each sample.
        reactions: All so far, in the order in which they were accepted.

    Raises:
        InputError: `hold` is not positive, or a sample does not fit.
    """

    def __init__(self, symbols: Sequence[str], cutoff: float = CUTOFF, hold: int = 1):
        if hold < 1:
            raise InputError(f"hold is {hold}, needs at least 1 sample")
        self._numbers = np.array(symbols2numbers(symbols), dtype=int)
        self.cutoff = cutoff
        self.hold = hold
        self.steps: list[int] = []
        self.times_fs: list[float] = []
        self.reactions: list[Reaction] = []
        self._start: dict[str, int] = {}  # molecules of the first sample
        empty = np.zeros(0, int)
        self._accepted = empty  # molecule of each atom, without those that wait
        self._seen = empty  # the same of the last sample
        self._since = empty  # sample since which an atom's molecule is this set

    @property
    def size(self) -> int:
        """Number of atoms."""
        return len(self._numbers)

    def add(self, bonding: Bonding) -> list[Reaction]:
        """Takes a sample, later than those before; returns the reactions now known."""
        self._check(bonding)
        self.steps.append(bonding.step)
        self.times_fs.append(bonding.time_fs)
        now = molecules(bonding, self.cutoff)
        if len(self.steps) == 1:
            self._start = dict(Counter(formulae_of_numbers(now, self._numbers)))
            self._accepted, self._since = now, np.zeros_like(now)
            self._seen = now
            return []
        self._since[changed(self._seen, now)] = len(self.steps) - 1
        self._seen = now
        return self._accept()

    def counts_of_last(self) -> dict[str, int]:
        """Molecules of each formula at the last sample, as it was seen."""
        return dict(Counter(formulae_of_numbers(self._seen, self._numbers)))

    def counts(self) -> dict[str, Int[np.ndarray, " samples"]]:
        """Molecules of each formula at each sample, also of those that came later."""
        changes: dict[str, np.ndarray] = {}

        def change(formula: str, sample: int, number: int) -> None:
            room = changes.setdefault(formula, np.zeros(len(self.steps), int))
            room[sample] += number

        for formula, number in self._start.items():
            change(formula, 0, number)
        for reaction in self.reactions:
            sample = int(np.searchsorted(self.steps, reaction.step))
            for formula, number in reaction.reactants.items():
                change(formula, sample, -number)
            for formula, number in reaction.products.items():
                change(formula, sample, number)
        return {formula: np.cumsum(number) for formula, number in changes.items()}

    def state(self) -> dict[str, Any]:
        """All of it as numbers, strings, lists, dictionaries and numpy arrays."""
        return {
            "numbers": self._numbers.copy(),
            "cutoff": self.cutoff,
            "hold": self.hold,
            "steps": np.array(self.steps, int),
            "times_fs": np.array(self.times_fs, float),
            "start": dict(self._start),
            "accepted": self._accepted.copy(),
            "seen": self._seen.copy(),
            "since": self._since.copy(),
            "reactions": packed(self.reactions),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "SpeciesHistory":
        """The history that `state` was taken of, to be continued."""
        made = cls([], float(state["cutoff"]), int(state["hold"]))
        made._numbers = np.array(state["numbers"], int)
        made.steps = np.asarray(state["steps"]).tolist()
        made.times_fs = np.asarray(state["times_fs"]).tolist()
        made.reactions = unpacked(state["reactions"])
        made._start = dict(state["start"])
        made._accepted = np.array(state["accepted"], int)
        made._seen = np.array(state["seen"], int)
        made._since = np.array(state["since"], int)
        return made

    def _check(self, bonding: Bonding) -> None:
        if len(bonding.total_order) != len(self._numbers):
            raise InputError(
                f"bonds of {len(bonding.total_order)} atoms in a history of "
                f"{len(self._numbers)} atoms"
            )
        if self.steps and bonding.step <= self.steps[-1]:
            raise InputError(
                f"bonds of step {bonding.step} after those of step {self.steps[-1]}; "
                "samples must come in order, each once"
            )

    def _accept(self) -> list[Reaction]:
        """The reactions whose products have been there long enough."""
        before, now = self._accepted, self._seen
        atoms, group = groups(before, now)
        if not len(atoms):
            return []
        complete = np.zeros(group.max() + 1, int)  # sample that shows all products
        np.maximum.at(complete, group, self._since[atoms])
        ready = len(self.steps) - complete[group] >= self.hold
        atoms, group = atoms[ready], group[ready]
        numbers = self._numbers[atoms]
        reactants = sides(before[atoms], group, numbers)
        products = sides(now[atoms], group, numbers)
        members: dict[int, list[int]] = {}
        for atom, of in zip(atoms.tolist(), group.tolist(), strict=True):
            members.setdefault(of, []).append(atom)
        joined = before.copy()
        joined[atoms] = now[atoms] + before.max() + 1
        self._accepted = numbered(joined)
        found = []
        for of, together in members.items():
            step, time_fs = self.steps[complete[of]], self.times_fs[complete[of]]
            both = reactants[of], products[of]
            found.append(Reaction(step, time_fs, tuple(together), *both))
        self.reactions += found
        return found
