"""The template can be solved from a textbook: plain loops in its blanks, all else as handed out.

The solution below knows nothing of the fast layer in `RNN.py`: it has no workspace and no
stacked weights. The helpers `_run` and `_workspace` stay blank.
"""

import inspect
import re
import sys
import textwrap
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
from test_layers import numeric_gradient  # imports the solved layers too, to be put back

from tools import naive
from lab.expected import compare, expected_seed1
from tools.grading.submission import LAYERS
from tools.template import template
from tools.cells import load_cells

BLANK = re.compile(
    r"^( *)### START CODE HERE ###\n.*?^ *### END CODE HERE ###", re.DOTALL | re.MULTILINE
)

RNN_BLANKS = {
    "initialize_parameters": """
        np.random.seed(self.seed)
        Wx = np.random.normal(0, 0.01, (H, D))
        Wh = np.random.normal(0, 0.01, (H, H))
        bh = np.zeros((H, 1))
        """,
    "forward": """
        X = X.astype(self.dtype)
        states = [np.zeros((len(X), H), self.dtype)]
        for t in range(X.shape[1]):
            from_input = X[:, t] @ self.Wx.T
            from_before = states[t] @ self.Wh.T
            states.append(np.tanh(from_input + from_before + self.bh[:, 0]))
        if training:
            self.X, self.states = X, states
        if self.return_sequences:
            return np.stack(states[1:], axis=1)
        return states[-1].copy()
        """,
    "backward": """
        self.dL_dWx = np.zeros((H, D), self.dtype)
        self.dL_dWh = np.zeros((H, H), self.dtype)
        self.dL_dbh = np.zeros((H, 1), self.dtype)
        dX = np.zeros((N, T, D), self.dtype)
        arriving = np.zeros((N, H), self.dtype)
        for t in range(T, 0, -1):
            if self.return_sequences:
                arriving = arriving + dH[:, t - 1]
            elif t == T:
                arriving = dH.astype(self.dtype)
            inside = arriving * (1 - self.states[t] ** 2)
            self.dL_dWx += np.einsum("nh,nd->hd", inside, self.X[:, t - 1]) / N
            self.dL_dWh += np.einsum("nh,nk->hk", inside, self.states[t - 1]) / N
            self.dL_dbh += inside.mean(axis=0)[:, np.newaxis]
            dX[:, t - 1] = inside @ self.Wx
            arriving = inside @ self.Wh
        if self.input_gradient == "true":
            return dX
        return arriving
        """,
}

MODEL_BLANKS = {
    "forward": """
        self.shapes = []
        for layer in self.layers:
            self.shapes.append(A.shape)
            if isinstance(layer, RNN) and A.ndim == 2:
                A = A.reshape(len(A), 1, -1)
            A = layer.forward(A, training)
        """,
    "backward": """
        for layer, shape in zip(self.layers[::-1], self.shapes[::-1]):
            if getattr(layer, "activation_function", None) == "softmax":
                dA = layer.backward(dA, Y)
            else:
                dA = layer.backward(dA)
            if dA.ndim == 3 and len(shape) == 2:  # the gradient of a sequence of one step
                dA = dA[:, 0]
        """,
    "update": """
        for layer in self.layers:
            if isinstance(layer, (RNN, Dense)):
                layer.update(learning_rate)
        """,
    "train": """
        for first in range(0, len(order), batch_size):
            batch = order[first : first + batch_size]
            AL = self.forward(X[batch])
            outputs.append(AL)
            if loss_function == "cce":
                self.backward(AL, y[batch])
            else:
                self.backward(2 * (AL - y[batch]))
            rate = learning_rate
            if schedule is not None:
                rate *= schedule((epoch + first / len(order)) / epochs)
            length = self.gradient_norm()
            if clip_norm is not None and length > clip_norm:
                self.update(rate * clip_norm / length)
            else:
                self.update(rate)
        """,
}


