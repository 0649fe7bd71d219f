"""The command `reaxff-jax`.

Exit codes: 0 done; 1 the calculation failed or did not converge; 2 the command line, a
file or the structure cannot be used; 3 a fault of this program; 130 ended by Ctrl-C;
143 ended by SIGTERM.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ase_reaxff_jax import (
    cli_benchmark,
    cli_errors,
    cli_evaluate,
    cli_fit,
    cli_md,
    compilation_cache,
)
from ase_reaxff_jax.cli_options import (
    Charge,
    Dtype,
    FField,
    Overwrite,
    Structure,
    Tolerance,
)

app = typer.Typer(
    name="reaxff-jax",
    help="ReaxFF, the reactive force field: energies, relaxation, dynamics, files.",
    epilog="Exit codes: 0 done; 1 failed or not converged; 2 unusable input; 3 a bug; "
    "130 Ctrl-C; 143 SIGTERM.",
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool | None) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"reaxff-jax {version('ase-reaxff-jax')}, jax {version('jax')}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error.")
    ] = False,
    # None while typer only shows a help page.
    version: Annotated[
        bool | None,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Show the version."
        ),
    ] = None,
) -> None:
    """Options that every command has."""


@app.command(epilog="Example: reaxff-jax energy water.xyz --ffield cho")
def energy(
    structure: Structure,
    ffield: FField,
    charge: Charge = 0.0,
    charge_tolerance: Tolerance = 1e-8,
    dtype: Dtype = "float64",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print everything as JSON instead.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Structure file with results.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Energy by term, charges, forces, stress."""
    from ase_reaxff_jax import cli_tasks

    if output is not None:
        cli_tasks.check_writable(output)
        cli_tasks.check_new(output, overwrite=overwrite)
    elif overwrite:
        raise typer.BadParameter("has no effect without --output",
                                 param_hint="--overwrite")  # fmt: skip
    atoms = cli_tasks.read_structure(structure)
    atoms.calc = cli_tasks.calculator(
        ffield, charge=charge, charge_tolerance=charge_tolerance, dtype=dtype
    )
    report = cli_tasks.energy_report(atoms)
    if as_json:
        print(json.dumps({"structure": structure, "ffield": ffield, **report}))
    else:
        cli_tasks.show_energy(structure, ffield, atoms)
    if output is not None:
        cli_tasks.write_structure(output, atoms)
        print(f"wrote {output}: the structure with its results", file=sys.stderr)


@app.command(
    epilog="Example: reaxff-jax relax zno.cif --ffield znoh --cell --output relaxed.cif"
)
def relax(
    structure: Structure,
    ffield: FField,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The relaxed structure.")
    ],
    fmax: Annotated[float, typer.Option(help="Largest force allowed, eV/Å.")] = 0.01,
    steps: Annotated[
        int, typer.Option(min=1, help="Give up after so many steps.")
    ] = 1000,
    cell: Annotated[
        bool, typer.Option("--cell", help="Relax the cell as well.")
    ] = False,
    pressure: Annotated[
        float, typer.Option(help="Pressure on the cell, GPa; with --cell.")
    ] = 0.0,
    optimizer: Annotated[str, typer.Option(help="lbfgs or fire.")] = "lbfgs",
    charge: Charge = 0.0,
    charge_tolerance: Tolerance = 1e-8,
    dtype: Dtype = "float64",
    overwrite: Overwrite = False,
) -> None:
    """Relax the atoms, and with --cell the cell.

    Goes downhill to the nearest minimum of the energy. The exit code is 1 when the
    forces are not small enough after the last step; the structure reached is written
    all the same.
    """
    from ase_reaxff_jax import cli_tasks
    from ase_reaxff_jax.md import relaxation

    if fmax <= 0:
        raise typer.BadParameter("must be positive", param_hint="--fmax")
    if pressure and not cell:
        raise typer.BadParameter("a pressure needs --cell", param_hint="--pressure")
    atoms = cli_tasks.read_structure(structure)
    atoms.calc = cli_tasks.calculator(
        ffield, charge=charge, charge_tolerance=charge_tolerance, dtype=dtype
    )
    cli_tasks.check_writable(output)
    cli_tasks.check_new(output, overwrite=overwrite)
    print(f"{structure}: {cli_tasks.describe(atoms)}; force field {ffield}")
    outcome = relaxation.relax(
        atoms, fmax=fmax, cell=cell, pressure_GPa=pressure,
        optimizer=optimizer, steps=steps,
    )  # fmt: skip
    cli_tasks.write_structure(output, outcome.atoms)
    cli_tasks.show_relaxation(outcome, cell=cell)
    print(f"wrote {output}")
    cli_tasks.check_converged(outcome, fmax)


@app.command(epilog="Example: reaxff-jax forcefields cho --lint")
def forcefields(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="A bundled name, or an ffield file."),
    ] = None,
    lint: Annotated[
        bool, typer.Option("--lint", help="Name values that look wrong.")
    ] = False,
) -> None:
    """List the bundled force fields, or describe one."""
    from ase_reaxff_jax import cli_forcefields

    if name is None and lint:
        raise typer.BadParameter("name a force field to check", param_hint="--lint")
    if name is None:
        cli_forcefields.show_all()
    else:
        cli_forcefields.show_one(name)
        if lint:
            cli_forcefields.show_findings(name)


@app.command(epilog="Example: reaxff-jax convert quartz.cif quartz.extxyz")
def convert(
    source: Annotated[str, typer.Argument(metavar="IN", help="File to read.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="File to write.")],
    overwrite: Overwrite = False,
) -> None:
    """Rewrite a parameter or structure file.

    A bundled name or an ffield file is rewritten with every number kept; anything else
    is read and written by ASE, all frames.
    """
    from ase_reaxff_jax import cli_forcefields, cli_tasks

    cli_tasks.check_new(target, overwrite=overwrite)
    if cli_forcefields.is_parameter_file(source):
        print(cli_forcefields.rewrite(source, target))
    else:
        print(cli_tasks.convert_structures(source, target))


@app.command(epilog="Example: reaxff-jax demo --output reaxff-demo")
def demo(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for what it writes.")
    ] = Path("reaxff-demo"),
) -> None:
    """Show it all on small structures, in a minute.

    Energy terms beside those of LAMMPS, a relaxation of a crystal, a short combustion
    and its picture. Needs matplotlib.
    """
    from ase_reaxff_jax import demo as tour

    tour.run(output)


app.command(epilog=cli_md.EXAMPLE)(cli_md.md)
app.command(epilog=cli_evaluate.EXAMPLE)(cli_evaluate.evaluate)
app.command(epilog=cli_fit.EXAMPLE)(cli_fit.fit)
app.command(epilog=cli_benchmark.EXAMPLE)(cli_benchmark.benchmark)


def main(arguments: Sequence[str] | None = None) -> Any:
    """Runs one command; the process ends with its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    with cli_errors.reported(debug=debug):
        compilation_cache.enable()
        words = [word for word in given if word != "--debug"]
        return app(args=words, prog_name="reaxff-jax")
