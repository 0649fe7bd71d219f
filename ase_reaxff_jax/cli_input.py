"""Options of a command from a YAML file, and into one.

    structure: water.xyz
    ffield: cho
    steps: 20000
    temperature_K: [300, 2000]  # a ramp

Values are taken as they are written, as if typed on the command line: the option's own
type decides what they mean, and YAML's guesses (`off`, `1e-6`, `300:50`) play no part.
"""

import os
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from ase.calculators.calculator import InputError

from ase_reaxff_jax import cli_errors
from ase_reaxff_jax.bundled import UnknownForceFieldError, find
from ase_reaxff_jax.errors import suggestion

NOT_GIVEN = ("", "~", "null")
# Options that may be repeated; for others a list is a ramp.
SEVERAL = ("trajectory", "geo", "validation_geo", "images", "validation_images")
PATHS = (
    "structure", "log", "bonds", "species", "picture", "checkpoint", "write_input",
    "trainset", "validation_trainset", "params", "out",
)  # fmt: skip


WriteInput = Annotated[
    Path | None, typer.Option(help="Write all this as such a YAML file too, and go on.")
]


def option(words: str) -> Any:
    """The option `--input` of a command; `words` are its help."""
    return typer.Option("--input", "-i", is_eager=True, callback=from_file, help=words)


def from_file(context: Any, path: Path | None) -> Path | None:
    """Callback of the eager option `--input`: its values are the command's defaults."""
    if context.resilient_parsing:
        return path
    options = context.command.params
    if path is not None:
        found = _read(path, options)
        _check(found, context)
        context.default_map = {name: value for name, (_, value) in found.items()}
    cli_errors.speak_of(options)
    return path


def _check(found: dict[str, tuple[str, Any]], context: Any) -> None:
    """InputError with file and line where a value is none of its option's type."""
    for option in context.command.params:
        if option.name not in found:
            continue
        where, value = found[option.name]
        try:
            option.process_value(context, value)
        except typer.BadParameter as error:
            raise InputError(f"{where}: {option.name}: {error.message}") from error


def read(path: Path, options: list[Any]) -> dict[str, Any]:
    """Values by the names of the options, as text; paths are relative to the file.

    Args:
        path: YAML file, a mapping of names to scalars or to lists of them.
        options: Of the command, as typer has them. A key is the name of an option or
            of its variable: `temperature` or `temperature_K`.

    Raises:
        InputError: the file is no such mapping, or a key is unknown or there twice.
    """
    return {name: value for name, (_, value) in _read(path, options).items()}


def _read(path: Path, options: list[Any]) -> dict[str, tuple[str, Any]]:
    """As `read`, each value with its file and line."""
    known = {key: option for option in options for key in _keys(option)}
    lines: dict[str, int] = {}
    values = {}
    for key, value in _mapping(path):
        where = f"{path}:{key.start_mark.line + 1}"
        name = str(key.value)
        if name not in known or known[name].is_eager:
            raise InputError(
                f"{where}: no option {name!r}{suggestion(name, known)}; there are "
                f"{', '.join(option.name for option in options if not option.is_eager)}"
            )
        option = known[name]
        line = lines.setdefault(option.name, key.start_mark.line + 1)
        if line != key.start_mark.line + 1:
            raise InputError(f"{where}: {name!r} is given on line {line} already")
        texts = _texts(value, where, name)
        if texts is not None:
            values[option.name] = where, _value(option.name, texts, path.parent)
    return values


def write(path: Path, options: dict[str, Any]) -> None:
    """The options that are not None, as `read` takes them."""
    kept = {name: value for name, value in options.items() if value is not None}
    for name, value in kept.items():
        if isinstance(value, list):
            kept[name] = [_from_folder(each, path.parent) for each in value]
        elif isinstance(value, Path) or name in ("structure", "ffield"):
            kept[name] = _from_folder(value, path.parent)
    path.write_text(yaml.safe_dump(kept, sort_keys=False, allow_unicode=True), "utf-8")


def _keys(option: Any) -> set[str]:
    flags = {flag.lstrip("-").replace("-", "_") for flag in option.opts}
    return {option.name} | {flag for flag in flags if len(flag) > 1}


def _mapping(path: Path) -> list[tuple[Any, Any]]:
    try:
        with path.open(encoding="utf-8") as file:
            node = yaml.compose(file, Loader=yaml.SafeLoader)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"no input file {str(path)!r}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not YAML: {error}") from error
    if not isinstance(node, yaml.MappingNode):
        raise InputError(f"{path} has no lines of the form `option: value`")
    return node.value


def _texts(node: Any, where: str, name: str) -> list[str] | None:
    """The texts of a value: one, or those of a list; None where it says null."""
    if isinstance(node, yaml.ScalarNode):
        absent = node.style is None and node.value in NOT_GIVEN
        return None if absent else [node.value]
    entries = node.value if isinstance(node, yaml.SequenceNode) else []
    if not entries or not all(isinstance(each, yaml.ScalarNode) for each in entries):
        raise InputError(f"{where}: {name!r} must be one value or a list of values")
    return [each.value for each in entries]


def _value(name: str, texts: list[str], folder: Path) -> str | list[str]:
    if name in (*PATHS, *SEVERAL) or (
        name == "ffield" and not _bundled(texts[0], folder)
    ):
        texts = [str(folder / text) for text in texts]
    return texts if name in SEVERAL else ":".join(texts)


def _bundled(name: str, folder: Path) -> bool:
    if (folder / name).is_file() or Path(name).is_file():
        return False
    try:
        find(name)
    except UnknownForceFieldError:
        return False
    return True


def _from_folder(value: str | Path, folder: Path) -> str:
    text = str(value)
    there = isinstance(value, Path) or Path(text.rsplit("@", 1)[0]).exists()
    return os.path.relpath(text, folder) if there else text
