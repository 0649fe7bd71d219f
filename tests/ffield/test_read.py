import io
import re

import equinox as eqx
import numpy as np
import pytest
from ase.calculators.calculator import ReadError

from ase_reaxff_jax.bundled import find, load
from ase_reaxff_jax.ffield import read_ffield
from ase_reaxff_jax.ffield.write import to_text
from ase_reaxff_jax.forcefield import column

CHO = find("cho").read_text()
LINES = CHO.split("\n")
FIRST_ATOM, FIRST_BOND, FIRST_OFF_DIAGONAL = 45, 59, 72  # 0-based lines of ours


def read(text):
    return read_ffield(io.StringIO(text))


def edit(line, old, new):
    """The file with one replacement in one line (0-based)."""
    assert old in LINES[line]
    return "\n".join(
        [*LINES[:line], LINES[line].replace(old, new, 1), *LINES[line + 1 :]]
    )


def without(start, count=1):
    return "\n".join(LINES[:start] + LINES[start + count :])


def same(text):
    """The text holds the numbers of the bundled set."""
    return eqx.tree_equal(read(text), load("cho"))


def test_the_numbers_are_those_of_the_file():
    cho = load("cho")
    assert cho.elements == ("C", "H", "O")
    assert cho.get("general", None, "p_boc1") == 50.0
    assert cho.get("general", None, "p_coa3") == 2.6962
    assert cho.get("atom", "O", "p_val5") == 2.9225
    assert cho.get("bond", ("O", "C"), "p_bo2") == 5.2913
    assert cho.get("off_diagonal", ("H", "O"), "r_pi") == -1.0
    assert cho.get("angle", ("O", "C", "O"), "p_coa1") == -24.3902
    assert cho.get("torsion", ("*", "O", "O", "*"), "V2") == 25.4150
    assert cho.get("hydrogen_bond", ("O", "H", "O"), "p_hb2") == 1.7976
    assert cho.atom.dtype == np.float64 and isinstance(cho.atom, np.ndarray)
    assert not cho.lg


def test_low_gradient_dispersion_has_a_fifth_line_and_a_seventh_column():
    lg = load("lg")
    assert lg.lg
    assert lg.get("atom", "N", "lgcij") == 1240.001
    assert lg.get("atom", "S", "lgre") == 2.0783
    assert lg.get("off_diagonal", ("C", "O"), "lgcij") == 631.85
    assert (load("cho").off_diagonal[:, column("off_diagonal", "lgcij")] == -1.0).all()


def test_low_gradient_dispersion_is_seen_with_a_single_element():
    lines = find("lg").read_text().split("\n")
    start = next(k for k, line in enumerate(lines) if line.startswith(" C "))
    count = start - 4
    one = [*lines[: start + 5], " 0 ! Nr of bonds", "  title"]
    one += [f" 0 ! Nr of {what}" for what in ("off", "angles", "torsions", "hydrogen")]
    one[count] = "  1 ! Nr of atoms"
    assert read("\n".join(one)).lg


def test_more_than_39_general_parameters_are_kept():
    lines = [
        *LINES[:1],
        " 42 ! general",
        *LINES[2:41],
        "1.5",
        "2.5",
        "3.5",
        *LINES[41:],
    ]
    force_field = read("\n".join(lines))
    assert force_field.get("general", None, "general_41") == 2.5
    assert force_field.get("general", None, "general_42") == 3.5


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: text.replace("\n", "\r\n"), id="Windows"),
        pytest.param(lambda text: text.replace("\n", "\r"), id="old Macintosh"),
        pytest.param(lambda text: re.sub(" {2,}", "\t", text), id="tabs"),
        pytest.param(lambda text: "[ ereaxff acks2 ] " + text, id="keywords"),
        pytest.param(lambda text: text.rstrip("\n"), id="no last line end"),
        pytest.param(lambda text: text + "\n\n a remark\n", id="text at the end"),
        pytest.param(lambda text: text.replace("!", " "), id="comments without mark"),
        pytest.param(
            lambda text: re.sub("\n", "\n\n# remark\n ! 1 2\n", text),
            id="comment lines",
        ),
        pytest.param(
            lambda text: re.sub(r"([0-9]\.[0-9]{4})", r"\1D+00", text), id="Fortran"
        ),
        pytest.param(
            lambda text: re.sub(r"([0-9]\.[0-9]{4})$", r"\1 fit", text, flags=re.M),
            id="remark after numbers",
        ),
        pytest.param(
            lambda text: re.sub(
                r"(?m)^((?:  [0-3]){4}.*)(?:   0\.0000){2}$", r"\1", text
            ),
            id="unused columns missing",
        ),
    ],
)
def test_harmless_forms_of_the_file_are_read(change):
    assert change(CHO) != CHO
    assert same(change(CHO))


def test_bytes_and_names_of_authors_in_old_encodings_are_read():
    header = "Spångberg, Järvi\n".encode("latin-1")
    force_field = read_ffield(io.BytesIO(header + CHO.encode().split(b"\n", 1)[1]))
    assert force_field.description == "Spångberg, Järvi"


def test_symbols_are_capitalised():
    text = edit(FIRST_ATOM, " C ", " AU")
    assert read(text).elements == ("Au", "H", "O")


def test_missing_last_columns_stand_for_zero():
    bond = "\n".join(LINES[: FIRST_BOND + 1]) + "\n" + LINES[FIRST_BOND + 1][:60]
    text = bond + "\n" + "\n".join(LINES[FIRST_BOND + 2 :])
    force_field = read(text)
    assert force_field.get("bond", ("C", "C"), "p_bo2") == 6.8316
    assert force_field.get("bond", ("C", "C"), "ovc") == 0.0


