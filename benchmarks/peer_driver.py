"""This package's own driver: NVE by `ase_reaxff_jax.md.run`."""

from benchmarks.peer import Compilations, arguments, read, say, since


def main() -> None:
    """Measure one structure in one precision."""
    given = arguments()
    from ase_reaxff_jax import JaxReaxFF, compilation_cache
    from ase_reaxff_jax.md import run

    compilation_cache.enable()
    atoms = read(given.structure)
    calc = JaxReaxFF(
        given.force_field, charge_tolerance=given.tolerance, dtype=given.dtype
    )
    begun = []

    def note_the_start(frame) -> bool:
        if not begun:
            begun.append((since(given.started), compilations.count))
        return False

    compilations = Compilations()
    result = run(
        atoms, calc, ensemble="nve", steps=given.steps, timestep_fs=given.timestep,
        temperature_K=0.0, log_every=given.steps, stop=note_the_start, progress=False,
    )  # fmt: skip
    first, compiled = begun[0]
    say(
        first=first,
        step=1.0 / result.steps_per_second,
        call=None,
        steps=given.steps,
        compilations=compilations.count - compiled,
        potential=result.potential_energy[0],
        drift=result.total_energy[-1] - result.total_energy[0],
        temperature=result.atoms.get_temperature(),
    )


if __name__ == "__main__":
    main()
