"""Functions whose derivatives are finite everywhere the force field goes.

The pattern is the "double where": the argument is replaced before the function, so that
neither the value nor any derivative of the unused branch is ever infinite. Finite are
second derivatives too, also in single precision: what is as good as zero counts as it.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

LARGEST = 2.0**126
MANTISSA = 23  # bits, in single precision
ROOT_HALF = int(np.float32(np.sqrt(0.5)).view(np.int32))
LOG_SERIES = [2.0 / (2 * n + 1) for n in range(10, -1, -1)]


def power(
    base: Float[Array, "*n"], exponent: Float[Array, "*n"] | Float[Array, ""] | float
) -> Float[Array, "*n"]:
    """`base**exponent` for base >= 0; 0 with zero derivatives where base <= 0.

    Written as exp(exponent log(base)), which XLA vectorises on the CPU (pow it does
    not).
    """
    positive = base > 0
    log = jnp.log(jnp.where(positive, base, 1.0))
    return jnp.where(positive, jnp.exp(exponent * log), 0.0)


@jax.custom_jvp
def log(x: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """Natural logarithm for x from 1e-37 to 8e37; a number, if another, elsewhere.

    In double precision, where XLA's own takes three times as long, from the power of
    two next to x, and the series of log((1 + s) / (1 - s)), |s| < 0.172, for the rest.
    """
    if x.dtype != jnp.float64:
        return jnp.log(x)
    x = jnp.minimum(x, LARGEST)  # finite for padding too
    bits = jax.lax.bitcast_convert_type(x.astype(jnp.float32), jnp.int32)
    exponent = (bits - ROOT_HALF) >> MANTISSA
    shrink = (127 - exponent) << MANTISSA  # 2**-exponent
    rest = x * jax.lax.bitcast_convert_type(shrink, jnp.float32).astype(x.dtype)
    s = (rest - 1.0) / (rest + 1.0)
    z = s * s
    series = jnp.zeros_like(z)
    for coefficient in LOG_SERIES:
        series = series * z + coefficient
    whole = exponent.astype(jnp.float32).astype(x.dtype)
    return whole * np.log(2.0) + s * series


@log.defjvp
def _(primals, tangents):
    return log(*primals), tangents[0] / primals[0]


@jax.custom_jvp
def inverse_cube_root(x: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """`x**(-1/3)` for x > 0 that single precision can hold.

    In double precision from a root in single precision by two steps of Newton's method,
    which takes less time than exp(-log(x) / 3).
    """
    root = jnp.exp(jnp.log(x.astype(jnp.float32)) * np.float32(-1.0 / 3.0))
    root = root.astype(x.dtype)
    for _ in range(2 if x.dtype == jnp.float64 else 0):
        root = root * (4.0 - x * root * root * root) * (1.0 / 3.0)
    return root


@inverse_cube_root.defjvp
def _(primals, tangents):
    root = inverse_cube_root(*primals)
    return root, -root / (3.0 * primals[0]) * tangents[0]


def sqrt(x: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """Square root; 0 with zero derivatives where x is 0, negative or next to nothing.

    x**-1.5, which its second derivative has, would overflow there.
    """
    positive = x > jnp.finfo(x.dtype).tiny ** 0.5
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, x, 1.0)), 0.0)


def norm(vectors: Float[Array, "*n 3"], mask: Bool[Array, "*n"]) -> Float[Array, "*n"]:
    """Length of each vector, Å; 1 with zero derivatives where `mask` is False."""
    square = jnp.sum(vectors * vectors, axis=-1)
    return jnp.sqrt(jnp.where(mask, square, 1.0))


def exp(x: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """Exponential, constant where its fourth power would overflow.

    Quotients of the result, whose second derivatives have its third power and the
    squares of parameters, then stay finite. The force field only ever divides by
    numbers of that size (4e9 in single precision), where it is far below rounding.
    """
    limit = 0.25 * jnp.log(jnp.finfo(x.dtype).max)
    return jnp.exp(jnp.minimum(x, limit))


def straight_below(dtype: np.dtype) -> float:
    """Squared sine of atoms on a line: what rounding makes of 0, and a little more.

    Its root has second derivatives that grow like one over it, and mean nothing.
    """
    return float(8.0 * jnp.finfo(dtype).eps) ** 2


def from_straight(
    cosine: Float[Array, "*n"], sine_squared: Float[Array, "*n"]
) -> tuple[Float[Array, "*n"], Float[Array, "*n"]]:
    """180 degrees minus an angle, in rad, and the square of that.

    The square has its own branch: it is smooth in the positions where three atoms lie
    on a line, the deviation itself is not (there its derivatives are taken as 0).
    """
    bent = sine_squared > straight_below(cosine.dtype)
    sine = jnp.sqrt(jnp.where(bent, sine_squared, 1.0))
    nothing = ~bent & (cosine == 0)  # vectors of length 0, as on padding
    across = jnp.where(bent, sine, 0.0)
    deviation = jnp.arctan2(across, jnp.where(nothing, 1.0, -cosine))
    straight = (sine_squared < 1e-4) & (cosine < 0)
    s = jnp.where(straight, sine_squared, 0.0)
    series = s * (1.0 + s * (1.0 / 3.0 + s * (8.0 / 45.0 + s * (4.0 / 35.0))))
    return deviation, jnp.where(straight, series, deviation * deviation)
