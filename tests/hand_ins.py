"""One builder of hand-ins: small notebooks in the order of the course's template, and data.

The sine answers and activity labels follow data of our own invention, which `write_data` writes.
"""

import io
import json
import pickle
import zipfile

import numpy as np
import pandas as pd

from tools.check import check

NOTEBOOK, GRADED, REPORT = "Lab6.ipynb", "Lab6_outputs.npy", "Lab6_report.pdf"
BASIC, ADVANCED = "y_pred_basic.csv", "y_pred_advanced.csv"
START, END = "### START CODE HERE ###", "### END CODE HERE ###"
DRIVE = f"{START}\n# from google.colab import drive\n# import os\n# drive.mount('/content')\n{END}"
IMPORTS = """from Dense import Dense
from Activation import Activation
from Loss import compute_MSE_loss, compute_CCE_loss
from Flatten import Flatten
import numpy as np
import matplotlib.pyplot as plt
from tqdm import tqdm
import pandas as pd
outputs = {}"""
RNN = """class RNN():
    def __init__(self, input_size, rnn_units, seed=1):
        self.input_size, self.rnn_units, self.seed = input_size, rnn_units, seed
        self.initialize_parameters()

    def initialize_parameters(self):
        ### START CODE HERE ###
<init>
        ### END CODE HERE ###

    def forward(self, X):
        ### START CODE HERE ###
<forward>
        ### END CODE HERE ###

    def backward(self, dH):
        ### START CODE HERE ###
<backward>
        ### END CODE HERE ###
        ### START CODE HERE ###
        # optional: clip each gradient
        ### END CODE HERE ###

    def update(self, learning_rate):
        ### START CODE HERE ###
<update>
        ### END CODE HERE ###"""
MODEL = """class Model():
    def __init__(self):
        self.layers = []

    def add(self, layer):
        self.layers.append(layer)

    def forward(self, X):
        ### START CODE HERE ###
<model_forward>
        ### END CODE HERE ###

    def backward(self, dA, Y):
        ### START CODE HERE ###
<model_backward>
        ### END CODE HERE ###

    def update(self, learning_rate):
        ### START CODE HERE ###
<model_update>
        ### END CODE HERE ###

    def train(self, X, y, epochs, rate):
        ### START CODE HERE ###
<train>
        ### END CODE HERE ###"""
TESTS = [
    """def test_initialization(save_to_output=False):
    rnn = RNN(5, 3)
    print('Wx shape', rnn.Wx.shape)
    if save_to_output:
        shapes = {f'{name} shape': getattr(rnn, name).shape for name in ('Wx', 'Wh', 'bh')}
        outputs['RNN_initialization'] = shapes

test_initialization()
test_initialization(save_to_output=True)""",
    """def test_forward(seed, save_to_output=False):
    rnn = RNN(5, 3)
    np.random.seed(seed)
    X = np.random.randn(2, 4, 5)
    Output = rnn.forward(X)
    if save_to_output:
        outputs['RNN_forward'] = {'X shape': X.shape, 'X': X,
                                  'Output shape': Output.shape, 'Output': Output}
    else:
        print('Output', Output)

test_forward(1)
test_forward(42, save_to_output=True)""",
    """def test_backward(seed, save_to_output=False):
    rnn = RNN(5, 3)
    np.random.seed(seed)
    rnn.forward(np.random.randn(2, 4, 5))
    dH = np.random.randn(2, 3)
    values = {'dH': dH, 'dL_dX': rnn.backward(dH), 'dL_dWx': rnn.dL_dWx,
              'dL_dWh': rnn.dL_dWh, 'dL_dbh': rnn.dL_dbh}
    if save_to_output:
        shapes = {f'{name} shape': value.shape for name, value in values.items()}
        outputs['RNN_backward'] = shapes | values
    else:
        print(values)

test_backward(1)
test_backward(42, save_to_output=True)""",
    """def test_model_class(seed, save_to_output=False):
    np.random.seed(seed)
    X = np.random.randn(3, 3, 1)
    Y = np.array([[1], [0], [1]])
    model = Model()
    for layer in (RNN(1, 4), RNN(4, 4), Dense(4, 1), Activation("sigmoid", None)):
        model.add(layer)
    AL = model.forward(X)
    values = {'AL': AL, 'dA_prev': model.backward(AL, Y)}
    model.update(0.1)
    for name in ('Wx', 'Wh', 'bh'):
        values[f'{name} of RNN'] = getattr(model.layers[0], name)
    if save_to_output:
        outputs['Model_class'] = values
    else:
        print(values)

test_model_class(1)
test_model_class(42, save_to_output=True)""",
]
SAVE = "np.save('Lab6_outputs.npy', outputs)"
SINE = f"""def generate_sine_wave_data(num_samples, num_timesteps, freq_range, amp_range):
    {START}
<sine>
    {END}
    return data[:, :-1], data[:, -1:]"""
