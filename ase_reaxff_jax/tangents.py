"""Derivatives along tangents of which many are zero, and are known to be."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero


def change_along(function: Callable, arguments: tuple, tangents: tuple):
    """Change of `function(*arguments)`: zero, uncomputed, where no argument moves."""
    return value_and_change(function, arguments, tangents)[1]


def value_and_change(function: Callable, arguments: tuple, tangents: tuple):
    """`function(*arguments)` and its change: zero where no argument moves.

    Arguments of which all tangents are symbolic zeros count as constants, so that
    nothing is spent on their derivatives.
    """
    moving = [k for k, tangent in enumerate(tangents) if moves(tangent)]
    if not moving:
        value = function(*arguments)
        return value, jax.tree.map(jnp.zeros_like, value)

    def of_moving(*moved):
        complete = list(arguments)
        for k, argument in zip(moving, moved, strict=True):
            complete[k] = argument
        return function(*complete)

    along = tuple(concrete(tangents[k]) for k in moving)
    return jax.jvp(of_moving, tuple(arguments[k] for k in moving), along)


def moves(tangent) -> bool:
    """Whether any part of a tangent is not known to be zero."""
    return not all(map(_is_zero, jax.tree.leaves(tangent, is_leaf=_is_zero)))


def concrete(tangent):
    """The tangent with arrays in place of symbolic zeros."""
    return jax.tree.map(
        lambda x: _zeros(x.shape, x.dtype) if _is_zero(x) else x,
        tangent,
        is_leaf=_is_zero,
    )


def none_of(record):
    """The tangent of something that is taken to have no derivative."""

    def zeros(x):
        inexact = jnp.issubdtype(x.dtype, jnp.inexact)
        return _zeros(x.shape, x.dtype if inexact else jax.dtypes.float0)

    return jax.tree.map(zeros, record)


def _is_zero(x) -> bool:
    return isinstance(x, SymbolicZero)


def _zeros(shape, dtype):
    if dtype == jax.dtypes.float0:
        return np.zeros(shape, dtype)
    return jnp.zeros(shape, dtype)
