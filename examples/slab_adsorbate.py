"""An oxygen atom on a gold surface: a slab, periodic in two directions."""

from ase.build import add_adsorbate, fcc111
from ase.constraints import FixAtoms
from ase.optimize import LBFGS

from ase_reaxff_jax import JaxReaxFF

calc = JaxReaxFF("auo")


def relaxed_energy(atoms):
    """Energy in eV after relaxation; the lower layers stay where they are."""
    atoms.calc = calc
    LBFGS(atoms, logfile=None).run(fmax=0.02, steps=300)
    return atoms.get_potential_energy()


slab = fcc111("Au", size=(2, 2, 3), a=4.08, vacuum=10.0, periodic=False)
slab.set_constraint(FixAtoms(mask=slab.get_tags() > 1))
covered = slab.copy()
add_adsorbate(covered, "O", height=1.3, position="fcc")
print(f"{covered.symbols}, periodic: {covered.pbc}")

bare = relaxed_energy(slab)
adsorbed = relaxed_energy(covered)
print(f"clean slab:  {bare:.4f} eV")
print(f"with oxygen: {adsorbed:.4f} eV")
print(f"charge of the oxygen atom: {covered.get_charges()[-1]:.3f} e")
bonds = calc.get_bond_orders(covered).toarray()[-1]
neighbours = [(int(i), round(float(bonds[i]), 2)) for i in bonds.nonzero()[0]]
print(f"its bonds (atom, order): {neighbours}")
