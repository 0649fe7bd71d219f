"""A strip of graphene with bare edges burns in oxygen.

At the small setting (some minutes) 32 C and 16 O2 are held at 4500 K for 5 ps: O2 binds
to the edges, and after 2.4 ps the first CO leaves them.

    python graphite_oxidation.py [tiny|small]
"""

import sys

import numpy as np
from ase.build import graphene_nanoribbon, molecule

from ase_reaxff_jax import JaxReaxFF
from ase_reaxff_jax.cli_tables import console, species_table
from ase_reaxff_jax.md import run

SETTINGS = {
    "tiny": dict(oxygen=4, steps=40),
    "small": dict(oxygen=16, steps=25_000),
}
GRID = 3.3  # Å, between molecules of oxygen


def sheet_in_oxygen(oxygen):
    """A strip, periodic along its edges, and so many O2 above and below it."""
    atoms = graphene_nanoribbon(4, 4, type="zigzag", saturated=False)
    length = atoms.cell[2, 2]
    atoms.set_cell([4 * GRID, 3 * GRID, length])
    atoms.set_pbc(True)
    atoms.center(axis=(0, 1))
    rng = np.random.default_rng(0)
    sites = [(x, y, z) for x in range(4) for y in (0, 2) for z in range(3)]
    for x, y, z in rng.permutation(sites)[:oxygen]:
        one = molecule("O2")
        one.rotate(rng.uniform(0, 360), rng.normal(size=3), center="COM")
        one.translate([(x + 0.5) * GRID, (y + 0.5) * GRID, (z + 0.5) * length / 3])
        atoms += one
    atoms.set_initial_magnetic_moments(None)
    return atoms


def main(oxygen, steps):
    """Burns and reports."""
    start = sheet_in_oxygen(oxygen)
    result = run(
        start,
        JaxReaxFF("cho", charge_tolerance=1e-6),
        ensemble="nvt-csvr",
        steps=steps,
        timestep_fs=0.2,
        temperature_K=4500.0,
        tau_fs=50.0,
        log_every=max(20, steps // 400),
        picture="graphite_oxidation.png",
        overwrite=True,
    )
    out = console()
    out.print(species_table(result))
    first = {}
    for reaction in result.reactions:
        for name in {"CO", "CO2"} & set(reaction.products) - set(reaction.reactants):
            first.setdefault(name, reaction.time_fs)
    for name, time in first.items():
        out.print(f"First {name} after {time:.0f} fs")
    print("wrote graphite_oxidation.png")


if __name__ == "__main__":
    main(**SETTINGS[sys.argv[1] if len(sys.argv) > 1 else "small"])
