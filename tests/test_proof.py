"""Every gradient proved three ways, over shapes that hypothesis draws, on the notebook's Model.

Complex steps subtract nothing and so reach rounding error; central differences need nothing but
the forward pass; autograd differentiates the textbook equations below, which share no code with
the layers. The objective is sum(G * output) with random, uneven G; under softmax it is
-sum(Y log output). Biases are random too. `pytest -s` prints the worst errors beside the bounds.
"""

import tracemalloc
from functools import partial

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_layers import numeric_gradient

BOUNDS = {"complex step": 1e-10, "central": 1e-6, "autograd": 1e-9, "float32": 1e-4}
WORST = dict.fromkeys(BOUNDS, 0.0)
NETS = ("rnn", "sequences", "rows", "deep", "flatten", "dense", "sigmoid", "softmax")
FUNCTIONS = {
    "Flatten": lambda A: anp.reshape(A, (len(A), -1)),
    "sigmoid": lambda A: 1 / (1 + anp.exp(-A)),
    "softmax": lambda A: anp.exp(A) / anp.sum(anp.exp(A), axis=1, keepdims=True),
    "relu": lambda A: A * (A > 0),
    "tanh": anp.tanh,
    "linear": lambda A: A,
}

proof = settings(deadline=None, derandomize=True, max_examples=30, database=None)
# N, T, D, H, steps of training before the proof, seed
cases = st.tuples(*[st.integers(1, 4)] * 4, st.sampled_from([0, 3]), st.integers(0, 2**32 - 1))


def proved(test):
    return proof(given(case=cases)(example((3, 4, 2, 5, 0, 1))(example((2, 5, 4, 3, 3, 2))(test))))


@pytest.fixture(scope="module", autouse=True)
def worst_errors():
    yield
    for way, bound in BOUNDS.items():
        print(f"\n{way}: worst relative error {WORST[way]:.1e}, bound {bound:.0e}", end="")


def assert_near(way, mine, exact):
    """Largest difference, relative to the largest entry, within the bound of its kind."""
    assert len(mine) == len(exact)
    for a, b in zip(mine, exact, strict=True):
        assert a.shape == b.shape
        floor = 1e-3 if way == "central" else 1e-12  # cancellation leaves an absolute error
        error = np.abs(a - b).max() / max(np.abs(b).max(), floor)
        WORST[way] = max(WORST[way], error)
        assert error <= BOUNDS[way], f"{way}: {error:.1e}"


def layers_of(lab, net, shape, dtype):
    _, T, D, H = shape
    act = lambda name: lab.Activation(name, None)  # noqa: E731
    dense = partial(lab.Dense, dtype=dtype)
    rnn = partial(lab.RNN, input_gradient="true", dtype=dtype)
    sequences = partial(rnn, return_sequences=True)
    return {
        "rnn": lambda: [rnn(D, H)],
        "sequences": lambda: [sequences(D, H)],
        "rows": lambda: [rnn(D, H), rnn(H, H + 2), dense(H + 2, 2)],
        "deep": lambda: [sequences(D, H), act("tanh"), sequences(H, H + 2), rnn(H + 2, 2)],
        "flatten": lambda: [sequences(D, H), lab.Flatten(), dense(T * H, 4), act("linear")],
        "dense": lambda: [lab.Flatten(), dense(T * D, 4), act("relu"), dense(4, 2)],
        "sigmoid": lambda: [rnn(D, H), dense(H, 3), act("sigmoid")],
        "softmax": lambda: [sequences(D, H), rnn(H, H), dense(H, 3), act("softmax")],
    }[net]()


def weights(model):
    return [W for layer in model.layers for W in getattr(layer, "parameters", {}).values()]


def build(lab, net, shape, values, dtype=np.float64):
    """A Model whose weights are `values`, or drawn by it if it is a generator."""
    model = lab.Model()
    for layer in layers_of(lab, net, shape, dtype):
        model.add(layer)
    for i, W in enumerate(weights(model)):
        W[:] = values[i] if isinstance(values, list) else values.normal(0, 0.6, W.shape)
    return model


def analytic(model, X, G):
    """Gradient at X, then those of the weights, which the layers average over the batch."""
    model.forward(X)
    dX = model.backward(G, G)
    gradients = [g for layer in model.layers for g in getattr(layer, "gradients", {}).values()]
    return [dX, *(g * len(X) for g in gradients)]


def setting(lab, net, case):
    *shape, steps, seed = case
    rng = np.random.default_rng(seed)
    model = build(lab, net, shape, rng)
    X = rng.normal(size=shape[:3])
    G = rng.normal(size=model.predict(X).shape)
    if net == "softmax":
        G = np.eye(3)[rng.integers(0, 3, len(X))]
    for _ in range(steps):
        analytic(model, X, G)
        model.update(0.05)
    return model, shape, X, G


def objective(output, G, net):
    return -anp.sum(G * anp.log(output)) if net == "softmax" else anp.sum(G * output)


