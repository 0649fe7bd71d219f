"""Molecular dynamics and relaxation on the device: the driver is still to come.

Until then ASE's own integrators and optimisers drive the calculator, and
`JaxReaxFF.jax_md` gives pure functions for those of jax-md.

The source of this package lies in `md/` at the root of the repository; its import path
is `ase_reaxff_jax.md`, by the link `ase_reaxff_jax/md`. Nothing imports it as `md`: a
user's own script of that name would come first.
"""
