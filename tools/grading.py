"""The course's expected figures, and the comparison that a graded check prints and asserts."""

import json
from pathlib import Path

import numpy as np

BOUND = 1e-12  # difference that still counts as equal; float64 rounding stays far below


def expected_seed1():
    """Return the course's figures for seed 1: {check: {key: nested list}}."""
    return json.loads(Path(__file__).with_name("expected_seed1.json").read_text("utf-8"))


def compare(title, figures, expected, bound=BOUND):
    """Print each figure beside the expected one, then assert that all agree.

    Args:
        title: headline of the check.
        figures, expected: {key: array or shape}, of the same keys in the same order.
        bound: largest difference allowed, as a part of the largest expected number.

    Raises:
        AssertionError: keys or a shape differ, or a difference is above `bound`; the message says
            which.
    """
    assert list(figures) == list(expected), (
        f"{title}: expected the entries {', '.join(expected)}, got {', '.join(figures) or 'none'}"
    )
    print(title)
    wrong = []
    for key, value in figures.items():
        yours, theirs = np.asarray(value), np.asarray(expected[key])
        if yours.shape != theirs.shape:
            verdict, fits = f"has shape {yours.shape} where {theirs.shape} is expected", False
        else:
            error = float(np.abs(yours - theirs).max() / (np.abs(theirs).max() or 1))
            verdict, fits = f"relative difference {error:.1e}, bound {bound:.0e}", error <= bound
        print(f"\n{key}: {verdict}")
        if yours.ndim < 2:
            print(f"  yours {yours}   expected {theirs}")
        else:
            print(f"  yours\n{_indented(yours)}\n  expected\n{_indented(theirs)}")
        if not fits:
            wrong.append(f"{key} {verdict}")
    assert not wrong, f"{title}: " + "; ".join(wrong)
    print(f"\nAll {len(figures)} entries agree.")


def _indented(A):
    with np.printoptions(precision=8, suppress=np.abs(A).max() > 1e-4, linewidth=96):
        return "\n".join("    " + line for line in str(A).splitlines())
