"""One builder of hand-ins: small notebooks in the order of the course's template, and data.

The sine answers and activity labels follow data of our own invention, which `write_data` writes.
"""

import ast
import io
import json
import pickle
import textwrap
import zipfile
from functools import cache

import numpy as np
import pandas as pd
import typst
from conftest import STUDENTS

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
<initialize_parameters>
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


def blocks_of(style):
    """Return the bodies of the methods of a student's RNN, to stand between the marks."""
    source = (STUDENTS / style / "RNN.py").read_text("utf-8")
    lines = source.split("\n")
    methods = next(x for x in ast.parse(source).body if isinstance(x, ast.ClassDef)).body
    bodies = {x.name: "\n".join(lines[x.lineno : x.end_lineno]) for x in methods}
    return {name: textwrap.dedent(body) for name, body in bodies.items()}


# Two people's own ways: what stands between the marks.
STYLES = [
    blocks_of("asserts")
    | {
        "model_forward": """for layer in self.layers:
    if isinstance(layer, RNN) and X.ndim == 2:
        X = X[:, None]
    X = layer.forward(X)
return X""",
        "model_backward": """for layer in self.layers[::-1]:
    dA = layer.backward(dA)
return dA""",
        "model_update": """for layer in self.layers:
    if hasattr(layer, 'update'):
        layer.update(learning_rate)""",
        "train": """for epoch in range(epochs):
    out = self.forward(X)
    self.backward(2 * (out - y), y)
    self.update(rate)
    print(f'Epoch {epoch + 1}, loss: {np.mean((out - y) ** 2):.4f}')""",
        "sine": """f = np.random.uniform(*freq_range, (num_samples, 1))
a = np.random.uniform(*amp_range, (num_samples, 1))
p = np.random.uniform(0, 2 * np.pi, (num_samples, 1))
data = a * np.sin(f * np.linspace(0, 2 * np.pi, num_timesteps) + p)""",
        "build_sine": """model.add(Dense(99, 16))
model.add(Activation('relu', None))
model.add(Dense(16, 1))""",
        "activity": "classes = (3 * X.std(axis=(1, 2))).astype(int) % 3",
    },
    blocks_of("loops")
    | {
        "model_forward": """out = X
for part in self.layers:
    rows = type(part).__name__ == 'RNN' and len(out.shape) < 3
    out = part.forward(np.expand_dims(out, 1) if rows else out)
return out""",
        "model_backward": """grad = dA
for part in reversed(self.layers):
    grad = part.backward(dA=grad) if isinstance(part, Activation) else part.backward(grad)
return grad""",
        "model_update": """for part in [x for x in self.layers if isinstance(x, (RNN, Dense))]:
    part.update(learning_rate)""",
        "train": """size = 16
for e in range(epochs):
    total = 0
    for first in range(0, X.shape[0], size):
        xs, ys = X[first:first + size], y[first:first + size]
        diff = self.forward(xs) - ys
        total += float((diff ** 2).sum())
        self.backward(diff, ys)
        self.update(rate)
    print('epoch', e, 'loss:', total / X.shape[0])""",
        "sine": """data = np.empty((num_samples, num_timesteps))
grid = np.linspace(0, 2 * np.pi, num_timesteps)
for row in range(num_samples):
    speed, size = np.random.uniform(*freq_range), np.random.uniform(*amp_range)
    data[row] = size * np.sin(speed * grid + np.random.uniform(0, 2 * np.pi))""",
        "build_sine": """for width in ((99, 32), (32, 8)):
    model.add(Dense(*width))
    model.add(Activation('relu', None))
model.add(Dense(8, 1))""",
        "activity": """energy = np.abs(X).mean(axis=(1, 2))
edges = np.quantile(energy, [0.3, 0.6])
classes = np.digitize(energy, edges)""",
    },
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


@cache
def pdf(text="", pages=1):
    """Return the bytes of a report: `text` on each of its pages."""
    page = "#sys.inputs.text"
    source = "#pagebreak()".join([page] * pages).encode()
    return typst.compile(source, ignore_system_fonts=True, sys_inputs={"text": text})


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
