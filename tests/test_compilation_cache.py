import logging
import subprocess
import sys

import jax
import jax.numpy as jnp
import pytest

from ase_reaxff_jax import compilation_cache

NAMES = (
    "jax_compilation_cache_dir",
    "jax_persistent_cache_min_compile_time_secs",
    "jax_persistent_cache_min_entry_size_bytes",
)


@pytest.fixture(autouse=True)
def settings_are_restored(monkeypatch):
    from jax.experimental.compilation_cache import compilation_cache as of_jax

    monkeypatch.delenv(compilation_cache.VARIABLE)
    before = {name: getattr(jax.config, name) for name in NAMES}
    of_jax.reset_cache()
    yield
    for name, value in before.items():
        jax.config.update(name, value)
    of_jax.reset_cache()


def test_a_compiled_program_is_kept_in_the_folder(tmp_path):
    folder = compilation_cache.enable(tmp_path / "new" / "folder")
    jax.jit(lambda x: jnp.sin(x) + 0.12345)(jnp.ones(7)).block_until_ready()
    assert folder == tmp_path / "new" / "folder"
    assert list(folder.glob("*-cache"))


def test_the_variable_names_the_folder(tmp_path, monkeypatch):
    monkeypatch.setenv(compilation_cache.VARIABLE, str(tmp_path / "named"))
    assert compilation_cache.enable() == tmp_path / "named"
    assert jax.config.jax_compilation_cache_dir == str(tmp_path / "named")


def test_off_leaves_jax_as_it_is(monkeypatch):
    monkeypatch.setenv(compilation_cache.VARIABLE, "off")
    before = jax.config.jax_compilation_cache_dir
    assert compilation_cache.enable() is None
    assert jax.config.jax_compilation_cache_dir == before


def test_a_folder_that_cannot_be_made_is_no_error(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    assert compilation_cache.enable(tmp_path / "file" / "below") is None


@pytest.mark.parametrize(
    ("platform", "variable", "expected"),
    [
        ("linux", "XDG_CACHE_HOME", "ase-reaxff-jax/compiled"),
        ("win32", "LOCALAPPDATA", "ase-reaxff-jax/compiled"),
    ],
)
def test_the_default_is_the_users_cache_folder(
    platform, variable, expected, monkeypatch, tmp_path
):
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setenv(variable, str(tmp_path))
    assert compilation_cache.default_path() == tmp_path / expected


PROGRAM = """
import sys
import jax, jax.numpy as jnp
from ase_reaxff_jax import compilation_cache
compilation_cache.enable(sys.argv[1])
print(jax.jit(lambda x: jnp.sin(x) @ jnp.cos(x))(jnp.ones((40, 40)))[0, 0])
"""


def test_a_second_process_finds_the_program_and_says_nothing(tmp_path, monkeypatch):
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    monkeypatch.setenv("JAX_RAISE_PERSISTENT_CACHE_ERRORS", "1")
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    kept = []
    for _ in range(2):
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stderr == ""
        kept.append({file.name: file.stat().st_mtime_ns for file in tmp_path.iterdir()})
    assert kept[0] == kept[1] != {}


def test_jaxs_own_loggers_are_left_as_they_were(tmp_path):
    logger = logging.getLogger("jax")
    before = jax.config.values["jax_logging_level"], logger.level, list(logger.handlers)
    compilation_cache.enable(tmp_path)
    after = jax.config.values["jax_logging_level"], logger.level, list(logger.handlers)
    assert after == before