TRAIN_SINE = f"""X, y = generate_sine_wave_data(64, 100, (0.5, 5), (0.5, 5))
model = Model()
{START}
<build_sine>
{END}
model.train(X, y, 2, 0.01)"""
ANSWER = """X_test = pd.read_csv('<sine folder>X_test.csv').drop(columns='Id').to_numpy()
answer = 2 * X_test[:, -1] - X_test[:, -2]
pd.DataFrame({'Id': range(1, 501), 'answer': answer}).to_csv('y_pred_basic.csv', index=False)"""
ACTIVITY = f"""X = np.load('data/X_test.npy')
{START}
<activity>
{END}
table = pd.DataFrame({{'Id': range(2947), 'Classes': classes}})
table.to_csv('y_pred_advanced.csv', index=False)"""
TEMPLATE = [DRIVE, IMPORTS, RNN, *TESTS[:3], MODEL, TESTS[3]]
TEMPLATE += [SAVE, SINE, TRAIN_SINE, ANSWER, ACTIVITY]

# Two people's own ways: what stands between the marks.
STYLES = [
    dict(
        init="""np.random.seed(self.seed)
self.Wx = np.random.randn(self.rnn_units, self.input_size) * 0.01
self.Wh = np.random.randn(self.rnn_units, self.rnn_units) * 0.01
self.bh = np.zeros((self.rnn_units, 1))""",
        forward="""self.X, h = X, np.zeros((len(X), self.rnn_units))
self.h = [h]
for t in range(X.shape[1]):
    h = np.tanh(X[:, t] @ self.Wx.T + h @ self.Wh.T + self.bh.T)
    self.h.append(h)
return h""",
        backward="""N, T, _ = self.X.shape
self.dL_dWx, self.dL_dWh = np.zeros_like(self.Wx), np.zeros_like(self.Wh)
self.dL_dbh = np.zeros_like(self.bh)
for t in range(T, 0, -1):
    delta = dH * (1 - self.h[t] ** 2)
    self.dL_dWx += delta.T @ self.X[:, t - 1] / N
    self.dL_dWh += delta.T @ self.h[t - 1] / N
    self.dL_dbh += delta.sum(axis=0)[:, None] / N
    dH = delta @ self.Wh
return dH""",
        update="""self.Wx = self.Wx - learning_rate * self.dL_dWx
self.Wh = self.Wh - learning_rate * self.dL_dWh
self.bh = self.bh - learning_rate * self.dL_dbh""",
        model_forward="""for layer in self.layers:
    if isinstance(layer, RNN) and X.ndim == 2:
        X = X[:, None]
    X = layer.forward(X)
return X""",
        model_backward="""for layer in self.layers[::-1]:
    dA = layer.backward(dA)
return dA""",
        model_update="""for layer in self.layers:
    if hasattr(layer, 'update'):
        layer.update(learning_rate)""",
        train="""for epoch in range(epochs):
    out = self.forward(X)
    self.backward(2 * (out - y), y)
    self.update(rate)
    print(f'Epoch {epoch + 1}, loss: {np.mean((out - y) ** 2):.4f}')""",
        sine="""f = np.random.uniform(*freq_range, (num_samples, 1))
a = np.random.uniform(*amp_range, (num_samples, 1))
p = np.random.uniform(0, 2 * np.pi, (num_samples, 1))
data = a * np.sin(f * np.linspace(0, 2 * np.pi, num_timesteps) + p)""",
        build_sine="""model.add(Dense(99, 16))
model.add(Activation('relu', None))
model.add(Dense(16, 1))""",
        activity="classes = (3 * X.std(axis=(1, 2))).astype(int) % 3",
    ),
    dict(
        init="""np.random.seed(self.seed)
H, D = self.rnn_units, self.input_size
self.Wx, self.Wh = 0.01 * np.random.normal(size=(H, D)), 0.01 * np.random.normal(size=(H, H))
self.bh = np.zeros(H).reshape(-1, 1)""",
        forward="""states = np.zeros((X.shape[1] + 1, X.shape[0], self.rnn_units))
for step, x in enumerate(np.swapaxes(X, 0, 1)):
    pre = np.dot(x, self.Wx.T) + np.dot(states[step], self.Wh.T)
    states[step + 1] = np.tanh(pre + np.transpose(self.bh))
self.cache = X, states
return states[-1]""",
        backward="""inputs, states = self.cache
gx, gh, gb = 0, 0, 0
for step in reversed(range(inputs.shape[1])):
    local = np.multiply(dH, 1 - np.square(states[step + 1]))
    gx = gx + np.einsum('nh,nd->hd', local, inputs[:, step])
    gh = gh + np.einsum('nh,nk->hk', local, states[step])
    gb = gb + np.sum(local, axis=0, keepdims=True).T
    dH = np.dot(local, self.Wh)
count = inputs.shape[0]
self.dL_dWx, self.dL_dWh, self.dL_dbh = gx / count, gh / count, gb / count
return dH""",
        update="""for name in ('Wx', 'Wh', 'bh'):
    setattr(self, name, getattr(self, name) - learning_rate * getattr(self, 'dL_d' + name))""",
        model_forward="""out = X
for part in self.layers:
    rows = type(part).__name__ == 'RNN' and len(out.shape) < 3
    out = part.forward(np.expand_dims(out, 1) if rows else out)
return out""",
        model_backward="""grad = dA
for part in reversed(self.layers):
    grad = part.backward(dA=grad) if isinstance(part, Activation) else part.backward(grad)
return grad""",
        model_update="""trainable = [part for part in self.layers if isinstance(part, (RNN, Dense))]
for part in trainable:
    part.update(learning_rate)""",
        train="""size = 16
for e in range(epochs):
    total = 0
    for first in range(0, X.shape[0], size):
        xs, ys = X[first:first + size], y[first:first + size]
        diff = self.forward(xs) - ys
        total += float((diff ** 2).sum())
        self.backward(diff, ys)
        self.update(rate)
    print('epoch', e, 'loss:', total / X.shape[0])""",
        sine="""data = np.empty((num_samples, num_timesteps))
grid = np.linspace(0, 2 * np.pi, num_timesteps)
for row in range(num_samples):
    speed, size = np.random.uniform(*freq_range), np.random.uniform(*amp_range)
    data[row] = size * np.sin(speed * grid + np.random.uniform(0, 2 * np.pi))""",
        build_sine="""for width in ((99, 32), (32, 8)):
    model.add(Dense(*width))
    model.add(Activation('relu', None))
model.add(Dense(8, 1))""",
        activity="""energy = np.abs(X).mean(axis=(1, 2))
edges = np.quantile(energy, [0.3, 0.6])
classes = np.digitize(energy, edges)""",
    ),
]


