"""One structure as the kernel sees it."""

import equinox as eqx
from jaxtyping import Array, Bool, Float, Int


class System(eqx.Module):
    """Atoms, cell and total charge; atoms are padded to a fixed number."""

    positions: Float[Array, "atoms 3"]  # Å; not necessarily inside the cell
    cell: Float[Array, "3 3"]  # rows are the lattice vectors, Å
    species: Int[Array, " atoms"]  # type index of the force field; 0 on padding
    mask: Bool[Array, " atoms"]  # False on padding
    total_charge: Float[Array, ""]  # e
