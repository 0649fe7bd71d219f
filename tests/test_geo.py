"""ReaxFF's geo files, read and written by ASE."""

import subprocess
import sys

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.calculator import InputError, ReadError
from ase.constraints import FixBondLength

FORMAT = "FORMAT ATOM   (a6,1x,i5,1x,a5,1x,a3,1x,a1,1x,a5,3f10.5,1x,a5,i3,i2,1x,f8.5)"
SILANE = f"""\
BIOGRF 200
DESCRP si1
REMARK a bond held
REMARK
RUTYPE MAXIT     5
RUTYPE NO CELL OPT
#              At1 At2   R12    Force1  Force2  dR12/dIter(MD) Start (MD) End (MD)
BOND RESTRAINT    1   2  1.6500 2500.00  1.0000  0.0000100       3      40
ANGLE RESTRAINT    2   1   3   85.80 7500.00  1.0000 0.000000
MOLCHARGE    1   4  1.00
{FORMAT}
HETATM     1 Si                 40.00012  39.99978  40.85087    Si  1 1  0.19841
HETATM     2 H                  41.32977  40.00085  38.67289 H_     1 1 -0.06614
HETATM     3 H                  38.67051  39.99815  41.32417 H_     1 1 -0.06614
HETATM     4 X                  39.33250  41.15074  38.67561 X      1 1 -0.06613
FORMAT CONECT (a6,12i6)
CONECT     1     2     3     0
UNIT ENERGY   kcal
ENERGY        -473.454359
END
"""
COBALT = f"""\
XTLGRF 200
DESCRP hcp_opt
CRYSTX     2.49670    2.49670    4.05310   90.00000   90.00000  120.00000
TORSION RESTRAINT    1   2   1   2   45.00  250.00  1.0000 0.000000
MASCEN RESTRAINT x    1   1    1.50   2   2   50.00    0.25
{FORMAT}
HETATM     1 Co                  0.00000   0.00000   0.00000    Co  0 0  0.00000
HETATM     2 Co                  1.44147   0.00000   2.02655    Co  0 0  0.00000
FORMAT CONECT (a6,12i6)
END
"""
SMALLER = """\
XTLGRF 200
DESCRP smaller
RUTYPE MAXIT 5
VCHANGE 0.8
END
"""
PLAIN = """\
BIOGRF 200
{line}
HETATM     1 H                   0.00000   0.00000   0.00000 H      0 0  0.00000
END
"""


def read(tmp_path, text, name="geo", index=":", **options):
    (tmp_path / name).write_text(text)
    return ase.io.read(tmp_path / name, index, **options)


def test_a_structure_has_elements_positions_and_charges(tmp_path):
    (atoms,) = read(tmp_path, SILANE)
    assert atoms.get_chemical_symbols() == ["Si", "H", "H", "X"]
    np.testing.assert_allclose(atoms.positions[2], [38.67051, 39.99815, 41.32417])
    charges = [0.19841, -0.06614, -0.06614, -0.06613]
    np.testing.assert_allclose(atoms.get_initial_charges(), charges)
    assert atoms.arrays["geo_types"].tolist() == ["Si", "H_", "H_", "X"]
    assert not atoms.pbc.any()


def test_what_ase_has_no_place_for_is_in_info(tmp_path):
    (atoms,) = read(tmp_path, SILANE)
    bond, angle = atoms.info["geo"].pop("restraints")
    assert atoms.info["geo"] == {
        "header": "BIOGRF 200",
        "name": "si1",
        "remarks": ["a bond held", ""],
        "run_types": ["MAXIT     5", "NO CELL OPT"],
        "molecule_charges": [{"atoms": [0, 3], "charge": 1.0}],
        "connections": ["     1     2     3     0"],
        "energy_unit": "kcal",
        "energy": -473.454359,
    }
    forces = {"force1": 2500.0, "force2": 1.0, "change": 1e-5, "start": 3, "end": 40}
    assert bond == {"kind": "BOND", "atoms": [0, 1], "target": 1.65, **forces}
    forces = {"force1": 7500.0, "force2": 1.0, "change": 0.0}
    assert angle == {"kind": "ANGLE", "atoms": [1, 0, 2], "target": 85.8, **forces}


