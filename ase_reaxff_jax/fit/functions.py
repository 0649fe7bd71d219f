"""Items that are no plain sums of observables: functions f(x, c) of some of them.

x are places of the vector of `Layout`, c numbers that belong to the item.
"""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from ase import units
from jaxtyping import Array, Float

from ase_reaxff_jax import safe
from ase_reaxff_jax.units import KCAL_PER_MOL

VOIGT = (0, 4, 8, 5, 2, 1)  # xx yy zz yz xz xy among the nine components
GPA = KCAL_PER_MOL / units.GPa  # of 1 kcal/mol/Å^3
# 1/cm, of a curvature of 1 kcal/mol/Å^2/u: hbar times its root, in eV, over h c.
WAVENUMBER = float(
    units._hbar * 1e10 * np.sqrt(KCAL_PER_MOL / (units._e * units._amu)) / units.invcm
)
Numbers = Float[Array, " n"]


def length(x: Numbers) -> Float[Array, ""]:
    """Of a vector; without derivative where it is zero."""
    return safe.sqrt(jnp.sum(x**2))


def magnitude(x: Numbers, c: Float[Array, " m"]) -> Float[Array, ""]:
    """Of the force on an atom."""
    return length(x)


def distance(x: Numbers, c: Float[Array, " m"]) -> Float[Array, ""]:
    """Of two atoms, Å."""
    a, b = x.reshape(2, 3)
    return length(b - a)


def angle(x: Numbers, c: Float[Array, " m"]) -> Float[Array, ""]:
    """At the second of three atoms, degrees."""
    a, b, d = x.reshape(3, 3)
    return _between(a - b, d - b)


def _between(u, v) -> Float[Array, ""]:
    return jnp.degrees(jnp.arctan2(length(jnp.cross(u, v)), u @ v))


def torsion(x: Numbers, c: Float[Array, " m"]) -> Float[Array, ""]:
    """Of four atoms, degrees, -180 to 180."""
    r = x.reshape(4, 3)
    u, v, w = r[1] - r[0], r[2] - r[1], r[3] - r[2]
    uv, vw = jnp.cross(u, v), jnp.cross(v, w)
    return jnp.degrees(jnp.arctan2(length(v) * (u @ vw), uv @ vw))


def root_mean_square(x: Numbers, c: Float[Array, " m"]) -> Float[Array, ""]:
    """Of force components."""
    return safe.sqrt(jnp.mean(x**2))


def displacement(x: Numbers, c: Float[Array, " m"]) -> Float[Array, ""]:
    """Mean distance of atoms from where they were, at c, Å."""
    moved = (x - c).reshape(-1, 3)
    return jnp.mean(safe.sqrt(jnp.sum(moved**2, axis=1)))


def cell_parameter(x: Numbers, c: Float[Array, " m"]) -> Float[Array, ""]:
    """Length (Å) or angle (degrees) of a cell: the one of six that c marks."""
    u, v, w = x.reshape(3, 3)
    angles = _between(v, w), _between(u, w), _between(u, v)
    return jnp.stack([length(u), length(v), length(w), *angles]) @ c


def stress(x: Numbers, c: Float[Array, " m"]) -> Float[Array, ""]:
    """The component that c marks, GPa, from the derivative by strain and the cell."""
    volume = abs(jnp.linalg.det(x[9:].reshape(3, 3)))
    return x[jnp.asarray(VOIGT)] @ c / volume * GPA


def dipole(x: Numbers, c: Float[Array, " m"]) -> Float[Array, ""]:
    """One component, e Å, from charges and that component of the positions."""
    charges, positions = x.reshape(2, -1)
    return charges @ positions


def wavenumber(x: Numbers, c: Float[Array, " m"]) -> Float[Array, ""]:
    """Of a mode, 1/cm, from its curvature; negative where that is."""
    (curvature,) = x
    return WAVENUMBER * jnp.sign(curvature) * safe.sqrt(abs(curvature))


FUNCTIONS: dict[str, Callable] = {
    f.__name__: f
    for f in (
        magnitude, distance, angle, torsion, root_mean_square, displacement,
        cell_parameter, stress, dipole, wavenumber,
    )
}  # fmt: skip
