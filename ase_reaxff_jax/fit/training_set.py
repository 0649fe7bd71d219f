"""Structures and reference values that a force field is fitted to."""

import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from ase import Atoms

from ase_reaxff_jax.fit.input_errors import (
    FitInputError,
    OnUnusable,
    UnusedStructuresWarning,
    check_choice,
    complain,
    some,
)
from ase_reaxff_jax.fit.items import Item
from ase_reaxff_jax.fit.structures import Structure
from ase_reaxff_jax.fit.trainset_atoms import images_of, items_of
from ase_reaxff_jax.fit.trainset_check import by_name, check
from ase_reaxff_jax.fit.trainset_files import read_db, write_set
from ase_reaxff_jax.fit.trainset_geo import read_structures
from ase_reaxff_jax.fit.trainset_info import KEY, atoms_of, from_info
from ase_reaxff_jax.fit.trainset_read import read_items

StrPath = str | PathLike[str]


@dataclass(frozen=True, repr=False)
class TrainingSet:
    """Structures by name, and the items that refer to them."""

    structures: dict[str, Structure]
    items: tuple[Item, ...]

    def __post_init__(self):
        """Refuses items that do not fit their structures."""
        if not self.items:
            raise FitInputError("the training set has no items")
        for name, structure in self.structures.items():
            if name != structure.name:
                raise FitInputError(f"structure {structure.name} stands under {name!r}")
        for k, item in enumerate(self.items):
            try:
                check(item, self.structures)
            except FitInputError as error:
                raise FitInputError(f"{item.where or f'item {k}'}: {error}") from None

    def __repr__(self) -> str:
        counts = Counter(item.kind for item in self.items)
        kinds = ", ".join(f"{count} {kind}" for kind, count in counts.items())
        return f"TrainingSet({len(self.structures)} structures; items: {kinds})"

    @classmethod
    def read(
        cls,
        geo: StrPath | Sequence[StrPath],
        trainset: StrPath,
        *,
        on_unusable: OnUnusable = "error",
    ) -> "TrainingSet":
        """A training set in the files of the ReaxFF program.

        Structures that no item refers to are left out, with an
        `UnusedStructuresWarning`. Cells of geo files have c along z and b in the plane
        of y and z. CELL OPT 0 to 2 relaxes the volume of a cell, 3 and 7 the proportion
        of c to a and b at the same volume, 4, 5 and 6 the length of a, b and c; without
        it, the volume, where an item asks for a parameter of the cell.

        Args:
            geo: One file, or several, of structures (BIOGRF, XTLGRF).
            trainset: File of reference values.
            on_unusable: What to do about items that cannot be used. "error" raises;
                "warn" leaves them out, and lists them in an `UnusableItemsWarning`.

        Raises:
            FitInputError: items cannot be used, or sections do not begin and end as
                they should; the message has file, line and remedy.
            GeoError: a line of the geo file cannot be understood.
            FileNotFoundError: there is no such file.
        """
        check_choice(on_unusable)
        found = read_structures([geo] if isinstance(geo, str | PathLike) else geo)
        items, problems = read_items(trainset, found)
        if problems:
            total = len({item.where for item in items}) + len(problems)
            complain(f"{len(problems)} of {total} lines", problems, on_unusable)
        used = {name for item in items for name in item.structures}
        unused = [n for n in (*found.structures, *found.unusable) if n not in used]
        if unused:
            warnings.warn(
                f"{len(unused)} structures of the geo file are in no item of "
                f"{Path(trainset).name}, and left out: {some(unused, ', ')}",
                UnusedStructuresWarning,
                stacklevel=2,
            )
        structures = {k: v for k, v in found.structures.items() if k in used}
        return cls(structures, tuple(items))

    @classmethod
    def from_atoms(
        cls,
        images: Iterable,
        *,
        element_energies: Mapping[str, float] | None = None,
        sigma: Mapping[str, float] | None = None,
        kinds: Iterable[str] | None = None,
        prefix: str | None = None,
        names: Sequence[str] | None = None,
        minimize: bool = False,
        on_unusable: OnUnusable = "error",
    ) -> "TrainingSet":
        """A training set of structures that carry reference values, in ASE's units.

        Without options, structures that `to_atoms` has made give back their set.

        Args:
            images: Atoms objects with energies, forces, stress, charges or dipoles: of
                their calculators (nothing is computed), else of `info` and `arrays`.
                The total charge is `info["charge"]`, else the sum of the initial
                charges. Atoms held by `FixAtoms` stay where they are.
            element_energies: Energy of an atom of each element, eV, which is taken off
                (see `solve_element_energies`). None: energies are relative to those
                of the smallest and lowest structures of which the same atoms come.
            sigma: Accuracy aimed at by kind ("energy", "force", "stress", "charge",
                "dipole"), in kcal/mol, kcal/mol/Å, GPa, e and e Å.
            kinds: Which of these kinds to take; all structures must have them. None:
                what each structure has.
            prefix: Takes the values from `info` and `arrays` only, where their names
                begin with this, such as "REF_".
            names: Names of the structures; else `info["name"]`, else such as CH4_12.
            minimize: Whether structures are relaxed before they are compared.
            on_unusable: As in `read`, of energies that cannot be related to others.

        Raises:
            FitInputError: a structure cannot be used; names its number, from 0.
        """
        check_choice(on_unusable)
        images = [images] if isinstance(images, Atoms) else list(images)
        options = (element_energies, sigma, kinds, prefix, names, minimize or None)
        if any(isinstance(a, Atoms) and KEY in a.info for a in images):
            if any(option is not None for option in options):
                raise FitInputError(
                    f"the structures have items in info[{KEY!r}], which options cannot "
                    "change; remove that entry to use their results anew"
                )
            return cls(*from_info(images))
        found = images_of(
            images, names=names, minimize=minimize, wanted=kinds, prefix=prefix
        )
        items, problems = items_of(
            found, sigma=sigma, element_energies=element_energies
        )
        if problems:
            complain(f"energies of {len(problems)} structures", problems, on_unusable)
        structures = by_name(image.structure for image in found)
        used = {name for item in items for name in item.structures}
        return cls({k: v for k, v in structures.items() if k in used}, tuple(items))

    @classmethod
    def from_db(cls, path: StrPath, selection: str = "", **options) -> "TrainingSet":
        """A training set of an ASE database; options as those of `from_atoms`.

        Key-value pairs and data become the `info` of the structures, so that pairs
        named "name" and "charge" have their meaning.

        Raises:
            FitInputError: nothing matches, or as `from_atoms`.
            FileNotFoundError: there is no such file.
        """
        return cls.from_atoms(read_db(path, selection), **options)

    def to_atoms(self) -> list[Atoms]:
        """The structures as Atoms, with all there is in `info`, for `from_atoms`.

        A calculator has those reference values that are ASE's results.
        """
        return atoms_of(self.structures, self.items)

    def write(
        self,
        *,
        geo: StrPath | None = None,
        trainset: StrPath | None = None,
        extxyz: StrPath | None = None,
        db: StrPath | None = None,
        overwrite: bool = False,
    ) -> None:
        """The training set as files: `geo` and `trainset`, or for ASE.

        Of `geo` and `trainset`, positions have five decimals, targets of restraints two
        (angles) or four; all else is read again as it is. Of `extxyz`, positions have
        eight.

        Raises:
            FitInputError: geo files have no room for a structure.
            FileExistsError: a file exists, and `overwrite` is not set.
        """
        given = {"geo": geo, "trainset": trainset, "extxyz": extxyz, "db": db}
        paths = {name: Path(path) for name, path in given.items() if path is not None}
        if not paths:
            raise FitInputError(f"name a file to write: {', '.join(given)}")
        write_set(self.structures, self.items, paths, overwrite=overwrite)
