"""Every known mistake, and 200 pairs, made in a student's solution: checks name these and no other.

The solution below, and how mistakes.txt makes each mistake in it, share nothing with tools/.
"""

import re
import time
from functools import cache
from itertools import combinations
from unittest.mock import patch

import numpy as np
import pytest
from conftest import ROOT, code_cells
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from Activation import Activation
from Dense import Dense
from RNN import RNN

from lab import expected, further, mistakes
from lab.checks import NotWritten
from lab.model import gradients_of
from tools import mistakes as maker
from tools.cells import NOTEBOOK

SOLUTION = """
class RNN:
    def __init__(self, input_size, rnn_units, seed=1, return_sequences=False,
                 input_gradient="course"):
        self.D, self.H, self.seed = input_size, rnn_units, seed
        self.all, self.true = return_sequences, input_gradient == "true"
        self.initialize_parameters()

    def initialize_parameters(self):
        np.random.seed(self.seed)
        self.Wx = np.random.normal(size=(self.H, self.D)) * 0.01
        self.Wh = np.random.normal(size=(self.H, self.H)) * 0.01
        self.bh = np.zeros((self.H, 1))

    def forward(self, X):
        self.x = [X[:, t, :].T for t in range(X.shape[1])]
        self.h = [np.zeros((self.H, X.shape[0]))]
        for x in self.x:
            z = np.dot(self.Wx, x) + np.dot(self.Wh, self.h[-1]) + self.bh
            self.h.append(np.tanh(z))
        if self.all:
            return np.array([h.T for h in self.h[1:]]).transpose(1, 0, 2)
        return self.h[-1].T

    def backward(self, dH):
        T, N = len(self.x), dH.shape[0]
        gx, gh, gb = np.zeros_like(self.Wx), np.zeros_like(self.Wh), np.zeros_like(self.bh)
        dX = np.zeros((N, T, self.D))
        dh = np.zeros((self.H, N)) if self.all else dH.T
        for t in reversed(range(T)):
            if self.all:
                dh = dh + dH[:, t, :].T
            h, h_before = self.h[t + 1], self.h[t]
            da = dh * (1 - np.square(h))
            gx = gx + np.dot(da, self.x[t].T)
            gh = gh + np.dot(da, h_before.T)
            gb = gb + np.sum(da, axis=1, keepdims=True)
            dX[:, t, :] = np.dot(self.Wx.T, da).T
            dh = np.dot(self.Wh.T, da)
        self.dL_dWx = gx / N
        self.dL_dWh = gh / N
        self.dL_dbh = gb / N
        return dX if self.true else dh.T

    def update(self, learning_rate):
        self.Wx -= learning_rate * self.dL_dWx
        self.Wh -= learning_rate * self.dL_dWh
        self.bh -= learning_rate * self.dL_dbh


class Model:
    def __init__(self):
        self.layers = []

    def add(self, layer):
        self.layers.append(layer)

    def forward(self, X):
        A = X
        for layer in self.layers:
            if isinstance(layer, RNN) and len(A.shape) == 2:
                A = A.reshape(A.shape[0], 1, A.shape[1])
            A = layer.forward(A)
        return A

    def backward(self, dA, Y):
        g = dA
        for i in range(len(self.layers) - 1, -1, -1):
            g = self.layers[i].backward(g)
        return g

    def update(self, learning_rate):
        for layer in self.layers:
            if not isinstance(layer, Activation):
                layer.update(learning_rate)

    def clipped(self, rate, clip_norm):
        gradients = [g for layer in self.layers for g in gradients_of(layer).values()]
        length = np.linalg.norm(np.concatenate([g.ravel() for g in gradients]))
        return rate * clip_norm / length if length > clip_norm else rate

    def train_epoch(self, X, y, order, batch_size, loss_function, rate, clip_norm):
        answers, X, y = [], X[order], y[order]
        for i in range(0, X.shape[0], batch_size):
            A = self.forward(X[i:i + batch_size])
            self.backward(2 * (A - y[i:i + batch_size]), y[i:i + batch_size])
            answers.append(A)
            self.update(self.clipped(rate(i / X.shape[0]), clip_norm))
        return np.vstack(answers)

    def train(self, X_train, y_train, X_val, y_val, epochs=10, learning_rate=0.001, batch_size=32,
              loss_function="mse", *, shuffle=False, schedule=None, clip_norm=None, seed=0):
        self.train_losses, self.val_losses = [], []
        for epoch in range(epochs):
            order = np.random.default_rng([seed, epoch]).permutation(X_train.shape[0])
            rate = lambda share: learning_rate * schedule((epoch + share) / epochs)
            data = X_train, y_train
            A = self.train_epoch(*data, order, batch_size, loss_function, rate, clip_norm)
            self.train_losses.append(compute_MSE_loss(A, y_train[order]))
            self.val_losses.append(compute_MSE_loss(self.forward(X_val), y_val))


def compute_MSE_loss(AL, Y):
    m = AL.shape[0]
    return 1 / m * np.sum(np.square(AL - Y))


def compute_CCE_loss(AL, Y):
    n = AL.shape[0]
    return -1 / n * np.sum(np.multiply(Y, np.log(AL + 1e-5)))
"""
EDITS = {}
for line in (ROOT / "tests" / "mistakes.txt").read_text("utf-8").splitlines():
    what, *edits = line.split(" | ")
    EDITS[what] = [[t.strip().replace("\\n", "\n") for t in edit.split("->")] for edit in edits]
