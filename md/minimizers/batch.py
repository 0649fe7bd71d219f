"""Many structures minimised together, again and again with other parameters."""

from collections.abc import Sequence
from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from ase import Atoms
from ase.calculators.calculator import CalculationFailed, SCFError
from jaxtyping import Bool, Float, Int

from ase_reaxff_jax import report
from ase_reaxff_jax.engine import Engine
from ase_reaxff_jax.md.loop import DeviceLists
from ase_reaxff_jax.md.minimizers.cell import Cell
from ase_reaxff_jax.md.minimizers.restraints import Restraint
from ase_reaxff_jax.md.minimizers.setup import Request, simulation_of
from ase_reaxff_jax.md.simulation import Simulation
from ase_reaxff_jax.md.state import State
from ase_reaxff_jax.precision import scope


@dataclass(frozen=True)
class Minimized:
    """Where the minimisations of some structures have led."""

    positions: list[Float[np.ndarray, "_ 3"]]  # Å
    cells: list[Float[np.ndarray, "3 3"]]  # Å
    converged: Bool[np.ndarray, " structures"]
    steps: Int[np.ndarray, " structures"]
    failed: list[str]  # why a structure went no further; empty where nothing failed
    states: State  # on the device, stacked; `result` is that of ReaxFF alone
    lists: DeviceLists  # that cover them


def minimized(
    engine: Engine,
    structures: list[Atoms],
    *,
    most_steps: Sequence[int],
    fmax: Sequence[float | int],
    restraints: Sequence[Sequence[Restraint]] | None = None,
    cell: Cell = "fixed",
    optimizer: str = "lbfgs",
    room: dict[str, int] | None = None,
) -> Minimized:
    """Minimises structures of at most 256 atoms, all in one device program.

    All are padded to the largest, so that it pays to pass structures of similar size.
    A call compiles anew only where the number of structures, their padded size, the
    room in their lists or that of the restraints differs from all earlier calls: for
    other parameters make another `Engine`, for a warm start change the positions of the
    structures, and pass the same `room` each time.

    Args:
        engine: The force field and its settings.
        structures: From where to go; not changed. Constraints hold, as in `relax`.
        most_steps: Of each structure.
        fmax: Of each structure, eV/Å.
        restraints: Of each structure, in eV, Å and radians. They add to the energy that
            is minimised, not to that of `states`.
        cell: "fixed", "free" or "isotropic".
        optimizer: "lbfgs" or "fire".
        room: In each list, at first; it grows in place. None: what is needed.

    Raises:
        InputError: a structure cannot be used, or two of its atoms are too close.
    """
    request = Request(
        optimizer=optimizer, fmax=fmax, most_steps=most_steps, cell=cell,
        restraints=restraints,
    )  # fmt: skip
    room = {} if room is None else room
    with scope(engine.settings.dtype, engine.device):
        relaxation = simulation_of(
            engine, [atoms.copy() for atoms in structures], request,
            batched=True, room=room, kind=_OneByOne,
        )  # fmt: skip
    assert isinstance(relaxation, _OneByOne)
    relaxation.start()
    relaxation.advance(max(most_steps))
    return _outcome(relaxation, fmax)


class _OneByOne(Simulation):
    """A structure that fails goes back one step and stays there."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.reasons = [""] * len(self.structures)

    def _failed(self, previous: State) -> None:
        new = []
        for k, atoms in enumerate(self.structures):
            result = self.one(self.state.result, k)
            neighbors = self.renewal.entries[k].host
            try:
                report.check(atoms, result, neighbors, self.plan.options)
            except (CalculationFailed, SCFError) as error:
                self.reasons[k] = str(error)
                new.append(k)
        if not new:
            super()._failed(previous)
        back = np.isin(np.arange(len(self.structures)), new)

        def chosen(good, bad):
            return jnp.where(back.reshape(-1, *(1,) * (bad.ndim - 1)), good, bad)

        with self.scope():
            kept = jax.tree.map(chosen, previous, self.state)
            finished = kept.bath.finished | back
            self.state = eqx.tree_at(
                lambda s: (s.step, s.bath.finished), kept, (self.state.step, finished)
            )


def _outcome(relaxation: _OneByOne, fmax: Sequence[float | int]) -> Minimized:
    state, structures = jax.device_get(relaxation.state), relaxation.structures
    pairs = list(zip(structures, state.positions, state.cell, strict=True))
    good = np.array([not reason for reason in relaxation.reasons])
    return Minimized(
        positions=[np.array(x[: len(atoms)], float) for atoms, x, _ in pairs],
        cells=[
            np.where(atoms.pbc[:, None], cell, atoms.cell.array).astype(float)
            for atoms, _, cell in pairs
        ],
        converged=(state.bath.largest <= np.asarray(fmax)) & good,
        steps=np.maximum(state.bath.steps, 0),
        failed=relaxation.reasons,
        states=relaxation.state,
        lists=relaxation.lists,
    )
