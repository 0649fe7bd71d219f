"""Files of bonds and species: text by hand, beside LAMMPS, and read by other programs.

LAMMPS lists the other ends of an atom's bonds in the order of its own lists, which is
not always ascending; that order alone is taken out of the comparison.
"""

from pathlib import Path

import lammps_oracle
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import InputError
from molecules import molecule
from other_programs import elsewhere
from scipy.sparse import triu
from small import carbon_chain

from ase_reaxff_jax import JaxReaxFF
from ase_reaxff_jax.md import run
from ase_reaxff_jax.md.frames import Bonding
from ase_reaxff_jax.md.outputs.bonds import BondsFile, block
from ase_reaxff_jax.md.outputs.species import SpeciesFile

SYMBOLS = ["O", "H", "H", "C", "H"]

BONDS = """\
# Timestep 20
#
# Number of particles 5
#
# Max number of bonds per atom 2 with coarse bond order cutoff 0.300
# Particle connection table and bond orders
# id type nb id_1...id_nb mol bo_1...bo_nb abo nlp q
 1 3 2 2 3 0         0.910         0.925         1.835         2.000        -0.518
 2 2 1 1 0         0.910         1.190         0.000         0.257
 3 2 1 1 0         0.925         0.925         0.000         0.261
 4 1 0 0         0.280         2.000        -0.000
 5 2 0 0         0.000         0.000         0.000
# 
"""

SPECIES = """\
#  Timestep    No_Moles    No_Specs         H2O           C           H
         20           3           3           1           1           1
"""


def water_and_atoms(step=20):
    """A water, a carbon that almost bonds to it, a hydrogen."""
    return Bonding(
        step,
        5.0,
        np.array([2, 0, 1]),
        np.array([0, 1, 3]),
        np.array([0.925, 0.910, 0.28]),
        np.array([1.835, 1.19, 0.925, 0.28, 0.0]),
        np.array([2.0, 0.0, 0.0, 2.0, 0.0]),
        np.array([-0.518, 0.257, 0.261, -0.0002, 0.0]),
    )


def bonds_only(i, j, atoms):
    """Bonds of order 0.9."""
    zeros = np.zeros(atoms)
    orders = np.full(len(i), 0.9)
    return Bonding(0, 0.0, np.array(i), np.array(j), orders, zeros, zeros, zeros)


KINDS = [(BondsFile, BONDS), (SpeciesFile, SPECIES)]


@pytest.mark.parametrize(("kind", "text"), KINDS)
def test_each_step_is_appended_in_the_format_of_lammps(kind, text, tmp_path):
    path = tmp_path / "file"
    file = kind.create(path, SYMBOLS, elements="CHO")
    file.write(water_and_atoms())
    file.write(water_and_atoms(30))
    file.close()
    later = text.replace("step 20", "step 30").replace("\n         20", "\n         30")
    assert path.read_text() == text + later


@pytest.mark.parametrize(("kind", "text"), KINDS)
def test_a_reopened_file_loses_what_came_after_the_position(kind, text, tmp_path):
    path = tmp_path / "file"
    file = kind.create(path, SYMBOLS, elements="CHO")
    file.write(water_and_atoms())
    position = file.flush()
    file.write(water_and_atoms(30))
    file.close()
    file = kind.reopen(path, position, SYMBOLS, elements="CHO")
    file.write(water_and_atoms())
    file.close()
    assert path.read_text() == 2 * text


@pytest.mark.parametrize(("kind", "text"), KINDS)
def test_an_existing_file_is_replaced_only_when_asked(kind, text, tmp_path):
    path = tmp_path / "file"
    path.write_text("precious")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        kind.create(path, SYMBOLS, elements="CHO")
    assert path.read_text() == "precious"
    file = kind.create(path, SYMBOLS, elements="CHO", overwrite=True)
    file.write(water_and_atoms())
    file.close()
    assert path.read_text() == text


@pytest.mark.parametrize("kind", [BondsFile, SpeciesFile])
def test_elements_and_atoms_that_do_not_fit_are_refused(kind, tmp_path):
    path = tmp_path / "file"
    with pytest.raises(InputError, match="elements are C H, the atoms also have O"):
        kind.create(path, SYMBOLS, elements="CH")
    with pytest.raises(InputError, match="one is there twice"):
        kind.create(path, SYMBOLS, elements="CHOH")
    assert not path.exists()
    file = kind.create(path, SYMBOLS[:4], elements="CHO")
    with pytest.raises(InputError, match="bonds of 5 atoms for a file of 4"):
        file.write(water_and_atoms())
    file.close()


