"""The command `reaxff-jax md`."""

from pathlib import Path
from typing import Annotated, Any

import typer
from ase.calculators.calculator import InputError

from ase_reaxff_jax import cli_input
from ase_reaxff_jax.cli_options import (
    Charge,
    Dtype,
    FField,
    Neighbors,
    Structure,
    Tolerance,
)

EXAMPLE = (
    "Example: reaxff-jax md water.xyz --ffield cho --ensemble nvt-csvr --steps 20000 "
    "--temperature 300 --trajectory run.extxyz --log run.csv; or, with all this in a "
    "file: reaxff-jax md --input run.yaml"
)
OF_THE_CALCULATOR = ("charge", "charge_tolerance", "dtype", "neighbors")
SHOWN = 6  # kinds of molecules in the summary


def md(
    structure: Structure,
    ffield: FField,
    steps: Annotated[int, typer.Option(min=0, help="Number of the last step.")],
    ensemble: Annotated[
        str,
        typer.Option(
            help="nve, nvt-langevin, nvt-nose-hoover, nvt-csvr, nvt-berendsen, "
            "npt-scr, npt-berendsen or npt-mtk."
        ),
    ] = "nvt-langevin",
    timestep_fs: Annotated[float, typer.Option("--timestep", help="fs.")] = 0.25,
    temperature_K: Annotated[
        str,
        typer.Option("--temperature", help="K; 300:2000 is a ramp over the run."),
    ] = "300",
    tau_fs: Annotated[
        float | None, typer.Option("--tau", help="Of the thermostat, fs.  [100]")
    ] = None,
    pressure_GPa: Annotated[
        str | None,
        typer.Option("--pressure", help="GPa, or a ramp; for the npt ensembles."),
    ] = None,
    pressure_tau_fs: Annotated[
        float | None,
        typer.Option("--pressure-tau", help="Of the barostat, fs.  [1000]"),
    ] = None,
    compressibility_per_GPa: Annotated[
        float | None,
        typer.Option("--compressibility", help="Of the material, 1/GPa.  [0.5]"),
    ] = None,
    cell: Annotated[
        str | None,
        typer.Option(
            help="What changes: isotropic, orthorhombic or full.  [isotropic]"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of velocities and noise.")] = 0,
    log_every: Annotated[int, typer.Option(min=1, help="Steps between rows.")] = 10,
    trajectory: Annotated[
        list[Path] | None,
        typer.Option(
            help='.extxyz, .traj, .lammpstrj (units "real") or .h5md; repeatable.'
        ),
    ] = None,
    trajectory_every: Annotated[
        int | None, typer.Option(min=1, help="Steps between frames.")
    ] = None,
    log: Annotated[Path | None, typer.Option(help="CSV file.")] = None,
    bonds: Annotated[
        Path | None, typer.Option(help="As LAMMPS's fix reaxff/bonds.")
    ] = None,
    species: Annotated[
        Path | None, typer.Option(help="As LAMMPS's fix reaxff/species.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(help="PNG of energy, temperature, molecules.")
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="To continue from with --restart.")
    ] = None,
    checkpoint_every: Annotated[
        int | None, typer.Option(min=1, help="Steps between checkpoints.  [1000]")
    ] = None,
    restart: Annotated[
        bool,
        typer.Option(
            help="Continue from the checkpoint, with the options that the run had; "
            "more --steps extend it."
        ),
    ] = False,
    overwrite: Annotated[bool, typer.Option(help="Replace files that exist.")] = False,
    max_temperature_K: Annotated[
        float | None,
        typer.Option("--max-temperature", help="K; above it the run fails."),
    ] = None,
    max_displacement_A: Annotated[
        float | None,
        typer.Option(
            "--max-displacement",
            help="Å, of an atom in a step; above it the run fails.",
        ),
    ] = None,
    wall_time_s: Annotated[
        float | None,
        typer.Option("--wall-time", help="Seconds, after which the run ends."),
    ] = None,
    progress: Annotated[bool, typer.Option(help="Show a progress bar.")] = True,
    charge: Charge = 0.0,
    charge_tolerance: Tolerance = 1e-6,
    dtype: Dtype = "float64",
    neighbors: Neighbors = "auto",
    input_file: Annotated[
        Path | None,
        cli_input.option(
            "YAML file with FILE and options by their names, `structure: FILE`, "
            "`temperature_K: 300`; those of the command line go first."
        ),
    ] = None,
    write_input: cli_input.WriteInput = None,
) -> None:
    """Molecular dynamics, the whole trajectory on the device.

    Atoms without velocities start with those of the temperature. Ctrl-C and SIGTERM
    write the checkpoint, if one is wanted, and end the run, with the exit codes 130 and
    143.
    """
    given = dict(locals())
    from ase_reaxff_jax import cli_tasks
    from ase_reaxff_jax.md.driver import carried_out

    del given["input_file"], given["write_input"]
    as_given = dict(given)
    files = [*(trajectory or []), log, bonds, species, picture, checkpoint]
    outputs = [path for path in files if path is not None]
    if write_input is not None:
        _check_input(write_input, outputs, overwrite=overwrite)

    def accepted() -> None:
        if write_input is not None:
            cli_input.write(write_input, as_given)

    options = {name: given.pop(name) for name in OF_THE_CALCULATOR}
    atoms, calc = (
        cli_tasks.read_structure(given.pop("structure")),
        cli_tasks.calculator(given.pop("ffield"), **options),
    )
    print(f"{structure}: {cli_tasks.describe(atoms)}; force field {ffield}")
    given |= {
        "temperature_K": _target("--temperature", temperature_K),
        "pressure_GPa": _target("--pressure", pressure_GPa),
        "trajectory": list(trajectory or []),
    }
    # The rest has the names of the arguments of `run`.
    given |= {"atoms": atoms, "calc": calc, "stop": None}
    result = carried_out(given, accepted)
    _show(result, timestep_fs, checkpoint)
    written = outputs if write_input is None else [*outputs, write_input]
    if written:
        print(f"wrote {', '.join(map(str, written))}")


def _check_input(path: Path, outputs: list[Path], *, overwrite: bool) -> None:
    """Says before the run that its options cannot be written to this file."""
    from ase_reaxff_jax.md import filenames
    from ase_reaxff_jax.md.outputs.files import check_name

    filenames.check_different([*dict.fromkeys(outputs), path])
    check_name(path)
    filenames.check_new([path], overwrite=overwrite, restart=False, checkpoint=None)


def _target(option: str, text: str | None) -> float | tuple[float, float] | None:
    """A number, the two ends of a ramp, or nothing."""
    if text is None:
        return None
    try:
        ends = [float(part) for part in text.split(":")]
    except ValueError:
        ends = []
    if len(ends) not in (1, 2):
        raise InputError(f"{option} {text!r} is neither a number nor START:STOP")
    return ends[0] if len(ends) == 1 else (ends[0], ends[1])


def _show(result: Any, timestep_fs: float, checkpoint: Path | None) -> None:
    """What became of the run, in a few lines."""
    from ase_reaxff_jax.cli_tables import console

    out, atoms = console(), len(result.atoms)
    reached = result.atoms.info  # between rows where the run was stopped
    ended = f", ended early: {result.stopped}" if result.stopped else ""
    if result.stopped and checkpoint is not None:
        ended += f"; {checkpoint} has this step, --restart goes on from there"
    out.print(
        f"{reached['step']} steps, {reached['time_fs']:g} fs{ended}",
        markup=False, emoji=False, highlight=False, soft_wrap=True,
    )  # fmt: skip
    half = slice(len(result.step) // 2, None)
    out.print(f"Temperature: {result.temperature_K[half].mean():.1f} K (second half)")
    energies = result.total_energy
    out.print(f"Total energy: {energies[0]:.6f} -> {energies[-1]:.6f} eV")
    conserved = result.conserved_energy
    if conserved[-1] == conserved[-1]:
        drift = 1000 * (conserved[-1] - conserved[0]) / atoms
        out.print(f"Conserved quantity: {drift:+.4f} meV/atom since the start")
    if result.pressure_GPa[-1] == result.pressure_GPa[-1]:
        pressure, density = result.pressure_GPa[half], result.density_g_cm3[half]
        out.print(
            f"Pressure: {pressure.mean():.3f} GPa; density: {density.mean():.4f} g/cm^3"
        )
    main = sorted(result.species[-1].items(), key=lambda item: -item[1])[:SHOWN]
    out.print("Molecules at the end: " + ", ".join(f"{n} {name}" for name, n in main))
    if result.reactions:
        out.print(f"Reactions: {len(result.reactions)}")
    if result.steps_per_second == result.steps_per_second:
        speed = result.steps_per_second
        per_day = speed * timestep_fs * 86_400 / 1e6
        per_atom = 1e6 / speed / atoms
        out.print(
            f"{speed:.3g} steps/s, {per_day:.3g} ns/day, "
            f"{per_atom:.1f} µs per atom and step"
        )
