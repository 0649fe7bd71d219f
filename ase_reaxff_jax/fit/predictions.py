"""What a force field predicts for each item, and how that follows from observables.

Items are functions of the vector of `Layout`: many of them plain sums, the others as in
`functions`. Their derivatives by the vector are a sparse matrix.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
import scipy.sparse
from jaxtyping import Float

from ase_reaxff_jax.compilation import quickly
from ase_reaxff_jax.fit.functions import FUNCTIONS
from ase_reaxff_jax.fit.items import CELL_PARAMETERS, Item
from ase_reaxff_jax.fit.layout import Layout
from ase_reaxff_jax.fit.selection import Selection
from ase_reaxff_jax.fit.structures import Structure
from ase_reaxff_jax.forcefield import ForceField, column
from ase_reaxff_jax.precision import scope

HEAT_OF_A_MOLECULE = 4 * 8.314462618e-3 / 4.184 * 298.15  # 4 R T, kcal/mol


@quickly(static_argnames="name")
def _with_slopes(x, c, *, name: str):
    """A function of many items at once, and its derivatives by x."""
    return jax.vmap(jax.value_and_grad(FUNCTIONS[name]))(x, c)


class Predictions:
    """Predictions for the items of a training set.

    Args:
        structures: In the order of the layout.
        items: Of these structures.
        layout: Of the structures.
    """

    def __init__(
        self, structures: Sequence[Structure], items: Sequence[Item], layout: Layout
    ):
        self.items, self.layout = tuple(items), layout
        self.structures = list(structures)
        self._number = {s.name: k for k, s in enumerate(structures)}
        self._sums: list[tuple[float, int, int]] = []  # coefficient, item, place
        self._offset = np.zeros(len(self.items))
        self.heats: list[tuple[int, str]] = []  # items that contain an element's heat
        # By function and number of places: items, their places, their numbers c.
        self._others: dict[tuple[str, int], list[tuple]] = defaultdict(list)
        for k, item in enumerate(self.items):
            self._enter(k, item)
        self._linear = self._matrix([np.array(self._sums, float).reshape(-1, 3)])
        self._groups: list[Any] = [
            (name, *(np.array(part) for part in zip(*entries, strict=True)))
            for (name, _), entries in self._others.items()
        ]

    def _matrix(self, parts) -> scipy.sparse.csr_array:
        values, items, places = np.concatenate(parts).T
        entries = values, (items.astype(int), places.astype(int))
        return scipy.sparse.csr_array(entries, (len(self.items), self.layout.size))

    def __call__(
        self, vector: Float[np.ndarray, " size"], force_field: ForceField
    ) -> tuple[Float[np.ndarray, " items"], scipy.sparse.csr_array]:
        """Predictions, and their derivatives by the vector."""
        values = self._linear @ vector + self._offset
        for k, element in self.heats:
            values[k] += float(force_field.get("atom", element, "heat_of_formation"))
        parts = []
        for name, items, places, constants in self._groups:
            with scope("float64"):
                found, slopes = _with_slopes(vector[places], constants, name=name)
            values[items] += np.asarray(found)
            rows = np.broadcast_to(items[:, None], places.shape)
            columns = (np.asarray(slopes), rows, places)
            parts.append(np.stack([np.ravel(x) for x in columns], axis=1))
        extra = self._matrix(parts) if parts else 0
        return values, (self._linear + extra if parts else self._linear)

    def direct(self, selection: Selection) -> scipy.sparse.csr_array:
        """Derivatives of items by parameters that they contain themselves: heats."""
        place = column("atom", "heat_of_formation")
        entries = []
        for k, element in self.heats:
            row = selection.force_field.elements.index(element)
            entries += [(k, n) for n in selection.numbers_of("atom", (row, place))]
        found = np.array(entries, int).reshape(-1, 2).T
        shape = len(self.items), len(selection.parameters)
        return scipy.sparse.csr_array((np.ones(found.shape[1]), tuple(found)), shape)

    def _enter(self, k: int, item: Item) -> None:
        """What an item is a function of."""
        getattr(self, f"_{item.kind}")(k, item)

    def _place(self, item, name: str) -> int:
        return int(self.layout.start(name, self._number[item.structure]))

    def _all(self, item, name: str) -> list[int]:
        part = self.layout.part(name, self._number[item.structure])
        return list(range(part.start, part.stop))

    def _of_atoms(self, item, name: str, atoms) -> list[int]:
        """Places of the three components of each atom."""
        start = self._place(item, name)
        return [start + 3 * atom + axis for atom in atoms for axis in range(3)]

    def _other(self, k: int, name: str, places: list[int], constants=()) -> None:
        entry = k, places, np.array(constants, float)
        self._others[name, len(places)].append(entry)

    def _energy(self, k, item) -> None:
        for name, coefficient in zip(item.structures, item.coefficients, strict=True):
            place = int(self.layout.start("energy", self._number[name]))
            self._sums.append((coefficient, k, place))

    def _heat(self, k, item) -> None:
        self._sums.append((1.0, k, self._place(item, "energy")))
        self._offset[k] = HEAT_OF_A_MOLECULE
        atoms = self.structures[self._number[item.structure]].atoms
        self.heats += [(k, element) for element in atoms.symbols]

    def _charge(self, k, item) -> None:
        self._sums.append((1.0, k, self._place(item, "charges") + item.atom))

    def _force(self, k, item) -> None:
        places = self._of_atoms(item, "forces", [item.atom])
        if item.component is None:
            self._other(k, "magnitude", places)
        else:
            self._sums.append((1.0, k, places[item.component]))

    def _distance(self, k, item) -> None:
        self._other(k, item.kind, self._of_atoms(item, "positions", item.atoms))

    _angle = _torsion = _distance

    def _rmsg(self, k, item) -> None:
        structure = self.structures[self._number[item.structure]]
        free = [n for n in range(len(structure.atoms)) if n not in structure.fixed]
        self._other(k, "root_mean_square", self._of_atoms(item, "forces", free))

    def _displacement(self, k, item) -> None:
        before = self.structures[self._number[item.structure]].atoms.positions
        atoms = range(len(before)) if item.atom is None else [item.atom]
        places = self._of_atoms(item, "positions", atoms)
        self._other(k, item.kind, places, before[list(atoms)].ravel())

    def _cell(self, k, item) -> None:
        marked = np.eye(6)[CELL_PARAMETERS.index(item.parameter)]
        self._other(k, "cell_parameter", self._all(item, "cell"), marked)

    def _stress(self, k, item) -> None:
        places = self._all(item, "strain_gradient") + self._all(item, "cell")
        self._other(k, item.kind, places, np.eye(6)[item.component])

    def _frequency(self, k, item) -> None:
        modes = self.layout.modes[self._number[item.structure]]
        place = self._place(item, "curvatures") + modes.index(item.mode)
        self._other(k, "wavenumber", [place])

    def _dipole(self, k, item) -> None:
        charges = self._all(item, "charges")
        start = self._place(item, "positions") + item.component
        positions = [start + 3 * n for n in range(len(charges))]
        self._other(k, item.kind, charges + positions)
