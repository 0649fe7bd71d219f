"""Types of arrays."""

from typing import TYPE_CHECKING, Any

import jax
import numpy as np

if TYPE_CHECKING:
    AnyArray = Any  # one type for the two sides: neither needs casts
else:
    # Records are made on the host and used on the device.
    AnyArray = jax.Array | np.ndarray
