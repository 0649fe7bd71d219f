"""Checkpoints: everything that a run needs to go on, in one file.

The file is a line with the checksum of the rest, and the rest: arrays in NumPy's format
and plain data as JSON. It is written beside the last one as NAME.new; then the last one
becomes the second generation, NAME.old, and the new one takes its place. A damaged file
never takes the place of another, so that at any moment at least one is whole.
"""

import hashlib
import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from ase_reaxff_jax.md.errors import CheckpointError
from ase_reaxff_jax.md.outputs import files

MAGIC = b"ase-reaxff-jax checkpoint 6 sha256 "
PLAIN = "plain"  # the entry with everything that is not an array


def generations(path: Path) -> tuple[Path, Path]:
    """The file and the one before it."""
    return path, path.with_name(path.name + ".old")


def names(path: Path) -> list[Path]:
    """All files that a checkpoint of this name may have, one while it is written."""
    return [*generations(path), path.with_name(path.name + ".new")]


def write(path: Path, arrays: dict[str, np.ndarray], plain: dict[str, Any]) -> None:
    """Writes a checkpoint; where that fails the last one is still there.

    Args:
        path: The file.
        arrays: By name.
        plain: What JSON can hold.

    Raises:
        OSError: it cannot be written, for example on a full disk, or because there is
            a folder of one of its names; it names the file.
    """
    for name in names(path):
        files.check_name(name)
    current, last, unfinished = names(path)
    keeps = _is_whole(current)
    if exists(path) and not keeps and _is_whole(unfinished) and not _is_whole(last):
        os.replace(unfinished, current)  # the only one; it would be written over
        keeps = True
    content = io.BytesIO()
    words = np.frombuffer(json.dumps(plain).encode(), np.uint8)
    np.savez(content, allow_pickle=False, **{PLAIN: words}, **arrays)
    body = content.getvalue()
    digest = hashlib.sha256(body).hexdigest().encode()
    try:
        with files.named(path), open(unfinished, "wb") as file:
            file.write(MAGIC + digest + b"\n" + body)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:  # part of a file would take room on a full disk
        unfinished.unlink(missing_ok=True)
        raise
    if keeps:
        os.replace(current, last)
    os.replace(unfinished, current)
    files.sync_folder(path)


def exists(path: Path) -> bool:
    """Whether there is a checkpoint of either generation."""
    return any(file.exists() for file in generations(path))


def read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays and plain data of the newest generation that is whole.

    Where neither is, of a new one that has not yet taken its place.

    Raises:
        CheckpointError: none is; it says what is wrong with each generation.
    """
    faults = []
    for file in names(path):
        try:
            return _read(file)
        except FileNotFoundError:
            faults.append(f"{file} does not exist")
        except CheckpointError as error:
            faults.append(str(error))
    raise CheckpointError("; ".join(faults[: len(generations(path))]))


def _is_whole(file: Path) -> bool:
    """Whether there is a checkpoint that can be read."""
    try:
        _body(file)
    except (OSError, CheckpointError):
        return False
    return True


def _read(file: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    with np.load(io.BytesIO(_body(file)), allow_pickle=False) as content:
        arrays = {name: content[name] for name in content.files}
    return arrays, json.loads(arrays.pop(PLAIN).tobytes())


def _body(file: Path) -> bytes:
    head, _, body = file.read_bytes().partition(b"\n")
    if not head.startswith(MAGIC[:24]):
        raise CheckpointError(f"{file} is not a checkpoint of this program")
    if not head.startswith(MAGIC):
        raise CheckpointError(
            f"{file} was written by another version of this program, "
            "which alone can go on with it; start anew in place of it"
        )
    if hashlib.sha256(body).hexdigest().encode() != head[len(MAGIC) :]:
        raise CheckpointError(f"{file} is damaged: its checksum is wrong")
    return body


def check_same(found: dict[str, Any], wanted: dict[str, Any], path: Path) -> None:
    """CheckpointError that names what differs between two runs."""
    for name in wanted:
        if found.get(name) != wanted[name]:
            raise CheckpointError(
                f"{path} is of another run: {name} was {found.get(name)!r} and is now "
                f"{wanted[name]!r}; continue with the same, or start a new run, with "
                "other names or overwrite=True"
            )
