"""ReaxFF, the reactive force field, in JAX: an ASE calculator, exact derivatives.

Names are imported when they are first used: `ase.io` looks for this package's file
formats whenever it is imported, and must not have to wait for jax.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ase_reaxff_jax import jax_version

if TYPE_CHECKING:
    from ase_reaxff_jax.bundled import forcefields
    from ase_reaxff_jax.calculator import JaxReaxFF
    from ase_reaxff_jax.ffield import read_ffield, write_ffield
    from ase_reaxff_jax.forcefield import ForceField

__all__ = ["ForceField", "JaxReaxFF", "forcefields", "read_ffield", "write_ffield"]

jax_version.check()

_HOMES = {
    "ForceField": "forcefield",
    "JaxReaxFF": "calculator",
    "forcefields": "bundled",
    "read_ffield": "ffield",
    "write_ffield": "ffield",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
