"""The plain solution that figures are compared with, and known mistakes as small changes of it.

A mistake is (name, what is right, old text, new text): the change that makes the solution wrong.
What such a solution gives is computed when `check.py` runs, so nothing here holds a figure.
"""

SOLUTION = """
import numpy as np

class RNN:
    def __init__(self, input_size, rnn_units, seed=1):
        self.D, self.H, self.seed = input_size, rnn_units, seed
        np.random.seed(self.seed)
        self.Wx = 0.01 * np.random.randn(self.H, self.D)
        self.Wh = 0.01 * np.random.randn(self.H, self.H)
        self.bh = np.zeros((self.H, 1))

    def forward(self, X):
        h = np.zeros((len(X), self.H))
        self.X, self.h = X, [h]
        for t in range(X.shape[1]):
            a = X[:, t] @ self.Wx.T + h @ self.Wh.T + self.bh.T
            h = np.tanh(a)
            self.h.append(h)
        return h

    def backward(self, dH):
        N, T = self.X.shape[:2]
        dWx, dWh, dbh = 0 * self.Wx, 0 * self.Wh, 0 * self.bh
        dh = dH
        for t in reversed(range(T)):
            delta = dh * (1 - self.h[t + 1] ** 2)
            dWx += delta.T @ self.X[:, t]
            dWh += delta.T @ self.h[t]
            dbh += delta.sum(axis=0)[:, None]
            dh = delta @ self.Wh
        self.dL_dWx, self.dL_dWh, self.dL_dbh = dWx / N, dWh / N, dbh / N
        return dh

    def update(self, rate):
        self.Wx = self.Wx - rate * self.dL_dWx
        self.Wh = self.Wh - rate * self.dL_dWh
        self.bh = self.bh - rate * self.dL_dbh

class Dense:
    def __init__(self, n_x, n_y, seed=1):
        np.random.seed(seed)
        s = np.sqrt(6 / (n_x + n_y))
        W = np.random.uniform(-s, s, (n_y, n_x)).T
        self.parameters = {"W": W, "b": np.zeros((1, n_y))}

    def forward(self, A):
        self.A = A
        return A @ self.parameters["W"] + self.parameters["b"]

    def backward(self, dZ):
        self.dW = self.A.T @ dZ / len(dZ)
        self.db = dZ.sum(axis=0, keepdims=True) / len(dZ)
        return dZ @ self.parameters["W"].T

    def update(self, rate):
        self.parameters["W"] = self.parameters["W"] - rate * self.dW
        self.parameters["b"] = self.parameters["b"] - rate * self.db

class Activation:
    def __init__(self, activation_function, loss_function):
        self.activation_function = activation_function

    def forward(self, Z):
        e = np.exp(Z - Z.max(axis=1, keepdims=True))
        softmax, sigmoid = e / e.sum(axis=1, keepdims=True), 1 / (1 + np.exp(-Z))
        kinds = {"softmax": softmax, "sigmoid": sigmoid, "relu": np.maximum(0, Z), "linear": Z}
        self.Z, self.out = Z, kinds[self.activation_function]
        return self.out

    def backward(self, dA=None, Y=None):
        if self.activation_function == "softmax":
            return self.out - Y
        kinds = {"sigmoid": self.out * (1 - self.out), "relu": self.Z > 0, "linear": 1}
        return dA * kinds[self.activation_function]

class Flatten:
    def forward(self, A):
        self.shape = A.shape
        return A.reshape(len(A), -1)

    def backward(self, dA):
        return dA.reshape(self.shape)

def compute_MSE_loss(AL, Y):
    return np.sum((AL - Y) ** 2) / len(Y)

def compute_CCE_loss(AL, Y):
    return -np.sum(Y * np.log(AL + 1e-5)) / len(Y)

class Model:
    def __init__(self):
        self.layers, self.train_losses, self.val_losses = [], [], []

    def add(self, layer):
        self.layers.append(layer)

    def forward(self, X):
        for layer in self.layers:
            if layer.__class__.__name__ == "RNN" and X.ndim == 2:
                X = X[:, None, :]
            X = layer.forward(X)
        return X

    def backward(self, dA=None, Y=None):
        for layer in reversed(self.layers):
            softmax = getattr(layer, "activation_function", "") == "softmax"
            dA = layer.backward(dA, Y) if softmax else layer.backward(dA)
        return dA

    def update(self, rate):
        for layer in self.layers:
            if hasattr(layer, "update"):
                layer.update(rate)

    def train(self, X, y, X_val, y_val, epochs, rate, size, loss_function):
        loss = compute_MSE_loss if loss_function == "mse" else compute_CCE_loss
        for epoch in range(epochs):
            total, starts = 0.0, range(0, len(X), size)
            for i in starts:
                AL, Y = self.forward(X[i : i + size]), y[i : i + size]
                self.backward(2 * (AL - Y) if loss_function == "mse" else AL, Y)
                self.update(rate)
                total += loss(AL, Y) * len(Y)
            self.train_losses.append(total / len(X))
            self.val_losses.append(loss(self.predict(X_val), y_val))

    def predict(self, X):
        return self.forward(X)
"""

