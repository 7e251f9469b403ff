import numpy as np

class RNN:
    def __init__(self, input_size, rnn_units, seed=1):
        self.input_size, self.rnn_units, self.seed = input_size, rnn_units, seed
        self.initialize_parameters()

    def initialize_parameters(self):
        np.random.seed(self.seed)
        self.Wx = 0.01 * np.random.normal(size=(self.rnn_units, self.input_size))
        self.Wh = 0.01 * np.random.normal(size=(self.rnn_units, self.rnn_units))
        self.bh = np.zeros((self.rnn_units, 1))

    def forward(self, X):
        self.inputs = []
        self.states = []
        for sample in X:
            xs = [x.reshape(-1, 1) for x in sample]
            hs = [np.zeros((self.rnn_units, 1))]
            for x in xs:
                hs.append(np.tanh(self.Wx @ x + self.Wh @ hs[-1] + self.bh))
            self.inputs.append(xs)
            self.states.append(hs)
        return np.array([hs[-1][:, 0] for hs in self.states])

    def backward(self, dH):
        N = len(dH)
        gx, gh, gb = 0 * self.Wx, 0 * self.Wh, 0 * self.bh
        dL_dX = []
        for n in range(N):
            d = dH[n].reshape(-1, 1)
            xs, hs = self.inputs[n], self.states[n]
            for t in reversed(range(len(xs))):
                # hs has one more than xs: hs[t] comes before the step, hs[t + 1] after it
                delta = d * (1 - hs[t + 1] ** 2)
                gx = gx + delta @ xs[t].T
                gh = gh + delta @ hs[t].T
                gb = gb + delta
                d = self.Wh.T @ delta
            dL_dX.append(d[:, 0])
        self.dL_dWx, self.dL_dWh, self.dL_dbh = gx / N, gh / N, gb / N
        return np.array(dL_dX)

    def update(self, learning_rate):
        for name in ["Wx", "Wh", "bh"]:
            setattr(self, name, getattr(self, name) - learning_rate * getattr(self, "dL_d" + name))
