"""The course's expected figures, and the comparison that a graded check prints and asserts."""

import json
from pathlib import Path

import numpy as np

from lab.checks import NotWritten
from lab.mistakes import difference, explain, known

BOUND = 1e-12  # difference that still counts as equal; float64 rounding stays far below


def expected_seed1():
    """Return the course's figures for seed 1: {check: {key: nested list}}."""
    return json.loads(Path(__file__).with_name("expected_seed1.json").read_text("utf-8"))


class Differs(AssertionError):  # noqa: N818 - named for what it says
    """Figures are not the expected ones; a notebook shows the sentences, no traceback."""

    _render_traceback_ = NotWritten._render_traceback_


def compare(check, figures, expected=None, bound=BOUND):
    """Print how far each figure is from the expected one, then assert that all agree.

    Args:
        check: name of a check, as in `lab.mistakes`.
        figures: {key: array or shape}; a shape's key ends in "_shape" or in " shape".
        expected: figures to agree with; for None those that the check has with seed 1.
        bound: largest difference allowed, as a part of the largest expected number.

    Raises:
        AssertionError: keys or a shape differ, or a difference is above `bound`; the message says
            which, and names the mistake where it is a known one.
    """
    expected = (expected_seed1() | known()["expected"])[check] if expected is None else expected
    figures = {key.replace(" shape", "_shape"): value for key, value in figures.items()}
    if list(figures) != list(expected):
        came = ", ".join(figures) or "none"
        raise Differs(f"{check}: expected the entries {', '.join(expected)}, got {came}")
    wrong = []
    for key, value in figures.items():
        yours, theirs = np.asarray(value), np.asarray(expected[key])
        error = difference(yours, theirs)
        if yours.shape == theirs.shape:
            verdict = f"relative difference {error:.1e}, bound {bound:.0e}"
        else:
            verdict = f"has shape {yours.shape} where {theirs.shape} is expected"
        print(f"{key:<14} {verdict}")
        if not error <= bound:
            print(f"  yours\n{_indented(yours)}\n  expected\n{_indented(theirs)}")
            wrong.append(f"{key} {verdict}")
    if wrong:
        said = explain(check, figures, expected, bound)
        raise Differs("\n".join([f"{check}: {'; '.join(wrong)}", *said]))
    print(f"{check}: all {len(figures)} entries agree")


def _indented(A):
    with np.printoptions(precision=8, suppress=np.abs(A).max() > 1e-4, linewidth=96):
        return "\n".join("    " + line for line in str(A).splitlines())
