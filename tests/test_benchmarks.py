"""The benchmarks: their structures are sane, and what they print was measured."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ase import units
from ase.neighborlist import neighbor_list

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT))  # the benchmarks are not installed with the package

from benchmarks import batch, compare, measure, overhead, parts, structures  # noqa: E402

BUILDERS = {b.name: b.build for b in structures.BENCHMARKS}
DENSITIES = {  # g/cm^3
    "water-81": 0.997,
    "silica-6048": 2.17,
    "butane-4536": 0.7,
    "zno-5376": 5.68,
    "diamond-5184": 3.51,
    "nitramine-5376": 1.81,
}
BONDS = {  # of each element, and a length between them and the next neighbours, Å
    "silica-6048": ({"O": 2, "Si": 4}, 2.0),
    "diamond-5184": ({"C": 4}, 2.1),
    "zno-5376": ({"O": 4, "Zn": 4}, 2.5),
    "nitramine-5376": ({"C": 4, "H": 1, "N": 3, "O": 1}, 1.7),
}
MOLECULAR = ({"O": 2, "H": 1, "C": 4}, 1.7)


def run(*options):
    command = [sys.executable, "-m", "benchmarks", *map(str, options)]
    return subprocess.run(
        command, cwd=ROOT, text=True, capture_output=True, check=False
    )


@pytest.fixture(scope="module", params=sorted(DENSITIES))
def structure(request):
    return request.param, BUILDERS[request.param]()


def test_a_structure_has_the_atoms_of_its_name_its_density_and_300_kelvin(structure):
    name, atoms = structure
    assert len(atoms) == int(name.split("-")[1])
    density = atoms.get_masses().sum() / atoms.cell.volume / units.mol * 1e24
    assert density == pytest.approx(DENSITIES[name], rel=0.01)
    assert atoms.get_temperature() == pytest.approx(300, rel=0.15)
    np.testing.assert_allclose(atoms.get_momenta().sum(0), 0, atol=1e-9)


def test_a_structure_has_its_bonds_and_nothing_close_beside_them(structure):
    name, atoms = structure
    bonds, limit = BONDS.get(name, MOLECULAR)
    hydrogen = atoms.symbols == "H"
    i, j, r = neighbor_list("ijd", atoms, limit)
    kept = ~(hydrogen[i] & hydrogen[j])
    found = np.bincount(i[kept], minlength=len(atoms))
    assert (found == [bonds[s] for s in atoms.symbols]).all()
    assert r.min() > 0.9
    assert r[~kept].min(initial=9.0) > 1.4


def test_the_same_structure_is_built_each_time():
    first, second = BUILDERS["water-81"](), BUILDERS["water-81"]()
    np.testing.assert_array_equal(first.positions, second.positions)
    np.testing.assert_array_equal(first.get_momenta(), second.get_momenta())


@pytest.mark.lammps
def test_the_smallest_system_gives_the_numbers_of_lammps_and_a_table(tmp_path):
    file = tmp_path / "numbers.json"
    peers = ["LAMMPS", "ours, float64", "ours, driver", "jax-md"]
    done = run("--quick", "--systems", "water-81", "--steps", 10, "--json", file,
               "--peers", *peers)  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = {row["peer"]: row for row in json.loads(file.read_text())["rows"]}
    assert list(rows) == [
        peer.name for peer in measure.PEERS if peer.name != "ours, float32"
    ]
    lammps = rows[measure.BASELINE]
    for name in ("LAMMPS, 1 rank", "ours, float64", "ours, driver"):
        row = rows[name]
        assert row["why_not"] is None
        assert row["potential"] == pytest.approx(lammps["potential"], abs=5e-6)
        assert row["temperature"] == pytest.approx(lammps["temperature"], abs=1)
        assert row["ratio"] == pytest.approx(row["step"] / lammps["step"])
    ours = rows["ours, float64"]
    assert 0 < ours["call"] < 1e5
    assert ours["memory"] > 100
    assert rows["jax-md, float64"]["why_not"].startswith(
        "minimum image: the box is 9.3"
    )
    table = [line for line in done.stdout.splitlines() if line.startswith("|")]
    assert len(table) == 2 + len(rows)
    assert len({line.count("|") for line in table}) == 1


def test_the_largest_water_is_the_one_before_it_eight_times():
    atoms, part = BUILDERS["water-52728"](), BUILDERS["water-6591"]()
    assert len(atoms) == 52_728
    np.testing.assert_allclose(atoms.positions[: len(part)], part.positions)
    assert atoms.get_temperature() == pytest.approx(300, rel=0.02)


@pytest.mark.long
def test_a_batch_and_single_runs_arrive_at_the_same_energies(capsys):
    batch.main(["--molecule", "H2O", "--count", "3", "--steps", "20"])
    printed = capsys.readouterr().out
    assert "3 x H2O, 20 steps" in printed
    assert float(printed.split()[-2]) < 1e-6


def test_the_parts_of_the_drivers_time_make_up_the_whole():
    seconds, parts = overhead.measure("water-81", steps=20, log_every=10)
    assert parts.keys() >= {"steps", "bond orders", "host"}
    assert sum(parts.values()) == pytest.approx(seconds)
    assert min(parts.values()) > 0


@pytest.mark.long
def test_the_parts_of_a_step_are_printed_with_their_shares(capsys):
    parts.main(["--system", "water-81", "--steps", "10"])
    lines = [line.split("|") for line in capsys.readouterr().out.splitlines()]
    assert lines[2][1].strip() == "a step" and lines[2][3].strip() == "100"
    named = {line[1].strip("- ") for line in lines}
    assert {"torsions", "hydrogen bonds", "charges: the matrix"} <= named


def test_two_results_are_compared_by_their_ratios(tmp_path, capsys):
    def written(name, rows):
        rows = [
            measure.Row("water", 81, peer, step=step, ratio=ratio).as_dict()
            for peer, step, ratio in rows
        ]
        (tmp_path / name).write_text(json.dumps({"rows": rows}))
        return str(tmp_path / name)

    old = written("old", [("ours", 20.0, 0.5), ("jax-md", 200.0, None)])
    same = written("same", [("ours", 40.0, 0.52), ("other", 1.0, 1.0)])
    slow = written("slow", [("ours", 20.0, 0.6), ("jax-md", 190.0, None)])
    assert compare.main([old, same]) == 0
    assert "| water | ours | 0.5 | 0.52 | 1.04 |  |" in capsys.readouterr().out
    assert compare.main([old, slow]) == 1
    printed = capsys.readouterr().out
    assert "1.20 | slower" in printed and "| 200 | 190 | 0.95 |" in printed
    with pytest.raises(SystemExit):
        compare.main([slow, written("none", [("other", 1.0, 1.0)])])


def test_silica_without_a_force_field_is_skipped_with_a_word():
    done = run("--systems", "silica-6048")
    assert done.returncode == 0, done.stderr
    assert "skipped: no force field with Si given" in done.stdout


def test_a_program_that_is_too_slow_or_fails_gives_a_reason():
    slow = measure.Peer("slow", "peer_ours")
    common = {"structure": "nowhere.traj", "steps": 1}
    result = measure.run(slow, common, seconds=0.05, cache=None)
    assert result == {"why_not": "no result within 0.05 s"}
    result = measure.run(slow, common, seconds=60, cache=None)
    assert "nowhere.traj" in result["why_not"]


def test_a_wrong_option_is_refused():
    assert "no file nowhere" in run("--silica-ffield", "nowhere").stderr
    assert "not a positive" in run("--repeats", 0).stderr
