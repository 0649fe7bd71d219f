"""The one table of the parameters of a force-field file.

Every other module asks here where a parameter stands: section, line of a block,
column, name, unit and meaning. Names follow the ReaxFF papers and LAMMPS.

Source: manual of the ReaxFF program (2017), ch. 2; force-field format of SCM's AMS;
`reaxff_ffield.cpp` of LAMMPS.
"""

from collections.abc import Iterator
from typing import NamedTuple

MIN_GENERAL = 39  # the kernel reads p_coa3, number 39, of every file


class Column(NamedTuple):
    """One parameter of a block."""

    name: str
    unit: str = ""
    doc: str = ""
    optional: bool = False  # older files leave it out, at the end of its line


class Section(NamedTuple):
    """One section of the file: blocks of equal form."""

    number: int  # as in the `params` file of the fitting programs
    name: str
    title: str  # what its count line counts
    indices: int  # types (or, for an atom, the symbol) before the numbers
    symmetric: bool  # the block of i-j-k is that of k-j-i
    lines: tuple[tuple[Column, ...], ...]  # of one block

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns of a block, line after line."""
        return tuple(column for line in self.lines for column in line)

    @property
    def names(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(column.name for column in self.columns)


_ = Column  # the table reads better without the word on every line

_GENERAL = (
    _("p_boc1", "", "over-coordination correction of bond orders"),
    _("p_boc2", "", "over-coordination correction of bond orders"),
    _("p_coa2", "", "angle conjugation"),
    _("p_trip4", "", "triple-bond stabilisation"),
    _("p_trip3", "", "triple-bond stabilisation"),
    _("k_c2", "kcal/mol", "C2 correction"),
    _("p_ovun6", "", "under-coordination"),
    _("p_trip2", "", "triple-bond stabilisation"),
    _("p_ovun7", "", "under-coordination"),
    _("p_ovun8", "", "under-coordination"),
    _("p_trip1", "kcal/mol", "energy of the triple-bond stabilisation"),
    _("swa", "Å", "lower taper radius"),
    _("swb", "Å", "upper taper radius: the non-bonded cutoff"),
    _("unused_14", "", "Fe dimer correction of some programs"),
    _("p_val6", "", "angle"),
    _("p_lp1", "", "lone pairs"),
    _("p_val9", "", "angle, sum of pi bond orders"),
    _("p_val10", "", "angle, equilibrium value"),
    _("unused_19", "", "Fe dimer correction of some programs"),
    _("p_pen2", "", "double-bond penalty of angles"),
    _("p_pen3", "", "double-bond penalty of angles"),
    _("p_pen4", "", "double-bond penalty of angles"),
    _("unused_23", "", "Fe dimer correction of some programs"),
    _("p_tor2", "", "torsion, bond orders"),
    _("p_tor3", "", "torsion, over-coordination"),
    _("p_tor4", "", "torsion, over-coordination"),
    _("p_elho", "", "explicit electrons (eReaxFF)"),
    _("p_cot2", "", "torsion conjugation"),
    _("p_vdW1", "", "van der Waals shielding"),
    _("bo_cut_100", "", "bond-order cutoff, times 100"),
    _("p_coa4", "", "angle conjugation"),
    _("p_ovun4", "", "over-coordination"),
    _("p_ovun3", "", "over-coordination"),
    _("p_val8", "", "angle, sum of pi bond orders"),
    _("X_soft", "", "bond softness (ACKS2)"),
    _("lg_scale", "", "scale of the radii of the low-gradient dispersion"),
    _("p_val_e", "", "explicit electrons (eReaxFF)"),
    _("triple_bond_option", "", "2: triple-bond term of all pairs, not CO only"),
    _("p_coa3", "", "angle conjugation"),
    _("general_40", "", "triple-bond option of some programs", True),
    _("general_41", "", "taper radius of explicit electrons (eReaxFF)", True),
)

_ATOM = (
    (
        _("r_s", "Å", "sigma bond radius; no such bond if <= 0"),
        _("valency", "", "valency"),
        _("mass", "u", "atomic mass"),
        _("r_vdw", "Å", "van der Waals radius"),
        _("epsilon", "kcal/mol", "van der Waals well depth"),
        _("gamma", "1/Å", "Coulomb shielding"),
        _("r_pi", "Å", "pi bond radius; no such bond if <= 0"),
        _("valency_e", "", "number of valence electrons"),
    ),
    (
        _("alpha", "", "van der Waals steepness"),
        _("gamma_w", "Å", "van der Waals shielding"),
        _("valency_boc", "", "valency of the angle terms"),
        _("p_ovun5", "kcal/mol", "under-coordination energy"),
        _("p_xel2", "", "explicit electrons (eReaxFF)"),
        _("chi", "eV", "electronegativity"),
        _("eta", "eV", "hardness: half of the second derivative of the energy"),
        _("p_hbond", "", "1: hydrogen of hydrogen bonds, 2: donor or acceptor"),
    ),
    (
        _("r_pipi", "Å", "double-pi bond radius; no such bond if <= 0"),
        _("p_lp2", "kcal/mol", "lone-pair energy"),
        _("heat_of_formation", "kcal/mol", "heat increment; no part of the energy"),
        _("b_o_131", "", "1-3 correction of bond orders (p_boc4)"),
        _("b_o_132", "", "1-3 correction of bond orders (p_boc3)"),
        _("b_o_133", "", "1-3 correction of bond orders (p_boc5)"),
        _("bcut_acks2", "Å", "softness cutoff (ACKS2)", True),
        _("alpha_e", "", "explicit electrons (eReaxFF)", True),
    ),
    (
        _("p_ovun2", "", "over- and under-coordination"),
        _("p_val3", "", "angle"),
        _("beta_e", "", "explicit electrons (eReaxFF)"),
        _("valency_val", "", "valency of the 1-3 correction and of angles"),
        _("p_val5", "", "angle"),
        _("rcore2", "Å", "inner wall: radius", True),
        _("ecore2", "kcal/mol", "inner wall: energy", True),
        _("acore2", "", "inner wall: steepness", True),
    ),
    (
        _("lgcij", "kcal/mol Å^6", "low-gradient dispersion coefficient"),
        _("lgre", "Å", "low-gradient dispersion radius"),
    ),
)

_BOND = (
    (
        _("De_s", "kcal/mol", "sigma bond energy"),
        _("De_p", "kcal/mol", "pi bond energy"),
        _("De_pp", "kcal/mol", "double-pi bond energy"),
        _("p_be1", "", "bond energy"),
        _("p_bo5", "", "double-pi bond order"),
        _("v13cor", "", "1: with 1-3 correction of the bond order"),
        _("p_bo6", "", "double-pi bond order"),
        _("p_ovun1", "", "over-coordination"),
    ),
    (
        _("p_be2", "", "bond energy"),
        _("p_bo3", "", "pi bond order"),
        _("p_bo4", "", "pi bond order"),
        _("unused_12", "", "not used"),
        _("p_bo1", "", "sigma bond order"),
        _("p_bo2", "", "sigma bond order"),
        _("ovc", "", "1: with over-coordination correction", True),
        _("p_xel1", "", "explicit electrons (eReaxFF)", True),
    ),
)

_OFF_DIAGONAL = (
    _("D", "kcal/mol", "van der Waals well depth; <= 0: combination rule"),
    _("r_vdW", "Å", "van der Waals radius; <= 0: combination rule"),
    _("alpha", "", "van der Waals steepness; <= 0: combination rule"),
    _("r_s", "Å", "sigma bond radius; <= 0: combination rule"),
    _("r_pi", "Å", "pi bond radius; <= 0: combination rule"),
    _("r_pipi", "Å", "double-pi bond radius; <= 0: combination rule"),
    _("lgcij", "kcal/mol Å^6", "low-gradient dispersion; < 0: combination rule", True),
)

_ANGLE = (
    _("theta_00", "degrees", "180 less the equilibrium angle without pi bonds"),
    _("p_val1", "kcal/mol", "angle energy"),
    _("p_val2", "1/rad^2", "angle steepness"),
    _("p_coa1", "kcal/mol", "angle conjugation energy"),
    _("p_val7", "", "angle, under-coordination of the centre"),
    _("p_pen1", "kcal/mol", "double-bond penalty energy"),
    _("p_val4", "", "angle, bond orders"),
)

_TORSION = (
    _("V1", "kcal/mol", "onefold barrier"),
    _("V2", "kcal/mol", "twofold barrier"),
    _("V3", "kcal/mol", "threefold barrier"),
    _("p_tor1", "", "pi bond order of the twofold barrier"),
    _("p_cot1", "kcal/mol", "torsion conjugation energy"),
    _("unused_6", "", "not used", True),
    _("unused_7", "", "not used", True),
)

_HYDROGEN_BOND = (
    _("r0_hb", "Å", "equilibrium distance"),
    _("p_hb1", "kcal/mol", "hydrogen-bond energy"),
    _("p_hb2", "", "bond order of donor and hydrogen"),
    _("p_hb3", "", "distance of hydrogen and acceptor"),
)

SECTIONS = {
    section.name: section
    for section in (
        Section(1, "general", "general parameters", 0, False, (_GENERAL,)),
        Section(2, "atom", "atoms", 1, False, _ATOM),
        Section(3, "bond", "bonds", 2, True, _BOND),
        Section(4, "off_diagonal", "off-diagonal terms", 2, True, (_OFF_DIAGONAL,)),
        Section(5, "angle", "angles", 3, True, (_ANGLE,)),
        Section(6, "torsion", "torsions", 4, True, (_TORSION,)),
        Section(7, "hydrogen_bond", "hydrogen bonds", 3, False, (_HYDROGEN_BOND,)),
    )
}
BY_NUMBER = {section.number: section for section in SECTIONS.values()}


def column(section: str, name: str) -> int:
    """0-based column of a parameter in its section's array; KeyError if unknown."""
    return _COLUMN[section, name]


def general_names(count: int) -> tuple[str, ...]:
    """Names of the general parameters, numbered beyond those that have one."""
    names = SECTIONS["general"].names
    extra = (f"general_{k}" for k in range(len(names) + 1, count + 1))
    return (*names, *extra)[:count]


def rows_of_table() -> Iterator[tuple[Section, int, int, Column]]:
    """The whole table: section, line of the block, column (both 1-based), parameter."""
    for section in SECTIONS.values():
        place = 0
        for line, columns in enumerate(section.lines, start=1):
            for parameter in columns:
                place += 1
                yield section, line, place, parameter


_COLUMN = {(s.name, c.name): place - 1 for s, _line, place, c in rows_of_table()}
