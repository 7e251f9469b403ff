"""Flatten turns each sample into one row and puts gradients back into the sample's shape."""

import numpy as np


class Flatten:
    """Layer without parameters: (N, ...) to (N, product of the rest)."""

    def forward(self, A):
        """Return A, array (N, ...), as (N, product).

        Raises:
            ValueError: A has no axis besides N, or no sample.
        """
        A = np.asarray(A)
        if A.ndim < 2 or A.size == 0:
            raise ValueError(f"Flatten: expected a non-empty array (N, ...), got shape {A.shape}")
        self._shape = A.shape
        return A.reshape(len(A), -1)

    def backward(self, dA):
        """Return dA, array (N, product), in the shape of forward's input."""
        return np.asarray(dA).reshape(self._shape)
