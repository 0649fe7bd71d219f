"""The structures of the benchmarks: seeded, periodic, with velocities of 300 K.

Molecules stand on a lattice, each turned so that it keeps the most distance to those
already placed. The trajectories start warm, not relaxed, and stay sane without a
relaxation, which would need one of the programs that are to be compared.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.build import bulk, make_supercell, molecule
from ase.md.velocitydistribution import Stationary, thermalize_momenta
from scipy.spatial.transform import Rotation

TEMPERATURE = 300.0  # K
TRIALS = 24  # orientations tried for each molecule
TOO_CLOSE = 1.2  # Å, between atoms of different molecules


@dataclass(frozen=True)
class Benchmark:
    """A structure and the force field that describes it."""

    name: str
    build: Callable[[], Atoms]
    force_field: str  # a bundled name, or "silica": a file that the user names


def water(side: int) -> Atoms:
    """`side`^3 molecules at 0.1 atoms/Å^3."""
    spacing = (3 / 0.1) ** (1 / 3)
    return _packed(
        molecule("H2O"), (side,) * 3, np.full(3, spacing), Rotation.random, jitter=0.1
    )


def butane(counts: tuple[int, int, int]) -> Atoms:
    """All-trans butane at 0.7 g/cm^3, every molecule turned about its long axis."""
    chain = molecule("trans-butane")
    carbon = chain.positions[chain.symbols == "C"]
    along, _ = Rotation.align_vectors([[0, 0, 1]], [carbon[-1] - carbon[0]])
    chain.positions = along.apply(chain.positions)
    volume = chain.get_masses().sum() / 0.7 / 0.602214  # Å^3 a molecule
    length = 7.2
    side = np.sqrt(volume / length)

    def about_axis(*, rng: np.random.Generator) -> Rotation:
        return Rotation.from_euler("z", rng.uniform(0, 360), degrees=True)

    return _packed(chain, counts, np.array([side, side, length]), about_axis, jitter=0)


def silica(counts: tuple[int, int, int]) -> Atoms:
    """Ideal beta-cristobalite, 2.2 g/cm^3, every atom displaced by about 0.05 Å."""
    edge = 7.16
    crystal = bulk("Si", "diamond", a=edge, cubic=True)
    to_oxygen = edge / 8 * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    # One sublattice of the diamond structure has all its bonds along these vectors.
    even = crystal.positions[(crystal.positions * 4 / edge).round().sum(1) % 2 == 0]
    oxygen = (even[:, None] + to_oxygen).reshape(-1, 3)
    crystal += Atoms("O" * len(oxygen), oxygen)
    return _displaced(crystal.repeat(counts))


def zinc_oxide(counts: tuple[int, int, int]) -> Atoms:
    """Wurtzite in a rectangular cell of 8 atoms, displaced as silica is."""
    crystal = bulk("ZnO", "wurtzite", a=3.25, c=5.2)
    crystal = make_supercell(crystal, [[1, 0, 0], [1, 2, 0], [0, 0, 1]])
    return _displaced(crystal.repeat(counts))


def diamond(counts: tuple[int, int, int]) -> Atoms:
    """Diamond in its cubic cell of 8 atoms, displaced likewise."""
    return _displaced(bulk("C", "diamond", a=3.57, cubic=True).repeat(counts))


def nitramine(counts: tuple[int, int, int]) -> Atoms:
    """RDX at the density of its crystal, packed as in the example, not relaxed."""
    from examples.nitramine_decomposition import packed, rdx

    return _warm(packed(rdx()).repeat(counts))


def _displaced(atoms: Atoms) -> Atoms:
    atoms.positions += np.random.default_rng(0).normal(0, 0.05, (len(atoms), 3))
    return _warm(atoms)


def _packed(
    unit: Atoms, counts, spacing: np.ndarray, turn: Callable, *, jitter
) -> Atoms:
    rng = np.random.default_rng(0)
    box = spacing * counts
    shape = unit.positions - unit.get_center_of_mass()
    placed: dict[tuple[int, ...], np.ndarray] = {}
    for site in np.ndindex(*counts):
        centre = (np.array(site) + 0.5) * spacing + rng.uniform(-jitter, jitter, 3)
        around = {
            tuple((np.array(site) + step - 1) % counts) for step in np.ndindex(3, 3, 3)
        }
        near = [placed[k] for k in sorted(around - {site}) if k in placed]
        trials = [turn(rng=rng).apply(shape) + centre for _ in range(TRIALS)]
        distances = [_nearest(x, np.concatenate(near), box) if near else 9.0
                     for x in trials]  # fmt: skip
        best = int(np.argmax(distances))
        if distances[best] < TOO_CLOSE:
            raise RuntimeError(f"molecules {distances[best]:.2f} Å apart at {site}")
        placed[site] = trials[best]
    positions = np.concatenate(list(placed.values()))
    symbols = list(unit.symbols) * len(placed)
    return _warm(Atoms(symbols, positions, cell=box, pbc=True))


def _nearest(these: np.ndarray, others: np.ndarray, box: np.ndarray) -> float:
    apart = these[:, None] - others
    apart -= box * np.round(apart / box)
    return float(np.linalg.norm(apart, axis=-1).min())


def _warm(atoms: Atoms) -> Atoms:
    atoms.wrap()
    rng = np.random.default_rng(0)
    thermalize_momenta(atoms, temperature_K=TEMPERATURE, rng=rng)
    Stationary(atoms)
    return atoms


BENCHMARKS = [
    Benchmark("water-81", lambda: water(3), "cho"),
    Benchmark("water-648", lambda: water(6), "cho"),
    Benchmark("water-6591", lambda: water(13), "cho"),
    Benchmark("water-52728", lambda: _warm(water(13).repeat(2)), "cho"),
    Benchmark("water-177957", lambda: _warm(water(13).repeat(3)), "cho"),
    Benchmark("zno-5376", lambda: zinc_oxide((12, 7, 8)), "ZnOH"),
    Benchmark("diamond-5184", lambda: diamond((8, 9, 9)), "cho"),
    Benchmark("silica-6048", lambda: silica((6, 6, 7)), "silica"),
    Benchmark("butane-4536", lambda: butane((9, 9, 4)), "cho"),
    Benchmark("nitramine-5376", lambda: nitramine((4, 4, 4)), "rdx"),
]
