"""Files of parameters to fit (params, koppel2)."""

import pytest
from ase.calculators.calculator import InputError, ReadError
from hypothesis import given
from hypothesis import strategies as st

from ase_reaxff_jax.bundled import load
from ase_reaxff_jax.ffield.names import Address
from ase_reaxff_jax.fit.input_errors import FitInputError
from ase_reaxff_jax.fit.parameters import Parameter, read_params, write_params

CHO = load("cho")
PARAMS = """\
# section row column step, and both bounds
 1  1  1   0.100  75.000  25.000 ! 1st general
2 1 1 0.1 1.2 1.6
  3  1  1  0.0050 121.0000 165.0000
  6  1  3  0.0050 -20.0000   2.0000   V3 of a torsion
! 2 1 4 0.1 1.7 2.6
"""


def read(tmp_path, text, **links):
    (tmp_path / "params").write_text(text)
    for name, content in links.items():
        (tmp_path / name).write_text(content)
        return read_params(tmp_path / "params", CHO, links=tmp_path / name)
    return read_params(tmp_path / "params", CHO)


def test_a_line_is_an_address_a_step_and_two_bounds_in_either_order(tmp_path):
    general, radius, bond, torsion = read(tmp_path, PARAMS)
    assert general == Parameter(
        section=1, row=1, column=1, step=0.1, low=25.0, high=75.0
    )
    assert (general.name, general.where) == ("general p_boc1", "params:2")
    assert (radius.address, radius.name) == ((2, 1, 1), "atom C r_s")
    assert (bond.name, bond.low, bond.high) == ("bond C C De_s", 121.0, 165.0)
    assert (torsion.low, torsion.high, torsion.where) == (-20.0, 2.0, "params:5")


@pytest.mark.parametrize("column", ["0", "1"])
def test_the_column_of_a_general_parameter_may_be_0_or_1(column, tmp_path):
    (parameter,) = read(tmp_path, f"1 2 {column} 0.1 1 20\n")
    assert parameter.address == Address(1, 2, 1)


def test_fields_of_fixed_width_may_touch(tmp_path):
    (parameter,) = read(tmp_path, "  6  1  3  0.0050-20.0000  2.0000\n")
    assert (parameter.low, parameter.high) == (-20.0, 2.0)


def test_a_negative_step_means_that_none_is_given(tmp_path):
    assert read(tmp_path, "2 1 1 -1.0 1.2 1.6\n")[0].step is None


def test_parameters_may_be_tied_to_others(tmp_path):
    text = "5 1 7 2  ! reference, number of links\n5 2 7\n5 3 7\n2 1 1 1\n2 3 1\n"
    params = "5 1 7 0.1 1 4\n2 1 1 0.1 1.2 1.6\n"
    angle, radius = read(tmp_path, params, koppel2=text)
    assert angle.links == (Address(5, 2, 7), Address(5, 3, 7))
    assert radius.links == (Address(2, 3, 1),)


def test_what_is_written_is_read_again(tmp_path):
    text = "2 1 1 1\n2 3 1\n"
    before = read(tmp_path, PARAMS + "2 2 1 -1 0.712345678901234 0.9\n", koppel2=text)
    paths = tmp_path / "again", tmp_path / "ties"
    write_params(before, paths[0], links=paths[1])
    after = read_params(paths[0], CHO, links=paths[1])
    assert after == before
    assert [p.name for p in after] == [p.name for p in before]
    with pytest.raises(FitInputError, match="name a koppel2 file"):
        write_params(before, tmp_path / "no")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2 1 1 0.1 1.2", "found 5 fields, expected section row column step"),
        ("2 1 1 0.1 1.2 1.6 1.8", "found 7 fields"),
        ("2 1 x 0.1 1.2 1.6", "found 'x' is no integer"),
        ("2 1 1 0.1 nan 1.6", "'nan' is not finite"),
        ("8 1 1 0.1 1.2 1.6", "no address"),
        ("2 4 1 0.1 1.2 1.6", "atom has 3 rows"),
        ("2 1 33 0.1 1.2 1.6", "32 columns"),
        ("4 1 7 0.1 1 2", "no low-gradient dispersion"),
        ("1 42 1 0.1 1.2 1.6", "no general parameter at"),
        ("2 1 1 0 1.2 1.6", "step is 0; make it positive"),
        ("2 1 1 0.1 1.2 1.2", "there is nothing between them"),
        ("2 1 1 0.1 1.5 1.6", "has 1.3825, outside the bounds 1.5 to 1.6; widen"),
        ("2 1 1 0.1 -1.5 1.6", "lower bound is -1.5, .* larger than 0"),
        ("2 1 3 0.1 1 20", "atom C mass cannot be fitted: no energy term"),
        ("2 2 7 0.1 -1 20", "H r_pi cannot be fitted: it is -0.1, .* bonds .* off"),
        ("2 1 28 0.1 1 20", "lighter than 21 u have valency_boc"),
        ("3 1 6 0.1 0 2", "v13cor cannot be fitted: it is a switch"),
        ("1 13 1 0.1 8 12", "swb cannot be fitted: it is a taper radius"),
        ("1 6 1 0.1 0 100", "from 0.001 down the term is off"),
        ("2 1 10 0.1 0.3 5", "make the bound larger than 0.5"),
        (
            "2 2 30 0.1 -1 5",
            "H rcore2 cannot be fitted: the first element has no inner",
        ),
        ("1 14 1 0.1 -1 12", "unused_14 cannot be fitted"),
        ("4 2 5 0.1 1 2", "r_pi of H is not positive|combination rule holds"),
    ],
)
def test_a_line_that_cannot_be_used_is_an_error_with_its_number(
    line, message, tmp_path
):
    with pytest.raises(InputError, match=f"params:7: .*({message})"):
        read(tmp_path, f"{PARAMS}{line}\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2 1 5 1\n2 3 5\n", r"koppel2:1: \(2, 1, 5\) is not among the parameters"),
        ("2 1 1 1\n3 1 1\n", r"koppel2:2: \(3, 1, 1\) is fitted or linked already"),
        ("2 1 1 2\n2 3 1\n", "koppel2:2: found 0 fields"),
        ("6 1 3 1\n4 1 1\n", "koppel2:2: the lower bound is -20"),
        ("2 1 1 0\n", "koppel2:1: found 0 links"),
        ("2 1 1 1\n2 3 3\n", "koppel2:2: .*mass cannot be fitted"),
    ],
)
def test_a_tie_that_cannot_be_used_is_an_error_with_its_number(text, message, tmp_path):
    with pytest.raises(InputError, match=message):
        read(tmp_path, PARAMS, koppel2=text)


def test_a_parameter_is_named_once_and_a_file_names_some(tmp_path):
    with pytest.raises(InputError, match="params:7: it stands at params:3 already"):
        read(tmp_path, f"{PARAMS}2 1 1 0.1 1.2 1.6\n")
    with pytest.raises(InputError, match="params names no parameters"):
        read(tmp_path, "# none\n")
    with pytest.raises(FileNotFoundError):
        read_params(tmp_path / "absent", CHO)


@given(
    cut=st.integers(0, len(PARAMS)),
    size=st.integers(0, 6),
    text=st.text(max_size=6),
)
def test_a_damaged_file_gives_parameters_or_an_error_of_ase(
    cut, size, text, tmp_path_factory
):
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_text(PARAMS[:cut] + text + PARAMS[cut + size :], encoding="utf-8")
    try:
        assert read_params(path, CHO)
    except ReadError as error:
        assert "damaged" in str(error)
