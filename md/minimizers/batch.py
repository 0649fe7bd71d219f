"""Many structures minimised, again and again with other parameters."""

from collections.abc import Sequence
from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from ase import Atoms
from ase.calculators.calculator import CalculationFailed, SCFError
from jaxtyping import Float

from ase_reaxff_jax import report
from ase_reaxff_jax.engine import Engine
from ase_reaxff_jax.md.errors import NoListsError
from ase_reaxff_jax.md.loop import Carry
from ase_reaxff_jax.md.minimizers.cell import Cell
from ase_reaxff_jax.md.minimizers.restraints import Restraint
from ase_reaxff_jax.md.minimizers.setup import Request, simulation_of
from ase_reaxff_jax.md.simulation import Simulation
from ase_reaxff_jax.md.state import State
from ase_reaxff_jax.precision import scope

LEAST_VOLUME = 0.4  # of that at the start
COLLAPSED = f"its cell collapses: the volume falls below {LEAST_VOLUME:g} of the start"


@dataclass(frozen=True)
class Start:
    """From where one structure is minimised, and how far."""

    atoms: Atoms  # not changed; constraints hold, as in `relax`
    most_steps: int
    fmax: float | int  # eV/Å
    restraints: Sequence[Restraint] = ()  # eV, Å and radians


@dataclass(frozen=True)
class End:
    """Where the minimisation of one structure has led."""

    positions: Float[np.ndarray, "atoms 3"]  # Å
    cell: Float[np.ndarray, "3 3"]  # Å
    converged: bool
    steps: int
    failed: str  # why it went no further; empty where nothing failed
    energy: float  # of ReaxFF alone, kcal/mol


def minimized(
    engine: Engine,
    starts: Sequence[Start],
    *,
    room: dict[str, int],
    size: int | None = None,
    cell: Cell = "fixed",
    optimizer: str = "lbfgs",
    together: int | None = None,
) -> list[End]:
    """Minimises structures of at most 256 atoms, each with the same program.

    On a CPU they are minimised one by one: small structures gain less from being
    computed side by side than they lose by waiting for the slowest. Other devices take
    all of them at once.

    A call compiles anew only where `room`, `size` or the number of structures side by
    side differs from all earlier calls: for other parameters make another `Engine`, for
    a warm start change the positions, and pass the same `room` each time.

    Args:
        engine: The force field and its settings.
        starts: The structures. Restraints add to what is minimised, not to `energy`.
        room: In each list, to begin with. It grows in place.
        size: To so many atoms each structure is padded; None: to a usual size.
        cell: What of it may change, see `minimizers.cell`.
        optimizer: "lbfgs" or "fire".
        together: How many structures are computed side by side; None: see above.

    Raises:
        InputError: a structure cannot be used.
    """
    if together is None:
        together = 1 if _on_cpu(engine) else len(starts)
    restrained = max((len(start.restraints) for start in starts), default=0)
    found: list[End] = []
    for first in range(0, len(starts), together):
        part = starts[first : first + together]
        request = Request(
            optimizer=optimizer, cell=cell,
            fmax=[start.fmax for start in part],
            most_steps=[start.most_steps for start in part],
            restraints=[start.restraints for start in part] if restrained else None,
            most_restraints=restrained,
        )  # fmt: skip
        found += _minimized(engine, part, request, room, size)
    return found


def _on_cpu(engine: Engine) -> bool:
    device = engine.device
    platform = jax.default_backend() if device is None else device.platform
    return platform == "cpu"


def _minimized(
    engine: Engine,
    starts: Sequence[Start],
    request: Request,
    room: dict[str, int],
    size: int | None,
) -> list[End]:
    """Minimises some structures side by side."""
    with scope(engine.settings.dtype, engine.device):
        relaxation = simulation_of(
            engine, [start.atoms.copy() for start in starts], request,
            batched=True, room=room, size=size, kind=_OneByOne,
        )  # fmt: skip
    assert isinstance(relaxation, _OneByOne)
    relaxation.start()
    relaxation.advance(max(request.most_steps))
    return _ends(relaxation, request)


class _OneByOne(Simulation):
    """A structure that fails goes back one step and stays there."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.reasons = [""] * len(self.structures)

    def _renew(self, reason: int) -> None:
        """Structures whose cells collapse stay where they are.

        Else their lists would grow, and be compiled for, time and again.
        """
        cells = np.asarray(jax.device_get(self.state.cell))
        small = []
        for k, (atoms, cell) in enumerate(zip(self.structures, cells, strict=True)):
            least = LEAST_VOLUME * atoms.cell.volume if atoms.pbc.all() else 0.0
            if abs(np.linalg.det(cell)) < least:
                self.reasons[k] = self.reasons[k] or COLLAPSED
                small.append(k)
        if small:
            self._hold(small, self.state)
        super()._renew(reason)

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
        self._hold(new, previous)

    def _uncoverable(self, error: NoListsError, carry: Carry) -> None:
        """It stays one step before; the others repeat the step."""
        k = error.system
        if self.reasons[k]:  # it has not moved since there were lists of it
            super()._uncoverable(error, carry)
        self.reasons[k] = str(error)
        previous = self._hold([k], carry.previous)
        self._cover(carry._replace(state=self.state, previous=previous))

    def _hold(self, which: list[int], previous: State) -> State:
        """Takes these structures back to stay there; `previous`, where they stay too.

        The others are where they were.
        """
        back = np.isin(np.arange(len(self.structures)), which)

        def chosen(good, bad):
            return jnp.where(back.reshape(-1, *(1,) * (bad.ndim - 1)), good, bad)

        with self.scope():
            kept = jax.tree.map(chosen, previous, self.state)
            finished = kept.bath.finished | back
            self.state = eqx.tree_at(
                lambda s: (s.step, s.bath.finished), kept, (self.state.step, finished)
            )
            finished = previous.bath.finished | back
            return eqx.tree_at(lambda s: s.bath.finished, previous, finished)


def _ends(relaxation: _OneByOne, request: Request) -> list[End]:
    states = jax.device_get(relaxation.state)
    ends = []
    for k, atoms in enumerate(relaxation.structures):
        state = jax.tree.map(lambda x, k=k: x[k], states)
        failed = relaxation.reasons[k]
        cell = np.where(atoms.pbc[:, None], state.cell, atoms.cell.array)
        ends.append(End(
            positions=np.array(state.positions[: len(atoms)], float),
            cell=cell.astype(float),
            converged=bool(state.bath.largest <= request.fmax[k]) and not failed,
            steps=max(int(state.bath.steps), 0),
            failed=failed,
            energy=float(state.result.energy),
        ))  # fmt: skip
    return ends
