import numpy as np

class Dense:
    def __init__(self, n_x, n_y, seed=1):
        np.random.seed(seed)
        limit = (6 / (n_x + n_y)) ** 0.5
        drawn = np.random.uniform(-limit, limit, (n_y, n_x))
        W = np.zeros((n_x, n_y))
        for i in range(n_x):
            for j in range(n_y):
                W[i, j] = drawn[j, i]
        self.parameters = {"W": W, "b": np.zeros((1, n_y))}

    def forward(self, A):
        self.last_input = A
        W, b = self.parameters["W"], self.parameters["b"]
        Z = np.zeros((len(A), W.shape[1]))
        for i in range(len(A)):
            Z[i] = A[i] @ W + b[0]
        return Z

    def backward(self, dZ):
        N = len(self.last_input)
        # sum over the samples, then the mean
        grad_W = np.einsum("ni,nj->ij", self.last_input, dZ)
        grad_b = np.einsum("nj->j", dZ)[None, :]
        grad_W = grad_W / N
        grad_b = grad_b / N
        self.dW = grad_W
        self.db = grad_b
        return np.einsum("nj,ij->ni", dZ, self.parameters["W"])

    def update(self, learning_rate):
        grads = {"W": self.dW, "b": self.db}
        new = {}
        for key in self.parameters:
            new[key] = self.parameters[key] - learning_rate * grads[key]
        self.parameters = new
