"""`JaxReaxFF`: the force field as an ASE calculator.

Everything here is in ASE's units (eV, Å, e); the kernel's kcal/mol end in `engine.py`.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import jax
import numpy as np
import scipy.sparse
from ase import Atoms
from ase.calculators.calculator import (
    Calculator,
    InputError,
    Parameters,
    PropertyNotImplementedError,
    all_changes,
)

from ase_reaxff_jax import errors, programs
from ase_reaxff_jax.bundled import load
from ase_reaxff_jax.engine import Engine
from ase_reaxff_jax.forcefield import ForceField
from ase_reaxff_jax.inputs import check_geometry
from ase_reaxff_jax.notices import Notices
from ase_reaxff_jax.report import explained
from ase_reaxff_jax.results import UNDEFINED, results_of
from ase_reaxff_jax.settings import Settings, device_name
from ase_reaxff_jax.topology import Topology

PLAIN = (bool, int, float, str, Path)
ASE_ARGUMENTS = ("restart", "label", "atoms", "directory")


class JaxReaxFF(Calculator):
    """ReaxFF with exact forces, for any cell that ASE can describe.

    Args:
        force_field: Name of a bundled set (`forcefields()` lists them), path of an
            ffield file, or a `ForceField`.
        charge: Total charge, e; None takes the sum of the initial charges.
        charge_model: "eem" (charge equilibration, also called QEq), or "fixed" (the
            atoms' initial charges).
        charge_tolerance: Relative residual at which the charge equations are solved
            by iterations, at most 0.01; in float32 and mixed precision at least 1e-6,
            which is about what rounding leaves of the equations. Forces in water are
            good to some 5 eV/Å times this.
        charge_response: Whether forces contain the response of the charges, which
            makes them the exact derivative of the energy; False holds the charges
            fixed, as LAMMPS does.
        charge_method: "direct", "iterative", or "auto": direct for small structures.
            "stationary" is direct for these too, and takes charges that are no minimum
            of their energy, where the others raise an error.
        dtype: "float64"; "mixed", with single precision for each pair of the van der
            Waals and Coulomb interactions, of more than 256 atoms also for each angle
            and torsion, and double precision for their sums and all else (forces within
            about 1e-4 eV/Å of those of "float64", steps of large structures in 0.7 to 1
            of the time); or "float32" for everything, which takes coordinates up to
            1000 Å.
        skin: Å by which the lists of non-bonded pairs reach beyond the cutoff; they
            are reused while no atom has moved more than half of it. None: 1; of more
            than 256 atoms 2, but for `jax_md`.
        bond_skin: The same for bonds, angles, torsions and hydrogen bonds.
        neighbors: What finds the neighbours: "vesin", a library on the host; "jax-md",
            on the device, for up to 2000 atoms; "auto", at present always vesin.
        missing_bonds: "error" refuses structures in which two elements without a
            bond row come within 5 Å; "ignore" gives such pairs no bond.
        implementation: "fused" (fast) or "reference" (plain form of the non-bonded
            energy); both give the same numbers.
        device: A `jax.Device`, or "cpu", "gpu", "gpu:1"; None is jax's default.

    Raises:
        InputError: an argument or the structure cannot be used.
        CalculationFailed: atoms too close, or the charge matrix is indefinite.
        SCFError: the charges did not converge.
    """

    name = "jaxreaxff"
    nolabel = True
    implemented_properties: ClassVar[list[str]] = [  # type: ignore[misc]
        "energy", "free_energy", "energies", "forces", "stress", "charges", "dipole",
    ]  # fmt: skip
    default_parameters: ClassVar[dict[str, Any]] = {  # type: ignore[misc]
        "force_field": "cho",
        "charge": 0.0,
        "charge_model": "eem",
        "charge_tolerance": 1e-8,
        "charge_response": True,
        "charge_method": "auto",
        "dtype": "float64",
        "skin": None,
        "bond_skin": 0.3,
        "neighbors": "auto",
        "missing_bonds": "error",
        "implementation": "fused",
        "device": None,
    }
    ignored_changes: ClassVar[set[str]] = {"initial_magmoms"}  # type: ignore[misc]

    def __init__(self, force_field: str | Path | ForceField = "cho", **options):
        ase_options = {k: options.pop(k) for k in ASE_ARGUMENTS if k in options}
        self._engine: Any = None  # an `Engine` once the options are known
        self._notices = Notices()
        super().__init__(**ase_options, force_field=force_field, **options)

    def set(self, **options):
        """Changes options; results and lists are dropped where one really differs.

        A file that is named again is read again, in case that its numbers have changed.
        """
        for name in options:
            if name not in self.default_parameters:
                raise errors.UnknownOptionError(
                    f"JaxReaxFF has no option {name!r}"
                    f"{errors.suggestion(name, self.default_parameters)}; "
                    f"it has: {', '.join(self.default_parameters)}"
                )
        wanted = {**self.parameters, **options}
        # Before ASE stores the options: those that are refused change nothing.
        known = self._engine is not None and "force_field" not in options
        force_field = self.force_field if known else load(wanted["force_field"])
        same = all(_same(wanted[k], self.parameters.get(k)) for k in options)
        if self._engine is None or not (same and force_field.equals(self.force_field)):
            settings = {k: v for k, v in wanted.items() if k != "force_field"}
            self._engine = Engine(force_field, Settings(**settings))
            self.ignored_changes = _ignored(wanted)
            self.reset()
        return super().set(**options)

    @property
    def engine(self) -> Engine:
        """What computes; for drivers that keep to it from step to step."""
        return self._engine

    @property
    def force_field(self) -> ForceField:
        """The parameters in use."""
        return self._engine.force_field

    @property
    def missing_terms(self) -> tuple[str, ...]:
        """Angles and torsions met so far that have no row, and so no energy."""
        return tuple(sorted(self._notices.missing_terms))

    def todict(self, skip_default: bool = True) -> dict[str, Any]:
        """Options as plain data, for databases and trajectories."""
        return {
            name: self._plain(value)
            for name, value in self.parameters.items()
            if not (skip_default and _same(value, self.default_parameters[name]))
        }

    def __repr__(self) -> str:
        """As it was made, without options that have their usual values."""
        options = self.todict()
        options.pop("force_field", None)
        first = self.parameters["force_field"]
        first = self._plain(first) if isinstance(first, ForceField) else repr(first)
        named = [f"{name}={value!r}" for name, value in options.items()]
        return f"{type(self).__name__}({', '.join([first, *named])})"

    def _plain(self, value):
        if isinstance(value, ForceField):
            return self._engine.fingerprint
        if isinstance(value, np.generic):
            return value.item()
        if isinstance(value, jax.Device):
            return device_name(value)
        return str(value) if isinstance(value, Path) else value

    def __getstate__(self):
        # The force field's numbers travel along: its file may not be where this goes.
        parameters = {**self.parameters, "device": self._plain(self.parameters.device)}
        state = {**self.__dict__, "_engine": None}
        return {**state, "parameters": parameters, "_numbers": self.force_field}

    def __setstate__(self, state):
        force_field = state.pop("_numbers")
        self.__dict__.update(state)
        self.parameters = Parameters(state["parameters"])
        options = {k: v for k, v in self.parameters.items() if k != "force_field"}
        self._engine = Engine(force_field, Settings(**options))

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        """Computes energy, forces, stress and charges together."""
        super().calculate(atoms, properties, system_changes)
        self._atoms(None)  # an error where there are none
        if system_changes or "energy" not in self.results:
            self.results = {}  # not those of other atoms where this one fails
            with explained(len(self.atoms), self.force_field):
                evaluation = self._engine.evaluate(self.atoms)
            self._give_notice(self.atoms, evaluation.charges)
            self.results = results_of(self.atoms, evaluation)
        if "energies" in properties:
            self.results["energies"] = self._engine.atom_energies(self.atoms)

    def adopt(self, atoms: Atoms, result: programs.Derivatives) -> None:
        """Takes what a driver has found, checked and on the host, as its own result."""
        evaluation = self._engine.evaluation_of(atoms, result)
        self._engine.note_missing(atoms)
        self._give_notice(atoms, evaluation.charges)
        self.atoms = atoms.copy()
        self.results = results_of(atoms, evaluation)

    def notice(self, atoms: Atoms, charges: np.ndarray, topology: Topology) -> None:
        """Tells what the user should know of atoms that a driver moves.

        `topology` is theirs; lists that were met before cost nothing.
        """
        self._engine.note_lists(atoms, topology)
        self._give_notice(atoms, charges)

    def _give_notice(self, atoms: Atoms, charges: np.ndarray) -> None:
        engine, notices = self._engine, self._notices
        notices.of_forms(engine.unused_forms)
        notices.of_elements(atoms, engine.unlike_elements, self.force_field.elements[0])
        notices.of_charges(atoms, charges, engine.total_charge(atoms))
        notices.of_missing_terms(engine.missing.names)

    def get_charges(self, atoms=None) -> np.ndarray:
        """Atomic charges, e, (atoms,)."""
        return self.get_property("charges", atoms)

    def get_energy_terms(self, atoms: Atoms | None = None) -> dict[str, float]:
        """The energy by term, eV; the values add up to the energy.

        With dtype="mixed" they do to 1e-6 eV an atom, because the charges of a pair are
        rounded for the forces and the energy.
        """
        atoms = self._atoms(atoms)
        self.get_property("energy", atoms)  # an error where the charges are not right
        return self._engine.energy_terms(atoms)

    def get_bond_orders(self, atoms: Atoms | None = None) -> scipy.sparse.csr_array:
        """Bond orders, (atoms, atoms), symmetric; sums over periodic images."""
        return self._engine.bond_orders(self._atoms(atoms))

    def get_hessian(self, atoms: Atoms | None = None) -> np.ndarray:
        """Second derivatives of the energy by positions, (3 atoms, 3 atoms), eV/Å^2."""
        atoms = self._atoms(atoms)
        with explained(len(atoms), self.force_field):
            return self._engine.hessian(atoms)

    def evaluate(self, structures: Iterable) -> list[dict[str, Any]]:
        """Results of many Atoms objects, computed in batches of similar size.

        Returns:
            For each structure the dictionary that `calculate` leaves in `results`.
        """
        structures = [structures] if isinstance(structures, Atoms) else list(structures)
        for atoms in structures:
            if not isinstance(atoms, Atoms):
                raise InputError(f"evaluate takes a list of Atoms, found {atoms!r}")
        with explained(sum(map(len, structures)), self.force_field):
            evaluations = self._engine.evaluate_batch(structures)
        for atoms, evaluation in zip(structures, evaluations, strict=True):
            self._give_notice(atoms, evaluation.charges)
        return [
            results_of(atoms, evaluation)
            for atoms, evaluation in zip(structures, evaluations, strict=True)
        ]

    def jax_md(self, atoms: Atoms):
        """Pure functions `(neighbor_fn, energy_fn)` for jax, and for jax-md.

        `neighbor_fn.allocate(R)` makes the interaction lists of positions R, on the
        host; `neighbor_fn.update(R, neighbor)` renews them where they have gone stale,
        also under `jit` and `vmap`. `energy_fn(R, neighbor=neighbor, box=None,
        force_field=None)` is the energy in eV at Cartesian positions R in Å, and NaN
        where the lists do not cover R or `neighbor.did_buffer_overflow`; then update or
        allocate. `box` has the lattice vectors as columns, `atoms.cell.array.T`, as in
        jax-md; None is the cell of `atoms`.

        Numbers are as precise as jax is set to be, whatever `dtype` says: float64
        inside `jax.enable_x64(True)`, float32 without it. Arrays made inside must also
        be used inside.
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


def _ignored(options: dict[str, Any]) -> set[str]:
    """What of the atoms does not matter to the results."""
    charges_matter = options["charge"] is None or options["charge_model"] == "fixed"
    return {"initial_magmoms"} | (set() if charges_matter else {"initial_charges"})


def _same(a, b) -> bool:
    """Equality of options; of force fields, identity."""
    return a is b or (type(a) is type(b) and isinstance(a, PLAIN) and a == b)
