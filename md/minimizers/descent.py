"""What all minimisers share: coordinates, limits of a step, and when it is over."""

from dataclasses import dataclass
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ase_reaxff_jax.md.integrators.verlet import Verlet, with_bath
from ase_reaxff_jax.md.minimizers import cell
from ase_reaxff_jax.md.minimizers.goal import Goal, Progress
from ase_reaxff_jax.md.state import Now, Particles, State, volume_of
from ase_reaxff_jax.units import KCAL_PER_MOL


@dataclass(frozen=True)
class Minimizer(Verlet):
    """A way downhill. What comes `before` the forces is a step of the coordinates.

    A structure whose largest force is at most the wanted one, or that has used up its
    steps, is finished: the loop leaves its state as it is. The state's `bath` is a
    `Progress`, and its particles are a `Goal`.
    """

    cell: cell.Cell
    longest: float  # step of an atom, Å
    most_strain: float  # of the cell, in a step

    brief: ClassVar[bool] = True
    process: ClassVar[str] = "relaxation"
    remedy: ClassVar[str] = (
        "Look at the last good frame, `atoms` of this error: repair the structure, or "
        "take a force field made for it."
    )

    def memory(self, rows: Float[np.ndarray, "rows 3"]) -> dict:
        """What the minimiser remembers of earlier steps, at the start."""
        raise NotImplementedError

    def step(self, progress: Progress, limited) -> tuple[Float[Array, "rows 3"], dict]:
        """The next step of the coordinates, and what to remember.

        `limited` shortens a step to what is allowed.
        """
        raise NotImplementedError

    def start(self, positions: Float[np.ndarray, "atoms 3"]) -> Progress:
        """The bath before the first forces, on the host; positions with padding, Å."""
        spare = 0 if self.cell == "fixed" else 3
        rows = np.pad(positions, [(0, spare), (0, 0)])
        number = np.zeros((), rows.dtype)
        return Progress(
            steps=np.asarray(-1, np.int32),
            finished=np.asarray(False),
            coordinates=rows,
            gradient=np.zeros_like(rows),
            energy=number,
            largest=number,
            memory=self.memory(rows),
        )

    def before(self, state: State, particles: Particles, now: Now) -> State:
        """A step, unless there are no forces yet or it is finished."""
        assert isinstance(particles, Goal)
        progress = state.bath

        def limited(step):
            return cell.shorter(
                step, particles, self.cell, self.longest, self.most_strain
            )

        step, memory = self.step(progress, limited)
        rows = progress.coordinates + step
        positions, lattice = cell.geometry(rows, particles, self.cell)
        moved = eqx.tree_at(
            lambda s: (s.positions, s.cell, s.bath.coordinates, s.bath.memory),
            state,
            (positions, lattice, rows, memory),
        )
        moves = (progress.steps >= 0) & ~progress.finished
        return jax.tree.map(lambda new, old: jnp.where(moves, new, old), moved, state)

    def after(self, state: State, particles: Particles, now: Now) -> State:
        """The gradient at the new coordinates, and whether it is small enough."""
        assert isinstance(particles, Goal)
        goal, progress = particles, state.bath
        energy, by_positions, by_strain = _landscape(state, goal, now)
        gradient, largest = cell.gradient(
            progress.coordinates, by_positions, by_strain, goal, self.cell
        )
        steps = progress.steps + 1
        return with_bath(state, Progress(
            steps=steps,
            finished=(largest <= goal.fmax) | (steps >= goal.most_steps),
            coordinates=progress.coordinates,
            gradient=gradient,
            energy=energy,
            largest=largest,
            memory=progress.memory,
        ))  # fmt: skip

    def finished(self, state: State) -> Bool[Array, ""]:
        """Whether the system stays as it is from now on."""
        return state.bath.finished

    def bath_energy(
        self, state: State, particles: Particles, now: Now
    ) -> Float[Array, ""]:
        """What is minimised beside the energy: restraints and p V."""
        return state.bath.energy - state.potential_energy


def _landscape(state: State, goal: Goal, now: Now):
    """Energy that is minimised, with derivatives by positions and strain."""
    energy = state.potential_energy
    by_positions = state.result.gradient * KCAL_PER_MOL
    by_strain = -state.virial
    if goal.restraints is not None:
        held, pull = jax.value_and_grad(goal.restraints.energy)(state.positions)
        energy += held
        by_positions += pull
        by_strain += state.positions.T @ pull
    work = now.pressure * volume_of(state.cell)
    by_strain += work * jnp.eye(3, dtype=by_strain.dtype)
    return energy + work, by_positions, by_strain
