"""Water on zinc oxide: some molecules split into OH on zinc and H on oxygen.

At the small setting (some minutes) 5 H2O meet a (10-10) surface at 400 K. After
3 ps the first gives a proton to the oxide; from then on none or one is split.

    python water_on_zno.py [tiny|small]
"""

import sys

import numpy as np
from ase import Atoms
from ase.build import bulk, molecule, surface
from ase.constraints import FixAtoms
from ase.io import read
from ase.visualize.plot import plot_atoms
from matplotlib.figure import Figure

from ase_reaxff_jax import JaxReaxFF
from ase_reaxff_jax.cli_tables import console, table
from ase_reaxff_jax.md import run

SETTINGS = {"tiny": dict(waters=2, steps=40), "small": dict(waters=5, steps=32_000)}
BONDED = 0.3  # bond order
KINDS = ("H2O", "OH from water", "OH of the oxide")


def covered(waters):
    """A slab, its lower half held in place, and water above it."""
    zinc_oxide = bulk("ZnO", "wurtzite", a=3.25, c=5.2)
    slab = surface(zinc_oxide, (1, 0, 0), layers=2, vacuum=8.0).repeat((3, 2, 1))
    height = slab.positions[:, 2]
    slab.set_constraint(FixAtoms(mask=height < height.mean()))
    molecules = Atoms()
    for k in range(waters):
        one = molecule("H2O")
        one.rotate(180 * (k % 2), "x")
        x, y = 3.25 * (k % 3 + 0.5), 5.2 * (k // 3 + 0.5)
        one.translate([x, y, height.max() + 2.2])
        molecules += one
    return slab + molecules


def census(atoms, waters, calc):
    """How many there are of `KINDS`, and the mean charge of their oxygen."""
    oxygen = atoms.symbols == "O"
    added = np.arange(len(atoms)) >= len(atoms) - 3 * waters
    bonds = calc.get_bond_orders(atoms).toarray() > BONDED
    hydrogens = bonds[:, atoms.symbols == "H"].sum(axis=1)
    charges = atoms.get_charges()
    one, two = hydrogens == 1, hydrogens == 2
    kinds = [oxygen & added & two, oxygen & added & one, oxygen & ~added & one]
    return [(k.sum(), charges[k].mean() if k.any() else np.nan) for k in kinds]


def draw(path, times, found, atoms):
    """Numbers and charges against time, and the surface at the end."""
    figure = Figure(figsize=(9, 5), layout="constrained")
    panels = figure.subplot_mosaic([["number", "end"], ["charge of O (e)", "end"]])
    for k, name in enumerate(("number", "charge of O (e)")):
        panels[name].plot(times, found[:, :, k], label=KINDS, drawstyle="steps-post")
        panels[name].set(ylabel=name, xlim=(0, times[-1]), xlabel="time (fs)")
    panels["number"].yaxis.get_major_locator().set_params(integer=True)
    panels["number"].legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3)
    near = atoms[atoms.positions[:, 2] < 18]  # Å, not what flew away
    near.wrap()
    plot_atoms(near, panels["end"], radii=0.8, rotation="-90x,10y", show_unit_cell=0)
    panels["end"].set_axis_off()
    panels["end"].set_title(f"after {times[-1]:.0f} fs")
    figure.savefig(path, dpi=150)


def main(waters, steps):
    """Runs, counts and draws."""
    calc = JaxReaxFF("znoh", charge_tolerance=1e-6)
    result = run(
        covered(waters),
        calc,
        ensemble="nvt-csvr",
        steps=steps,
        temperature_K=400.0,
        log_every=steps // 40,
        trajectory="water_on_zno.traj",
        overwrite=True,
    )
    frames = read("water_on_zno.traj", ":")
    found = np.array([census(atoms, waters, calc) for atoms in frames])
    made = table("Number and mean charge of O (e)", "fs", KINDS)
    for time, row in list(zip(result.time_fs, found, strict=True))[::8]:
        made.add_row(
            f"{time:.0f}", *(f"{n:.0f} ({q:.2f})" if n else "0" for n, q in row)
        )
    console().print(made)
    draw("water_on_zno.png", result.time_fs, found, result.atoms)
    print("wrote water_on_zno.traj, water_on_zno.png")


if __name__ == "__main__":
    main(**SETTINGS[sys.argv[1] if len(sys.argv) > 1 else "small"])