COURSE = {  # the notebook's own cells with the course's checks, by name
    re.search(r'^compare\("(\w+)"', cell.source, re.MULTILINE)[1]: compile(cell.source, "", "exec")
    for cell in code_cells(NOTEBOOK)
    if "def test_" in cell.source
}
CHECKS = {name: lambda names, cell=cell: exec(cell, names) for name, cell in COURSE.items()} | {
    "Weights": lambda names: further.weights(names["RNN"]),
    "Bias": lambda names: further.bias(names["RNN"]),
    "Sequences": lambda names: further.sequences(names["RNN"]),
    "Losses": lambda names: further.losses(names["compute_MSE_loss"], names["compute_CCE_loss"]),
    "Training": lambda names: further.training(names["Model"], names["RNN"], Dense),
}
ORDER = ["RNN_initialization", *maker.CHECKS]


def with_mistakes(*whats):
    """The names of the solution with mistakes in it; None if two of them change the same place."""
    sources = []
    for order in (whats, whats[::-1]):
        source = SOLUTION
        for old, new in (edit for what in order for edit in EDITS[what]):
            if source.count(old) != 1:
                return None
            source = source.replace(old, new)
        sources.append(source)
    names = {"np": np, "Activation": Activation, "Dense": Dense, "gradients_of": gradients_of}
    names["compare"] = expected.compare
    exec(sources[0], names)
    return names if sources[0] == sources[1] else None


def run(names):
    """Run all checks as the notebook does: {check: (figures, sentences)} of those that differ."""
    found = {}

    def explain(check, figures, *rest):
        found[check] = figures, mistakes.explain(check, figures, *rest)
        return found[check][1]

    with patch.object(expected, "explain", explain), np.errstate(all="ignore"):
        for check in ORDER:
            try:
                CHECKS[check](names)
            except expected.Differs as error:
                assert str(error).endswith("\n".join(found[check][1]))
            except (ValueError, IndexError, TypeError, AttributeError) as error:
                found[check] = None, [repr(error)]
    return found


@cache
def run_with(*whats):
    return run(with_mistakes(*whats))


def named(said):
    """The sets of mistakes that sentences name, one set for each "or"."""
    options = said[0].partition(" what comes out with ")[2].split("; or with ")
    return [{part.partition(": ")[0] for part in o.split("; together with ")} for o in options if o]


def equal(figures, others):
    return all(np.allclose(figures[key], others[key], rtol=1e-8, atol=0) for key in figures)


@pytest.mark.parametrize("what", EDITS)
def test_a_mistake_is_named_and_no_other(what):
    found = run_with(what)
    assert any({what} in named(said) for _, said in found.values())
    for check, (figures, said) in found.items():
        if figures is not None and (check != "Sequences" or "returned" not in what):
            assert {what} in named(said)  # Sequences expects what the last states are
        for other in named(said):
            assert len(other) == 1
            assert equal(figures, run_with(*other)[check][0])


def test_200_pairs_are_named():
    pairs, asked, both_named = [*combinations(EDITS, 2)], 0, 0
    np.random.default_rng(12).shuffle(pairs)
    for pair in pairs:
        if with_mistakes(*pair) is None:
            continue
        asked += 1
        alone, found = [run_with(what) for what in pair], run_with(*pair)
        for check, (figures, said) in found.items():
            options = named(said)
            earlier = [name for name in ORDER[: ORDER.index(check)] if name in found]
            if figures is None or any(all(name in a for a in alone) for name in earlier):
                continue  # an error, not figures; or an earlier check has named both
            if check == "Sequences" and earlier and not options:
                continue  # it expects what the last states are, which are wrong here
            assert set(pair) in options or any(len(option) == 1 for option in options)
            both_named += set(pair) in options
            for option in options:
                others = run_with(*sorted(option, key=[*EDITS].index))
                assert equal(figures, others[check][0])
        if asked == 200:
            break
    assert both_named > 100


