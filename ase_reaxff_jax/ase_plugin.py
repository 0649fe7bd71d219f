"""Names the calculator to ASE's plugin system: `ase info --plugins` lists it.

That system is experimental and its place in ASE private, so this module must not fail
where it has moved.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    """`__ase_plugins__`, made when ASE asks for it.

    Not at import: ASE's plugin system loads this module while it is itself loaded.
    """
    if name != "__ase_plugins__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from ase._4.plugins.plugin import CalculatorPlugin
    except ImportError:
        return set()
    return {
        CalculatorPlugin(
            name="jaxreaxff",
            citation="A. C. T. van Duin et al., J. Phys. Chem. A 105, 9396 (2001)",
            implementation="ase_reaxff_jax.JaxReaxFF",
        )
    }
