"""A run as a checkpoint, and back."""

import hashlib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import jax
import numpy as np
from ase import Atoms

from ase_reaxff_jax.md import checkpoint
from ase_reaxff_jax.md.arguments import Arguments
from ase_reaxff_jax.md.errors import CheckpointError
from ase_reaxff_jax.md.filenames import Files
from ase_reaxff_jax.md.simulation import Simulation
from ase_reaxff_jax.settings import POSITIVE


@dataclass(frozen=True)
class Kept:
    """What a checkpoint has of a run, beside the state of its systems."""

    positions: list[dict[str, Any]] | None  # in the files; None: not open yet
    recorded: list[dict[str, Any]]  # of each system, as `Recorder.state` gives it
    row: np.ndarray  # of the step reached
    picture: str | None  # its name, seen from the checkpoint


def identity(
    simulation: Simulation, arguments: Arguments, names: Files
) -> dict[str, Any]:
    """What a run must have in common with the checkpoint that it continues.

    `names` are those of its first system's files.
    """
    engine, structures = simulation.engine, simulation.structures
    path = arguments.checkpoint
    return {
        "number of systems": len(structures),
        "number of atoms": [len(atoms) for atoms in structures],
        "elements": [atoms.get_chemical_formula() for atoms in structures],
        "order of the atoms, masses, constraints and periodicity": _digest(structures),
        "force field": engine.fingerprint,
        **_conditions(simulation, arguments),
        **_calculator(simulation),
        "total charge": [engine.total_charge(atoms) for atoms in structures],
        "log_every": int(arguments.log_every),
        "trajectory_every": int(arguments.frame_every) if names.trajectories else None,
        **({} if path is None else names.seen_from(path)),
    }


def _calculator(simulation: Simulation) -> dict[str, Any]:
    """The calculator's options but for the device; what "auto" stands for."""
    settings = simulation.engine.settings
    given = {field.name: getattr(settings, field.name) for field in fields(settings)}
    del given["charge"], given["device"]  # the total charge is compared itself
    given["charge_method"] = simulation.plan.options.charge_method
    given["neighbors"] = settings.neighbor_search
    given["skin"] = float(simulation.plan.skin)
    for name in POSITIVE:
        given[name] = float(given[name])
    return given | {"charge_response": bool(settings.charge_response)}


def _conditions(simulation: Simulation, arguments: Arguments) -> dict[str, Any]:
    """Those that have a part in the run; a single one where all systems share it."""
    conditions, ensemble = simulation.conditions, arguments.ensemble

    def of_all(courses) -> Any:
        described = [course.described() for course in courses]
        return described if simulation.batched else described[0]

    found = {
        "ensemble": ensemble,
        "timestep_fs": float(conditions.timestep_fs),
        "seed": int(conditions.seeds[0]),
        "temperature_K": of_all(conditions.temperatures),
    }
    if ensemble != "nve":
        found["tau_fs"] = float(conditions.tau_fs)
    if ensemble.startswith("npt"):
        found |= {
            "cell": arguments.cell,
            "pressure_GPa": of_all(conditions.pressures),
            "pressure_tau_fs": float(conditions.pressure_tau_fs),
            "compressibility_per_GPa": float(conditions.compressibility_per_GPa),
        }
    return found


def _digest(structures: list[Atoms]) -> str:
    parts = hashlib.sha256()
    for atoms in structures:
        parts.update(atoms.numbers.tobytes() + atoms.pbc.tobytes())
        parts.update(atoms.get_masses().tobytes())
        parts.update(repr([c.todict() for c in atoms.constraints]).encode())
    return parts.hexdigest()[:16]


def save(
    path: Path, simulation: Simulation, identity: dict[str, Any], kept: Kept
) -> None:
    """Writes a checkpoint."""
    with simulation.scope():
        leaves = jax.device_get(jax.tree.leaves(simulation.state))
    arrays = {f"state {k}": np.asarray(leaf) for k, leaf in enumerate(leaves)}
    for k, references in enumerate(simulation.renewal.references()):
        arrays |= {f"lists {k} {name}": x for name, x in references.items()}
    recorded = [dict(state) for state in kept.recorded]
    for k, state in enumerate(recorded):
        arrays[f"rows {k}"] = state.pop("values")
    arrays["row"] = kept.row
    plain = {
        "identity": identity,
        "room": simulation.renewal.room,
        "positions": kept.positions,
        "recorded": [_plain(state) for state in recorded],
        "picture": kept.picture,
    }
    checkpoint.write(path, arrays, plain)


def _plain(tree: Any) -> Any:
    """The same with lists for arrays."""
    if isinstance(tree, dict):
        return {name: _plain(value) for name, value in tree.items()}
    return tree.tolist() if isinstance(tree, np.ndarray) else tree


def load(path: Path, simulation: Simulation, identity: dict[str, Any]) -> Kept:
    """Puts a simulation where a checkpoint was; what else is in that.

    Where the run ended before it had files, nothing is changed.

    Raises:
        CheckpointError: it is damaged, or of another run.
    """
    arrays, plain = checkpoint.read(path)
    checkpoint.check_same(plain["identity"], identity, path)
    recorded = [
        {**state, "values": arrays[f"rows {k}"]}
        for k, state in enumerate(plain["recorded"])
    ]
    kept = Kept(plain["positions"], recorded, arrays["row"], plain["picture"])
    if kept.positions is None:
        return kept
    with simulation.scope():
        leaves, structure = jax.tree.flatten(simulation.state)
        found = [arrays.get(f"state {k}") for k in range(len(leaves))]
        for k, (old, new) in enumerate(zip(leaves, found, strict=True)):
            if new is None or new.shape != old.shape or new.dtype != old.dtype:
                had = "nothing" if new is None else f"{new.dtype} {new.shape}"
                raise CheckpointError(
                    f"{path}: array {k} of the state is {had}, where this program has "
                    f"{old.dtype} {old.shape}; another version of it wrote the file: "
                    "continue with that one, or start a new run with overwrite=True"
                )
        simulation.state = jax.device_put(jax.tree.unflatten(structure, found))
    names = ("far_positions", "far_cell", "near_positions", "near_cell")
    references = [
        {name: arrays[f"lists {k} {name}"] for name in names}
        for k in range(len(recorded))
    ]
    simulation.resume(references, plain["room"])
    return kept
