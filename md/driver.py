"""`run`: molecular dynamics, from Atoms to results."""

import logging
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ase import Atoms

from ase_reaxff_jax.calculator import JaxReaxFF
from ase_reaxff_jax.md import defaults, signals
from ase_reaxff_jax.md.arguments import Arguments
from ase_reaxff_jax.md.conditions import Target
from ase_reaxff_jax.md.frames import Frame
from ase_reaxff_jax.md.session import Session
from ase_reaxff_jax.report import explained

LOG = logging.getLogger("ase_reaxff_jax")
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
    tau_fs: Number | None = None,
    pressure_GPa: Target | None = None,
    pressure_tau_fs: Number | None = None,
    compressibility_per_GPa: Number | None = None,
    cell: str | None = None,
    seed: Number = 0,
    log_every: Number = 10,
    trajectory: PathLike | list[PathLike] | None = None,
    trajectory_every: Number | None = None,
    log: PathLike | None = None,
    bonds: PathLike | None = None,
    species: PathLike | None = None,
    picture: PathLike | None = None,
    checkpoint: PathLike | None = None,
    checkpoint_every: Number | None = None,
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
        calc: The calculator; None takes that of the atoms, which all structures of a
            list must share.
        steps: Number of the last step; the first is 0.
        ensemble: "nve", "nvt-langevin", "nvt-nose-hoover", "nvt-csvr",
            "nvt-berendsen", "npt-scr" (stochastic cell rescaling with CSVR),
            "npt-berendsen" or "npt-mtk".
        timestep_fs: Length of a step.
        temperature_K: A number, (start, stop) of a ramp over the run, or a function of
            the time in fs; of many structures a list of those. Atoms without momenta
            get velocities of exactly the temperature at the start; NVE makes no other
            use of it.
        tau_fs: Relaxation time of the thermostat, 100 unless given; Langevin's
            friction is 1/tau.
        pressure_GPa: As the temperature; needed by the "npt" ensembles, and refused by
            the others.
        pressure_tau_fs: Relaxation time of the barostat, 1000 unless given.
        compressibility_per_GPa: Of the material, roughly, 0.5 unless given;
            "npt-scr" and "npt-berendsen" need it to have the relaxation time.
        cell: What the barostat may change: "isotropic", unless given, "orthorhombic"
            (the lengths of a cell along x, y and z) or "full".
        seed: Of velocities and noise; the systems of a batch have seed, seed + 1, ...
        log_every: Steps between rows of the log and of the result.
        trajectory: Files, by suffix: .extxyz, .traj, .h5md, .lammpstrj. The last is in
            LAMMPS's units "real": `ase.io.read(file, units="real")`; its types number
            the elements in the order of the force field, as `bonds` does. Those of a
            batch are numbered: run-0.extxyz, ...
        trajectory_every: Steps between frames; None: `log_every`.
        log: CSV file of the rows. Its `conserved_energy_eV`, and the result's, is the
            total energy less what thermostat and barostat have given. It jumps by some
            meV where ReaxFF itself does, as where hydrogen bonds begin or end.
        bonds: File in the format of LAMMPS's `fix reaxff/bonds`, each `log_every`.
        species: File in the format of LAMMPS's `fix reaxff/species`.
        picture: .png of energy, temperature and molecules against time, drawn at the
            end; needs matplotlib.
        checkpoint: File from which `restart` continues; the one before is kept too.
        checkpoint_every: Steps between checkpoints, 1000 unless given.
        restart: Continue from the checkpoint if there is one. The result and the files
            are then those of a run without interruption, but for speeds. Structure,
            calculator, conditions and names of files must be the same, of a function of
            time its start is compared. `steps` may be more than before, unless there is
            a ramp; limits, `wall_time_s`, `stop`, `picture`, `checkpoint_every` and
            `progress` may change. Positions, cell and momenta are the checkpoint's;
            those given are not used.
        overwrite: Replace files that exist.
        max_temperature_K: Above it the run ends with an error.
        max_displacement_A: The same for the way of an atom in one step.
        wall_time_s: After it the run writes a checkpoint and ends.
        stop: Called with the frame of each row; True ends the run.
        progress: Whether to show a progress bar.

    Returns:
        A `RunResult`; of a list of structures a list of them.

    Raises:
        InputError: an argument or the structure cannot be used, or an argument would
            have no effect.
        NotImplementedError: the atoms have another constraint than FixAtoms and
            FixCartesian.
        SimulationBlewUp: a step failed; the last good frame is in its `atoms` and in
            `crash.extxyz` beside the other files.
        CheckpointError: the checkpoint is damaged, or of another run.
        FileExistsError: an output exists, and neither `restart` nor `overwrite`.
        OSError: an output cannot be written.
        KeyboardInterrupt: after Ctrl-C, when the checkpoint is written. SIGTERM ends
            the process then, with the code 143. A warning is logged with the step.
    """
    return carried_out(dict(locals()))


def carried_out(
    given: dict[str, Any], accepted: Callable[[], None] = lambda: None
) -> Any:
    """`run` with these arguments; `accepted` is called when none can be refused."""
    arguments = Arguments(**defaults.completed(given))
    calculator = arguments.calculator()
    count = sum(map(len, arguments.structures))
    with explained(count, calculator.force_field), signals.heeded() as interrupts:
        session = Session(arguments, calculator, interrupts)
        try:
            results = session.run(accepted)
        except KeyboardInterrupt:  # a second Ctrl-C, which does not wait
            LOG.warning("interrupted %s", session.where_it_ended())
            raise
    if interrupts.received is not None:
        name = signal.Signals(interrupts.received).name
        LOG.warning("ended by %s %s", name, session.where_it_ended())
    interrupts.leave()
    return results if arguments.batched else results[0]
