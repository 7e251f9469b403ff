import numpy as np

class Dense():
    def __init__(self, n_x, n_y, seed=1):
        self.parameters = {}
        self.seed = seed
        self.init(n_x, n_y)
    def init(self, n_x, n_y):
        np.random.seed(self.seed)
        s = np.sqrt(6/(n_x+n_y))
        self.parameters["W"] = np.random.uniform(-s, s, size=(n_y, n_x)).T
        self.parameters["b"] = np.zeros((1, n_y))
    def forward(self, A):
        self.x = A
        return A @ self.parameters["W"] + self.parameters["b"]
    def backward(self, dZ):
        self.dW = self.x.T @ dZ / self.x.shape[0]
        self.db = np.mean(dZ, axis=0).reshape(1, -1)
        return dZ @ self.parameters["W"].T
    def update(self, learning_rate):
        self.parameters["W"] = self.parameters["W"] - learning_rate*self.dW
        self.parameters["b"] = self.parameters["b"] - learning_rate*self.db
