"""Which numbers of a force field can be fitted: those that the energy depends on."""

from ase_reaxff_jax.ffield import names
from ase_reaxff_jax.ffield.names import Address
from ase_reaxff_jax.ffield.schema import BY_NUMBER, SECTIONS
from ase_reaxff_jax.forcefield import ForceField
from ase_reaxff_jax.options import form_of
from ase_reaxff_jax.units import HEAVY_MASS

_SWITCH = "it is a switch"
_TAPER = "it is a taper radius, for which the interaction lists are made"
_CUTOFF = "it is a cutoff, at which the energy is not continuous"
_UNUSED = "no energy term here depends on it"
UNFIT = {
    ("general", "swa"): _TAPER,
    ("general", "swb"): _TAPER,
    ("general", "bo_cut_100"): _CUTOFF,
    ("general", "triple_bond_option"): _SWITCH,
    ("general", "p_elho"): _UNUSED,
    ("general", "X_soft"): _UNUSED,
    ("general", "p_val_e"): _UNUSED,
    ("atom", "mass"): _UNUSED,
    ("atom", "p_hbond"): _SWITCH,
    ("atom", "p_xel2"): _UNUSED,
    ("atom", "bcut_acks2"): _UNUSED,
    ("atom", "alpha_e"): _UNUSED,
    ("atom", "beta_e"): _UNUSED,
    ("bond", "v13cor"): _SWITCH,
    ("bond", "ovc"): _SWITCH,
    ("bond", "p_xel1"): _UNUSED,
}
UNNAMED = ("unused_", "general_")  # how columns without a meaning here are called
RADII = ("r_s", "r_pi", "r_pipi")  # off where an element's is not positive
# Above which a number of the first element, or `k_c2`, switches a term on.
SWITCHES_ON = {"k_c2": 0.001, "gamma_w": 0.5, "rcore2": 0.01, "acore2": 0.01}
INNER_WALL = ("rcore2", "ecore2", "acore2")
# Sections of which one row, the last, counts for the same elements.
LAST_COUNTS = ("bond", "off_diagonal", "torsion", "hydrogen_bond")


def why_not(force_field: ForceField, address: Address) -> str | None:
    """Why a parameter cannot be fitted; None where it can.

    Raises:
        UnknownParameterError: there is no such parameter.
    """
    section, _place = names.index_of(force_field, address)
    name = column_name(force_field, address)
    value = float(force_field.at(address))
    if name.startswith(UNNAMED):
        return _UNUSED
    if reason := UNFIT.get((section, name)):
        return reason
    if section == "general":
        return _general(force_field, name, value)
    if reason := _dead_row(force_field, section, address.row - 1):
        return reason
    if section == "atom":
        return _atom(force_field, name, value, address.row)
    if section == "off_diagonal":
        return _off_diagonal(force_field, name, value, address.row)
    return None


def has_to_exceed(force_field: ForceField, address: Address) -> float | None:
    """At or below which value a parameter changes its meaning; None if at none.

    Radii switch bonds off at zero, off-diagonal values leave the field to combination
    rules, and numbers of the first element decide the form of the energy.
    """
    section, name = BY_NUMBER[address.section].name, column_name(force_field, address)
    if name == "lgcij":
        return None
    if section == "off_diagonal" or (section == "atom" and name in RADII):
        return 0.0
    if name == "k_c2" or (section == "atom" and address.row == 1):
        return SWITCHES_ON.get(name)
    return None


def column_name(force_field: ForceField, address: Address) -> str:
    """Name of the column, such as `p_bo1`."""
    if address.section == 1:
        return names.general_names(len(force_field.general))[address.row - 1]
    return BY_NUMBER[address.section].names[address.column - 1]


def _general(force_field: ForceField, name: str, value: float) -> str | None:
    if name == "lg_scale" and not force_field.lg:
        return "the file has no low-gradient dispersion"
    if name == "k_c2" and form_of(force_field)["carbon"] is None:
        return f"the C2 correction is off: no carbon, or k_c2 is small ({value:g})"
    return None


def _dead_row(force_field: ForceField, section: str, row: int) -> str | None:
    types = names.types_of(force_field, section)
    if max(types[row]) >= len(force_field.elements):
        return "its row is of an element that the file does not have"
    keys = [min(t, t[::-1]) if SECTIONS[section].symmetric else t for t in types]
    later = [k for k in range(row + 1, len(keys)) if keys[k] == keys[row]]
    if later and section in LAST_COUNTS:
        return f"row {later[-1] + 1} is of the same elements, and counts instead"
    return None


def _atom(force_field: ForceField, name: str, value: float, row: int) -> str | None:
    if name in RADII and value <= 0:
        return f"it is {value:g}, by which such bonds of the element are off"
    form = form_of(force_field)
    if name in INNER_WALL and not form["inner_wall"]:
        return "the first element has no inner wall, by which there is none"
    if name == "gamma_w" and not form["shielding"]:
        return "gamma_w of the first element is small, by which it is not used"
    mass = float(force_field.get("atom", force_field.elements[row - 1], "mass"))
    if name == "valency_val" and mass < HEAVY_MASS:
        return f"elements lighter than {HEAVY_MASS:g} u have valency_boc in its place"
    return None


def _off_diagonal(
    force_field: ForceField, name: str, value: float, row: int
) -> str | None:
    if name == "lgcij":
        return None if force_field.lg else "the file has no low-gradient dispersion"
    if value <= 0:
        return (
            f"it is {value:g}, by which the combination rule holds; set a positive "
            "value in the force field"
        )
    for type_ in force_field.off_diagonal_types[row - 1]:
        element = force_field.elements[type_]
        if name in RADII and float(force_field.get("atom", element, name)) <= 0:
            return f"{name} of {element} is not positive, by which such bonds are off"
    return None
