"""The five modules: gradients by an independent engine, the course's start, inputs kept, errors."""

import shutil
import subprocess
import sys

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad
from conftest import ROOT, relative

from Activation import FUNCTIONS, Activation
from Dense import Dense
from Flatten import Flatten
from Loss import compute_BCE_loss, compute_CCE_loss, compute_MSE_loss
from RNN import RNN

N, T, D, H = 4, 6, 3, 5


def drawn_rnn(dtype=np.float64, **options):
    rng, rnn = np.random.default_rng(0), RNN(D, H, **options)
    for name in ("Wx", "Wh", "bh"):
        setattr(rnn, name, rng.normal(0, 0.5, getattr(rnn, name).shape).astype(dtype))
    return rnn, rng.normal(size=(N, T, D)), rng.normal(size=(N, T, H))


def states(Wx, Wh, bh, X, h):
    """All states, by autograd's NumPy, one step after the other."""
    result = []
    for t in range(X.shape[1]):
        h = anp.tanh(X[:, t] @ Wx.T + h @ Wh.T + bh.T)
        result.append(h)
    return anp.stack(result, axis=1)


@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("kind", ["course", "true"])
def test_rnn_equals_autograd(sequences, kind):
    rnn, X, dH = drawn_rnn(return_sequences=sequences, input_gradient=kind)
    dH = dH if sequences else dH[:, -1]
    weights = rnn.Wx, rnn.Wh, rnn.bh

    def loss(Wx, Wh, bh, X, h_0):
        h = states(Wx, Wh, bh, X, h_0)
        return anp.sum(dH * (h if sequences else h[:, -1]))

    h_0 = np.zeros((N, H))
    output = states(*weights, X, h_0)
    assert relative(rnn.forward(X), output if sequences else output[:, -1]) < 1e-14
    returned = rnn.backward(dH)
    exact = grad(loss, (0, 1, 2, 3, 4))(*weights, X, h_0)
    assert relative(returned, exact[3 if kind == "true" else 4]) < 1e-13
    for mine, right in zip((rnn.dL_dWx, rnn.dL_dWh, rnn.dL_dbh), exact, strict=False):
        assert mine.shape == right.shape and relative(mine, right / N) < 1e-13


def test_rnn_computes_in_the_dtype_of_its_weights():
    rnn, X, dH = drawn_rnn(np.float32, return_sequences=True, input_gradient="true")
    exact, _, _ = drawn_rnn(return_sequences=True, input_gradient="true")
    assert relative(rnn.forward(X), exact.forward(X)) < 1e-5
    assert relative(rnn.backward(dH), exact.backward(dH)) < 1e-5
    before = [W.copy() for W in (rnn.Wx, rnn.Wh, rnn.bh)]
    rnn.update(0.1)
    after, gradients = (rnn.Wx, rnn.Wh, rnn.bh), (rnn.dL_dWx, rnn.dL_dWh, rnn.dL_dbh)
    for W, old, g in zip(after, before, gradients, strict=True):
        assert W.dtype == g.dtype == rnn.forward(X).dtype == np.float32
        np.testing.assert_allclose(W, old - 0.1 * g, rtol=1e-6)
    assert rnn.backward(dH).dtype == np.float32


def test_starts():
    np.random.seed(7)  # as the course draws
    Wx, Wh = 0.01 * np.random.randn(5, 3), 0.01 * np.random.randn(5, 5)
    rnn = RNN(3, 5, seed=7)
    np.testing.assert_array_equal(rnn.Wx, Wx)
    np.testing.assert_array_equal(rnn.Wh, Wh)
    np.random.seed(7)
    W = np.random.uniform(-(0.75**0.5), 0.75**0.5, (5, 3)).T  # s^2 = 6 / (3 + 5)
    np.testing.assert_allclose(Dense(3, 5, seed=7).parameters["W"], W, rtol=1e-15)
    rnn, other = RNN(48, 64, 3, init="orthogonal"), RNN(48, 64, 4, init="orthogonal")
    np.testing.assert_allclose(rnn.Wh @ rnn.Wh.T, np.eye(64), atol=1e-12)
    assert abs(rnn.Wx.std() * np.sqrt(48) - 1) < 0.05 and (rnn.Wh != other.Wh).any()
    np.testing.assert_array_equal(rnn.Wh, RNN(48, 64, 3, init="orthogonal").Wh)
    assert [A.shape for A in (rnn.bh, RNN(3, 5).bh, Dense(3, 5).parameters["b"])] == [
        *((64, 1), (5, 1), (1, 5))
    ]


