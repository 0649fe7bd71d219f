"""`python -m ase_reaxff_jax`: the command `reaxff-jax`."""

from ase_reaxff_jax.cli import main

main()
