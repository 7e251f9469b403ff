"""An elementwise function between layers; softmax works on rows and belongs to cross-entropy.

sigmoid  1 / (1 + e^-Z)      relu  max(0, Z)      tanh      linear  Z
softmax  e^Z_c / sum_k e^Z_k, whose gradient together with cross-entropy is A - Y
"""

import numpy as np

from lab.checks import check_array, check_option, check_ready


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
    "linear": (np.copy, lambda dA, A: dA),
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
        self.activation_function = check_option(
            "activation_function", activation_function, tuple(FUNCTIONS)
        )
        self.loss_function = loss_function
        self._A = None

    def forward(self, Z):
        """Apply the function.

        Args:
            Z: array (N, ...); (N, C) for softmax.

        Returns:
            A, array of Z's shape, and of its dtype if that is a floating one.

        Raises:
            ValueError: Z is empty, or for softmax not 2-D.
            TypeError: Z does not hold numbers.
        """
        Z = np.asarray(Z)
        two = self.activation_function == "softmax" or Z.ndim == 2
        Z = check_array("Z", Z, ("N", *(["C"] if two else ["..."] * (Z.ndim - 1))))
        function, _ = FUNCTIONS[self.activation_function]
        self._A = function(Z)
        return self._A.copy()  # whoever changes it must not change the derivative

    def backward(self, dA=None, Y=None):
        """Return the gradient at Z.

        Args:
            dA: gradient at A, of A's shape; not used by softmax.
            Y: one-hot labels (N, C); used by softmax only, which returns A - Y.

        Returns:
            Array of A's shape.

        Raises:
            RuntimeError: no forward pass to go back through.
            ValueError: the gradient or the labels are missing or have another shape than A.
        """
        A = self._A
        check_ready(A is not None, "Activation.backward", "Activation.forward")
        if self.activation_function == "softmax":
            if Y is None:
                raise ValueError(
                    "Y: softmax expects one-hot labels, got None; pass backward(dA, Y)"
                )
            return A - check_array("Y", Y, A.shape)
        if dA is None:
            raise ValueError("dA: expected the gradient at A, got None; pass backward(dA)")
        _, derivative = FUNCTIONS[self.activation_function]
        return derivative(check_array("dA", dA, A.shape), A)
