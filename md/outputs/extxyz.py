"""Trajectories in the extended XYZ format, as ASE and OVITO read it."""

import numpy as np
from ase import Atoms
from ase.constraints import FixAtoms, FixCartesian
from ase.io.extxyz import key_val_dict_to_str
from ase.stress import voigt_6_to_full_3x3_stress
from jaxtyping import Bool

from ase_reaxff_jax.md.frames import Frame
from ase_reaxff_jax.md.outputs.text_trajectory import TextTrajectory, rows


class ExtendedXYZ(TextTrajectory):
    """A file such as `md.extxyz`.

    `ase.io.read` gives back, bit for bit, positions (Å), momenta (ASE's), masses where
    they are not the elements', cell, periodicity, `info`, energy (eV), forces (eV/Å),
    charges (e) and stress (eV/Å³); of the constraints FixAtoms and FixCartesian.
    """

    def _text(self, frame: Frame) -> str:
        atoms = frame.atoms
        columns, move = _columns(atoms), _move_mask(atoms)
        names = "".join(
            f":{name}:R:{array.shape[1]}" for name, array in columns.items()
        )
        ends = [""] * len(atoms)
        if not move.all():
            names += f":move_mask:L:{move.shape[1]}"
            ends = ["".join(f" {'FT'[m]}" for m in row) for row in move.tolist()]
        numbers = np.hstack(list(columns.values()))
        head = f"Properties=species:S:1{names} {key_val_dict_to_str(_info(atoms))}"
        if atoms.cell.any():
            lattice = " ".join(map(repr, atoms.cell.array.ravel().tolist()))
            head = f'Lattice="{lattice}" {head}'
        lines = rows(atoms.get_chemical_symbols(), numbers, ends)
        return f"{len(atoms)}\n{head}\n{lines}"


def _columns(atoms: Atoms) -> dict[str, np.ndarray]:
    """Numbers of the atoms, under the names from which ASE restores them."""
    columns = {"pos": atoms.positions, "momenta": atoms.get_momenta()}
    if atoms.has("masses"):
        columns["masses"] = atoms.get_masses()[:, None]
    results = atoms.calc.results if atoms.calc else {}
    if "forces" in results:
        columns["forces"] = np.asarray(results["forces"])
    if "charges" in results:
        columns["charge"] = np.asarray(results["charges"])[:, None]
    return columns


def _info(atoms: Atoms) -> dict[str, object]:
    """What stands in the second line, in ASE's form."""
    info = dict(atoms.info)
    results = atoms.calc.results if atoms.calc else {}
    if "energy" in results:
        info["energy"] = float(results["energy"])
    if "stress" in results:
        info["stress"] = voigt_6_to_full_3x3_stress(np.asarray(results["stress"]))
    return {**info, "pbc": atoms.pbc}


def _move_mask(atoms: Atoms) -> Bool[np.ndarray, "atoms columns"]:
    """False for what is fixed: whole atoms (one column) or their components."""
    free = np.ones((len(atoms), 3), bool)
    for constraint in atoms.constraints:
        if isinstance(constraint, FixAtoms):
            free[constraint.index] = False
        elif isinstance(constraint, FixCartesian):
            free[constraint.index] &= ~constraint.mask
    whole = (free == free[:, :1]).all()
    return free[:, :1] if whole else free
