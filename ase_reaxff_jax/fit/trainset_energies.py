"""Energies that ReaxFF can be compared with.

ReaxFF's energies count from free atoms, those of quantum chemistry from electrons and
nuclei. So either the energy of each element is taken off, or energies are compared
between structures of the same atoms in all.
"""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

import numpy as np
from ase import Atoms
from ase.calculators.calculator import InputError
from jaxtyping import Float

from ase_reaxff_jax.fit.input_errors import FitInputError
from ase_reaxff_jax.fit.reference_values import KCAL, total_charge_of, values_of
from ase_reaxff_jax.forcefield import ForceField

Energy = tuple[tuple[int, ...], tuple[float, ...], float]
"""Structures, coefficients, and the sum of their energies."""
TINY = 1e-9  # relative to a coefficient or count of 1
MOST_PARTS = 10_000  # coefficients are fractions of at most this denominator


def compositions(
    images: Sequence[Atoms],
) -> tuple[list[str], Float[np.ndarray, "structures elements"]]:
    """Elements, and how many atoms of each every structure has."""
    elements = sorted({symbol for atoms in images for symbol in atoms.symbols})
    counts = [[(atoms.symbols == e).sum() for e in elements] for atoms in images]
    return elements, np.array(counts, float)


def relative_energies(
    images: Sequence[Atoms], energies: Sequence[float]
) -> tuple[list[Energy], list[int]]:
    """Each energy relative to that of a few structures, of which the same atoms come.

    The few are those with the fewest atoms and, of these, the lowest energy: the free
    atoms, if they are there.

    Returns:
        The relative energies, in the unit of `energies`, and the structures that are
        related to no other.
    """
    _elements, counts = compositions(images)
    order = np.lexsort((np.asarray(energies), counts.sum(axis=1)))
    basis: list[int] = []
    for k in order:
        if np.linalg.matrix_rank(counts[[*basis, k]]) > len(basis):
            basis.append(int(k))
    found, related = [], set()
    for k in range(len(images)):
        if k in basis:
            continue
        shares = np.linalg.lstsq(counts[basis].T, counts[k], rcond=None)[0]
        terms = {k: 1.0} | {
            b: -_fraction(share)
            for b, share in zip(basis, shares, strict=True)
            if abs(share) > TINY
        }
        total = sum(c * energies[n] for n, c in terms.items())
        found.append((tuple(terms), tuple(terms.values()), float(total)))
        related |= set(terms)
    return found, [k for k in range(len(images)) if k not in related]


def _fraction(value: float) -> float:
    near = float(Fraction(value).limit_denominator(MOST_PARTS))
    return near if abs(near - value) < TINY else float(value)


def absolute_energies(
    images: Sequence[Atoms],
    energies: Sequence[float],
    element_energies: Mapping[str, float],
) -> list[Energy]:
    """Energies less those of the elements (eV), in kcal/mol.

    Raises:
        FitInputError: an element has no energy.
    """
    elements, counts = compositions(images)
    missing = [e for e in elements if e not in element_energies]
    if missing:
        raise FitInputError(f"element_energies has none for {', '.join(missing)}")
    own = np.array([float(element_energies[e]) for e in elements]) / KCAL
    if not np.isfinite(own).all():
        raise FitInputError(f"element_energies are not finite: {element_energies}")
    taken_off = np.asarray(energies) - counts @ own
    return [((k,), (1.0,), float(e)) for k, e in enumerate(taken_off)]


def solve_element_energies(
    images: Iterable[Atoms],
    force_field: ForceField | str,
    *,
    prefix: str | None = None,
) -> dict[str, float]:
    """Energies of the elements that bring energies nearest to those of ReaxFF.

    By least squares over the structures, at the geometries given. They hold for the
    numbers of this force field; with other numbers the fit has to make up for the
    difference, so that relative energies are the better choice where they will do.

    Args:
        images: Structures with energies.
        force_field: A bundled name, a path, or a `ForceField`.
        prefix: As in `TrainingSet.from_atoms`.

    Returns:
        Energy of an atom of each element, eV.

    Raises:
        FitInputError: a structure has no energy.
    """
    from ase_reaxff_jax.calculator import JaxReaxFF

    bare, energies = [], []
    for k, atoms in enumerate(images):
        try:
            energies.append(float(values_of(atoms, prefix)["energy"]) * KCAL)
        except KeyError:
            raise FitInputError(f"structure {k} has no energy") from None
        except InputError as error:
            raise FitInputError(f"structure {k}: {error}") from None
        copy = atoms.copy()
        copy.set_initial_charges([total_charge_of(atoms)] + [0.0] * (len(atoms) - 1))
        bare.append(copy)
    results = JaxReaxFF(force_field, charge=None).evaluate(bare)
    elements, counts = compositions(bare)
    difference = np.array(energies) - np.array([r["energy"] for r in results])
    solved = np.linalg.lstsq(counts, difference, rcond=None)[0]
    return dict(zip(elements, solved.tolist(), strict=True))
