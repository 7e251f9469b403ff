"""The reference implementation: the course's layers, one sample and one timestep at a time.

It shares no code with the layers and their checks, so that one mistake cannot be in both.
"""

import numpy as np


def rnn_weights(D, H, seed=1):
    """The initial Wx (H, D), Wh (H, H) and bh (H, 1) of RNN(D, H, seed), float64."""
    np.random.seed(seed)
    Wx = 0.01 * np.random.randn(H, D)
    Wh = 0.01 * np.random.randn(H, H)
    return Wx, Wh, np.zeros((H, 1))


def dense_weights(n_x, n_y, seed=1):
    """The initial W (n_x, n_y) and b (1, n_y) of Dense(n_x, n_y, seed), float64."""
    np.random.seed(seed)
    s = (6 / (n_x + n_y)) ** 0.5
    return np.random.uniform(-s, s, (n_y, n_x)).T, np.zeros((1, n_y))


def rnn_forward(Wx, Wh, bh, X):
    """All states (N, T + 1, H) of every sample, h_0 first, and the last ones (N, H)."""
    states = np.zeros((len(X), X.shape[1] + 1, len(Wh)))
    for n, x_sequence in enumerate(X):
        for t, x in enumerate(x_sequence):
            states[n, t + 1] = np.tanh(Wx @ x + Wh @ states[n, t] + bh[:, 0])
    return states, states[:, -1]


def rnn_backward(Wx, Wh, X, states, dH):
    """Gradients for dH (N, H) at the last step: dWx, dWh, dbh (means over N), dh_0 (N, H)."""
    N, T, _ = X.shape
    dWx, dWh, dbh = np.zeros(Wx.shape), np.zeros(Wh.shape), np.zeros((len(Wh), 1))
    dh0 = np.zeros((N, len(Wh)))
    for n in range(N):
        dh = dH[n]
        for t in range(T, 0, -1):
            delta = dh * (1 - states[n, t] ** 2)
            dWx += np.outer(delta, X[n, t - 1])
            dWh += np.outer(delta, states[n, t - 1])
            dbh[:, 0] += delta
            dh = Wh.T @ delta
        dh0[n] = dh
    return dWx / N, dWh / N, dbh / N, dh0


def graded(seed):
    """The four graded checks for one seed, as in `Lab6_outputs.npy`: {check: {key: figure}}."""
    Wx, Wh, bh = rnn_weights(5, 3)
    np.random.seed(seed)
    X, dH = np.random.randn(2, 4, 5), np.random.randn(2, 3)
    states, output = rnn_forward(Wx, Wh, bh, X)
    dWx, dWh, dbh, dh0 = rnn_backward(Wx, Wh, X, states, dH)
    shapes = {"Wx_shape": Wx.shape, "Wh_shape": Wh.shape, "bh_shape": bh.shape}
    return {
        "RNN_initialization": shapes,
        "RNN_forward": _with_shapes(X=X, Output=output),
        "RNN_backward": _with_shapes(dH=dH, dL_dX=dh0, dL_dWx=dWx, dL_dWh=dWh, dL_dbh=dbh),
        "Model_class": _model_class(seed),
    }


def _with_shapes(**arrays):
    """{"A_shape": shape of A, "A": A, ...}."""
    pairs = [((f"{name}_shape", A.shape), (name, A)) for name, A in arrays.items()]
    return dict(entry for pair in pairs for entry in pair)


def _model_class(seed):
    np.random.seed(seed)
    X = np.random.randn(3, 3, 1)
    first, second = rnn_weights(1, 4), rnn_weights(4, 4)
    W, b = dense_weights(4, 1)
    states_1, middle = rnn_forward(*first, X)
    middle = middle[:, None, :]
    states_2, top = rnn_forward(*second, middle)
    AL = 1 / (1 + np.exp(-(top @ W + b)))
    dA = (AL * AL * (1 - AL)) @ W.T
    dA = rnn_backward(*second[:2], middle, states_2, dA)[-1]
    dWx, dWh, dbh, dA_prev = rnn_backward(*first[:2], X, states_1, dA)
    moved = [A - 0.1 * dA for A, dA in zip(first, (dWx, dWh, dbh), strict=True)]
    names = ("AL", "dA_prev", "Wx of RNN", "Wh of RNN", "bh of RNN")
    return dict(zip(names, (AL, dA_prev, *moved), strict=True))
