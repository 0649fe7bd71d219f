"""Which numbers of a force field are fitted, and within which bounds."""

from dataclasses import dataclass, field

from ase_reaxff_jax.ffield.names import Address


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A number of the force field that is fitted.

    Section, row and column are those of the `params` file, from 1; the column of a
    general parameter is 1. The numbers at `links` always equal it.
    """

    section: int
    row: int
    column: int
    low: float  # in the unit of the file
    high: float
    step: float | None = None  # of the ReaxFF program's line search; None: not given
    links: tuple[Address, ...] = ()
    name: str = field(default="", compare=False)  # such as `bond Co Co De_s`
    where: str | None = field(default=None, compare=False)  # "params:12"

    @property
    def address(self) -> Address:
        """Where it stands."""
        return Address(self.section, self.row, self.column)