def textbook(layers, W, A, h=None):
    """The network once more, in terms that autograd can differentiate; h is the first h_0."""
    W = iter(W)
    for layer in layers:
        name = getattr(layer, "activation_function", type(layer).__name__)
        if name == "RNN":
            Wx, Wh, bh = next(W), next(W), next(W)
            A = A if A.ndim == 3 else A[:, None, :]
            h, states = anp.zeros((len(A), len(Wh))) if h is None else h, []
            for t in range(A.shape[1]):
                h = anp.tanh(anp.dot(A[:, t], Wx.T) + anp.dot(h, Wh.T) + bh.T)
                states.append(h)
            A, h = anp.stack(states, axis=1) if layer.return_sequences else h, None
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
def test_gradients(lab, net, case):
    model, shape, X, G = setting(lab, net, case)
    W = weights(model)
    mine = analytic(model, X, G)

    def f(X, *W):
        return objective(textbook(model.layers, W, X), G, net)

    assert_near("autograd", mine, autograd_of(f, [X, *W]))

    def g():
        return objective(model.forward(X, training=False), G, net)

    assert_near("central", mine, [numeric_gradient(g, A, step=1e-5) for A in [X, *W]])
    single = analytic(build(lab, net, shape, W, np.float32), np.float32(X), np.float32(G))
    assert {a.dtype for a in single} == {np.dtype(np.float32)}
    assert_near("float32", single, mine)
    twin, Z = build(lab, net, shape, W, np.complex128), X.astype(np.complex128)

    def h():
        return objective(twin.forward(Z), G, net)

    if net != "sigmoid":  # its |Z| has no complex derivative
        assert_near("complex step", mine, [complex_step(h, A) for A in [Z, *weights(twin)]])


@pytest.mark.parametrize("sequences", [False, True])
@proved
def test_course_gradient_is_the_one_at_the_first_state(lab, sequences, case):
    """A state h_0 is the same as H more inputs at the first step, weighted by Wh."""
    N, T, D, H, _, seed = case
    rng = np.random.default_rng(seed)
    rnn = lab.RNN(D, H, return_sequences=sequences)
    twin = lab.RNN(D + H, H, return_sequences=sequences, dtype=np.complex128)
    for W in rnn.parameters.values():
        W[:] = rng.normal(0, 0.6, W.shape)
    twin.Wx[:], twin.Wh[:], twin.bh[:] = np.hstack([rnn.Wx, rnn.Wh]), rnn.Wh, rnn.bh
    X, h_0 = rng.normal(size=(N, T, D)), np.zeros((N, H))
    G = rng.normal(size=rnn.forward(X).shape)
    mine = rnn.backward(G)

    def f(h):
        return anp.sum(G * textbook([rnn], rnn.parameters.values(), X, h))

    wide = np.concatenate([X, np.zeros((N, T, H))], axis=2).astype(np.complex128)
    first = wide[:, 0, D:]
    assert_near("autograd", [mine], autograd_of(f, [h_0]))
    assert_near("central", [mine], [numeric_gradient(lambda: f(h_0), h_0, step=1e-5)])
    exact = complex_step(lambda: np.sum(G * twin.forward(wide)), first)
    assert_near("complex step", [mine], [exact])


@proved
def test_loss_derivatives(lab, case):
    from Loss import EPSILON, compute_BCE_loss

    N, _, C, _, _, seed = case
    rng = np.random.default_rng(seed)
    A = rng.uniform(0.05, 0.95, (N, C)).astype(np.complex128)
    labels = np.eye(C)[rng.integers(0, C, N)]
    for loss, Y, exact in (
        (lab.compute_MSE_loss, rng.normal(size=(N, C)), lambda A, Y: 2 * (A - Y)),
        (lab.compute_CCE_loss, labels, lambda A, Y: -Y / (A + EPSILON)),
        (compute_BCE_loss, labels, lambda A, Y: (1 - Y) / (1 - A + EPSILON) - Y / (A + EPSILON)),
    ):
        found = complex_step(lambda loss=loss, Y=Y: loss(A, Y), A)
        assert_near("complex step", [found], [exact(A.real, Y) / N])


