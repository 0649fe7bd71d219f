"""`JaxReaxFF`: the force field as an ASE calculator.

Everything outside is in ASE's units (eV, Å, e); the kernel's kcal/mol end here.
"""

import inspect
import warnings
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import scipy.sparse
from ase import Atoms
from ase.calculators.calculator import (
    Calculator,
    InputError,
    PropertyNotImplementedError,
    all_changes,
)
from ase.stress import full_3x3_to_voigt_6_stress

from ase_reaxff_jax import errors
from ase_reaxff_jax.engine import Engine, Evaluation
from ase_reaxff_jax.forcefield import ForceField
from ase_reaxff_jax.forcefields import load
from ase_reaxff_jax.inputs import check_geometry
from ase_reaxff_jax.settings import Settings

LARGE_CHARGE = 5.0  # e; beyond this something is wrong
ASE_ARGUMENTS = ("restart", "label", "atoms", "directory")


class JaxReaxFF(Calculator):
    """ReaxFF with exact forces, for any cell that ASE can describe.

    Args:
        force_field: Name of a bundled set (`forcefields()` lists them), path of an
            ffield file, or a `ForceField`.
        charge: Total charge, e; None takes the sum of the initial charges.
        charge_model: "eem" (charge equilibration, also called QEq), or "fixed" (the
            atoms' initial charges).
        charge_tolerance: Relative residual at which the charge equations are solved.
        charge_response: Whether forces contain the response of the charges, which
            makes them the exact derivative of the energy; False holds the charges
            fixed, as LAMMPS does.
        charge_method: "direct", "iterative", or "auto": direct for small structures.
        dtype: "float64" or "float32".
        skin: Å by which the lists of non-bonded pairs reach beyond the cutoff; they
            are reused while no atom has moved more than half of it.
        bond_skin: The same for bonds, angles, torsions and hydrogen bonds.
        missing_bonds: "error" refuses structures in which two elements without a
            bond row come within 5 Å; "ignore" gives such pairs no bond.
        implementation: "fused" (fast) or "reference" (plain form of the non-bonded
            energy); both give the same numbers.
        device: A `jax.Device`, or "cpu", "gpu", "tpu"; None is jax's default.

    Raises:
        InputError: an argument or the structure cannot be used.
        CalculationFailed: atoms too close, or the charge matrix is indefinite.
        SCFError: the charges did not converge.
    """

    name = "jaxreaxff"
    nolabel = True
    implemented_properties: ClassVar[list[str]] = [
        "energy", "free_energy", "energies", "forces", "stress", "charges", "dipole",
    ]  # fmt: skip
    default_parameters: ClassVar[dict[str, Any]] = {
        "force_field": "cho",
        "charge": 0.0,
        "charge_model": "eem",
        "charge_tolerance": 1e-8,
        "charge_response": True,
        "charge_method": "auto",
        "dtype": "float64",
        "skin": 1.0,
        "bond_skin": 0.3,
        "missing_bonds": "error",
        "implementation": "fused",
        "device": None,
    }
    ignored_changes: ClassVar[set[str]] = {"initial_magmoms"}

    def __init__(self, force_field: str | Path | ForceField = "cho", **options):
        ase_options = {k: options.pop(k) for k in ASE_ARGUMENTS if k in options}
        self._engine: Engine | None = None
        self._warned: set[str] = set()
        super().__init__(**ase_options, force_field=force_field, **options)

    def set(self, **options):
        """Changes options; results and lists are dropped where they depend on them."""
        for name in options:
            if name not in self.default_parameters:
                raise errors.UnknownOptionError(
                    f"JaxReaxFF has no option {name!r}"
                    f"{errors.suggestion(name, self.default_parameters)}; "
                    f"it has: {', '.join(self.default_parameters)}"
                )
        wanted = {**self.parameters, **options}
        if self._engine is None or any(
            wanted[k] is not self.parameters.get(k) for k in options
        ):
            force_field = load(wanted["force_field"])
            settings = {k: v for k, v in wanted.items() if k != "force_field"}
            self._engine = Engine(force_field, Settings(**settings))
            self.ignored_changes = _ignored(wanted)
        changed = super().set(**options)
        if options:
            self.reset()
        return changed

    @property
    def force_field(self) -> ForceField:
        """The parameters in use."""
        return self._engine.force_field

    def todict(self, skip_default: bool = True) -> dict[str, Any]:
        """Options as plain data, for databases and trajectories."""
        plain = {}
        for name, value in self.parameters.items():
            if skip_default and value is self.default_parameters[name]:
                continue
            plain[name] = value if _is_plain(value) else str(value)
        if isinstance(self.parameters["force_field"], ForceField):
            plain["force_field"] = self._engine.fingerprint
        return plain

    def __getstate__(self):
        return {**self.__dict__, "_engine": None}

    def __setstate__(self, state):
        self.__dict__.update(state)
        options = dict(self.parameters)
        self._engine = Engine(load(options.pop("force_field")), Settings(**options))

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        """Computes energy, forces, stress and charges together."""
        super().calculate(atoms, properties, system_changes)
        evaluation = self._engine.evaluate(self.atoms)
        self._warn_of_elements()
        self._warn_of_charges(evaluation)
        self.results = results_of(self.atoms, evaluation)
        if "energies" in properties:
            self.results["energies"] = self._engine.atom_energies(self.atoms)

    def _warn_of_elements(self) -> None:
        unlike = self._engine.unlike_elements
        for element in sorted(set(self.atoms.symbols) & set(unlike)):
            first = self.force_field.elements[0]
            self._warn(
                f"form of {element}",
                f"the van der Waals parameters of {element} are of another form than "
                f"those of {first}, the first element: {unlike[element]}",
            )

    def _warn_of_charges(self, evaluation: Evaluation) -> None:
        largest = np.abs(evaluation.charges).max()
        if largest > LARGE_CHARGE:
            atom = int(np.abs(evaluation.charges).argmax())
            self._warn(
                "large",
                f"the charge of atom {atom} is {evaluation.charges[atom]:.1f} e",
            )
        total = self._engine.total_charge(self.atoms)
        if self.atoms.pbc.any() and abs(total) > 1e-6:
            self._warn(
                "charged",
                f"a periodic structure with a total charge of {total:g} e: the "
                "shielded, tapered Coulomb energy has no neutralising background",
            )

    def _warn(self, key: str, message: str) -> None:
        if key not in self._warned:
            self._warned.add(key)
            warnings.warn(message, stacklevel=_outside())

    def get_charges(self, atoms=None) -> np.ndarray:
        """Atomic charges, e, (atoms,)."""
        return self.get_property("charges", atoms)

    def get_energy_terms(self, atoms: Atoms | None = None) -> dict[str, float]:
        """The energy by term, eV; the values add up to the energy."""
        return self._engine.energy_terms(self._atoms(atoms))

    def get_bond_orders(self, atoms: Atoms | None = None) -> scipy.sparse.csr_array:
        """Bond orders, (atoms, atoms), symmetric; sums over periodic images."""
        return self._engine.bond_orders(self._atoms(atoms))

    def get_hessian(self, atoms: Atoms | None = None) -> np.ndarray:
        """Second derivatives of the energy by positions, (3 atoms, 3 atoms), eV/Å^2."""
        return self._engine.hessian(self._atoms(atoms))

    def evaluate(self, structures: list[Atoms]) -> list[dict[str, Any]]:
        """Results of many structures, computed in batches of similar size.

        Returns:
            For each structure the dictionary that `calculate` leaves in `results`.
        """
        evaluations = self._engine.evaluate_batch(structures)
        return [
            results_of(atoms, evaluation)
            for atoms, evaluation in zip(structures, evaluations, strict=True)
        ]

    def jax_md(self, atoms: Atoms):
        """Pure functions `(neighbor_fn, energy_fn)` for jax, and for jax-md.

        `neighbor_fn.allocate(R)` makes the interaction lists, `neighbor_fn.update(R,
        neighbor)` refreshes them where they have gone stale (also under `jit`).
        `energy_fn(R, neighbor=neighbor, box=None, force_field=None)` is the energy in
        eV at positions R in Å; `box` has the cell vectors as columns, as in jax-md.
        """
        from ase_reaxff_jax.functional import functions_of

        return functions_of(self._engine, atoms)

    def _atoms(self, atoms: Atoms | None) -> Atoms:
        atoms = atoms if atoms is not None else self.atoms
        if atoms is None:
            raise InputError("no atoms: pass them, or set `atoms.calc`")
        check_geometry(atoms)
        return atoms

    def get_dipole_moment(self, atoms=None) -> np.ndarray:
        """Dipole moment of a neutral, non-periodic structure, e Å, (3,)."""
        return self.get_property("dipole", atoms)

    def get_property(self, name, atoms=None, allow_calculation=True):
        """As ASE's, with the reason where a property is not defined."""
        try:
            return super().get_property(name, atoms, allow_calculation)
        except PropertyNotImplementedError as error:
            reason = UNDEFINED.get(name)
            if reason is None:
                raise
            raise PropertyNotImplementedError(f"{name}: {reason}") from error


