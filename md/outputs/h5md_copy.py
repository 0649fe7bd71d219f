"""The first frames of an H5MD file, copied to a new one."""

from pathlib import Path
from typing import Any

import numpy as np
from ase.calculators.calculator import InputError

from ase_reaxff_jax.md.outputs import files
from ase_reaxff_jax.md.outputs.h5md_layout import FORMAT, TIMES

BLOCK = 2**24  # bytes copied together


def copy(path: Path, new: Path, frames: int) -> None:
    """Writes the first frames, and all that is fixed, to `new`.

    The file may have been left by a killed process. Raises InputError where it has
    fewer frames or is no such file.
    """
    import h5py

    try:
        opened = h5py.File(path, "r", swmr=True)
    except OSError as error:
        raise InputError(
            f"{path} cannot be read as HDF5 ({error}): it was damaged or replaced "
            "since the checkpoint was written. Put the right file back, or start anew "
            "with overwrite=True"
        ) from error
    with opened as source:
        if f"{TIMES}/step" not in source:
            raise InputError(
                f"{path} is not the trajectory that the checkpoint goes on with: it "
                f"has no {TIMES}/step. Put the right file back, or start anew with "
                "overwrite=True"
            )
        found = len(source[f"{TIMES}/step"])
        if found < frames:
            raise files.too_short(path, found, frames, "frames")
        with h5py.File(new, "w", libver=FORMAT) as target:
            _copy_group(source, target, frames, {})


def _copy_group(source: Any, target: Any, frames: int, copied: dict[Any, Any]) -> None:
    """Copies a group; `copied` has what was, as several names may be of one dataset."""
    for key, value in source.attrs.items():
        target.attrs[key] = value
    for name, item in source.items():
        if not hasattr(item, "shape"):
            _copy_group(item, target.create_group(name), frames, copied)
        elif item in copied:
            target[name] = copied[item]
        else:
            copied[item] = _copy_dataset(item, target, name, frames)


def _copy_dataset(source: Any, target: Any, name: str, frames: int) -> Any:
    growing = bool(source.maxshape) and source.maxshape[0] is None
    shape = (frames, *source.shape[1:]) if growing else source.shape
    dataset = target.create_dataset(
        name, shape, source.dtype, maxshape=source.maxshape, chunks=source.chunks
    )
    for key, value in source.attrs.items():
        dataset.attrs[key] = value
    if not growing:
        dataset[...] = source[...]
        return dataset
    per_frame = source.dtype.itemsize * int(np.prod(shape[1:]))
    block = max(1, BLOCK // per_frame)
    for start in range(0, frames, block):
        stop = min(start + block, frames)
        dataset[start:stop] = source[start:stop]
    return dataset
