r"""Restraints: wells that hold a distance, an angle or a torsion near a value.

    E = k_1 (1 - exp[-k_2 (x - x_0)^2])

with x in Å or radians; the difference of torsions is at most half a turn. They are
those of ReaxFF's geo files. Distances are between the atoms where they are, not their
nearest images. A minimiser goes down the sum of ReaxFF and restraints; the energy that
it reports is that of ReaxFF.
"""

from collections.abc import Sequence
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from ase.calculators.calculator import InputError
from jaxtyping import Array, Float, Int

from ase_reaxff_jax import safe
from ase_reaxff_jax.arrays import AnyArray

KINDS = ("bond", "angle", "torsion")  # of two, three, four atoms
# Where the atoms of what is not there are taken to be: no three of them on a line.
ELSEWHERE = ((0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (1.0, 1.0, 0.0), (1.0, 1.0, 1.0))


class Restraint(NamedTuple):
    """One restraint, for `Restraints.of`."""

    atoms: tuple[int, ...]  # two, three or four: a bond, an angle, a torsion
    target: float  # Å or radians
    strength: float  # k_1, eV
    sharpness: float  # k_2, 1/Å^2 or 1/radian^2


class Restraints(eqx.Module):
    """The restraints of one system, padded."""

    kind: Int[AnyArray, "*systems restraints"]  # index in `KINDS`
    atoms: Int[AnyArray, "*systems restraints 4"]
    target: Float[AnyArray, "*systems restraints"]
    strength: Float[AnyArray, "*systems restraints"]  # 0 on padding
    sharpness: Float[AnyArray, "*systems restraints"]

    @classmethod
    def of(
        cls, given: Sequence[Restraint], *, atoms: int, room: int, dtype
    ) -> "Restraints":
        """Restraints of a system of `atoms` atoms, with room for `room` of them."""
        for restraint in given:
            count, known = len(restraint.atoms), set(range(atoms))
            if not 2 <= count <= 4 or len(set(restraint.atoms)) != count:
                raise InputError(f"{restraint}: not two to four different atoms")
            if not known.issuperset(restraint.atoms):
                raise InputError(f"{restraint}: the structure has {atoms} atoms")
            if not np.isfinite(restraint[1:]).all():
                raise InputError(f"{restraint}: not all numbers are finite")
        spare = room - len(given)
        rows = [(*r.atoms, *(0,) * (4 - len(r.atoms))) for r in given]
        numbers = np.array([r[1:] for r in given], dtype).reshape(-1, 3)
        target, strength, sharpness = np.pad(numbers, [(0, spare), (0, 0)]).T
        return cls(
            kind=np.array([len(r.atoms) - 2 for r in given] + [0] * spare, np.int32),
            atoms=np.array(rows + [(0,) * 4] * spare, np.int32).reshape(-1, 4),
            target=target,
            strength=strength,
            sharpness=sharpness,
        )

    def energy(self, positions: Float[AnyArray, "atoms 3"]) -> Float[Array, ""]:
        """Energy of all restraints, eV."""
        needed = jnp.arange(4)[None] < self.kind[:, None] + 2
        needed &= (self.strength != 0)[:, None]
        points = jnp.where(
            needed[:, :, None],
            jnp.asarray(positions)[self.atoms],
            jnp.asarray(ELSEWHERE, positions.dtype)[None],
        )
        difference = jax.vmap(_measured)(self.kind, points) - self.target
        turns = jnp.round(difference / (2.0 * jnp.pi))
        difference -= jnp.where(self.kind == 2, 2.0 * jnp.pi * turns, 0.0)
        well = -jnp.expm1(-self.sharpness * difference**2)
        return jnp.sum(self.strength * well)


def _measured(kind: Int[Array, ""], points: Float[Array, "4 3"]) -> Float[Array, ""]:
    """The distance, angle or torsion of a restraint, Å or radians."""
    a, b, c = points[1] - points[0], points[2] - points[1], points[3] - points[2]
    first, second = jnp.cross(a, b), jnp.cross(b, c)
    values = [
        _norm(a),
        _angle(_norm(first), -jnp.dot(a, b)),
        _angle(_norm(b) * jnp.dot(a, second), jnp.dot(first, second)),
    ]
    return jnp.stack(values)[kind]


def _norm(vector: Float[Array, "3"]) -> Float[Array, ""]:
    return safe.sqrt(jnp.sum(vector**2))


def _angle(sine: Float[Array, ""], cosine: Float[Array, ""]) -> Float[Array, ""]:
    """The angle of a point; 0 with zero derivatives at the origin."""
    known = (sine != 0) | (cosine != 0)
    return jnp.arctan2(sine, jnp.where(known, cosine, 1.0))
