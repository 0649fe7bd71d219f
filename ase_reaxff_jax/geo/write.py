"""One structure as the text of a ReaxFF geo file."""

from typing import Any

import numpy as np
from ase import Atoms
from jaxtyping import Float

from ase_reaxff_jax.geo import formats
from ase_reaxff_jax.geo.cell import cell_of
from ase_reaxff_jax.geo.columns import write_columns
from ase_reaxff_jax.geo.held import held_atoms

FORMAT_ATOM = "(a6,1x,i5,1x,a5,1x,a3,1x,a1,1x,a5,3f10.5,1x,a5,i3,i2,1x,f8.5)"
FORMAT_CONECT = "(a6,12i6)"


def structure(atoms: Atoms, number: int) -> str:
    """The lines of a structure; `number` names those that have no name.

    ValueError where the format has no place for it.
    """
    info = dict(atoms.info.get("geo", {}))
    periodic = bool(atoms.pbc.any())
    positions = _positions(atoms) if periodic else atoms.positions
    kind = "XTLGRF" if periodic else "BIOGRF"
    # BIOGRF structures may be periodic, XTLGRF ones must be.
    kept = info.get("header", "").startswith(("BIOGRF", kind))
    formula = atoms.symbols.formula.format("hill")
    lines = [info["header"] if kept and "header" in info else f"{kind} 200"]
    lines.append(f"DESCRP {info.get('name', f'{formula}_{number + 1}')}")
    lines += [f"REMARK {text}".rstrip() for text in info.get("remarks", [])]
    lines += [f"RUTYPE {text}" for text in info.get("run_types", [])]
    lines += info.get("other", [])
    if periodic:
        cell = {"cell": atoms.cell.cellpar().tolist()}
        lines.append("CRYSTX " + write_columns(cell, formats.CELL))
    lines += _referring(info, len(atoms)) + _fixed(atoms)
    lines.append(f"FORMAT ATOM   {FORMAT_ATOM}")
    lines += _atoms(atoms, positions)
    lines.append(f"FORMAT CONECT {FORMAT_CONECT}")
    lines += [f"CONECT{text}" for text in info.get("connections", [])]
    if "energy_unit" in info:
        lines.append(f"UNIT ENERGY   {info['energy_unit']}")
    if "energy" in info:
        lines.append(f"ENERGY {info['energy']:18.6f}")
    return "\n".join([*lines, "END", "", ""])


def _positions(atoms: Atoms) -> Float[np.ndarray, "atoms 3"]:
    """Turned with the cell to ReaxFF's orientation."""
    if not atoms.pbc.all():
        axes = "".join(a for a, on in zip("xyz", atoms.pbc, strict=True) if on)
        raise ValueError(f"it is periodic in {axes} only; all axes must be, or none")
    if atoms.cell.rank < 3 or atoms.cell.handedness != 1:
        raise ValueError(
            "its cell vectors are not right-handed; reorder them "
            "(ase.build.make_supercell) so that their determinant is positive"
        )
    cell = cell_of(atoms.cell.cellpar().tolist())
    return atoms.cell.scaled_positions(atoms.positions) @ cell.array


def _referring(info: dict[str, Any], size: int) -> list[str]:
    lines = []
    for restraint in info.get("restraints", []):
        _check(restraint["atoms"], size)
        columns = formats.RESTRAINTS[restraint["kind"]]
        fields = write_columns(restraint, columns)
        lines.append(f"{restraint['kind']} RESTRAINT {fields}")
    for charge in info.get("molecule_charges", []):
        _check(charge["atoms"], size)
        lines.append(f"MOLCHARGE {write_columns(charge, formats.MOLCHARGE)}")
    return lines


def _no_room(constraint: str) -> ValueError:
    return ValueError(
        f"it has a constraint {constraint}; there is room for FixAtoms only"
    )


def _fixed(atoms: Atoms) -> list[str]:
    """Atoms that do not move, as ranges."""
    held = held_atoms(atoms, _no_room)
    edges = [k for k in held if k - 1 not in held]
    ends = [k for k in held if k + 1 not in held]
    return [
        f"FIXATOMS{write_columns({'atoms': [first, last]}, formats.FIXATOMS)}"
        for first, last in zip(edges, ends, strict=True)
    ]


def _check(numbers: list[int], size: int) -> None:
    """Atoms may have been removed since the file was read."""
    if any(not 0 <= k < size for k in numbers):
        raise ValueError(
            f'atoms.info["geo"] refers to atoms {numbers}, there are {size}'
        )


def _atoms(atoms: Atoms, positions: Float[np.ndarray, "atoms 3"]) -> list[str]:
    symbols = atoms.get_chemical_symbols()
    names = atoms.arrays.get("geo_names", np.array(symbols)).tolist()
    types = atoms.arrays.get("geo_types", np.array(symbols)).tolist()
    charges = atoms.get_initial_charges().tolist()
    rows = zip(names, positions.tolist(), types, charges, strict=True)
    lines = []
    for k, (name, position, type_, charge) in enumerate(rows):
        values = {
            "record": "HETATM",
            "serial": f"{k + 1:5d}",
            "name": name,
            "position": position,
            "type": type_,
            "charge": charge,
        }
        lines.append(write_columns(values, formats.ATOM))
    return lines
