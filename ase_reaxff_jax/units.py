"""Constants of the force field and its units.

Inside the kernel: kcal/mol, Å, elementary charges, as in the parameter files.
Outside: ASE's eV and Å. The kernel's own constants are those of the original program
and of LAMMPS; they are not consistent with each other (14.4 x 23.02 is 0.17 % below
332.06371), and parity with published energies needs exactly these values.
"""

import ase.units

KCAL_PER_MOL = ase.units.kcal / ase.units.mol
"""One kcal/mol in eV (CODATA 2014, as ASE)."""

COULOMB = 332.06371
"""Coulomb constant of the electrostatic energy, kcal/mol Å / e^2."""

COULOMB_CHARGES = 14.4
"""Coulomb constant of the charge equations, eV Å / e^2."""

KCAL_PER_EV = 23.02
"""kcal/mol per eV, as the charge (polarisation) energy uses it."""

DEGREE = 3.14159265 / 180.0
"""Radians per degree, with the digits of pi of the original program."""

BOND_CUTOFF = 5.0
"""Largest distance of a bond, Å."""

HYDROGEN_BOND_CUTOFF = 7.5
"""Largest distance hydrogen - acceptor, Å."""

HYDROGEN_BOND_ORDER = 0.01
"""Smallest bond order donor - hydrogen."""

BODY_ORDER = 0.001
"""Smallest bond order (and, for torsions, product of three) of angles and torsions."""

ANGLE_ORDER_PRODUCT = 1e-5
"""Smallest product of the two bond orders of an angle."""

HEAVY_MASS = 21.0
"""Above this mass (u) an element is treated as without lone-pair correction."""

NEGLIGIBLE_ORDER = 1e-10
"""Bond orders below this are set to zero."""

OVERCOORDINATION_SHIFT = 1e-8
"""Added to the denominator of the over-coordination energy."""

NO_CORRECTION = 0.001
"""ovc, v13cor and |p_val1| below this switch their correction or term off."""

SHORTEST = 0.3
"""Å; closer than this no two atoms are."""

FAR_AWAY = 1e6
"""Coordinates of what stands in for padding, Å: beyond every cutoff."""
