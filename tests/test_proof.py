"""Every gradient proved three ways, over shapes that hypothesis draws, on the notebook's Model.

Complex steps subtract nothing and so reach rounding error; central differences need nothing but
the forward pass; autograd differentiates the textbook equations below, which share no code with
the layers. The objective is sum(G * output) with random, uneven G; under softmax it is
-sum(Y log output). Biases are random too.
"""

from copy import deepcopy
from functools import partial

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad
from hypothesis import example, given, settings
from hypothesis import strategies as st

from Activation import Activation
from Dense import Dense
from Flatten import Flatten
from RNN import RNN

from lab.further import quotients
from lab.model import gradients_of

BOUNDS = {"complex step": 1e-10, "central": 1e-6, "autograd": 1e-9, "float32": 1e-4}
FUNCTIONS = {
    "Flatten": lambda A: anp.reshape(A, (len(A), -1)),
    "sigmoid": lambda A: 1 / (1 + anp.exp(-A)),
    "softmax": lambda A: anp.exp(A) / anp.sum(anp.exp(A), axis=1, keepdims=True),
    "relu": lambda A: A * (A > 0),
    "tanh": anp.tanh,
    "linear": lambda A: A,
}
true = partial(RNN, input_gradient="true")
states = partial(true, return_sequences=True)
act = partial(Activation, loss_function=None)
NETS = {
    "rnn": lambda T, D, H: [true(D, H)],
    "sequences": lambda T, D, H: [states(D, H)],
    "rows": lambda T, D, H: [true(D, H), true(H, H + 2), Dense(H + 2, 2)],
    "deep": lambda T, D, H: [states(D, H), act("tanh"), states(H, H + 2), true(H + 2, 2)],
    "flatten": lambda T, D, H: [states(D, H), Flatten(), Dense(T * H, 4), act("linear")],
    "dense": lambda T, D, H: [Flatten(), Dense(T * D, 4), act("relu"), Dense(4, 2)],
    "sigmoid": lambda T, D, H: [true(D, H), Dense(H, 3), act("sigmoid")],
    "softmax": lambda T, D, H: [states(D, H), true(H, H), Dense(H, 3), act("softmax")],
}

proof = settings(deadline=None, derandomize=True, max_examples=30, database=None)
# N, T, D, H, steps of training before the proof, seed
cases = st.tuples(*[st.integers(1, 4)] * 4, st.sampled_from([0, 3]), st.integers(0, 2**32 - 1))


def proved(test):
    return proof(given(case=cases)(example((3, 4, 2, 5, 0, 1))(example((2, 5, 4, 3, 3, 2))(test))))


def assert_near(way, mine, exact):
    """Largest difference, relative to the largest entry, within the bound of its kind."""
    assert len(mine) == len(exact)
    for a, b in zip(mine, exact, strict=True):
        assert a.shape == b.shape
        floor = 1e-3 if way == "central" else 1e-12  # cancellation leaves an absolute error
        error = np.abs(a - b).max() / max(np.abs(b).max(), floor)
        assert error <= BOUNDS[way], f"{way}: {error:.1e}"


def build(notebook, net, T, D, H, rng):
    """A Model with weights and biases that are random and large enough to matter."""
    model = notebook.Model()
    for layer in NETS[net](T, D, H):
        model.add(layer)
    for W in model.weights():
        W[:] = rng.normal(0, 0.6, W.shape)
    return model


def analytic(model, X, G):
    """Gradient at X, then those of the weights, which the layers average over the batch."""
    model.forward(X)
    dX = model.backward(G, G)
    gradients = [g for layer in model.layers for g in gradients_of(layer).values()]
    return [dX, *(g * len(X) for g in gradients)]


def textbook(layers, W, A, h=None):
    """The network once more, in terms that autograd can differentiate; h is the first h_0."""
    W = iter(W)
    for layer in layers:
        name = getattr(layer, "activation_function", type(layer).__name__)
        if name == "RNN":
            Wx, Wh, bh = next(W), next(W), next(W)
            A = A if A.ndim == 3 else A[:, None, :]
            h, seen = anp.zeros((len(A), len(Wh))) if h is None else h, []
            for t in range(A.shape[1]):
                h = anp.tanh(anp.dot(A[:, t], Wx.T) + anp.dot(h, Wh.T) + bh.T)
                seen.append(h)
            A, h = anp.stack(seen, axis=1) if layer.return_sequences else h, None
        elif name == "Dense":
            A = anp.dot(A, next(W)) + next(W)
        else:
            A = FUNCTIONS[name](A)
    return A


def autograd_of(f, arrays):
    return [grad(f, i)(*arrays) for i in range(len(arrays))]


def complex_step(f, A):
    """Derivative of f() with respect to every entry of the complex array A."""
    gradient = np.empty(A.shape)
    for index in np.ndindex(A.shape):
        kept = A[index]
        A[index] = kept + 1e-20j
        gradient[index] = f().imag / 1e-20
        A[index] = kept
    return gradient


