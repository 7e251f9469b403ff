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
    """All states of every sample: list of N lists of T + 1 vectors (H,), h_0 first."""
    runs = []
    for x_sequence in X:
        states = [np.zeros(len(Wh))]
        for x in x_sequence:
            states.append(np.tanh(Wx @ x + Wh @ states[-1] + bh[:, 0]))
        runs.append(states)
    return runs


def rnn_backward(Wx, Wh, X, runs, upstream):
    """Gradients for upstream (N, T, H): dWx, dWh, dbh (means over N), dX (N, T, D), dh_0 (N, H)."""
    N, T, D = X.shape
    dWx, dWh, dbh = np.zeros(Wx.shape), np.zeros(Wh.shape), np.zeros((len(Wh), 1))
    dX, dh0 = np.zeros((N, T, D)), np.zeros((N, len(Wh)))
    for n in range(N):
        dh = np.zeros(len(Wh))
        for t in range(T, 0, -1):
            dh = dh + upstream[n, t - 1]
            delta = dh * (1 - runs[n][t] ** 2)
            dWx += np.outer(delta, X[n, t - 1])
            dWh += np.outer(delta, runs[n][t - 1])
            dbh[:, 0] += delta
            dX[n, t - 1] = Wx.T @ delta
            dh = Wh.T @ delta
        dh0[n] = dh
    return dWx / N, dWh / N, dbh / N, dX, dh0


def last_only(dH, T):
    """An upstream gradient (N, T, H) that is dH (N, H) at the last step and zero before."""
    upstream = np.zeros((len(dH), T, dH.shape[1]))
    upstream[:, -1] = dH
    return upstream


def graded(seed):
    """The four graded checks for one seed, as in `Lab6_outputs.npy`: {check: {key: figure}}."""
    Wx, Wh, bh = rnn_weights(5, 3)
    np.random.seed(seed)
    X, dH = np.random.randn(2, 4, 5), np.random.randn(2, 3)
    runs = rnn_forward(Wx, Wh, bh, X)
    output = np.array([states[-1] for states in runs])
    dWx, dWh, dbh, _, dh0 = rnn_backward(Wx, Wh, X, runs, last_only(dH, 4))
    return {
        "RNN_initialization": {
            "Wx_shape": Wx.shape,
            "Wh_shape": Wh.shape,
            "bh_shape": bh.shape,
        },
        "RNN_forward": _with_shapes(X=X, Output=output),
        "RNN_backward": _with_shapes(dH=dH, dL_dX=dh0, dL_dWx=dWx, dL_dWh=dWh, dL_dbh=dbh),
        "Model_class": _model_class(seed),
    }


def _with_shapes(**arrays):
    """{"A_shape": shape of A, "A": A, ...}."""
    entries = {}
    for name, A in arrays.items():
        entries |= {f"{name}_shape": A.shape, name: A}
    return entries


def _model_class(seed):
    np.random.seed(seed)
    X = np.random.randn(3, 3, 1)
    first, second = rnn_weights(1, 4), rnn_weights(4, 4)
    W, b = dense_weights(4, 1)
    runs_1 = rnn_forward(*first, X)
    middle = np.array([states[-1] for states in runs_1])[:, None, :]
    runs_2 = rnn_forward(*second, middle)
    top = np.array([states[-1] for states in runs_2])
    AL = 1 / (1 + np.exp(-(top @ W + b)))
    dA = (AL * AL * (1 - AL)) @ W.T
    dA = rnn_backward(*second[:2], middle, runs_2, last_only(dA, 1))[4]
    dWx, dWh, dbh, _, dA_prev = rnn_backward(*first[:2], X, runs_1, last_only(dA, 3))
    return {
        "AL": AL,
        "dA_prev": dA_prev,
        "Wx of RNN": first[0] - 0.1 * dWx,
        "Wh of RNN": first[1] - 0.1 * dWh,
        "bh of RNN": first[2] - 0.1 * dbh,
    }
