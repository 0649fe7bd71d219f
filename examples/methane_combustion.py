"""Methane burns in oxygen: molecules and reactions of a hot run at constant volume.

At the small setting (some minutes) 7 CH4 and 14 O2 are held at 4500 K for 6 ps. From
0.2 ps on CH4 and O2 react, all CH4 is gone at the end, and most of its H is in water.

    python methane_combustion.py [tiny|small]
"""

import sys

from ase_reaxff_jax import JaxReaxFF
from ase_reaxff_jax.cli_tables import console
from ase_reaxff_jax.demo_reaction import mixture, report
from ase_reaxff_jax.md import run

SETTINGS = {
    "tiny": dict(molecules=1, steps=40),
    "small": dict(molecules=7, steps=30_000),
}


def main(molecules, steps):
    """Burns so many CH4 with twice as many O2."""
    start = mixture(["CH4"] * molecules + ["O2"] * 2 * molecules, spacing=3.5)  # Å
    result = run(
        start,
        JaxReaxFF("cho", charge_tolerance=1e-6),
        ensemble="nvt-csvr",
        steps=steps,
        timestep_fs=0.2,
        temperature_K=4500.0,
        tau_fs=50.0,
        log_every=max(20, steps // 400),
        picture="methane_combustion.png",
        overwrite=True,
    )
    report(result, console())
    print("wrote methane_combustion.png")


if __name__ == "__main__":
    main(**SETTINGS[sys.argv[1] if len(sys.argv) > 1 else "small"])
