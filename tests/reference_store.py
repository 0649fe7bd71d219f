"""The stored results of LAMMPS: one record a structure, in compressed JSON.

Written by `reference/make_reference.py`, read by the tests. Floats are written with
all their digits; the same records give the same bytes.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

FILE = Path(__file__).parent / "reference" / "lammps.json.gz"


@dataclass(frozen=True)
class Reference:
    """What LAMMPS gives for one structure: eV, Å, e.

    Forces and stress are at fixed charges. They are LAMMPS's own, or differences of its
    energy where its own are known to be wrong (`derivatives` says which); NaN where
    neither can be trusted. The stress is None where the cell has no volume.
    """

    force_field: str
    name: str
    notes: dict[str, str]  # what had to be left out
    atoms: Atoms
    energy: float
    terms: dict[str, float]
    charges: np.ndarray
    forces: np.ndarray
    stress: np.ndarray | None  # (3, 3)
    derivatives: str  # "lammps" or "differences"

    @property
    def id(self) -> str:
        """Readable and unique, such as "cho-liquid_hot"."""
        return f"{self.force_field}-{self.name}"


def write(
    references: list[Reference], about: dict[str, Any], path: Path = FILE
) -> None:
    """Write the records; `about` says how they were made."""
    record = {"about": about, "references": [_to_json(r) for r in references]}
    text = json.dumps(record, separators=(",", ":"), allow_nan=False)
    # No time and no file name in the header, so that the bytes are reproducible.
    path.write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))


def read(path: Path = FILE) -> list[Reference]:
    """Read all records."""
    return [_from_json(r) for r in _load(path)["references"]]


def about(path: Path = FILE) -> dict[str, Any]:
    """How the records were made: version of LAMMPS, tolerance of the charges, seed."""
    return _load(path)["about"]


def _load(path: Path) -> dict[str, Any]:
    return json.loads(gzip.decompress(path.read_bytes()))


def _to_json(r: Reference) -> dict[str, Any]:
    return {
        "force_field": r.force_field,
        "name": r.name,
        "notes": r.notes,
        "symbols": list(r.atoms.symbols),
        "positions": r.atoms.positions.tolist(),
        "cell": r.atoms.cell.tolist(),
        "pbc": r.atoms.pbc.tolist(),
        "energy": r.energy,
        "terms": r.terms,
        "charges": r.charges.tolist(),
        "forces": _with_none(r.forces),
        "stress": None if r.stress is None else _with_none(r.stress),
        "derivatives": r.derivatives,
    }


def _from_json(data: dict[str, Any]) -> Reference:
    atoms = Atoms(
        data["symbols"], data["positions"], cell=data["cell"], pbc=data["pbc"]
    )
    stress = data["stress"]
    return Reference(
        force_field=data["force_field"],
        name=data["name"],
        notes=data["notes"],
        atoms=atoms,
        energy=data["energy"],
        terms=data["terms"],
        charges=np.array(data["charges"]),
        forces=np.array(data["forces"], float),
        stress=None if stress is None else np.array(stress, float),
        derivatives=data["derivatives"],
    )


def _with_none(values: np.ndarray) -> list[list[float | None]]:
    """JSON has no NaN."""
    return [[x if np.isfinite(x) else None for x in row] for row in values.tolist()]
