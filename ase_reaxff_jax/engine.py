"""What stands between the calculator and the compiled programs.

Holds one force field on the device, finds or makes the lists of a structure, runs the
programs in the right precision, and turns what they report into errors.
"""

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
import scipy.sparse
from ase import Atoms
from jaxtyping import Float

from ase_reaxff_jax import inputs, programs, report
from ase_reaxff_jax.capacity import atoms_room
from ase_reaxff_jax.energy import per_atom
from ase_reaxff_jax.ffield import lint
from ase_reaxff_jax.ffield.schema import SECTIONS
from ase_reaxff_jax.forcefield import ForceField
from ase_reaxff_jax.lists import Entry, Lists
from ase_reaxff_jax.missing import MissingTerms
from ase_reaxff_jax.mixing import Parameters
from ase_reaxff_jax.neighbors import Neighbors
from ase_reaxff_jax.options import Options, form_of
from ase_reaxff_jax.precision import PAIR_DTYPES, REACHABLE, scope
from ase_reaxff_jax.settings import DIRECT_LIMIT, Settings
from ase_reaxff_jax.system import System
from ase_reaxff_jax.topology import Topology
from ase_reaxff_jax.units import KCAL_PER_MOL

BATCH_LIMIT = 64  # structures in one program


@dataclass(frozen=True)
class Evaluation:
    """Results of one structure, in ASE's units."""

    energy: float  # eV
    forces: Float[np.ndarray, "atoms 3"]  # eV/Å
    strain_gradient: Float[np.ndarray, "3 3"]  # eV
    charges: Float[np.ndarray, " atoms"]  # e
    charge_iterations: int
    charge_residual: float


