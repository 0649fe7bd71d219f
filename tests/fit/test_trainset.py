"""Training sets in the files of the ReaxFF program."""

import warnings

import numpy as np
import pytest
from ase.calculators.calculator import InputError, ReadError
from hypothesis import given
from hypothesis import strategies as st
from trainset_cases import GEO, TRAINSET

from ase_reaxff_jax.fit import TrainingSet
from ase_reaxff_jax.fit.input_errors import (
    FitInputError,
    UnusableItemsWarning,
    UnusedStructuresWarning,
)
from ase_reaxff_jax.fit.structures import Restraint


def read(tmp_path, geo=GEO, trainset=TRAINSET, **options) -> TrainingSet:
    (tmp_path / "geo").write_text(geo)
    (tmp_path / "trainset.in").write_text(trainset)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnusedStructuresWarning)
        return TrainingSet.read(tmp_path / "geo", tmp_path / "trainset.in", **options)


def test_every_kind_of_item_is_read(tmp_path):
    items = [(i.name, i.reference, i.sigma) for i in read(tmp_path).items]
    assert items == [
        ("water charge 1", -0.8, 0.1),
        ("water charge 2", 0.37, 0.2),
        ("water heat of formation", -57.8, 2.0),
        ("water distance 1-2", 0.96, 0.02),
        ("water angle 2-1-3", 104.5, 2.0),
        ("peroxide-90 torsion 3-1-2-4", 0.0, 3.0),
        ("water displacement 2", 0.0, 0.01),
        ("water displacement mean", 0.0, 0.01),
        ("water RMS force", 0.01, 1.0),
        ("ice cell a", 4.52, 0.05),
        ("ice cell c", pytest.approx(7.3, abs=1e-12), 0.05),
        ("ice cell alpha", 90.0, 1.0),
        ("62_6 force 1 x", 0.1, 11.86),
        ("62_6 force 1 y", 0.0, 11.86),
        ("62_6 force 1 z", -1.5, 11.86),
        ("ice force 2", 3.5, 10.0),
        ("ice force 2 x", 1.5, 10.0),
        ("ice stress xx", -1.25, 0.5),
        ("ice stress yz", -0.5, 0.5),
        ("ice stress xx", 0.0, 0.5),
        ("water frequency 1", 1594.7, 50.0),
        ("water dipole z", 0.385, 0.1),
        ("peroxide-90 - 62_6/2 - water/3", -29.79, 2.0),
        ("water + 62_6/1.5", 0.0, 0.5),
    ]


def test_atoms_count_from_0_and_places_are_told(tmp_path):
    angle, torsion, energy = (read(tmp_path).items[k] for k in (4, 5, -2))
    assert (angle.atoms, angle.where) == ((1, 0, 2), "trainset.in:11")
    assert torsion.atoms == (2, 0, 1, 3)
    assert energy.structures == ("peroxide-90", "62_6", "water")
    np.testing.assert_array_equal(energy.coefficients, [1, -1 / 2, -1 / 3])


def test_run_types_restraints_and_charges_are_settings_of_structures(tmp_path):
    structures = read(tmp_path).structures
    assert list(structures) == ["water", "peroxide-90", "ice", "62_6"]
    water, peroxide = structures["water"], structures["peroxide-90"]
    assert (water.minimize, water.most_steps, water.relax_cell) == (True, None, False)
    assert (peroxide.most_steps, peroxide.end_rmsg) == (5, 0.5)
    assert (peroxide.total_charge, peroxide.fixed) == (-1.0, (0, 1))
    assert peroxide.where == "geo:10"
    held = {"strength": 250.0, "width": 1.0}
    assert peroxide.restraints[1] == Restraint(
        kind="torsion", atoms=(2, 0, 1, 3), target=90.0, **held
    )
    assert not structures["62_6"].minimize


def test_a_cell_is_relaxed_where_its_run_type_or_an_item_asks_for_it(tmp_path):
    more = "ENERGY\n1.0 ice_80 - ice_c 0.1\nENDENERGY\n"
    structures = read(tmp_path, trainset=TRAINSET + more).structures
    relaxed = {n: s.relax_cell and s.cell_freedom for n, s in structures.items()}
    assert relaxed["ice"] == "uniform"
    assert relaxed["ice_c"] == "c"
    assert relaxed["ice_80"] is False
    volumes = [structures[n].atoms.get_volume() for n in ("ice_80", "ice")]
    np.testing.assert_allclose(volumes[0] / volumes[1], 0.8)


@pytest.mark.parametrize(
    ("run_type", "settings"),
    [
        ("MAXIT 0", (False, None, None)),
        ("MAXIT 1", (False, None, None)),
        ("MAXIT 5 ENDPO 0.05", (True, 5, 0.05)),
        ("HIGH PRECISION", (True, None, None)),
    ],
)
def test_other_run_types(run_type, settings, tmp_path):
    water = read(tmp_path, GEO.replace("NORMAL RUN", run_type)).structures["water"]
    assert (water.minimize, water.most_steps, water.end_rmsg) == settings


