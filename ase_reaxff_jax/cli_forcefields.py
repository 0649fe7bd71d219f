"""What `forcefields` prints, and how `convert` rewrites a parameter file."""

from pathlib import Path

import equinox as eqx
from ase.calculators.calculator import ReadError

from ase_reaxff_jax.bundled import UnknownForceFieldError, find, forcefields, load
from ase_reaxff_jax.cli_tables import console, table
from ase_reaxff_jax.ffield.lint import lint
from ase_reaxff_jax.ffield.schema import SECTIONS
from ase_reaxff_jax.ffield.write import write_ffield
from ase_reaxff_jax.forcefield import ForceField

ROWS = list(SECTIONS)[1:]  # the sections that have rows of elements


def show_all() -> None:
    """Names, elements and publications of the bundled force fields."""
    print(forcefields())
    print("\n`reaxff-jax forcefields NAME` describes one.")


def show_one(name: str) -> None:
    """Elements, origin, and how many rows each section has."""
    field = load(name)
    out = console()
    out.print(f"{name}: {field.description}", markup=False)
    out.print(f"elements: {' '.join(field.elements)}")
    # A file of that name goes before the bundled one.
    entries = {} if Path(name).is_file() else {f"{e.name}.ff": e for e in forcefields()}
    if entry := entries.get(find(name).name):
        out.print(f"made for: {entry.topic}", markup=False)
        for work in entry.citation.split("; "):
            out.print(f"cite: {work}", markup=False, soft_wrap=True)
        out.print(f"numbers from: {entry.source}", markup=False)
        if entry.notes:
            out.print(f"note: {entry.notes}", markup=False)
    made = table("\nParameters", "section", ["rows", "columns"])
    made.add_row("general", "1", str(len(field.general)))
    for section in ROWS:
        rows, columns = getattr(field, section).shape
        made.add_row(section, str(rows), str(columns))
    out.print(made)


def show_findings(name: str) -> None:
    """What the linter says; nothing is wrong for sure, so the exit code stays 0."""
    findings = lint(load(name))
    for finding in findings:
        print(finding)
    print(f"{len(findings)} finding{'s' * (len(findings) != 1)} in {name}")


def is_parameter_file(name: str) -> bool:
    """Whether `convert` should take this for a force field, not for a structure."""
    path = Path(name)
    if not path.is_file():
        try:
            find(name)
        except UnknownForceFieldError:
            return False
        return True
    if path.name.startswith("ffield") or path.suffix in (".ff", ".ffield", ".reax"):
        return True
    with path.open(encoding="utf-8", errors="replace") as file:
        _, second = file.readline(500), file.readline(500)
    return "general parameters" in second.lower()


def rewrite(source: str, target: Path) -> str:
    """Writes a parameter file anew; says what was read and written."""
    field: ForceField = load(source)
    write_ffield(target, field)
    if not eqx.tree_equal(field, load(target)):
        raise ReadError(f"{target} does not read back as it was written")
    rows = ", ".join(f"{len(field.types(s))} {s.replace('_', ' ')}" for s in ROWS)
    return (
        f"{source} -> {target}: every number kept, comments are not\n"
        f"  elements {' '.join(field.elements)}; rows: {rows}; "
        f"{len(field.general)} general parameters"
    )
