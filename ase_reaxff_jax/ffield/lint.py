"""Names what looks wrong in a force field.

A mistyped number gives a force field that runs and is wrong: p_ovun2 = -1 instead of
-24.76 went unnoticed until forces jumped (LAMMPS issue 4064). Nothing here changes a
number.
"""

import re
from collections.abc import Iterator
from itertools import combinations_with_replacement
from typing import Literal, NamedTuple

from ase.data import atomic_masses, atomic_numbers

from ase_reaxff_jax.ffield.schema import SECTIONS, column
from ase_reaxff_jax.ffield.usual import NOT_NEGATIVE, ONE_OF, POSITIVE, RANGES
from ase_reaxff_jax.forcefield import ANY, Address, ForceField
from ase_reaxff_jax.units import HEAVY_MASS

COULOMB = 14.4  # eV Å, as in the charge equations of every ReaxFF program
SECTIONS_OF_ROWS = list(SECTIONS)[2:]
Severity = Literal["error", "warning", "note"]


class Finding(NamedTuple):
    """One thing that looks wrong."""

    severity: Severity  # error: no meaning; warning: suspicious; note: worth knowing
    address: (
        Address | None
    )  # the number, or the first of the row; None: something lacks
    name: str  # as in `ForceField.addresses`; without the parameter for a row
    message: str

    def __str__(self) -> str:
        """One line."""
        where = f" at {','.join(map(str, self.address))}" if self.address else ""
        return f"{self.severity}: {self.name}{where}: {self.message}"


def lint(force_field: ForceField) -> list[Finding]:
    """Suspicious values of a force field, the gravest first; its numbers are known."""
    findings = [found for check in _CHECKS for found in check(force_field)]
    order = ("error", "warning", "note")
    return sorted(findings, key=lambda finding: order.index(finding.severity))


def _values(force_field: ForceField) -> Iterator[tuple[Finding, tuple, float]]:
    """Each number of real elements: a finding to fill in, section and name, value."""
    dummies = {k for k, e in enumerate(force_field.elements) if not _real(e)}
    for address, name in force_field.addresses():
        section, *_, parameter = name.split()
        types = force_field.types(section)
        row = types[address.row - 1] if types else ()
        if dummies.isdisjoint(row):
            finding = Finding("warning", address, name, "")
            yield finding, (section, parameter), float(force_field.at(address))


def _signs(force_field: ForceField) -> Iterator[Finding]:
    for finding, key, value in _values(force_field):
        if key in POSITIVE and value <= 0.0:
            finding = finding._replace(message=f"is {value:g}, must be > 0")
        elif key in NOT_NEGATIVE and value < 0.0:
            finding = finding._replace(message=f"is {value:g}, must not be negative")
        else:
            continue
        yield finding._replace(severity="error")


def _sizes(force_field: ForceField) -> Iterator[Finding]:
    for finding, key, value in _values(force_field):
        unset = key[0] == "off_diagonal" and value <= 0.0
        wrong = value <= 0.0 if key in POSITIVE else key in NOT_NEGATIVE and value < 0.0
        low, high = RANGES.get(key, (value, value))
        if not (low <= value <= high or unset or wrong):
            usual = f"is {value:g}, published sets have {low:g} to {high:g}"
            yield finding._replace(message=usual)
        if value not in ONE_OF.get(key, (value,)):
            choice = ", ".join(f"{x:g}" for x in ONE_OF[key])
            yield finding._replace(message=f"is {value:g}, one of {choice} is meant")


def _masses(force_field: ForceField) -> Iterator[Finding]:
    for element in filter(_real, force_field.elements):
        address = force_field.locate(f"atom {element} mass")
        mass = float(force_field.at(address))
        known = atomic_masses[atomic_numbers[element]]
        if mass > 0.0 and abs(mass - known) > 0.02 * known:
            message = f"is {mass:g} u, {element} weighs {known:.3f}"
            yield Finding("warning", address, f"atom {element} mass", message)


def _taper(force_field: ForceField) -> Iterator[Finding]:
    swa, swb = (float(force_field.get("general", None, n)) for n in ("swa", "swb"))
    address, name = force_field.locate("general swa"), "general swa"
    if swa >= swb:
        message = f"is {swa:g} Å, not below the upper taper radius {swb:g} Å"
        yield Finding("error", address, name, message)
    elif swa != 0.0:
        message = f"is {swa:g} Å; the taper of published sets begins at 0"
        yield Finding("warning", address, name, message)


def _charges(force_field: ForceField) -> Iterator[Finding]:
    """Two atoms of an element on top of each other: 2 eta against 14.4 gamma."""
    for element in filter(_real, force_field.elements):
        address = force_field.locate(f"atom {element} eta")
        eta = float(force_field.at(address))
        gamma = float(force_field.get("atom", element, "gamma"))
        if 0.0 < eta <= 0.5 * COULOMB * gamma:
            message = (
                f"is {eta:g} eV, not above {COULOMB / 2:g} gamma = "
                f"{COULOMB / 2 * gamma:.4g} eV: charges of close atoms run away "
                "(polarisation catastrophe)"
            )
            yield Finding("warning", address, f"atom {element} eta", message)


def _flavours(force_field: ForceField) -> Iterator[Finding]:
    """The van der Waals form of all elements is that of the first."""
    first = None
    for element in force_field.elements:
        get = {n: float(force_field.get("atom", element, n)) for n in _FLAVOUR}
        core = get["rcore2"] > 0.01 and get["acore2"] > 0.01
        shield = get["gamma_w"] > 0.5
        form = " and ".join(["shielding"] * shield + ["an inner wall"] * core)
        first = (element, form) if first is None else first
        address = force_field.locate(f"atom {element} gamma_w")
        if not form:
            message = "has neither shielding (gamma_w) nor an inner wall (rcore2 ...)"
            yield Finding("error", address, f"atom {element}", message)
        elif form != first[1]:
            message = (
                f"has {form}, {first[0]} has {first[1]}, which then counts for all; "
                "give all elements gamma_w, or rcore2, ecore2 and acore2"
            )
            yield Finding("warning", address, f"atom {element}", message)


