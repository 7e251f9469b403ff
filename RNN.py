"""A recurrent layer: the same small network is applied at every timestep and hands itself a state.

    h_t = tanh(a_t),   a_t = Wx x_t + Wh h_{t-1} + bh,   h_0 = 0,   t = 1 .. T     (Elman, 1990)

Back-propagation through time (Werbos, 1990) walks the same chain from t = T down to t = 1. With
dh_t the gradient that arrives at h_t and delta_t the one at a_t,

    delta_t  = dh_t * (1 - h_t^2)            dWx = sum_t delta_t x_t^T
    dh_{t-1} = Wh^T delta_t                  dWh = sum_t delta_t h_{t-1}^T,   dbh = sum_t delta_t

Arrays hold a sample a row. The row [h_{t-1}, x_t, 1] times [Wh, Wx, bh]^T is a_t: one product and
one tanh a timestep; and one product of all deltas with all those rows is all three sums at once.

Symbols: N batch, T timesteps, D input features, H hidden units.
"""

import numpy as np

from lab.checks import (
    check_array,
    check_finite,
    check_learning_rate,
    check_option,
    check_ready,
    check_seed,
    check_size,
)


class RNN:
    """Elman layer with weights Wx (H, D), Wh (H, H) and bh (H, 1), float64 as they are drawn.

    Args:
        input_size: D, features of one timestep.
        rnn_units: H, hidden units.
        seed: seed of the initial weights.
        return_sequences: False: forward returns h_T, (N, H). True: all h_t, (N, T, H).
        input_gradient: what backward returns. "course": the gradient at h_0, (N, H), which the
            course calls dL_dX. "true": the gradient with respect to X, (N, T, D).
        init: "course": 0.01 x standard normal. "orthogonal": see `initialize_parameters`.

    Raises:
        ValueError: a size that is not a positive integer, an unknown option, or an unusable seed.
    """

    def __init__(
        self,
        input_size,
        rnn_units,
        seed=1,
        *,
        return_sequences=False,
        input_gradient="course",
        init="course",
    ):
        self.input_size = check_size("input_size", input_size)
        self.rnn_units = check_size("rnn_units", rnn_units)
        self.seed = check_seed(seed)
        self.return_sequences = check_option("return_sequences", return_sequences, (False, True))
        self.input_gradient = check_option("input_gradient", input_gradient, ("course", "true"))
        self.init = check_option("init", init, ("course", "orthogonal"))
        self.dL_dWx = self.dL_dWh = self.dL_dbh = self._shape = None
        self.initialize_parameters()

    def initialize_parameters(self):
        """Draw Wx (H, D) and Wh (H, H) from `seed`; bh (H, 1) starts at zero.

        "orthogonal" keeps the size of what is handed from step to step: Wh is a random orthogonal
        matrix (Saxe et al., 2014) and Wx has variance 1 / D (LeCun et al., 1998).
        """
        D, H = self.input_size, self.rnn_units
        if self.init == "orthogonal":
            rng, self.bh = np.random.default_rng(self.seed), np.zeros((H, 1))
            self.Wx = rng.standard_normal((H, D)) / np.sqrt(D)
            Q, R = np.linalg.qr(rng.standard_normal((H, H)))
            self.Wh = Q * np.sign(np.diag(R))  # the signs make all orthogonal ones equally likely
            return
        ### START CODE HERE ###
        np.random.seed(self.seed)
        self.Wx = 0.01 * np.random.randn(H, D)
        self.Wh = 0.01 * np.random.randn(H, H)
        self.bh = np.zeros((H, 1))
        ### END CODE HERE ###

    def forward(self, X):
        """Run the recurrence over a batch of sequences X (N, T, D), computing in Wh's dtype.

        Returns:
            h_T, array (N, H), each entry in [-1, 1]; with return_sequences all h_t, (N, T, H).

        Raises:
            ValueError, TypeError: X has another shape, is empty, or holds no finite real numbers.
        """
        D, H = self.input_size, self.rnn_units
        X = check_array("X", X, ("N", "T", D), self.Wh.dtype).astype(self.Wh.dtype, copy=False)
        check_finite("X", X)
        N, T, _ = self._shape = X.shape
        ### START CODE HERE ###
        Z = np.empty((T + 1, N, H + D + 1), self.Wh.dtype)  # Z[t] = [h_t, x_{t+1}, 1]
        Z[0, :, :H], Z[:T, :, H:-1], Z[:, :, -1] = 0, X.transpose(1, 0, 2), 1
        h = Z[1:, :, :H]  # a view of Z; h[t] is the state after step t + 1, for arrays count from 0
        W = np.hstack([self.Wh, self.Wx, self.bh]).T.copy()
        a = np.empty((N, H), W.dtype)
        for z_t, h_t in zip(Z, h):  # noqa: B905 - the last row of Z holds h_T alone
            z_t.dot(W, a)
            np.tanh(a, h_t)  # into Z, where the next step reads it
        self._Z = Z
        return h.transpose(1, 0, 2).copy() if self.return_sequences else h[-1].copy()
        ### END CODE HERE ###

    def backward(self, dH):
        """Back-propagate through time; store dL_dWx, dL_dWh, dL_dbh (sums over t, means over N).

        Args:
            dH: gradient of each sample's loss at what forward returned, in that shape.

        Returns:
            With input_gradient "course" the gradient at h_0, (N, H): the recursion's last product
            with Wh, which never meets Wx. With "true" the gradient with respect to X, (N, T, D).

        Raises:
            RuntimeError, ValueError: there was no forward pass; dH has not its result's shape.
        """
        check_ready(self._shape is not None, "RNN.backward", "RNN.forward")
        (N, T, D), H = self._shape, self.rnn_units
        dH = check_array("dH", dH, (N, T, H) if self.return_sequences else (N, H), self.Wh.dtype)
        ### START CODE HERE ###
        Z, h = self._Z, self._Z[1:, :, :H]
        delta = 1 - h * h
        dh = np.zeros((N, H), Z.dtype) if self.return_sequences else dH.astype(Z.dtype, order="C")
        for t, d in zip(reversed(range(T)), delta[::-1], strict=True):
            if self.return_sequences:  # each state has a gradient from above, too
                dh += dH[:, t]
            d *= dh  # delta_t
            d.dot(self.Wh, dh)  # dh_{t-1} = Wh^T delta_t, a sample a row
        rows = delta.reshape(T * N, H)
        dW = rows.T @ Z[:T].reshape(T * N, H + D + 1) / N
        self.dL_dWh, self.dL_dWx, self.dL_dbh = dW[:, :H], dW[:, H:-1], dW[:, -1:]
        if self.input_gradient == "true":
            return (rows @ self.Wx).reshape(T, N, D).transpose(1, 0, 2)
        return dh
        ### END CODE HERE ###

    def update(self, learning_rate):
        """Take one step of plain gradient descent, in place; raises as `Dense.update` does."""
        check_learning_rate(learning_rate)
        check_ready(self.dL_dWx is not None, "RNN.update", "RNN.backward")
        self.Wx -= learning_rate * self.dL_dWx
        self.Wh -= learning_rate * self.dL_dWh
        self.bh -= learning_rate * self.dL_dbh