UNDEFINED = {
    "dipole": "defined only for neutral structures without periodicity",
    "stress": "defined only for periodic structures whose cell has a volume",
}


def results_of(atoms: Atoms, evaluation: Evaluation) -> dict[str, Any]:
    """ASE's dictionary of results."""
    energy = float(evaluation.energy)
    results = {
        "energy": energy,
        "free_energy": energy,
        "forces": evaluation.forces,
        "charges": evaluation.charges,
    }
    if atoms.pbc.any() and atoms.cell.rank == 3:
        stress = evaluation.strain_gradient / atoms.cell.volume
        results["stress"] = full_3x3_to_voigt_6_stress(stress)
    if not atoms.pbc.any() and abs(evaluation.charges.sum()) < 1e-6:
        results["dipole"] = evaluation.charges @ atoms.positions
    return results


def _ignored(options: dict[str, Any]) -> set[str]:
    """What of the atoms does not matter to the results."""
    charges_matter = options["charge"] is None or options["charge_model"] == "fixed"
    return {"initial_magmoms"} | (set() if charges_matter else {"initial_charges"})


def _is_plain(value) -> bool:
    return value is None or isinstance(value, bool | int | float | str)


def _outside() -> int:
    """Stack level of the first caller outside this package, for warnings."""
    here = str(Path(__file__).parent)
    frame, level = inspect.currentframe(), 0
    while frame is not None and frame.f_code.co_filename.startswith(here):
        frame, level = frame.f_back, level + 1
    return level
