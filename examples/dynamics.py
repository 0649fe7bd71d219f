"""Hot hydrogen and oxygen: molecular dynamics, molecules and reactions."""

import numpy as np
from ase.build import molecule

from ase_reaxff_jax import JaxReaxFF
from ase_reaxff_jax.md import run


def mixture():
    """Four H2 and two O2 in a box."""
    atoms = molecule("H2", vacuum=1.2, pbc=True).repeat((2, 2, 1))
    oxygen = molecule("O2", vacuum=1.2, pbc=True).repeat((2, 1, 1))
    oxygen.positions[:, 2] += atoms.cell[2, 2]
    atoms += oxygen
    atoms.set_cell(atoms.cell.array + np.diag([1.0, 1.0, oxygen.cell[2, 2]]))
    return atoms


def main(steps=3000):
    result = run(
        mixture(),
        JaxReaxFF("cho", charge_tolerance=1e-6),
        ensemble="nvt-csvr",
        steps=steps,
        timestep_fs=0.2,
        temperature_K=(2000.0, 6000.0),  # K, a ramp over the run
        tau_fs=20.0,
        log_every=20,
        progress=False,
    )
    print("at the start:", result.species[0])
    print("at the end:  ", result.species[-1])
    for reaction in result.reactions[:10]:
        print(f"{reaction.time_fs:8.1f} fs  {reaction}")
    return result


if __name__ == "__main__":
    main()
