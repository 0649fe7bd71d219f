"""From the numbers of the file to the parameters of each pair, angle and torsion.

Pure functions of the `ForceField`, so that the combination rules lie inside the
differentiated path when parameters are fitted, and outside the loop when they are not.
Source: van Duin et al., J. Phys. Chem. A 105, 9396 (2001); rules as in LAMMPS.
"""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ase_reaxff_jax import safe
from ase_reaxff_jax.forcefield import ForceField, column
from ase_reaxff_jax.units import HEAVY_MASS


class GeneralParameters(eqx.Module):
    """Parameters that belong to no element."""

    p_boc1: Float[Array, ""]
    p_boc2: Float[Array, ""]
    p_coa2: Float[Array, ""]
    p_trip4: Float[Array, ""]
    p_trip3: Float[Array, ""]
    k_c2: Float[Array, ""]
    p_ovun6: Float[Array, ""]
    p_trip2: Float[Array, ""]
    p_ovun7: Float[Array, ""]
    p_ovun8: Float[Array, ""]
    p_trip1: Float[Array, ""]
    swa: Float[Array, ""]  # taper radii, Å
    swb: Float[Array, ""]
    p_val6: Float[Array, ""]
    p_lp1: Float[Array, ""]
    p_val9: Float[Array, ""]
    p_val10: Float[Array, ""]
    p_pen2: Float[Array, ""]
    p_pen3: Float[Array, ""]
    p_pen4: Float[Array, ""]
    p_tor2: Float[Array, ""]
    p_tor3: Float[Array, ""]
    p_tor4: Float[Array, ""]
    p_cot2: Float[Array, ""]
    p_vdW1: Float[Array, ""]
    bo_cut_100: Float[Array, ""]  # hundred times the bond-order cutoff
    p_coa4: Float[Array, ""]
    p_ovun4: Float[Array, ""]
    p_ovun3: Float[Array, ""]
    p_val8: Float[Array, ""]
    lg_scale: Float[Array, ""]
    p_coa3: Float[Array, ""]

    @property
    def bo_cut(self) -> Float[Array, ""]:
        """Uncorrected bond order below which there is no bond."""
        return 0.01 * self.bo_cut_100


class AtomParameters(eqx.Module):
    """Parameters of each element."""

    mass: Float[Array, " types"]  # u
    valency: Float[Array, " types"]
    valency_e: Float[Array, " types"]
    valency_boc: Float[Array, " types"]
    valency_val: Float[Array, " types"]
    chi: Float[Array, " types"]  # eV
    eta: Float[Array, " types"]  # eV, as in the file: half of the second derivative
    p_hbond: Float[Array, " types"]  # 1 hydrogen, 2 donor or acceptor
    p_lp2: Float[Array, " types"]
    p_ovun2: Float[Array, " types"]
    p_ovun5: Float[Array, " types"]
    p_val3: Float[Array, " types"]
    p_val5: Float[Array, " types"]

    @property
    def heavy(self) -> Bool[Array, " types"]:
        """Elements without lone-pair term in the over-coordination."""
        return self.mass > HEAVY_MASS


class BondParameters(eqx.Module):
    """Parameters of each pair of elements that has a bond row; zero elsewhere."""

    exists: Bool[Array, "types types"]
    r_s: Float[Array, "types types"]  # Å; 0 where there is no such bond
    r_pi: Float[Array, "types types"]
    r_pipi: Float[Array, "types types"]
    p_boc3: Float[Array, "types types"]
    p_boc4: Float[Array, "types types"]
    p_boc5: Float[Array, "types types"]
    De_s: Float[Array, "types types"]  # kcal/mol
    De_p: Float[Array, "types types"]
    De_pp: Float[Array, "types types"]
    p_be1: Float[Array, "types types"]
    p_be2: Float[Array, "types types"]
    p_bo1: Float[Array, "types types"]
    p_bo2: Float[Array, "types types"]
    p_bo3: Float[Array, "types types"]
    p_bo4: Float[Array, "types types"]
    p_bo5: Float[Array, "types types"]
    p_bo6: Float[Array, "types types"]
    p_ovun1: Float[Array, "types types"]
    v13cor: Float[Array, "types types"]
    ovc: Float[Array, "types types"]