FREE = (  # what the course leaves free in `train`: each, and both together, are right
    ("2 * (AL - Y)", "(AL - Y)"),
    (") * len(Y)\n            self.train_losses.append(total / len(X))",
     ")\n            self.train_losses.append(total / len(starts))"),
)  # fmt: skip

START = "np.random.seed(seed), then Wx = 0.01 randn(H, D), Wh = 0.01 randn(H, H), bh = 0"
STEP = "h_t = tanh(Wx x_t + Wh h_{t-1} + bh), h_0 = 0, and forward returns h_T"
DELTA = "delta_t = dh_t * (1 - h_t^2)"
SUMS = "dWx = sum_t delta_t x_t^T / N, dWh = sum_t delta_t h_{t-1}^T / N, dbh = sum_t delta_t / N"
BACK = "dh_{t-1} = Wh^T delta_t, from t = T down to 1; backward returns the last of them"
UPDATE = "each weight W = W - learning_rate * dW, once"
DENSE = "Z = A W + b, dW = A^T dZ / N, db = sum of dZ / N, dA = dZ W^T"
WALK = "backward goes from the last layer to the first, each gets what the one above returned"
BATCH = "a batch: forward, backward from 2 (AL - y) or AL - y, one update; the last may be smaller"
WEIGHTS = "Wx", "Wh", "bh"
WX = "self.Wx = 0.01 * np.random.randn(self.H, self.D)"
WH = "self.Wh = 0.01 * np.random.randn(self.H, self.H)"
STORE = "self.dL_dWx, self.dL_dWh, self.dL_dbh = dWx / N, dWh / N, dbh / N"

