"""What `fit` prints of parameters: errors, correlations, what is not determined."""

import numpy as np
from rich.console import Console

from ase_reaxff_jax.cli_tables import fixed, table
from ase_reaxff_jax.fit.error_bars import Uncertainty
from ase_reaxff_jax.fit.pictures import short

PAIRS = 5  # of correlated parameters
STRONG = 0.9  # correlation from which a pair is shown


def show_uncertainty(uncertainty: Uncertainty, out: Console) -> None:
    """Prints errors of parameters, their strongest correlations, and how sure it is."""
    made = table(
        "Parameters", "name",
        ["end", "standard error", "curvature", "held by"],
    )  # fmt: skip
    sensitivity = uncertainty.sensitivity
    curvatures, shares = sensitivity.curvatures.sum(axis=0), sensitivity.shares
    for k, name in enumerate(uncertainty.names):
        error = uncertainty.standard_errors[k]
        word, main = uncertainty.status[k], int(np.argmax(shares[:, k]))
        held = f"{sensitivity.kinds[main]} {100 * shares[main, k]:.0f} %"
        made.add_row(
            name, f"{uncertainty.values[k]:.6g}",
            short(error) + " (loose)" * (word == "loose")
            if np.isfinite(error) else word,
            f"{curvatures[k]:.3g}", held if shares[main, k] > 0 else "",
        )  # fmt: skip
    out.print(made)
    out.print(_basis(uncertainty), markup=False)
    if uncertainty.at_minimum is False:
        gain = f"by {uncertainty.promised:.3g} from {uncertainty.chi_square:.3g}"
        out.print(
            "This is not a minimum, and errors may be too small: a step of least "
            f"squares promises to lower their sum {gain}; more steps may lead there",
            markup=False,
        )
    for direction in uncertainty.undetermined:
        parts = " ".join(f"{part:+.2f} {name}" for name, part in direction.items())
        out.print(f"not determined by the data: {parts}", markup=False)
    pairs = [p for p in uncertainty.strongest(PAIRS) if abs(p[2]) > STRONG]
    if pairs:
        made = table(
            "Correlations", "parameters whose errors go together", ["correlation"]
        )
        for one, other, value in pairs:
            made.add_row(f"{one}, {other}", fixed(value, 3))
        out.print(made)


def _basis(uncertainty: Uncertainty) -> str:
    """What the errors are based on."""
    freedom = uncertainty.degrees_of_freedom
    if freedom <= 0:
        return (
            "Errors take each sigma for a standard deviation: there are no more items "
            "than parameters"
        )
    return (
        f"Errors are scaled by the reduced chi-square, {uncertainty.scale:.4g} with "
        f"{freedom} degrees of freedom; curvature: second derivative of the loss by a "
        "parameter in units of its range"
    )