class PairParameters(eqx.Module):
    """Parameters of the non-bonded interaction, by pair of elements or of atoms."""

    D: Float[Array, "*pairs"]  # kcal/mol
    alpha: Float[Array, "*pairs"]
    r_vdW: Float[Array, "*pairs"]  # Å, the minimum: twice the file's radius
    gamma_w: Float[Array, "*pairs"]  # Å^p_vdW1: (gamma_w,i gamma_w,j)^(-p_vdW1/2)
    gamma: Float[Array, "*pairs"]  # Å^3: (gamma_i gamma_j)^(-3/2)
    rcore: Float[Array, "*pairs"]  # Å
    ecore: Float[Array, "*pairs"]  # kcal/mol
    acore: Float[Array, "*pairs"]
    lgcij: Float[Array, "*pairs"]  # kcal/mol Å^6
    lgre: Float[Array, "*pairs"]  # Å


class AngleParameters(eqx.Module):
    """Parameters of each row of the angle section."""

    theta_00: Float[Array, " rows"]  # degrees
    p_val1: Float[Array, " rows"]  # kcal/mol
    p_val2: Float[Array, " rows"]  # 1/rad^2
    p_coa1: Float[Array, " rows"]  # kcal/mol
    p_val7: Float[Array, " rows"]
    p_pen1: Float[Array, " rows"]  # kcal/mol
    p_val4: Float[Array, " rows"]


class TorsionParameters(eqx.Module):
    """Parameters of each row of the torsion section."""

    V1: Float[Array, " rows"]  # kcal/mol
    V2: Float[Array, " rows"]
    V3: Float[Array, " rows"]
    p_tor1: Float[Array, " rows"]
    p_cot1: Float[Array, " rows"]


class HydrogenBondParameters(eqx.Module):
    """Parameters of each row of the hydrogen-bond section."""

    r0_hb: Float[Array, " rows"]  # Å
    p_hb1: Float[Array, " rows"]  # kcal/mol
    p_hb2: Float[Array, " rows"]
    p_hb3: Float[Array, " rows"]


class Parameters(eqx.Module):
    """All that the kernel needs of a force field."""

    general: GeneralParameters
    atom: AtomParameters
    bond: BondParameters
    pair: PairParameters
    angle: AngleParameters
    torsion: TorsionParameters
    hydrogen_bond: HydrogenBondParameters


def mix(force_field: ForceField) -> Parameters:
    """Parameters of every element, pair and row; differentiable in every number."""
    return Parameters(
        general=_rename(force_field, "general", GeneralParameters),
        atom=_atoms(force_field),
        bond=_bonds(force_field),
        pair=_pairs(force_field),
        angle=_rename(force_field, "angle", AngleParameters),
        torsion=_rename(force_field, "torsion", TorsionParameters),
        hydrogen_bond=_rename(force_field, "hydrogen_bond", HydrogenBondParameters),
    )


def _rename(force_field, section, record, **replaced):
    """The columns of a section that `record` names."""
    values = jnp.asarray(getattr(force_field, section))
    if values.ndim == 2 and len(values) == 0:
        values = jnp.zeros((1, values.shape[1]), values.dtype)  # what padding reads
    # In the same order in each process: else the compilation cache is of no use.
    names = [name for name in record.__dataclass_fields__ if name not in replaced]
    columns = {name: values[..., column(section, name)] for name in names}
    return record(**columns, **replaced)


def _atoms(force_field: ForceField) -> AtomParameters:
    atom = jnp.asarray(force_field.atom)
    boc = atom[:, column("atom", "valency_boc")]
    light = atom[:, column("atom", "mass")] < HEAVY_MASS
    val = jnp.where(light, boc, atom[:, column("atom", "valency_val")])
    return _rename(force_field, "atom", AtomParameters, valency_val=val)


