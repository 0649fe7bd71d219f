"""jax-md's own ReaxFF, called as in its example: one compiled function a step."""

import os
import time
import warnings

import numpy as np

from benchmarks.peer import Compilations, arguments, read, say, since

BOX = 20.0  # Å; twice the cutoff, because only the nearest image counts
TIME_UNIT = 48.8882129  # fs; of Å, kcal/mol and the masses of the force field
BOLTZMANN = 0.0019872  # kcal/mol/K
KCAL_PER_MOL = 0.0433641039  # eV


def main() -> None:
    """Measure one structure in double precision."""
    given = arguments()
    atoms = read(given.structure)
    if (shortest := atoms.cell.lengths().min()) < BOX:
        raise SystemExit(f"minimum image: the box is {shortest:.1f} Å, below {BOX:g} Å")
    warnings.simplefilter("ignore")
    import jax

    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_compilation_cache_dir", os.environ.get("REAXFF_JAX_CACHE"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    compilations = Compilations()
    lists_of, energy, shift, mass = _functions(given, atoms)

    positions = jax.numpy.array(atoms.positions)
    lists = lists_of.allocate(positions)
    value, force = jax.jit(jax.value_and_grad(energy))(positions, lists)
    jax.block_until_ready(force)
    first = since(given.started)

    from jax_md import simulate

    init, apply = simulate.nve(energy, shift, given.timestep / TIME_UNIT)
    kT = 300 * BOLTZMANN
    state = init(jax.random.PRNGKey(0), positions, kT=kT, mass=mass, nbr_lists=lists)

    @jax.jit
    def advance(state, lists):
        lists = lists_of.update(state.position, lists)
        return apply(state, nbr_lists=lists), lists

    # Two, because the types of the first state are others (weak) and compile anew.
    for _ in range(2):
        state, lists = advance(state, lists)
    jax.block_until_ready(state)
    compiled, steps, begin = compilations.count, 0, time.perf_counter()
    while steps < given.steps:
        after, lists = advance(state, lists)
        if lists.did_buffer_overflow:
            lists = lists_of.allocate(state.position)
            continue
        state, steps = after, steps + 1
        if time.perf_counter() - begin > given.seconds:
            break
    jax.block_until_ready(state)
    step = (time.perf_counter() - begin) / steps
    if not np.isfinite(state.position).all():
        raise SystemExit("positions are not finite")
    say(first=first, step=step, call=None, compilations=compilations.count - compiled,
        potential=float(value) * KCAL_PER_MOL, drift=None, temperature=None,
        steps=steps)  # fmt: skip


def _functions(given, atoms):
    import jax.numpy as jnp
    from jax_md import space
    from jax_md.mm_forcefields.reaxff.reaxff_forcefield import ForceField
    from jax_md.mm_forcefields.reaxff.reaxff_helper import read_force_field
    from jax_md.mm_forcefields.reaxff.reaxff_interactions import reaxff_inter_list

    field = read_force_field(given.force_field, cutoff2=1e-3, dtype=jnp.float64)
    field = ForceField.fill_symm(ForceField.fill_off_diag(field))
    species = jnp.array([field.name_to_index[s] for s in atoms.symbols])
    box = jnp.array(atoms.cell.lengths())
    displacement, shift = space.periodic(box)
    lists_of, energy = reaxff_inter_list(
        displacement, box, species, jnp.array(atoms.numbers), field,
        tol=given.tolerance, short_inters_capacity_multiplier=1.5,
    )  # fmt: skip
    return lists_of, energy, shift, jnp.array(field.amas[species]).reshape(-1, 1)


if __name__ == "__main__":
    main()
