"""The command `evaluate`: a force field against a training set."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

EXAMPLE = "Example: reaxff-jax evaluate --ffield ffield --geo geo --trainset trainset"


class Loss(StrEnum):
    """Forms of the loss."""

    squares = "squares"
    absolute = "absolute"
    huber = "huber"


ForceFieldFile = Annotated[
    str,
    typer.Option(
        "--ffield", "-f", "--init_FF", help="A bundled name, or an ffield file."
    ),
]
Geo = Annotated[
    list[Path], typer.Option("--geo", help="File of structures; may be given again.")
]
Trainset = Annotated[
    Path, typer.Option("--trainset", "--train_file", help="File of reference values.")
]
Form = Annotated[Loss, typer.Option(help="Form of the loss.")]
Balanced = Annotated[
    bool, typer.Option("--balanced", help="The same weight for each kind of items.")
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
    ffield: ForceFieldFile,
    geo: Geo,
    trainset: Trainset,
    minimize: Minimize = True,
    loss: Form = Loss.squares,
    balanced: Balanced = False,
    skip_unusable: Unusable = False,
    largest: Annotated[
        int, typer.Option(min=0, help="How many of the worst items to show.")
    ] = 10,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="Folder for all items (CSV) and a picture of them."
        ),
    ] = None,
) -> None:
    """The loss of a force field for a training set, by kind and by item."""
    from ase_reaxff_jax.fit import evaluate as evaluated

    data = read_data(geo, trainset, skip_unusable=skip_unusable)
    report = evaluated(
        ffield, data, minimize=minimize, loss=loss.value, balanced=balanced, out=out
    )
    show(report, largest)
    if out is not None:
        print(f"wrote {out}: items.csv, and parity.png where matplotlib is installed")


def read_data(geo: list[Path], trainset: Path, *, skip_unusable: bool) -> Any:
    """The training set in these files."""
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
    if report.saddles:
        some = ", ".join(report.saddles[:5])
        print(f"charges of {len(report.saddles)} structures are at a saddle point of "
              f"their energy (eta or gamma too small, or a dummy atom): {some}"
              + (", ..." if len(report.saddles) > 5 else ""))  # fmt: skip