def test_touching_columns_are_separated_where_there_is_one_way():
    touching = edit(FIRST_ATOM + 3, "  -2.8983   2.5000", " -10.0000-200.0000")
    assert read(touching).get("atom", "C", "p_val3") == -200.0
    full = edit(FIRST_ATOM + 1, "   9.7602   2.1346", "   9.76021002.1346")
    assert read(full).get("atom", "C", "gamma_w") == 1002.1346
    indices = edit(FIRST_BOND, "  1  1 156.5953", "  1  1-156.5953")
    assert read(indices).get("bond", ("C", "C"), "De_s") == -156.5953


@pytest.mark.parametrize("wrong", ["  9.760211002.1346", "  9.76021002.13467"])
def test_touching_columns_off_the_grid_are_an_error(wrong):
    text = edit(FIRST_ATOM + 1, "   9.7602   2.1346", wrong)
    with pytest.raises(ReadError, match=f":{FIRST_ATOM + 2}: found"):
        read(text)


def test_rows_of_elements_beyond_the_file_are_kept():
    force_field = load("rdx")
    assert max(max(row) for row in force_field.angle_types) == 4
    assert eqx.tree_equal(read(to_text(force_field)), force_field)


def test_repeated_rows_are_kept():
    rdx = load("rdx")
    assert "C H N #2" in rdx.labels("angle")
    assert rdx.get("angle", "C H N", "p_val1", index=1) == 0.0019


WRONG = [
    ("", 1, "the file ends here, expected the number of general parameters"),
    (CHO[:1000], None, "the file ends here"),
    ("\n".join(LINES[1:]), 2, "expected the number of general parameters"),
    (edit(1, "39", "38"), 2, "found 38 general parameters, expected 39 or more"),
    (edit(1, "39", "40"), None, "expected"),
    (edit(1, "39", "-1"), 2, "expected the number of general parameters"),
    (edit(2, "50.0000", "5O.0000"), 3, "expected one number (p_boc1)"),
    (edit(2, "50.0000", "nan"), 3, "expected one number (p_boc1)"),
    (edit(FIRST_ATOM, "1.3825", "inf"), 46, "found 'inf' in atom 1 of 3, line 1"),
    (edit(FIRST_ATOM, "1.3825", "1e999"), 46, "found '1e999' in atom 1 of 3, line 1"),
    (edit(FIRST_ATOM, "1.3825", "******"), 46, "found '******' in atom 1 of 3"),
    (edit(FIRST_ATOM, "1.3825", "1.38.25"), 46, "found '1.38.25' in atom 1 of 3"),
    (edit(FIRST_ATOM, "1.3825", "      "), 46, "has 7 numbers, needs 8 (r_s valency"),
    (
        edit(FIRST_ATOM + 3, "2.9663", "nan"),
        49,
        "found 'nan' in atom 1 of 3 (C), line 4",
    ),
    (edit(FIRST_ATOM + 4, " H ", " C "), 50, "found C again, it is at line 46 already"),
    (edit(FIRST_ATOM + 4, " H ", "   "), 50, "expected the symbol of an element"),
    (edit(FIRST_ATOM - 4, "3", "4"), 58, "expected the symbol of an element"),
    (edit(FIRST_ATOM - 4, "3", "2"), 54, "expected the number of bonds"),
    (edit(FIRST_ATOM - 4, "3", "0"), 42, "found 0 atoms, expected at least one"),
    (without(FIRST_ATOM), 46, "expected the symbol of an element"),
    (edit(FIRST_BOND, "  1  1", "  1  0"), 60, "found type 0 in bond 1 of 6"),
    (edit(FIRST_BOND, "  1  1", "  1 -1"), 60, "found '-1' in bond 1 of 6, line 1"),
    (edit(FIRST_BOND, "  1  1", "  1 1.5"), 60, "expected the number of a type"),
    (edit(FIRST_BOND, "1.0000", "1.0000 2.0"), 60, "has 9 numbers, needs 8 (De_s"),
    (without(FIRST_BOND + 1), 61, "bond 1 of 6, line 2"),
    (edit(FIRST_BOND - 2, "6", "5"), 70, "expected the number of off-diagonal terms"),
    (edit(FIRST_BOND - 2, "6", "7"), 72, "bond 7 of 7, line 1"),
    (CHO + "  3  2  3   1.9\n", len(LINES), "after the last section"),
    (CHO.replace("p_boc1", "\0"), 3, "found binary data, expected text"),
]


@pytest.mark.parametrize(("text", "line", "message"), WRONG)
def test_a_wrong_file_is_named_with_its_line(tmp_path, text, line, message):
    path = tmp_path / "ffield.wrong"
    path.write_text(text)
    where = f"{path}:{line}: " if line else f"{path}:"
    with pytest.raises(ReadError) as error:
        read_ffield(path)
    assert str(error.value).startswith(where)
    assert message in str(error.value)


def test_binary_files_and_folders_are_an_error(tmp_path):
    path = tmp_path / "ffield"
    path.write_bytes(np.random.default_rng(0).bytes(4096))
    for source in (path, tmp_path):
        with pytest.raises(ReadError, match=re.escape(str(source))):
            read_ffield(source)


def test_a_missing_file_is_not_found(tmp_path):
    with pytest.raises(FileNotFoundError, match="ffield"):
        read_ffield(tmp_path / "ffield")
