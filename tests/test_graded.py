"""The graded figures: the layers, the expected file and the hand-in against the reference."""

import numpy as np
import pytest
from conftest import ROOT

from lab.expected import compare, expected_seed1
from tools.grading import reference
from tools.grading.safe_load import load_dictionary
from tools.mistakes import course_figures


def figures_of(names, seed):
    """What the notebook's four checks give for a seed, on the layers and the Model in `names`."""
    figures = {"RNN_initialization": course_figures("RNN_initialization", names)}
    for check in ("RNN_forward", "RNN_backward", "Model_class"):
        figures[check] = course_figures(check, names, seed)
    return figures


def same(figures, expected):
    assert list(figures) == list(expected)
    for check in expected:
        compare(check, figures[check], expected[check])


@pytest.mark.parametrize("seed", [1, 42])
def test_layers_equal_the_reference(notebook, seed):
    same(figures_of(vars(notebook), seed), reference.graded(seed))


def test_reference_equals_the_expected_file():
    same(reference.graded(1), expected_seed1())


def test_hand_in_equals_the_reference():
    saved = (ROOT / "outputs" / "Lab6_outputs.npy").read_bytes()
    same(load_dictionary(saved), reference.graded(42))


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ({"a": [[1.0 + 1e-13]], "b_shape": (1,)}, None),
        ({"a": [[1.0 + 1e-13]], "b shape": (1,)}, None),
        ({"a": [[1.0 + 1e-11]], "b_shape": (1,)}, "check: a relative difference 1.0e-11, bound"),
        ({"a": [[np.nan]], "b_shape": (1,)}, "check: a relative difference nan, bound"),
        ({"a": [1.0], "b_shape": (2,)}, r"check: a has shape \(1,\) where .*; b_shape relative"),
        ({"a": [[1.0]]}, "check: expected the entries a, b_shape, got a"),
    ],
)
def test_compare(figures, words, capsys):
    expected = {"a": [[1.0]], "b_shape": (1,)}
    if words is None:
        compare("check", figures, expected)
        assert "check: all 2 entries agree" in capsys.readouterr().out
    else:
        with pytest.raises(AssertionError, match=words):
            compare("check", figures, expected)
