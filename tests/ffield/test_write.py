import dataclasses
import io
import os
import re

import equinox as eqx
import jax
import numpy as np
import pytest
from ase.calculators.calculator import InputError
from hypothesis import given, settings
from hypothesis import strategies as st

from ase_reaxff_jax.bundled import forcefields, load
from ase_reaxff_jax.ffield import read_ffield, write_ffield
from ase_reaxff_jax.ffield.write import number, to_text
from ase_reaxff_jax.forcefield import Header

NAMES = [entry.name for entry in forcefields()]


def bits(force_field):
    return [leaf.tobytes() for leaf in jax.tree.leaves(force_field)]


def same(a, b):
    """Bit for bit, minus zeros included."""
    return bits(a) == bits(b) and jax.tree.structure(a) == jax.tree.structure(b)


def random_numbers(force_field, seed):
    """All numbers replaced by float64s of every size and sign."""
    draw = np.random.default_rng(seed)

    def numbers(leaf):
        kinds = [
            draw.normal(size=leaf.shape),
            draw.normal(size=leaf.shape) * 10.0 ** draw.integers(-300, 300, leaf.shape),
            np.round(draw.normal(size=leaf.shape) * 100, draw.integers(0, 7)),
            np.full(leaf.shape, -0.0),
        ]
        return np.choose(draw.integers(0, 4, leaf.shape), kinds)

    return jax.tree.map(numbers, force_field)


@pytest.mark.parametrize("name", NAMES)
def test_a_bundled_set_comes_back_bit_for_bit(name, tmp_path):
    force_field = load(name)
    write_ffield(tmp_path / "ffield", force_field)
    again = read_ffield(tmp_path / "ffield")
    assert same(again, force_field)
    assert again.description == force_field.description


@pytest.mark.parametrize("name", ["lg", "FC"])
@pytest.mark.parametrize("seed", range(5))
def test_random_numbers_come_back_bit_for_bit(name, seed):
    force_field = random_numbers(load(name), seed)
    if not force_field.lg:
        atom = force_field.atom.copy()
        atom[:, 32:] = 0.0
        force_field = eqx.tree_at(lambda f: f.atom, force_field, atom)
    assert same(read_ffield(io.StringIO(to_text(force_field))), force_field)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_number_comes_back_after_a_blank_and_with_a_point(value):
    text = number(value)
    assert text[0] == " " and "." in text and len(text) >= 9
    assert np.float64(text).tobytes() == np.float64(value).tobytes()


@settings(max_examples=200)
@given(st.integers(-999_999, 9_999_999).map(lambda n: n / 10_000))
def test_four_decimals_keep_the_columns(value):
    assert len(number(value)) == 9


def test_numbers_of_four_decimals_stand_in_fortran_columns():
    lines = to_text(load("cho")).split("\n")
    start = next(k for k, line in enumerate(lines) if line.startswith(" C "))
    values = [lines[start][3 + 9 * k : 12 + 9 * k] for k in range(8)]
    assert [float(value) for value in values] == list(load("cho").atom[0, :8])
    assert all(len(line) == 75 for line in lines[start : start + 12])
    assert max(map(len, lines[1:])) <= 90


def test_a_dispersion_coefficient_without_lg_keeps_its_column():
    off_diagonal = load("cho").off_diagonal.copy()
    off_diagonal[1, 6] = 12.5
    force_field = eqx.tree_at(lambda f: f.off_diagonal, load("cho"), off_diagonal)
    assert same(read_ffield(io.StringIO(to_text(force_field))), force_field)


def test_sections_may_be_empty():
    cho = load("cho")
    empty = dataclasses.replace(
        cho, hydrogen_bond=np.zeros((0, 4)), hydrogen_bond_types=(),
        off_diagonal=np.zeros((0, 7)), off_diagonal_types=(),
    )  # fmt: skip
    assert same(read_ffield(io.StringIO(to_text(empty))), empty)


def test_the_description_stays_one_line():
    force_field = dataclasses.replace(load("cho"), header=Header("two\nlines"))
    assert to_text(force_field).split("\n")[0] == "two lines"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_not_written(value, tmp_path):
    force_field = load("cho").replace("angle C C H p_val1", value)
    with pytest.raises(InputError, match="angle C C H p_val1 is"):
        write_ffield(tmp_path / "ffield", force_field)
    assert not list(tmp_path.iterdir())


def test_dispersion_of_atoms_without_lg_is_refused():
    atom = load("cho").atom.copy()
    atom[0, 32] = 1.0
    force_field = eqx.tree_at(lambda f: f.atom, load("cho"), atom)
    with pytest.raises(InputError, match="lgcij"):
        to_text(force_field)


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "ffield"
    write_ffield(path, load("cho"))
    before = path.read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_ffield(path, load("rdx"))
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["ffield"]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "ffield")
    write_ffield(tmp_path / "link", load("cho"))
    assert (tmp_path / "link").is_symlink()
    assert same(read_ffield(tmp_path / "ffield"), load("cho"))


def test_old_programs_find_count_lines_where_they_count_them():
    lines = to_text(load("lg")).split("\n")
    count = int(lines[1].split()[0])
    atoms = int(lines[2 + count].split()[0])
    bonds = 2 + count + 4 + 5 * atoms  # three lines of titles
    assert re.match(r" 10 +! Nr of bonds", lines[bonds])
    assert lines[bonds + 2].startswith("  1  1 141.9346")  # one line of titles
