"""The command `evaluate`: a force field against a training set."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

EXAMPLE = (
    "Example: reaxff-jax evaluate --ffield ffield --geo geo --trainset trainset.in; "
    "with structures that carry results of another method: reaxff-jax evaluate "
    "--ffield ffield --images dft.extxyz"
)


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
    list[Path] | None,
    typer.Option("--geo", help="File of structures; may be given again."),
]
Trainset = Annotated[
    Path | None,
    typer.Option("--trainset", "--train_file", help="File of reference values."),
]
Images = Annotated[
    list[Path] | None,
    typer.Option(
        "--images",
        help="Instead of both: structures with energies, forces, stress, charges or "
        "dipoles, in any format that ASE reads (extxyz, traj, db); may be given again.",
    ),
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
    geo: Geo = None,
    trainset: Trainset = None,
    images: Images = None,
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

    data = read_data(geo, trainset, images, skip_unusable=skip_unusable)
    report = evaluated(
        ffield, data, minimize=minimize, loss=loss.value, balanced=balanced, out=out
    )
    show(report, largest)
    if out is not None:
        print(f"wrote {out}: items.csv, and parity.png where matplotlib is installed")


def read_data(
    geo: list[Path] | None,
    trainset: Path | None,
    images: list[Path] | None,
    *,
    skip_unusable: bool,
    option: str = "--{}",
) -> Any:
    """The training set in these files; `option` is how their options are called."""
    from ase_reaxff_jax.fit.input_errors import LEAVE_OUT, FitInputError

    names = [option.format(name) for name in ("geo", "trainset", "images")]
    if bool(images) == bool(geo) or bool(geo) != (trainset is not None):
        raise typer.BadParameter(
            "give {} and {}, or {} alone".format(*names), param_hint=", ".join(names)
        )
    try:
        return _read(geo, trainset, images or [], skip_unusable)
    except FitInputError as error:
        raise FitInputError(str(error).replace(LEAVE_OUT, "--skip-unusable")) from error


def _read(geo: Any, trainset: Any, images: list[Path], skip_unusable: bool) -> Any:
    from ase_reaxff_jax.fit import TrainingSet
    from ase_reaxff_jax.fit.input_errors import OnUnusable

    on_unusable: OnUnusable = "warn" if skip_unusable else "error"
    if geo:
        return TrainingSet.read(geo=geo, trainset=trainset, on_unusable=on_unusable)
    found = [atoms for path in images for atoms in _all_images(path)]
    return TrainingSet.from_atoms(found, on_unusable=on_unusable)


def _all_images(path: Path) -> Any:
    from ase_reaxff_jax.cli_tasks import read_structures
    from ase_reaxff_jax.fit.trainset_files import read_db

    return (
        read_db(path, "") if path.suffix == ".db" else read_structures(str(path), ":")
    )


def show(report: Any, largest: int) -> None:
    """Prints the loss by kind, and the items that cost most."""
    from ase_reaxff_jax.cli_tables import console, fixed, table

    def loss(value: float, digits: int) -> str:
        return f"{value:.3g}" if report.loss < 1 else fixed(value, digits)

    count: dict[str, int] = {}
    for item in report.items:
        count[item.kind] = count.get(item.kind, 0) + 1
    made = table("Loss", "kind", ["items", "loss"])
    for kind, value in report.by_kind().items():
        made.add_row(kind, str(count[kind]), loss(value, 2))
    made.add_section()
    made.add_row("total", str(len(report.items)), loss(report.loss, 2))
    out = console()
    out.print(made)
    if largest:
        made = table("Largest", "item", ["reference", "value", "sigma", "loss"])
        for item in report.largest(largest):
            numbers = (fixed(x, 3) for x in (item.reference, item.value, item.sigma))
            made.add_row(item.name, *numbers, loss(item.contribution, 3))
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
