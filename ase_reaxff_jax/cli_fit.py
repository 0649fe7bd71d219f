"""The commands `fit` and `evaluate`: a force field and a training set."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ase_reaxff_jax.cli_options import FField

EVALUATE = "Example: reaxff-jax evaluate --ffield ffield --geo geo --trainset trainset"
FIT = (
    "Example: reaxff-jax fit --ffield ffield --geo geo --trainset trainset.in "
    "--params params --out fitted"
)


class Loss(StrEnum):
    """Forms of the loss."""

    squares = "squares"
    absolute = "absolute"
    huber = "huber"


class Optimizer(StrEnum):
    """Ways to minimise it."""

    auto = "auto"
    least_squares = "least-squares"
    lbfgs = "lbfgs"
    slsqp = "slsqp"
    trust_constr = "trust-constr"


class Start(StrEnum):
    """Where trials start."""

    fixed = "fixed"
    educated = "educated"
    random = "random"


Geo = Annotated[
    list[Path], typer.Option("--geo", help="File of structures; may be given again.")
]
Trainset = Annotated[
    Path, typer.Option("--trainset", "--train_file", help="File of reference values.")
]
Minimize = Annotated[
    bool,
    typer.Option(
        "--minimize/--no-minimize", help="Minimise the structures that ask for it."
    ),
]
Unusable = Annotated[
    bool,
    typer.Option(
        "--skip-unusable", help="Leave items out that cannot be used, and list them."
    ),
]


def evaluate(
    ffield: FField,
    geo: Geo,
    trainset: Trainset,
    minimize: Minimize = True,
    loss: Annotated[Loss, typer.Option(help="Form of the loss.")] = Loss.squares,
    skip_unusable: Unusable = False,
    largest: Annotated[
        int, typer.Option(min=0, help="How many of the worst items to show.")
    ] = 10,
) -> None:
    """The loss of a force field for a training set, by kind and by item."""
    from ase_reaxff_jax.fit import evaluate as evaluated

    data = _data(geo, trainset, skip_unusable)
    show(evaluated(ffield, data, minimize=minimize, loss=loss.value), largest)


def fit(
    ffield: FField,
    geo: Geo,
    trainset: Trainset,
    params: Annotated[
        Path, typer.Option(help="File of the parameters to fit, with their bounds.")
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", "--out_folder", help="Folder, to be made.")
    ],
    optimizer: Annotated[
        Optimizer, typer.Option(help="auto is least-squares.")
    ] = Optimizer.auto,
    steps: Annotated[int, typer.Option(min=1, help="Iterations of a trial.")] = 100,
    trials: Annotated[int, typer.Option(min=1, help="How often to start.")] = 1,
    start: Annotated[Start, typer.Option(help="Where to start.")] = Start.fixed,
    seed: Annotated[int, typer.Option(help="Of random starts.")] = 0,
    minimize: Minimize = True,
    loss: Annotated[Loss, typer.Option(help="Form of the loss.")] = Loss.squares,
    skip_unusable: Unusable = False,
) -> None:
    """Fit parameters of a force field to a training set.

    The best force field so far is always in the folder, in full precision. Ctrl-C ends
    the fit and keeps it.
    """
    from ase_reaxff_jax.fit import fit as fitted

    data = _data(geo, trainset, skip_unusable)
    result = fitted(
        ffield, data, params, optimizer=optimizer.value, steps=steps, trials=trials,
        start=start.value, seed=seed, out=out, loss=loss.value, minimize=minimize,
    )  # fmt: skip
    show(result.report, 10)
    print(f"loss {result.loss:.6g} after {len(result.history)} evaluations", end="")
    print(" (interrupted)" if result.interrupted else "")
    if result.failures:
        print(f"{len(result.failures)} sets of parameters had no loss; the first: "
              f"{result.failures[0]}")  # fmt: skip
    for parameter in result.at_bounds:
        print(f"at a bound: {parameter.name or tuple(parameter.address)} "
              f"({parameter.low:g} to {parameter.high:g})")  # fmt: skip
    print(f"wrote {out}: ffield_best, history.csv")


def _data(geo: list[Path], trainset: Path, skip_unusable: bool) -> Any:
    from ase_reaxff_jax.fit import TrainingSet

    return TrainingSet.read(
        geo=geo, trainset=trainset, on_unusable="warn" if skip_unusable else "error"
    )


def show(report: Any, largest: int) -> None:
    """Prints the loss by kind, and the items that cost most."""
    from ase_reaxff_jax.cli_tables import console, fixed, table

    count: dict[str, int] = {}
    for item in report.items:
        count[item.kind] = count.get(item.kind, 0) + 1
    made = table("Loss", "kind", ["items", "loss"])
    for kind, value in report.by_kind().items():
        made.add_row(kind, str(count[kind]), fixed(value, 2))
    made.add_section()
    made.add_row("total", str(len(report.items)), fixed(report.loss, 2))
    out = console()
    out.print(made)
    if largest:
        made = table("Largest", "item", ["reference", "value", "sigma", "loss"])
        for item in report.largest(largest):
            numbers = item.reference, item.value, item.sigma, item.contribution
            made.add_row(item.name, *(fixed(x, 3) for x in numbers))
        out.print(made)
    if report.minimized:
        print(f"{report.converged} of {report.minimized} structures were minimised to "
              "the end")  # fmt: skip
    for name, why in report.failed.items():
        print(f"{name} was not: {why}")
