"""Stacks of structures side by side: on one device, or a part on each of several."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

STRUCTURES = PartitionSpec("structures")


def mesh_of_devices() -> Mesh | None:
    """All accelerators; None where there is one, or a device has been chosen.

    And on a CPU: its devices would share the cores, of which one has the use already,
    and the threads of XLA, which solving charge equations on two devices can block.
    """
    devices = jax.local_devices()
    if chosen_device() is not None or devices[0].platform == "cpu":
        return None
    return mesh_of(devices) if len(devices) > 1 else None


def chosen_device() -> tuple[str, int] | None:
    """Platform and number of the device that jax was told to use, if it was."""
    device = jax.config.jax_default_device  # type: ignore[attr-defined]
    if isinstance(device, str):  # a platform, of which it takes the first
        device = jax.local_devices(backend=device)[0]
    return device and (device.platform, device.id)


def of_trial(number: int, chosen: tuple[str, int] | None) -> jax.Device:
    """Where one of several trials at once is computed: on one device.

    Args:
        number: Of the trial.
        chosen: Platform and number of the device for all; None: they take turns.
    """
    if chosen is None:
        devices = jax.local_devices()
        return devices[number % len(devices)]
    platform, own = chosen
    return next(d for d in jax.local_devices(backend=platform) if d.id == own)


def mesh_of(devices: Sequence[jax.Device]) -> Mesh:
    """These devices, in a row."""
    return Mesh(np.array(devices), tuple(STRUCTURES))


def evenly(count: int, mesh: Mesh | None) -> int:
    """The least length of a stack of `count` structures with as many on each device."""
    parts = 1 if mesh is None else mesh.size
    return -(-count // parts) * parts


def put(stack: Any, mesh: Mesh | None) -> Any:
    """A stack of structures on its devices."""
    place = None if mesh is None else NamedSharding(mesh, STRUCTURES)
    return jax.device_put(stack, place)


def side_by_side(
    one: Callable, mesh: Mesh | None, shared: Any, *stacks: Any, in_turn: bool = False
) -> Any:
    """`one(shared, ...)` of each structure, in compiled functions.

    No device waits for another: iterations of one part end without those of the rest.

    Args:
        one: A function of what all have and of one entry of each stack.
        mesh: Devices; None: the one where the stacks are.
        shared: What all structures have.
        stacks: Trees of arrays whose first axis `evenly` has made divisible.
        in_turn: On each device one structure after the other.
    """

    def part(shared, *stacks):
        if in_turn:
            return jax.lax.map(lambda entries: one(shared, *entries), stacks)
        return jax.vmap(lambda *entries: one(shared, *entries))(*stacks)

    if mesh is None:
        return part(shared, *stacks)
    everywhere = PartitionSpec()
    return jax.shard_map(
        part, mesh=mesh, in_specs=(everywhere, *(STRUCTURES for _ in stacks)),
        out_specs=STRUCTURES,
        check_vma=False,  # loops that begin with constants do not pass that check
    )(shared, *stacks)  # fmt: skip
