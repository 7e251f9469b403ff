"""The gradient check of a whole model; test_mistakes.py tests what the other checks find."""

import re

import numpy as np
import pytest
from conftest import ROOT
from test_mistakes import with_mistakes

from lab import further
from lab.expected import Differs
from lab.model import GRADIENTS, weights_of

RIGHT = r"worst entry layer \d, \w+, \w+\[\d, \d\]: backward .*, bound 1e-06\n"
rng = np.random.default_rng(4)
X, Y = rng.normal(size=(3, 4, 2)), np.eye(3)[[2, 0, 1]]


def build(model, *layers):
    for layer in layers:
        for W in weights_of(layer).values():
            W += rng.normal(0, 0.5, W.shape)
        model.add(layer)
    return model


def stack(names):
    """All that a gradient can get lost in: states of all steps, then the input's gradient."""
    first, second = names.RNN(2, 3, return_sequences=True), names.RNN(3, 4, input_gradient="true")
    third = names.RNN(4, 4, input_gradient="true")  # gets rows
    softmax = names.Activation("softmax", "cce")
    return build(names.Model(), first, second, third, names.Dense(4, 3), softmax)


def test_right_gradients_pass_and_weights_stay(notebook, capsys):
    model = stack(notebook)
    before = [W.copy() for W in model.weights()]
    further.check_gradients(model, X, Y, "cce")
    assert re.fullmatch(RIGHT, capsys.readouterr().out)
    assert all(map(np.array_equal, model.weights(), before))
    model.layers.pop()
    further.check_gradients(model, X, Y)


@pytest.mark.parametrize("style", ["asserts", "rebinding"])
def test_students_layers_pass_before_and_after_an_update(style, capsys):
    names = with_mistakes()
    for name in ("RNN", "Dense"):
        exec((ROOT / "tests" / "students" / style / f"{name}.py").read_text("utf-8"), names)
    model = build(names["Model"](), names["RNN"](2, 3), names["Dense"](3, 3))
    for _ in range(2):
        further.check_gradients(model, X, Y)
        model.update(0.1)
    assert re.fullmatch(2 * RIGHT, capsys.readouterr().out)


@pytest.mark.parametrize("change", [1e-5, np.nan, None])
@pytest.mark.parametrize(
    "layer, name, at", [(1, "Wx", (2, 1)), (2, "Wh", (0, 3)), (4, "b", (0, 2))]
)
def test_a_wrong_entry_is_found_in_its_place(notebook, layer, name, at, change):
    model = stack(notebook)
    wrong = model.layers[layer - 1]
    right, place = wrong.backward, f"layer {layer}, {type(wrong).__name__}, {name}"
    said = f"{place}: gradient of" if change is None else f"worst entry {place}{list(at)}: "

    def backward(dA):
        dA, gradient = right(dA), getattr(wrong, GRADIENTS[name])
        setattr(wrong, GRADIENTS[name], gradient.ravel() if change is None else gradient)
        if change is not None:
            gradient[at] += change
        return dA

    wrong.backward = backward
    with pytest.raises(Differs, match="^" + re.escape(said)):
        further.check_gradients(model, X, Y, "cce")


def test_bad_input_ends_in_a_sentence(notebook):
    class Forgetful(notebook.Model):  # leaves the axis where it is that forward added
        fed_rows = property(lambda self: [], lambda self, rows: None)

    model = stack(notebook)
    with pytest.raises(ValueError, match=r"^Y: expected shape \(3, 3\), got shape \(3, 2\)"):
        further.check_gradients(model, X, Y[:, :2], "cce")
    model.__class__ = Forgetful
    with pytest.raises(ValueError, match=r"^dH: expected .* \(3, 4\), got shape \(3, 1, 4\)"):
        further.check_gradients(model, X, Y, "cce")
    with pytest.raises(ValueError, match=r"^Wx: expected float64, .* got float32; call model\."):
        further.check_gradients(model.astype(np.float32), X, Y, "cce")
