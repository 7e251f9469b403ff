"""Flatten turns each sample into one row and puts gradients back into the sample's shape."""

import numpy as np

from lab.checks import check_array, check_ready


class Flatten:
    """Layer without parameters: (N, ...) to (N, product of the rest)."""

    def __init__(self):
        self._shape = None

    def forward(self, A):
        """Return A, array (N, ...), as (N, product).

        Raises:
            ValueError: A has no axis besides N, or no sample.
            TypeError: A does not hold numbers.
        """
        A = np.asarray(A)
        if A.ndim < 2 or A.size == 0:
            raise ValueError(
                f"A: expected a non-empty array (N, ...) of two or more axes, got shape {A.shape}; "
                "add the missing axis or pass at least one sample"
            )
        self._shape = check_array("A", A, A.shape).shape
        return A.reshape(len(A), -1)

    def backward(self, dA):
        """Return dA, array (N, product), in the shape that forward was given.

        Raises:
            RuntimeError: no forward pass to go back through.
            ValueError: dA has another shape than forward's result.
        """
        check_ready(self._shape is not None, "Flatten.backward", "Flatten.forward")
        N, *rest = self._shape
        return check_array("dA", dA, (N, int(np.prod(rest)))).reshape(self._shape)
