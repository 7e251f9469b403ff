import numpy as np


class Activation():
    def __init__(self, activation_function, loss_function):
        self.activation_function = activation_function
        self.loss_function = loss_function

    def forward(self, Z):
        if self.activation_function == "sigmoid":
            A = 1 / (1 + np.exp(-np.clip(Z, -500, 500)))
        elif self.activation_function == "relu":
            A = np.maximum(0, Z)
        elif self.activation_function == "softmax":
            e = np.exp(Z - np.max(Z, axis=1, keepdims=True))   # minus the maximum: no overflow
            A = e / np.sum(e, axis=1, keepdims=True)
        elif self.activation_function == "linear":
            A = Z
        else:
            raise ValueError(f"Unsupported activation function: {self.activation_function}")
        assert(A.shape == Z.shape)
        self.cache = (Z, A)
        return A

    def backward(self, dA=None, Y=None):
        Z, A = self.cache
        if self.activation_function == "softmax":
            assert(Y.shape == A.shape)
            dZ = A - Y
        elif self.activation_function == "sigmoid":
            dZ = dA * A * (1 - A)
        elif self.activation_function == "relu":
            dZ = np.array(dA, copy=True)
            dZ[Z <= 0] = 0
        elif self.activation_function == "linear":
            dZ = dA
        assert(dZ.shape == Z.shape)
        return dZ
