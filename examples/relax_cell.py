"""A crystal's atoms and cell relaxed together, and its equation of state."""

from ase.build import bulk
from ase.eos import EquationOfState
from ase.filters import FrechetCellFilter
from ase.optimize import LBFGS

from ase_reaxff_jax import JaxReaxFF

zno = bulk("ZnO", "wurtzite", a=3.1, c=5.3)  # Å; not yet right
zno.calc = JaxReaxFF("znoh")

print(f"before: {zno.get_potential_energy():.5f} eV, {zno.get_volume():.3f} Å^3")
optimizer = LBFGS(FrechetCellFilter(zno), logfile=None)
converged = optimizer.run(fmax=0.001, steps=300)
print(f"after:  {zno.get_potential_energy():.5f} eV, {zno.get_volume():.3f} Å^3")
print(f"converged: {converged}, after {optimizer.nsteps} steps")
lengths = zno.cell.lengths()
print(f"a = {lengths[0]:.4f} Å, c = {lengths[2]:.4f} Å")
print(f"largest stress: {abs(zno.get_stress()).max():.1e} eV/Å^3")

volumes, energies = [], []
for strain in (-0.02, -0.01, 0.0, 0.01, 0.02):
    strained = zno.copy()
    strained.set_cell((1 + strain) * zno.cell, scale_atoms=True)
    strained.calc = zno.calc
    volumes.append(strained.get_volume())
    energies.append(strained.get_potential_energy())
volume, energy, modulus = EquationOfState(volumes, energies).fit()
print(f"bulk modulus: {modulus * 160.21766:.0f} GPa, volume {volume:.3f} Å^3")
