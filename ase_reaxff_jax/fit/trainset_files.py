"""Files of training sets for ASE, and the writing of all kinds of files."""

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path

import ase.db
import ase.io
from ase import Atoms

from ase_reaxff_jax.fit.input_errors import FitInputError
from ase_reaxff_jax.fit.items import Item
from ase_reaxff_jax.fit.structures import Structure
from ase_reaxff_jax.fit.trainset_geo import geo_text
from ase_reaxff_jax.fit.trainset_info import KEY, atoms_of
from ase_reaxff_jax.fit.trainset_write import trainset_text


def read_db(path: str | PathLike[str], selection: str) -> list[Atoms]:
    """Structures of an ASE database; pairs and data of a row are their info.

    Raises:
        FitInputError: nothing matches.
        FileNotFoundError: there is no such file.
    """
    if not Path(path).exists():  # else one would be made
        raise FileNotFoundError(f"no database {path}")
    images = []
    with ase.db.connect(Path(path)) as connection:
        for row in connection.select(selection or None):
            atoms = row.toatoms()
            atoms.info = {**row.key_value_pairs, **row.data}
            images.append(atoms)
    if not images:
        raise FitInputError(f"{path} has no structures for the selection {selection!r}")
    return images


def write_set(
    structures: Mapping[str, Structure],
    items: Sequence[Item],
    paths: Mapping[str, Path],
    *,
    overwrite: bool,
) -> None:
    """Each file of `paths`: geo, trainset, extxyz or db.

    Raises:
        FitInputError: geo files have no room for a structure.
        FileExistsError: a file exists, and `overwrite` is not set.
    """
    texts = {}
    if "geo" in paths:
        texts["geo"] = geo_text(structures.values())
    if "trainset" in paths:
        texts["trainset"] = trainset_text(items)
    for path in paths.values():
        if path.exists() and not overwrite:
            raise FileExistsError(f"{path} exists; overwrite=True replaces it")
    for name, text in texts.items():
        paths[name].write_text(text, encoding="utf-8")
    images = atoms_of(structures, items)
    if "extxyz" in paths:
        ase.io.write(paths["extxyz"], images, format="extxyz")
    if "db" in paths:
        _write_db(paths["db"], images)


def _write_db(path: Path, images: Sequence[Atoms]) -> None:
    path.unlink(missing_ok=True)
    with ase.db.connect(path) as connection:
        for atoms in images:
            pairs = {k: atoms.info[k] for k in ("name", "charge")}
            connection.write(atoms, data={KEY: atoms.info[KEY], **pairs})
