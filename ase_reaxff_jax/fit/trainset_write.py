"""Items as the text of a trainset.in file."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from ase_reaxff_jax.fit import items as kinds
from ase_reaxff_jax.fit.items import VOIGT, Item
from ase_reaxff_jax.fit.trainset_words import divisor_of

SECTION_OF = {
    "energy": "ENERGY",
    "charge": "CHARGE",
    "distance": "GEOMETRY",
    "angle": "GEOMETRY",
    "torsion": "GEOMETRY",
    "rmsg": "GEOMETRY",
    "displacement": "GEOMETRY",
    "cell": "CELL PARAMETERS",
    "heat": "HEATFO",
    "frequency": "FREQUENCIES",
    "force": "FORCES",
    "stress": "STRESS",
    "dipole": "DIPOLE",
}


def trainset_text(items: Iterable[Item]) -> str:
    """The file; sections repeat where items of several kinds alternate.

    Numbers are written so that they are read as they are.
    """
    lines: list[str] = []
    for section, members in groupby(items, key=lambda item: SECTION_OF[item.kind]):
        group = list(members)
        made = _force_lines(group) if section == "FORCES" else map(_line, group)
        lines += [section, *made, f"END{section}"]
    return "".join(f"{line}\n" for line in lines)


def _line(item: Item) -> str:
    if isinstance(item, kinds.EnergyItem):
        pairs = zip(item.structures, item.coefficients, strict=True)
        terms = [f"{'-+'[c > 0]} {name}/{divisor_of(c)}" for name, c in pairs]
        return f"{item.sigma!r}  {' '.join(terms)}  {item.reference!r}"
    words = [item.structure, repr(item.sigma), *_what(item), _reference(item)]
    return " ".join(words)


def _reference(item: Item) -> str:
    return repr(item.reference)


def _what(item: Item) -> Sequence[str]:
    match item:
        case kinds.ChargeItem():
            return [str(item.atom + 1)]
        case kinds.DistanceItem() | kinds.AngleItem() | kinds.TorsionItem():
            return [str(atom + 1) for atom in item.atoms]
        case kinds.DisplacementItem():
            return ["-1" if item.atom is None else str(item.atom + 1)]
        case kinds.CellItem():
            return [item.parameter]
        case kinds.FrequencyItem():
            return [str(item.mode + 1)]
        case kinds.StressItem():
            return [VOIGT[item.component]]
        case kinds.DipoleItem():
            return ["xyz"[item.component]]
    return []  # heats of formation and RMS forces need no more


def _force_lines(items: list[Item]) -> Iterator[str]:
    """One line for the three components of a force where they follow one another."""
    k = 0
    while k < len(items):
        three = [item for item in items[k : k + 3] if isinstance(item, kinds.ForceItem)]
        first = three[0]
        words = [first.structure, repr(first.sigma), str(first.atom + 1)]
        alike = {(i.structure, i.sigma, i.atom) for i in three}
        if [i.component for i in three] == [0, 1, 2] and len(alike) == 1:
            yield " ".join([*words, *map(_reference, three)])
            k += 3
            continue
        axis = [] if first.component is None else ["xyz"[first.component]]
        yield " ".join([*words, *axis, _reference(first)])
        k += 1
