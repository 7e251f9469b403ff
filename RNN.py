"""A recurrent layer: the same small network is applied at every timestep and hands itself a state.

    h_t = tanh(Wx x_t + Wh h_{t-1} + bh),   h_0 = 0,   t = 1 .. T            (Elman, 1990)

Back-propagation through time (Werbos, 1990) walks the same chain from t = T down to t = 1. With
delta_t the gradient at the argument of tanh and dh_t the one that arrives at h_t,

    delta_t  = dh_t * (1 - h_t^2)            dWx = sum_t delta_t x_t^T
    dh_{t-1} = Wh^T delta_t                  dWh = sum_t delta_t h_{t-1}^T,   dbh = sum_t delta_t

One trick makes it fast. The row [h_{t-1}, x_t, 1] times the stacked weights [Wh, Wx, bh]^T is the
whole argument of tanh, so a timestep costs one matrix product and one tanh; and since all those
rows are kept in one array, a single product after the loop gives all three gradients.

Symbols: N batch, T timesteps, D input features, H hidden units.
"""

import numpy as np

from tools.checks import (
    check_array,
    check_dtype,
    check_learning_rate,
    check_option,
    check_ready,
    check_seed,
    check_size,
)

VIEWS = ("_Z", "_delta", "_inputs", "_states", "_deltas")  # of RNN._memory


