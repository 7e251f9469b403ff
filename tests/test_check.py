"""tools/check: right solutions pass, mistakes are caught and named, nobody is pointed at wrongly."""

import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from conftest import FOUR, ROOT, STUDENTS, STYLES, copy_layers

from tools.check import check
from tools.check.check import check_all, definitions, graded, name_mistakes, read_cells
from tools.check.mistakes import FREE, MISTAKES, SOLUTION

GRADED = check.COURSE


def notebook(folder, *sources):
    """Write a notebook in the course's order: imports, the class, tests that must not run, Model."""
    cells = ["from google.colab import drive\nimport numpy as np\n%matplotlib inline\noutputs = {}"]
    cells += [*sources, "raise SystemExit('a cell ran')", "x = 1 +"]
    cells = [{"cell_type": "code", "source": s.splitlines(True)} for s in cells]
    (folder / "Lab6.ipynb").write_text(json.dumps({"cells": cells, "nbformat": 4}), "utf-8")
    return folder


def report_of(folder):
    return {entry["check"]: entry for entry in check_all(definitions(folder))}


def failing(report):
    return [name for name, entry in report.items() if not entry["ok"]]


MODEL = SOLUTION[SOLUTION.index("class Model:") :]
LISTS = """
class RNN:
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
        self.X, self.hs = X, {-1: np.zeros((X.shape[0], self.rnn_units))}
        for t in range(X.shape[1]):
            self.hs[t] = np.tanh(np.dot(X[:, t, :], self.Wx.T) + np.dot(self.hs[t - 1], self.Wh.T) + self.bh.T)
        return self.hs[X.shape[1] - 1]

    def backward(self, dH):
        dWx, dWh, dbh = np.zeros_like(self.Wx), np.zeros_like(self.Wh), np.zeros_like(self.bh)
        batch, steps, _ = self.X.shape
        dh_next = dH
        for t in range(steps - 1, -1, -1):
            da = (1 - np.square(self.hs[t])) * dh_next
            dWx += np.dot(da.T, self.X[:, t, :])
            dWh += np.dot(da.T, self.hs[t - 1])
            dbh += np.sum(da, axis=0, keepdims=True).T
            dh_next = np.dot(da, self.Wh)
        self.dL_dWx, self.dL_dWh, self.dL_dbh = dWx / batch, dWh / batch, dbh / batch
        if clip_value:
            for g in (self.dL_dWx, self.dL_dWh, self.dL_dbh):
                np.clip(g, -clip_value, clip_value, out=g)
        return dh_next

    def update(self, learning_rate):
        self.Wx -= learning_rate * self.dL_dWx
        self.Wh -= learning_rate * self.dL_dWh
        self.bh -= learning_rate * self.dL_dbh
"""
TRANSPOSED = '''
class RNN:
    def __init__(self, input_size, rnn_units, seed=1):
        self.D, self.H, self.seed = input_size, rnn_units, seed
        self.initialize_parameters()

    def initialize_parameters(self):
        rng = np.random.RandomState(self.seed)
        self.Wx = 0.01 * rng.standard_normal((self.H, self.D))
        self.Wh, self.bh = 0.01 * rng.standard_normal((self.H, self.H)), np.zeros((self.H, 1))

    def forward(self, X):
        self.x = [X[:, t].T for t in range(X.shape[1])]
        self.s = [np.zeros((self.H, len(X)))]
        for x in self.x:
            self.s.append(np.tanh(self.Wx @ x + self.Wh @ self.s[-1] + self.bh))
        return self.s[-1].T

    def backward(self, dH):
        g, m, deltas = dH.T, len(dH), []
        for s in self.s[:0:-1]:
            deltas.insert(0, g * (1 - s * s))
            g = self.Wh.T @ deltas[0]
        self.dL_dWx = sum(d @ x.T for d, x in zip(deltas, self.x)) / m
        self.dL_dWh = sum(d @ s.T for d, s in zip(deltas, self.s)) / m
        self.dL_dbh = sum(d.sum(axis=1, keepdims=True) for d in deltas) / m
        return g.T

    def update(self, rate):
        self.Wx, self.Wh = self.Wx - rate * self.dL_dWx, self.Wh - rate * self.dL_dWh
        self.bh = self.bh - rate * self.dL_dbh
'''  # fmt: skip
SINGLE = SOLUTION.replace("np.zeros((self.H, 1))", "np.zeros((self.H, 1), np.float32)")
for _name in ("self.Wx", "self.Wh"):
    SINGLE = re.sub(rf"({_name} = )(0.01 .*)", r"\1(\2).astype(np.float32)", SINGLE)
