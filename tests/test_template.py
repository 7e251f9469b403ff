"""The template: the lab with blanks, up to date, and solved by plain loops in the blanks alone.

The solution below is an independent one: it keeps lists of states and knows nothing of the rows
[h, x, 1] in `RNN.py`.
"""

import re
import sys
import textwrap
from types import ModuleType, SimpleNamespace

import nbformat
import numpy as np
import pytest
from conftest import code_cells

from lab.expected import compare
from tools import template
from tools.cells import load_cells
from tools.grading import reference
from tools.grading.submission import as_python

BLANK = re.compile(
    r"^( *)### START CODE HERE ###\n.*?^ *### END CODE HERE ###", re.DOTALL | re.MULTILINE
)
SOLUTION = {  # of each blank in RNN.py and in the model cell
    "RNN.initialize_parameters": """
        np.random.seed(self.seed)
        self.Wx = np.random.normal(0, 0.01, (H, D))
        self.Wh = np.random.normal(0, 0.01, (H, H))
        self.bh = np.zeros((H, 1))
        """,
    "RNN.forward": """
        states = [np.zeros((N, H), self.Wh.dtype)]
        for t in range(T):
            inside = X[:, t] @ self.Wx.T + states[t] @ self.Wh.T + self.bh[:, 0]
            states.append(np.tanh(inside))
        self.X, self._Z = X, states
        return np.stack(states[1:], axis=1) if self.return_sequences else states[-1]
        """,
    "RNN.backward": """
        self.dL_dWx = np.zeros((H, D))
        self.dL_dWh = np.zeros((H, H))
        self.dL_dbh = np.zeros((H, 1))
        dX = np.zeros((N, T, D))
        arriving = 0 if self.return_sequences else dH
        for t in range(T, 0, -1):
            if self.return_sequences:
                arriving = arriving + dH[:, t - 1]
            inside = arriving * (1 - self._Z[t] ** 2)
            self.dL_dWx += np.einsum("nh,nd->hd", inside, self.X[:, t - 1]) / N
            self.dL_dWh += np.einsum("nh,nk->hk", inside, self._Z[t - 1]) / N
            self.dL_dbh += inside.mean(axis=0)[:, np.newaxis]
            dX[:, t - 1] = inside @ self.Wx
            arriving = inside @ self.Wh
        return dX if self.input_gradient == "true" else arriving
        """,
    "Model.forward": """
        self.shapes = []
        for layer in self.layers:
            self.shapes.append(X.shape)
            if isinstance(layer, RNN) and X.ndim == 2:
                X = X.reshape(len(X), 1, -1)
            X = layer.forward(X)
        return X
        """,
    "Model.backward": """
        for layer, shape in zip(self.layers[::-1], self.shapes[::-1]):
            if getattr(layer, "activation_function", None) == "softmax":
                dA = layer.backward(dA, Y)
            else:
                dA = layer.backward(dA)
            if dA.ndim == 3 and len(shape) == 2:  # the gradient of a sequence of one step
                dA = dA[:, 0]
        return dA
        """,
    "Model.update": """
        for layer in self.layers:
            if isinstance(layer, (RNN, Dense)):
                layer.update(learning_rate)
        """,
    "Model.train_epoch": """
        AL = []
        for first in range(0, len(X), batch_size):
            batch = order[first : first + batch_size]
            AL.append(self.forward(X[batch]))
            error = AL[-1] - y[batch]
            self.backward(2 * error if loss_function == "mse" else None, y[batch])
            length = self.gradient_norm()
            shorter = clip_norm / length if clip_norm is not None and length > clip_norm else 1
            self.update(shorter * rate(first / len(X)))
        return np.vstack(AL)
        """,
}


def filled(source, solution):
    """Return `source` with the code of `solution` in the blanks that it names."""

    def fill(blank):
        before = source[: blank.start()]
        names = [re.findall(rf"^ *{kind} (\w+)", before, re.M)[-1] for kind in ("class", "def")]
        part = ".".join(names)
        if part not in solution:
            return blank[0]
        return textwrap.indent(textwrap.dedent(solution[part]).strip(), blank[1])

    return BLANK.sub(fill, source)


def student(solution, path):
    """The names of the template's notebook, written to `path`, and its four checks."""
    texts = template.template()
    book = nbformat.reads(texts["Lab6_template.ipynb"], 4)
    for cell in book.cells:
        if "model" in cell.metadata.get("tags", []):
            cell.source = filled(cell.source, solution)
    nbformat.write(book, path)
    module = ModuleType("RNN")
    exec(filled(texts["RNN.py"], solution), vars(module))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "RNN", module)
        names = load_cells("imports", "model", path=path)
    assert names["RNN"] is module.RNN
    checks = [cell.source for cell in book.cells if "compare(" in cell.source]
    return SimpleNamespace(**names, checks=checks)


