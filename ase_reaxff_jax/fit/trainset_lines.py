"""The lines of a trainset.in file, by section."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ase_reaxff_jax.errors import suggestion
from ase_reaxff_jax.fit.input_errors import FitInputError

# Of the ReaxFF programs, GARFfield and, for dipoles, of this package.
SECTIONS = (
    "CHARGE",
    "HEATFO",
    "GEOMETRY",
    "CELL PARAMETERS",
    "ENERGY",
    "FORCES",
    "ATOM_FORCE",
    "FORCE",
    "FREQUENCIES",
    "STRESS",
    "DIPOLE",
    "PRESSURE",
    "STRUCTURE",
    "GEODIFF",
)
_ENDS = {f"END{name}": name for name in SECTIONS} | {
    "ENDPRESS": "PRESSURE",
    "END CELL PARAMETERS": "CELL PARAMETERS",
}


@dataclass(frozen=True)
class Line:
    """A line with an item; `where` is such as "trainset.in:12"."""

    section: str
    where: str
    words: tuple[str, ...]


def lines_of(path: Path) -> Iterator[Line]:
    """The lines with items; comments (# and !) and blank lines are left out.

    Raises:
        FitInputError: sections do not begin and end as they should.
        FileNotFoundError: there is no such file.
    """
    section, begun = None, ""
    with path.open(encoding="utf-8", errors="replace") as fd:
        for k, text in enumerate(fd, 1):
            where = f"{path.name}:{k}"
            words = text.replace("!", "#").partition("#")[0].split()
            phrase = " ".join(words).upper()
            if not words:
                continue
            lone = len(words) == 1
            if phrase in _ENDS or (lone and phrase.startswith("END")):
                _check_end(where, phrase, section)
                section = None
            elif section is not None and phrase not in SECTIONS:
                yield Line(section, where, tuple(words))
            elif section is not None:
                raise FitInputError(
                    f"{where}: {phrase} begins before the end of {section}, which "
                    f"began at {begun}; end it with END{section}"
                )
            else:
                section, begun = _section(where, phrase), where
    if section is not None:
        raise FitInputError(f"{begun}: {section} never ends; add END{section}")


def _check_end(where: str, phrase: str, section: str | None) -> None:
    if section is None:
        raise FitInputError(f"{where}: {phrase} ends a section that has not begun")
    if _ENDS.get(phrase) != section:
        raise FitInputError(f"{where}: found {phrase}, expected END{section}")


def _section(where: str, phrase: str) -> str:
    if phrase in SECTIONS:
        return phrase
    name, _, weight = phrase.rpartition(" ")
    if name in SECTIONS:
        raise FitInputError(
            f"{where}: section {name} has a weight, {weight}, as in files for "
            "GARFfield, whose weights multiply the errors while those here divide "
            "them; take it out, and give each item the accuracy aimed at"
        )
    raise FitInputError(
        f"{where}: found {phrase!r}, expected the beginning of a section: "
        f"{', '.join(SECTIONS)}{suggestion(phrase, SECTIONS)}"
    )
