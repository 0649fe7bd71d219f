"""The command `benchmark`: how long energies and steps take on this machine."""

import time
from typing import Annotated

import typer

from ase_reaxff_jax.cli_options import Charge, Dtype, FField, Tolerance

EXAMPLE = "Example: reaxff-jax benchmark water.xyz --ffield cho --dtype mixed"
CALLS = 15  # of which the median is taken
MOVED = 0.002  # Å, between calls
PARTS = 5  # of the dynamics; those in which a program is compiled are not timed
SPACING = 3.107  # Å, of water molecules: 0.1 atoms/Å^3


def benchmark(
    structure: Annotated[
        str | None,
        typer.Argument(metavar="FILE", help="Any that ASE reads; none: water."),
    ] = None,
    ffield: FField = "cho",
    molecules: Annotated[
        int | None,
        typer.Option(min=1, help="Of water, where there is no FILE.  [216]"),
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Of dynamics.")] = 100,
    charge: Charge = 0.0,
    charge_tolerance: Tolerance = 1e-6,
    dtype: Dtype = "float64",
) -> None:
    """Measure energies and steps of dynamics.

    Other programs are not measured; `python -m benchmarks` in a clone of the project
    does that.
    """
    import numpy as np

    from ase_reaxff_jax import cli_tasks
    from ase_reaxff_jax.cli_tables import console, describe, fixed, table
    from ase_reaxff_jax.demo_reaction import mixture
    from ase_reaxff_jax.md import run

    if structure is None:
        atoms = mixture(["H2O"] * (molecules or 216), SPACING)
    elif molecules is not None:
        raise typer.BadParameter("has no effect with a FILE", param_hint="--molecules")
    else:
        atoms = cli_tasks.read_structure(structure)
    options = dict(charge=charge, charge_tolerance=charge_tolerance, dtype=dtype)
    calc = cli_tasks.calculator(ffield, **options)
    print(f"{structure or 'water'}: {describe(atoms)}; force field {ffield}, {dtype}")
    rng, moving, seconds = np.random.default_rng(0), atoms.copy(), []
    for _ in range(1 + CALLS):
        begun = time.perf_counter()
        calc.calculate(moving, ["energy", "forces"])
        seconds.append(time.perf_counter() - begun)
        moving.positions += MOVED * rng.uniform(-1.0, 1.0, moving.positions.shape)
    for _ in range(2):  # again, where a list grew in every part of it
        result = run(
            atoms, calc, ensemble="nve", steps=steps, temperature_K=0.0,
            log_every=-(-steps // PARTS), progress=False,
        )  # fmt: skip
        if np.isfinite(result.steps_per_second):
            break
    made = table("Time", "", ["ms", "µs/atom", "per second"])
    for name, each in (
        ("the first call: programs are compiled, or read", seconds[0]),
        (f"a call, energy and forces (median of {CALLS})", np.median(seconds[1:])),
        (f"a step of dynamics (mean of {steps})", 1.0 / result.steps_per_second),
    ):
        per_atom = fixed(1e6 * each / len(atoms), 1)
        made.add_row(name, fixed(1e3 * each, 2), per_atom, fixed(1.0 / each, 1))
    console().print(made)
