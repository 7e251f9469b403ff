"""The graded figures: the layers, the expected file and the hand-in against the reference."""

import numpy as np
import pytest
from conftest import ROOT

from RNN import RNN

from lab.expected import compare, expected_seed1
from tools.grading import reference
from tools.grading.safe_load import load_dictionary


def with_shapes(**arrays):
    return {
        key: value
        for name, A in arrays.items()
        for key, value in ((f"{name}_shape", A.shape), (name, A))
    }


def figures_of_the_layers(notebook, seed):
    """The four recipes, run on the project's layers and on the notebook's Model."""
    rnn = RNN(5, 3)
    shapes = {f"{name}_shape": getattr(rnn, name).shape for name in ("Wx", "Wh", "bh")}
    np.random.seed(seed)
    X = np.random.randn(2, 4, 5)
    forward = with_shapes(X=X, Output=rnn.forward(X))
    dH = np.random.randn(2, 3)
    backward = with_shapes(
        dH=dH, dL_dX=rnn.backward(dH), dL_dWx=rnn.dL_dWx, dL_dWh=rnn.dL_dWh, dL_dbh=rnn.dL_dbh
    )
    np.random.seed(seed)
    X = np.random.randn(3, 3, 1)
    model, first = notebook.Model(), RNN(1, 4)
    for layer in (first, RNN(4, 4), notebook.Dense(4, 1), notebook.Activation("sigmoid", None)):
        model.add(layer)
    AL = model.forward(X)
    whole = {"AL": AL, "dA_prev": model.backward(AL, Y=np.array([[1], [0], [1]]))}
    model.update(0.1)
    whole |= {f"{name} of RNN": getattr(first, name) for name in ("Wx", "Wh", "bh")}
    return {
        "RNN_initialization": shapes,
        "RNN_forward": forward,
        "RNN_backward": backward,
        "Model_class": whole,
    }


def same(figures, expected):
    assert list(figures) == list(expected)
    for check in expected:
        compare(check, figures[check], expected[check])


@pytest.mark.parametrize("seed", [1, 42])
def test_layers_equal_the_reference(notebook, seed):
    same(figures_of_the_layers(notebook, seed), reference.graded(seed))


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
