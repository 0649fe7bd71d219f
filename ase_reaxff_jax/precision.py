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

Distances are those of positions in double precision, sums of many pairs are too.
"""
REACHABLE = {"float64": 1e-13, "float32": 1e-6, "mixed": 1e-13}
"""Relative residual of the charge equations that rounding lets iterations reach."""


@contextlib.contextmanager
def scope(dtype: str, device: jax.Device | None = None):
    """Context in which arrays of `dtype`, one of `DTYPES`, keep their type."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(jax.enable_x64(DTYPES[dtype] == np.float64))
        if device is not None:
            stack.enter_context(jax.default_device(device))
        yield
