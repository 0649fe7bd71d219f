"""Structures of a fit on several devices: the same numbers, each device with a part."""

import json
import os
import subprocess
import sys

import jax
import numpy as np
import pytest
from ase.build import molecule

from ase_reaxff_jax.bundled import load
from ase_reaxff_jax.fit import devices
from ase_reaxff_jax.fit.sample import Sample
from ase_reaxff_jax.fit.structures import Structure

SUMS = """
import json
import jax
import numpy as np
from ase_reaxff_jax.fit import devices

def one(shared, entry):
    return jax.lax.while_loop(lambda x: x < 20.0, lambda x: 2.0 * x, entry * shared)

mesh = devices.mesh_of(jax.devices())
numbers = np.arange(1.0, devices.evenly(5, mesh) + 1.0)

def doubled(on, in_turn):
    stack = devices.put(numbers, on)
    program = jax.jit(lambda x: devices.side_by_side(one, on, 0.5, x, in_turn=in_turn))
    found = program(stack)
    return found.tolist(), len(found.sharding.device_set)

print(json.dumps(dict(
    sums=[doubled(on, in_turn) for on in (None, mesh) for in_turn in (False, True)],
    trials=[devices.of_trial(k, None).id for k in range(4)],
    chosen=devices.of_trial(0, ("cpu", 2)).id,
)))
"""
FIT = """
import json
import jax
from ase.build import molecule
from ase.calculators.singlepoint import SinglePointCalculator
from ase_reaxff_jax.bundled import load
from ase_reaxff_jax.fit import TrainingSet, devices, hessians, observables, vibrations
from ase_reaxff_jax.fit.items import FrequencyItem
from ase_reaxff_jax.fit.losses import Loss
from ase_reaxff_jax.fit.objective import Objective
from ase_reaxff_jax.fit.parameters import Parameter
from ase_reaxff_jax.fit.selection import Selection

images = [molecule(name) for name in ("H2O", "CH4", "CO", "OH", "H2O2")]
for k, atoms in enumerate(images):
    atoms.rattle(0.05, seed=k)
    along = atoms.positions[:, 0]
    atoms.calc = SinglePointCalculator(
        atoms, forces=atoms.positions, charges=along - along.mean()
    )
data = TrainingSet.from_atoms(images, minimize=False)
frequency = FrequencyItem(
    structure=next(iter(data.structures)), mode=1, reference=1000.0, sigma=10.0
)
data = TrainingSet(data.structures, (*data.items, frequency))
force_field = load("cho")
numbers = []
for name in ("bond H O De_s", "angle H O H p_val1", "atom H eta"):
    section, row, column = force_field.locate(name)
    value = float(force_field.at((section, row, column)))
    numbers.append(Parameter(section=section, row=row, column=column,
                             low=value - 1.0, high=value + 1.0, name=name))
selection = Selection(force_field, numbers)
original, sizes = devices.side_by_side, []

def noted(one, mesh, *arguments, **options):
    sizes.append(1 if mesh is None else mesh.size)
    return original(one, mesh, *arguments, **options)

for module in (hessians, observables, vibrations):
    module.side_by_side = noted
found = {}
for name, mesh in (("one", None), ("three", devices.mesh_of(jax.devices()))):
    devices.mesh_of_devices = lambda mesh=mesh: mesh
    objective = Objective(force_field, data, selection, Loss(data.items))
    outcome = objective.outcome(selection.force_field_at(selection.start), slopes=True)
    found[name] = dict(
        values=outcome.values.tolist(), gradient=objective.gradient(outcome).tolist(),
        minimal=objective.sample.charges_are_minimal(force_field), sizes=sizes[:],
    )
    sizes.clear()
print(json.dumps(found))
"""


def printed(program):
    """By a process with three CPU devices, and more threads than these can block.

    See `mesh_of_devices`.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    environment = os.environ | {
        "XLA_FLAGS": f"{flags} --xla_force_host_platform_device_count=3",
        "JAX_PLATFORMS": "cpu",
        "NPROC": "16",
    }
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, text=True, check=False,
        capture_output=True, timeout=1800,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_each_device_computes_its_part_or_its_trials():
    expected = [32.0, 32.0, 24.0, 32.0, 20.0, 24.0]  # halved, then doubled up to 20
    found = printed(SUMS)
    assert found["sums"] == [[expected, 1]] * 2 + [[expected, 3]] * 2
    assert (found["trials"], found["chosen"]) == ([0, 1, 2, 0], 2)


@pytest.mark.long
def test_a_fit_on_three_devices_has_the_numbers_of_one():
    """Values, second derivatives, and derivatives of forces, charges and frequencies.

    Of five structures, of which the last device has one and a repeated one.
    """
    found = printed(FIT)
    one, three = found["one"], found["three"]
    assert len(one["sizes"]) == len(three["sizes"]) >= 5
    assert (set(one["sizes"]), set(three["sizes"])) == ({1}, {3})
    assert one["minimal"] == three["minimal"] == [True] * 5
    for name in ("values", "gradient"):
        expected, value = np.array(one[name]), np.array(three[name])
        assert np.any(expected)
        scale = abs(expected).max()
        np.testing.assert_allclose(value, expected, rtol=1e-9, atol=1e-12 * scale)


def test_what_fills_a_stack_up_is_not_taken_for_a_structure(monkeypatch):
    structures = [
        Structure(name=name, atoms=molecule(name), minimize=False)
        for name in ("H2O", "OH")
    ]
    force_field, found = load("cho"), []
    for parts in (1, 3):
        monkeypatch.setattr(
            devices, "evenly", lambda n, _, parts=parts: -(-n // parts) * parts
        )
        sample = Sample(structures, force_field, most_clusters=1)
        (cluster,) = sample.clusters
        assert (sample.room_for(2), sample.room_for(5, 2)) == (
            (2, 2) if parts == 1 else (3, 6)
        )
        found.append((
            [one.of.energy for one in sample.measure(force_field, slopes=False)],
            sample.charges_are_minimal(force_field),
        ))  # fmt: skip
        assert len(cluster.stack.bound) == (2 if parts == 1 else 3)
    assert found[0][1] == found[1][1] == [True, True]
    np.testing.assert_allclose(found[1][0], found[0][0], rtol=1e-12)


class _Device:
    def __init__(self, platform):
        self.platform = platform


@pytest.mark.parametrize(
    ("platform", "count", "expected"),
    [("gpu", 2, 2), ("gpu", 1, None), ("cpu", 2, None)],
)
def test_accelerators_are_used_where_there_are_several(
    platform, count, expected, monkeypatch
):
    real = several(platform, count, monkeypatch)
    mesh = devices.mesh_of_devices()
    assert (mesh and mesh.size) == expected
    with jax.default_device(real):
        assert devices.mesh_of_devices() is None


def several(platform, count, monkeypatch):
    """As if jax had so many devices; returns the one that stands for all of them."""
    own, mesh_of = jax.devices()[0], devices.mesh_of
    found = [_Device(platform) for _ in range(count)]
    monkeypatch.setattr(jax, "local_devices", lambda: found)
    monkeypatch.setattr(devices, "mesh_of", lambda some: mesh_of([own] * len(some)))
    return own


def test_stacks_are_filled_up_to_as_many_on_each_device():
    mesh = devices.mesh_of(jax.devices()[:1] * 3)
    assert [devices.evenly(n, mesh) for n in (1, 3, 4, 5)] == [3, 3, 6, 6]
    assert devices.evenly(5, None) == 5
