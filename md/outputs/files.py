"""Opening files for a run's results so that nothing is lost by mistake."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from ase.calculators.calculator import InputError


def check_folder(path: Path) -> None:
    """The OSError that fits where there cannot be a new file of this name."""
    folder = path.absolute().parent
    if not folder.is_dir():
        raise FileNotFoundError(
            errno.ENOENT, "its folder does not exist; create it first", str(path)
        )
    if not os.access(folder, os.W_OK):
        raise PermissionError(
            errno.EACCES, "its folder may not be written in", str(path)
        )


def check_name(path: Path) -> None:
    """The OSError that fits where `path` cannot be a file: a folder, or in none."""
    if path.is_dir():
        raise IsADirectoryError(
            errno.EISDIR, "this is a folder; give the name of a file", str(path)
        )
    check_folder(path)


def claim(path: Path, *, overwrite: bool) -> None:
    """Makes `path` a new, empty file, or says why it cannot be one.

    Raises FileExistsError where there is one and `overwrite` is False, and the OSError
    that fits where the folder is missing or may not be written in.
    """
    check_name(path)
    try:
        path.open("wb" if overwrite else "xb").close()
    except FileExistsError:
        raise FileExistsError(
            errno.EEXIST,
            "the file exists; give restart=True to go on with that run, overwrite=True "
            "to replace it, or another name",
            str(path),
        ) from None
    sync_folder(path)


def require(path: Path) -> None:
    """Raises FileNotFoundError unless the file, that a restart goes on with, exists."""
    if not path.is_file():
        raise FileNotFoundError(
            errno.ENOENT,
            "the checkpoint goes on with this file, which is not there; put it back, "
            "or start anew with overwrite=True",
            str(path),
        )


def too_short(path: Path, has: int, needs: int, unit: str) -> InputError:
    """The error for a file that ends before the position in the checkpoint."""
    return InputError(
        f"{path} has {has} {unit}, fewer than the {needs} when the checkpoint was "
        "written: it was changed or replaced since. Put the right file back, or start "
        "anew with overwrite=True"
    )


@contextlib.contextmanager
def named(path: Path) -> Iterator[None]:
    """Adds the path to an OSError that lacks it, as errors of `write` do."""
    try:
        yield
    except OSError as error:
        if error.filename is not None:
            raise
        if error.errno is None:
            raise OSError(f"{error} ({path})") from error
        raise OSError(error.errno, error.strerror, str(path)) from error


def sync(path: Path) -> None:
    """Waits until the contents of a file are on disk."""
    with named(path), path.open("rb+") as file:
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Waits until the name of a file is on disk, which its own fsync leaves out."""
    if os.name == "nt":  # there folders cannot be opened
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextlib.contextmanager
def replacement(path: Path) -> Iterator[Path]:
    """Gives the name of a new file, which then takes the place of `path` at once.

    A process killed in between leaves `path` as it was. A link stays a link.
    """
    target = path.resolve()
    new = target.with_name(f".{target.name}.restart")
    new.unlink(missing_ok=True)
    try:
        yield new
        sync(new)
        os.replace(new, target)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    sync_folder(target)


def reserve(descriptor: int, start: int, size: int) -> None:
    """Takes room on the disk for bytes from `start` on; OSError where there is none.

    Does nothing where the system or the file system has no such call.
    """
    if not hasattr(os, "posix_fallocate"):  # macOS, Windows
        return
    try:
        os.posix_fallocate(descriptor, start, size)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
            raise