@pytest.fixture(scope="module")
def solved(tmp_path_factory):
    return student(SOLUTION, tmp_path_factory.mktemp("student") / "Lab6.ipynb")


def test_template_is_up_to_date():
    for name, text in template.template().items():
        on_disk = (template.FOLDER / name).read_text("utf-8")
        assert on_disk == text, f"{name}: run python -m tools template"


def test_template_has_no_output_and_is_python():
    book = nbformat.read(template.FOLDER / "Lab6_template.ipynb", 4)
    nbformat.validate(book)
    for cell in code_cells(template.FOLDER / "Lab6_template.ipynb"):
        assert not cell.outputs
        assert cell.execution_count is None
        compile(as_python(cell.source), "cell", "exec")
    for path in template.FOLDER.glob("*.py"):
        compile(path.read_text("utf-8"), path.name, "exec")


def test_only_what_is_between_the_markers_changes():
    source = "a\n    ### START CODE HERE ###\n    # b\n\n    b\n    d\n    ### END CODE HERE ###\nc"
    assert template.blanked(source) == (
        "a\n    ### START CODE HERE ###\n    # (about 2 lines)\n"
        '    raise NotImplementedError("your code goes here")\n    ### END CODE HERE ###\nc'
    )
    for broken in ("### START CODE HERE ###\nx", "### END CODE HERE ###", source + source[2:36]):
        with pytest.raises(ValueError, match="in pairs"):
            template.blanked(broken)


TRUE = {"input_gradient": "true", "init": "orthogonal"}
STACKS = {
    "course": lambda lab: [lab.RNN(2, 5), lab.Dense(5, 3)],
    "one step": lambda lab: [lab.RNN(2, 4), lab.RNN(4, 7, **TRUE), lab.Dense(7, 3)],
    "sequences": lambda lab: [
        *(lab.RNN(D, H, return_sequences=True, **TRUE) for D, H in ((2, 4), (4, 6))),
        *(lab.Flatten(), lab.Dense(5 * 6, 3)),
    ],
}


def trained(names, stack, loss_function, clip_norm):
    """A model after two epochs with every option on, a last batch that is smaller included."""
    model, rng = names.Model(), np.random.default_rng(0)
    for layer in STACKS[stack](names):
        model.add(layer)
    if loss_function == "cce":
        model.add(names.Activation("softmax", "cross_entropy"))
    for W in model.weights():  # biases that are not zero, weights large enough to matter
        W[:] = rng.normal(0, 0.5, W.shape)
    X, y = rng.normal(size=(23, 5, 2)), rng.normal(size=(23, 3))
    if loss_function == "cce":
        y = np.eye(3)[y.argmax(axis=1)]
    model.train(
        X, y, X[:7], y[:7], epochs=2, learning_rate=0.05, batch_size=5, seed=6, shuffle=True,
        loss_function=loss_function, schedule=lambda progress: 1 - progress, clip_norm=clip_norm,
    )  # fmt: skip
    return model


@pytest.mark.parametrize(("loss_function", "clip_norm"), [("mse", None), ("mse", 2), ("cce", 0.7)])
@pytest.mark.parametrize("stack", STACKS)
def test_training_is_that_of_the_solved_lab(solved, notebook, stack, loss_function, clip_norm):
    """Weights and history are the same but for rounding."""
    mine, theirs = (trained(names, stack, loss_function, clip_norm) for names in (solved, notebook))
    for history in ("train_losses", "val_losses", "learning_rates"):
        assert getattr(mine, history) == pytest.approx(getattr(theirs, history), rel=1e-9)
    for W, expected in zip(mine.weights(), theirs.weights(), strict=True):
        np.testing.assert_allclose(W, expected, atol=1e-10)


def test_checks_of_the_solved_template_agree_with_the_course(solved):
    """Seed 1 by the notebook's four cells; seed 42, the hand-in's, against the reference."""
    names = run_checks(solved)
    names["test_initialization"](save_to_output=True)
    for check in ("test_forward", "test_backward", "test_model_class"):
        names[check](42, save_to_output=True)
    exact = reference.graded(42)
    assert list(names["graded"]) == list(exact)
    for check, figures in exact.items():
        compare(check, names["graded"][check], figures)


def run_checks(names):
    """Run the notebook's four check cells among `names`; return all names then."""
    assert len(names.checks) == 4
    found = dict(vars(names))
    for source in names.checks:
        exec(source, found)
    return found


@pytest.mark.parametrize("part", SOLUTION)
def test_a_part_left_blank_says_so(tmp_path, part):
    rest = {name: code for name, code in SOLUTION.items() if name != part}
    with pytest.raises(NotImplementedError, match="your code goes here"):
        names = student(rest, tmp_path / "Lab6.ipynb")
        run_checks(names)
        trained(names, "course", "mse", None)