@pytest.mark.parametrize(
    ("number", "freedom"),
    [(0, "uniform"), (1, "uniform"), (2, "uniform"), (3, "c/a"), (4, "a"), (5, "b"),
     (6, "c"), (7, "c/a")],
)  # fmt: skip
def test_run_types_say_what_of_a_cell_is_relaxed(number, freedom, tmp_path):
    geo = GEO.replace("CELL OPT     6", f"CELL OPT     {number}")
    more = "ENERGY\n1.0 ice_c 0.1\nENDENERGY\n"
    ice = read(tmp_path, geo, TRAINSET + more).structures["ice_c"]
    assert (ice.relax_cell, ice.cell_freedom) == (True, freedom)


def test_what_is_written_is_read_again(tmp_path):
    before = read(tmp_path, trainset=TRAINSET + "ENERGY\n1 ice_c 1\nENDENERGY\n")
    files = {"geo": tmp_path / "again", "trainset": tmp_path / "again.in"}
    before.write(**files)
    assert TrainingSet.read(**files) == before
    with pytest.raises(FileExistsError, match="overwrite=True"):
        before.write(**files)
    before.write(**files, overwrite=True)


def test_structures_in_no_item_are_left_out_with_a_warning(tmp_path):
    read(tmp_path)
    message = "2 structures .* in no item of trainset.in, and left out: ice_80, ice_c"
    with pytest.warns(UnusedStructuresWarning, match=message):
        TrainingSet.read(tmp_path / "geo", tmp_path / "trainset.in")


@pytest.mark.parametrize(
    ("section", "line", "message"),
    [
        ("CHARGE", "watr 0.1 1 0.3", "no structure 'watr' .did you mean 'water'"),
        ("CHARGE", "water 0.1 4 0.3", "water has atoms 1 to 3, not 4"),
        ("CHARGE", "water 0.1 0 0.3", "atom '0': must be a number from 1"),
        ("CHARGE", "water 0 1 0.3", "sigma is 0; .* the smaller, the more"),
        ("CHARGE", "62_6 0.1 1", "no charge is given, neither here nor in the geo"),
        ("CHARGE", "water 0.1 1 0.3 5", "found 'water 0.1 1 0.3 5' in CHARGE"),
        ("HEATFO", "water 2.0", "expected structure, accuracy, heat of formation"),
        ("GEOMETRY", "water 0.1 1 2 0.0", "must be positive, not 0; .* write 0.9686"),
        ("GEOMETRY", "water 0.1 1 2 3 190", "reference .* 190; .* from 0 to 180"),
        ("GEOMETRY", "water 0.1 1 1 0.9", r"distance \[1, 1\]: needs 2 different"),
        ("GEOMETRY", "water 0.1 1 2 x", "reference: 'x' is no number"),
        ("CELL PARAMETERS", "ice 0.1 d 4.0", "no cell parameter 'd': a b c alpha"),
        ("CELL PARAMETERS", "water 0.1 a 4.0", "water is not periodic"),
        ("CELL PARAMETERS", "ice_80 0.1 a 4.0", "cell of ice_80 is not relaxed"),
        ("FORCES", "water 1.0 1 u 0.3", "'u' is no axis: x, y or z"),
        ("FORCES", "water 1.0 1 -0.3", "the magnitude of a force is -0.3"),
        ("FREQUENCIES", "water 5 5 water.out", "modes of a file, 'water.out', are not"),
        ("FREQUENCIES", "water 5 4 3000", "water has 3 vibrations .*, and no mode 4"),
        ("STRESS", "water 1.0 xx 0.3", "water is not periodic"),
        ("STRESS", "ice 1.0 xq 0.3", "'xq 0.3': expected x y z or xx"),
        ("DIPOLE", "ice 1.0 x 0.3", "ice is periodic, and has no dipole moment"),
        ("PRESSURE", "ice 1.0 xx 0.3", "section PRESSURE are not supported"),
        ("ENERGY", "1.0 + water/0 -5", "divisor of water/0 must be positive"),
        ("ENERGY", "1.0 + water -- 62_6 -5", "two signs in a row at '--'"),
        ("ENERGY", "1.0 + water - + 62_6 -5", "two signs in a row at '.'"),
        ("ENERGY", "1.0 + water - -5", "'. water -' is no sum such as"),
        ("ENERGY", "1.0 + water/1", "reference: 'water/1' is no number"),
        ("ENERGY", "1.0 water 1_0", "reference: '1_0' is no number"),
        ("ENERGY", "1.0 steam 2", "there is no structure 'steam'"),
    ],
)
def test_a_line_that_cannot_be_used_is_an_error_with_its_number(
    section, line, message, tmp_path
):
    text = f"{section}\n{line}\nEND{section}\n"
    number = TRAINSET.count("\n") + 2
    told = r"( \(on_unusable='warn' would leave them out\)|, and are left out)"
    where = f"trainset.in:{number}"
    expected = f"1 of 23 lines cannot be used{told}:\n  {where}: .*({message})"
    with pytest.raises(InputError, match=expected):
        read(tmp_path, trainset=TRAINSET + text)
    with pytest.warns(UnusableItemsWarning, match=expected):
        left = read(tmp_path, trainset=TRAINSET + text, on_unusable="warn")
    assert len(left.items) == 24


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ("ENERGY\n2.0", "ENERGIES\n2.0"),
            "trainset.in:38: found 'ENERGIES', .*'ENERGY'",
        ),
        (("HEATFO\nwater", "HEATFO 2\nwater"), "section HEATFO has a weight, 2, as in"),
        (
            ("ENDCHARGE\n", ""),
            "HEATFO begins before the end of CHARGE, .*trainset.in:1",
        ),
        (
            ("ENDCHARGE", "ENDHEATFO"),
            "trainset.in:5: found ENDHEATFO, expected ENDCHARGE",
        ),
        (("ENDENERGY\n", ""), "trainset.in:38: ENERGY never ends; add ENDENERGY"),
        (
            ("CHARGE\n#", "ENDCHARGE\n#"),
            "trainset.in:1: .* ends a section that has not",
        ),
    ],
)
def test_sections_that_do_not_begin_and_end_are_errors(change, message, tmp_path):
    for on_unusable in ("error", "warn"):
        with pytest.raises(InputError, match=message):
            text = TRAINSET.replace(*change, 1)
            read(tmp_path, trainset=text, on_unusable=on_unusable)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ("DESCRP 62_6", "DESCRP water"),
            "water cannot be used: geo:1: it stands again at geo:49",
        ),
        (("  1   4 -1.00", "  1   3 -1.00"), "MOLCHARGE of a part .* atoms 1 to 4"),
        (("NORMAL RUN", "PRESS OPT 0.1"), "RUTYPE PRESS OPT 0.1 is not supported"),
        (("NORMAL RUN", "CELL OPT 0"), "CELL OPT, but it has no cell"),
        (("MAXIT    10", "CELL OPT 8"), "RUTYPE CELL OPT 8 is not supported"),
        (("NORMAL RUN", "MAXIT few"), "few is no number of iterations"),
        (("NORMAL RUN", "ENDPO 0"), "0 is no positive RMS force"),
        (("MAXIT    10", "CELL OPT 0\nRUTYPE SINGLE POINT"), "without relaxing atoms"),
        (
            ("RUTYPE NORMAL RUN", "MASCEN RESTRAINT x 1 1 1.50 2 3 50.00 0.25"),
            "water cannot be used: geo:1: .* kind MASCEN",
        ),
        (("DESCRP water", "DESCRP"), "there is no structure 'water'"),
        (("DESCRP ice\n", "DESCRP +ice\n"), "there is no structure 'ice'"),
    ],
)
def test_structures_that_cannot_be_used_are_named_with_their_line(
    change, message, tmp_path
):
    with pytest.raises(InputError, match=f"trainset.in:.*{message}"):
        read(tmp_path, GEO.replace(*change, 1))


