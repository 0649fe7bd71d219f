"""Molecular dynamics and relaxation, whole trajectories on the device.

    from ase_reaxff_jax.md import run
    result = run(atoms, calc, ensemble="nvt-csvr", steps=10_000, temperature_K=300.0)

The source of this package lies in `md/` at the root of the repository; its import path
is `ase_reaxff_jax.md`, by the link `ase_reaxff_jax/md`. Nothing imports it as `md`: a
user's own script of that name would come first.
"""

from ase_reaxff_jax.md.driver import run
from ase_reaxff_jax.md.errors import CheckpointError, SimulationBlewUp
from ase_reaxff_jax.md.relaxation import RelaxResult, relax
from ase_reaxff_jax.md.results import RunResult

__all__ = [
    "CheckpointError",
    "RelaxResult",
    "RunResult",
    "SimulationBlewUp",
    "relax",
    "run",
]
