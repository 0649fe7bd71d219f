"""The energy as a pure function: jax's transformations, then dynamics with jax-md."""

import jax
import jax.numpy as jnp
import numpy as np
from ase import units
from ase.build import molecule
from ase.md.velocitydistribution import thermalize_momenta
from jax_md import minimize, simulate, space

from ase_reaxff_jax import JaxReaxFF

atoms = molecule("CH3OH")
atoms.rattle(0.02, seed=0)
calc = JaxReaxFF("cho")
neighbor_fn, energy_fn = calc.jax_md(atoms)  # eV, for positions in Å
thermalize_momenta(atoms, temperature_K=300, rng=np.random.default_rng(0))


def derivatives(R, neighbor):
    """Each of jax's transformations; any of them works under `jit`."""
    gradient = jax.jit(jax.grad(energy_fn))
    print("energy       ", energy_fn(R, neighbor), "eV")
    print("largest force", abs(gradient(R, neighbor)).max(), "eV/Å")

    hessian = jax.jit(jax.hessian(energy_fn))  # the same as jacfwd(jacrev(energy_fn))
    stiffest = jnp.linalg.eigvalsh(hessian(R, neighbor).reshape(R.size, R.size))[-1]
    print("stiffest mode", stiffest, "eV/Å^2")

    along = jnp.zeros_like(R).at[0, 2].set(1.0)
    _, slope = jax.jvp(lambda R: energy_fn(R, neighbor), (R,), (along,))
    print("slope along z of atom 0", slope, "eV/Å")

    several = R[None] * jnp.linspace(0.99, 1.01, 3)[:, None, None]
    print("three structures", jax.vmap(energy_fn, (0, None))(several, neighbor), "eV")

    def energy(ff, R, neighbor):
        return energy_fn(R, neighbor, force_field=ff)

    slopes = jax.jit(jax.grad(energy))(calc.force_field, R, neighbor)
    print("by De_s of C-O", slopes.get("bond", ("C", "O"), "De_s"), "eV/(kcal/mol)")


def repeated(step, steps):
    """A program that takes steps of jax-md and keeps the lists up to date."""

    def forward(_, pair):
        state, neighbor = pair
        state = step(state, neighbor=neighbor)
        return state, neighbor_fn.update(state.position, neighbor)

    return jax.jit(lambda *pair: jax.lax.fori_loop(0, steps, forward, pair))


def dynamics(R, neighbor):
    """Constant energy: in ASE's units, time is in Å sqrt(u/eV)."""
    _, shift = space.free()
    init, step = simulate.nve(energy_fn, shift, dt=0.25 * units.fs)
    run = repeated(step, 40)
    # A key and a temperature would draw momenta; here they are given.
    start = dict(mass=atoms.get_masses(), momenta=atoms.get_momenta())
    state = init(None, R, None, **start, neighbor=neighbor)
    for picosecond in (0.01, 0.02, 0.03):
        state, neighbor = run(state, neighbor)
        assert not neighbor.did_buffer_overflow  # else allocate, and repeat this part
        total = energy_fn(state.position, neighbor) + simulate.kinetic_energy(state)
        print(f"{picosecond} ps: total energy {total:.5f} eV")


def relaxation(R, neighbor):
    """FIRE; its steps must be small beside the skin of the lists, 0.15 Å."""
    _, shift = space.free()
    init, step = minimize.fire_descent(energy_fn, shift, dt_start=0.02, dt_max=0.08)
    run = repeated(step, 200)
    state, neighbor = run(init(R, neighbor=neighbor), neighbor)
    print("relaxed: largest force", abs(state.force).max(), "eV/Å")


with jax.enable_x64(True):  # without it everything here is in single precision
    R = jnp.asarray(atoms.positions)
    neighbor = neighbor_fn.allocate(R)
    derivatives(R, neighbor)
    dynamics(R, neighbor)
    relaxation(R, neighbor)
