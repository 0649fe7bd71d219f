"""The command `fit`: a force field that reproduces a training set.

Options of jaxreaxff that mean the same are known by their old names as well.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ase_reaxff_jax import cli_input
from ase_reaxff_jax.cli_errors import INTERRUPTED
from ase_reaxff_jax.cli_evaluate import (
    Balanced,
    ForceFieldFile,
    Form,
    Geo,
    Images,
    Loss,
    Minimize,
    Trainset,
    Unusable,
    read_data,
    show,
)

EXAMPLE = (
    "Example: reaxff-jax fit --ffield ffield --geo geo --trainset trainset.in "
    "--params params --out fitted; or, with all this in a file: reaxff-jax fit --input "
    "fit.yaml"
)
FILES = (
    "ffield_best, history.csv, items.csv, parameters.csv, correlations.csv, and "
    "pictures where matplotlib is installed"
)


class Start(StrEnum):
    """Where trials start."""

    fixed = "fixed"
    educated = "educated"
    random = "random"


def fit(
    ffield: ForceFieldFile,
    params: Annotated[
        Path, typer.Option(help="File of the parameters to fit, with their bounds.")
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", "--out_folder", help="Folder, to be made.")
    ],
    geo: Geo = None,
    trainset: Trainset = None,
    images: Images = None,
    optimizer: Annotated[
        str,
        typer.Option(
            "--optimizer",
            "--opt_method",
            help="auto (multi-start), least-squares, lbfgs, slsqp, trust-constr, "
            "adam, cma-es or multi-start.",
        ),
    ] = "auto",
    steps: Annotated[
        int, typer.Option("--steps", "--num_steps", min=1, help="Of a trial, at most.")
    ] = 100,
    trials: Annotated[
        int, typer.Option("--trials", "--num_trials", min=1, help="How often to start.")
    ] = 1,
    processes: Annotated[
        int,
        typer.Option(min=1, help="How many trials run at once, each by a process."),
    ] = 1,
    start: Annotated[
        Start, typer.Option("--start", "--init_FF_type", help="Where to start.")
    ] = Start.fixed,
    seed: Annotated[int, typer.Option(min=0, help="Of all random numbers.")] = 0,
    perturb: Annotated[
        float,
        typer.Option(
            "--perturb",
            "--perc_noise_when_stuck",
            help="Share of the ranges by which to push where it is stuck; 0: never.",
        ),
    ] = 0.02,
    validation_geo: Annotated[
        list[Path] | None,
        typer.Option(
            "--validation-geo",
            "--valid_geo_file",
            help="Structures to judge the result by; may be given again.",
        ),
    ] = None,
    validation_trainset: Annotated[
        Path | None,
        typer.Option(
            "--validation-trainset", "--valid_file", help="Their reference values."
        ),
    ] = None,
    validation_images: Annotated[
        list[Path] | None,
        typer.Option(help="Instead of both: structures with results, as --images."),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="End a trial after so many improvements that do not lower the "
            "loss of the validation data.",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the fit in the folder.")
    ] = False,
    loss: Form = Loss.squares,
    balanced: Balanced = False,
    minimize: Minimize = True,
    skip_unusable: Unusable = False,
    progress: Annotated[bool, typer.Option(help="Show a progress bar.")] = True,
    input_file: Annotated[
        Path | None,
        cli_input.option(
            "YAML file with options by their names, `ffield: FILE`, `steps: 50`; "
            "those of the command line go first."
        ),
    ] = None,
    write_input: cli_input.WriteInput = None,
) -> None:
    """Fit parameters of a force field to a training set.

    The best force field so far is always in the folder, in full precision. Ctrl-C ends
    the fit and keeps it; --resume goes on with one that was ended or killed.
    """
    given = dict(locals())
    from ase_reaxff_jax.fit import fit as fitted

    del given["input_file"], given["write_input"]
    given |= {"start": start.value, "loss": loss.value}
    as_given = dict(given)
    if write_input is not None and write_input.exists():
        raise FileExistsError(f"{write_input} exists; move it away, or name another")
    for name in ("geo", "trainset", "images", "skip_unusable"):
        del given[name]
    data = read_data(geo, trainset, images, skip_unusable=skip_unusable)
    files = [given.pop(f"validation_{n}") for n in ("geo", "trainset", "images")]
    given["validation"] = None
    if any(files):
        given["validation"] = read_data(
            *files, skip_unusable=skip_unusable, option="--validation-{}"
        )
    if write_input is not None:
        cli_input.write(write_input, as_given)
    result = fitted(data=data, **given)  # the rest has the names of its arguments
    _show(result)
    print(f"wrote {out}: {FILES}")
    if result.interrupted:
        raise SystemExit(INTERRUPTED)


def _show(result: Any) -> None:
    """What became of the fit."""
    from ase_reaxff_jax.cli_fit_tables import show_uncertainty
    from ase_reaxff_jax.cli_tables import console

    show(result.report, 10)
    show_uncertainty(result.uncertainty, console())
    print(f"loss {result.loss:.6g} after {len(result.history)} evaluations")
    if result.validation is not None:
        print(f"loss of the validation data {result.validation.loss:.6g}")
    if result.failures:
        print(f"{len(result.failures)} sets of parameters had no loss; the first: "
              f"{result.failures[0]}")  # fmt: skip
    for parameter in result.at_bounds:
        print(f"at a bound: {parameter.name or tuple(parameter.address)} "
              f"({parameter.low:g} to {parameter.high:g})")  # fmt: skip
    for finding in result.suspicious:
        print(finding)
