import numpy as np

class Flatten:
    def forward(self, A_prev):
        self.shape = A_prev.shape
        return np.array([a.flatten() for a in A_prev])

    def backward(self, dA):
        return np.array([d.reshape(self.shape[1:]) for d in dA])
