"""Force-field files: their columns, reading, writing and checking."""

from importlib import import_module

# `lint` is not here: module and function share the name.
_HOME = {
    "FfieldError": "read",
    "read_ffield": "read",
    "write_ffield": "write",
}
__all__ = list(_HOME)


def __getattr__(name: str):
    # On first use: these modules need `ForceField`, which needs the table in `schema`.
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
