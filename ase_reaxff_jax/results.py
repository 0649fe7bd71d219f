"""From what was computed to ASE's dictionary of results."""

from typing import Any

from ase import Atoms
from ase.stress import full_3x3_to_voigt_6_stress

from ase_reaxff_jax.engine import Evaluation

NEUTRAL = 1e-4  # e; below it a sum of charges is rounding, also in single precision

UNDEFINED = {
    "dipole": "defined only for neutral structures without periodicity",
    "stress": "defined only for periodic structures whose cell has a volume",
}


def results_of(atoms: Atoms, evaluation: Evaluation) -> dict[str, Any]:
    """ASE's results; what is not defined for the structure is left out."""
    energy = float(evaluation.energy)
    results = {
        "energy": energy,
        "free_energy": energy,
        "forces": evaluation.forces,
        "charges": evaluation.charges,
    }
    if atoms.pbc.any() and atoms.cell.rank == 3:
        stress = evaluation.strain_gradient / atoms.cell.volume
        results["stress"] = full_3x3_to_voigt_6_stress(stress)
    if not atoms.pbc.any() and abs(evaluation.charges.sum()) < NEUTRAL:
        results["dipole"] = evaluation.charges @ atoms.positions
    return results