def test_right_solutions_are_met_with_silence(notebook):
    assert run_with() == {}
    assert run(with_mistakes() | {"RNN": RNN, "Model": notebook.Model}) == {}
    for style in (ROOT / "tests" / "students").iterdir():
        names = with_mistakes()
        exec((style / "RNN.py").read_text("utf-8"), names)  # which Model finds there, too
        found = run(names)
        assert list(found) == ["Sequences"]
        assert "expected the opt-ins return_sequences, input_gradient" in found["Sequences"][1][0]


def figures_of(check):
    return {
        k: np.array(v)
        for k, v in (expected.expected_seed1() | mistakes.known()["expected"])[check].items()
    }


def test_random_figures_have_no_name():
    rng = np.random.default_rng(3)
    for check, rows in mistakes.known()["prints"].items():
        assert rows
        right = figures_of(check)
        for _ in range(50):
            right = (
                {"Output": rng.normal(size=(3, 3))}
                if check in ("Bias", "Sequences")
                else figures_of(check)
            )
            wrong = {key: A * rng.normal(size=A.shape) for key, A in right.items()}
            assert mistakes.explain(check, wrong, right, 1e-12) == [
                f"{check}: none of the mistakes known here"
            ]


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda A: 2 * A, "dL_dWh is exactly N = 2 times the expected one"),
        (lambda A: A / 8, "dL_dWh is exactly 1/(N T) = 0.125 times the expected one"),
        (lambda A: -0.37 * A, "dL_dWh is exactly -0.37 times the expected one"),
        (lambda A: 0 * A, "dL_dWh is zero everywhere"),
        (
            lambda A: A.clip(-0.02, 0.02),
            "dL_dWh is the expected one cut to -0.02 ... 0.02: cl",
        ),
        (lambda A: A * [1, 1, np.nan], "RNN_backward: none of the mistakes known here"),
        (lambda A: A[:2], "RNN_backward: none of the mistakes known here"),
        (lambda A: A, None),
    ],
)
def test_simple_relations_of_one_entry(change, said):
    right = figures_of("RNN_backward")
    figures = right | {"dL_dWh": change(right["dL_dWh"])}
    sentences = mistakes.explain("RNN_backward", figures, right, 1e-12)
    assert [s[: len(said or "")] for s in sentences] == ([said] if said else [])


def test_a_scalar_has_a_name_only_for_a_ratio_that_is_no_coincidence():
    right = figures_of("Losses")
    said = [
        mistakes.explain("Losses", right | {"MSE": f * right["MSE"]}, right, 1e-12)
        for f in (16, 1.7)
    ]
    assert said == [
        ["MSE is exactly N^2 = 16 times the expected one"],
        ["Losses: " + mistakes.UNKNOWN],
    ]


def test_a_name_comes_at_once():
    right = figures_of("RNN_backward")
    figures = right | {"dL_dWh": right["dL_dWh"] + 1}
    start = time.perf_counter()
    mistakes.known.cache_clear()
    for check in maker.CHECKS:
        mistakes.explain(check, figures, right, 1e-12)
    assert time.perf_counter() - start < 0.5


def test_the_file_is_up_to_date():
    """Its pairs are held by the pairs above."""
    kept, now = mistakes.known(), maker.made(pairs=False)
    assert kept["mistakes"] == now["mistakes"]
    assert list(kept["mistakes"]) == list(EDITS)
    for check, figures in now["expected"].items():
        for key, A in figures.items():
            np.testing.assert_allclose(kept["expected"][check][key], A, rtol=1e-13)
    for check, rows in now["prints"].items():
        alone = [row for row in kept["prints"][check] if len(row) == 2]
        np.testing.assert_allclose(alone, rows, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    "code, shown",
    [
        ("raise NotWritten('RNN.forward')", "not written yet: RNN.forward"),
        (
            "compare('a', {'b': [1.0]}, {'b': [3.0]})",
            "a: b relative difference 6.7e-01, bound 1e-12\na: none",
        ),
    ],
)
def test_a_notebook_shows_the_sentence_and_no_traceback(code, shown, capsys):
    shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    shell.user_ns |= {"NotWritten": NotWritten, "compare": expected.compare}
    assert not shell.run_cell(code).success
    out = capsys.readouterr().out
    assert shown in out
    assert "Traceback" not in out
