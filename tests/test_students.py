"""What students bring from Labs 4 and 5, and a course-style RNN, in the place of our files.

tests/students/ holds three sets with exactly the surface that the course gives them: one that
asserts shapes, one written in loops, and a short one whose `update` rebinds the weights.
"""

import re
import shutil
import subprocess
import sys
from inspect import signature
from types import ModuleType, SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, bars, check_run, code_cells
from test_graded import figures_of, same

from lab.checks import check_opt_ins
from lab.model import gradients_of
from tools.cells import NOTEBOOK, load_cells
from tools.grading import reference

STUDENTS = ROOT / "tests" / "students"
FOUR = ("Dense", "Activation", "Flatten", "Loss")
FIVE = (*FOUR, "RNN")


def load(folder, files, path=NOTEBOOK):
    """The names of a notebook's "imports" and "model" cells, with these files of a student."""
    with pytest.MonkeyPatch.context() as patch:
        for name in files:
            source, module = folder / f"{name}.py", ModuleType(name)
            exec(compile(source.read_text("utf-8"), source, "exec"), vars(module))
            patch.setitem(sys.modules, name, module)
        return SimpleNamespace(**load_cells("imports", "model", path=path))


@pytest.fixture(params=["asserts", "loops", "rebinding"])
def style(request):
    """The folder of a student's files."""
    return STUDENTS / request.param


def build(names, kind, dtype=np.float64):
    """The activity model and one with all the other activations, both small; the course's stack."""
    Dense, Activation = names.Dense, names.Activation
    options = {"return_sequences": True, "input_gradient": "true", "init": "orthogonal"}
    if kind == "activity":
        layers = [names.RNN(3, 8, 3, **options), names.RNN(8, 8, 4, **options), names.Flatten()]
        layers += [Dense(40, 3, 5), Activation("softmax", "cross_entropy")]
    elif kind == "dense":
        layers = [names.Flatten(), Dense(15, 7, 4), Activation("sigmoid", None), Dense(7, 6, 5)]
        layers += [Activation("relu", None), Dense(6, 3), Activation("linear", "mse")]
    else:
        layers = [names.RNN(1, 4), names.RNN(4, 4), Dense(4, 1)]
    model = names.Model()
    for layer in layers:
        model.add(layer)
    return model.astype(dtype)


def train(model, kind, dtype=np.float64, **options):
    """Train on 23 samples, the last batch being smaller; return all losses."""
    rng = np.random.default_rng(7)
    X, y = rng.standard_normal((23, 5, 3)), np.eye(3)[rng.integers(0, 3, 23)]
    width = 1 if kind == "course" else 3
    X, y = X[:, :, :width].astype(dtype), y[:, :width].astype(dtype)
    options = {"epochs": 3, "learning_rate": 0.3, "batch_size": 5, "clip_norm": 1.0} | options
    loss = "cce" if kind == "activity" else "mse"
    model.train(X, y, X[:9], y[:9], loss_function=loss, shuffle=True, **options)
    return model.train_losses + model.val_losses


def test_their_files_have_the_surface_of_the_course_and_no_more(style):
    student = load(style, FIVE)
    Dense, Activation, RNN = student.Dense, student.Activation, student.RNN
    calls = [Dense, Dense.forward, Dense.backward, Activation, Activation.backward, RNN]
    assert [" ".join(signature(call).parameters) for call in calls] == [
        *("n_x n_y seed", "self A", "self dZ"),
        *("activation_function loss_function", "self dA Y", "input_size rnn_units seed"),
    ]
    with pytest.raises(ValueError, match="tanh"):
        Activation("tanh", None).forward(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"^RNN: expected the opt-in return_sequences, .*; give"):
        check_opt_ins(RNN, "return_sequences")


@pytest.mark.parametrize("files", [FOUR, FIVE], ids=["our RNN", "their RNN"])
def test_the_graded_checks_equal_the_reference(style, files):
    names = vars(load(style, files))
    for seed in (1, 42):
        same(figures_of(names, seed), reference.graded(seed))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind, files", [("activity", FOUR), ("dense", FOUR), ("course", FIVE)])
def test_training_has_the_losses_of_our_files(notebook, style, kind, files, dtype):
    both = notebook, load(style, files)
    ours, theirs = (train(build(names, kind, dtype), kind, dtype) for names in both)
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=1e-12 if dtype is np.float64 else 5e-6)


def test_clipping_clips_and_weights_are_found_after_an_update(style):
    model = build(load(style, FIVE), "course")
    before = [W.copy() for W in model.weights()]
    train(model, "course", epochs=1, learning_rate=0.5, clip_norm=0.01, batch_size=23)
    gradients = [g for layer in model.layers for g in gradients_of(layer).values()]
    length = np.sqrt(sum(np.sum(g**2) for g in gradients))
    assert length > 0.01
    for W, old, gradient in zip(model.weights(), before, gradients, strict=True):
        np.testing.assert_allclose(W - old, -0.5 * 0.01 / length * gradient, atol=1e-12)


def test_an_epoch_that_breaks_off_is_undone(style):
    model = build(load(style, FOUR), "dense")
    train(model, "dense", epochs=1)
    kept, update = [W.copy() for W in model.weights()], model.update

    def stop(rate):
        update(rate)
        assert not np.array_equal(model.weights()[0], kept[0])
        raise KeyboardInterrupt

    with pytest.raises(FloatingPointError, match="diverged in epoch 1"):
        train(model, "dense", learning_rate=1e200, clip_norm=None)
    assert all(map(np.array_equal, model.weights(), kept))
    model.update = stop
    with pytest.raises(KeyboardInterrupt):
        train(model, "dense")
    assert all(map(np.array_equal, model.weights(), kept))


def test_slow_the_whole_notebook_runs_on_their_files(style, quick, tmp_path):
    """SLOW: one quick run a style, beside the quick run on the same simulated data with ours."""
    copy = shutil.copytree(ROOT, tmp_path / "copy", ignore=shutil.ignore_patterns(".*", "*.npy"))
    for name in FOUR:
        shutil.copy(style / f"{name}.py", copy)
    command = [sys.executable, "-m", "tools", "run", "--quick", "--to", "q.ipynb"]
    command += ["--data-dir", quick / "data", "--output-dir", "results"]
    subprocess.run(command, cwd=copy, check=True, timeout=900)
    cells = [code_cells(path) for path in (copy / "q.ipynb", quick / "quick.ipynb")]
    check_run(cells[0])
    losses = [[float(x) for x in re.findall(r"train (\S+?)[,\]]", "".join(bars(c)))] for c in cells]
    assert len(losses[0]) == len(losses[1]) == 10
    for number in (2, 3, 4, 5, 6, 8, 9):  # the others come down to rounding
        assert losses[0][number] == pytest.approx(losses[1][number], rel=1e-3)
    ours, theirs = (
        pd.read_csv(folder / "quick/y_pred_advanced.csv")["Classes"]
        for folder in (quick / "outputs", copy / "results")
    )
    assert (ours != theirs).mean() < 0.01