def _rows_of_pairs(force_field: ForceField, section: str) -> np.ndarray:
    """Row of each pair of types, -1 where there is none; the last of several counts."""
    types = len(force_field.elements)
    rows = np.full((types, types), -1)
    for row, (a, b) in enumerate(getattr(force_field, f"{section}_types")):
        if max(a, b) < types:
            rows[a, b] = rows[b, a] = row
    return rows


def _table(force_field: ForceField, section: str, name: str, default: Array) -> Array:
    """Symmetric (types, types) table of one column; `default` where there is no row."""
    values = jnp.asarray(getattr(force_field, section))[:, column(section, name)]
    rows = _rows_of_pairs(force_field, section)
    if not len(values):
        return default
    return jnp.where(rows >= 0, values[jnp.maximum(rows, 0)], default)


def _override(force_field: ForceField, name: str, rule: Array, scale=1.0) -> Array:
    """An off-diagonal value where the file sets one (> 0), else the rule."""
    unset = jnp.full_like(rule, -1.0)
    value = _table(force_field, "off_diagonal", name, unset)
    return jnp.where(value > 0, scale * value, rule)


def _geometric(values: Array) -> Array:
    return safe.sqrt(values[:, None] * values[None, :])


def _bonds(force_field: ForceField) -> BondParameters:
    types = len(force_field.elements)
    atom = jnp.asarray(force_field.atom)

    def radius(name):
        r = atom[:, column("atom", name)]
        mixed = _override(force_field, name, 0.5 * (r[:, None] + r[None, :]))
        # The atomic radii, not the pair's, decide whether there is such a bond.
        return jnp.where((r[:, None] > 0) & (r[None, :] > 0), mixed, 0.0)

    def correction(name):
        return _geometric(atom[:, column("atom", name)])

    zero = jnp.zeros((types, types), atom.dtype)
    derived = dict(
        exists=jnp.asarray(_rows_of_pairs(force_field, "bond") >= 0),
        r_s=radius("r_s"),
        r_pi=radius("r_pi"),
        r_pipi=radius("r_pipi"),
        p_boc3=correction("b_o_132"),
        p_boc4=correction("b_o_131"),
        p_boc5=correction("b_o_133"),
    )
    names = [n for n in BondParameters.__dataclass_fields__ if n not in derived]
    tables = {name: _table(force_field, "bond", name, zero) for name in names}
    return BondParameters(**derived, **tables)


def _pairs(force_field: ForceField) -> PairParameters:
    def atom(name):
        return jnp.asarray(force_field.atom)[:, column("atom", name)]

    gamma = atom("gamma")[:, None] * atom("gamma")[None, :]
    general = jnp.asarray(force_field.general)
    scale = general[column("general", "lg_scale")]
    p_vdW1 = general[column("general", "p_vdW1")]
    lgcij = _geometric(atom("lgcij"))
    lg_row = _table(force_field, "off_diagonal", "lgcij", jnp.full_like(lgcij, -1.0))
    r_vdW = 2.0 * _geometric(atom("r_vdw"))
    return PairParameters(
        D=_override(force_field, "D", _geometric(atom("epsilon"))),
        alpha=_override(force_field, "alpha", _geometric(atom("alpha"))),
        r_vdW=_override(force_field, "r_vdW", r_vdW, scale=2.0),
        gamma_w=safe.power(_geometric(atom("gamma_w")), -p_vdW1),
        gamma=safe.power(gamma, -1.5),
        rcore=_geometric(atom("rcore2")),
        ecore=_geometric(atom("ecore2")),
        acore=_geometric(atom("acore2")),
        lgcij=jnp.where(lg_row >= 0, lg_row, lgcij),
        lgre=2.0 * scale * _geometric(atom("lgre")),
    )
