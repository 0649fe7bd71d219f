"""Arguments and options that several commands have."""

from typing import Annotated

import typer

Structure = Annotated[
    str,
    typer.Argument(metavar="FILE", help="Any that ASE reads; FILE@3 is its frame 3."),
]
FField = Annotated[
    str, typer.Option("--ffield", "-f", help="A bundled name, or an ffield file.")
]
Charge = Annotated[float, typer.Option(help="Total charge, e.")]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace a file that exists.")
]
Tolerance = Annotated[
    float, typer.Option(help="Relative residual of the charge equations.")
]
Neighbors = Annotated[
    str, typer.Option(help="What finds them: vesin or jax-md; auto takes vesin.")
]
Dtype = Annotated[str, typer.Option(help="float64, mixed or float32.")]
