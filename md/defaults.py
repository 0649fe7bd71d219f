"""Arguments of a run that only some runs have a use for."""

from typing import Any

from ase.calculators.calculator import InputError

from ase_reaxff_jax.md.integrators import integrator_of

DEFAULTS: dict[str, Any] = {
    "tau_fs": 100.0,
    "pressure_tau_fs": 1000.0,
    "compressibility_per_GPa": 0.5,
    "cell": "isotropic",
    "checkpoint_every": 1000,
}


def completed(given: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `run`, with defaults for those that are None.

    Raises:
        InputError: one was given that would have no effect.
    """
    # A wrong name is told first.
    integrator_of(given["ensemble"], given["cell"] or DEFAULTS["cell"])
    _check_used(given)
    left_out = {name: x for name, x in DEFAULTS.items() if given[name] is None}
    return given | left_out


def _check_used(given: dict[str, Any]) -> None:
    ensemble = given["ensemble"]
    barostat = ensemble.startswith("npt")
    at_ensemble = f"with ensemble={ensemble!r}"
    used = {
        "tau_fs": (ensemble != "nve", at_ensemble),
        "pressure_tau_fs": (barostat, at_ensemble),
        "compressibility_per_GPa": (
            ensemble in ("npt-scr", "npt-berendsen"), at_ensemble
        ),
        "cell": (barostat, at_ensemble),
        "checkpoint_every": (given["checkpoint"] is not None, "without checkpoint"),
        "trajectory_every": (bool(given["trajectory"]), "without trajectory"),
    }  # fmt: skip
    for name, (has_effect, where) in used.items():
        if given[name] is not None and not has_effect:
            raise InputError(
                f"{name}={given[name]!r} has no effect {where}; leave it out"
            )
    temperatures = given["temperature_K"]
    every = temperatures if isinstance(temperatures, list) else [temperatures]
    if ensemble == "nve" and any(isinstance(t, tuple) or callable(t) for t in every):
        raise InputError(
            "temperature_K is that of the start with ensemble='nve', where nothing "
            "holds it; give a number, or an ensemble with a thermostat"
        )