def test_dense_equals_its_formulas():
    rng, layer = np.random.default_rng(1), Dense(3, 2)
    A, dZ = rng.normal(size=(N, 3)), rng.normal(size=(N, 2))
    layer.parameters["b"] = rng.normal(size=(1, 2))
    W, b = (P.copy() for P in layer.parameters.values())
    given = A.copy()
    np.testing.assert_allclose(layer.forward(given), A @ W + b)
    given[:] = 0  # the caller's array may change before backward
    np.testing.assert_allclose(layer.backward(dZ), dZ @ W.T)
    np.testing.assert_allclose(layer.dW, A.T @ dZ / N)
    np.testing.assert_allclose(layer.db, dZ.mean(axis=0, keepdims=True))
    layer.update(0.3)
    np.testing.assert_allclose(layer.parameters["W"], W - 0.3 * layer.dW)
    np.testing.assert_allclose(layer.parameters["b"], b - 0.3 * layer.db)


FORMULAS = {
    "sigmoid": lambda Z: 1 / (1 + anp.exp(-Z)),
    "relu": lambda Z: anp.maximum(Z, 0),
    "tanh": anp.tanh,
    "linear": lambda Z: Z,
}


@pytest.mark.parametrize("name", FORMULAS)
def test_activations_equal_autograd(name):
    rng, layer = np.random.default_rng(2), Activation(name, None)
    Z, dA = rng.normal(size=(N, 3, 2)), rng.normal(size=(N, 3, 2))
    np.testing.assert_allclose(layer.forward(Z), FORMULAS[name](Z))
    exact = grad(lambda Z: anp.sum(dA * FORMULAS[name](Z)))(Z)
    np.testing.assert_allclose(layer.backward(dA), exact)


def test_softmax_with_cross_entropy():
    rng, layer, Y = np.random.default_rng(3), Activation("softmax", None), np.eye(3)[[0, 2, 1, 1]]
    Z = rng.normal(size=(4, 3))

    def loss(Z):
        return -anp.sum(Y * (Z - anp.log(anp.sum(anp.exp(Z), axis=1, keepdims=True))))

    np.testing.assert_allclose(layer.forward(Z).sum(axis=1), 1)
    np.testing.assert_allclose(layer.backward(None, Y), grad(loss)(Z), atol=1e-12)
    A = layer.forward(np.array([[1e4, 0.0, -1e4], [3.0, 3.0, 3.0]]))
    np.testing.assert_allclose(A, [[1, 0, 0], [1 / 3] * 3], atol=1e-15)
    sigmoid = Activation("sigmoid", None).forward(np.array([[-1e4, 0.0, 1e4]]))
    np.testing.assert_array_equal(sigmoid, [[0, 0.5, 1]])


def test_flatten_keeps_the_order():
    A, layer = np.arange(24.0).reshape(4, 3, 2), Flatten()
    np.testing.assert_array_equal(layer.forward(A[:, 0]), A[:, 0])  # rows stay rows
    np.testing.assert_array_equal(Flatten().forward([[3.0]]), [[3]])
    np.testing.assert_array_equal(layer.forward(A), A.reshape(4, 6))
    np.testing.assert_array_equal(layer.backward(2 * A.reshape(4, 6)), 2 * A)


def test_losses():
    AL, Y = np.array([[0.2, 0.8], [0.5, 0.5], [1.0, 0.0]]), np.array([[0, 1], [1, 0], [1, 0]])
    logs = np.log(0.80001) + np.log(0.50001) + np.log(1.00001)
    assert compute_MSE_loss(AL, Y) == pytest.approx((0.08 + 0.5 + 0) / 3)
    assert compute_CCE_loss(AL, Y) == pytest.approx(-logs / 3)
    assert compute_BCE_loss(AL[:, :1], Y[:, :1]) == pytest.approx(-logs / 3)


def test_small_integers_become_floats_and_float32_stays():
    for name in FUNCTIONS:
        assert Activation(name, None).forward(np.ones((2, 3), np.float32)).dtype == np.float32
    small = np.array([[1, 3]], np.uint8)
    np.testing.assert_allclose(
        Activation("sigmoid", None).forward(small), 1 / (1 + np.exp([[-1.0, -3]]))
    )
    np.testing.assert_allclose(Activation("softmax", None).forward(small).sum(), 1)
    assert compute_MSE_loss(np.array([[100]], np.uint8), np.array([[30]], np.uint8)) == 4900


LAYERS = {
    "RNN": (lambda: RNN(3, 4), (2, 5, 3)),
    "RNN, sequences": (lambda: RNN(3, 4, return_sequences=True), (2, 5, 3)),
    "Dense": (lambda: Dense(3, 4), (2, 3)),
    **{name: (lambda name=name: Activation(name, None), (2, 3)) for name in FUNCTIONS},
}


