"""ReaxFF's geo files (BIOGRF, XTLGRF) for ASE: the format `reaxff-geo`.

One file holds any number of structures. `atoms.info["geo"]` keeps what ASE has no place
for, and is written again; it has those of these that the file has:

==================  ================================================================
"header"            "BIOGRF 200" or "XTLGRF 200"
"name"              of the structure (DESCRP)
"remarks"           list of texts (REMARK)
"run_types"         list of texts such as "NORMAL RUN" or "MAXIT 5" (RUTYPE)
"restraints"        list of dictionaries: "kind" (BOND, ANGLE, TORSION or MASCEN),
                    "atoms" (list), "target" (Å or degrees), "force1", "force2",
                    "change" (of the target, per iteration); of bonds also "start" and
                    "end" (iterations); of MASCEN "direction", and the atoms are the
                    first and last of two ranges
"molecule_charges"  list of dictionaries: "atoms" (first and last), "charge" (e)
"connections"       list of texts (CONECT); ReaxFF does not look at them
"energy"            number (ENERGY), in the unit "energy_unit" (UNIT ENERGY)
"other"             list of lines with keywords that mean nothing here
==================  ================================================================

Atoms count from 0, except in texts. Charges of atoms are ASE's initial charges; the
arrays "geo_names" and "geo_types" hold names and force-field types that differ from the
elements. FIXATOMS is a constraint `FixAtoms`. VCHANGE, the structure before at another
volume, is read as that structure, with the run type "NO CELL OPT". Comments, residues
and the columns of bonds and lone pairs are not kept.
"""

from collections.abc import Iterable
from typing import IO

from ase import Atoms
from ase.calculators.calculator import InputError
from ase.utils.plugins import ExternalIOFormat

from ase_reaxff_jax.geo.read import GeoError, structures
from ase_reaxff_jax.geo.write import structure

__all__ = ["REAXFF_GEO", "GeoError", "read_reaxff_geo", "write_reaxff_geo"]

REAXFF_GEO = ExternalIOFormat(
    desc="ReaxFF geo file (BIOGRF, XTLGRF)",
    code="+F",
    module="ase_reaxff_jax.geo",
    glob=["geo", "*.bgf"],
    ext="bgf",
    magic=[b"BIOGRF", b"XTLGRF"],
)


def read_reaxff_geo(
    fd: IO[str], index: int | slice = slice(None)
) -> Atoms | list[Atoms]:
    """The structures of a geo file, as `ase.io.read` wants them.

    Raises:
        GeoError: a line cannot be understood (a `ReadError` of ASE).
    """
    return list(structures(fd))[index]


def write_reaxff_geo(fd: IO[str], images: Iterable[Atoms]) -> None:
    """Writes structures, as `ase.io.write` wants them.

    Periodic ones are turned to the orientation that ReaxFF gives to cells; positions
    have five decimals.

    Raises:
        InputError: the format has no place for a structure.
    """
    for k, atoms in enumerate(images):
        try:
            fd.write(structure(atoms, k))
        except ValueError as error:
            raise InputError(f"structure {k} in a geo file: {error}") from error
