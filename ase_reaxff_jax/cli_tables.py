"""Tables that the command line prints."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from ase import Atoms
from ase.units import GPa
from rich import box
from rich.console import Console
from rich.table import Table

from ase_reaxff_jax.md.results import RunResult

VOIGT = ("xx", "yy", "zz", "yz", "xz", "xy")


def console() -> Console:
    """Standard output, at a width at which tables stay whole in a file or a pipe."""
    terminal = Console(highlight=False)
    return terminal if terminal.is_terminal else Console(highlight=False, width=100)


def table(title: str, first: str, numbers: Sequence[str]) -> Table:
    """An empty table: a column of names, then columns of numbers."""
    made = Table(
        title=title,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
    )
    made.add_column(first)
    for name in numbers:
        made.add_column(name, justify="right", no_wrap=True)
    return made


def fixed(value: float, digits: int = 6) -> str:
    """A number with so many decimals; zero has no sign."""
    return f"{round(float(value), digits) + 0.0:.{digits}f}"


def describe(atoms: Atoms) -> str:
    """Formula, size and periodicity in a few words."""
    axes = "".join(axis for axis, on in zip("xyz", atoms.pbc, strict=True) if on)
    where = f"periodic in {axes}" if axes else "not periodic"
    count = f"{len(atoms)} atom" + ("s" if len(atoms) != 1 else "")
    return f"{atoms.symbols.formula.format('hill')}, {count}, {where}"


def terms_table(terms: Mapping[str, float], energy: float, atoms: int) -> Table:
    """Energy by term; terms that are zero are left out."""
    made = table("Energy", "term", ["eV", "eV/atom"])
    for name, value in terms.items():
        if value != 0.0:
            made.add_row(name, fixed(value), fixed(value / atoms))
    made.add_section()
    made.add_row("total", fixed(energy), fixed(energy / atoms))
    return made


def charges_table(atoms: Atoms, charges: np.ndarray) -> Table:
    """Charges by element: mean, smallest, largest."""
    made = table("Charges (e)", "element", ["atoms", "mean", "smallest", "largest"])
    symbols = np.array(atoms.get_chemical_symbols())
    for symbol in dict.fromkeys(symbols):
        q = charges[symbols == symbol]
        numbers = (fixed(x) for x in (q.mean(), q.min(), q.max()))
        made.add_row(symbol, str(len(q)), *numbers)
    return made


def forces_line(forces: np.ndarray, atoms: Atoms) -> str:
    """The largest force and whose it is."""
    size = np.linalg.norm(forces, axis=1)
    worst = int(size.argmax())
    name = f"{atoms.symbols[worst]}, atom {worst} counted from 0"
    return f"Largest force: {fixed(size[worst])} eV/Å ({name})"


def stress_lines(stress: np.ndarray, *, bulk: bool) -> Iterable[str]:
    """Stress by component, and of a bulk structure the pressure."""
    named = ", ".join(f"{n} {fixed(s)}" for n, s in zip(VOIGT, stress, strict=True))
    yield f"Stress: {named} eV/Å^3"
    if bulk:
        yield f"Pressure: {pressure(stress)} GPa"


def pressure(stress: np.ndarray) -> str:
    """In GPa."""
    return fixed(-stress[:3].mean() / GPa, 4)


def species_table(result: RunResult, *, kinds: int = 6, rows: int = 6) -> Table:
    """Molecules of the commonest `kinds` against time, and the temperature."""
    total = sum(map(Counter, result.species), Counter())
    names = [name for name, _ in total.most_common(kinds)]
    made = table("Molecules", "fs", [*names, "K"])
    for k in np.unique(np.linspace(0, len(result.step) - 1, rows).round().astype(int)):
        counts = (str(result.species[k].get(name, 0)) for name in names)
        kelvin = fixed(result.temperature_K[k], 0)
        made.add_row(f"{result.time_fs[k]:g}", *counts, kelvin)
    return made
