"""The lines of each section of a trainset.in file as items.

Source: manuals of the ReaxFF program (2017) and of SCM's AMS, `outres2` and `outresend`
of the program, and GARFfield for what they leave open.
"""

from collections.abc import Callable, Iterable
from typing import Any

from ase_reaxff_jax.fit import items as kinds
from ase_reaxff_jax.fit.items import CELL_PARAMETERS, VOIGT, Item
from ase_reaxff_jax.fit.structures import Structure
from ase_reaxff_jax.fit.trainset_check import find
from ase_reaxff_jax.fit.trainset_geo import GeoStructures
from ase_reaxff_jax.fit.trainset_lines import Line
from ase_reaxff_jax.fit.trainset_words import count, real, terms

AXES = "xyz"


def _expect(line: Line, sizes: Iterable[int], form: str) -> None:
    if len(line.words) not in sizes:
        raise ValueError(
            f"found {' '.join(line.words)!r} in {line.section}, expected {form}"
        )


def _sigma(word: str) -> float:
    return real(word, "accuracy")


def _reference(word: str) -> float:
    return real(word, "reference")


def _of_structure(line: Line, geo: GeoStructures) -> tuple[Structure, float]:
    """Structure and accuracy, with which all lines but those of energies begin."""
    structure = find(line.words[0], geo.structures, geo.unusable)
    return structure, _sigma(line.words[1])


def _charges(line: Line, geo: GeoStructures) -> Iterable[Item]:
    """Of all atoms, and without a reference, those of the geo file."""
    _expect(line, (2, 3, 4), "structure, accuracy, atom, charge")
    structure, sigma = _of_structure(line, geo)
    if len(line.words) > 2:
        atoms = [count(line.words[2], "atom")]
    else:
        atoms = list(range(len(structure.atoms)))
    given = structure.atoms.get_initial_charges() if len(line.words) < 4 else None
    if given is not None and not given.any():
        raise ValueError(
            f"no charge is given, neither here nor in the geo file ({structure.where})"
        )
    for atom in atoms:
        if given is None:
            reference = _reference(line.words[3])
        else:
            reference = float(given[atom]) if atom < len(given) else 0.0
        yield kinds.ChargeItem(
            structure=structure.name, atom=atom, reference=reference, sigma=sigma
        )


def _heat(line: Line, geo: GeoStructures) -> Iterable[Item]:
    _expect(line, [3], "structure, accuracy, heat of formation")
    structure, sigma = _of_structure(line, geo)
    reference = _reference(line.words[2])
    yield kinds.HeatItem(structure=structure.name, reference=reference, sigma=sigma)


def _geometry(line: Line, geo: GeoStructures) -> Iterable[Item]:
    _expect(line, range(3, 8), "structure, accuracy, none to four atoms, reference")
    structure, sigma = _of_structure(line, geo)
    numbers, reference = line.words[2:-1], _reference(line.words[-1])
    common: dict[str, Any] = {
        "structure": structure.name,
        "reference": reference,
        "sigma": sigma,
    }
    if not numbers:
        yield kinds.RmsgItem(**common)
    elif len(numbers) == 1:
        mean = numbers[0] == "-1"
        atom = None if mean else count(numbers[0], "atom")
        yield kinds.DisplacementItem(atom=atom, **common)
    else:
        atoms = tuple(count(word, "atom") for word in numbers)
        record = (kinds.DistanceItem, kinds.AngleItem, kinds.TorsionItem)[
            len(atoms) - 2
        ]
        if reference <= 0 and len(atoms) < 4 and max(atoms) < len(structure.atoms):
            raise ValueError(
                f"the {record.kind} must be positive, not {reference:g}; where the "
                "ReaxFF program is to take that of the geo file, write "
                f"{_as_given(structure, atoms):.4f}"
            )
        yield record(atoms=atoms, **common)


def _as_given(structure: Structure, atoms: tuple[int, ...]) -> float:
    pick = (
        structure.atoms.get_distance if len(atoms) == 2 else structure.atoms.get_angle
    )
    return float(pick(*atoms))


def _cell(line: Line, geo: GeoStructures) -> Iterable[Item]:
    """Without a reference, that of the geo file."""
    _expect(line, (3, 4), f"structure, accuracy, {' '.join(CELL_PARAMETERS)}, length")
    structure, sigma = _of_structure(line, geo)
    parameter = "alpha" if line.words[2] == "alfa" else line.words[2]
    if len(line.words) == 4:
        reference = _reference(line.words[3])
    else:
        given = dict(zip(CELL_PARAMETERS, structure.atoms.cell.cellpar(), strict=True))
        reference = float(given.get(parameter, 0.0))
    yield kinds.CellItem(
        structure=structure.name, parameter=parameter, reference=reference, sigma=sigma
    )


