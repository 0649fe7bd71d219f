"""The README's code runs, top to bottom, as a reader would type it."""

import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_code_of_the_readme_runs(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "ase_reaxff_jax.compilation_cache.enable", lambda path=None: None
    )
    text = README.read_text(encoding="utf-8")
    names = {"__name__": "readme"}
    for block in BLOCK.finditer(text):
        line = text.count("\n", 0, block.start(1))
        code = compile("\n" * line + block[1], str(README), "exec")
        exec(code, names)
    assert "coulomb" in capsys.readouterr().out
