"""The layers against the naive lab and against finite differences, T > 1, N > 1, D != H."""

import copy
import pickle

import numpy as np
import pytest

from Activation import NAMES, Activation
from Dense import Dense
from Flatten import Flatten
from Loss import compute_BCE_loss, compute_CCE_loss, compute_MSE_loss
from RNN import RNN
from tools import naive

SHAPES = [(2, 3, 4, 5), (5, 4, 3, 2), (1, 1, 1, 1), (3, 11, 2, 6), (4, 1, 7, 3)]  # N, T, D, H


def random_rnn(D, H, rng, **options):
    """A layer whose biases are not zero and whose weights are large enough to matter."""
    rnn = RNN(D, H, **options)
    for W in rnn.parameters.values():
        W[:] = rng.normal(0, 0.5, W.shape)
    return rnn


def numeric_gradient(f, A, step=1e-6):
    """Central differences of the scalar f() over every entry of A, which is changed in place."""
    gradient = np.empty(A.shape)
    for index in np.ndindex(A.shape):
        kept = A[index]
        A[index] = kept + step
        above = f()
        A[index] = kept - step
        below = f()
        A[index] = kept
        gradient[index] = (above - below) / (2 * step)
    return gradient


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("sequences", [False, True])
def test_rnn_equals_naive_loop(shape, sequences):
    N, T, D, H = shape
    rng = np.random.default_rng(0)
    for input_gradient in ("course", "true"):
        rnn = random_rnn(D, H, rng, return_sequences=sequences, input_gradient=input_gradient)
        X = rng.normal(size=(N, T, D))
        output = rnn.forward(X)
        runs = naive.rnn_forward(rnn.Wx, rnn.Wh, rnn.bh, X)
        states = np.array([run[1:] for run in runs])
        np.testing.assert_allclose(output, states if sequences else states[:, -1], atol=1e-13)
        np.testing.assert_array_equal(rnn.forward(X, training=False), output)
        dH = rng.normal(size=output.shape)
        kept = dH.copy()
        dX = rnn.backward(dH)
        np.testing.assert_array_equal(dH, kept)
        upstream = dH if sequences else naive.last_only(dH, T)
        dWx, dWh, dbh, true, course = naive.rnn_backward(rnn.Wx, rnn.Wh, X, runs, upstream)
        for mine, expected in (
            (rnn.dL_dWx, dWx),
            (rnn.dL_dWh, dWh),
            (rnn.dL_dbh, dbh),
            (dX, true if input_gradient == "true" else course),
        ):
            np.testing.assert_allclose(mine, expected, rtol=1e-10, atol=1e-13)


def test_rnn_buffers_survive_a_change_of_batch_size():
    rng = np.random.default_rng(1)
    rnn = random_rnn(3, 4, rng)
    for N, T in ((6, 5), (2, 5), (6, 5), (1, 7), (6, 5), (6, 2)):
        X, dH = rng.normal(size=(N, T, 3)), rng.normal(size=(N, 4))
        fresh = RNN(3, 4)
        for mine, other in zip(fresh.parameters.values(), rnn.parameters.values(), strict=True):
            mine[:] = other
        np.testing.assert_array_equal(rnn.forward(X), fresh.forward(X))
        rnn.forward(rng.normal(size=(9, 3, 3)), training=False)  # must not disturb backward
        np.testing.assert_array_equal(rnn.backward(dH), fresh.backward(dH))
        np.testing.assert_array_equal(rnn.dL_dWx, fresh.dL_dWx)
        np.testing.assert_array_equal(rnn.dL_dWh, fresh.dL_dWh)


def test_rnn_result_is_the_callers_own():
    rng = np.random.default_rng(2)
    for sequences in (False, True):
        rnn = RNN(3, 4, return_sequences=sequences)
        first = rnn.forward(rng.normal(size=(2, 5, 3)))
        kept = first.copy()
        rnn.forward(rng.normal(size=(2, 5, 3)))
        np.testing.assert_array_equal(first, kept)


def test_orthogonal_start():
    rnn = RNN(48, 64, seed=3, init="orthogonal")
    np.testing.assert_allclose(rnn.Wh @ rnn.Wh.T, np.eye(64), atol=1e-12)
    assert abs(rnn.Wx.std() * np.sqrt(48) - 1) < 0.05
    np.testing.assert_array_equal(rnn.Wh, RNN(48, 64, seed=3, init="orthogonal").Wh)
    assert (rnn.Wh != RNN(48, 64, seed=4, init="orthogonal").Wh).any()


def test_what_has_vanished_is_left_out():
    """In float32 the course's start sinks below what the type can hold; the result must not."""
    rng = np.random.default_rng(3)
    X, dH = rng.normal(size=(4, 128, 6)), rng.normal(size=(4, 64))
    single, double = RNN(6, 64, dtype=np.float32), RNN(6, 64)
    for rnn in (single, double):
        rnn.forward(X)
    assert (single.backward(dH) == 0).all()
    assert (double.backward(dH) != 0).all()
    for name in ("dL_dWx", "dL_dWh", "dL_dbh"):
        mine, exact = getattr(single, name), getattr(double, name)
        assert mine.dtype == np.float32
        np.testing.assert_allclose(mine, exact, rtol=0, atol=2e-6 * np.abs(exact).max())


