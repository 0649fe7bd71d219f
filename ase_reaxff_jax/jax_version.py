"""Refuses versions of jax that cannot be used, before any number comes out of them."""

import sys
from importlib.metadata import version as version_of

# Their compiler merges operations of the CPU wrongly; the dependencies in
# pyproject.toml exclude them, but not every installation goes by these.
MISCOMPILING = ("0.10.2", "0.11.0", "0.11.1")
OLDEST = (0, 8)


def installed() -> str:
    """The version of jax, which need not be imported for that."""
    jax = sys.modules.get("jax")
    return version_of("jax") if jax is None else jax.__version__


def check(version: str | None = None) -> None:
    """ImportError for a version that is too old or computes wrong numbers."""
    version = installed() if version is None else version
    remedy = "install another one: pip install 'jax>=0.8,!=0.10.2,!=0.11.0,!=0.11.1'"
    if version in MISCOMPILING:
        raise ImportError(
            f"jax {version} computes wrong numbers on the CPU; {remedy}", name="jax"
        )
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
        raise ImportError(f"jax {version} is older than 0.8; {remedy}", name="jax")
