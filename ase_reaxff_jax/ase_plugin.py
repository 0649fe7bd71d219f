"""Names the calculator to ASE's plugin system: `ase info --plugins` lists it.

That system is experimental and its place in ASE private, so this module must not fail
where it has moved.
"""

try:
    from ase._4.plugins.plugin import CalculatorPlugin
except ImportError:
    __ase_plugins__ = set()
else:
    __ase_plugins__ = {
        CalculatorPlugin(
            name="jaxreaxff",
            citation="A. C. T. van Duin et al., J. Phys. Chem. A 105, 9396 (2001)",
            implementation="ase_reaxff_jax.JaxReaxFF",
        )
    }
