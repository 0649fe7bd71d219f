"""The function that brings non-bonded energies to zero at their cutoff.

    Tap = 20 x^7 - 70 x^6 + 84 x^5 - 35 x^4 + 1,   x = (r - swa) / (swb - swa)
        = (1 - x)^4 (1 + 4 x + 10 x^2 + 20 x^3)

The second form has no large terms that cancel, which single precision would not hold.
Its first three derivatives vanish at both ends. Source: van Duin et al., J. Phys. Chem.
A 105, 9396 (2001), and the manual of the ReaxFF program (2017), "taper".
"""

import jax.numpy as jnp
from jaxtyping import Array, Float


def taper(
    r: Float[Array, "*pairs"], swa: Float[Array, ""], swb: Float[Array, ""]
) -> Float[Array, "*pairs"]:
    """1 at the lower radius `swa`, 0 from the upper radius `swb` on; all in Å.

    Below `swa` it is the same polynomial, as in LAMMPS.
    """
    x = (r - swa) / (swb - swa)
    rest = (swb - r) / (swb - swa)
    square = rest * rest
    inside = square * square * (1.0 + x * (4.0 + x * (10.0 + 20.0 * x)))
    return jnp.where(r <= swb, inside, 0.0)
