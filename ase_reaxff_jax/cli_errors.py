"""What the command line says when something goes wrong: one line, a hint, a code."""

import contextlib
import logging
import sys
import warnings
from collections.abc import Iterator

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
INTERRUPTED = 130


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
    if isinstance(error, NotConverged):
        return "raise --steps, or continue from the file that was written"
    if code_of(error) == BUG:
        return "this is a fault of the program; --debug shows where"
    if isinstance(error, StructureFileError):
        return "`ase info --formats` lists the formats; the file's name tells which"
    if isinstance(error, SCFError):
        return "a looser --charge-tolerance may be enough"
    if isinstance(error, ReadError):
        return "`reaxff-jax forcefields FILE --lint` checks a parameter file"
    if isinstance(error, CalculatorSetupError) and "force field" in str(error):
        return "`reaxff-jax forcefields` lists force fields and elements"
    return None


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
        notes.setFormatter(logging.Formatter("note: %(message)s"))
        logging.getLogger("ase_reaxff_jax").addHandler(notes)
        try:
            yield
        except KeyboardInterrupt as error:
            print("interrupted", file=sys.stderr)
            raise SystemExit(code_of(error)) from None
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
    return f"{type(error).__name__}: {text}" if code_of(error) == BUG else text


def _show_warning(message, category, filename, lineno, file=None, line=None) -> None:
    print(f"warning: {message}", file=sys.stderr)
