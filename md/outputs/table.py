"""Tables of numbers in CSV, a row for each step."""

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ase.calculators.calculator import InputError

from ase_reaxff_jax.md.outputs.text import AppendOnlyText


class Table:
    """A file such as `log.csv`: a line of names, then rows of numbers.

    Numbers have as many digits as give back the same double; NaN is an empty field.
    """

    def __init__(self, file: AppendOnlyText, columns: Sequence[str]):
        self._file, self._columns = file, tuple(columns)

    @classmethod
    def create(
        cls, path: Path, columns: Sequence[str], overwrite: bool = False
    ) -> "Table":
        """A new file with the line of names.

        Raises FileExistsError where there is one and `overwrite` is False.
        """
        file = AppendOnlyText.create(path, overwrite=overwrite)
        try:
            file.append(_line(columns))
        except BaseException:
            file.close()
            raise
        return cls(file, columns)

    @classmethod
    def reopen(
        cls, path: Path, position: dict[str, Any], columns: Sequence[str]
    ) -> "Table":
        """The file as it was when `flush` returned `position`; the rest is removed.

        Raises InputError where it is shorter or has other columns, FileNotFoundError
        where it is missing.
        """
        if path.is_file():
            with path.open(encoding="utf-8", errors="replace", newline="") as text:
                names = text.readline()
            if names != _line(columns):
                raise InputError(
                    f"{path} has the columns {names.strip()[:200]!r}, this run "
                    f"writes {_line(columns).strip()!r}: it is the file of another "
                    "run. Put the right file back, or start anew with overwrite=True"
                )
        return cls(AppendOnlyText.reopen(path, position), columns)

    def row(self, values: Mapping[str, float | int]) -> None:
        """Appends a row.

        Raises:
            InputError: `values` are not those of the columns.
        """
        if values.keys() != set(self._columns):
            wrong = sorted(values.keys() ^ set(self._columns))
            raise InputError(
                f"{self._file.path}: a row needs a number for each of "
                f"{', '.join(self._columns)}; missing or not known: {', '.join(wrong)}"
            )
        self._file.append(_line(_field(values[name]) for name in self._columns))

    def flush(self) -> dict[str, Any]:
        """Brings all rows to the disk; returns the position for `reopen`."""
        return self._file.flush()

    def close(self) -> None:
        """Closes the file; closing it again does nothing."""
        self._file.close()


def _field(value: float | int) -> str:
    """The shortest decimal number that is read as the same double."""
    if isinstance(value, float) and math.isnan(value):
        return ""
    return str(value)


def _line(fields: Iterable[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(fields)
    return text.getvalue()
