"""Tables in CSV."""

import csv
import math

import numpy as np
import pytest
from ase.calculators.calculator import InputError

from ase_reaxff_jax.md.outputs.table import Table

COLUMNS = ["step", "energy, eV", "pressure"]


def row(step, pressure=0.1):
    return dict(zip(COLUMNS, (step, -step / 3, pressure), strict=True))


def test_numbers_are_exact_and_nan_is_empty(tmp_path):
    table = Table.create(tmp_path / "log.csv", COLUMNS)
    table.row(row(1, math.nan))
    table.row(row(2, float(np.float64(1e-300))))
    table.close()
    table.close()
    with (tmp_path / "log.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [
            COLUMNS,
            ["1", repr(-1 / 3), ""],
            ["2", repr(-2 / 3), "1e-300"],
        ]


def test_a_reopened_table_goes_on_where_it_was(tmp_path):
    path, whole = tmp_path / "log.csv", tmp_path / "whole.csv"
    table = Table.create(path, COLUMNS)
    table.row(row(1))
    position = table.flush()
    table.row(row(9))
    table.close()
    table = Table.reopen(path, position, COLUMNS)
    table.row(row(2))
    table.close()
    table = Table.create(whole, COLUMNS)
    table.row(row(1))
    table.row(row(2))
    table.close()
    assert path.read_bytes() == whole.read_bytes()


def test_other_columns_are_refused(tmp_path):
    table = Table.create(tmp_path / "log.csv", COLUMNS)
    position = table.flush()
    with pytest.raises(InputError, match="missing or not known: pressure, volume"):
        table.row({"step": 1, "energy, eV": 1.0, "volume": 2.0})
    table.close()
    with pytest.raises(InputError, match="file of another run"):
        Table.reopen(tmp_path / "log.csv", position, ["step"])
    with pytest.raises(FileExistsError, match="overwrite=True"):
        Table.create(tmp_path / "log.csv", COLUMNS)
    with pytest.raises(FileNotFoundError, match="put it back"):
        Table.reopen(tmp_path / "other.csv", position, COLUMNS)
    Table.create(tmp_path / "log.csv", ["step"], overwrite=True).close()
    assert (tmp_path / "log.csv").read_text() == "step\n"
