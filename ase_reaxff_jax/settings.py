"""The calculator's options, checked."""

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from ase.calculators.calculator import InputError

from ase_reaxff_jax.errors import suggestion
from ase_reaxff_jax.pair_search import SEARCHES
from ase_reaxff_jax.precision import DTYPES

CHOICES = {
    "charge_model": ("eem", "fixed"),
    "charge_method": ("auto", "direct", "stationary", "iterative"),
    "dtype": tuple(DTYPES),
    "neighbors": ("auto", *SEARCHES),
    "missing_bonds": ("error", "ignore"),
    "implementation": ("fused", "reference"),
}
NOT_YET = {"charge_model": ("acks2", "qtpie")}
DIRECT_LIMIT = 256  # atoms; above, the charge equations are solved iteratively
POSITIVE = ("charge_tolerance", "bond_skin")
SKIN, WIDE_SKIN = 1.0, 2.0  # Å; wide where what lies in it costs little at each step
LOOSEST = 0.01  # charge_tolerance: near 1, no charges at all would do


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Options of `JaxReaxFF`; InputError names the one that is wrong."""

    # Any value may come from a user: what is right is checked below, with words.
    charge: Any  # e, or None
    charge_model: Any
    charge_tolerance: Any
    charge_response: Any
    charge_method: Any
    dtype: Any
    skin: Any  # Å, or None
    bond_skin: Any  # Å
    neighbors: Any
    missing_bonds: Any
    implementation: Any
    device: Any

    def __post_init__(self):
        for name, allowed in CHOICES.items():
            self._check_choice(name, getattr(self, name), allowed)
        for name in POSITIVE:
            self._check_positive(name, getattr(self, name))
        if self.skin is not None:
            self._check_positive("skin", self.skin)
        if self.charge_tolerance > LOOSEST:
            raise InputError(
                f"charge_tolerance={self.charge_tolerance:g} is too loose for charges "
                f"to mean anything; at most {LOOSEST:g}"
            )
        charge = self.charge
        if charge is not None and not (_is_number(charge) and np.isfinite(charge)):
            raise InputError(
                f"charge must be a number (e) or None (the sum of the initial "
                f"charges), not {charge!r}"
            )
        if self.charge_model == "fixed" and charge:
            raise InputError(
                f"charge={charge!r} has no effect with charge_model='fixed', which "
                "takes the atoms' initial charges; leave it out"
            )
        if not isinstance(self.charge_response, bool | np.bool_):
            raise InputError(
                f"charge_response must be True or False, not {self.charge_response!r}"
            )

    @staticmethod
    def _check_choice(name, value, allowed) -> None:
        if value in NOT_YET.get(name, ()):
            raise InputError(
                f"{name}={value!r} is not implemented yet; there is: "
                f"{', '.join(allowed)}"
            )
        if value not in allowed:
            raise InputError(
                f"{name}={value!r} is none of {', '.join(allowed)}"
                f"{suggestion(value, allowed)}"
            )

    @staticmethod
    def _check_positive(name, value) -> None:
        if not _is_number(value) or not value > 0 or not np.isfinite(value):
            raise InputError(f"{name} must be a positive number, not {value!r}")

    def charge_solver(self, atoms: int) -> str:
        """How the charge equations of a (padded) number of atoms are solved."""
        if atoms > DIRECT_LIMIT and self.charge_method in ("auto", "stationary"):
            return "iterative"
        return "direct" if self.charge_method == "auto" else self.charge_method

    def far_skin(self, *, narrowed: bool) -> float:
        """Skin of the neighbours, Å; `narrowed`: those far off are left out later."""
        if self.skin is not None:
            return float(self.skin)
        return WIDE_SKIN if narrowed else SKIN

    @property
    def neighbor_search(self) -> str:
        """What finds the neighbours."""
        return "vesin" if self.neighbors == "auto" else self.neighbors

    def array(self, values) -> np.ndarray:
        """Floating-point values in the chosen precision; others as they are."""
        values = np.asarray(values)
        return values.astype(DTYPES[self.dtype]) if values.dtype.kind == "f" else values

    def jax_device(self) -> jax.Device | None:
        """The device to run on; None is jax's default."""
        if self.device is None or isinstance(self.device, jax.Device):
            return self.device
        platform, _, number = str(self.device).partition(":")
        try:
            return jax.devices(platform)[int(number or 0)]
        except (RuntimeError, ValueError, IndexError) as error:
            present = ", ".join(str(d) for d in jax.devices())
            raise InputError(
                f"device={self.device!r}: jax has no such device; it has: {present}"
            ) from error


def device_name(device: jax.Device) -> str:
    """What to pass as `device` to get this one, in another process too."""
    return f"{device.platform}:{jax.devices(device.platform).index(device)}"


def _is_number(value) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)