@pytest.mark.parametrize("net", NETS)
@proved
def test_output_and_gradients(notebook, net, case):
    N, T, D, H, steps, seed = case
    rng = np.random.default_rng(seed)
    model, X = build(notebook, net, T, D, H, rng), rng.normal(size=(N, T, D))
    G = rng.normal(size=model.predict(X).shape)
    if net == "softmax":
        G = np.eye(3)[rng.integers(0, 3, N)]
    for _ in range(steps):
        analytic(model, X, G)
        model.update(0.05)

    def objective(output):
        return -anp.sum(G * anp.log(output)) if net == "softmax" else anp.sum(G * output)

    def f(X, *W):
        return objective(textbook(model.layers, W, X))

    mine, arrays = analytic(model, X, G), [X, *model.weights()]
    assert_near("autograd", [model.forward(X)], [textbook(model.layers, arrays[1:], X)])
    assert_near("autograd", mine, autograd_of(f, arrays))
    numeric = [quotients(lambda: objective(model.forward(X)), A) for A in arrays]
    assert_near("central", mine, numeric)
    single = analytic(deepcopy(model).astype(np.float32), np.float32(X), np.float32(G))
    assert {a.dtype for a in single} == {np.dtype(np.float32)}
    assert_near("float32", single, mine)
    if net != "sigmoid":  # its |Z| has no complex derivative
        twin, Z = deepcopy(model).astype(np.complex128), X.astype(np.complex128)
        arrays = [Z, *twin.weights()]
        exact = [complex_step(lambda: objective(twin.forward(Z)), A) for A in arrays]
        assert_near("complex step", mine, exact)


@pytest.mark.parametrize("sequences", [False, True])
@proved
def test_course_gradient_is_the_one_at_the_first_state(sequences, case):
    """A state h_0 is the same as H more inputs at the first step, weighted by Wh."""
    N, T, D, H, _, seed = case
    rng = np.random.default_rng(seed)
    rnn, twin = (RNN(width, H, return_sequences=sequences) for width in (D, D + H))
    Wx, Wh, bh = W = [rng.normal(0, 0.6, A.shape) for A in (rnn.Wx, rnn.Wh, rnn.bh)]
    rnn.Wx, rnn.Wh, rnn.bh = W
    twin.Wx, twin.Wh, twin.bh = np.hstack([Wx, Wh]), Wh.astype(np.complex128), bh
    X, h_0 = rng.normal(size=(N, T, D)), np.zeros((N, H))
    G = rng.normal(size=rnn.forward(X).shape)
    mine = rnn.backward(G)
    exact = autograd_of(lambda h: anp.sum(G * textbook([rnn], W, X, h)), [h_0])
    assert_near("autograd", [mine], exact)
    wide = np.concatenate([X, np.zeros((N, T, H))], axis=2).astype(np.complex128)
    exact = complex_step(lambda: np.sum(G * twin.forward(wide)), wide[:, 0, D:])
    assert_near("complex step", [mine], [exact])


@pytest.mark.parametrize(("net", "loss"), [("rows", "mse"), ("deep", "mse"), ("softmax", "cce")])
def test_training_is_gradient_descent_on_the_textbook(notebook, net, loss):
    """Shuffled, with a falling rate and a smaller last batch; the losses are those on the way."""
    rng, orders, losses = np.random.default_rng(3), [], []
    model = build(notebook, net, 4, 2, 3, rng)
    X, W = rng.normal(size=(7, 4, 2)), [W.copy() for W in model.weights()]
    y = np.eye(3)[rng.integers(0, 3, 7)] if loss == "cce" else rng.normal(size=(7, 2))
    train_epoch = model.train_epoch

    def noting_the_order(X, y, order, *others):
        orders.append(order)
        return train_epoch(X, y, order, *others)

    model.train_epoch = noting_the_order
    options = {"learning_rate": 0.4, "batch_size": 3, "loss_function": loss, "shuffle": True}
    model.train(X, y, X, y, epochs=4, schedule=lambda done: 1 - done / 2, **options)

    def mean(rows, *W, guard=0.0):  # the gradient A - Y is that without the guard against log(0)
        A = textbook(model.layers, W, X[rows])
        each = -y[rows] * anp.log(A + guard) if loss == "cce" else (A - y[rows]) ** 2
        return anp.sum(each) / len(rows)

    for epoch, order in enumerate(orders):
        assert sorted(order) == list(range(7))
        total = 0
        for start in (0, 3, 6):
            rows = order[start : start + 3]
            rate = 0.4 * (1 - (epoch + start / 7) / 8)
            total += mean(rows, *W, guard=1e-5) * len(rows)
            steps = autograd_of(partial(mean, rows), W)
            W = [A - rate * step for A, step in zip(W, steps, strict=True)]
        losses.append([total / 7, mean(np.arange(7), *W, guard=1e-5)])
    assert len({tuple(order) for order in [*orders, range(7)]}) == 5  # each mixed anew
    assert_near("autograd", model.weights(), W)
    found = np.array([model.train_losses, model.val_losses])
    assert_near("autograd", [found], [np.array(losses).T])
    assert model.learning_rates == pytest.approx([0.35, 0.3, 0.25, 0.2])
