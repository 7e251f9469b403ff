"""What the layers promise beside their outputs and gradients, which test_proof.py proves."""

import numpy as np
import pytest

from Activation import FUNCTIONS, Activation
from Dense import Dense
from Loss import compute_BCE_loss, compute_CCE_loss, compute_MSE_loss
from RNN import RNN

from lab.model import gradients_of, weights_of
from tools.grading import reference


def test_orthogonal_start():
    rnn, same, other = (RNN(48, 64, seed=seed, init="orthogonal") for seed in (3, 3, 4))
    np.testing.assert_allclose(rnn.Wh @ rnn.Wh.T, np.eye(64), atol=1e-12)
    assert abs(rnn.Wx.std() * np.sqrt(48) - 1) < 0.05
    np.testing.assert_array_equal(rnn.Wh, same.Wh)
    assert (rnn.Wh != other.Wh).any()


def test_dense_start_is_the_courses():
    for mine, exact in zip(
        Dense(4, 3, seed=7).parameters.values(), reference.dense_weights(4, 3, seed=7), strict=True
    ):
        np.testing.assert_array_equal(mine, exact)


def test_exponentials_do_not_overflow():
    A = Activation("softmax", None).forward(np.array([[1e4, 0.0, -1e4], [3.0, 3.0, 3.0]]))
    np.testing.assert_allclose(A, [[1, 0, 0], [1 / 3, 1 / 3, 1 / 3]], atol=1e-15)
    A = Activation("sigmoid", None).forward(np.array([[-1e4, 0.0, 1e4]]))
    np.testing.assert_array_equal(A, [[0, 0.5, 1]])


def test_losses():
    AL, Y = np.array([[0.2, 0.8], [0.5, 0.5], [1.0, 0.0]]), np.array([[0, 1], [1, 0], [1, 0]])
    logs = np.log(0.80001) + np.log(0.50001) + np.log(1.00001)
    assert compute_MSE_loss(AL, Y) == pytest.approx((0.08 + 0.5 + 0) / 3)
    assert compute_CCE_loss(AL, Y) == pytest.approx(-logs / 3)
    assert compute_BCE_loss(AL[:, :1], Y[:, :1]) == pytest.approx(-logs / 3)


@pytest.mark.parametrize(("layer", "X"), [(RNN(3, 4), (2, 5, 3)), (Dense(3, 4), (2, 3))])
def test_update_is_plain_gradient_descent_in_place(layer, X):
    rng = np.random.default_rng(8)
    layer.forward(rng.normal(size=X))
    layer.backward(rng.normal(size=(2, 4)))
    before, gradients = weights_of(layer), gradients_of(layer)
    expected = {name: W - 0.3 * gradients[name] for name, W in before.items()}
    layer.update(0.3)
    for name, W in weights_of(layer).items():
        assert W is before[name]
        np.testing.assert_array_equal(W, expected[name])


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: RNN(3, 4), (2, 5, 3)),
        (lambda: RNN(3, 4, return_sequences=True), (2, 5, 3)),
        (lambda: Dense(3, 4), (2, 3)),
        *[(lambda name=name: Activation(name, None), (2, 3)) for name in FUNCTIONS],
    ],
    ids=["RNN", "RNN with return_sequences", "Dense", *FUNCTIONS],
)
def test_arrays_stay_the_callers_own(make, shape):
    """A layer changes no argument, and changing what it returned changes no gradient."""
    rng, layer, twin = np.random.default_rng(2), make(), make()
    X = rng.normal(size=shape)
    output, X_given = layer.forward(X), X.copy()
    G = np.asfortranarray(rng.normal(size=twin.forward(X).shape))
    G_given, labels = G.copy(), [G] * (getattr(layer, "activation_function", None) == "softmax")
    expected = twin.backward(G.copy(), *labels)
    output += 1
    np.testing.assert_array_equal(layer.backward(G, *labels), expected)
    np.testing.assert_array_equal(X, X_given)
    np.testing.assert_array_equal(G, G_given)