class Engine:
    """One force field with its settings, and the lists of the structures seen last."""

    def __init__(self, force_field: ForceField, settings: Settings):
        self.force_field = force_field
        self.settings = settings
        self.device = settings.jax_device()
        with self._scope():
            numbers = jax.tree.map(settings.array, force_field)
            self.parameters, reach = programs.prepare(numbers)
        self.form = form_of(force_field)
        self.lists = Lists(force_field, self.parameters, np.asarray(reach), settings)
        self.missing = MissingTerms(self.lists.rows, force_field.elements)
        self.unused_forms = lint.forms_not_computed(force_field)
        self.unlike_elements = inputs.unlike_the_first(force_field, self.form)

    def _scope(self):
        return scope(self.settings.dtype, self.device)

    @property
    def fingerprint(self) -> str:
        """Elements and a hash of all rows, where there is no name to give."""
        given = self.force_field
        numbers = b"".join(np.asarray(x).tobytes() for x in jax.tree.leaves(given))
        types = str([given.lg, *(given.types(section) for section in SECTIONS)])
        digest = hashlib.sha256(numbers + types.encode()).hexdigest()[:12]
        return f"ForceField({' '.join(self.force_field.elements)}, sha256 {digest})"

    def options(self, atoms: int, dtype: str | None = None) -> Options:
        """Static options for a (padded) number of atoms; `dtype` is the settings'."""
        method: Any = self.settings.charge_solver(atoms)
        dtype = dtype or self.settings.dtype
        return Options(
            **self.form,
            charge_model=self.settings.charge_model,
            charge_method=method,
            charge_response=self.settings.charge_response,
            charge_tolerance=max(self.settings.charge_tolerance, REACHABLE[dtype]),
            implementation=self.settings.implementation,
            pair_dtype=PAIR_DTYPES[dtype],
            bonded_dtype=PAIR_DTYPES[dtype] if atoms > DIRECT_LIMIT else None,
            in_parts=(self.device or jax.devices()[0]).platform == "cpu",
        )

    def total_charge(self, atoms: Atoms) -> float:
        """Total charge of a structure, e."""
        if self.settings.charge is None or self.settings.charge_model == "fixed":
            return float(atoms.get_initial_charges().sum())
        return float(self.settings.charge)

    def alike(self, structures: list[Atoms], room: int | None = None) -> list[System]:
        """Structures as the kernel takes them, all padded to the same size."""
        room = room or atoms_room(max(map(len, structures)))
        systems = []
        for k, atoms in enumerate(structures):
            with report.numbered(k, len(structures)):
                systems.append(self.system(atoms, room))
        return systems

    def system(self, atoms: Atoms, room: int | None = None) -> System:
        """The structure as the kernel takes it, on the host, padded to `room` atoms."""
        inputs.check_geometry(atoms)
        inputs.check_precision(atoms, self.settings.dtype)
        count = len(atoms)
        room = atoms_room(count) if room is None else room
        species = inputs.species_of(atoms, self.force_field)
        array = self.settings.array

        def padded(values, fill=0):
            spare = [(0, room - count)] + [(0, 0)] * (np.ndim(values) - 1)
            return np.pad(values, spare, constant_values=fill)

        return System(
            positions=array(padded(atoms.positions)),
            cell=array(inputs.kernel_cell(atoms)),
            species=padded(species),
            mask=padded(np.ones(count, bool)),
            total_charge=array(self.total_charge(atoms)),
        )

    def evaluate(self, atoms: Atoms) -> Evaluation:
        """Energy, forces, strain gradient and charges of one structure."""
        with self._scope():
            system = self.system(atoms)
            entry = self.lists.of(atoms, system)
            guess = self._guess(atoms, system, entry)
            options = self.options(len(system.mask))
            with report.memory(len(atoms), entry.room):
                result = jax.device_get(
                    self._derivatives(system, entry, guess, options)
                )
        report.check(atoms, result, entry.neighbors, options)
        self.missing.note(system, entry.topology)
        solution = np.stack([result.solution.charges, result.solution.adjoint])
        entry.history.add(np.asarray(system.positions), solution)
        return self.evaluation_of(atoms, result)

    def _derivatives(self, system: System, entry: Entry, guess, options: Options):
        """From lists that cover this geometry."""

        def found():
            return programs.evaluate(
                *self._arguments(system, entry), guess, options=options
            )

        return self._covered(system, entry, found, lambda result: result.covered)

    def _covered(self, system: System, entry: Entry, compute, covers):
        """What is computed with the lists of an entry, renewed if they do not cover."""
        result = compute()
        if not covers(result):
            self.lists.renew_topology(entry, system)
            result = compute()
        return result

    def _arguments(
        self, system: System, entry: Entry
    ) -> tuple[Parameters, System, Neighbors, Topology]:
        return self.parameters, system, entry.neighbors, entry.topology

    def _guess(self, atoms: Atoms, system: System, entry: Entry) -> np.ndarray:
        room = len(system.mask)
        if self.settings.charge_model == "fixed":
            charges = np.zeros((2, room))
            charges[0, : len(atoms)] = atoms.get_initial_charges()
            return self.settings.array(charges)
        guess = entry.history.guess(np.asarray(system.positions))
        return self.settings.array(np.zeros((2, room)) if guess is None else guess)

    @staticmethod
    def evaluation_of(atoms: Atoms, result: programs.Derivatives) -> Evaluation:
        """Results that are on the host, in ASE's units."""
        count = len(atoms)
        return Evaluation(
            energy=float(result.energy) * KCAL_PER_MOL,
            forces=-np.asarray(result.gradient[:count], np.float64) * KCAL_PER_MOL,
            strain_gradient=np.asarray(result.strain_gradient, np.float64)
            * KCAL_PER_MOL,
            charges=np.asarray(result.solution.charges[:count], np.float64),
            charge_iterations=int(result.solution.iterations),
            charge_residual=float(result.solution.residual),
        )

    def note_missing(self, atoms: Atoms) -> None:
        """Looks for missing rows in a structure that was not evaluated here."""
        if self.missing.possible(inputs.species_of(atoms, self.force_field)):
            with self._scope():
                system = self.system(atoms)
                self.missing.note(system, self.lists.of(atoms, system).topology)

    def note_lists(self, atoms: Atoms, topology: Topology) -> None:
        """The same in lists of a driver; those that were met before cost nothing."""
        if not self.missing.met(topology):
            with self._scope():
                self.missing.note(self.system(atoms), topology)

    def evaluate_batch(self, structures: list[Atoms]) -> list[Evaluation]:
        """The same for many structures: those of similar size in one program."""
        found: dict[int, Evaluation] = {}
        count, systems = len(structures), []
        for k, atoms in enumerate(structures):
            with self._scope(), report.numbered(k, count):
                systems.append(self.system(atoms))
        groups = defaultdict(list)
        for k, system in enumerate(systems):
            groups[len(system.mask)].append(k)
        for room, members in groups.items():
            if room > DIRECT_LIMIT:
                for k in members:
                    with report.numbered(k, count):
                        found[k] = self.evaluate(structures[k])
                continue
            for start in range(0, len(members), BATCH_LIMIT):
                part = members[start : start + BATCH_LIMIT]
                batch = [(structures[k], systems[k]) for k in part]
                found |= self._evaluate_stack(batch, part, count)
        return [found[k] for k in range(count)]

    def _evaluate_stack(
        self, batch: list[tuple[Atoms, System]], numbers: list[int], count: int
    ) -> dict[int, Evaluation]:
        """Results by the structures' numbers among `count`."""
        with self._scope():
            entries = self.lists.of_same_shape(batch, numbers, count)
            guesses = [self._guess(a, s, e) for (a, s), e in
                       zip(batch, entries, strict=True)]  # fmt: skip
            # A power of two of structures: the last one is repeated.
            spare = (1 << (len(batch) - 1).bit_length()) - len(batch)

            def stack(records):
                records = [*records, *[records[-1]] * spare]
                return jax.tree.map(lambda *x: np.stack(x), *records)

            options = self.options(len(batch[0][1].mask))
            results = programs.evaluate_batch(
                self.parameters,
                stack([system for _, system in batch]),
                stack([entry.neighbors for entry in entries]),
                stack([entry.topology for entry in entries]),
                stack(guesses),
                options=options,
            )
            results = jax.device_get(results)
        evaluations = {}
        for n, k in enumerate(numbers):
            (atoms, system), entry = batch[n], entries[n]
            result = jax.tree.map(lambda x, n=n: x[n], results)
            with report.numbered(k, count):
                report.check(atoms, result, entry.neighbors, options)
            self.missing.note(system, entry.topology)
            evaluations[k] = self.evaluation_of(atoms, result)
        return evaluations

    def _terms(self, atoms: Atoms):
        with self._scope():
            system = self.system(atoms)
            entry = self.lists.of(atoms, system)
            guess = self._guess(atoms, system, entry)
            options = self.options(len(system.mask))

            def found():
                arguments = *self._arguments(system, entry), guess
                return programs.by_term(*arguments, options=options)

            def covers(result) -> bool:
                return bool(entry.topology.bonds.cover(result.orders.total))

            result = self._covered(system, entry, found, covers)
            report.check_covered(covers(result))
            return system, entry, jax.device_get(result)

    def energy_terms(self, atoms: Atoms) -> dict[str, float]:
        """Energy by term, eV."""
        _, _, terms = self._terms(atoms)
        with self._scope():
            sums = terms.by_name()
        return {name: float(value) * KCAL_PER_MOL for name, value in sums.items()}

    def atom_energies(self, atoms: Atoms) -> Float[np.ndarray, " atoms"]:
        """Energy of each atom, eV: its own, and shares of the interactions."""
        system, entry, terms = self._terms(atoms)
        with self._scope():
            energies = per_atom(terms, system, entry.neighbors, entry.topology)
        return np.asarray(energies, np.float64)[: len(atoms)] * KCAL_PER_MOL

    def bond_orders(self, atoms: Atoms) -> scipy.sparse.csr_array:
        """Bond orders, summed over images, symmetric."""
        _, entry, terms = self._terms(atoms)
        bonds, order = entry.topology.bonds, np.asarray(terms.orders.total, np.float64)
        kept = np.flatnonzero(np.asarray(bonds.mask) & (order > 0))
        i, j = np.asarray(bonds.i)[kept], np.asarray(bonds.j_atom)[kept]
        n = len(atoms)
        half = scipy.sparse.coo_array((order[kept], (i, j)), shape=(n, n))
        matrix = (half + half.T).tocsr()
        matrix.sum_duplicates()
        return matrix

    def hessian(self, atoms: Atoms) -> Float[np.ndarray, "n n"]:
        """Second derivatives of the energy by positions, eV/Å^2."""
        count = len(atoms)
        with self._scope():
            system = self.system(atoms)
            entry = self.lists.of(atoms, system)
            guess = self._guess(atoms, system, entry)
            # Second derivatives are worth the precision in any case.
            options = self.options(len(system.mask), system.positions.dtype.name)
            with report.memory(count, entry.room):
                result = self._derivatives(system, entry, guess, options)
                report.check(atoms, jax.device_get(result), entry.neighbors, options)
                arguments = *self._arguments(system, entry), guess
                matrix = programs.hessian(*arguments, options=options)
        matrix = np.asarray(matrix, np.float64)[:count, :, :count, :]
        matrix = matrix.reshape(3 * count, 3 * count) * KCAL_PER_MOL
        report.check_hessian(matrix, self.settings.dtype)
        return 0.5 * (matrix + matrix.T)
