"""Whatever the file: a force field of finite numbers, or the reader's own error."""

import io
import random

import jaxtyping
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ase_reaxff_jax.bundled import find
from ase_reaxff_jax.ffield import FfieldError, read_ffield
from ase_reaxff_jax.forcefield import ForceField

MUTATIONS = 10_000
JUNK = "0123456789.+-eEdD!# \t\n\rCHX*nainf\0é\x1c\u2028"
TOKENS = "0 1 -1 7 nan inf -inf 1e999 1.0D+00 ****** ! # X C 1.2345100.0000 999999999"


@pytest.fixture(autouse=True, scope="module")
def types_are_not_checked():
    """Which takes six times as long as reading."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", before)


def small_file():
    """A force field of two elements, with wild cards and the fifth line of lg."""
    lines = find("lg").read_text().split("\n")
    start = next(k for k, line in enumerate(lines) if line.startswith(" C "))
    titles = lines[start - 4 : start]
    bonds = next(k for k, line in enumerate(lines) if "Nr of bonds" in line)
    kept = [*lines[: start - 4], titles[0].replace("5", "2", 1), *titles[1:]]
    kept += [
        *lines[start : start + 10],
        "  1 ! Nr of bonds",
        *lines[bonds + 1 : bonds + 4],
    ]
    kept += [
        "  1 ! off-diagonal",
        "  1  2   0.0464   1.8296   9.9214   1.0029  -1.0  -1.0",
    ]
    kept += [
        "  1 ! angles",
        "  1  1  2  65.2527  14.3185   6.2977   0.0 0.5645 0.0 1.153",
    ]
    kept += ["  1 ! torsions", "  0  1  1  0   0.0000  50.0000   0.3000  -4.0000  -2.0"]
    kept += [
        "  1 ! hydrogen bonds",
        "  1  2  1   2.1845  -2.3549   3.0582  19.1627",
        "",
    ]
    return "\n".join(kept)


SMALL = small_file()


def outcome(text):
    """'read' or 'refused'; anything else fails the test."""
    try:
        force_field = read_ffield(io.StringIO(text))
    except FfieldError as error:
        assert str(error).startswith("<force field>:")
        return "refused"
    assert isinstance(force_field, ForceField)
    sections = [getattr(force_field, name) for name in ("general", "atom", "bond")]
    sections += [force_field.off_diagonal, force_field.angle, force_field.torsion]
    assert all(np.isfinite(section).all() for section in sections)
    return "read"


def mutate_lines(draw, text):
    lines = text.split("\n")
    k, m = draw.randrange(len(lines)), draw.randrange(len(lines))
    action = draw.choice(["delete", "double", "swap", "blank", "join", "comment"])
    if action == "delete":
        del lines[k]
    elif action == "double":
        lines.insert(m, lines[k])
    elif action == "swap":
        lines[k], lines[m] = lines[m], lines[k]
    elif action == "blank":
        lines.insert(k, draw.choice(["", "  ", "# remark", "! 1 2 3"]))
    elif action == "join":
        lines[k : k + 2] = [" ".join(lines[k : k + 2])]
    else:
        lines[k] = f"!{lines[k]}"
    return "\n".join(lines)


def mutate_tokens(draw, text):
    lines = text.split("\n")
    k = draw.randrange(len(lines))
    tokens = lines[k].split() or [""]
    m = draw.randrange(len(tokens))
    action = draw.choice(["delete", "double", "replace", "swap", "touch"])
    if action == "delete":
        del tokens[m]
    elif action == "double":
        tokens.insert(m, tokens[m])
    elif action == "replace":
        tokens[m] = draw.choice(TOKENS.split())
    elif action == "swap":
        n = draw.randrange(len(tokens))
        tokens[m], tokens[n] = tokens[n], tokens[m]
    else:
        tokens[m : m + 2] = ["".join(tokens[m : m + 2])]
    lines[k] = "  ".join(tokens)
    return "\n".join(lines)


def mutate_characters(draw, text):
    k = draw.randrange(len(text))
    action = draw.choice(["delete", "insert", "replace", "cut", "truncate"])
    if action == "delete":
        return text[:k] + text[k + 1 :]
    if action == "insert":
        return text[:k] + draw.choice(JUNK) + text[k:]
    if action == "replace":
        return text[:k] + draw.choice(JUNK) + text[k + 1 :]
    if action == "cut":
        return text[:k] + text[k + draw.randrange(200) :]
    return text[:k]


def mutate_file(draw, text):
    ends = ["\r\n", "\r", "\n\n"]
    return text.replace("\n", draw.choice(ends)) if draw.random() < 0.5 else text[::-1]


def test_mutated_files_are_read_or_refused():
    draw = random.Random(0)
    kinds = [mutate_lines, mutate_tokens, mutate_characters]
    found = {"read": 0, "refused": 0}
    for _ in range(MUTATIONS):
        text = SMALL
        for _ in range(draw.choice([1, 1, 2, 5])):
            text = draw.choice(kinds)(draw, text) or "\n"
        if draw.random() < 0.02:
            text = mutate_file(draw, text)
        found[outcome(text)] += 1
    assert min(found.values()) > MUTATIONS / 10  # both are exercised


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.text(alphabet=JUNK, max_size=60), st.integers(0, len(SMALL)), st.integers(0, 99)
)
def test_junk_anywhere_is_read_or_refused(junk, place, width):
    outcome(SMALL[:place] + junk + SMALL[place + width :])


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=2000))
def test_any_bytes_are_refused(content):
    try:
        read_ffield(io.BytesIO(content))
    except FfieldError:
        return
    raise AssertionError("random bytes were read as a force field")
