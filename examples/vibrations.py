"""Vibrations of a molecule from the exact Hessian, beside ASE's differences."""

from ase.build import molecule
from ase.optimize import BFGS
from ase.vibrations import Vibrations, VibrationsData

from ase_reaxff_jax import JaxReaxFF

water = molecule("H2O")
water.calc = JaxReaxFF("cho")
BFGS(water, logfile=None).run(fmax=1e-5)

exact = VibrationsData.from_2d(water, water.calc.get_hessian(water))
exact.tabulate()

differences = Vibrations(water, name="water-vibrations", delta=0.001)
differences.run()
print("cm^-1, from the Hessian and from differences of forces:")
pairs = zip(exact.get_frequencies(), differences.get_frequencies(), strict=True)
for one, other in list(pairs)[-3:]:
    print(f"  {one.real:10.3f} {other.real:10.3f}")
