"""Make lab/mistakes.json: what the figures of each check would be with each known mistake in it.

tools/grading/mistakes.json is the same for what is handed in, single mistakes only.

    python -m tools mistakes

mistakes.txt lists them as replacements in the source of the plain lab below. Each mistake, and each
two that can be made at once, is put in, and the checks are run on what comes out. Two at once are
left out of a check where an earlier one shows both, or where one mistake gives equal figures.
"""

# ruff: noqa: NPY002 - the course's generator

import argparse
import ast
import inspect
import json
from contextlib import suppress
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np

from Activation import Activation
from Dense import Dense

from lab import further
from lab.files import write_text
from lab.mistakes import CLOSE, fingerprint
from lab.model import gradients_of
from tools.cells import NOTEBOOK


class RNN:
    def __init__(self, D, H, seed=1, return_sequences=False, input_gradient="course"):
        np.random.seed(seed)
        self.Wx = 0.01 * np.random.randn(H, D)
        self.Wh = 0.01 * np.random.randn(H, H)
        self.bh = np.zeros((H, 1))
        self.every, self.true = return_sequences, input_gradient == "true"

    def forward(self, X):
        N, T, _ = X.shape
        h = [np.zeros((N, len(self.Wh)))]
        for t in range(T):
            a = X[:, t] @ self.Wx.T + h[t] @ self.Wh.T + self.bh.T
            h.append(np.tanh(a))
        self.X, self.h = X, h
        return np.stack(h[1:], axis=1) if self.every else h[T]

    def backward(self, dH):
        X, h, (N, T, _) = self.X, self.h, self.X.shape
        dWx, dWh, db, dX = (0 * A for A in (self.Wx, self.Wh, self.bh, X))
        dh = 0 if self.every else dH
        for t in range(T, 0, -1):
            if self.every:
                dh = dh + dH[:, t - 1]
            delta = dh * (1 - h[t] ** 2)
            dWx += delta.T @ X[:, t - 1]
            dWh += delta.T @ h[t - 1]
            db += delta.sum(axis=0)[:, None]
            dX[:, t - 1] = delta @ self.Wx
            dh = delta @ self.Wh
        self.dL_dWx, self.dL_dWh, self.dL_dbh = dWx / N, dWh / N, db / N
        return dX if self.true else dh

    def update(self, rate):
        self.Wx = self.Wx - rate * self.dL_dWx
        self.Wh = self.Wh - rate * self.dL_dWh
        self.bh = self.bh - rate * self.dL_dbh


class Model:
    def __init__(self):
        self.layers, self.train_losses, self.val_losses = [], [], []

    def add(self, layer):
        self.layers.append(layer)

    def forward(self, A):
        for layer in self.layers:
            A = layer.forward(A[:, None] if isinstance(layer, RNN) and A.ndim == 2 else A)
        return A

    def backward(self, dA, Y=None):
        top = dA  # noqa: F841 - a mistake uses it
        for layer in self.layers[::-1]:
            dA = layer.backward(dA)
        return dA

    def update(self, rate):
        for layer in self.layers:
            if hasattr(layer, "update"):
                layer.update(rate)

    def step(self, rate, clip_norm):
        norm = sum((g**2).sum() for a in self.layers for g in gradients_of(a).values()) ** 0.5
        self.update(rate * min(1, clip_norm / norm))

    def train_epoch(self, X, y, order, size, rates, clip_norm):
        outputs = []
        for start in range(0, len(X), size):
            rows = order[start : start + size]
            AL = self.forward(X[rows])
            self.backward(2 * (AL - y[rows]))
            outputs.append(AL)
            self.step(rates[start], clip_norm)
        return np.concatenate(outputs)

    def train(self, X, y, X_val, y_val, epochs, rate, size, _, shuffle, schedule, clip_norm):
        for epoch in range(epochs):
            order = np.random.default_rng([0, epoch]).permutation(len(X))
            rates = [rate * schedule((epoch + k / len(X)) / epochs) for k in range(len(X))]
            AL = self.train_epoch(X, y, order, size, rates, clip_norm)
            self.train_losses.append(compute_MSE_loss(AL, y[order]))
            self.val_losses.append(compute_MSE_loss(self.forward(X_val), y_val))


def compute_MSE_loss(AL, Y):
    return np.sum((AL - Y) ** 2) / len(Y)


def compute_CCE_loss(AL, Y):
    return -np.sum(Y * np.log(AL + 1e-5)) / len(Y)


FILE = NOTEBOOK.with_name("lab") / "mistakes.json"
DESK_FILE = Path(__file__).with_name("grading") / "mistakes.json"
HANDED_IN = ("RNN_forward", "RNN_backward", "Model_class")  # what Lab6_outputs.npy has of them
PLAIN = "\n".join(map(inspect.getsource, (RNN, Model, compute_MSE_loss, compute_CCE_loss)))


def read_table():
    """Return {mistake: formula it violates} and {mistake: [[old, new], ...]} of mistakes.txt.

    There, a line "= formula" heads lines "what stands in its place | old -> new | old -> new".
    """
    formulas, patches, formula = {}, {}, None
    for line in Path(__file__).with_suffix(".txt").read_text("utf-8").splitlines():
        what, *parts = line.split(" | ")
        if line.startswith("= "):
            formula = line[2:]
        elif parts:
            formulas[what] = formula
            patches[what] = [
                [text.strip().replace("\\n", "\n") for text in part.split("->")] for part in parts
            ]
    return formulas, patches