def _forces(line: Line, geo: GeoStructures) -> Iterable[Item]:
    """Three components, the magnitude, or (`x 1.2`) one component."""
    form = "structure, accuracy, atom, and either fx fy fz, or the magnitude, or one of"
    _expect(line, (4, 5, 6), f"{form} x, y, z and that component")
    structure, sigma = _of_structure(line, geo)
    atom = count(line.words[2], "atom")
    values: dict[int | None, str]
    if len(line.words) == 6:
        values = dict(enumerate(line.words[3:]))
    elif len(line.words) == 5:
        values = {_axis(line.words[3]): line.words[4]}
    else:
        values = {None: line.words[3]}
    for component, word in values.items():
        yield kinds.ForceItem(
            structure=structure.name,
            atom=atom,
            component=component,
            reference=_reference(word),
            sigma=sigma,
        )


def _axis(word: str) -> int:
    if word not in tuple(AXES):
        raise ValueError(f"{word!r} is no axis: x, y or z")
    return AXES.index(word)


def _rms_force(line: Line, geo: GeoStructures) -> Iterable[Item]:
    """Section FORCE of GARFfield, where the RMS force is to vanish."""
    _expect(line, [2], "structure, accuracy")
    structure, sigma = _of_structure(line, geo)
    yield kinds.RmsgItem(structure=structure.name, reference=0.0, sigma=sigma)


def _frequency(line: Line, geo: GeoStructures) -> Iterable[Item]:
    _expect(line, [4], "structure, accuracy, number of the mode, 1/cm")
    structure, sigma = _of_structure(line, geo)
    try:
        reference = _reference(line.words[3])
    except ValueError:
        raise ValueError(
            f"frequencies and modes of a file, {line.words[3]!r}, are not supported; "
            "give a line for each mode: structure, accuracy, number, 1/cm"
        ) from None
    mode = count(line.words[2], "mode")
    yield kinds.FrequencyItem(
        structure=structure.name, mode=mode, reference=reference, sigma=sigma
    )


def _stress(line: Line, geo: GeoStructures) -> Iterable[Item]:
    """Pressures along x, y, z in GPa, or components of the stress, else to vanish."""
    words = line.words
    _expect(line, (3, 4), "structure, accuracy, x y z or xx ... xy, GPa")
    structure, sigma = _of_structure(line, geo)
    value = _reference(words[3]) if len(words) == 4 else 0.0
    if words[2] in tuple(AXES) and len(words) == 4:
        component, value = AXES.index(words[2]), -value
    elif words[2] in VOIGT or words[2][::-1] in VOIGT:
        word = words[2] if words[2] in VOIGT else words[2][::-1]
        component = VOIGT.index(word)
    else:
        raise ValueError(f"{' '.join(words[2:])!r}: expected x y z or xx ... xy, GPa")
    yield kinds.StressItem(
        structure=structure.name, component=component, reference=value, sigma=sigma
    )


def _dipole(line: Line, geo: GeoStructures) -> Iterable[Item]:
    _expect(line, [4], "structure, accuracy, x y or z, e Å")
    structure, sigma = _of_structure(line, geo)
    yield kinds.DipoleItem(
        structure=structure.name,
        component=_axis(line.words[2]),
        reference=_reference(line.words[3]),
        sigma=sigma,
    )


def _energy(line: Line, geo: GeoStructures) -> Iterable[Item]:
    if len(line.words) < 3:
        _expect(line, [], "accuracy, + structure/n - structure/n ..., energy")
    sigma, reference = _sigma(line.words[0]), _reference(line.words[-1])
    structures, coefficients = terms(line.words[1:-1])
    yield kinds.EnergyItem(
        structures=structures,
        coefficients=coefficients,
        reference=reference,
        sigma=sigma,
    )


def _unsupported(line: Line, geo: GeoStructures) -> Iterable[Item]:
    raise ValueError(f"items of section {line.section} are not supported")


READERS: dict[str, Callable[[Line, GeoStructures], Iterable[Item]]] = {
    "CHARGE": _charges,
    "HEATFO": _heat,
    "GEOMETRY": _geometry,
    "CELL PARAMETERS": _cell,
    "ENERGY": _energy,
    "FORCES": _forces,
    "ATOM_FORCE": _forces,
    "FORCE": _rms_force,
    "FREQUENCIES": _frequency,
    "STRESS": _stress,
    "DIPOLE": _dipole,
    "PRESSURE": _unsupported,
    "STRUCTURE": _unsupported,
    "GEODIFF": _unsupported,
}
