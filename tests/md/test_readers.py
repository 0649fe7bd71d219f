"""Files of a run, read by the programs that people read them with.

They are in the extra `readers`; without it these tests are skipped.
"""

import json
from collections import Counter

import numpy as np
import pytest
from ase.build import molecule
from other_programs import elsewhere

from ase_reaxff_jax import JaxReaxFF
from ase_reaxff_jax.md import run

pytestmark = pytest.mark.long
TRAJECTORIES = ("md.lammpstrj", "md.extxyz")


@pytest.fixture(scope="module")
def burning(tmp_path_factory):
    """Hot hydrogen and oxygen that react, and the folder of the files."""
    folder = tmp_path_factory.mktemp("burning")
    atoms = molecule("H2", vacuum=1.2, pbc=True).repeat((2, 2, 1))
    oxygen = molecule("O2", vacuum=1.2, pbc=True).repeat((2, 1, 1))
    oxygen.positions[:, 2] += atoms.cell[2, 2]
    atoms += oxygen
    atoms.set_cell(atoms.cell.array + np.diag([1.0, 1.0, oxygen.cell[2, 2]]))
    result = run(
        atoms, JaxReaxFF("cho"), ensemble="nvt-csvr", steps=3000, timestep_fs=0.2,
        temperature_K=(2000.0, 6000.0), tau_fs=20.0, log_every=20,
        trajectory=[folder / name for name in TRAJECTORIES],
        bonds=folder / "bonds.reaxff", species=folder / "species.out", progress=False,
    )  # fmt: skip
    assert result.reactions
    return folder, result


REACNETGENERATOR = """
if __name__ == "__main__":
    import sys
    from reacnetgenerator import ReacNetGenerator
    ReacNetGenerator(
        inputfiletype="bond", inputfilename=sys.argv[1], atomname=["H", "O"],
        runHMM=False, nproc=1,
    ).run()
"""


def test_reacnetgenerator_finds_reactions_in_the_file_of_bonds(burning, tmp_path):
    folder, _ = burning
    path = tmp_path / "bonds.reaxff"
    path.write_bytes((folder / "bonds.reaxff").read_bytes())
    elsewhere("reacnetgenerator", "-c", REACNETGENERATOR, path)
    reactions = (tmp_path / "bonds.reaxff.reactionabcd").read_text().split()
    assert len(reactions) > 2
    assert "[H][H]" in (tmp_path / "bonds.reaxff.species").read_text()


OVITO = """
import json, sys
import numpy as np
from ovito.io import import_file
found = []
for path in sys.argv[1:]:
    pipeline = import_file(path)
    frames = pipeline.source.num_frames
    data = pipeline.compute(frames - 1)
    particles = data.particles
    names = sorted(particles.keys())
    entry = dict(frames=frames, atoms=particles.count, names=names)
    if "Charge" in names:
        entry["charges"] = np.asarray(particles["Charge"]).tolist()
    if particles.bonds is not None:
        entry["bonds"] = particles.bonds.count
    found.append(entry)
print(json.dumps(found))
"""


def test_ovito_shows_every_frame_with_charges_and_bonds(burning):
    folder, result = burning
    names = ("bonds.reaxff", *TRAJECTORIES)
    paths = [folder / name for name in names]
    bonds, *trajectories = json.loads(
        elsewhere("ovito", "-c", OVITO, *paths).splitlines()[-1]
    )
    atoms = result.atoms
    charges = atoms.calc.get_charges(atoms)
    for found in (bonds, *trajectories):
        assert found["frames"] == len(result.step)
        assert found["atoms"] == len(atoms)
        np.testing.assert_allclose(found["charges"], charges, atol=2e-3)
    for found in trajectories:
        assert {"Position", "Force"} <= set(found["names"])
    assert "Velocity" in trajectories[0]["names"]
    orders = atoms.calc.get_bond_orders(atoms).tocoo()
    strong = (orders.data > 0.3) & (orders.coords[0] < orders.coords[1])
    assert bonds["bonds"] == strong.sum()


SPECIES = """
import json, sys
from ben_lammps_utils import read_species_out
print(json.dumps(read_species_out(sys.argv[1]).to_dict("list")))
"""


def test_a_reader_of_species_files_has_all_samples_and_formulae(burning):
    # It puts a formula that is new one row too early: only sums are compared.
    folder, result = burning
    printed = elsewhere("ben_lammps_utils", "-c", SPECIES, folder / "species.out")
    table = json.loads(printed.splitlines()[-1])
    assert table.pop("Timestep") == result.step.tolist()
    assert table.pop("No_Moles") == [sum(row.values()) for row in result.species]
    assert table.pop("No_Specs") == [len(row) for row in result.species]
    found = {formula: sum(counts) for formula, counts in table.items()}
    expected = Counter()
    for row in result.species:
        expected.update(row)
    # The file orders elements as the force field does, the result as Hill did.
    assert sorted(found.values()) == sorted(expected.values())