def test_torsions_and_centres_of_mass_may_be_restrained(tmp_path):
    (atoms,) = read(tmp_path, COBALT)
    torsion, centres = atoms.info["geo"]["restraints"]
    assert (torsion["atoms"], torsion["target"]) == ([0, 1, 0, 1], 45.0)
    assert centres == {
        "kind": "MASCEN",
        "direction": "x",
        "atoms": [0, 0, 1, 1],
        "target": 1.5,
        "force1": 50.0,
        "force2": 0.25,
        "change": 0.0,
    }


def test_the_cell_is_oriented_as_in_reaxff(tmp_path):
    # With a along x, as ASE would have it, the atoms would be 2.30 Å apart.
    (atoms,) = read(tmp_path, COBALT)
    assert atoms.pbc.all()
    np.testing.assert_allclose(
        atoms.cell, [[2.16221, -1.24835, 0], [0, 2.4967, 0], [0, 0, 4.0531]], atol=1e-5
    )
    np.testing.assert_allclose(atoms.get_distance(0, 1, mic=True), 2.49, atol=0.01)


def test_a_file_has_any_number_of_structures(tmp_path):
    text = f"{SILANE}\n{COBALT}\n\n{SILANE}"
    assert [len(atoms) for atoms in read(tmp_path, text)] == [4, 2, 4]
    assert len(read(tmp_path, text, index=1)) == 2
    assert len(read(tmp_path, text, index="1:")) == 2


@pytest.mark.parametrize("name", ["geo", "water.bgf", "anything", "anything.txt"])
def test_ase_knows_the_files_by_name_or_first_line(name, tmp_path):
    assert len(read(tmp_path, SILANE, name, index=-1)) == 4
    assert ase.io.formats.filetype(str(tmp_path / name)) == "reaxff-geo"


@pytest.mark.parametrize(
    ("given", "other"),
    [
        ("  40.00012  39.99978  40.85087", "-140.00012-139.99978-140.85087"),
        ("HETATM     1 Si   ", "ATOM       1 Si   "),
        ("HETATM     1", "HETATM *****"),
        ("MOLCHARGE    1   4  1.00", "MOLCHARGE 1 4 1"),
        ("Si                 40", "Si    RES A    12  40"),
        ("Si                 40", "SI1                40"),
        ("-473.454359", "-0.473454359D+03"),
        ("  0.0000100       3      40", ""),
        ("\n", "\r\n"),
    ],
)
def test_other_forms_of_a_line_are_understood(given, other, tmp_path):
    assert given in SILANE
    (tmp_path / "geo").write_bytes(SILANE.replace(given, other).encode())
    (atoms,) = ase.io.read(tmp_path / "geo", ":")
    expected = 140.85087 if other.startswith("-140") else 40.85087
    assert abs(atoms.positions[0, 2]) == expected
    assert atoms.symbols[0] == "Si"
    assert atoms.info["geo"]["energy"] == -473.454359
    assert atoms.info["geo"]["restraints"][0]["target"] == 1.65
    assert atoms.info["geo"]["molecule_charges"][0]["atoms"] == [0, 3]


def test_lines_without_the_columns_are_split_at_blanks(tmp_path):
    (atoms,) = read(tmp_path, "BIOGRF 200\nHETATM 1 C 1 2.5 -3 C_3 0 0 0.5\nEND\n")
    np.testing.assert_array_equal(atoms.positions, [[1, 2.5, -3]])
    assert atoms.arrays["geo_types"].tolist() == ["C_3"]
    assert atoms.get_initial_charges().tolist() == [0.5]


