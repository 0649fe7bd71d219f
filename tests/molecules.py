"""Molecules and crystals that the test structures are made of."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.build import molecule as from_ase

MOLECULES = (
    "H2O CH4 C2H6 C2H4 C2H2 CH3OH H2CO HCOOH CO CO2 O2 H2 H2O2 C6H6 CH3CH2OH C3H8 "
    "C3H6_D3h CH2OCH2 C4H4O NH3 N2 HCN NO2 N2O CH3NO2 H3CNH2 N2H4 C5H5N BH3NH3 SH2 "
    "CH3SH SO2 CS2 C4H4S OCS C2H6SO HF CF4 CH3Cl HCl CCl4 NF3 HOCl"
).split()
MULTIPLE_BONDS = "CO CO2 O2 N2 HCN N2O NO NCCN C2H2 C2H4 H2CO SO2 CS2 OCS".split()
LINEAR = "CO2 C2H2 HCN N2O NCCN CS2 OCS H2 N2 O2 CO".split()

CRYSTALS = {
    "C": bulk("C", "diamond", a=3.57),
    "Au": bulk("Au", "fcc", a=4.08),
    "Pt": bulk("Pt", "fcc", a=3.92),
    "Ni": bulk("Ni", "fcc", a=3.52),
    "Fe": bulk("Fe", "bcc", a=2.87),
    "V": bulk("V", "bcc", a=3.03),
    "Zn": bulk("Zn", "hcp", a=2.66, c=4.95),
    "ZnO": bulk("ZnO", "wurtzite", a=3.25, c=5.2),
    "FeO": bulk("FeO", "rocksalt", a=4.33),
    "VO": bulk("VO", "rocksalt", a=4.07),
    "BN": bulk("BN", "zincblende", a=3.62),
}


def molecule(name: str) -> Atoms:
    """A molecule by name, in vacuum; linear ones lie along z."""
    return _ammonia_borane() if name == "BH3NH3" else from_ase(name)


def names_within(names: Sequence[str], elements: Collection[str]) -> list[str]:
    """Those of `names` that consist of `elements`."""
    return [n for n in names if set(molecule(n).symbols) <= set(elements)]


def chosen(names: Sequence[str], count: int, rng: np.random.Generator) -> list[str]:
    """`count` names at random; none twice before each was taken once."""
    rounds = -(-count // len(names))
    order = np.concatenate([rng.permutation(len(names)) for _ in range(rounds)])
    return [names[k] for k in order[:count]]


def _ammonia_borane() -> Atoms:
    angles = np.deg2rad([0.0, 120.0, 240.0])
    ring = np.stack([np.cos(angles), np.sin(angles), np.zeros(3)], axis=1)
    boron_side = 1.16 * ring + [0.0, 0.0, -0.30]
    nitrogen_side = -0.95 * ring + [0.0, 0.0, 1.66 + 0.36]
    positions = [[0.0, 0.0, 0.0], [0.0, 0.0, 1.66], *boron_side, *nitrogen_side]
    return Atoms("BNH6", positions)
