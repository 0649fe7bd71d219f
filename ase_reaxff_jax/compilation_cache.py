"""Compiled programs kept on disk, so that the next Python process need not compile.

Importing this package changes nothing: a program asks for the cache.

    from ase_reaxff_jax import compilation_cache
    compilation_cache.enable()

The command line does so by itself. The entries depend on the version of jax and on the
processor; the folder can be deleted at any time.
"""

import os
import sys
from pathlib import Path

import jax

VARIABLE = "REAXFF_JAX_CACHE"  # a folder; "off" compiles anew every time


def enable(path: str | os.PathLike[str] | None = None) -> Path | None:
    """Lets jax keep every program it compiles, from now on and in this process.

    Args:
        path: The folder; by default that of the environment variable
            `REAXFF_JAX_CACHE`, or else `default_path()`.

    Returns:
        The folder in use, made where it was missing; None where the variable says
        "off" or the folder cannot be written, which slows the next start and breaks
        nothing.

    While the cache is in use, messages of XLA below the level "fatal" are not shown,
    unless the program asks for them by `TF_CPP_MIN_LOG_LEVEL` or `jax_logging_level`:
    jax 0.10 reports every entry that it loads as an error. Real errors are exceptions.
    """
    if path is None:
        path = os.environ.get(VARIABLE) or default_path()
    if str(path) == "off":
        return None
    folder = Path(path).expanduser().absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    if not os.access(folder, os.W_OK):
        return None
    _hide_messages_of_loading()
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
    return folder


def _hide_messages_of_loading() -> None:
    """Entries carry two code-generation hints that no processor lists as features.

    XLA takes that for a foreign processor and prints kilobytes for each entry. A level
    that is set and taken back leaves its mark only there: jax's own loggers return to
    what they were. "1" is what jax sets the variable to by itself.
    """
    level = jax.config.values["jax_logging_level"]
    if level != "NOTSET" or os.environ.get("TF_CPP_MIN_LOG_LEVEL", "1") != "1":
        return
    jax.config.update("jax_logging_level", "CRITICAL")
    jax.config.update("jax_logging_level", level)


def default_path() -> Path:
    """The folder for caches that the operating system gives a user."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "ase-reaxff-jax" / "compiled"