def test_a_structure_may_be_the_one_before_at_another_volume(tmp_path):
    held = COBALT.replace("FORMAT CONECT", "FIXATOMS     1     1\nFORMAT CONECT")
    before, smaller = read(tmp_path, held + SMALLER)
    np.testing.assert_allclose(smaller.get_volume(), 0.8 * before.get_volume())
    np.testing.assert_allclose(
        smaller.get_scaled_positions(), before.get_scaled_positions()
    )
    assert smaller.info["geo"] == {
        "header": "XTLGRF 200",
        "name": "smaller",
        "run_types": ["MAXIT 5", "NO CELL OPT"],
    }
    assert not smaller.constraints


def test_atoms_that_are_held_are_a_constraint_of_ase(tmp_path):
    lines = "FIXATOMS     1     2\nFIXATOMS     4     4\nFORMAT CONECT"
    (atoms,) = read(tmp_path, SILANE.replace("FORMAT CONECT", lines))
    assert atoms.constraints[0].get_indices().tolist() == [0, 1, 3]
    ase.io.write(tmp_path / "again.bgf", atoms)
    again = ase.io.read(tmp_path / "again.bgf")
    assert again.constraints[0].get_indices().tolist() == [0, 1, 3]


def test_numbers_of_atoms_may_touch(tmp_path):
    rows = "\n".join(f"HETATM{k:6d} H {k} 0 0" for k in range(1, 1201))
    line = "BOND RESTRAINT 11991200  1.6500 2500.00  1.0000  0.0000000       0       0"
    (atoms,) = read(tmp_path, f"BIOGRF 200\n{line}\n{rows}\nEND\n")
    assert atoms.info["geo"]["restraints"][0]["atoms"] == [1198, 1199]


def without(text, part):
    return text.replace(part, "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            SILANE.replace("40.85087", "4O.85087"),
            "geo:12: HETATM: .*'4O.85087' is no number",
        ),
        (SILANE.replace("HETATM     3", "HETATM     7"), "geo:14: .*atom 7.*atom 3"),
        (SILANE.replace(" 4 X ", " 4 Q "), "geo:15: HETATM: 'Q' is no element"),
        (SILANE.replace("HETATM     3", "HETAM      3"), "geo:14: found 'HETAM"),
        (SILANE.replace("   1   2  1.65", "   1   5  1.65"), "geo:8: .*atom 5 of 4"),
        (SILANE.replace("  85.80 7500.00", ""), "geo:9: ANGLE RESTRAINT: .*force1"),
        (SILANE.replace("   1   4  1.00", ""), "geo:10: MOLCHARGE: found 0 fields"),
        (SILANE.replace("-473.454359", "nan"), "geo:19: ENERGY: 'nan' is not finite"),
        (SILANE.replace("ENERGY   kcal", "kcal"), "geo:18: UNIT: found 'kcal'"),
        (COBALT.replace("4.05310 ", "4.0531O "), "geo:3: CRYSTX: .*cell"),
        (COBALT.replace("120.0", "240.0"), "geo:3: CRYSTX: no cell has lengths"),
        (without(COBALT, COBALT.splitlines()[2]), "geo:.*no CRYSTX line"),
        (without(SILANE, "END\n"), "geo:19: .* before END of .* line 1"),
        (without(SILANE, "END\n") + COBALT, "geo:20: .* before END of line 1"),
        (PLAIN.format(line="END"), "geo:2: the structure at line 1 has no atoms"),
        (PLAIN.format(line="VCHANGE 0.80"), "geo:2: VCHANGE: there is no periodic"),
        (COBALT + SMALLER.replace("0.8", "-1"), "geo:14: VCHANGE: found volume -1"),
        (
            COBALT + SMALLER.replace("END", "CRYSTX 5 5 5 90 90 90\nEND"),
            "geo:16: the structure at line 11 has VCHANGE and atoms",
        ),
        (PLAIN.format(line="FIXATOMS 1 2"), "geo:2: FIXATOMS 1 2: .*atom 2 of 1"),
        ("DESCRP x\n" + SILANE, "geo:1: found 'DESCRP x', expected BIOGRF or XTLGRF"),
    ],
)
def test_a_bad_line_is_an_error_that_tells_its_number(text, message, tmp_path):
    with pytest.raises(ReadError, match=message):
        read(tmp_path, text, format="reaxff-geo")


