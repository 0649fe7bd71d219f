import importlib
import sys
from importlib.metadata import entry_points

import pytest

from ase_reaxff_jax import JaxReaxFF, ase_plugin


def test_ase_finds_the_calculator_by_its_entry_point():
    plugins = pytest.importorskip("ase._4.plugins").plugins
    (ours,) = [p for p in plugins if p.name == "jaxreaxff"]
    assert ours.implementation is JaxReaxFF
    assert ours.package == "ase_reaxff_jax"


def test_the_entry_point_loads():
    (entry,) = entry_points(group="ase.plugins", name="ase_reaxff_jax")
    assert entry.load() is ase_plugin


def test_an_ase_without_that_plugin_system_is_no_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "ase._4.plugins.plugin", None)
    try:
        assert importlib.reload(ase_plugin).__ase_plugins__ == set()
    finally:
        monkeypatch.undo()
        importlib.reload(ase_plugin)
