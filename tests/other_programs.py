"""Other people's packages, in processes of their own."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest


def elsewhere(package: str, *command: str | Path) -> str:
    """What Python prints with these arguments; the package stays out of this process.

    The test is skipped where the package is not installed.
    """
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"needs the package {package}")
    whole = [sys.executable, *map(str, command)]
    done = subprocess.run(whole, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