FORMULAS, PATCHES = read_table()


def put_in(*mistakes):
    """Return the plain lab's source with mistakes in it, None where they do not go together."""
    source = PLAIN
    for old, new in (patch for mistake in mistakes for patch in PATCHES[mistake]):
        if source.count(old) != 1:
            return None
        source = source.replace(old, new)
    return source


@cache
def course_code():
    """The functions of the notebook's cells with the course's four checks, compiled."""
    cells = ["".join(c["source"]) for c in json.loads(NOTEBOOK.read_text("utf-8"))["cells"]]
    tests = [part for cell in cells if "def test_" in cell for part in ast.parse(cell).body]
    code = [part for part in tests if isinstance(part, ast.FunctionDef)]
    return compile(ast.Module(code, []), NOTEBOOK.name, "exec")


def course_figures(check, lab, *seed):
    """Return the figures of one of the course's checks, on the layers and the Model in `lab`."""
    names = {"np": np, "SHAPE_KEY": "_shape", "Dense": Dense, "Activation": Activation} | lab
    exec(course_code(), names)
    return names["test_" + check.removeprefix("RNN_").lower()](*seed)


def checks(seed=1):
    """Return {check: what gives its figures, from {name: class or function}}, at that seed."""
    return {
        "Weights": lambda lab: further.weight_figures(lab["RNN"]),
        "RNN_forward": lambda lab: course_figures("RNN_forward", lab, seed),
        "RNN_backward": lambda lab: course_figures("RNN_backward", lab, seed),
        "Bias": lambda lab: further.bias_figures(lab["RNN"]),
        "Sequences": lambda lab: further.sequence_figures(lab["RNN"]),
        "Model_class": lambda lab: course_figures("Model_class", lab, seed),
        "Losses": lambda lab: further.loss_figures(
            lab["compute_MSE_loss"], lab["compute_CCE_loss"]
        ),
        "Training": lambda lab: further.training_figures(lab["Model"], lab["RNN"], Dense),
    }


CHECKS = list(checks())


def run(source, names, seed=1):
    """Return {check: figures} of the checks `names`, without those that the source breaks off."""
    lab, figures = {"np": np, "Dense": Dense, "gradients_of": gradients_of}, {}
    exec(source, lab)
    with np.errstate(all="ignore"):
        for name in names:
            with suppress(ValueError, IndexError, TypeError):
                figures[name] = checks(seed)[name](lab)
    return figures


def made(pairs=True):
    """Return the content of lab/mistakes.json; without `pairs` only single mistakes are put in."""
    right = run(PLAIN, CHECKS)
    rows, marks = {name: [] for name in CHECKS}, {k: fingerprint(v) for k, v in right.items()}
    simpler = {name: [mark] for name, mark in marks.items()}  # what no mistake or fewer give
    shown = []  # of each mistake, the numbers of the checks that show it

    def add(source, count, *numbers):
        """Add to the rows of the first `count` checks; return the numbers of those that show it."""
        figures = run(source, CHECKS[:count])
        new = {name: fingerprint(f) for name, f in figures.items()}
        new = {k: f for k, f in new.items() if min(abs(f - g) for g in simpler[k]) > 2 * CLOSE}
        for name, mark in new.items():
            rows[name].append([round(mark, 10), *numbers])
        return {i for i, name in enumerate(CHECKS) if name in new}

    for i, what in enumerate(PATCHES):
        shown.append(add(put_in(what), len(CHECKS), i))
    for name in CHECKS:
        simpler[name] += [mark for mark, _ in rows[name]]
    for (i, a), (j, b) in combinations(enumerate(PATCHES), 2) if pairs else ():
        source = put_in(a, b)
        if source and source == put_in(b, a):  # or both change the same place
            add(source, min(shown[i] & shown[j], default=len(CHECKS)) + 1, i, j)
    ours = {name: right[name] for name in ("Weights", "Losses", "Training")}
    expected = {n: {k: np.asarray(v).tolist() for k, v in f.items()} for n, f in ours.items()}
    return {"mistakes": FORMULAS, "expected": expected, "prints": rows}


def handed_in():
    """Return the content of tools/grading/mistakes.json: single mistakes in the seed-42 figures."""
    right = {name: fingerprint(f) for name, f in run(PLAIN, HANDED_IN, 42).items()}
    rows = {name: [] for name in HANDED_IN}
    for i, what in enumerate(PATCHES):
        for name, figures in run(put_in(what), HANDED_IN, 42).items():
            mark = fingerprint(figures)
            if abs(mark - right[name]) > 2 * CLOSE:
                rows[name].append([round(mark, 10), i])
    return rows


def main(argv):
    parser = argparse.ArgumentParser(
        prog="python -m tools mistakes", description=__doc__.splitlines()[0]
    )
    parser.parse_args(argv)
    for path, content in ((FILE, made()), (DESK_FILE, handed_in())):
        text = json.dumps(content, separators=(",", ":")).replace("],[", "],\n[")
        write_text(path, text + "\n")
        print(f"{path}: {len(PATCHES)} mistakes, {len(text) // 1000} kB")
