"""An elementwise function between layers; softmax works on rows and belongs to cross-entropy.

sigmoid  1 / (1 + e^-Z)      relu  max(0, Z)      tanh      linear  Z
softmax  e^Z_c / sum_k e^Z_k, whose gradient together with cross-entropy is A - Y
"""

import numpy as np


def _sigmoid(Z):
    e = np.exp(-np.abs(Z))  # never above 1, so nothing overflows
    return np.where(Z >= 0, 1, e) / (1 + e)


def _softmax(Z):
    e = np.exp(Z - Z.max(axis=1, keepdims=True))  # the shift changes no ratio and bounds e^Z by 1
    return e / e.sum(axis=1, keepdims=True)


FUNCTIONS = {  # name: (A from Z, the gradient at Z from dA and A)
    "sigmoid": (_sigmoid, lambda dA, A: dA * A * (1 - A)),
    "relu": (lambda Z: np.maximum(Z, 0), lambda dA, A: dA * (A > 0)),
    "softmax": (_softmax, None),
    "linear": (np.copy, lambda dA, A: np.copy(dA)),
    "tanh": (np.tanh, lambda dA, A: dA * (1 - A**2)),
}


class Activation:
    """Layer without parameters.

    Args:
        activation_function: "sigmoid", "relu", "softmax", "linear", or beyond the course "tanh".
        loss_function: name of the loss behind it; kept for the reader, as in the course.

    Raises:
        ValueError: unknown activation.
    """

    def __init__(self, activation_function, loss_function):
        if activation_function not in FUNCTIONS:
            raise ValueError(
                f"activation_function: expected one of {', '.join(FUNCTIONS)}, got "
                f"{activation_function!r}"
            )
        self.activation_function, self.loss_function = activation_function, loss_function

    def forward(self, Z):
        """Return A for Z, array (N, ...), for softmax (N, C); integers become float64.

        Raises:
            ValueError: Z for softmax is not 2-D.
        """
        Z = np.asarray(Z)
        Z = Z if Z.dtype.kind == "f" else Z.astype(float)  # small integers would overflow
        if self.activation_function == "softmax" and Z.ndim != 2:
            raise ValueError(f"softmax: expected Z of shape (N, C), got {Z.shape}; flatten first")
        function, _ = FUNCTIONS[self.activation_function]
        self._A = function(Z)
        return self._A.copy()  # a caller who changes it must not change the derivative

    def backward(self, dA=None, Y=None):
        """Return the gradient at Z, array of A's shape.

        dA is the gradient at A; softmax uses the one-hot labels Y instead, and returns A - Y.

        Raises:
            ValueError: the gradient or the labels are missing or have another shape than A.
        """
        softmax = self.activation_function == "softmax"
        name, given = ("Y", Y) if softmax else ("dA", dA)
        if given is None or np.shape(given) != self._A.shape:
            raise ValueError(
                f"{self.activation_function}: expected {name} of shape {self._A.shape}, got "
                f"{'None' if given is None else np.shape(given)}; call backward(dA, Y)"
            )
        if softmax:
            return self._A - given
        _, derivative = FUNCTIONS[self.activation_function]
        return derivative(np.asarray(given), self._A)
