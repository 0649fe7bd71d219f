"""From Atoms objects to a relaxation in the compiled loop."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from ase import Atoms
from jaxtyping import Bool

from ase_reaxff_jax.engine import Engine
from ase_reaxff_jax.md import preparation
from ase_reaxff_jax.md.conditions import Conditions, Course
from ase_reaxff_jax.md.minimizers import MINIMIZERS
from ase_reaxff_jax.md.minimizers.cell import Cell
from ase_reaxff_jax.md.minimizers.descent import Minimizer
from ase_reaxff_jax.md.minimizers.goal import Goal
from ase_reaxff_jax.md.minimizers.restraints import Restraint, Restraints
from ase_reaxff_jax.md.simulation import Simulation
from ase_reaxff_jax.system import System

LONGEST = 0.2  # Å, step of an atom


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a relaxation of some structures is to do; checked by who makes it."""

    optimizer: str
    fmax: Sequence[float | int]  # of each structure, eV/Å
    most_steps: Sequence[int]  # of each structure
    cell: Cell = "fixed"
    strains: Bool[np.ndarray, "3 3"] = field(
        default_factory=lambda: np.ones((3, 3), bool)
    )
    pressure_GPa: float | int = 0.0
    restraints: Sequence[Sequence[Restraint]] | None = None  # of each structure
    most_restraints: int = 0  # room for those of one structure, at least


def simulation_of(
    engine: Engine,
    structures: list[Atoms],
    request: Request,
    *,
    batched: bool,
    room: dict[str, int] | None = None,
    size: int | None = None,
    kind: type[Simulation] = Simulation,
) -> Simulation:
    """The relaxation before its first forces; inside the engine's precision."""
    systems = engine.alike(structures, size)
    minimizer = _minimizer(engine, structures, request)
    goals, states = [], []
    for k, (atoms, system) in enumerate(zip(structures, systems, strict=True)):
        goals.append(_goal(engine, atoms, system, request, k))
        rest = np.zeros((len(atoms), 3))
        state = preparation.first_state(atoms, system, rest, engine, minimizer)
        bath = minimizer.start(np.asarray(system.positions))
        states.append(replace(state, bath=bath))
    return kind(
        engine, structures, states, preparation.fixed_of(systems, list(goals)),
        integrator=minimizer, conditions=_conditions(request, len(structures)),
        batched=batched, room=room,
    )  # fmt: skip


def _minimizer(engine: Engine, structures: list[Atoms], request: Request) -> Minimizer:
    """The minimiser, whose steps stay within what new lists cover.

    Lists cover a step of length u and strain e while e (reach + skin) + 2 u < skin.
    """
    settings = engine.settings
    systems = [engine.system(atoms) for atoms in structures]
    species = np.concatenate([np.unique(s.species[s.mask]) for s in systems])
    reach = engine.lists.reach(species)
    near = max(reach.close, reach.hydrogen), settings.bond_skin
    far = max(reach), engine.lists.far_skin(len(systems[0].mask))
    narrow = min(settings.bond_skin, far[1])
    alone = request.cell == "fixed"
    return MINIMIZERS[request.optimizer](
        cell=request.cell,
        longest=min(LONGEST, (0.45 if alone else 0.25) * narrow),
        most_strain=min(0.35 * skin / (r + skin) for r, skin in (near, far)),
    )


def _goal(
    engine: Engine, atoms: Atoms, system: System, request: Request, k: int
) -> Goal:
    size, array = len(system.mask), engine.settings.array
    mobile = preparation.mobile_components(atoms, cell_moves=request.cell != "fixed")
    restraints = None
    if request.restraints is not None:
        restraints = Restraints.of(
            request.restraints[k], atoms=len(atoms),
            room=max(request.most_restraints, *map(len, request.restraints)),
            dtype=system.positions.dtype,
        )  # fmt: skip
    return Goal(
        masses=array(np.ones(size)),
        mobile=np.pad(mobile, [(0, size - len(atoms)), (0, 0)]),
        degrees=array(1.0),
        drifts=np.zeros(3, bool),
        fmax=array(float(request.fmax[k])),
        most_steps=np.asarray(request.most_steps[k], np.int32),
        atoms=array(float(len(atoms))),
        cell=system.cell,
        strains=request.strains,
        restraints=restraints,
    )


def _conditions(request: Request, systems: int) -> Conditions:
    """At rest, under a pressure; no time passes and nothing limits it."""

    def constant(name: str, value) -> list[Course]:
        course = Course(name, value, steps=0, timestep_fs=0.0, least=-np.inf)
        return [course] * systems

    return Conditions(
        timestep_fs=0.0,
        tau_fs=1.0,
        pressure_tau_fs=1.0,
        compressibility_per_GPa=1.0,
        temperatures=constant("temperature_K", 0.0),
        pressures=constant("pressure_GPa", request.pressure_GPa),
        seeds=[0] * systems,
        max_temperature_K=np.inf,
        max_displacement_A=np.inf,
    )
