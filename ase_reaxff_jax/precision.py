"""Number types: double precision inside, whatever the user's program has chosen.

jax computes in single precision unless told otherwise for a whole process. This
package does not tell it: it enters double precision around its own device calls.
"""

import contextlib

import jax
import numpy as np

DTYPES = {"float64": np.float64, "float32": np.float32, "mixed": np.float64}
PAIR_DTYPES = {"float64": None, "float32": None, "mixed": "float32"}
"""Type of the numbers of each non-bonded pair, where it is not that of all others.

The separation of a pair is found in double precision and rounded; energies and forces
of pairs are added up in double precision. So it is with each angle and torsion, from
directions and bond orders in double precision, of structures of more than 256 atoms.
"""
REACHABLE = {"float64": 1e-13, "float32": 1e-6, "mixed": 1e-6}
"""Relative residual of the charge equations that is worth iterating to.

In single precision rounding lets iterations reach no less. With "mixed" they would, but
of a matrix with rounded entries; its solution leaves this much in the exact equations.
"""


@contextlib.contextmanager
def scope(dtype: str, device: jax.Device | None = None):
    """Context in which arrays of `dtype`, one of `DTYPES`, keep their type."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(jax.enable_x64(DTYPES[dtype] == np.float64))
        if device is not None:
            stack.enter_context(jax.default_device(device))
        yield
