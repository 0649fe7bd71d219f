"""The ensembles by name."""

from collections.abc import Callable

from ase.calculators.calculator import InputError

from ase_reaxff_jax.errors import suggestion
from ase_reaxff_jax.md.integrators.cell_rescaling import CellRescaling, Shape
from ase_reaxff_jax.md.integrators.langevin import Langevin
from ase_reaxff_jax.md.integrators.nose_hoover import MTK, NoseHoover
from ase_reaxff_jax.md.integrators.rescaling import Berendsen, StochasticRescaling
from ase_reaxff_jax.md.integrators.verlet import Verlet

ENSEMBLES: dict[str, Callable[[Shape], Verlet]] = {
    "nve": lambda _: Verlet(),
    "nvt-langevin": lambda _: Langevin(),
    "nvt-nose-hoover": lambda _: NoseHoover(),
    "nvt-csvr": lambda _: StochasticRescaling(),
    "nvt-berendsen": lambda _: Berendsen(),
    "npt-scr": lambda shape: StochasticRescaling(CellRescaling(shape, True)),
    "npt-berendsen": lambda shape: Berendsen(CellRescaling(shape, False)),
    "npt-mtk": lambda shape: MTK(shape),
}
SHAPES = ("isotropic", "orthorhombic", "full")


def integrator_of(ensemble: str, shape: str) -> Verlet:
    """The integrator of an ensemble; InputError where there is no such one."""
    if ensemble not in ENSEMBLES:
        raise InputError(
            f"ensemble={ensemble!r} is none of {', '.join(ENSEMBLES)}"
            f"{suggestion(ensemble, ENSEMBLES)}"
        )
    if shape not in SHAPES:
        raise InputError(
            f"cell={shape!r} is none of {', '.join(SHAPES)}{suggestion(shape, SHAPES)}"
        )
    return ENSEMBLES[ensemble](shape)  # type: ignore[arg-type]
