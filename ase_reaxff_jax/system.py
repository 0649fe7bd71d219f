"""One structure as the kernel sees it."""

import equinox as eqx
from jaxtyping import Bool, Float, Int

from ase_reaxff_jax.arrays import AnyArray


class System(eqx.Module):
    """Atoms, cell and total charge; atoms are padded to a fixed number."""

    positions: Float[AnyArray, "atoms 3"]  # Å; not necessarily inside the cell
    cell: Float[AnyArray, "3 3"]  # rows are the lattice vectors, Å
    species: Int[AnyArray, " atoms"]  # type index of the force field; 0 on padding
    mask: Bool[AnyArray, " atoms"]  # False on padding
    total_charge: Float[AnyArray, ""]  # e
