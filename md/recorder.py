"""Everything that one system of a run writes, and what is known of it so far."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from ase_reaxff_jax.md.analysis import SpeciesHistory
from ase_reaxff_jax.md.filenames import Files
from ase_reaxff_jax.md.frames import Bonding, Frame
from ase_reaxff_jax.md.outputs import trajectories
from ase_reaxff_jax.md.outputs.bonds import BondsFile
from ase_reaxff_jax.md.outputs.species import SpeciesFile
from ase_reaxff_jax.md.outputs.table import Table
from ase_reaxff_jax.md.results import Rows

LOG_COLUMNS = {
    "step": "step",
    "time_fs": "time_fs",
    "total_energy_eV": "total_energy",
    "potential_energy_eV": "potential_energy",
    "kinetic_energy_eV": "kinetic_energy",
    "temperature_K": "temperature_K",
    "pressure_GPa": "pressure_GPa",
    "volume_A3": "volume_A3",
    "density_g_cm3": "density_g_cm3",
    "conserved_energy_eV": "conserved_energy",
    "charge_iterations": "charge_iterations",
}
SPEED = "steps_per_second"
LINES: dict[str, Any] = {"bonds": BondsFile, "species": SpeciesFile}


class Recorder:
    """Rows, molecules, reactions and files of one system."""

    def __init__(
        self, atoms: Atoms, elements: tuple[str, ...], rows: Rows, names: Files
    ):
        self.atoms, self.elements, self.rows, self.names = atoms, elements, rows, names
        self.history = SpeciesHistory(atoms.get_chemical_symbols())
        self.species: list[dict[str, int]] = []
        self._files: dict[str, Any] = {}  # those that are open

    # Files

    def open(self, positions: dict[str, Any] | None, *, overwrite: bool) -> None:
        """Opens all files: new ones, or where a checkpoint has left them."""
        symbols = self.atoms.get_chemical_symbols()
        used = tuple(e for e in self.elements if e in symbols)

        def opened(kind: Any, path: Path, name: str, *arguments, **options) -> None:
            position = None if positions is None else positions.get(name)
            if position is None:
                file = kind.create(path, *arguments, overwrite=overwrite, **options)
            else:
                file = kind.reopen(path, position, *arguments, **options)
            self._files[name] = file

        for name, path in self.names.named().items():
            if name == "log":
                opened(Table, path, name, [*LOG_COLUMNS, SPEED])
            elif name in LINES:
                opened(LINES[name], path, name, symbols, elements=used)
            else:
                opened(trajectories, path, name, elements=used)

    def flush(self) -> dict[str, Any]:
        """Brings all files to the disk; where each of them ends."""
        return {name: file.flush() for name, file in self._files.items()}

    def close(self) -> None:
        """Closes all files."""
        for file in self._files.values():
            file.close()

    # Recording

    def log(self, step: int, values, bonding: Bonding, speed: float) -> None:
        """One row of the log, and the molecules of the same step."""
        self.rows.add(step, values)
        self.history.add(bonding)
        self.species.append(self.history.counts_of_last())
        for name in LINES:
            if name in self._files:
                self._files[name].write(bonding)
        if "log" in self._files:
            columns = self.rows.columns(last=1)
            row = {name: columns[key][0].item() for name, key in LOG_COLUMNS.items()}
            self._files["log"].row({**row, SPEED: speed})

    def frame(self, frame: Callable[[], Frame]) -> None:
        """One frame of every trajectory."""
        count = len(self.names.trajectories)
        if count:
            made = frame()
            for k in range(count):
                self._files[f"trajectory {k}"].write(made)

    # Checkpoints

    def state(self) -> dict[str, Any]:
        """What has been recorded so far, as plain data and arrays."""
        return {
            "steps": list(self.rows.steps),
            "values": np.asarray(self.rows.values),
            "species": list(self.species),
            "history": self.history.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Takes back what `state` gave."""
        self.rows.steps = list(state["steps"])
        self.rows.values = list(state["values"])
        self.species = [dict(counted) for counted in state["species"]]
        self.history = SpeciesHistory.from_state(state["history"])