def test_bonds_and_frames_of_a_run_number_the_elements_as_the_force_field_does(
    tmp_path,
):
    calc = JaxReaxFF("rdx")  # C H O N
    bonds, dump = tmp_path / "bonds.reaxff", tmp_path / "md.lammpstrj"
    for steps in (0, 1):
        run(Atoms("NO", [[0, 0, 0], [0, 0, 1.2]]), calc, ensemble="nve", steps=steps,
            log_every=1, bonds=bonds, trajectory=dump, checkpoint=tmp_path / "ckpt",
            restart=True, progress=False)  # fmt: skip
    lines = [line.split() for line in bonds.read_text().splitlines()]
    assert [x[1] for x in lines if x[0] != "#"] == ["2", "1"] * 2
    lines = [line.split() for line in dump.read_text().splitlines()]
    assert [x[1:3] for x in lines if len(x) == 13] == [["2", "N"], ["1", "O"]] * 2


def test_each_bonded_image_is_named():
    bonding = bonds_only([0, 0, 1], [1, 1, 1], 2)
    first, second = block(bonding, np.array([1, 1])).splitlines()[7:9]
    assert first.split()[:6] == ["1", "1", "2", "2", "2", "0"]
    # Two bonds to the other atom, and both ends of one to its own image.
    assert second.split()[:8] == ["2", "1", "4", "1", "1", "2", "2", "0"]


def test_the_species_of_a_step_come_in_the_order_of_their_first_atoms(tmp_path):
    file = SpeciesFile.create(tmp_path / "file", "HOHHCHH", elements="HCO")
    file.write(bonds_only([0, 5], [2, 6], 7))
    file.write(bonds_only([0, 4, 4, 4], [1, 2, 3, 5], 7))
    file.close()
    rows = [line.split() for line in (tmp_path / "file").read_text().splitlines()]
    assert rows[0][4:] == ["H2", "O", "H", "C"]
    assert rows[1] == ["0", "5", "4", "2", "1", "1", "1"]
    assert rows[2][4:] == ["HO", "H3C", "H"]
    assert rows[3] == ["0", "3", "3", "1", "1", "1"]


def test_a_long_formula_stays_apart_from_its_neighbours(tmp_path):
    # LAMMPS does so: columns of at least 11 characters with a blank between them.
    symbols = ["C"] * 1000 + ["H"] * 1000 + ["O"] * 1001
    file = SpeciesFile.create(tmp_path / "file", symbols, elements="CHO")
    file.write(bonds_only(range(2999), range(1, 3000), 3001))
    file.close()
    header, numbers = (tmp_path / "file").read_text().splitlines()
    assert header.split()[4:] == ["C1000H1000O1000", "O"]
    assert header.endswith("   No_Specs C1000H1000O1000           O")
    assert numbers == "          0           2           2           1           1"


