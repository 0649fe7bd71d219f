"""What the command line says when something goes wrong: one line, a hint, a code."""

import contextlib
import logging
import re
import sys
import warnings
from collections.abc import Iterator
from typing import Any

from ase.calculators.calculator import (
    CalculationFailed,
    CalculatorSetupError,
    InputError,
    ReadError,
    SCFError,
)

DONE = 0
FAILED = 1  # the calculation failed, or did not converge
UNUSABLE = 2  # the command line, a file or the structure cannot be used
BUG = 3  # this program's fault
INTERRUPTED = 130  # by Ctrl-C
TERMINATED = 143  # by SIGTERM
ENDED = {INTERRUPTED: "interrupted", TERMINATED: "terminated"}

# Flags, yes and no, of the command's options by the names of its arguments.
_flags: dict[str, tuple[str, str]] = {}


class StructureFileError(InputError):
    """A structure file that ASE cannot read or write."""


class NotConverged(CalculationFailed):
    """The relaxation stopped before the forces were small enough."""


def code_of(error: BaseException) -> int:
    """The exit code for an exception."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, CalculationFailed):
        return FAILED
    unusable = (CalculatorSetupError, NotImplementedError, ReadError, OSError)
    return UNUSABLE if isinstance(error, unusable) else BUG


def hint_for(error: BaseException) -> str | None:
    """What to try next, where that is known."""
    from ase_reaxff_jax.ffield import FfieldError
    from ase_reaxff_jax.fit.input_errors import FitInputError
    from ase_reaxff_jax.geo import GeoError

    if isinstance(error, NotConverged):
        return "raise --steps, or continue from the file that was written"
    if code_of(error) == BUG:
        return "this is a fault of the program; --debug shows where"
    if isinstance(error, StructureFileError):
        return "`ase info --formats` lists the formats; the file's name tells which"
    if isinstance(error, SCFError):
        return "a looser --charge-tolerance may be enough"
    if isinstance(error, GeoError):
        return "`reaxff-jax convert FILE NAME.bgf` writes geometries in this format"
    if isinstance(error, FfieldError):
        return "`reaxff-jax forcefields FILE --lint` checks a parameter file"
    words = "no parameters for" if isinstance(error, FitInputError) else "force field"
    if isinstance(error, CalculatorSetupError) and words in str(error):
        return "`reaxff-jax forcefields` lists force fields and elements"
    return None


def speak_of(options: list[Any]) -> None:
    """From now on messages name these options of a command, not Python's arguments."""
    _flags.clear()
    for option in options:
        long = [flag for flag in option.opts if flag.startswith("--")]
        if long:
            _flags[option.name] = long[0], (*option.secondary_opts, long[0])[0]


def worded(text: str) -> str:
    """`restart=True` becomes --restart, `tau_fs=5` --tau 5, and `tau_fs` --tau."""
    # Not within the name of a file. Names without _ may be words of the sentence.
    for name, (flag, opposite) in _flags.items():
        start = rf"(?<![\w./-]){name}"
        text = re.sub(rf"{start}=True\b", flag, text)
        text = re.sub(rf"{start}=False\b", opposite, text)
        text = re.sub(rf"{start}='([^']*)'", rf"{flag} \1", text)
        text = re.sub(rf"{start}=(?=[\w.+-])", f"{flag} ", text)
        if "_" in name:
            text = re.sub(rf"{start}(?![\w/=-]|\.\w)", flag, text)
    return text


class _Notes(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return f"note: {worded(record.getMessage())}"


@contextlib.contextmanager
def reported(*, debug: bool) -> Iterator[None]:
    """Ends the program with one line and the right code; a traceback if `debug`."""
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        # An entry that another process is still writing is compiled anew.
        warnings.filterwarnings(
            "ignore", "Error (reading|writing) persistent compilation cache entry"
        )
        notes = logging.StreamHandler()
        notes.setFormatter(_Notes())
        logging.getLogger("ase_reaxff_jax").addHandler(notes)
        _flags.clear()
        try:
            yield
        except KeyboardInterrupt as error:
            print(ENDED[INTERRUPTED], file=sys.stderr)
            raise SystemExit(code_of(error)) from None
        except SystemExit as end:  # typer makes one of Ctrl-C, a run one of SIGTERM
            if end.code in ENDED:
                print(ENDED[end.code], file=sys.stderr)
            raise
        except Exception as error:
            if debug:
                raise
            print(f"error: {_one_line(error)}", file=sys.stderr)
            if hint := hint_for(error):
                print(f"hint: {hint}", file=sys.stderr)
            raise SystemExit(code_of(error)) from None
        finally:
            logging.getLogger("ase_reaxff_jax").removeHandler(notes)


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        text = f"{error.filename}: {error.strerror}"
    if code_of(error) == BUG:
        return f"{type(error).__name__}: {text}"
    return worded(text)


def _show_warning(message, category, filename, lineno, file=None, line=None) -> None:
    print(f"warning: {worded(str(message))}", file=sys.stderr)
