"""A recurrent layer: the same small network is applied at every timestep and passes on a state.

    h_t = tanh(a_t),   a_t = Wx x_t + Wh h_{t-1} + bh,   h_0 = 0,   t = 1 .. T     (Elman, 1990)

Back-propagation through time (Werbos, 1990) walks the same chain from t = T down to t = 1. With
dh_t the gradient that arrives at h_t and delta_t the one at a_t,

    delta_t  = dh_t * (1 - h_t^2)            dWx = sum_t delta_t x_t^T
    dh_{t-1} = Wh^T delta_t                  dWh = sum_t delta_t h_{t-1}^T,   dbh = sum_t delta_t

Arrays have one sample per row. The row [h_{t-1}, x_t, 1] times [Wh, Wx, bh]^T is a_t, so a timestep
is one product and one tanh; and one product of all deltas with all those rows is all three sums.

Symbols: N batch, T timesteps, D input features, H hidden units.
"""

import numpy as np


class RNN:
    """Elman layer with weights Wx (H, D), Wh (H, H) and bh (H, 1), drawn in float64.

    Args:
        input_size: D, features of one timestep.
        rnn_units: H, hidden units.
        seed: seed of the initial weights.
        return_sequences: False: forward returns h_T, (N, H). True: all h_t, (N, T, H).
        input_gradient: what backward returns. "course": the gradient at h_0, (N, H), which the
            course calls dL_dX. "true": the gradient with respect to X, (N, T, D).
        init: "course": 0.01 x standard normal. "orthogonal": see `initialize_parameters`.

    Raises:
        ValueError: an unknown option.
    """

    def __init__(self, input_size, rnn_units, seed=1, *,
                 return_sequences=False, input_gradient="course", init="course"):  # fmt: skip
        if input_gradient not in ("course", "true") or init not in ("course", "orthogonal"):
            raise ValueError(
                'RNN: expected input_gradient "course" or "true" and init "course" or '
                f'"orthogonal", got {input_gradient!r} and {init!r}'
            )
        self.input_size, self.rnn_units, self.seed, self.init = input_size, rnn_units, seed, init
        self.return_sequences, self.input_gradient = return_sequences, input_gradient
        self.initialize_parameters()

    def initialize_parameters(self):
        """Draw Wx (H, D) and Wh (H, H) from `seed`; bh (H, 1) starts at zero.

        "orthogonal" keeps the size of a state from step to step: Wh is a random orthogonal matrix
        (Saxe et al., 2014), and Wx has variance 1 / D (LeCun et al., 1998).
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
            ValueError: X has another shape, is empty, or is not finite.
        """
        D, H, dtype = self.input_size, self.rnn_units, self.Wh.dtype
        X = np.asarray(X, dtype)
        if X.ndim != 3 or X.shape[2] != D or X.size == 0:
            raise ValueError(
                f"RNN({D}, {H}): expected sequences of shape (N, T, {D}), got {X.shape}; reshape "
                "them, or build the layer with another input_size"
            )
        if not np.isfinite(X).all():
            raise ValueError("RNN: expected finite inputs, got NaN or infinity; clean the data")
        N, T, _ = X.shape
        ### START CODE HERE ###
        Z = np.ones((T + 1, N, H + D + 1), dtype)  # Z[t] is the row [h_t, x_{t+1}, 1] per sample
        Z[0, :, :H] = 0  # h_0
        Z[:T, :, H:-1] = X.transpose(1, 0, 2)
        h = Z[1:, :, :H]  # a view, so what is written to h is in Z
        W = np.hstack([self.Wh, self.Wx, self.bh]).T.copy()
        for t in range(T):
            np.tanh(Z[t].dot(W), out=h[t])  # h_{t+1}, which the next step reads from Z
        self._Z = Z
        ### END CODE HERE ###
        return h.transpose(1, 0, 2).copy() if self.return_sequences else h[-1].copy()

    def backward(self, dH):
        """Back-propagate through time; store dL_dWx, dL_dWh, dL_dbh (sums over t, means over N).

        Args:
            dH: gradient of each sample's loss at what forward returned, in that shape.

        Returns:
            With input_gradient "course" the gradient at h_0, (N, H): the recursion's last product
            with Wh, which never meets Wx. With "true" the gradient with respect to X, (N, T, D).

        Raises:
            ValueError: dH has not the shape of what forward returned.
        """
        Z, D, H = self._Z, self.input_size, self.rnn_units
        T, N = len(Z) - 1, Z.shape[1]
        dH, shape = np.asarray(dH, Z.dtype), (N, T, H) if self.return_sequences else (N, H)
        if dH.shape != shape:
            raise ValueError(
                f"RNN.backward: expected dH of shape {shape}, as forward returned, got {dH.shape}"
            )
        ### START CODE HERE ###
        delta = 1 - Z[1:, :, :H] ** 2
        dh = np.zeros((N, H), Z.dtype) if self.return_sequences else dH
        for t in reversed(range(T)):
            if self.return_sequences:
                dh += dH[:, t]  # each state also has a gradient from above
            delta[t] *= dh  # delta_t = dh_t (1 - h_t^2)
            dh = delta[t].dot(self.Wh)  # dh_{t-1}
        rows = delta.reshape(T * N, H)
        dW = rows.T @ Z[:T].reshape(T * N, H + D + 1) / N
        self.dL_dWh, self.dL_dWx, self.dL_dbh = dW[:, :H], dW[:, H:-1], dW[:, -1:]
        ### END CODE HERE ###
        if self.input_gradient == "true":
            return (rows @ self.Wx).reshape(T, N, D).transpose(1, 0, 2)  # dx_t = Wx^T delta_t
        return dh

    def update(self, learning_rate):
        """Take one step of plain gradient descent, in place."""
        self.Wx -= learning_rate * self.dL_dWx
        self.Wh -= learning_rate * self.dL_dWh
        self.bh -= learning_rate * self.dL_dbh
