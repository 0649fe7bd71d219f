"""The energy: the table of contents of the force field.

`terms` is the readable form, every interaction's energy by term. `total_energy` is the
same sum in the form that is differentiated, in which the long sums bring their first
derivatives along. Both take `Parameters`, so that a caller decides whether the
combination rules lie inside (fitting) or outside (dynamics) what is differentiated and
repeated.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ase_reaxff_jax import nonbonded
from ase_reaxff_jax.bond_orders import BondOrders, bond_orders
from ase_reaxff_jax.charges.equilibrium import Start
from ase_reaxff_jax.coordination import Coordination, coordination
from ase_reaxff_jax.geometry import BondVectors, bond_vectors
from ase_reaxff_jax.mixing import Parameters
from ase_reaxff_jax.neighbors import Neighbors, image_positions
from ase_reaxff_jax.options import Options
from ase_reaxff_jax.system import System
from ase_reaxff_jax.terms.angle import AngleEnergies, angle_energy, angle_sum
from ase_reaxff_jax.terms.bond import bond_energy
from ase_reaxff_jax.terms.hydrogen_bond import (
    hydrogen_bond_energy,
    hydrogen_bond_sum,
)
from ase_reaxff_jax.terms.lone_pair import c2_energy, lone_pair_energy
from ase_reaxff_jax.terms.over_under import over_under_energy
from ase_reaxff_jax.terms.torsion import (
    TorsionEnergies,
    torsion_energy,
    torsion_sum,
)
from ase_reaxff_jax.topology import Bonds, Topology


class Bonded(eqx.Module):
    """Energies of all interactions through bonds, kcal/mol; 0 on padding."""

    bond: Float[Array, " bonds"]
    c2: Float[Array, " bonds"]
    lone_pair: Float[Array, " atoms"]
    over_under: Float[Array, " atoms"]
    angle: Float[Array, "*angles"]  # or all three of the angles, summed
    penalty: Float[Array, "*angles"]
    angle_conjugation: Float[Array, "*angles"]
    torsion: Float[Array, "*torsions"]  # or both, summed
    torsion_conjugation: Float[Array, "*torsions"]
    hydrogen_bond: Float[Array, "..."]  # (donors, acceptors), or their sum

    def total(self) -> Float[Array, ""]:
        """Their sum."""
        return jnp.sum(jnp.stack([jnp.sum(part) for part in jax.tree.leaves(self)]))


def bonded(
    parameters: Parameters,
    system: System,
    neighbors: Neighbors,
    topology: Topology,
    options: Options,
    *,
    summed: bool = False,
) -> tuple[Bonded, BondOrders]:
    """Everything that follows from bond orders.

    `summed` asks for the sums of angles, torsions and hydrogen bonds instead of the
    energies of each, of which derivatives are quicker.
    """
    images = image_positions(system.positions, system.cell, neighbors)
    source = jnp.asarray(neighbors.source)
    p, general = parameters, parameters.general
    species, bonds = system.species, topology.bonds
    vectors, orders, around = connected(p, system, images, bonds)
    through: dict[str, Any] = dict(bonds=bonds, orders=orders, around=around)
    triple = triple_bond_table(options, len(p.atom.mass))
    bond = bond_energy(p.bond, general, species=species, triple=triple, **through)
    c2 = jnp.zeros_like(bond)
    if options.carbon is not None:
        c2 = c2_energy(general, carbon=options.carbon, species=species, **through)
    lone_pair = lone_pair_energy(p.atom, species=species, around=around)
    over_under = over_under_energy(p.atom, p.bond, general, species=species, **through)
    sums = options if summed else None
    angle = _angles(
        p, sums, species=species, angles=topology.angles, vectors=vectors,
        **through,
    )  # fmt: skip
    torsion = _torsions(p, sums, torsions=topology.torsions, vectors=vectors, **through)
    of_hydrogen_bonds = hydrogen_bond_sum if summed else hydrogen_bond_energy
    hydrogen_bond = of_hydrogen_bonds(
        p.hydrogen_bond, species=species, source=source, bonds=bonds,
        hydrogen_bonds=topology.hydrogen_bonds, vectors=vectors, orders=orders,
        images=images,
    )  # fmt: skip
    return Bonded(
        bond=bond,
        c2=c2,
        lone_pair=jnp.where(system.mask, lone_pair, 0.0),
        over_under=jnp.where(system.mask, over_under, 0.0),
        angle=angle.angle,
        penalty=angle.penalty,
        angle_conjugation=angle.conjugation,
        torsion=torsion.torsion,
        torsion_conjugation=torsion.conjugation,
        hydrogen_bond=hydrogen_bond,
    ), orders


def _angles(p: Parameters, sums: Options | None, **structure) -> AngleEnergies:
    """Of each angle; or, with the options of sums, one sum and two zeros."""
    if sums is None:
        return angle_energy(p.angle, p.atom, p.general, **structure)
    how: dict[str, Any] = dict(dtype=sums.bonded_dtype, in_parts=sums.in_parts)
    total = angle_sum(p.angle, p.atom, p.general, **how, **structure)
    none = jnp.zeros_like(total)
    return AngleEnergies(total, none, none)


def _torsions(p: Parameters, sums: Options | None, **structure) -> TorsionEnergies:
    """Of each torsion; or, with the options of sums, one sum and a zero."""
    if sums is None:
        return torsion_energy(p.torsion, p.general, **structure)
    how: dict[str, Any] = dict(dtype=sums.bonded_dtype, in_parts=sums.in_parts)
    total = torsion_sum(p.torsion, p.general, **how, **structure)
    return TorsionEnergies(total, jnp.zeros_like(total))


def connected(
    parameters: Parameters,
    system: System,
    images: Float[Array, "images 3"],
    bonds: Bonds,
) -> tuple[BondVectors, BondOrders, Coordination]:
    """Bonds as vectors, their orders, and the coordination of the atoms."""
    p, species = parameters, system.species
    vectors = bond_vectors(images, bonds)
    orders = bond_orders(
        p.bond, p.atom, p.general, species=species, bonds=bonds, r=vectors.r
    )
    around = coordination(
        p.atom, p.general, species=species, bonds=bonds, orders=orders
    )
    return vectors, orders, around


def triple_bond_table(options: Options, types: int) -> Bool[Array, "types types"]:
    """Pairs of elements with the triple-bond term."""
    if options.triple_bond_pairs == "all":
        return jnp.ones((types, types), bool)
    table = jnp.zeros((types, types), bool)
    for a, b in options.triple_bond_pairs:
        table = table.at[jnp.array([a, b]), jnp.array([b, a])].set(True)
    return table


class Terms(eqx.Module):
    """Energies of all interactions and what they follow from."""

    bonded: Bonded
    non_bonded: nonbonded.PairEnergies
    orders: BondOrders

    def by_name(self) -> dict[str, Float[Array, ""]]:
        """The sum of each term, kcal/mol."""
        b, n = self.bonded, self.non_bonded
        parts = dict(
            bond=b.bond,
            over_under=b.over_under,
            lone_pair=b.lone_pair,
            angle=b.angle,
            penalty=b.penalty,
            angle_conjugation=b.angle_conjugation,
            hydrogen_bond=b.hydrogen_bond,
            torsion=b.torsion,
            torsion_conjugation=b.torsion_conjugation,
            van_der_waals=n.van_der_waals,
            coulomb=n.coulomb,
            charge=n.charge,
        )
        sums = {name: jnp.sum(part, dtype=b.bond.dtype) for name, part in parts.items()}
        sums["lone_pair"] += jnp.sum(b.c2)  # as the original program counts it
        return sums


def terms(
    parameters: Parameters,
    system: System,
    neighbors: Neighbors,
    topology: Topology,
    options: Options,
    guess: Float[Array, "2 atoms"],
) -> Terms:
    """Energies of all interactions of a structure, kcal/mol."""
    through_bonds, orders = bonded(parameters, system, neighbors, topology, options)
    start, near = Start(guess, topology.inverse), topology.narrowed(neighbors)
    pairs, _ = nonbonded.pair_energies(parameters, system, near, options, start)
    return Terms(through_bonds, pairs, orders)


class Found(eqx.Module):
    """What is found along with the energy, without derivatives."""

    solution: nonbonded.Solution
    covered: Bool[Array, ""]  # if not, bonds have grown so that lists lack interactions
    worn: Bool[Array, ""]  # bonds are about to


def total_energy(
    parameters: Parameters,
    system: System,
    neighbors: Neighbors,
    topology: Topology,
    options: Options,
    guess: Float[Array, "2 atoms"],
) -> tuple[Float[Array, ""], Found]:
    """The energy of a structure, kcal/mol, whose lists are complete.

    Lists that are cut short are refused where they are made: here each loop of a
    program would compare what they need with what room they have.

    `guess` is where the iterative solution of the charge equations starts: charges and
    adjoint vector (e); with the charge model "fixed" it has the charges themselves.
    """
    through_bonds, orders = bonded(
        parameters, system, neighbors, topology, options,
        summed=options.implementation == "fused",
    )  # fmt: skip
    start, near = Start(guess, topology.inverse), topology.narrowed(neighbors)
    pairs, solution = nonbonded.non_bonded_energy(
        parameters, system, near, options, start
    )
    bonds, order = topology.bonds, orders.total
    found = Found(solution, bonds.cover(order), bonds.worn(order))
    return through_bonds.total() + pairs, found


@jax.jit
def per_atom(
    terms: Terms, system: System, neighbors: Neighbors, topology: Topology
) -> Float[Array, " atoms"]:
    """The energy shared out among the atoms, kcal/mol; the shares add up to it.

    Pairs and bonds go to both ends, angles to the centre, torsions to the two central
    atoms, hydrogen bonds to the hydrogen.
    """
    b, n = terms.bonded, terms.non_bonded
    bonds, angles, torsions = topology.bonds, topology.angles, topology.torsions
    energy = b.lone_pair + b.over_under + n.charge
    energy += bonds.sum_over_atoms(0.5 * (b.bond + b.c2), len(energy))
    energy = energy.at[angles.centre].add(b.angle + b.penalty + b.angle_conjugation)
    half = 0.5 * (b.torsion + b.torsion_conjugation)
    energy = energy.at[bonds.i[torsions.centre]].add(half)
    energy = energy.at[bonds.j_atom[torsions.centre]].add(half)
    of_donors = jnp.sum(b.hydrogen_bond, axis=1)
    energy = energy.at[topology.hydrogen_bonds.hydrogen].add(of_donors)
    half = 0.5 * (n.van_der_waals + n.coulomb)
    energy += jnp.sum(half, axis=1)
    far = topology.narrowed(neighbors).far
    end = jnp.append(neighbors.source, 0)[far]  # padding carries no energy
    return energy.at[end].add(half)
