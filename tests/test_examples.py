"""Every example runs as it stands, or at its tiny setting, and prints something."""

import runpy
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))
LINES = 100  # of an example, at most
# Other tests have what these show.
COMPILES_LONG = (
    "transformations", "fit_from_quantum_chemistry", "nitramine_decomposition",
    "graphite_oxidation",
)  # fmt: skip


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(
            path,
            id=path.stem,
            marks=[pytest.mark.long] if path.stem in COMPILES_LONG else [],
        )
        for path in EXAMPLES
    ],
)
def test_the_example_runs(path, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    text = path.read_text()
    if "import TBLite" in text:
        pytest.importorskip("tblite", reason="the example computes with GFN2-xTB")
    tiny = '"tiny"' in text
    monkeypatch.setattr(sys, "argv", [str(path), *["tiny"] * tiny])
    runpy.run_path(str(path), run_name="__main__")
    printed = capsys.readouterr().out
    assert printed
    for word in printed.replace(",", " ").split():
        if word.endswith((".png", ".traj")):
            assert Path(word).stat().st_size > 0
    assert not tiny or list(tmp_path.glob("*.png"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_example_is_short(path):
    assert len(path.read_text().splitlines()) <= LINES