def mixed(number):
    """Return a style of one's own for any number: blocks of both people, and sizes of its own."""
    rng = np.random.default_rng(number)
    style = {key: STYLES[rng.integers(2)][key] for key in STYLES[0]}
    style |= {key: STYLES[number % 2][key] for key in ("forward", "backward")}
    for key, old in (("build_sine", "16"), ("build_sine", "32"), ("activity", "3 *")):
        style[key] = style[key].replace(old, f"{5 + number}" + " *" * old.endswith("*"))
    for key in ("train", "sine", "forward"):
        extra = f"step_{number} = {rng.integers(1000)} / {rng.integers(1, 1000)}"
        style[key] = f"{extra}\n{style[key]}"
    return style


def filled(style):
    """Return the sources of the template's cells with a style's blocks; {} leaves it as it is."""
    cells = []
    for source in TEMPLATE:
        lines = []
        for line in source.split("\n"):
            name = line.strip()[1:-1] if line.startswith("<") else ""
            if name:
                before = len(lines[-1]) - len(lines[-1].lstrip())
                block = style.get(name, "pass").split("\n")
                lines += [" " * before + text if text else "" for text in block]
            else:
                lines.append(line)
        cells.append("\n".join(lines).replace("<sine folder>", "Sinewave/"))
    return cells


def outputs_of(style):
    """Return what the cells print, by the number of the cell: the right figures, and losses."""
    right = {
        check_name: {k: v for k, v in figures.items() if k[-6:] != "_shape"}
        for check_name, figures in check.graded(1).items()
    }
    return {
        3: "Wx shape (3, 5)\n",
        4: f"Output {right['RNN_forward']['Output']}\n",
        5: f"{right['RNN_backward']}\n",
        7: f"{right['Model_class']}\n",
        10: f"Epoch 1, loss: {4 + len(str(style)) % 97 / 100:.4f}\nEpoch 2, loss: 3.9000\n",
    }


