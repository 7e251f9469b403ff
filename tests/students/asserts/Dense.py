import numpy as np


class Dense():
    def __init__(self, n_x, n_y, seed=1):
        self.n_x = n_x
        self.n_y = n_y
        self.seed = seed
        self.initialize_parameters()

    def initialize_parameters(self):
        """ W has shape (n_x, n_y), b has shape (1, n_y) """
        sd = np.sqrt(6.0 / (self.n_x + self.n_y))
        np.random.seed(self.seed)
        W = np.random.uniform(-sd, sd, (self.n_y, self.n_x)).T
        b = np.zeros((1, self.n_y))
        assert(W.shape == (self.n_x, self.n_y))
        assert(b.shape == (1, self.n_y))
        self.parameters = {"W": W, "b": b}

    def forward(self, A):
        W, b = self.parameters["W"], self.parameters["b"]
        Z = np.dot(A, W) + b
        assert(Z.shape == (A.shape[0], self.n_y))
        self.cache = (A, W, b)
        return Z

    def backward(self, dZ):
        A_prev, W, b = self.cache
        m = A_prev.shape[0]
        assert(dZ.shape == (m, self.n_y))
        self.dW = 1 / m * np.dot(A_prev.T, dZ)
        self.db = 1 / m * np.sum(dZ, axis=0, keepdims=True)
        dA_prev = np.dot(dZ, W.T)

        assert(self.dW.shape == W.shape)
        assert(self.db.shape == b.shape)
        assert(dA_prev.shape == A_prev.shape)
        return dA_prev

    def update(self, learning_rate):
        self.parameters["W"] -= learning_rate * self.dW
        self.parameters["b"] -= learning_rate * self.db
