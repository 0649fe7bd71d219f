"""From quantum chemistry to a force field: scans by GFN2-xTB, a fit, a run.

A quarter of the structures is held out. At the small setting (some minutes) the loss
falls to a tenth, of those held out to a seventh. Needs `pip install tblite`.

    python fit_from_quantum_chemistry.py [tiny|small]
"""

import sys
from itertools import product

import numpy as np
from ase.build import molecule
from ase.optimize import BFGS
from tblite.ase import TBLite

from ase_reaxff_jax import JaxReaxFF
from ase_reaxff_jax.bundled import load
from ase_reaxff_jax.cli_tables import console, species_table, table
from ase_reaxff_jax.demo_reaction import mixture
from ase_reaxff_jax.fit import Parameter, TrainingSet, evaluate, fit
from ase_reaxff_jax.md import run

SCANS = {  # atoms of a bond or an angle, and which move
    **{name: [([0, 1], [1])] for name in ("H2", "O2", "CO")},
    **{name: [([0, 1], [1]), ([1, 0, 2], [2])] for name in ("H2O", "CO2", "CH4")},
    "H2CO": [([1, 0], [0]), ([1, 2], [2]), ([2, 1, 3], [3])],
    "H2O2": [([0, 1], [1, 3]), ([0, 2], [2]), ([1, 0, 2], [2])],
    "CH3OH": [([0, 1], [1, 3]), ([1, 3], [3]), ([0, 2], [2]), ([0, 1, 3], [3])],
}
FITTED = [
    ("bond", "C H,H O,C O,H H,O O", "De_s p_be1 p_be2 p_bo1 p_bo2 p_ovun1"),
    ("bond", "C O,O O", "De_p De_pp p_bo3 p_bo4 p_bo5 p_bo6"),
    ("off_diagonal", "C H,H O,C O", "D r_vdW alpha r_s"),
    ("off_diagonal", "C O", "r_pi r_pipi"),
    ("angle", "H O H,H C H,H C O,O C O,C O H,H O O", "theta_00 p_val1 p_val2"),
    ("atom", "C,H,O", "chi eta gamma"),
]
SIGMA = {"energy": 5.0, "force": 20.0, "charge": 0.03}  # kcal/mol, kcal/mol/Å, e
SETTINGS = {
    "tiny": dict(molecules=["H2O"], points=2, steps=2, md_steps=40),
    "small": dict(molecules=list(SCANS), points=4, steps=30, md_steps=4000),
}


def computed(atoms):
    atoms.calc = TBLite(method="GFN2-xTB", verbosity=0)
    atoms.get_forces()
    return atoms


def scanned(name, points):
    """The relaxed molecule, bonds of 0.9 to 1.5 lengths, angles 30 degrees around."""
    relaxed = computed(molecule(name))
    BFGS(relaxed, logfile=None).run(fmax=0.01)
    yield relaxed
    for atoms, moving in SCANS[name]:
        for share in np.linspace(0, 1, points):
            one = relaxed.copy()
            if len(atoms) == 2:
                length = (0.9 + 0.6 * share) * one.get_distance(*atoms)
                one.set_distance(*atoms, length, fix=0, indices=moving)
            else:
                most = min(one.get_angle(*atoms) + 30, 179)  # degrees
                one.set_angle(*atoms, most - 60 * share, indices=moving)
            yield computed(one)


def parameters(force_field):
    """Those of `FITTED`, each within a fifth of its value."""
    for section, rows, columns in FITTED:
        for row, column in product(rows.split(","), columns.split()):
            address = force_field.locate(f"{section} {row} {column}")
            low, high = sorted(float(force_field.at(address)) * np.array([0.8, 1.2]))
            yield Parameter(**address._asdict(), low=low, high=high)


def main(molecules, points, steps, md_steps):
    images = [atoms for name in molecules for atoms in scanned(name, points)]
    data = TrainingSet.from_atoms(images, kinds=SIGMA, sigma=SIGMA)
    held = list(data.structures)[2::4]
    sides = [[i for i in data.items if (i.structures[0] in held) == k] for k in (0, 1)]
    training, others = (TrainingSet(data.structures, tuple(items)) for items in sides)
    result = fit("cho", training, list(parameters(load("cho"))), steps=steps,
                 optimizer="least-squares", validation=others, out="fit")  # fmt: skip
    made = table("Loss", "", ["training, before", "after", "held out, before", "after"])
    reports = [evaluate("cho", training), result.report,
               evaluate("cho", others), result.validation]  # fmt: skip
    for kind in (*SIGMA, "total"):
        losses = [(r.by_kind() | {"total": r.loss})[kind] for r in reports]
        made.add_row(kind, *(f"{loss:.1f}" for loss in losses))
    console().print(f"{len(images)} structures", made)
    mixed = run(mixture(["CH3OH", "H2O"] * 3, 4.0), JaxReaxFF(result.force_field),
                ensemble="nvt-csvr", steps=md_steps, timestep_fs=0.2, overwrite=True,
                temperature_K=500.0, picture="fit_from_qm.png")  # fmt: skip
    console().print(species_table(mixed), "wrote fit_from_qm.png, fit/parity.png")


if __name__ == "__main__":
    main(**SETTINGS[sys.argv[1] if len(sys.argv) > 1 else "small"])
