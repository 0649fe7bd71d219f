"""Number types: double precision inside, whatever the user's program has chosen.

jax computes in single precision unless told otherwise for a whole process. This
package does not tell it: it enters double precision around its own device calls.
"""

import contextlib

import jax
import numpy as np

DTYPES = {"float64": np.float64, "float32": np.float32}
REACHABLE = {"float64": 1e-13, "float32": 1e-6}
"""Relative residual of the charge equations that rounding lets iterations reach."""


@contextlib.contextmanager
def scope(dtype: str, device: jax.Device | None = None):
    """Context in which arrays of `dtype` ("float64" or "float32") keep their type."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(jax.enable_x64(dtype == "float64"))
        if device is not None:
            stack.enter_context(jax.default_device(device))
        yield