MISTAKES = [  # name, what is right, old, new
    ("Wh drawn before Wx", START, f"{WX}\n        {WH}", f"{WH}\n        {WX}"),
    ("no seed before the weights", START, "np.random.seed(self.seed)\n", "pass\n"),
    ("seed 1 whatever is asked for", START, "np.random.seed(self.seed)", "np.random.seed(1)"),
    ("the seed set again before Wh", START, WH, f"np.random.seed(self.seed); {WH}"),
    ("no factor 0.01", START, "0.01 * np", "np"),
    *((f"no factor 0.01 in {W}", START, f"self.{W} = 0.01 * np", f"self.{W} = np") for W in WEIGHTS[:2]),
    ("0.1 in place of 0.01", START, "0.01 * np", "0.1 * np"),
    ("uniform in place of normal weights", START, "np.random.randn(", "np.random.rand("),
    ("the weights drawn transposed", START, "randn(self.H, self.D)", "randn(self.D, self.H).T"),
    ("the bias drawn, not zero", START, "np.zeros((self.H, 1))", "0.01 * np.random.randn(self.H, 1)"),
    ("ones as bias", START, "np.zeros((self.H, 1))", "np.ones((self.H, 1))"),
    ("Xavier scale in place of 0.01", START, "0.01 * np.random.randn(self.H, self.", "np.sqrt(1 / self.H) * np.random.randn(self.H, self."),
    ("no bias in the sum", STEP, " + self.bh.T", ""),
    ("no Wx x_t in the sum", STEP, "X[:, t] @ self.Wx.T + ", ""),
    ("no Wh h_{t-1} in the sum", STEP, "h @ self.Wh.T + ", ""),
    ("Wh without its transpose in forward", STEP, "h @ self.Wh.T", "h @ self.Wh"),
    ("no tanh", STEP, "h = np.tanh(a)", "h = a"),
    ("sigmoid for tanh", STEP, "np.tanh(a)", "1 / (1 + np.exp(-a))"),
    ("relu for tanh", STEP, "np.tanh(a)", "np.maximum(a, 0)"),
    ("tanh of the input's part only", STEP, "np.tanh(a)", "np.tanh(X[:, t] @ self.Wx.T) + h @ self.Wh.T + self.bh.T"),
    ("tanh before the bias is added", STEP, " + self.bh.T\n            h = np.tanh(a)", "\n            h = np.tanh(a) + self.bh.T"),
    ("time reversed in forward", STEP, "X[:, t] @ self.Wx.T + h", "X[:, -1 - t] @ self.Wx.T + h"),
    ("h_0 of ones", STEP, "h = np.zeros((len(X), self.H))", "h = np.ones((len(X), self.H))"),
    ("the first step left out", STEP, "for t in range(X.shape[1]):\n", "for t in range(1, X.shape[1]):\n"),
    ("the last step left out", STEP, "for t in range(X.shape[1]):\n", "for t in range(X.shape[1] - 1):\n"),
    ("h_1 returned for h_T", STEP, "        return h\n", "        return self.h[1]\n"),
    ("a_T returned for h_T", STEP, "        return h\n", "        return a\n"),
    ("the mean of all states returned", STEP, "        return h\n", "        return np.mean(self.h[1:], axis=0)\n"),
    ("the state left over from the last call", STEP, "h = np.zeros((len(X), self.H))", "h = self.h[-1] if hasattr(self, 'h') else np.zeros((len(X), self.H))"),
    ("np.random.seed called again in forward", STEP, "h = np.zeros((len(X), self.H))", "np.random.seed(self.seed); h = np.zeros((len(X), self.H))"),
    ("the seed set again in forward", STEP, "h = np.zeros((len(X), self.H))", "self.__init__(self.D, self.H, self.seed); h = np.zeros((len(X), self.H))"),
    ("the state averaged over the batch", STEP, "h = np.tanh(a)\n", "h = np.tanh(a); h = 0 * h + h.mean(axis=0)\n"),
    ("the same state stored at every step", STEP, "        return h\n", "        self.h[1:] = [h] * (len(self.h) - 1); return h\n"),
    ("no 1 - h^2", DELTA, "dh * (1 - self.h[t + 1] ** 2)", "dh * 1"),
    ("1 - h for 1 - h^2", DELTA, "(1 - self.h[t + 1] ** 2)", "(1 - self.h[t + 1])"),
    ("1 + h^2 for 1 - h^2", DELTA, "(1 - self.h[t + 1] ** 2)", "(1 + self.h[t + 1] ** 2)"),
    ("h (1 - h), the sigmoid's derivative", DELTA, "(1 - self.h[t + 1] ** 2)", "self.h[t + 1] * (1 - self.h[t + 1])"),
    ("divided by 1 - h^2", DELTA, "dh * (1 - self.h[t + 1] ** 2)", "dh / (1 - self.h[t + 1] ** 2)"),
    ("1 - h^2 applied twice", DELTA, "(1 - self.h[t + 1] ** 2)", "(1 - self.h[t + 1] ** 2) ** 2"),
    ("1 - tanh(h)^2: tanh taken twice", DELTA, "self.h[t + 1] ** 2", "np.tanh(self.h[t + 1]) ** 2"),
    ("1 - h_{t-1}^2 for 1 - h_t^2", DELTA, "self.h[t + 1] ** 2", "self.h[t] ** 2"),
    ("1 - h_T^2 at every step", DELTA, "self.h[t + 1] ** 2", "self.h[-1] ** 2"),
    ("h_t for h_{t-1} in dWh", SUMS, "delta.T @ self.h[t]\n", "delta.T @ self.h[t + 1]\n"),
    ("h_T for h_0 at the first step", SUMS, "delta.T @ self.h[t]\n", "delta.T @ self.h[t if t else -1]\n"),
    ("h_1 for h_0 at the first step", SUMS, "delta.T @ self.h[t]\n", "delta.T @ self.h[t or 1]\n"),
    ("the last h_{t-1} at every step in dWh", SUMS, "delta.T @ self.h[t]\n", "delta.T @ self.h[-2]\n"),
    ("dWh transposed", SUMS, "delta.T @ self.h[t]\n", "self.h[t].T @ delta\n"),
    ("x_T at every step in dWx", SUMS, "delta.T @ self.X[:, t]", "delta.T @ self.X[:, -1]"),
    ("time reversed in dWx", SUMS, "delta.T @ self.X[:, t]", "delta.T @ self.X[:, -1 - t]"),
    ("x_{t-1} for x_t in dWx", SUMS, "delta.T @ self.X[:, t]", "delta.T @ self.X[:, t - 1]"),
    ("= for += in all sums, so only the first step counts", SUMS, "+=", "="),
    *((f"= for += in d{W}", SUMS, f"d{W} +=", f"d{W} =") for W in WEIGHTS),
    ("one sum for all biases", SUMS, "delta.sum(axis=0)[:, None]", "delta.sum()"),
    ("only the last step's bias gradient", SUMS, "dbh += delta.sum(axis=0)[:, None]", "dbh += delta.sum(axis=0)[:, None] * (t == T - 1)"),
    ("1 - h^2 missing in dbh", SUMS, "dbh += delta.sum", "dbh += dh.sum"),
    ("the weight gradients not divided by N", SUMS, "dWx / N, dWh / N, dbh / N", "dWx, dWh, dbh"),
    ("divided by N twice", SUMS, "dWx / N, dWh / N, dbh / N", "dWx / N**2, dWh / N**2, dbh / N**2"),
    ("divided by T in place of N", SUMS, "dWx / N, dWh / N, dbh / N", "dWx / T, dWh / T, dbh / T"),
    ("divided by T as well", SUMS, "dWx / N, dWh / N, dbh / N", "dWx / N / T, dWh / N / T, dbh / N / T"),
    *((f"d{W} not divided by N", SUMS, f"d{W} / N", f"d{W}") for W in WEIGHTS),
    *((f"clipping to {c} left on in backward", "in the checks nothing is clipped", STORE, f"dWx, dWh, dbh = (np.clip(g / N, -{c}, {c}) for g in (dWx, dWh, dbh)); N = 1\n        {STORE}") for c in (1, 5)),
    ("Wh for its transpose in backward", BACK, "dh = delta @ self.Wh\n", "dh = delta @ self.Wh.T\n"),
    ("dh_t for delta_t in dh_{t-1}", BACK, "dh = delta @ self.Wh\n", "dh = dh @ self.Wh\n"),
    ("delta_t passed back without Wh", BACK, "dh = delta @ self.Wh\n", "dh = delta\n"),
    ("nothing carried, dh_t stays dH", BACK, "dh = delta @ self.Wh\n", "pass\n"),
    ("dH changed in place", "work on a copy of dH", "delta = dh * (1 - self.h[t + 1] ** 2)", "dh *= 1 - self.h[t + 1] ** 2; delta = dh"),
    ("dH again at every step", BACK, "delta = dh *", "delta = dH *"),
    ("dH added at every step", BACK, "dh = delta @ self.Wh\n", "dh = delta @ self.Wh + dH\n"),
    ("the gradient added up, dh += Wh^T delta", BACK, "dh = delta @ self.Wh\n", "dh = dh + delta @ self.Wh\n"),
    ("only the last step, no recursion back", BACK, "reversed(range(T))", "reversed(range(T - 1, T))"),
    ("the first step left out in backward", BACK, "reversed(range(T))", "reversed(range(1, T))"),
    ("steps walked forward in backward", BACK, "reversed(range(T))", "range(T)"),
    ("delta_1 returned for dh_0", BACK, "        return dh\n", "        return delta\n"),
    ("dx_1 = Wx^T delta_1 returned for dh_0", BACK, "        return dh\n", "        return delta @ self.Wx\n"),
    ("dL_dX divided by N", BACK, "        return dh\n", "        return dh / N\n"),
    ("dH returned as it came", BACK, "        return dh\n", "        return dH\n"),
    ("dH divided by N before", SUMS, "dh = dH\n", "dh = dH / N\n"),
    ("a plus in RNN.update", UPDATE, "- rate * self.dL_d", "+ rate * self.dL_d"),
    *((f"{W} left out of RNN.update", UPDATE, f"self.{W} = self.{W} - rate * self.dL_d{W}", "pass") for W in WEIGHTS),
    ("no learning rate in RNN.update", UPDATE, "- rate * self.dL_d", "- self.dL_d"),
    ("Dense: dW not divided by N", DENSE, "@ dZ / len(dZ)", "@ dZ"),
    ("Dense: db not divided by N", DENSE, "True) / len(dZ)", "True)"),
    ("Dense: neither dW nor db divided by N", DENSE, " / len(dZ)", ""),
    ("Dense: db taken from dW", DENSE, "dZ.sum(axis=0, keepdims=True) / len(dZ)", "self.dW.mean(axis=0, keepdims=True)"),
    ("Dense: one sum for all biases", DENSE, "dZ.sum(axis=0, keepdims=True) / len(dZ)", "np.full(self.parameters['b'].shape, dZ.sum() / len(dZ))"),
    ("Dense: no bias", DENSE, ' + self.parameters["b"]', ""),
    ("Dense: dA divided by N", DENSE, 'dZ @ self.parameters["W"].T', 'dZ @ self.parameters["W"].T / len(dZ)'),
    ("Dense: a plus in update", UPDATE, 'self.parameters["W"] - rate', 'self.parameters["W"] + rate'),
    *((f"Dense: {W} left out of update", UPDATE, f'self.parameters["{W}"] - rate * self.d{W}', f'self.parameters["{W}"]') for W in "Wb"),
    ("Dense: drawn as (n_x, n_y), without the transpose", "W is drawn as (n_y, n_x) and transposed", "(n_y, n_x)).T", "(n_x, n_y))"),
    ("sigmoid: no derivative", "dZ = dA A (1 - A)", "self.out * (1 - self.out)", "1"),
    ("sigmoid: Z for A in the derivative", "dZ = dA A (1 - A)", "self.out * (1 - self.out)", "self.Z * (1 - self.Z)"),
    ("relu: no derivative", "dZ = dA where Z > 0, else 0", "self.Z > 0", "1"),
    ("relu: reversed derivative", "dZ = dA where Z > 0, else 0", "self.Z > 0", "self.Z <= 0"),
    ("relu: derivative 1 in place of dA", "dZ = dA where Z > 0, else 0", "self.Z > 0", "(self.Z > 0) / dA"),
    ("softmax: over the batch, not over the classes", "each row of A sums to 1", "e / e.sum(axis=1, keepdims=True)", "e / e.sum(axis=0, keepdims=True)"),
    ("softmax: one sum for all rows", "each row of A sums to 1", "e.sum(axis=1, keepdims=True)", "e.sum()"),
    ("softmax: divided by N in backward", "dZ = A - Y", "self.out - Y", "(self.out - Y) / len(Y)"),
    ("softmax: Y - A", "dZ = A - Y", "self.out - Y", "Y - self.out"),
    ("linear: ones for dA", "dZ = dA", '"linear": 1', '"linear": 1 / dA'),
    ("Flatten: another order of the values", "reshape(N, -1) in C order", "A.reshape(len(A), -1)", "A.reshape(len(A), -1, order='F')"),
    ("MSE: mean over the outputs, too", "sum of (AL - Y)^2 / N", "np.sum((AL - Y) ** 2) / len(Y)", "np.mean((AL - Y) ** 2)"),
    ("MSE: divided by 2", "sum of (AL - Y)^2 / N", "np.sum((AL - Y) ** 2) / len(Y)", "np.sum((AL - Y) ** 2) / len(Y) / 2"),
    ("MSE: not divided by N", "sum of (AL - Y)^2 / N", "np.sum((AL - Y) ** 2) / len(Y)", "np.sum((AL - Y) ** 2)"),
    ("CCE: no minus", "-sum of Y log(AL + 1e-5) / N", "return -np.sum(Y", "return np.sum(Y"),
    ("CCE: mean over the classes, too", "-sum of Y log(AL + 1e-5) / N", "-np.sum(Y * np.log(AL + 1e-5)) / len(Y)", "-np.mean(Y * np.log(AL + 1e-5))"),
    ("CCE: another guard than 1e-5", "-sum of Y log(AL + 1e-5) / N", "1e-5", "1e-8"),
    ("a plus in update, in all layers", UPDATE, "layer.update(rate)", "layer.update(-rate)"),
    ("two steps in Model.update", UPDATE, "layer.update(rate)", "layer.update(2 * rate)"),
    ("the recurrent layers left out of Model.update", UPDATE, 'hasattr(layer, "update")', 'hasattr(layer, "update") and not hasattr(layer, "Wx")'),
    ("the Dense layers left out of Model.update", UPDATE, 'hasattr(layer, "update")', 'hasattr(layer, "update") and hasattr(layer, "Wx")'),
    ("the last layer left out of Model.backward", WALK, "reversed(self.layers)", "reversed(self.layers[:-1])"),
    ("each layer gets the same dA in Model.backward", WALK, "dA = layer.backward(dA, Y) if softmax else layer.backward(dA)\n        return dA", "out = layer.backward(dA)\n        return out"),
    ("dA divided by N", BATCH, "2 * (AL - Y)", "2 * (AL - Y) / len(Y)"),
    ("Y - AL for AL - Y", BATCH, "2 * (AL - Y)", "2 * (Y - AL)"),
    ("AL sent down in place of the loss's gradient", BATCH, "2 * (AL - Y)", "AL"),
    ("the last, smaller batch left out", BATCH, "range(0, len(X), size)", "range(0, len(X) - size + 1, size)"),
    ("only the first batch", BATCH, "range(0, len(X), size)", "range(0, size, size)"),
    ("the batches overlap", BATCH, "range(0, len(X), size)", "range(0, len(X) - 1, 1)"),
    ("one update an epoch", BATCH, "                self.update(rate)\n                total += loss(AL, Y) * len(Y)\n", "                total += loss(AL, Y) * len(Y)\n            self.update(rate)\n"),
    ("no update in train", BATCH, "self.update(rate)\n", "pass\n"),
    ("the sum of the batches' losses", BATCH, "total += loss(AL, Y) * len(Y)\n            self.train_losses.append(total / len(X))", "total += loss(AL, Y)\n            self.train_losses.append(total)"),
    ("the sum of all samples' losses, not their mean", BATCH, "append(total / len(X))", "append(total)"),
    ("the training loss as validation loss", BATCH, "loss(self.predict(X_val), y_val)", "total / len(X)"),
    ("the last batch's loss as the epoch's", BATCH, "self.train_losses.append(total / len(X))", "self.train_losses.append(loss(AL, Y))"),
]  # fmt: skip
