import numpy as np

class RNN():
    def __init__(self, input_size, rnn_units, seed=1):
        self.D = input_size
        self.H = rnn_units
        self.seed = seed
        self.initialize_parameters()
    def initialize_parameters(self):
        np.random.seed(self.seed)
        self.Wx = np.random.randn(self.H, self.D)*0.01
        self.Wh = np.random.randn(self.H, self.H)*0.01
        self.bh = np.zeros((self.H, 1))
    def forward(self, X):
        self.x_list, self.h_list = [], [np.zeros((self.H, X.shape[0]))]
        for t in range(X.shape[1]):
            self.x_list.append(X[:, t].T)
            self.h_list.append(np.tanh(self.Wx @ self.x_list[t] + self.Wh @ self.h_list[t] + self.bh))
        return self.h_list[-1].T
    def backward(self, dH):
        n, dh, deltas = dH.shape[0], dH.T, []
        for h in self.h_list[:0:-1]:
            deltas.append(dh*(1 - h*h))
            dh = self.Wh.T @ deltas[-1]
        deltas = deltas[::-1]
        self.dL_dWx = sum(d @ x.T for d, x in zip(deltas, self.x_list))/n
        self.dL_dWh = sum(d @ h.T for d, h in zip(deltas, self.h_list))/n
        self.dL_dbh = sum(d.sum(axis=1, keepdims=True) for d in deltas)/n
        return dh.T
    def update(self, learning_rate):
        self.Wx = self.Wx - learning_rate*self.dL_dWx
        self.Wh = self.Wh - learning_rate*self.dL_dWh
        self.bh = self.bh - learning_rate*self.dL_dbh