class RNN:
    """Elman layer with weights Wx (H, D), Wh (H, H) and bh (H, 1).

    Args:
        input_size: D, features of one timestep.
        rnn_units: H, hidden units.
        seed: seed of the initial weights.
        return_sequences: False: forward returns h_T, (N, H). True: all h_t, (N, T, H).
        input_gradient: what backward returns. "course": the gradient at h_0, (N, H), which the
            course calls dL_dX. "true": the gradient with respect to X, (N, T, D).
        init: "course": 0.01 x standard normal. "orthogonal": see `initialize_parameters`.
        dtype: of weights and arithmetic; float64 gives the graded figures.

    Raises:
        ValueError: a size that is not a positive integer, an unknown option, or an unusable seed.
        TypeError: dtype is not a floating-point type.
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
        dtype=np.float64,
    ):
        self.input_size = check_size("input_size", input_size)
        self.rnn_units = check_size("rnn_units", rnn_units)
        self.seed = check_seed(seed)
        self.return_sequences = check_option("return_sequences", return_sequences, (False, True))
        self.input_gradient = check_option("input_gradient", input_gradient, ("course", "true"))
        self.init = check_option("init", init, ("course", "orthogonal"))
        self.dtype = check_dtype(dtype)
        self.dL_dWx = self.dL_dWh = self.dL_dbh = None
        self._shape = None  # (N, T) of the forward pass that backward belongs to
        self._memory, self._room = np.empty(0, self.dtype), None
        # What flows back below this counts as zero. With the course's 0.01 start it shrinks about
        # tenfold a step, and float32 would soon be subnormal, which is several times slower.
        limits = np.finfo(self.dtype)
        self._negligible = limits.tiny / limits.eps**2
        self.initialize_parameters()

    @property
    def parameters(self):
        """The weights by name; the arrays themselves, not copies."""
        return {"Wx": self.Wx, "Wh": self.Wh, "bh": self.bh}

    @property
    def gradients(self):
        """The gradients that the last backward left, in the order of `parameters`."""
        return {"Wx": self.dL_dWx, "Wh": self.dL_dWh, "bh": self.dL_dbh}

    def initialize_parameters(self):
        """Draw Wx (H, D) and Wh (H, H) from `seed`; bh (H, 1) starts at zero.

        "orthogonal" keeps the size of what is handed from step to step: Wh is a random orthogonal
        matrix (Saxe et al., 2014) and Wx has variance 1 / D (LeCun et al., 1998).
        """
        D, H = self.input_size, self.rnn_units
        if self.init == "course":
            # Leaves Wx, Wh and bh as local names; below, all get the layer's dtype.
            ### START CODE HERE ###
            np.random.seed(self.seed)
            Wx = 0.01 * np.random.randn(H, D)
            Wh = 0.01 * np.random.randn(H, H)
            bh = np.zeros((H, 1))
            ### END CODE HERE ###
        else:
            rng = np.random.default_rng(self.seed)
            Wx = rng.standard_normal((H, D)) / np.sqrt(D)
            Q, R = np.linalg.qr(rng.standard_normal((H, H)))
            Wh = Q * np.sign(np.diag(R))  # the signs make every orthogonal matrix equally likely
            bh = np.zeros((H, 1))
        self.Wx, self.Wh, self.bh = (W.astype(self.dtype) for W in (Wx, Wh, bh))

    def forward(self, X, training=True):
        """Run the recurrence over a batch of sequences.

        Args:
            X: array (N, T, D); T >= 1, finite.
            training: False keeps nothing for backward, so memory does not grow with T.

        Returns:
            h_T, array (N, H), each entry in [-1, 1]; with return_sequences all h_t, (N, T, H).

        Raises:
            ValueError: X has another shape, is empty, or holds NaN or infinity.
            TypeError: X does not hold real numbers.
        """
        D, H = self.input_size, self.rnn_units
        X = check_array("X", X, ("N", "T", D), self.dtype).astype(self.dtype, copy=False)
        if training:
            self._shape = X.shape[:2]
        ### START CODE HERE ###
        if not training:
            return self._run(X)
        N, T, _ = X.shape
        Z, _ = self._workspace(N, T)  # Z[t] = [h_t, x_{t+1}, 1]: the input of step t + 1
        Z[0, :, :H] = 0
        Z[:T, :, H:-1] = X.transpose(1, 0, 2)
        W = np.hstack([self.Wh, self.Wx, self.bh]).T.copy()  # contiguous products are faster
        a = np.empty((N, H), self.dtype)
        tanh = np.tanh
        for z, h in zip(self._inputs, self._states, strict=True):
            z.dot(W, a)  # results by position, names looked up before: small steps feel it
            tanh(a, h)
        if self.return_sequences:
            return Z[1:, :, :H].transpose(1, 0, 2).copy()
        return Z[T, :, :H].copy()
        ### END CODE HERE ###

    def backward(self, dH):
        """Back-propagate through time; store dL_dWx, dL_dWh, dL_dbh (sums over t, means over N).

        Args:
            dH: gradient of each sample's loss at what forward returned, in that shape.

        Returns:
            With input_gradient "course" the gradient at h_0, (N, H): the recursion's last product
            with Wh, which never meets Wx. With "true" the gradient with respect to X, (N, T, D).

        Raises:
            RuntimeError: no forward pass to go back through.
            ValueError: dH has another shape than forward's result, or is not finite.
        """
        check_ready(self._shape, "RNN.backward", "RNN.forward")
        N, T = self._shape
        D, H = self.input_size, self.rnn_units
        shape = (N, T, H) if self.return_sequences else (N, H)
        dH = check_array("dH", dH, shape, self.dtype)
        ### START CODE HERE ###
        Z, delta = self._workspace(N, T)
        h = Z[1:, :, :H]
        np.multiply(h, h, out=delta)
        np.subtract(1, delta, out=delta)  # tanh' for all timesteps at once
        if self.return_sequences:
            upstream = np.ascontiguousarray(dH.transpose(1, 0, 2), self.dtype)
            dh = np.zeros((N, H), self.dtype)
        else:
            dh = dH.astype(self.dtype)  # a copy: the caller's gradient stays as it is
        multiply, Wh = np.multiply, self.Wh
        for t, d in zip(reversed(range(T)), reversed(self._deltas), strict=True):
            if self.return_sequences:  # d is delta_{t+1}: arrays count from 0
                dh += upstream[t]
            elif t % 16 == 0 and np.abs(dh).max() < self._negligible:
                delta[: t + 1] = 0
                dh[:] = 0
                break
            multiply(d, dh, d)
            d.dot(Wh, dh)
        rows = delta.reshape(T * N, H)
        dW = rows.T @ Z[:T].reshape(T * N, H + D + 1) / N
        self.dL_dWh, self.dL_dWx, self.dL_dbh = dW[:, :H], dW[:, H:-1], dW[:, -1:]
        if self.input_gradient == "true":
            return (rows @ self.Wx).reshape(T, N, D).transpose(1, 0, 2)
        return dh
        ### END CODE HERE ###

    def update(self, learning_rate):
        """Take one step of plain gradient descent, W <- W - learning_rate dL/dW, in place.

        Raises:
            ValueError: the learning rate is not a finite number > 0.
            RuntimeError: there is no gradient yet.
        """
        check_learning_rate(learning_rate)
        check_ready(self.dL_dWx is not None, "RNN.update", "RNN.backward")
        self.Wx -= learning_rate * self.dL_dWx
        self.Wh -= learning_rate * self.dL_dWh
        self.bh -= learning_rate * self.dL_dbh

    def _run(self, X):
        """The recurrence of `forward` with room for one timestep only.

        Only `forward` above needs it; a plain one does not.
        """
        ### START CODE HERE ###
        N, T, D = X.shape
        H = self.rnn_units
        W = np.hstack([self.Wh, self.Wx, self.bh]).T.copy()
        z = np.ones((N, H + D + 1), self.dtype)
        z[:, :H] = 0
        a = np.empty((N, H), self.dtype)
        states = np.empty((N, T, H), self.dtype) if self.return_sequences else None
        for t in range(T):
            z[:, H:-1] = X[:, t]
            np.dot(z, W, out=a)
            np.tanh(a, out=z[:, :H])
            if states is not None:
                states[:, t] = z[:, :H]
        return z[:, :H].copy() if states is None else states
        ### END CODE HERE ###

    def _workspace(self, N, T):
        """Return the time-major arrays Z (T + 1, N, H + D + 1) and delta (T, N, H).

        Both lie in one block that is kept and only ever grows, so a smaller last batch neither
        allocates nor throws away. The views of single timesteps are kept too: making them costs
        as much as a small product. Only `forward` and `backward` above need it; plain ones do not.
        """
        ### START CODE HERE ###
        D, H = self.input_size, self.rnn_units
        if self._room != (N, T):
            K = H + D + 1
            split, end = (T + 1) * N * K, (T + 1) * N * K + T * N * H
            if self._memory.size < end:
                self._memory = np.empty(end, self.dtype)
            self._Z = self._memory[:split].reshape(T + 1, N, K)
            self._delta = self._memory[split:end].reshape(T, N, H)
            self._Z[:, :, -1] = 1
            self._inputs = list(self._Z[:T])
            self._states = [z[:, :H] for z in self._Z[1:]]
            self._deltas = list(self._delta)
            self._room = N, T
        return self._Z, self._delta
        ### END CODE HERE ###

    def __getstate__(self):
        """Return what a copy or a pickle holds: all but the workspace, whose views would part."""
        state = {name: value for name, value in vars(self).items() if name not in VIEWS}
        return state | {"_memory": np.empty(0, self.dtype), "_room": None, "_shape": None}
