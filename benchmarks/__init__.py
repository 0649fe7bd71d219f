"""How fast the force field is, beside LAMMPS and jax-md: `python -m benchmarks`."""