def test_rounding_leaves_no_negative_zero(tmp_path):
    ase.io.write(tmp_path / "a.bgf", Atoms("H", [[-1e-9, 1.0, -2.0]]))
    (atom,) = [line for line in (tmp_path / "a.bgf").read_text().splitlines()
               if line.startswith("HETATM")]  # fmt: skip
    assert atom.split()[3:6] == ["0.00000", "1.00000", "-2.00000"]


def test_a_file_is_written_as_it_was_read(tmp_path):
    for text in (SILANE, COBALT):
        atoms = read(tmp_path, text)
        ase.io.write(tmp_path / "again.bgf", atoms)
        again = (tmp_path / "again.bgf").read_text().splitlines()
        lines = [line for line in text.splitlines() if line[0] != "#"]
        # The type of an atom may stand elsewhere in its column.
        assert [x.split()[:6] for x in again if x] == [x.split()[:6] for x in lines]
        (same,) = ase.io.read(tmp_path / "again.bgf", ":")
        assert same.info == atoms[0].info
        assert (same.arrays.keys(), same) == (atoms[0].arrays.keys(), atoms[0])


def test_atoms_of_ase_get_a_name_and_the_orientation_of_reaxff(tmp_path):
    zinc_oxide = bulk("ZnO", "wurtzite", a=3.25, c=5.2)
    zinc_oxide.rattle(0.1, seed=1)
    water = molecule("H2O")
    ase.io.write(tmp_path / "two.bgf", [zinc_oxide, water])
    solid, single = ase.io.read(tmp_path / "two.bgf", ":")
    assert solid.info["geo"] == {"header": "XTLGRF 200", "name": "O2Zn2_1"}
    assert single.info["geo"] == {"header": "BIOGRF 200", "name": "H2O_2"}
    for before, after in ((zinc_oxide, solid), (water, single)):
        np.testing.assert_allclose(
            after.get_all_distances(mic=True),
            before.get_all_distances(mic=True),
            atol=4e-5,
        )
    np.testing.assert_allclose(solid.cell.cellpar(), zinc_oxide.cell.cellpar())


def test_what_the_format_has_no_place_for_is_refused(tmp_path):
    path = tmp_path / "x.bgf"
    slab = Atoms("H", cell=[5, 5, 5], pbc=[True, True, False])
    mirrored = Atoms("H", cell=-5 * np.eye(3), pbc=True)
    far = Atoms("H", [[-12345.0, 0, 0]])
    shorter = read(tmp_path, SILANE)[0][:1]
    tied = molecule("H2O")
    tied.set_constraint(FixBondLength(0, 1))
    for atoms, message in (
        (slab, "structure 1 .* periodic in xy only"),
        (mirrored, "right-handed"),
        (far, "position -12345.0 needs more than 10 characters"),
        (tied, "a constraint FixBondLengths; there is room for FixAtoms only"),
        (shorter, r"refers to atoms \[0, 1\], there are 1"),
    ):
        with pytest.raises(InputError, match=message):
            ase.io.write(path, [molecule("H2"), atoms])


def test_ase_is_imported_without_a_warning_by_its_new_format():
    for first in ("import ase.io", "import ase_reaxff_jax, ase.io"):
        program = f"{first}; print(ase.io.formats.ioformats['reaxff-geo'].module_name)"
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.stdout, done.stderr) == ("ase_reaxff_jax.geo\n", "")
