from ase_reaxff_jax.ffield.schema import (
    BY_NUMBER,
    SECTIONS,
    column,
    general_names,
    rows_of_table,
)


def test_sections_have_the_widths_of_the_format():
    widths = {name: len(section.names) for name, section in SECTIONS.items()}
    assert widths == dict(
        general=41, atom=34, bond=16, off_diagonal=7, angle=7, torsion=7,
        hydrogen_bond=4,
    )  # fmt: skip
    assert list(BY_NUMBER) == [1, 2, 3, 4, 5, 6, 7]


def test_columns_are_where_the_format_has_them():
    # Numbers of the manual, from 1.
    assert column("general", "swb") + 1 == 13
    assert column("general", "bo_cut_100") + 1 == 30
    assert column("general", "p_coa3") + 1 == 39
    assert column("atom", "chi") + 1 == 14
    assert column("atom", "p_ovun2") + 1 == 25
    assert column("atom", "rcore2") + 1 == 30
    assert column("atom", "lgre") + 1 == 34
    assert column("bond", "p_bo1") + 1 == 13
    assert column("torsion", "p_cot1") + 1 == 5


def test_names_are_unique_in_a_section_and_described():
    for section in SECTIONS.values():
        assert len(set(section.names)) == len(section.names)
    assert all(parameter.doc for *_place, parameter in rows_of_table())


def test_optional_columns_are_the_last_of_their_line():
    for section in SECTIONS.values():
        for line in section.lines:
            flags = [parameter.optional for parameter in line]
            assert flags == sorted(flags)


def test_general_parameters_beyond_the_table_have_numbers():
    assert general_names(39)[-1] == "p_coa3"
    assert general_names(43)[-2:] == ("general_42", "general_43")
