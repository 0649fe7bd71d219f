"""A file of what an optimiser has asked, and what it was answered.

Entries are appended and never changed. Each has its length and checksum in front; the
content is a line of JSON, the parameters in units of their bounds, and the answer.
"""

import hashlib
import json
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from ase_reaxff_jax.md.errors import CheckpointError
from ase_reaxff_jax.md.outputs import files

MAGIC = b"ase-reaxff-jax journal of a fit 1\n"
HEAD = struct.Struct("<Q16s")  # length and checksum of the content


@dataclass(frozen=True)
class Entry:
    """A question, and its answer."""

    kind: str
    u: Float[np.ndarray, " parameters"]
    answer: Float[np.ndarray, "..."]
    failure: str = ""  # why there is no answer


def create(path: Path) -> int:
    """Makes a new, empty journal; its length in bytes."""
    with files.named(path), path.open("wb") as file:
        file.write(MAGIC)
    return len(MAGIC)


def append(path: Path, entry: Entry) -> int:
    """Adds an entry; the length of the file then, in bytes."""
    words = {"kind": entry.kind, "failure": entry.failure, "shape": entry.answer.shape}
    numbers = np.asarray(entry.u, float).tobytes() + entry.answer.tobytes()
    content = json.dumps(words).encode() + b"\n" + zlib.compress(numbers, 1)
    with files.named(path), path.open("ab") as file:
        file.write(HEAD.pack(len(content), _checksum(content)) + content)
        return file.tell()


def read(path: Path, length: int) -> Iterator[Entry]:
    """The entries in the first `length` bytes.

    Raises:
        CheckpointError: the file is shorter, or damaged.
    """
    files.require(path)
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise CheckpointError(f"{path} is no journal of a fit by this version")
        while (start := file.tell()) < length:
            head = file.read(HEAD.size)
            size, checksum = HEAD.unpack(head.ljust(HEAD.size, b"\0"))
            content = file.read(min(size, length - start))
            if len(content) != size or _checksum(content) != checksum:
                raise CheckpointError(f"{path} is damaged from byte {start} on")
            yield _entry(content)


def cut(path: Path, length: int) -> None:
    """Takes off what comes after so many bytes."""
    with files.named(path), path.open("rb+") as file:
        file.truncate(length)
        os.fsync(file.fileno())


def _checksum(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()


def _entry(content: bytes) -> Entry:
    line, _, packed = content.partition(b"\n")
    words = json.loads(line)
    numbers = np.frombuffer(zlib.decompress(packed))
    count = len(numbers) - int(np.prod(words["shape"]))
    answer = numbers[count:].reshape(words["shape"]).copy()
    return Entry(words["kind"], numbers[:count].copy(), answer, words["failure"])