@pytest.mark.parametrize("name", LAYERS)
def test_arrays_stay_the_callers_own(name):
    """A layer changes no argument, and changing what it returned changes no gradient."""
    make, shape = LAYERS[name]
    rng, layer, twin = np.random.default_rng(2), make(), make()
    X = rng.normal(size=shape)
    output, X_given = layer.forward(X), X.copy()
    G = np.asfortranarray(rng.normal(size=twin.forward(X).shape))
    G_given, labels = G.copy(), [G] * (name == "softmax")
    expected = twin.backward(G.copy(), *labels)
    output += 1
    returned = layer.backward(G, *labels)
    np.testing.assert_array_equal(returned, expected)
    returned += 1
    np.testing.assert_array_equal(X, X_given)
    np.testing.assert_array_equal(G, G_given)


def after(layer, X):
    layer.forward(np.ones(X))
    return layer


P, Y = np.array([[0.9, 0.1], [0.3, 0.7]]), np.array([[1, 0], [0, 1]])
BAD = {
    "expected sequences of shape (N, T, 3), got (2, 3)": lambda: RNN(3, 4).forward(np.ones((2, 3))),
    "(N, T, 3), got (2, 5, 4)": lambda: RNN(3, 4).forward(np.ones((2, 5, 4))),
    "(N, T, 3), got (0, 5, 3)": lambda: RNN(3, 4).forward(np.ones((0, 5, 3))),
    "RNN: expected finite inputs": lambda: RNN(3, 4).forward(np.full((2, 5, 3), np.nan)),
    "dH of shape (2, 4)": lambda: after(RNN(3, 4), (2, 5, 3)).backward(np.ones((2, 3))),
    "got 'random'": lambda: RNN(3, 4, input_gradient="random"),
    "'course' and 'xavier'": lambda: RNN(3, 4, init="xavier"),
    "rows of shape (N, 3), got (2, 5, 3)": lambda: Dense(3, 4).forward(np.ones((2, 5, 3))),
    "(N, 3), got (3,)": lambda: Dense(3, 4).forward(np.ones(3)),
    "(N, 3), got (2, 4)": lambda: Dense(3, 4).forward(np.ones((2, 4))),
    "one shape (N, C), got (2,) and (2,)": lambda: compute_MSE_loss(P[:, 0], P[:, 0]),
    "(N, 3), got (0, 3)": lambda: Dense(3, 4).forward(np.ones((0, 3))),
    "dZ of shape (2, 4), got (2, 3)": lambda: after(Dense(3, 4), (2, 3)).backward(np.ones((2, 3))),
    "one of sigmoid, relu": lambda: Activation("gelu", None),
    "softmax: expected Z of shape (N, C)": lambda: after(Activation("softmax", None), (2, 3, 4)),
    "softmax: expected Y of shape (2, 3), got None": lambda: after(
        Activation("softmax", None), (2, 3)
    ).backward(np.ones((2, 3))),
    "relu: expected dA of shape (2, 3), got (3,)": lambda: after(
        Activation("relu", None), (2, 3)
    ).backward(np.ones(3)),
    "Flatten: expected a non-empty array": lambda: after(Flatten(), (3,)),
    "one shape (N, C), got (2, 1) and (2,)": lambda: compute_MSE_loss(P[:, :1], P[:, 0]),
    "probabilities in 0..1, got 0.1..1.8": lambda: compute_CCE_loss(P * [2, 1], Y),
    "probabilities in 0..1, got -0.7": lambda: compute_BCE_loss(P * [1, -1], Y),
    "targets of 0 and 1": lambda: compute_BCE_loss(P[:, :1], P[:, :1]),
    "a single 1 in each row": lambda: compute_CCE_loss(P, Y * 0),
}  # fmt: skip


@pytest.mark.parametrize("words", BAD)
def test_bad_input_is_a_sentence(words):
    with pytest.raises(ValueError) as error:
        BAD[words]()
    assert words in str(error.value)


@pytest.mark.parametrize("name", ["Dense", "Activation", "Loss", "Flatten", "RNN"])
def test_a_module_imports_alone(name, tmp_path):
    shutil.copy(ROOT / f"{name}.py", tmp_path)
    code = f"import sys; sys.path.insert(0, '.'); import {name}; print(*sorted(sys.modules))"
    command = [sys.executable, "-I", "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert not {"pandas", "matplotlib", "tools", "data", "scipy"} & {*done.stdout.split()}