def test_float32_follows_float64():
    rng = np.random.default_rng(4)
    X, dH = rng.normal(size=(5, 20, 6)), rng.normal(size=(5, 16))
    results = []
    for dtype in (np.float32, np.float64):
        rnn = RNN(6, 16, init="orthogonal", input_gradient="true", dtype=dtype)
        results.append([rnn.forward(X), rnn.backward(dH), rnn.dL_dWx, rnn.dL_dWh, rnn.dL_dbh])
    for single, double in zip(*results, strict=True):
        assert single.dtype == np.float32
        np.testing.assert_allclose(single, double, atol=2e-5 * np.abs(double).max())


def test_dense_gradients():
    rng = np.random.default_rng(5)
    dense = Dense(4, 3, seed=7)
    dense.parameters["b"][:] = rng.normal(size=(1, 3))
    A, dZ = rng.normal(size=(5, 4)), rng.normal(size=(5, 3))
    dense.forward(A)
    dA = dense.backward(dZ)

    def total():
        return np.sum(dense.forward(A, training=False) * dZ)

    np.testing.assert_allclose(dA, numeric_gradient(total, A), atol=1e-8)
    for name, W in dense.parameters.items():
        numeric = numeric_gradient(total, W) / 5
        np.testing.assert_allclose(dense.gradients[name], numeric, atol=1e-8)


def test_dense_start_is_the_courses():
    W, b = naive.dense_weights(4, 3, seed=7)
    np.testing.assert_array_equal(Dense(4, 3, seed=7).parameters["W"], W)
    np.testing.assert_array_equal(Dense(4, 3, seed=7).parameters["b"], b)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "softmax"])
def test_activation_gradients(name):
    rng = np.random.default_rng(6)
    layer = Activation(name, None)
    for shape in ((4, 3), (2, 5, 3)):
        Z, dA = rng.normal(size=shape), rng.normal(size=shape)
        layer.forward(Z)

        def total(Z=Z, dA=dA):
            return np.sum(layer.forward(Z, training=False) * dA)

        np.testing.assert_allclose(layer.backward(dA), numeric_gradient(total, Z), atol=1e-8)


def test_softmax():
    Z = np.array([[1e4, 0.0, -1e4], [3.0, 3.0, 3.0]])
    layer = Activation("softmax", "cross_entropy")
    A = layer.forward(Z)
    np.testing.assert_allclose(A, [[1, 0, 0], [1 / 3, 1 / 3, 1 / 3]], atol=1e-15)
    Y = np.array([[0, 1, 0], [0, 0, 1]])
    np.testing.assert_array_equal(layer.backward(A, Y), A - Y)


def test_sigmoid_does_not_overflow():
    A = Activation("sigmoid", None).forward(np.array([[-1e4, 0.0, 1e4]]))
    np.testing.assert_array_equal(A, [[0, 0.5, 1]])


def test_flatten_restores_the_shape():
    rng = np.random.default_rng(7)
    A = rng.normal(size=(3, 4, 2))
    layer = Flatten()
    assert layer.forward(A).shape == (3, 8)
    np.testing.assert_array_equal(layer.backward(A.reshape(3, 8)), A)


def test_losses():
    AL, Y = np.array([[0.2, 0.8], [0.5, 0.5], [1.0, 0.0]]), np.array([[0, 1], [1, 0], [1, 0]])
    assert compute_MSE_loss(AL, Y) == pytest.approx((0.08 + 0.5 + 0) / 3)
    logs = np.log(0.80001) + np.log(0.50001) + np.log(1.00001)
    assert compute_CCE_loss(AL, Y) == pytest.approx(-logs / 3)
    assert compute_BCE_loss(AL[:, :1], Y[:, :1]) == pytest.approx(
        -(np.log(0.80001) + np.log(0.50001) + np.log(1.00001)) / 3
    )


def test_update_is_plain_gradient_descent_in_place():
    rng = np.random.default_rng(8)
    for layer, X, shape in ((RNN(3, 4), (2, 5, 3), (2, 4)), (Dense(3, 4), (2, 3), (2, 4))):
        layer.forward(rng.normal(size=X))
        layer.backward(rng.normal(size=shape))
        arrays = list(layer.parameters.values())
        expected = [W - 0.3 * g for W, g in zip(arrays, layer.gradients.values(), strict=True)]
        layer.update(0.3)
        for W, alias, want in zip(layer.parameters.values(), arrays, expected, strict=True):
            assert W is alias
            np.testing.assert_array_equal(W, want)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
def test_a_copy_computes_for_itself(copied):
    """The workspace is views of one block; a copy must not keep pieces that no longer belong."""
    rng = np.random.default_rng(7)
    X, dH = rng.normal(size=(2, 3, 4, 5)), rng.normal(size=(3, 6))
    layer = RNN(5, 6, init="orthogonal")
    layer.forward(X[0])
    twin = copied(layer)
    with pytest.raises(RuntimeError, match="before"):
        twin.backward(dH)
    np.testing.assert_array_equal(twin.forward(X[1]), layer.forward(X[1]))
    np.testing.assert_array_equal(twin.backward(dH), layer.backward(dH))
    np.testing.assert_array_equal(twin.dL_dWh, layer.dL_dWh)


def test_an_activation_keeps_its_own_copy():
    Z = np.array([[0.3, -0.2]])
    for name in ("tanh", "linear"):
        layer = Activation(name, None)
        A = layer.forward(Z)
        expected = layer.backward(np.ones_like(Z))
        A += 1
        np.testing.assert_array_equal(layer.backward(np.ones_like(Z)), expected)
    assert Z.tolist() == [[0.3, -0.2]]


def test_a_number_too_large_for_the_layer_is_refused():
    with pytest.raises(ValueError, match="A: expected finite numbers"):
        Dense(2, 1, dtype=np.float32).forward(np.array([[1e300, 0.0]]))
