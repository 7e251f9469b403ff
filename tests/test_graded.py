"""The graded figures: the layers, the expected file and the hand-in against a naive lab."""

import numpy as np
import pytest
from conftest import ROOT

from RNN import RNN
from tools import naive
from lab.expected import BOUND, compare, expected_seed1


def same(figures, expected):
    assert list(figures) == list(expected)
    for key, value in expected.items():
        assert np.shape(figures[key]) == np.shape(value), key
        np.testing.assert_allclose(figures[key], value, rtol=0, atol=BOUND, err_msg=key)


def layer_checks(lab, seed):
    """The graded recipes run on the project's layers and on the notebook's Model."""
    rnn = RNN(5, 3)
    checks = {
        "RNN_initialization": {
            f"{name}_shape": getattr(rnn, name).shape for name in ("Wx", "Wh", "bh")
        }
    }
    np.random.seed(seed)
    X = np.random.randn(2, 4, 5)
    output = rnn.forward(X)
    checks["RNN_forward"] = {
        "X_shape": X.shape,
        "X": X,
        "Output_shape": output.shape,
        "Output": output,
    }
    dH = np.random.randn(2, 3)
    values = {"dH": dH, "dL_dX": rnn.backward(dH)}
    values |= {name: getattr(rnn, name) for name in ("dL_dWx", "dL_dWh", "dL_dbh")}
    checks["RNN_backward"] = {}
    for name, value in values.items():
        checks["RNN_backward"] |= {f"{name}_shape": value.shape, name: value}
    np.random.seed(seed)
    X = np.random.randn(3, 3, 1)
    model = lab.Model()
    for layer in (RNN(1, 4), RNN(4, 4), lab.Dense(4, 1), lab.Activation("sigmoid", None)):
        model.add(layer)
    AL = model.forward(X)
    dA_prev = model.backward(AL, Y=np.array([[1], [0], [1]]))
    model.update(0.1)
    first = model.layers[0].parameters
    checks["Model_class"] = {"AL": AL, "dA_prev": dA_prev} | {
        f"{name} of RNN": first[name] for name in ("Wx", "Wh", "bh")
    }
    return checks


@pytest.mark.parametrize("seed", [1, 42])
def test_layers_equal_the_naive_lab(lab, seed):
    expected = naive.graded(seed)
    for check, figures in layer_checks(lab, seed).items():
        same(figures, expected[check])


def test_naive_lab_equals_the_expected_file():
    figures = naive.graded(1)
    assert list(figures) == list(expected_seed1())
    for check, expected in expected_seed1().items():
        same(figures[check], expected)


def test_hand_in_equals_the_naive_lab():
    saved = np.load(ROOT / "outputs" / "Lab6_outputs.npy", allow_pickle=True).item()
    expected = naive.graded(42)
    assert list(saved) == list(expected)
    for check, figures in saved.items():
        same(figures, expected[check])


def test_compare_asserts(capsys):
    compare("check", {"a": [[1.0]]}, {"a": [[1.0 + 1e-13]]})
    assert "All 1 entries agree" in capsys.readouterr().out
    with pytest.raises(AssertionError, match="a relative difference"):
        compare("check", {"a": [1.0]}, {"a": [1.0 + 1e-11]})
    with pytest.raises(AssertionError, match="has shape"):
        compare("check", {"a": [[1.0]]}, {"a": [1.0]})


def test_compare_misses_no_entry():
    with pytest.raises(AssertionError, match="expected the entries a, b, got a"):
        compare("check", {"a": 1}, {"a": 1, "b": 2})
