"""The course's expected figures, and the comparison that a graded check prints and asserts."""

import json
from pathlib import Path

import numpy as np

BOUND = 1e-12  # difference that still counts as equal; float64 rounding stays far below


def expected_seed1():
    """Return the course's figures for seed 1: {check: {key: nested list}}."""
    return json.loads(Path(__file__).with_name("expected_seed1.json").read_text("utf-8"))


def compare(check, figures, expected=None, bound=BOUND):
    """Print how far each figure is from the expected one, then assert that all agree.

    Args:
        check: name of one of the course's four checks.
        figures: {key: array or shape}; a shape's key ends in "_shape" or in " shape".
        expected: figures to agree with; the course's for seed 1 if None.
        bound: largest difference allowed, as a part of the largest expected number.

    Raises:
        AssertionError: keys or a shape differ, or a difference is above `bound`; the message says
            which.
    """
    expected = expected_seed1()[check] if expected is None else expected
    figures = {key.replace(" shape", "_shape"): value for key, value in figures.items()}
    assert list(figures) == list(expected), (
        f"{check}: expected the entries {', '.join(expected)}, got {', '.join(figures) or 'none'}"
    )
    wrong = []
    for key, value in figures.items():
        yours, theirs = np.asarray(value), np.asarray(expected[key])
        if yours.shape != theirs.shape:
            verdict, fits = f"has shape {yours.shape} where {theirs.shape} is expected", False
        else:
            error = float(np.abs(yours - theirs).max() / (np.abs(theirs).max() or 1))
            verdict, fits = f"relative difference {error:.1e}, bound {bound:.0e}", error <= bound
        print(f"{key:<14} {verdict}")
        if not fits:
            print(f"  yours\n{_indented(yours)}\n  expected\n{_indented(theirs)}")
            wrong.append(f"{key} {verdict}")
    assert not wrong, f"{check}: " + "; ".join(wrong)
    print(f"{check}: all {len(figures)} entries agree")


def _indented(A):
    with np.printoptions(precision=8, suppress=np.abs(A).max() > 1e-4, linewidth=96):
        return "\n".join("    " + line for line in str(A).splitlines())
