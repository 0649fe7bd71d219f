"""Which bonds, angles, torsions and hydrogen bonds there can be.

Every list holds candidates: whatever may take part while no atom has moved more than
half the skin and, where bonds say so, while no order exceeds what they allow for. The
energy terms decide at each geometry which of them count. Directed bonds are numbers: b
is the bond from i to j, capacity + b the same from j to i.
"""

from dataclasses import replace

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ase_reaxff_jax.arrays import AnyArray
from ase_reaxff_jax.charges.approximate_inverse import ApproximateInverse
from ase_reaxff_jax.neighbors import Ends, Neighbors

LISTS = ("bonds", "angles", "torsions", "hydrogen_bonds")


class Bonds(eqx.Module):
    """Each bond once, from atom i to the image j of atom j_atom."""

    i: Int[AnyArray, " bonds"]
    j: Int[AnyArray, " bonds"]
    j_atom: Int[AnyArray, " bonds"]
    mask: Bool[AnyArray, " bonds"]  # False on padding
    needed: Int[AnyArray, ""]  # more than the capacity means overflow
    allowed: Float[AnyArray, " bonds"] | None = None  # orders that lists are made for
    worn_from: Float[AnyArray, " bonds"] | None = None  # from where they soon exceed it

    def cover(self, order: Float[Array, " bonds"]) -> Bool[Array, ""]:
        """Whether the lists made of these bonds hold all that counts at such orders.

        Orders that are not numbers are for others to find.
        """
        if self.allowed is None:
            return jnp.bool_(True)
        return ~jnp.any(self.mask & (order > self.allowed))

    def worn(self, order: Float[Array, " bonds"]) -> Bool[Array, ""]:
        """Whether lists had better be made anew before the next step."""
        if self.worn_from is None:
            return jnp.bool_(False)
        return jnp.any(self.mask & (order > self.worn_from))

    def undirected(self, directed: Int[Array, " n"]) -> Int[Array, " n"]:
        """The bonds that directed bonds belong to."""
        capacity = self.i.shape[0]
        return jnp.where(directed >= capacity, directed - capacity, directed)

    def sum_over_atoms(
        self, values: Float[Array, " bonds"], atoms: int
    ) -> Float[Array, " atoms"]:
        """Sum of a quantity of bonds over the bonds of each atom."""
        return self.sum_ends_over_atoms(values, values, atoms)

    def sum_ends_over_atoms(
        self, at_i: Float[Array, " bonds"], at_j: Float[Array, " bonds"], atoms: int
    ) -> Float[Array, " atoms"]:
        """The same for a quantity that differs between the two ends."""
        total = jnp.zeros(atoms, at_i.dtype)
        at_i, at_j = jnp.where(self.mask, at_i, 0.0), jnp.where(self.mask, at_j, 0.0)
        return total.at[self.i].add(at_i).at[self.j_atom].add(at_j)


class Angles(eqx.Module):
    """Pairs of directed bonds from one atom; one entry for each row that fits."""

    first: Int[AnyArray, " angles"]
    second: Int[AnyArray, " angles"]
    centre: Int[AnyArray, " angles"]
    row: Int[AnyArray, " angles"]
    mask: Bool[AnyArray, " angles"]
    needed: Int[AnyArray, ""]


class Torsions(eqx.Module):
    """i-j-k-l: directed bond j to i, bond j to k, directed bond k to l."""

    first: Int[AnyArray, " torsions"]
    centre: Int[AnyArray, " torsions"]
    last: Int[AnyArray, " torsions"]
    row: Int[AnyArray, " torsions"]
    mask: Bool[AnyArray, " torsions"]
    needed: Int[AnyArray, ""]


class HydrogenBonds(eqx.Module):
    """Bonds of hydrogens to donors, each with the acceptors around the hydrogen."""

    hydrogen: Int[AnyArray, " donors"]
    donor: Int[AnyArray, " donors"]  # directed bond from the hydrogen
    row: Int[AnyArray, "donors types"]  # for acceptors of each type; -1: none
    mask: Bool[AnyArray, " donors"]
    acceptor: Int[AnyArray, "donors acceptors"]  # images; behind the last on padding
    needed: Int[AnyArray, ""]
    needed_acceptors: Int[AnyArray, ""]  # of one donor


class Pairs(eqx.Module):
    """Those of the neighbours' pairs that may come within the cutoff.

    Many that the skin of the neighbours asks for cannot before lists are renewed. There
    always is room for all.
    """

    far: Int[AnyArray, "atoms width"]  # as that of the neighbours
    needed: Int[AnyArray, ""]
    ends: Ends | None = None  # None: found where they are wanted

    @property
    def capacity(self) -> dict[str, int]:
        """Room in each row, under the name that it has among lists."""
        return {"pairs": self.far.shape[-1]}


class Topology(eqx.Module):
    """All candidate lists of one structure, and what is renewed with them."""

    bonds: Bonds
    angles: Angles
    torsions: Torsions
    hydrogen_bonds: HydrogenBonds
    inverse: ApproximateInverse | None = None  # for an iterative solver of charges
    pairs: Pairs | None = None  # None: all of the neighbours'

    def narrowed(self, neighbors: Neighbors) -> Neighbors:
        """The neighbours, without pairs that cannot interact."""
        if self.pairs is None:
            return neighbors
        return replace(neighbors, far=self.pairs.far, ends=self.pairs.ends)

    @property
    def capacity(self) -> dict[str, int]:
        """Room in each list."""
        room = {name: part.mask.shape[-1] for name, part in self._parts()}
        room["acceptors"] = self.hydrogen_bonds.acceptor.shape[-1]
        return room | ({} if self.pairs is None else self.pairs.capacity)

    @property
    def needed(self) -> dict[str, Int[AnyArray, "..."]]:
        """What each list would have to hold."""
        needed = {name: part.needed for name, part in self._parts()}
        needed["acceptors"] = self.hydrogen_bonds.needed_acceptors
        return needed | ({} if self.pairs is None else {"pairs": self.pairs.needed})

    @property
    def overflow(self) -> Bool[Array, "..."]:
        """Whether any list is incomplete."""
        room, needed = self.capacity, self.needed
        return jnp.any(jnp.stack([needed[name] > room[name] for name in room]), axis=0)

    def _parts(self):
        return [(name, getattr(self, name)) for name in LISTS]
