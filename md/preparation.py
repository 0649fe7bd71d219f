"""From Atoms objects to what the loop takes: constraints, degrees of freedom, start."""

import jax
import jax.numpy as jnp
import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import InputError
from ase.constraints import FixAtoms, FixCartesian
from jaxtyping import Bool, Float

from ase_reaxff_jax import programs
from ase_reaxff_jax.charges.equilibrium import Solution
from ase_reaxff_jax.engine import Engine
from ase_reaxff_jax.inputs import some
from ase_reaxff_jax.md.extrapolation import History
from ase_reaxff_jax.md.integrators.verlet import Verlet
from ase_reaxff_jax.md.loop import Fixed
from ase_reaxff_jax.md.state import Particles, State
from ase_reaxff_jax.settings import Settings
from ase_reaxff_jax.system import System


def mobile_components(
    atoms: Atoms, *, cell_moves: bool = False
) -> Bool[np.ndarray, "atoms 3"]:
    """Which components of the positions may change; NotImplementedError if unclear.

    InputError where there are no atoms, or all are fixed and the cell does not move.
    """
    if not len(atoms):
        raise InputError("the structure has no atoms")
    mobile = np.ones((len(atoms), 3), bool)
    for constraint in atoms.constraints:
        if isinstance(constraint, FixAtoms):
            mobile[constraint.index] = False
        elif isinstance(constraint, FixCartesian):
            mobile[constraint.index] &= ~np.asarray(constraint.mask, bool)
        else:
            raise NotImplementedError(
                f"the driver knows FixAtoms and FixCartesian, not the constraint "
                f"{type(constraint).__name__}; ASE's own dynamics has it"
            )
    if not mobile.any() and not cell_moves:
        raise InputError("all atoms are fixed: nothing can move")
    return mobile


def conserved_momentum(
    mobile: Bool[np.ndarray, "atoms 3"], ensemble: str
) -> Bool[np.ndarray, "3"]:
    """Along which axes the total momentum stays what it is, and so carries no heat."""
    conserves = len(mobile) > 1 and ensemble != "nvt-langevin"
    return np.all(mobile, axis=0) & conserves


def masses_of(atoms: Atoms) -> Float[np.ndarray, " atoms"]:
    """Masses, u; InputError names atoms whose mass cannot be one."""
    masses = atoms.get_masses()
    bad = np.flatnonzero(~(np.isfinite(masses) & (masses > 0)))
    if len(bad):
        raise InputError(f"masses must be positive: atoms {some(bad)}")
    return masses


def particles_of(atoms: Atoms, ensemble: str, settings: Settings, size: int):
    """Masses, what moves, and the degrees of freedom, padded to `size` atoms."""
    mobile, masses = mobile_components(atoms), masses_of(atoms)
    drifts = conserved_momentum(mobile, ensemble)
    spare = size - len(atoms)
    return Particles(
        masses=settings.array(np.pad(masses, (0, spare), constant_values=1.0)),
        mobile=np.pad(mobile, [(0, spare), (0, 0)]),
        degrees=settings.array(float(mobile.sum() - drifts.sum())),
        drifts=drifts,
    )


def first_velocities(
    atoms: Atoms, ensemble: str, temperature_K: float, seed: int
) -> Float[np.ndarray, "atoms 3"]:
    """The atoms' own, or where they have none at random; in ASE's units.

    Drawn velocities have exactly the temperature. Common motion that nothing would ever
    stop is taken out of drawn velocities, and of any with a thermostat.
    """
    mobile = mobile_components(atoms)
    drifts = conserved_momentum(mobile, ensemble)
    masses = masses_of(atoms)[:, None]
    velocities = np.where(mobile, atoms.get_velocities(), 0.0)
    if not np.isfinite(velocities).all():
        raise InputError("momenta are not finite numbers")
    drawn = not velocities.any()
    if drawn:
        random = np.random.default_rng(seed)
        velocities = random.standard_normal(mobile.shape) / np.sqrt(masses)
        velocities = np.where(mobile, velocities, 0.0)
    if drawn or ensemble != "nve":
        common = (masses * velocities).sum(axis=0) / masses.sum()
        velocities -= np.where(drifts, common, 0.0)
    if drawn:
        degrees = mobile.sum() - drifts.sum()
        energy = 0.5 * (masses * velocities**2).sum()
        wanted = 0.5 * degrees * units.kB * temperature_K
        velocities *= np.sqrt(wanted / energy) if energy > 0 else 0.0
    return velocities


def fixed_of(systems: list[System], particles: list[Particles]) -> list[Fixed]:
    """What does not move, of each system."""
    return [
        Fixed(system.species, system.mask, system.total_charge, own)
        for system, own in zip(systems, particles, strict=True)
    ]


def first_state(
    atoms: Atoms,
    system: System,
    velocities: Float[np.ndarray, "atoms 3"],
    engine: Engine,
    integrator: Verlet,
) -> State:
    """The state one step before the first, at the same positions.

    A step of length zero makes it the first, so that one program serves all.
    """
    size, dtype = len(system.mask), system.positions.dtype
    options = engine.options(size)
    iterative = options.charge_method == "iterative"
    uses_history = options.charge_model == "eem" and iterative
    charges = np.zeros(size, dtype)
    if options.charge_model == "fixed":
        charges[: len(atoms)] = atoms.get_initial_charges()
    padded = np.zeros((size, 3), dtype)
    padded[: len(atoms)] = velocities
    return State(
        step=np.asarray(-1, np.int32),
        positions=system.positions,
        velocities=padded,
        cell=system.cell,
        result=_no_result(charges),
        history=History.empty(size, dtype, used=uses_history),
        bath=jax.tree.map(np.asarray, integrator.bath(dtype)),
    )


def _no_result(given: np.ndarray) -> programs.Derivatives:
    charges = jnp.asarray(given)
    number = jnp.zeros((), charges.dtype)
    return programs.Derivatives(
        energy=number,
        gradient=jnp.zeros((len(charges), 3), charges.dtype),
        strain_gradient=jnp.zeros((3, 3), charges.dtype),
        solution=Solution(
            charges=charges,
            adjoint=jnp.zeros_like(charges),
            residual=number,
            iterations=jnp.int32(0),
            converged=jnp.bool_(True),
            indefinite=jnp.bool_(False),
            worst_atom=jnp.int32(0),
        ),
        shortest=number,
        shortest_pair=jnp.int32(0),
        covered=jnp.bool_(True),
        worn=jnp.bool_(False),
    )
