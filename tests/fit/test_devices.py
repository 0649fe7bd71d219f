"""Structures of a fit on several devices: the same numbers, each device with a part."""

import json
import os
import subprocess
import sys

import jax
import numpy as np
import pytest

from ase_reaxff_jax.fit import devices

SUMS = """
import json
import jax
import jax.numpy as jnp
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

print(json.dumps([doubled(on, in_turn) for on in (None, mesh)
                  for in_turn in (False, True)]))
"""
FIT = """
import json
import jax
import numpy as np
from ase.build import molecule
from ase_reaxff_jax.bundled import load
from ase_reaxff_jax.fit import TrainingSet, devices
from ase_reaxff_jax.fit.losses import Loss
from ase_reaxff_jax.fit.objective import Objective
from ase_reaxff_jax.fit.parameters import Parameter
from ase_reaxff_jax.fit.selection import Selection
from ase.calculators.singlepoint import SinglePointCalculator

images = [molecule(name) for name in ("H2O", "CH4", "CO", "OH", "H2O2")]
for k, atoms in enumerate(images):
    atoms.rattle(0.05, seed=k)
    atoms.calc = SinglePointCalculator(atoms, forces=atoms.positions)
data = TrainingSet.from_atoms(images, minimize=False)
force_field = load("cho")
numbers = []
for name in ("bond H O De_s", "angle H O H p_val1", "atom H eta"):
    section, row, column = force_field.locate(name)
    value = float(force_field.at((section, row, column)))
    numbers.append(Parameter(section=section, row=row, column=column,
                             low=value - 1.0, high=value + 1.0, name=name))
selection = Selection(force_field, numbers)
found = {}
for name, mesh in (("one", None), ("three", devices.mesh_of(jax.devices()))):
    devices.mesh_of_devices = lambda mesh=mesh: mesh
    objective = Objective(force_field, data, selection, Loss(data.items))
    outcome = objective.outcome(selection.force_field_at(selection.start), slopes=True)
    on = {len(objective.sample.stacked(cluster).system.positions.sharding.device_set)
          for cluster in objective.sample.clusters}
    found[name] = dict(
        devices=sorted(on), values=outcome.values.tolist(),
        gradient=objective.gradient(outcome).tolist(),
    )
print(json.dumps(found))
"""


def printed(program):
    """By a process with three CPU devices, and more threads than these can block.

    See `mesh_of_devices`.
    """
    environment = os.environ | {
        "XLA_FLAGS": "--xla_force_host_platform_device_count=3",
        "NPROC": "16",
    }
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, text=True, check=False,
        capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_each_device_computes_its_part():
    expected = [32.0, 32.0, 24.0, 32.0, 20.0, 24.0]  # halved, then doubled from 20
    assert printed(SUMS) == [[expected, 1]] * 2 + [[expected, 3]] * 2


@pytest.mark.long
def test_a_fit_on_three_devices_has_the_numbers_of_one():
    """Five structures, of which the last device has one and a repeated one."""
    found = printed(FIT)
    one, three = found["one"], found["three"]
    assert (one["devices"], three["devices"]) == ([1], [3])
    for name in ("values", "gradient"):
        expected, value = np.array(one[name]), np.array(three[name])
        assert np.any(expected)
        scale = abs(expected).max()
        np.testing.assert_allclose(value, expected, rtol=1e-9, atol=1e-12 * scale)


class _Device:
    def __init__(self, platform):
        self.platform = platform


@pytest.mark.parametrize(
    ("platform", "count", "expected"), [("gpu", 2, 2), ("gpu", 1, 1), ("cpu", 2, 1)]
)
def test_accelerators_are_used_where_there_are_several(
    platform, count, expected, monkeypatch
):
    (real,) = jax.devices()[:1]
    monkeypatch.setattr(jax, "local_devices", lambda: [_Device(platform)] * count)
    mesh_of = devices.mesh_of
    monkeypatch.setattr(devices, "mesh_of", lambda found: mesh_of([real] * len(found)))
    mesh = devices.mesh_of_devices()
    assert (1 if mesh is None else mesh.size) == expected
    jax.config.update("jax_default_device", real)
    try:
        assert devices.mesh_of_devices() is None
    finally:
        jax.config.update("jax_default_device", None)


def test_stacks_are_filled_up_to_as_many_on_each_device():
    mesh = devices.mesh_of(jax.devices() * 3)
    assert [devices.evenly(n, mesh) for n in (1, 3, 4, 5)] == [3, 3, 6, 6]
    assert devices.evenly(5, None) == 5
