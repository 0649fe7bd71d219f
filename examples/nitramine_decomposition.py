"""RDX, packed to the density of its crystal, is heated until it decomposes.

At the small setting (some minutes) 4 molecules are heated from 300 to
3000 K in 5 ps. NO2 breaks off first, at about 1800 K, and HNO2 forms above 2300 K.

    python nitramine_decomposition.py [tiny|small]
"""

import sys

import numpy as np
from ase import Atoms, units
from scipy.spatial.transform import Rotation

from ase_reaxff_jax import JaxReaxFF
from ase_reaxff_jax.cli_tables import console
from ase_reaxff_jax.demo_reaction import report
from ase_reaxff_jax.md import relax, run

SETTINGS = {
    "tiny": dict(relaxation=20, steps=40),
    "small": dict(relaxation=300, steps=25_000),
}
CELL = np.array([6.59, 11.57, 10.71])  # Å; half of that of the crystal, 1.81 g/cm^3
TRIALS = 100


def rdx():
    """Ring of three CH2 and three N-NO2, a chair; bond lengths in Å, not relaxed."""
    atoms = Atoms()
    for k, angle in enumerate(np.arange(0, 360, 60)):
        if k % 2:
            part = Atoms("N2O2", [[0, 0, 0], [1.40, 0, 0],
                         [1.95, 1.09, 0], [1.95, -1.09, 0]])  # fmt: skip
        else:
            part = Atoms("CH2", [[0, 0, 0], [0.64, 0, 0.90], [0.64, 0, -0.90]])
        part.translate([1.43, 0, 0.24 * (-1) ** k])
        part.rotate(angle, "z")
        atoms += part
    return atoms


def packed(one):
    """Four molecules in `CELL`, turned this way and that until they have most room."""
    rng = np.random.default_rng(5)
    shape = one.positions - one.get_center_of_mass()
    radius = np.where(one.symbols == "H", 1.1, 1.5)  # Å
    apart = radius[:, None] + np.tile(radius, 3)
    places = CELL * [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
    turns = [Rotation.random(rng=rng) for _ in places]

    def room(k, turn):
        others = [turns[j].apply(shape) + places[j] for j in range(4) if j != k]
        gaps = (turn.apply(shape) + places[k])[:, None] - np.concatenate(others)
        gaps -= CELL * np.round(gaps / CELL)
        return (np.linalg.norm(gaps, axis=-1) - apart).min()

    for width in (3, 3, 3, 0.2, 0.2, 0.2, 0.1, 0.1):  # of the turns that are tried
        for k in range(4):
            vectors = rng.normal(0, width, (TRIALS, 3))
            trials = [Rotation.from_rotvec(v) * turns[k] for v in vectors]
            turns[k] = max([turns[k], *trials], key=lambda turn, k=k: room(k, turn))
    positions = [turns[k].apply(shape) + places[k] for k in range(4)]
    return Atoms(list(one.symbols) * 4, np.concatenate(positions), cell=CELL, pbc=True)


def main(relaxation, steps):
    """Packs, relaxes, heats and reports."""
    calc = JaxReaxFF("rdx", charge_tolerance=1e-6)
    solid = relax(
        packed(rdx()), calc, optimizer="lbfgs", fmax=0.1, steps=relaxation
    ).atoms
    density = solid.get_masses().sum() / solid.cell.volume / units.mol * 1e24
    print(f"4 RDX at {density:.2f} g/cm^3")
    result = run(
        solid,
        ensemble="nvt-csvr",
        steps=steps,
        timestep_fs=0.2,
        temperature_K=(300.0, 3000.0),  # a ramp over the run
        tau_fs=50.0,
        log_every=max(20, steps // 400),
        picture="nitramine_decomposition.png",
        overwrite=True,
    )
    report(result, console())
    print("wrote nitramine_decomposition.png")


if __name__ == "__main__":
    main(**SETTINGS[sys.argv[1] if len(sys.argv) > 1 else "small"])