def _bond_orders(force_field: ForceField) -> Iterator[Finding]:
    """Bond orders must fall with the distance."""
    parts = {"r_s": "p_bo1", "r_pi": "p_bo3", "r_pipi": "p_bo5"}
    atom, labels = force_field.atom, force_field.labels("bond")
    for row, types in enumerate(force_field.bond_types, start=1):
        label = labels[row - 1]
        if max(types) >= len(atom):
            continue
        for radius, parameter in parts.items():
            radii = [atom[t, column("atom", radius)] for t in types]
            address = Address(3, row, column("bond", parameter) + 1)
            value = float(force_field.at(address))
            if min(radii) > 0.0 and value >= 0.0:
                message = f"is {value:g}: the bond order does not fall with distance"
                yield Finding("error", address, f"bond {label} {parameter}", message)


def _missing_bonds(force_field: ForceField) -> Iterator[Finding]:
    real = [k for k, e in enumerate(force_field.elements) if _real(e)]
    known = {frozenset(types) for types in force_field.bond_types}
    for pair in combinations_with_replacement(real, 2):
        if frozenset(pair) not in known:
            symbols = " ".join(force_field.elements[k] for k in pair)
            message = "no such row: structures in which they meet cannot be computed"
            yield Finding("warning", None, f"bond {symbols}", message)


def _rows(force_field: ForceField) -> Iterator[Finding]:
    """Repeated rows, rows of unknown types, wild cards."""
    for section in SECTIONS_OF_ROWS:
        number = SECTIONS[section].number
        labels = force_field.labels(section)
        types = force_field.types(section)
        for row, (label, key) in enumerate(zip(labels, types, strict=True), start=1):
            address, name = Address(number, row, 1), f"{section} {label}"
            if max(key) >= len(force_field.elements):
                message = "the file has no such element; the row has no effect"
                yield Finding("warning", address, name, message)
            if label.split()[-1].startswith("#"):
                many = "all are added" if section == "angle" else "the last one counts"
                message = f"the section has several rows for these elements: {many}"
                yield Finding("warning", address, name, message)
            if section == "torsion" and (key[0] == ANY) != (key[3] == ANY):
                message = "wild card on one side only counts as one on both"
                yield Finding("warning", address, name, message)
            elif section == "torsion" and ANY in key:
                message = "wild card: for what no earlier row names"
                yield Finding("note", address, name, message)


def _hydrogen_bonds(force_field: ForceField) -> Iterator[Finding]:
    """A row counts only if the elements have their roles: p_hbond 2, 1, 2."""
    types = force_field.hydrogen_bond_types
    labels = force_field.labels("hydrogen_bond")
    for row, (key, label) in enumerate(zip(types, labels, strict=True), start=1):
        if max(key) < len(force_field.elements):
            elements = [force_field.elements[k] for k in key]
            role = [int(force_field.get("atom", e, "p_hbond")) for e in elements]
            if role != [2, 1, 2]:
                message = f"p_hbond of its elements is {role}, the row needs [2, 1, 2]"
                name = f"hydrogen_bond {label}"
                yield Finding("warning", Address(7, row, 1), name, message)


def _valencies(force_field: ForceField) -> Iterator[Finding]:
    for element in filter(_real, force_field.elements):
        boc, val, mass = (
            float(force_field.get("atom", element, name))
            for name in ("valency_boc", "valency_val", "mass")
        )
        if mass < HEAVY_MASS and boc != val:
            name = f"atom {element} valency_val"
            message = f"is {val:g}; of light elements valency_boc, {boc:g}, is used"
            yield Finding("note", force_field.locate(name), name, message)


def _dispersion(force_field: ForceField) -> Iterator[Finding]:
    address, name = force_field.locate("general lg_scale"), "general lg_scale"
    scale = float(force_field.at(address))
    if force_field.lg and scale <= 0.0:
        message = f"is {scale:g}, must be > 0 with low-gradient dispersion"
        yield Finding("error", address, name, message)


def _keywords(force_field: ForceField) -> Iterator[Finding]:
    for form in forms_not_computed(force_field):
        yield Finding("error", None, "description", f"asks for {form}")
    if "lgdispersion" in _head(force_field) and not force_field.lg:
        message = "asks for low-gradient dispersion; the atoms have no fifth line"
        yield Finding("error", None, "description", message)


def forms_not_computed(force_field: ForceField) -> list[str]:
    """Forms of the energy that the file asks for and that are left out, in words."""
    words = _head(force_field)
    return [text for word, text in _NOT_COMPUTED.items() if word in words]


def _head(force_field: ForceField) -> str:
    """Words in brackets at the head of the first line: they ask for a form."""
    head = re.match(r"\s*\[([^\]]*)\]", force_field.description)
    return head.group(1).lower() if head else ""


def _real(element: str) -> bool:
    return element != "X" and element in atomic_numbers


_NOT_COMPUTED = {
    "ereaxff": "explicit electrons (eReaxFF), which are not computed",
    "acks2": "ACKS2 charges, which are not computed; EEM takes their place",
}
_FLAVOUR = ("gamma_w", "rcore2", "acore2")
_CHECKS = (
    _signs, _sizes, _masses, _taper, _charges, _flavours, _bond_orders, _missing_bonds,
    _rows, _hydrogen_bonds, _valencies, _dispersion, _keywords,
)  # fmt: skip