SINGLE = SINGLE.replace(
    "self.X, self.h = X, [h]", "X = X.astype(np.float32); self.X, self.h = X, [h]"
)
SINGLE = SINGLE.replace(
    "h = np.zeros((len(X), self.H))", "h = np.zeros((len(X), self.H), np.float32)"
)
SINGLE = SINGLE.replace("dh = dH\n", "dh = dH.astype(np.float32)\n")
LAYERS = SOLUTION[SOLUTION.index("class Dense") : SOLUTION.index("class Model:")]
RIGHT = {
    "plain": [SOLUTION],
    "lists, and clipping off": ["clip_value = None", LISTS, LAYERS, MODEL],
    "columns": [TRANSPOSED, LAYERS, MODEL],
    "float32": [SINGLE],
    "half the rate": [SOLUTION.replace(*FREE[0])],
    "mean over batches": [SOLUTION.replace(*FREE[1])],
    "both": [SOLUTION.replace(*FREE[0]).replace(*FREE[1])],
    "softmax gets Y alone": [SOLUTION.replace("layer.backward(dA, Y)", "layer.backward(Y=Y)")],
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_solutions_pass_without_a_word(name, tmp_path):
    report = report_of(notebook(tmp_path, *RIGHT[name]))
    assert [entry["says"] for entry in report.values() if entry["says"]] == []
    assert {*GRADED} <= report.keys()


@pytest.mark.parametrize("style", STYLES)
def test_students_files_beside_a_notebook_in_the_template_pass(style, tmp_path):
    copy_layers(tmp_path, (*FOUR, "RNN"), STUDENTS / style)
    model = SOLUTION[SOLUTION.index("class Model:") :]
    imports = "from Dense import Dense\nfrom Loss import compute_MSE_loss, compute_CCE_loss"
    assert failing(report_of(notebook(tmp_path, imports, model))) == []


def test_functions_of_a_module_and_other_names_are_taken_along(tmp_path):
    (tmp_path / "helper.py").write_text("import numpy\nsquash = lambda a: numpy.tanh(a)\n")
    start = "from helper import squash as f\n" + SOLUTION.replace("np.tanh(a)", "f(a)")
    assert failing(report_of(notebook(tmp_path, start))) == []


def test_the_projects_own_and_the_handed_in_notebook_pass(tmp_path):
    assert failing(report_of(ROOT)) == []
    assert "Beyond the course: sequences" in report_of(ROOT)


@pytest.mark.parametrize("mistake", MISTAKES, ids=[mistake[0] for mistake in MISTAKES])
def test_each_known_mistake_is_named_and_no_other(mistake, tmp_path):
    name, _, old, new = mistake
    assert SOLUTION.count(old) >= 1
    report = report_of(notebook(tmp_path, SOLUTION.replace(old, new)))
    named = {m for entry in report.values() for m in entry["mistakes"]}
    assert failing(report) and named == {name}
    wrong = {c.split(",")[0] for c in failing(report)} - {"Model_class", "Training"}
    if re.match("(Dense|sigmoid|relu|softmax|linear|Flatten|MSE|CCE):", name):
        assert wrong <= {"Dense", "Activation", "Flatten", "Losses"}  # placed where it is


# Mistakes that the table does not have: (old, new, where it must be seen, what must be said)
OTHERS = [
    ("0.01 * np", "0.02 * np", "RNN weights", "2 times"),
    ("np.tanh(a)", "np.sin(a)", "RNN_forward", "first digits only"),
    ("np.tanh(a)", "np.tanh(1.001 * a)", "RNN_forward", "first digits only"),
    ("        return h\n", "", "RNN_forward", "`return` missing"),
    ("        return h\n", "        return h.T\n", "RNN_forward", "expected shape (2, 3), got (3, 2)"),
    ("        return h\n", "        return self.h\n", "RNN_forward", "expected shape"),
    ("        return dh\n", "", "RNN_backward", "`return` missing"),
    ("        return dh\n", "        return 3 * dh\n", "RNN_backward", "3 times"),
    ("dWx / N, dWh / N", "3 * dWx / N, dWh / N", "RNN_backward", "dL_dWx: every number is 3 times"),
    ("self.dL_dWx, self.dL_dWh, self.dL_dbh = dWx / N, dWh / N, dbh / N", "pass", "RNN_backward", "has no dL_dWx"),
    ("np.zeros((self.H, 1))", "np.zeros(self.H)", "RNN_initialization", "expected shape (2,), got (1,)"),
    ("np.tanh(a)", "np.tanh(a @ a)", "RNN_forward", "at `h = np.tanh(a @ a)`"),
    ("delta.T @ self.X[:, t]", "delta @ self.X[:, t]", "RNN_backward", "delta (2, 3)"),
    ("self.Wh.T + self.bh.T", "self.Wh.T + self.bias.T", "RNN_forward", "RNN has no bias"),
    ("np.tanh(a)", "np.tanh(a * gain)", "RNN_forward", "the name gain is defined in no cell"),
    ("dh = dH\n", "dH *= 2; dh = dH\n", "RNN, other sizes and a bias, backward", "changes the array dH"),
    ("h = np.zeros((len(X), self.H))", "X += 1; h = np.zeros((len(X), self.H))", "RNN, other sizes and a bias, forward", "changes the array X"),
    ("self.h.append(h)", "self.h.append(h); h *= 0.5", "RNN_forward", "expected ["),
    ('+ self.parameters["b"]', '- self.parameters["b"]', "Dense", "Z: expected"),
    ("self.A.T @ dZ / len(dZ)", "dZ.T @ self.A / len(dZ)", "Dense", "expected shapes (4, 2) and (1, 2)"),
    ("self.Z > 0", "2 * (self.Z > 0)", "Activation, relu", "dZ: every number is 2 times"),
    ("1 / (1 + np.exp(-Z))", "1 / (1 + np.exp(Z))", "Activation, sigmoid", "A: expected"),
    ("np.maximum(0, Z)", "np.maximum(0.1 * Z, Z)", "Activation, relu", "A: expected"),
    ("return dA.reshape(self.shape)", "return dA", "Flatten", "dA: expected shape"),
    ("return A.reshape(len(A), -1)", "return A.reshape(-1, len(A))", "Flatten", "A: expected shape"),
    ("layer.update(rate)", "layer.update(3 * rate)", "Model by itself", "Wx of RNN"),
    ("in reversed(self.layers)", "in self.layers", "Model by itself", "where shapes or kinds do not"),
    ("X = X[:, None, :]", "X = X[:, :, None]", "Model by itself", "where shapes or kinds do not"),
    ("loss(self.predict(X_val), y_val)", "loss(self.predict(X), y)", "Training", "val_losses"),
    ("total / len(X)", "2 * total / len(X)", "Training", "train_losses, mse: every number is 2"),
    ("self.update(rate)", "self.update(rate / 3)", "Training", "train_losses"),
    ("        return self.forward(X)\n", "        return 2 * self.forward(X)\n", "Training", "predict"),
    ("self.train_losses.append", "self.losses = []; self.losses.append", "Training", "expected shape (2,)"),
]  # fmt: skip


@pytest.mark.parametrize("case", OTHERS, ids=lambda c: c[1][:40])
def test_other_mistakes_are_caught_and_described_never_misnamed(case, tmp_path):
    old, new, where, words = case
    assert old in SOLUTION
    report = report_of(notebook(tmp_path, SOLUTION.replace(old, new)))
    assert where in failing(report) and not any(e["mistakes"] for e in report.values())
    said = " ".join(s for entry in report.values() for s in entry["says"])
    assert words in " ".join(report[where]["says"])
    for of_numpy in ("broadcast", "matmul", "NoneType", "Traceback", "object has no"):
        assert of_numpy not in said, said
    subject = check.CHECKS[where][1]  # whoever is right is not pointed at
    others = [c for c in failing(report) if c not in ("Model_class", "Training")]
    assert all(check.CHECKS[c][1] == subject for c in others)


def test_figures_of_another_seed_are_told(tmp_path):
    seeded = SOLUTION.replace(
        "h = np.zeros((len(X), self.H))",
        "np.random.seed(42); X = np.random.randn(*X.shape); h = np.zeros((len(X), self.H))",
    )
    says = report_of(notebook(tmp_path, seeded))["RNN_forward"]["says"]
    assert says == ["these are the figures of seed 42, expected those of seed 1"]


def test_the_solution_has_the_courses_figures():
    expected = json.loads((ROOT / "tests/expected_seed1.json").read_text("utf-8"))
    for name, figures in graded(1).items():
        assert list(figures) == list(expected[name])
        for key, value in figures.items():
            np.testing.assert_allclose(value, np.array(expected[name][key]), rtol=1e-12, atol=1e-22)


@pytest.mark.parametrize("seed", [1, 42])
def test_names_for_the_desk(seed):
    right = graded(seed)
    assert all(name_mistakes(name, figures, seed) == [] for name, figures in right.items())
    wrong = right["RNN_backward"] | {"dL_dX": right["RNN_backward"]["dL_dX"] / 2}
    assert name_mistakes("RNN_backward", wrong, seed) == ["dL_dX divided by N"]
    assert name_mistakes("RNN_backward", wrong | {"dL_dWx": np.ones((3, 5))}, seed) == []


def test_notebooks_are_read_and_other_files_are_a_sentence(tmp_path):
    (tmp_path / "old.ipynb").write_text(
        json.dumps({"worksheets": [{"cells": [{"cell_type": "code", "input": ["a = 1"]}]}]})
    )
    assert read_cells(tmp_path / "old.ipynb") == ["a = 1"]
    for text in ("", "[]", '{"cells": 3}', "\x00"):
        (tmp_path / "bad.ipynb").write_text(text)
        with pytest.raises(ValueError, match=r"bad.ipynb: expected a notebook"):
            read_cells(tmp_path / "bad.ipynb")
    with pytest.raises(ValueError, match="expected one notebook, got 2"):
        definitions(tmp_path)
    with pytest.raises(FileNotFoundError, match="found nothing there"):
        definitions(tmp_path / "none")


def test_the_file_beside_a_notebook_and_its_exit_status(tmp_path, capsys):
    for name in ("check.py", "mistakes.py"):
        shutil.copy(ROOT / "tools" / "check" / name, tmp_path)
    notebook(tmp_path, SOLUTION)
    code = "import sys; sys.path.insert(0, '.'); import check; sys.exit(check.main(sys.argv[1:]))"
    command = [sys.executable, "-I", "-c", code]
    done = subprocess.run([*command, "--json"], cwd=tmp_path, capture_output=True, text=True)
    checks = json.loads(done.stdout)["checks"]
    assert done.returncode == 0 and {*GRADED} <= {entry["check"] for entry in checks}
    assert all(set(entry) == {"check", "ok", "says", "mistakes"} for entry in checks)
    notebook(tmp_path, SOLUTION.replace("np.tanh(a)", "a"))
    assert check.main([str(tmp_path)]) == 1
    shown = capsys.readouterr().out
    assert "--  RNN_forward" in shown and "these are the figures of: no tanh" in shown
    assert "cell 4 cannot be read" in shown and check.main([str(tmp_path / "none")]) == 2