@pytest.mark.parametrize(("net", "loss"), [("rows", "mse"), ("deep", "mse"), ("softmax", "cce")])
def test_training_is_gradient_descent_on_the_textbook(lab, net, loss):
    rng = np.random.default_rng(3)
    model = build(lab, net, (7, 4, 2, 3), rng)
    X, W = rng.normal(size=(7, 4, 2)), [W.copy() for W in weights(model)]
    y = np.eye(3)[rng.integers(0, 3, 7)] if loss == "cce" else rng.normal(size=(7, 2))
    model.train(X, y, None, None, epochs=4, learning_rate=0.2, batch_size=3, loss_function=loss)

    def f(*W, rows):
        A = textbook(model.layers, W, X[rows])
        return anp.mean(anp.sum(-y[rows] * anp.log(A) if loss == "cce" else (A - y[rows]) ** 2, 1))

    for _ in range(4):
        for rows in (slice(0, 3), slice(3, 6), slice(6, 7)):
            steps = autograd_of(lambda *W, rows=rows: f(*W, rows=rows), W)
            W = [A - 0.2 * step for A, step in zip(W, steps, strict=True)]
    assert_near("autograd", weights(model), W)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_gradient_that_shrinks_is_right_at_every_step(lab, dtype):
    """From the course's start it falls about tenfold a step; none may be cut off too early."""
    rng = np.random.default_rng(4)
    X, G = rng.normal(size=(3, 100, 2)).astype(dtype), rng.normal(size=(3, 5)).astype(dtype)
    rnn = lab.RNN(2, 5, input_gradient="true", dtype=dtype)
    rnn.forward(X)
    W = [A.astype(float) for A in rnn.parameters.values()]
    found = rnn.backward(G)
    exact = grad(lambda X: anp.sum(G * textbook([rnn], W, X)))(X.astype(float))
    size = np.abs(exact).max(axis=(0, 2))
    way, seen = ("autograd", size > 0) if dtype == np.float64 else ("float32", size > 1e-20)
    assert seen.sum() > 8
    for t in np.flatnonzero(seen):
        assert_near(way, [found[:, t] / size[t]], [exact[:, t] / size[t]])


@proved
def test_known_behaviour_of_the_recurrence(lab, case):
    N, T, D, H, _, seed = case
    rng = np.random.default_rng(seed)
    model = build(lab, "rnn", (N, T, D, H), rng)
    X, G, order = rng.normal(size=(N, T, D)), rng.normal(size=(N, H)), rng.permutation(N)
    first = analytic(model, X, G)
    mixed = analytic(model, X[order], G[order])  # samples know nothing of each other
    assert_near("autograd", [mixed[0], *mixed[1:]], [first[0][order], *first[1:]])
    twice = analytic(model, np.tile(X, (2, 1, 1)), np.tile(G, (2, 1)))  # nor does a mean
    assert_near("autograd", twice[1:], [2 * g for g in first[1:]])
    rnn = model.layers[0]
    rnn.Wh[:] = 0  # without memory only the last step counts
    np.testing.assert_allclose(rnn.forward(X), np.tanh(X[:, -1] @ rnn.Wx.T + rnn.bh.T), rtol=1e-12)


def test_shuffling_mixes_and_keeps_every_pair(lab):
    rng = np.random.default_rng(5)
    X, seen = rng.normal(size=(20, 3)), []
    y = X[:, :2].copy()
    model = lab.Model()
    model.add(lab.Dense(3, 2))
    model.layers[0].parameters["W"][:] = np.eye(3, 2)  # X and y of one sample: gradient zero
    forward = model.forward

    def spy(X, training=True):
        if training:
            seen.extend(X[:, 0])
        return forward(X, training)

    model.forward = spy
    model.train(X, y, None, None, epochs=3, batch_size=6, shuffle=True)
    epochs = np.reshape(seen, (3, 20))
    assert (np.sort(epochs) == np.sort(X[:, 0])).all()
    assert all((a != b).any() for a, b in ((epochs[0], X[:, 0]), epochs[:2], epochs[1:]))
    assert model.train_losses == [0, 0, 0]


# Memory


def peak(work):
    tracemalloc.start()
    work()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


def test_memory_does_not_grow_with_the_number_of_batches(lab):
    rng = np.random.default_rng(6)
    X, y = rng.normal(size=(800, 40, 3)), rng.normal(size=(800, 2))

    def train(n):
        model = build(lab, "rows", (20, 40, 3, 16), rng)
        return peak(lambda: model.train(X[:n], y[:n], None, None, epochs=1, batch_size=20))

    train(40)  # what is only made once
    assert train(800) < 1.1 * train(40) + 64 * 800  # a few numbers for each sample


@pytest.mark.parametrize("axis", ["N", "T"])
def test_memory_is_linear(lab, axis):
    rng, sizes = np.random.default_rng(7), []
    for k in (1, 2, 4):
        N, T = (30 * k, 50) if axis == "N" else (30, 50 * k)
        model = build(lab, "deep", (N, T, 3, 16), rng)
        X, G = rng.normal(size=(N, T, 3)), rng.normal(size=(N, 2))
        sizes.append(peak(lambda model=model, X=X, G=G: analytic(model, X, G)))
    assert 1.7 < sizes[1] / sizes[0] < 2.2
    assert 1.7 < sizes[2] / sizes[1] < 2.2


def test_predict_keeps_nothing_for_training(lab):
    rng = np.random.default_rng(8)
    X = rng.normal(size=(60, 80, 3))
    model = build(lab, "rows", (60, 80, 3, 16), rng)
    least = peak(lambda: model.predict(X))
    assert least < 0.2 * peak(lambda: model.forward(X))
    fresh = build(lab, "rows", (60, 80, 3, 16), rng)
    fresh.predict(X)
    for layer in fresh.layers:
        with pytest.raises(RuntimeError, match="forward"):
            layer.backward(np.zeros((60, 2)))