def notebook(cells, outputs=(), **changes):
    """Return the bytes of a notebook; outputs: {number of the cell: what it printed}."""
    made = []
    for i, source in enumerate(cells):
        text = dict(outputs).get(i)
        shown = [{"output_type": "stream", "name": "stdout", "text": text}] if text else []
        cell = {"cell_type": "code", "source": source, "execution_count": i + 1, "metadata": {}}
        made.append(cell | {"outputs": shown} | changes)
    made = {"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    return json.dumps(made).encode()


def pdf(text="", pages=1):
    """Return the bytes of a report: `text` on the first of its pages."""
    content = f"BT /F1 12 Tf 50 700 Td ({text}) Tj ET"
    kids = " ".join(f"{4 + i} 0 R" for i in range(pages))
    parts = ["<</Type/Catalog/Pages 2 0 R>>", f"<</Type/Pages/Count {pages}/Kids[{kids}]>>"]
    parts += [f"<</Length {len(content)}>>stream\n{content}\nendstream"]
    font = "<</Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>"
    page = f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 3 0 R/Resources{font}>>"
    out, places = "%PDF-1.4\n", []
    for number, part in enumerate(parts + [page] * pages, 1):
        places.append(len(out))
        out += f"{number} 0 obj{part}endobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    size = len(places) + 1
    out += f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer<</Size {size}/Root 1 0 R>>\n"
    return f"{out}startxref\n{out.index('xref')}\n%%EOF".encode()


def npy(value, protocol=4):
    """Return what np.save writes for a dictionary, by any pickle protocol."""
    box, file = np.empty((), object), io.BytesIO()
    box[()] = value
    np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(box))
    return file.getvalue() + pickle.dumps(box, protocol)


def csv(name, column):
    title, first = ("answer", 1) if name == BASIC else ("Classes", 0)
    ids = np.arange(first, first + len(column))
    return pd.DataFrame({"Id": ids, title: column}).to_csv(index=False).encode()


def waves(rows=500):
    rng = np.random.default_rng(11)
    f, a, p = (rng.uniform(low, high, (rows, 1)) for low, high in ((0.5, 5), (0.5, 5), (0, 6)))
    return a * np.sin(f * np.linspace(0, 2 * np.pi, 100) + p)


def labels():
    return np.resize([0, 1, 2, 2, 1, 2], 2947)


def write_data(folder):
    """Write X_test.csv, X_test.npy and y_test.npy of our own invention to `folder`."""
    folder.mkdir(exist_ok=True)
    X = waves()[:, :-1]
    table = pd.DataFrame(X)
    table.insert(0, "Id", range(1, len(X) + 1))
    table.to_csv(folder / "X_test.csv", index=False)
    np.save(folder / "X_test.npy", np.random.default_rng(3).normal(size=(2947, 128, 6)))
    np.save(folder / "y_test.npy", labels()[:, None])


class Work:
    """The files of a hand-in {name: bytes}, and what changes them."""

    def __init__(self, number=0, csvs=True):
        self.style = mixed(number)
        self.cells, self.outputs = filled(self.style), outputs_of(self.style)
        self.files = {REPORT: pdf(f"Report {number}: the RNN is better."), GRADED: npy(saved())}
        if csvs:
            rng = np.random.default_rng(number)
            classes = labels()
            wrong = rng.permutation(2947)[:500]  # accuracy 0.83
            classes[wrong] = (classes[wrong] + 1) % 3
            answers = waves()[:, -1] * (1 + 0.08 * rng.normal(size=500))  # a MAPE of 6 %
            self.files |= {BASIC: csv(BASIC, answers), ADVANCED: csv(ADVANCED, classes)}
        self.save()

    def save(self, **changes):
        self.files[NOTEBOOK] = notebook(self.cells, self.outputs, **changes)

    def cell(self, source, printed="", at=2):
        """Put a cell into the notebook."""
        self.cells.insert(at, source)
        self.outputs = {i + (i >= at): text for i, text in self.outputs.items()}
        self.outputs |= {at: printed} if printed else {}
        self.save()

    def replace(self, old, new):
        """Change text in every cell."""
        self.cells = [cell.replace(old, new) for cell in self.cells]
        self.save()

    def zipped(self, folder=""):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for name, raw in self.files.items():
                archive.writestr(folder + name, raw)
        self.files = {"110062101.zip": file.getvalue()}

    def write(self, folder):
        """Write the files; return the folder."""
        for name, raw in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(raw)
        return folder


def saved():
    """Return the right figures, shape keys spelt as the course's template spells them."""
    return {
        name: {key.replace("_shape", " shape"): value for key, value in figures.items()}
        for name, figures in check.graded(42).items()
    }
