"""What a run gives back."""

from dataclasses import dataclass, field

import numpy as np
from ase import Atoms, units
from jaxtyping import Float, Int

from ase_reaxff_jax.md.loop import COLUMNS
from ase_reaxff_jax.md.reactions import Reaction
from ase_reaxff_jax.md.snapshots import pressure_GPa

AMU_PER_A3 = 1.0 / units._Nav * 1e24  # g/cm^3


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """One row for every `log_every` steps, from step 0 to the last; energies in eV.

    `conserved_energy` is the total energy less what thermostat and barostat have given;
    of "nvt-nose-hoover" and "npt-mtk" with the energy of these themselves, which is
    constant where temperature and pressure are. `species` has the number of molecules
    of each formula, `reactions` what became of which molecules and when. Common motion
    along axes where momentum is conserved is part of the kinetic energy, but not of
    temperature and pressure.
    """

    atoms: Atoms  # as they are at the end, with momenta and the calculator
    step: Int[np.ndarray, " rows"]
    time_fs: Float[np.ndarray, " rows"]
    total_energy: Float[np.ndarray, " rows"]
    potential_energy: Float[np.ndarray, " rows"]
    kinetic_energy: Float[np.ndarray, " rows"]
    conserved_energy: Float[np.ndarray, " rows"]
    temperature_K: Float[np.ndarray, " rows"]
    pressure_GPa: Float[np.ndarray, " rows"]  # NaN unless periodic along three axes
    volume_A3: Float[np.ndarray, " rows"]  # NaN likewise
    density_g_cm3: Float[np.ndarray, " rows"]  # NaN likewise
    charge_iterations: Int[np.ndarray, " rows"]
    species: list[dict[str, int]]  # molecules of each formula
    reactions: list[Reaction] = field(default_factory=list)
    steps_per_second: float = np.nan  # without compilation
    stopped: str = ""  # why it ended before the last step, if it did


class Rows:
    """Rows of the log of one system."""

    def __init__(self, atoms: Atoms, degrees: float, timestep_fs: float):
        self._mass = float(atoms.get_masses().sum())
        self._degrees, self._timestep_fs = degrees, timestep_fs
        self.steps: list[int] = []
        self.values: list[np.ndarray] = []  # of `COLUMNS`

    def add(self, step: int, values: Float[np.ndarray, " columns"]) -> None:
        """Takes the numbers of one step."""
        self.steps.append(step)
        self.values.append(np.asarray(values, float))

    def columns(self, last: int | None = None) -> dict[str, np.ndarray]:
        """All quantities, or those of the `last` few rows, as in `RunResult`."""
        start = 0 if last is None else len(self.steps) - last
        table = np.reshape(self.values[start:], (-1, len(COLUMNS)))
        raw = dict(zip(COLUMNS, table.T, strict=True))
        total = raw["potential_energy"] + raw["kinetic_energy"]
        volume = np.where(raw["volume"] > 0, raw["volume"], np.nan)
        steps = np.array(self.steps[start:], int)
        return dict(
            step=steps,
            time_fs=steps * self._timestep_fs,
            total_energy=total,
            potential_energy=raw["potential_energy"],
            kinetic_energy=raw["kinetic_energy"],
            conserved_energy=total + raw["bath_energy"],
            temperature_K=2.0 * raw["thermal_energy"] / self._degrees / units.kB,
            pressure_GPa=pressure_GPa(raw["virial"], raw["volume"]),
            volume_A3=volume,
            density_g_cm3=self._mass / volume * AMU_PER_A3,
            charge_iterations=raw["charge_iterations"].astype(int),
        )
