"""Energy by term, forces and charges: of a molecule, and of a crystal."""

from ase.build import bulk, molecule

from ase_reaxff_jax import JaxReaxFF

ethanol = molecule("CH3CH2OH")
ethanol.calc = JaxReaxFF("cho")

print(f"ethanol: {ethanol.get_potential_energy():.6f} eV")
for name, value in ethanol.calc.get_energy_terms(ethanol).items():
    print(f"  {name:<20} {value:12.6f} eV")

print("atom   charge (e)   force (eV/Å)")
rows = zip(ethanol.symbols, ethanol.get_charges(), ethanol.get_forces(), strict=True)
for symbol, charge, force in rows:
    print(f"{symbol:<4} {charge:12.5f}  ", *(f"{x:9.4f}" for x in force))

print("bonds:")
orders = ethanol.calc.get_bond_orders(ethanol).tocoo()
for i, j, order in zip(*orders.coords, orders.data, strict=True):
    if i < j and order > 0.3:
        print(f"  {ethanol.symbols[i]}{i}-{ethanol.symbols[j]}{j} order {order:.3f}")

# A cell smaller than the cutoff of 10 Å needs no supercell: all images count.
diamond = bulk("C", "diamond", a=3.57)
diamond.calc = JaxReaxFF("cho")
per_atom = diamond.get_potential_energy() / len(diamond)
larger = diamond.repeat(2)
larger.calc = diamond.calc
print(f"diamond: {per_atom:.9f} eV/atom in a cell of {len(diamond)} atoms")
print(f"         {larger.get_potential_energy() / len(larger):.9f} with {len(larger)}")