def gas() -> Atoms:
    """Eight molecules in a periodic box, out of equilibrium."""
    names = "CH4 O2 H2O C2H2 CH3OH C6H6 H2 H2O2".split()
    box = Atoms(cell=[12.0, 12.5, 13.0], pbc=True)
    for k, name in enumerate(names):
        one = molecule(name)
        one.rotate(40 * k, (1, 2, 3))
        one.positions += 2.0 + 6.0 * np.array([k % 2, k // 2 % 2, k // 4])
        box += one
    box.rattle(0.05, seed=1)
    box.set_initial_magnetic_moments(None)
    return box


def by_lammps(atoms: Atoms, folder: Path) -> tuple[str, str]:
    """Both files of LAMMPS at step 0."""
    job = lammps_oracle._Job.prepare(atoms, None, False)
    path = lammps_oracle.force_field_path("cho")
    script = lammps_oracle._script(folder, 0, job, path, 1e-12)
    elements = " ".join(job.elements)
    fixes = (
        f"fix bonds all reaxff/bonds 1 {folder}/bonds\n"
        f"fix species all reaxff/species 1 1 1 {folder}/species element {elements}\n"
    )
    lammps_oracle._run(script.replace("run 0", f"{fixes}run 0"))
    return (folder / "bonds").read_text(), (folder / "species").read_text()


def sorted_ends(text: str) -> list[list[str]]:
    """Fields of the lines, with an atom's bonds in ascending order."""
    rows = []
    for line in text.splitlines():
        row = line.split(" ") if line[0] == "#" else line.split()
        if row[0] != "#":
            n = int(row[2])
            others, orders = row[3 : 3 + n], row[4 + n : 4 + 2 * n]
            order = sorted(range(n), key=lambda k: int(others[k]))
            row[3 : 3 + n] = [others[k] for k in order]
            row[4 + n : 4 + 2 * n] = [orders[k] for k in order]
        rows.append(row)
    return rows


def ours(atoms: Atoms, lammps: str) -> Bonding:
    """Bonds by the calculator; lone pairs, which it does not tell, by LAMMPS."""
    calculator = JaxReaxFF("cho", charge_tolerance=1e-12)
    charges = calculator.get_charges(atoms)
    orders = calculator.get_bond_orders(atoms)
    pairs = triu(orders).tocoo()
    rows = [line.split() for line in lammps.splitlines() if line[0] != "#"]
    lone_pairs = np.array([float(row[-2]) for row in rows])
    total = np.asarray(orders.sum(axis=1)).ravel()
    i, j = pairs.coords
    return Bonding(0, 0.0, i, j, pairs.data, total, lone_pairs, charges)


@pytest.mark.lammps
def test_both_files_are_those_of_lammps(tmp_path):
    atoms = gas()
    theirs = by_lammps(atoms, tmp_path)
    bonding = ours(atoms, theirs[0])
    written = []
    for kind in (BondsFile, SpeciesFile):
        file = kind.create(tmp_path / "ours", atoms.symbols, elements="CHO")
        file.write(bonding)
        file.close()
        written.append((tmp_path / "ours").read_text())
        (tmp_path / "ours").unlink()
    assert written[1] == theirs[1]
    both = written[0], theirs[0]
    lengths = [[len(line) for line in text.splitlines()] for text in both]
    assert lengths[0] == lengths[1]
    for mine, other in zip(*map(sorted_ends, both), strict=True):
        assert len(mine) == len(other)
        for a, b in zip(mine, other, strict=True):
            # A number may round the other way in its last digit.
            assert a == b or abs(float(a) - float(b)) < 1.01e-3


@pytest.mark.lammps
@pytest.mark.parametrize("atoms", [carbon_chain(), carbon_chain() * (2, 1, 1)])
def test_lammps_too_names_each_bonded_image(atoms, tmp_path):
    theirs, _ = by_lammps(atoms, tmp_path)
    chain = [row for row in sorted_ends(theirs) if row[0] != "#"]
    i, j = ([0], [0]) if len(atoms) == 1 else ([0, 0], [1, 1])
    mine = block(bonds_only(i, j, len(atoms)), np.ones(len(atoms), int))
    rows = [row for row in sorted_ends(mine) if row[0] != "#"]
    assert [row[:6] for row in rows] == [row[:6] for row in chain]


def burning(path: Path) -> None:
    """Two H2 and an O2 that become two H2O, in ten steps."""
    file = BondsFile.create(path, "HHHHOO", elements="HO")
    before, after = [(0, 1), (2, 3), (4, 5)], [(0, 4), (4, 1), (2, 5), (5, 3)]
    for step in range(10):
        i, j = np.array(before if step < 5 else after).T
        zeros = np.zeros(6)
        orders = np.linspace(0.9, 1.0, len(i))
        file.write(Bonding(step, 0.1 * step, i, j, orders, zeros, zeros, zeros + 0.25))
    file.close()


REACNETGENERATOR = """
if __name__ == "__main__":
    import sys
    from reacnetgenerator import ReacNetGenerator
    ReacNetGenerator(
        inputfiletype="bond", inputfilename=sys.argv[1], atomname=["H", "O"],
        runHMM=False, nproc=1,
    ).run()
"""


@pytest.mark.slow
def test_reacnetgenerator_finds_the_reaction_in_the_file_of_bonds(tmp_path):
    burning(tmp_path / "bonds.reaxff")
    elsewhere("reacnetgenerator", "-c", REACNETGENERATOR, tmp_path / "bonds.reaxff")
    reactions = (tmp_path / "bonds.reaxff.reactionabcd").read_text()
    assert reactions.split() == ["1", "[H][H]+[H][H]+[O][O]->[H][O][H]+[H][O][H]"]


OVITO = """
import sys
from ovito.io import import_file
pipeline = import_file(sys.argv[1])
for frame in range(pipeline.source.num_frames):
    particles = pipeline.compute(frame).particles
    charge = particles["Charge"][0]
    print(particles.count, particles.bonds.count, f"{charge:.2f}", end=" ")
    print(*(f"{x:.3f}" for x in sorted(particles.bonds["Bond Order"])))
"""


@pytest.mark.slow
def test_ovito_shows_the_bonds_of_each_step(tmp_path):
    burning(tmp_path / "bonds.reaxff")
    shown = elsewhere("ovito", "-c", OVITO, tmp_path / "bonds.reaxff").splitlines()
    assert shown[:5] == ["6 3 0.25 0.900 0.950 1.000"] * 5
    assert shown[5:] == ["6 4 0.25 0.900 0.933 0.967 1.000"] * 5
