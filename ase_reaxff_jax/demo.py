"""`reaxff-jax demo`: what the force field does, on structures from `ase.build`."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import ase.io
from ase import Atoms
from ase.build import bulk, molecule, surface
from ase.calculators.calculator import CalculationFailed
from rich.console import Console

from ase_reaxff_jax import JaxReaxFF, cli_tasks, demo_reaction
from ase_reaxff_jax.cli_tables import console, fixed, table
from ase_reaxff_jax.md import relax

LAMMPS_NUMBERS = "demo_lammps.json"  # made by tests/reference/make_demo_numbers.py
NOTHING = 5e-10  # eV; terms that would print as zero are left out
AGREE = 1e-6  # eV; more is a fault


@dataclass(frozen=True)
class Case:
    """A structure, and the bundled force field that is made for it."""

    title: str
    force_field: str
    build: Callable[[], Atoms]


def ethanol() -> Atoms:
    """Six molecules a cell, near enough for hydrogen bonds."""
    one = molecule("CH3CH2OH", vacuum=1.2, pbc=True)
    return one.repeat((1, 2, 3))


def zinc_oxide() -> Atoms:
    """A crystal whose cell is much smaller than the cutoff of 10 Å."""
    return bulk("ZnO", "wurtzite", a=3.25, c=5.2)


def zinc_oxide_slab() -> Atoms:
    """Four layers of it, periodic in two directions, with the bonds of a surface."""
    return surface(zinc_oxide(), (1, 0, 0), layers=2, vacuum=8.0)


CASES = (
    Case("ethanol, periodic", "cho", ethanol),
    Case("zinc oxide, a crystal of 4 atoms a cell", "znoh", zinc_oxide),
    Case("zinc oxide, a slab", "znoh", zinc_oxide_slab),
)


def run(folder: Path) -> None:
    """The whole tour; writes into `folder` and says what."""
    folder.mkdir(parents=True, exist_ok=True)
    # No parameter set has a row for every angle; here that would only be noise.
    log = logging.getLogger("ase_reaxff_jax")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        _tour(folder, console())
    finally:
        log.setLevel(level)


def _tour(folder: Path, out: Console) -> None:
    out.print("[bold]1. Energy terms beside LAMMPS[/bold] (stored numbers, eV)\n")
    worst = max(compare(case, out) for case in CASES)
    out.print(f"Largest difference of a term: {worst:.0e} eV\n")
    out.print("[bold]2. Relaxation of zinc oxide and its cell[/bold], 5 % too small\n")
    written = relaxation(folder, out)
    out.print(
        f"\n[bold]3. Methane burns[/bold], held at {demo_reaction.TEMPERATURE:.0f} K\n"
    )
    written |= demo_reaction.run(folder, out)
    out.print(f"\n[bold]Written to {folder.absolute()}[/bold]")
    for name, content in written.items():
        out.print(f"  {name:<20} {content}", markup=False)
    if worst > AGREE:
        raise CalculationFailed(
            f"a term differs from LAMMPS by {worst:.1e} eV, more than {AGREE:g} eV"
        )


def lammps_numbers() -> dict:
    """Energy terms of `CASES` by LAMMPS, eV."""
    return json.loads(files("ase_reaxff_jax").joinpath(LAMMPS_NUMBERS).read_text())


def compare(case: Case, out: Console) -> float:
    """Prints one structure's terms; returns the largest difference, eV."""
    atoms = case.build()
    ours = JaxReaxFF(case.force_field).get_energy_terms(atoms)
    stored = lammps_numbers()["terms_eV"][case.title]
    title = f"{case.title} (force field {case.force_field})"
    made = table(title, "term", ["LAMMPS", "here", "difference"])
    rows = {name: (stored[name], ours[name]) for name in stored}
    rows["total"] = sum(stored.values()), sum(ours.values())
    for name, (theirs, value) in rows.items():
        if name == "total":
            made.add_section()
        if max(abs(theirs), abs(value)) > NOTHING:
            difference = f"{abs(value - theirs):.0e}"
            made.add_row(name, fixed(theirs, 9), fixed(value, 9), difference)
    out.print(made)
    out.print()
    return max(abs(value - theirs) for theirs, value in rows.values())


def relaxation(folder: Path, out: Console) -> dict[str, str]:
    """Atoms and cell from a compressed, disturbed crystal; returns what was written."""
    atoms = zinc_oxide()
    atoms.set_cell(0.95 * atoms.cell, scale_atoms=True)
    atoms.rattle(0.05, seed=1)
    atoms.calc = JaxReaxFF("znoh")
    outcome = relax(atoms, cell=True, optimizer="lbfgs", steps=500)
    cli_tasks.show_relaxation(outcome, cell=True)
    ase.io.write(folder / "relaxed.extxyz", outcome.atoms)
    cli_tasks.check_converged(outcome, 0.01)
    return {"relaxed.extxyz": "relaxed zinc oxide, with energy, forces and stress"}
