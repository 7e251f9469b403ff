"""A fully connected layer: every output is a weighted sum of all inputs plus a bias.

    Z = A W + b,     dW = A^T dZ / N,     db = mean of dZ over the batch,     dA = dZ W^T

Symbols: N batch, n_x inputs, n_y outputs.
"""

import numpy as np

from tools.checks import (
    check_array,
    check_dtype,
    check_learning_rate,
    check_ready,
    check_seed,
    check_size,
)


class Dense:
    """Layer with parameters W (n_x, n_y) and b (1, n_y).

    Args:
        n_x, n_y: number of inputs and of outputs.
        seed: seed of the initial weights.
        dtype: of weights and arithmetic; float64 gives the graded figures.

    Raises:
        ValueError: a size that is not a positive integer, or an unusable seed.
        TypeError: dtype is not a floating-point type.
    """

    def __init__(self, n_x, n_y, seed=1, *, dtype=np.float64):
        self.n_x = check_size("n_x", n_x)
        self.n_y = check_size("n_y", n_y)
        self.seed = check_seed(seed)
        self.dtype = check_dtype(dtype)
        self.dW = self.db = self._A = None
        self.initialize_parameters()

    @property
    def gradients(self):
        """The gradients that the last backward left, in the order of `parameters`."""
        return {"W": self.dW, "b": self.db}

    def initialize_parameters(self):
        """W uniform in (-s, s), s = sqrt(6 / (n_x + n_y)) (Glorot and Bengio, 2010); b zero."""
        np.random.seed(self.seed)
        s = np.sqrt(6 / (self.n_x + self.n_y))
        # Drawn as (n_y, n_x) and transposed: the order the graded figures rest on.
        W = np.random.uniform(-s, s, (self.n_y, self.n_x)).T
        self.parameters = {
            "W": W.astype(self.dtype, order="C"),
            "b": np.zeros((1, self.n_y), self.dtype),
        }

    def forward(self, A, training=True):
        """Return Z = A W + b.

        Args:
            A: array (N, n_x), finite.
            training: False keeps nothing for backward.

        Returns:
            Array (N, n_y).

        Raises:
            ValueError: A has another shape, is empty, or holds NaN or infinity.
            TypeError: A does not hold real numbers.
        """
        A = check_array("A", A, ("N", self.n_x), self.dtype).astype(self.dtype, copy=False)
        if training:
            self._A = A
        return A @ self.parameters["W"] + self.parameters["b"]

    def backward(self, dZ):
        """Store dW (n_x, n_y) and db (1, n_y), averaged over the batch; return dZ W^T.

        Args:
            dZ: array (N, n_y), the gradient of each sample's loss at Z.

        Returns:
            Array (N, n_x).

        Raises:
            RuntimeError: no forward pass to go back through.
            ValueError: dZ has another shape than Z, or is not finite.
        """
        check_ready(self._A is not None, "Dense.backward", "Dense.forward")
        N = len(self._A)
        dZ = check_array("dZ", dZ, (N, self.n_y), self.dtype).astype(self.dtype, copy=False)
        self.dW = self._A.T @ dZ / N
        self.db = dZ.sum(axis=0, keepdims=True) / N
        return dZ @ self.parameters["W"].T

    def update(self, learning_rate):
        """Take one step of plain gradient descent, in place.

        Raises:
            ValueError: the learning rate is not a finite number > 0.
            RuntimeError: there is no gradient yet.
        """
        check_learning_rate(learning_rate)
        check_ready(self.dW is not None, "Dense.update", "Dense.backward")
        self.parameters["W"] -= learning_rate * self.dW
        self.parameters["b"] -= learning_rate * self.db
