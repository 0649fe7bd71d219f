"""A run as a checkpoint, and back."""

import hashlib
from pathlib import Path
from typing import Any

import jax
import numpy as np
from ase import Atoms

from ase_reaxff_jax.md import checkpoint
from ase_reaxff_jax.md.errors import CheckpointError
from ase_reaxff_jax.md.recorder import Recorder
from ase_reaxff_jax.md.simulation import Simulation


def identity(
    simulation: Simulation, ensemble: str, cell: str, log_every: int
) -> dict[str, Any]:
    """What a run must have in common with the checkpoint that it continues."""
    engine, conditions = simulation.engine, simulation.conditions
    structures = simulation.structures
    return {
        "number of systems": len(structures),
        "number of atoms": [len(atoms) for atoms in structures],
        "elements": [atoms.get_chemical_formula() for atoms in structures],
        "order of the atoms, masses, constraints and periodicity": _digest(structures),
        "force field": engine.fingerprint,
        "ensemble": ensemble,
        "cell": cell if ensemble.startswith("npt") else None,
        "timestep_fs": conditions.timestep_fs,
        "seed": list(conditions.seeds),
        "dtype": engine.settings.dtype,
        "charge_model": engine.settings.charge_model,
        "total charge": [engine.total_charge(atoms) for atoms in structures],
        "log_every": log_every,
    }


def _digest(structures: list[Atoms]) -> str:
    parts = hashlib.sha256()
    for atoms in structures:
        parts.update(atoms.numbers.tobytes() + atoms.pbc.tobytes())
        parts.update(atoms.get_masses().tobytes())
        parts.update(repr([c.todict() for c in atoms.constraints]).encode())
    return parts.hexdigest()[:16]


def save(
    path: Path,
    simulation: Simulation,
    recorders: list[Recorder],
    identity: dict[str, Any],
    positions: list[dict[str, Any]] | None,
) -> None:
    """Writes a checkpoint; `positions` are those of the files, None: not open yet."""
    with simulation.scope():
        leaves = jax.device_get(jax.tree.leaves(simulation.state))
    arrays = {f"state {k}": np.asarray(leaf) for k, leaf in enumerate(leaves)}
    for k, references in enumerate(simulation.renewal.references()):
        arrays |= {f"lists {k} {name}": x for name, x in references.items()}
    for k, recorder in enumerate(recorders):
        arrays[f"rows {k}"] = np.asarray(recorder.rows.values)
    plain = {
        "identity": identity,
        "room": simulation.renewal.room,
        "positions": positions,
        "recorded": [_plain(recorder.state()) for recorder in recorders],
    }
    checkpoint.write(path, arrays, plain)


def _plain(tree: Any) -> Any:
    """The same with lists for arrays."""
    if isinstance(tree, dict):
        return {name: _plain(value) for name, value in tree.items()}
    return tree.tolist() if isinstance(tree, np.ndarray) else tree


def load(
    path: Path,
    simulation: Simulation,
    recorders: list[Recorder],
    identity: dict[str, Any],
) -> list[dict[str, Any]] | None:
    """Puts simulation and recorders where a checkpoint was; positions of the files.

    None where the run ended before it had files: nothing is changed then.

    Raises:
        CheckpointError: it is damaged, or of another run.
    """
    arrays, plain = checkpoint.read(path)
    checkpoint.check_same(plain["identity"], identity, path)
    if plain["positions"] is None:
        return None
    with simulation.scope():
        leaves, structure = jax.tree.flatten(simulation.state)
        found = [arrays.get(f"state {k}") for k in range(len(leaves))]
        for old, new in zip(leaves, found, strict=True):
            if new is None or new.shape != old.shape or new.dtype != old.dtype:
                raise CheckpointError(f"{path} has the state of another kind of run")
        simulation.state = jax.device_put(jax.tree.unflatten(structure, found))
    names = ("far_positions", "far_cell", "near_positions", "near_cell")
    references = [
        {name: arrays[f"lists {k} {name}"] for name in names}
        for k in range(len(recorders))
    ]
    simulation.resume(references, plain["room"])
    for k, recorder in enumerate(recorders):
        recorder.restore(plain["recorded"][k], arrays[f"rows {k}"])
    return plain["positions"]
