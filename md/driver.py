"""`run`: molecular dynamics, from Atoms to results."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ase import Atoms

from ase_reaxff_jax.calculator import JaxReaxFF
from ase_reaxff_jax.md import signals
from ase_reaxff_jax.md.arguments import Arguments
from ase_reaxff_jax.md.conditions import Target
from ase_reaxff_jax.md.frames import Frame
from ase_reaxff_jax.md.session import Session
from ase_reaxff_jax.report import explained

PathLike = str | Path
Number = Any  # whatever is given instead is refused with words


def run(
    atoms: Atoms | list[Atoms],
    calc: JaxReaxFF | None = None,
    *,
    steps: Number,
    ensemble: str = "nvt-langevin",
    timestep_fs: Number = 0.25,
    temperature_K: Target = 300.0,
    tau_fs: Number = 100.0,
    pressure_GPa: Target | None = None,
    pressure_tau_fs: Number = 1000.0,
    compressibility_per_GPa: Number = 0.5,
    cell: str = "isotropic",
    seed: Number = 0,
    log_every: Number = 10,
    trajectory: PathLike | list[PathLike] | None = None,
    trajectory_every: Number | None = None,
    log: PathLike | None = None,
    bonds: PathLike | None = None,
    species: PathLike | None = None,
    picture: PathLike | None = None,
    checkpoint: PathLike | None = None,
    checkpoint_every: Number = 1000,
    restart: bool = False,
    overwrite: bool = False,
    max_temperature_K: Number | None = None,
    max_displacement_A: Number | None = None,
    wall_time_s: Number | None = None,
    stop: Callable[[Frame], bool] | None = None,
    progress: bool = True,
) -> Any:
    """Molecular dynamics; the trajectory stays on the device between outputs.

    Args:
        atoms: The structure, which is not changed; or a list of structures of at most
            256 atoms each, which advance together as one batch.
        calc: The calculator; None takes that of the atoms.
        steps: Number of the last step; the first is 0.
        ensemble: "nve", "nvt-langevin", "nvt-nose-hoover", "nvt-csvr",
            "nvt-berendsen", "npt-scr" (stochastic cell rescaling with CSVR),
            "npt-berendsen" or "npt-mtk".
        timestep_fs: Length of a step.
        temperature_K: A number, (start, stop) of a ramp over the run, or a function of
            the time in fs; of many structures a list of those. Atoms without momenta
            get velocities of exactly the temperature at the start; NVE makes no other
            use of it.
        tau_fs: Relaxation time of the thermostat; Langevin's friction is 1/tau.
        pressure_GPa: As the temperature; needed by the "npt" ensembles, and refused by
            the others.
        pressure_tau_fs: Relaxation time of the barostat.
        compressibility_per_GPa: Of the material, roughly; "npt-scr" and
            "npt-berendsen" need it to have the relaxation time.
        cell: What the barostat may change: "isotropic", "orthorhombic" (the lengths
            of a cell along x, y and z) or "full".
        seed: Of velocities and noise; the systems of a batch have seed, seed + 1, ...
        log_every: Steps between rows of the log and of the result.
        trajectory: Files, by suffix: .extxyz, .traj, .lammpstrj, .h5md. Those of a
            batch are numbered: run-0.extxyz, ...
        trajectory_every: Steps between frames; None: `log_every`.
        log: CSV file.
        bonds: File in the format of LAMMPS's `fix reaxff/bonds`, each `log_every`.
        species: File in the format of LAMMPS's `fix reaxff/species`.
        picture: PNG of energy, temperature and molecules against time, drawn at the
            end; needs matplotlib.
        checkpoint: File from which `restart` continues; the one before is kept too.
        checkpoint_every: Steps between checkpoints.
        restart: Continue from the checkpoint if there is one. The result and the files
            are then those of a run without interruption.
        overwrite: Replace files that exist.
        max_temperature_K: Above it the run ends with an error.
        max_displacement_A: The same for the way of an atom in one step.
        wall_time_s: After it the run writes a checkpoint and ends.
        stop: Called with the frame of each row; True ends the run.
        progress: Whether to show a progress bar.

    Returns:
        A `RunResult`; of a list of structures a list of them.

    Raises:
        InputError: an argument or the structure cannot be used.
        NotImplementedError: the atoms have another constraint than FixAtoms and
            FixCartesian.
        SimulationBlewUp: a step failed; the last good frame is in its `atoms` and in
            `crash.extxyz` beside the other files.
        CheckpointError: the checkpoint is damaged, or of another run.
        FileExistsError: an output exists, and neither `restart` nor `overwrite`.
    """
    given = dict(locals())
    arguments = Arguments(**given)
    calculator = arguments.calculator()
    count = sum(map(len, arguments.structures))
    with explained(count, calculator.force_field), signals.heeded() as interrupts:
        session = Session(arguments, calculator, interrupts)
        results = session.run()
    interrupts.leave()
    return results if arguments.batched else results[0]