def filled(source, solutions):
    """Return `source` with the blank in each function named in `solutions` replaced by its code."""
    left = dict(solutions)

    def fill(blank):
        function = re.findall(r"^ *def (\w+)", source[: blank.start()], re.MULTILINE)[-1]
        if function not in left:
            return blank[0]
        code = textwrap.dedent(left.pop(function)).strip()
        return textwrap.indent(code, blank[1])

    result = BLANK.sub(fill, source)
    assert not left, f"no blank for {', '.join(left)}"
    return result


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    """The names of the template's notebook, filled in, on the template's layers, filled in."""
    folder, path = tmp_path_factory.mktemp("student"), None
    for name, text in template().items():
        if name == "RNN.py":
            text = filled(text, RNN_BLANKS)
        if name.endswith(".ipynb"):
            path, notebook = folder / name, nbformat.reads(text, 4)
            (model,) = (c for c in notebook.cells if "model" in c.metadata.get("tags", []))
            model.source = filled(model.source, MODEL_BLANKS)
            text = nbformat.writes(notebook)
        (folder / name).write_text(text, "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        for name in LAYERS:
            patch.delitem(sys.modules, name)
        names = load_cells("imports", "model", path=path)
        for name in LAYERS:
            assert sys.modules[name].__file__ == str(folder / f"{name}.py")
    checks = [c.source for c in nbformat.read(path, 4).cells if "compare(" in c.source]
    return SimpleNamespace(**names, names=names, checks=checks)


def build(lab, *layers):
    """A model whose biases are not zero and whose weights are large enough to matter."""
    model, rng = lab.Model(), np.random.default_rng(0)
    for layer in layers:
        model.add(layer)
    for W in model.weights():
        W[:] = rng.normal(0, 0.5, W.shape)
    return model


STACKS = {
    "course": lambda lab: [lab.RNN(2, 5), lab.Dense(5, 3)],
    "one step, 4 then 7": lambda lab: [
        lab.RNN(2, 4),
        lab.RNN(4, 7, input_gradient="true"),
        lab.Dense(7, 3),
    ],
    "sequences, as for the activity": lambda lab: [
        lab.RNN(2, 4, return_sequences=True, input_gradient="true", init="orthogonal"),
        lab.RNN(4, 6, return_sequences=True, input_gradient="true", init="orthogonal"),
        lab.Flatten(),
        lab.Dense(5 * 6, 3),
    ],
}


def task(seed, N=23):
    """Sequences (N, 5, 2), targets (N, 3) and one-hot labels (N, 3) that hang on all steps."""
    X = np.random.default_rng(seed).normal(size=(N, 5, 2))
    y = np.stack([X[:, :, 0].sum(axis=1), X[:, 0, 1], X[:, -1, 0] - X[:, 2, 1]], axis=1)
    return X, y, np.eye(3)[y.argmax(axis=1)]


def test_two_helpers_stay_blank(student):
    for name in ("_run", "_workspace"):
        assert "NotImplementedError" in inspect.getsource(getattr(student.RNN, name))


def test_the_templates_own_checks_agree_with_the_course(student):
    """Seed 1 by the notebook's four cells; seed 42, the hand-in's, against the naive lab."""
    assert len(student.checks) == 4
    names = student.names | {"EXPECTED": expected_seed1()}
    for source in student.checks:
        exec(source, names)
    names["test_initialization"](save_to_output=True)
    for check in ("test_forward", "test_backward", "test_model_class"):
        names[check](42, save_to_output=True)
    graded, exact = names["graded"], naive.graded(42)
    assert list(graded) == list(exact)
    for check, figures in exact.items():
        compare(check, graded[check], figures)


@pytest.mark.parametrize("stack", STACKS)
def test_gradients_are_the_derivatives_of_the_loss(student, stack):
    model = build(student, *STACKS[stack](student))
    X, y, _ = task(1, N=4)
    model.backward(2 * (model.forward(X) - y))

    def loss():
        return student.compute_MSE_loss(model.forward(X, training=False), y)

    for layer in model.layers:
        for name, W in getattr(layer, "parameters", {}).items():
            numeric = numeric_gradient(loss, W)
            np.testing.assert_allclose(layer.gradients[name], numeric, atol=1e-7, rtol=1e-6)


@pytest.mark.parametrize("loss", ["mse", "cce"])
@pytest.mark.parametrize("stack", STACKS)
def test_training_lowers_the_loss(student, stack, loss):
    """Below that of the untrained model and of the best constant answer, on other samples too."""
    model = build(student, *STACKS[stack](student))
    X, y, labels = task(2, N=203)
    compute_loss = student.compute_MSE_loss
    if loss == "cce":
        model.add(student.Activation("softmax", "cross_entropy"))
        y, compute_loss = labels, student.compute_CCE_loss
    parts = (X[:150], y[:150]), (X[150:], y[150:])
    before = [compute_loss(model.predict(X), y) for X, y in parts]
    constant = [compute_loss(np.broadcast_to(y.mean(axis=0), y.shape), y) for _, y in parts]
    options = {"epochs": 30, "learning_rate": 0.05, "batch_size": 8, "loss_function": loss}
    model.train(*parts[0], *parts[1], **options)
    assert len(model.train_losses) == len(model.val_losses) == 30
    for (X, y), *bounds in zip(parts, before, constant, strict=True):
        assert compute_loss(model.predict(X), y) < 0.7 * min(bounds)


@pytest.mark.parametrize("clip_norm", [None, 0.7])
@pytest.mark.parametrize("loss", ["mse", "cce"])
@pytest.mark.parametrize("stack", STACKS)
def test_training_is_that_of_the_solved_lab(student, lab, stack, loss, clip_norm):
    """With every option on, weights and history are the same but for rounding."""
    X, y, labels = task(3)
    models = []
    for names in (student, lab):
        model = build(names, *STACKS[stack](names))
        if loss == "cce":
            model.add(names.Activation("softmax", "cross_entropy"))
        target = labels if loss == "cce" else y
        model.train(
            X, target, X[:7], target[:7], epochs=4, learning_rate=0.05, batch_size=5,
            loss_function=loss, shuffle=True, schedule=lambda progress: 1 - progress,
            clip_norm=clip_norm, keep_best=True, patience=3, seed=6,
        )  # fmt: skip
        models.append(model)
    mine, solved = models
    for history in mine.HISTORY:
        assert getattr(mine, history) == pytest.approx(getattr(solved, history), rel=1e-9)
    for W, expected in zip(mine.weights(), solved.weights(), strict=True):
        np.testing.assert_allclose(W, expected, atol=1e-10)


def gradients(model):
    return [g.copy() for layer in model.layers for g in getattr(layer, "gradients", {}).values()]


@pytest.mark.parametrize("stack", STACKS)
def test_predict_is_forward_block_by_block(student, stack):
    model = build(student, *STACKS[stack](student))
    X, _, _ = task(4)
    np.testing.assert_allclose(model.predict(X, block=4), model.forward(X), rtol=1e-12)


@pytest.mark.parametrize("stack", STACKS)
def test_predict_does_not_disturb_backward(student, stack):
    model = build(student, *STACKS[stack](student))
    X, y, _ = task(5)
    dA = 2 * (model.forward(X) - y)
    model.backward(dA)
    expected = gradients(model)
    model.predict(X[:7] + 1)
    model.backward(dA)
    for mine, same in zip(gradients(model), expected, strict=True):
        np.testing.assert_array_equal(mine, same)


def test_an_infinite_gradient_ends_the_training_and_moves_no_weight(student):
    """As the docstring of train says, whoever fills the blank; here in the epoch's last batch."""
    model = student.Model()
    model.add(student.Dense(1, 1, dtype=np.float32))
    model.weights()[0][:] = 1e-10
    X, y = np.full((3, 1), 1e25, np.float32), np.zeros((3, 1), np.float32)
    assert np.isfinite(student.compute_MSE_loss(model.forward(X), y))
    with pytest.raises(FloatingPointError, match="diverged in epoch 1"):
        model.train(X, y, None, None, epochs=1)
    np.testing.assert_array_equal(model.weights()[0], np.float32(1e-10))
