"""Structures of a training set from geo files, and as the texts of geo files."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from ase import Atoms
from ase.calculators.calculator import InputError
from ase.constraints import FixAtoms

from ase_reaxff_jax.fit.input_errors import FitInputError
from ase_reaxff_jax.fit.run_types import run_types, settings_of
from ase_reaxff_jax.fit.structures import Restraint, Structure
from ase_reaxff_jax.geo.held import held_atoms
from ase_reaxff_jax.geo.read import numbered_structures
from ase_reaxff_jax.geo.write import structure as structure_text
from ase_reaxff_jax.inputs import check_geometry

# Restraints of the ReaxFF program that would have to act in the relaxation.
FOREIGN = ("EQUIV", "SYMM")


@dataclass
class GeoStructures:
    """What geo files hold: structures by name, and why others cannot be used."""

    structures: dict[str, Structure] = field(default_factory=dict)
    unusable: dict[str, str] = field(default_factory=dict)
    # Relaxed, periodic structures whose files do not say if the cell is relaxed: the
    # ReaxFF program looks it up in its control file.
    open_cells: set[str] = field(default_factory=set)


def read_structures(paths: Iterable[str | PathLike[str]]) -> GeoStructures:
    """The structures of geo files (BIOGRF, XTLGRF) by name.

    Raises:
        GeoError: a line cannot be understood.
        FileNotFoundError: there is no such file.
    """
    found = GeoStructures()
    for path in map(Path, paths):
        with path.open(encoding="utf-8", errors="replace") as fd:
            for line, atoms in numbered_structures(fd):
                _add(found, atoms, f"{path.name}:{line}")
    return found


def _add(found: GeoStructures, atoms: Atoms, where: str) -> None:
    words = atoms.info["geo"].get("name", "").split()
    name = words[0] if words else where
    if before := found.structures.pop(name, None):
        found.unusable[name] = f"{before.where}: it stands again at {where}"
    if name in found.unusable:
        return
    try:
        found.structures[name] = _structure(name, atoms, where)
    except (ValueError, InputError) as error:
        found.unusable[name] = f"{where}: {error}"
        return
    runs = atoms.info["geo"].get("run_types", [])
    said = any("CELL OPT" in run for run in runs)
    if atoms.pbc.all() and found.structures[name].minimize and not said:
        found.open_cells.add(name)


def _structure(name: str, atoms: Atoms, where: str) -> Structure:
    """ValueError or InputError where the old program's meaning cannot be kept."""
    check_geometry(atoms)
    info = atoms.info["geo"]
    settings = settings_of(info.get("run_types", []), periodic=bool(atoms.pbc.all()))
    restraints = info.get("restraints", [])
    foreign = [line.split()[0] for line in info.get("other", [])]
    foreign = [word for word in foreign if word in FOREIGN]
    foreign += [r["kind"] for r in restraints if r["kind"] == "MASCEN"]
    if foreign and settings["minimize"]:
        raise ValueError(
            f"it has restraints of the kind {foreign[0]}, which the relaxation here "
            "does not know; take them out, or make it a SINGLE POINT"
        )
    bare = atoms.copy()
    bare.set_constraint()
    return Structure(
        name=name,
        atoms=bare,
        total_charge=_total_charge(info.get("molecule_charges", []), len(atoms)),
        restraints=tuple(_restraint(r) for r in restraints if r["kind"] != "MASCEN"),
        fixed=fixed_atoms(atoms),
        where=where,
        **settings,
    )


def _total_charge(entries: list[dict[str, Any]], size: int) -> float:
    if not entries:
        return 0.0
    if len(entries) > 1 or entries[0]["atoms"] != [0, size - 1]:
        raise ValueError(
            "MOLCHARGE of a part of the atoms is not supported; give one for atoms 1 "
            f"to {size}: their total charge"
        )
    return float(entries[0]["charge"])


def _restraint(entry: dict[str, Any]) -> Restraint:
    """Its `change` and iterations are of molecular dynamics, and mean nothing here."""
    return Restraint(
        kind=entry["kind"].lower(),
        atoms=tuple(entry["atoms"]),
        target=entry["target"],
        strength=entry["force1"],
        width=entry["force2"],
    )


def fixed_atoms(atoms: Atoms) -> tuple[int, ...]:
    """Atoms that a constraint `FixAtoms` holds; InputError for other constraints."""
    return tuple(held_atoms(atoms, _unsupported))


def _unsupported(constraint: str) -> FitInputError:
    return FitInputError(
        f"constraint {constraint} is not supported in a training set; FixAtoms is"
    )


def geo_text(structures: Iterable[Structure]) -> str:
    """A geo file.

    Raises:
        FitInputError: the format has no room for a structure, or no word for what is
            done to it.
    """
    texts = []
    for number, structure in enumerate(structures):
        if structure.atoms.has("masses"):
            raise FitInputError(
                f"structure {structure.name} has masses of its own, for which geo "
                "files have no room; write extxyz"
            )
        try:
            texts.append(structure_text(_geo_atoms(structure), number))
        except ValueError as error:
            raise FitInputError(f"structure {structure.name}: {error}") from error
    return "".join(texts)


def _geo_atoms(structure: Structure) -> Atoms:
    """The structure as the writer of geo files wants it."""
    atoms = structure.atoms.copy()
    info = dict(atoms.info.get("geo", {}))
    size = len(atoms)
    info["name"] = structure.name
    info["run_types"] = run_types(structure, kept=info.get("run_types", []))
    info["restraints"] = [_entry(restraint) for restraint in structure.restraints]
    charge = {"atoms": [0, size - 1], "charge": structure.total_charge}
    info["molecule_charges"] = [charge] if structure.total_charge else []
    atoms.info["geo"] = info
    if structure.fixed:
        atoms.set_constraint(FixAtoms(list(structure.fixed)))
    return atoms


def _entry(restraint: Restraint) -> dict[str, Any]:
    return {
        "kind": restraint.kind.upper(),
        "atoms": list(restraint.atoms),
        "target": restraint.target,
        "force1": restraint.strength,
        "force2": restraint.width,
    }
