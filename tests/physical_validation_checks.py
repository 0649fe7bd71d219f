"""Checks of the package `physical_validation`, for a process of its own.

Its dependency pymbar switches jax to double precision. The first argument is a file of
NumPy arrays: of each run NAME the samples `NAME/kinetic`, `NAME/potential` and
`NAME/volume`, and `NAME/facts`: atoms, degrees of freedom, kT, pressure (NaN: constant
volume), in eV and Å. Two runs NAME a and NAME b differ in temperature or pressure.
Printed, as JSON, are for each run how many standard deviations mean and width of the
kinetic energies are from where they should be, and for each pair the same for the ratio
of their distributions of potential energy or volume.
"""

import json
import sys

import numpy as np
import physical_validation as pv
from ase import units

UNITS = pv.data.UnitData(
    kb=units.kB,
    energy_str="eV",
    energy_conversion=units.mol / units.kJ,
    length_str="A",
    length_conversion=0.1,
    volume_str="A^3",
    volume_conversion=1e-3,
    temperature_str="K",
    temperature_conversion=1.0,
    pressure_str="eV/A^3",
    pressure_conversion=1.0 / units.bar,
    time_str="fs",
    time_conversion=1e-3,
)


def run_of(arrays, name: str) -> pv.data.SimulationData:
    """One run, as the package wants it."""
    atoms, degrees, kT, pressure = arrays[f"{name}/facts"]
    kinetic, potential = arrays[f"{name}/kinetic"], arrays[f"{name}/potential"]
    volume = arrays[f"{name}/volume"]
    constant = np.isnan(pressure)
    ensemble = pv.data.EnsembleData(
        "NVT" if constant else "NPT",
        natoms=int(atoms),
        temperature=kT / units.kB,
        volume=volume[0] if constant else None,
        pressure=None if constant else pressure,
    )
    system = pv.data.SystemData(
        natoms=int(atoms),
        nconstraints=0,
        ndof_reduction_tra=3 * atoms - degrees,
        ndof_reduction_rot=0,
    )
    observables = pv.data.ObservableData(
        kinetic_energy=kinetic,
        potential_energy=potential,
        total_energy=kinetic + potential,
        volume=volume,
    )
    return pv.data.SimulationData(
        units=UNITS, ensemble=ensemble, system=system, observables=observables
    )


def main(path: str) -> None:
    """Prints what was found."""
    arrays = np.load(path)
    names = sorted({name.partition("/")[0] for name in arrays.files})
    runs = {name: run_of(arrays, name) for name in names}
    options = dict(verbosity=0, bootstrap_seed=1)
    found = {
        name: pv.kinetic_energy.distribution(run, **options)
        for name, run in runs.items()
    }
    for name in {name.rpartition(" ")[0] for name in names}:
        pair = runs[f"{name} a"], runs[f"{name} b"]
        try:
            found[name] = pv.ensemble.check(*pair, **options)
        except pv.util.error.InputError:  # the distributions do not overlap
            found[name] = [np.inf]
    print(json.dumps({name: [float(x) for x in found[name]] for name in found}))


if __name__ == "__main__":
    main(sys.argv[1])
