import numpy as np


class RNN():
    def __init__(self, input_size, rnn_units, seed=1):
        self.input_size = input_size
        self.rnn_units = rnn_units
        self.seed = seed
        self.initialize_parameters()

    def initialize_parameters(self):
        np.random.seed(self.seed)
        self.Wx = np.random.randn(self.rnn_units, self.input_size) * 0.01
        self.Wh = np.random.randn(self.rnn_units, self.rnn_units) * 0.01
        self.bh = np.zeros((self.rnn_units, 1))

    def forward(self, X):
        assert(X.ndim == 3 and X.shape[2] == self.input_size)
        self.X = X
        h = np.zeros((X.shape[0], self.rnn_units))
        self.h = [h]                                     # h_0, h_1, ..., h_T
        for t in range(X.shape[1]):
            h = np.tanh(np.dot(X[:, t, :], self.Wx.T) + np.dot(h, self.Wh.T) + self.bh.T)
            assert(h.shape == (X.shape[0], self.rnn_units))
            self.h.append(h)
        return h

    def backward(self, dH):
        N, T, _ = self.X.shape
        assert(dH.shape == (N, self.rnn_units))
        self.dL_dWx = np.zeros_like(self.Wx)
        self.dL_dWh = np.zeros_like(self.Wh)
        self.dL_dbh = np.zeros_like(self.bh)
        for t in range(T, 0, -1):
            da = dH * (1 - self.h[t] ** 2)               # through tanh
            self.dL_dWx += np.dot(da.T, self.X[:, t - 1, :]) / N
            self.dL_dWh += np.dot(da.T, self.h[t - 1]) / N
            self.dL_dbh += np.sum(da, axis=0, keepdims=True).T / N
            dH = np.dot(da, self.Wh)
        # clip (optional)
        # for g in [self.dL_dWx, self.dL_dWh, self.dL_dbh]:
        #     np.clip(g, -5, 5, out=g)
        assert(dH.shape == (N, self.rnn_units))
        return dH

    def update(self, learning_rate):
        self.Wx -= learning_rate * self.dL_dWx
        self.Wh -= learning_rate * self.dL_dWh
        self.bh -= learning_rate * self.dL_dbh
