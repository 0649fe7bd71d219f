"""Types of arrays."""

import jax
import numpy as np

AnyArray = jax.Array | np.ndarray  # records are made on the host, used on the device
