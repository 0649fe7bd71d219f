"""The run types (RUTYPE) of geo files: how the ReaxFF program relaxes a structure.

Source: manual of the ReaxFF program (2017), table 2.2, and its `readbgf` and `optlpar`.
"""

from collections.abc import Iterable
from typing import Any

from ase_reaxff_jax.fit.input_errors import FitInputError
from ase_reaxff_jax.fit.structures import CellFreedom, Structure

# What CELL OPT n changes; with 2 and 7 during the relaxation rather than after it.
CELL_OPT: dict[int, CellFreedom] = {
    0: "uniform",
    1: "uniform",
    2: "uniform",
    3: "c/a",
    4: "a",
    5: "b",
    6: "c",
    7: "c/a",
}
# They tell how the old program is to get to the minimum, not which it is.
HOW = ("MAXMOV", "HIGH", "DOUBLE", "LOW")


def settings_of(texts: Iterable[str], *, periodic: bool) -> dict[str, Any]:
    """Arguments of a `Structure`; of several run types the last counts.

    A run of one iteration or none is a single point. ValueError where a run type cannot
    be done here.
    """
    settings: dict[str, Any] = {}
    for text in texts:
        settings |= _setting(text)
    most = settings.pop("most_steps", None)
    if most is not None and most <= 1:
        if settings.get("relax_cell"):
            raise ValueError("CELL OPT of a single point, without relaxing atoms")
        return {"minimize": False}
    if settings.get("relax_cell") and not periodic:
        raise ValueError("CELL OPT, but it has no cell")
    return {"minimize": True, "most_steps": most, **settings}


def _setting(text: str) -> dict[str, Any]:
    match text.split():
        case ["NORMAL", "RUN"] | ["HIGH" | "DOUBLE" | "LOW", "PRECISION"]:
            return {}
        case ["SINGLE", "POINT"]:
            return {"most_steps": 1}
        case ["MAXIT", steps]:
            return {"most_steps": _count(text, steps)}
        case ["MAXIT", steps, "ENDPO", rmsg]:
            return {"most_steps": _count(text, steps), "end_rmsg": _end(text, rmsg)}
        case ["ENDPO", rmsg]:
            return {"end_rmsg": _end(text, rmsg)}
        case ["MAXMOV", number] if number.lstrip("-").isdecimal():
            return {}
        case ["NO", "CELL", "OPT"]:
            return {"relax_cell": False}
        case ["CELL", "OPT", *number] if "".join(number) in map(str, [*CELL_OPT, ""]):
            freedom = CELL_OPT[int("".join(number) or 0)]
            return {"relax_cell": True, "cell_freedom": freedom}
    raise ValueError(
        f"RUTYPE {text} is not supported; known are NORMAL RUN, SINGLE POINT, MAXIT n, "
        "ENDPO x, MAXMOV n, HIGH, DOUBLE or LOW PRECISION, CELL OPT n (0 to 7), NO "
        "CELL OPT"
    )


def _count(text: str, word: str) -> int:
    if not word.isdecimal():
        raise ValueError(f"RUTYPE {text}: {word} is no number of iterations")
    return int(word)


def _end(text: str, word: str) -> float:
    try:
        value = float(word)
    except ValueError:
        value = -1.0
    if not 0 < value < 1e6:
        raise ValueError(f"RUTYPE {text}: {word} is no positive RMS force")
    return value


def run_types(structure: Structure, kept: Iterable[str]) -> list[str]:
    """The run types of a structure; of those it was read with, `HOW` is kept.

    Raises:
        FitInputError: there is no run type for what is done to its cell.
    """
    if not structure.minimize:
        return ["SINGLE POINT"]
    texts = []
    if structure.most_steps is not None:
        texts.append(f"MAXIT{structure.most_steps:6d}")
    if structure.end_rmsg is not None:
        short = f"{structure.end_rmsg:6.3f}"
        exact = float(short) == structure.end_rmsg
        texts.append(f"ENDPO {short if exact else repr(structure.end_rmsg)}")
    texts += [text for text in kept if text.startswith(HOW)]
    if structure.relax_cell:
        texts.append(f"CELL OPT{_number(structure):6d}")
    elif structure.atoms.pbc.any():
        texts.append("NO CELL OPT")
    return texts or ["NORMAL RUN"]


def _number(structure: Structure) -> int:
    for number, freedom in CELL_OPT.items():
        if freedom == structure.cell_freedom:
            return number
    raise FitInputError(
        f"structure {structure.name}: geo files have no run type by which all of the "
        "cell is relaxed; set cell_freedom to uniform, a, b, c or c/a, or write extxyz"
    )
