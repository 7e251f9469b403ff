import numpy as np


class Flatten():
    def forward(self, A_prev):
        self.input_shape = A_prev.shape
        m = A_prev.shape[0]
        A = np.reshape(A_prev, (m, -1))
        assert(A.shape == (m, np.prod(self.input_shape[1:])))
        return A

    def backward(self, dA):
        dA_prev = np.reshape(dA, self.input_shape)
        assert(dA_prev.shape == self.input_shape)
        return dA_prev