def test_several_geo_files_make_one_set(tmp_path):
    before = read(tmp_path)
    first, second = GEO.split("XTLGRF", 1)
    paths = tmp_path / "first", tmp_path / "second"
    paths[0].write_text(first)
    paths[1].write_text("XTLGRF" + second)
    with pytest.warns(UnusedStructuresWarning):
        assert TrainingSet.read(paths, tmp_path / "trainset.in") == before


def test_what_geo_files_have_no_word_for_is_refused(tmp_path):
    from dataclasses import replace

    data = read(tmp_path)
    ice = replace(data.structures["ice"], cell_freedom="all")
    free = replace(data, structures=data.structures | {"ice": ice})
    with pytest.raises(FitInputError, match="ice: geo files have no run type by which"):
        free.write(geo=tmp_path / "x")


@given(
    which=st.booleans(),
    cut=st.integers(0, max(len(GEO), len(TRAINSET))),
    size=st.integers(0, 12),
    text=st.text(max_size=6),
)
def test_damaged_files_give_a_set_or_an_error_of_ase(
    which, cut, size, text, tmp_path_factory
):
    folder = tmp_path_factory.getbasetemp()
    damaged = [GEO, TRAINSET]
    damaged[which] = damaged[which][:cut] + text + damaged[which][cut + size :]
    paths = folder / "damaged_geo", folder / "damaged_trainset"
    for path, content in zip(paths, damaged, strict=True):
        path.write_text(content, encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnusableItemsWarning)
        warnings.simplefilter("ignore", UnusedStructuresWarning)
        try:
            assert TrainingSet.read(*paths, on_unusable="warn").items
        except ReadError as error:
            assert "damaged" in str(error)
