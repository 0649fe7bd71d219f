"""Files that a run writes: trajectories and logs that survive a killed process."""

from ase_reaxff_jax.md.outputs.trajectories import (
    Output,
    check_suffix,
    create,
    reopen,
)

__all__ = ["Output", "check_suffix", "create", "reopen"]
