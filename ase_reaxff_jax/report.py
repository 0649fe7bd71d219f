"""Turns what a compiled program reports into errors that name the culprit."""

import contextlib
from typing import TypeVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import (
    CalculationFailed,
    CalculatorSetupError,
    SCFError,
)
from jaxtyping import Float

from ase_reaxff_jax import errors
from ase_reaxff_jax.forcefield import ForceField
from ase_reaxff_jax.options import Options
from ase_reaxff_jax.units import COULOMB_CHARGES, SHORTEST

Error = TypeVar("Error", bound=Exception)
OUT_OF_MEMORY = "RESOURCE_EXHAUSTED"


def too_close(atoms: Atoms, i: int, j: int, shift, r: float) -> Exception:
    """The error for two atoms almost on top of each other."""
    symbols = atoms.symbols
    image = "" if not np.any(shift) else f" (image {tuple(int(s) for s in shift)})"
    return errors.AtomsTooCloseError(
        f"atoms {i} ({symbols[i]}) and {j} ({symbols[j]}){image} are {r:.3f} Å apart, "
        f"closer than {SHORTEST} Å; relax or repair the structure first"
    )


def check(atoms: Atoms, result, neighbors, options: Options) -> None:
    """Raises unless the result can be trusted."""
    if result.shortest < SHORTEST:
        pair = int(result.shortest_pair)
        i, image = int(neighbors.close_i[pair]), int(neighbors.close_j[pair])
        shift = np.asarray(neighbors.shift)  # of atoms too: into the cell
        j = int(neighbors.source[image])
        raise too_close(atoms, i, j, shift[image] - shift[i], float(result.shortest))
    check_covered(result.covered)
    if options.charge_model == "eem":
        _check_charges(atoms, result.solution, options)
    forces = np.asarray(result.gradient)[: len(atoms)]
    bad = np.flatnonzero(~np.isfinite(forces).all(axis=1))
    if len(bad) or not np.isfinite(result.energy):
        where = f"; forces of atoms {bad[:5].tolist()}" if len(bad) else ""
        raise CalculationFailed(
            f"the energy or its derivative is not finite (energy {result.energy} "
            f"kcal/mol{where}); the force field's parameters may not suit the structure"
        )


def check_covered(covered) -> None:
    """Raises unless the lists have all interactions."""
    if not covered:
        raise CalculationFailed(
            "bonds have outgrown the interaction lists that were made for them; this "
            "is a fault of the program"
        )


def check_hessian(matrix: Float[np.ndarray, "n n"], dtype: str) -> None:
    """Raises unless every second derivative is a number."""
    bad = ~np.isfinite(matrix)
    if bad.any():
        atoms = np.unique(np.flatnonzero(bad.any(axis=1)) // 3)
        remedy = "; use dtype='float64'" if dtype == "float32" else ""
        raise CalculationFailed(
            f"{bad.sum()} of {bad.size} second derivatives are not finite, of atoms "
            f"{atoms[:5].tolist()}{remedy}"
        )


def _check_charges(atoms: Atoms, solution, options: Options) -> None:
    if solution.indefinite:
        elements = " ".join(dict.fromkeys(atoms.get_chemical_symbols()))
        raise errors.IndefiniteChargeMatrixError(
            "the matrix of the charge equations is not positive definite (polarisation "
            f"catastrophe); check eta and gamma of {elements}, and atoms too close"
        )
    tolerance = options.charge_tolerance
    # Iterations judge by a residual that they update; rounding may part it from the
    # true one, which is compared here, with room for the rounding itself.
    rounding = 1e3 * np.finfo(solution.residual.dtype).eps
    wrong = not solution.residual <= max(10.0 * tolerance, rounding)
    iterated = options.charge_method == "iterative"
    if wrong or (iterated and not solution.converged):
        worst = int(solution.worst_atom)
        raise errors.ChargesNotConvergedError(
            f"charges did not converge: residual {float(solution.residual):.1e} after "
            f"{int(solution.iterations)} iterations, tolerance {tolerance:.1e}; "
            f"largest at atom {worst} ({atoms.symbols[worst]}). Two atoms may be too "
            "close, or eta too small."
        )


def of_structure(error: Error, k: int, several: bool) -> Error:
    """The error, which says of which of several structures it is."""
    if several:
        error.args = (f"structure {k}: {error}",)
    return error


@contextlib.contextmanager
def numbered(k: int, count: int):
    """Says in an error which of `count` structures it is of."""
    try:
        yield
    except (
        CalculationFailed,
        CalculatorSetupError,
        NotImplementedError,
        SCFError,
    ) as error:
        of_structure(error, k, count > 1)
        raise


@contextlib.contextmanager
def explained(atoms: int, force_field: ForceField):
    """Adds to an error what only the caller of a program knows."""
    with memory(atoms):
        try:
            yield
        except errors.IndefiniteChargeMatrixError as error:
            raise type(error)(f"{error}{_soft_elements(force_field)}") from error


def _soft_elements(force_field: ForceField) -> str:
    """Elements of which two atoms on top of each other charge without limit."""
    soft = []
    for element in force_field.elements:
        eta, gamma = (force_field.get("atom", element, n) for n in ("eta", "gamma"))
        if 2.0 * eta <= COULOMB_CHARGES * gamma:
            soft.append(f"{element} (eta {eta:g} eV, gamma {gamma:g} 1/Å)")
    return f"; eta < 7.2 gamma: {', '.join(soft)}" if soft else ""


def _sizes(atoms: int, room: dict[str, int] | None) -> str:
    if room is None:
        return ""
    pairs = atoms * room["width"]
    hydrogen_bonds = room["hydrogen_bonds"] * room["acceptors"]
    # A few arrays of doubles, and the list itself.
    bytes_needed = 40 * pairs + 80 * (room["torsions"] + room["angles"])
    return (
        f", {pairs} non-bonded pairs, {room['angles']} angles, {room['torsions']} "
        f"torsions, {hydrogen_bonds} hydrogen bonds (about {bytes_needed / 1e9:.2g} GB)"
    )


@contextlib.contextmanager
def memory(atoms: int, room: dict[str, int] | None = None):
    """Says what did not fit where memory runs out; `room` is that of each list."""
    try:
        yield
    except CalculationFailed:
        raise  # said already
    except (RuntimeError, MemoryError) as error:
        if OUT_OF_MEMORY not in str(error) and not isinstance(error, MemoryError):
            raise
        first_line = (str(error) or "MemoryError").splitlines()[0]
        raise CalculationFailed(
            f"the device ran out of memory with {atoms} atoms{_sizes(atoms, room)}: "
            f"{first_line}. Use dtype='float32', a smaller skin, or a device with more "
            "memory; on a GPU see also XLA_PYTHON_CLIENT_PREALLOCATE in jax's "
            "documentation."
        ) from error
