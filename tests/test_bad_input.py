"""Bad input: what is called, with what, and the words the error must contain.

Each check has all of its cases once; a layer or method has one row for each check it is to make.
"""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from Activation import Activation
from Dense import Dense
from Flatten import Flatten
from Loss import compute_BCE_loss, compute_CCE_loss, compute_MSE_loss
from RNN import RNN

from lab import checks
from lab.model import check_fits, check_layers, check_pairs, check_targets
from tools.cells import load_cells

Model = load_cells("imports", "model")["Model"]
X, A = np.ones((2, 4, 3)), np.ones((2, 3))  # N 2, T 4, D 3
P, Y = np.array([[0.9, 0.1], [0.3, 0.7]]), np.array([[1, 0], [0, 1]])
NAN = A * np.nan
HALFWAY = SimpleNamespace(forward=np.copy)  # looks like a layer, but has no backward
CASES = []


def bad(words, function, *args, error=ValueError, **options):
    """One row of the table; " ... " in `words` leaves out part of the message."""
    call = partial(function, *args, **options)
    CASES.append(pytest.param(call, error, words, id=f"{len(CASES)} {words[:40]}"))


# The checks

for value in (0, -1, 2.5, True, "3", None):
    bad(f"n: expected an integer >= 1, got {value!r}; pass a", checks.check_size, "n", value)
for value in (-1, 2**32, 1.5, "a", True, [1, 2]):
    bad(f"seed: expected an integer from 0 to 2**32 - 1, got {value!r};", checks.check_seed, value)
for value in (0, -1, np.nan, np.inf, "a", None, True, [0.1], np.array([0.1, 0.2]), 1j):
    bad("r: expected a finite number > 0, got", checks.check_positive, "r", value, "try less")
bad("init: expected one of 'a', 'b', got 'A'; check", checks.check_option, "init", "A", ("a", "b"))
bad("this was called before first;", checks.check_ready, False, "this", "first", error=RuntimeError)
for names, said in ((["units"], "opt-in units"), (["n_x", "a", "b"], "opt-ins a, b")):
    bad(f"Dense: expected the {said}, which ... got", checks.check_opt_ins, Dense, *names)
for what, shape, words in (
    (A, ("N", "T", 3), "expected an array of shape (N, T, 3), got shape (2, 3); reshape it first"),
    (3.0, (2,), "expected an array of shape (2,), got shape (); reshape it first"),
    (X, ("N", "T", 2), "expected shape (N, T, 2), got shape (2, 4, 3); axis 2 must have length 2"),
    (A[:1], (2, 3), "expected shape (2, 3), got shape (1, 3); axis 0 must have length 2"),
    (A[:0], ("N", 3), "expected shape (N, 3) with N >= 1, got shape (0, 3); pass at least"),
    (X[:, :0], ("N", "T", 3), "expected shape (N, T, 3) with T >= 1, got shape (2, 0, 3); pass"),
    ([[1, 2], [3]], ("N", 3), "expected an array, got ... ; give all rows one length"),
):
    bad(f"A: {words}", checks.check_array, "A", what, shape)
for values, fits in (("a", complex), (True, complex), (None, complex), (1j, float), (0.5, int)):
    name, dtype = np.dtype(fits).name, np.array([values]).dtype
    words = f"A: expected numbers that fit {name}, got dtype {dtype}; convert the array first"
    bad(words, checks.check_array, "A", [values], ("N",), fits, error=TypeError)
for value in (np.nan, np.inf, -np.inf):
    bad("A: expected finite numbers, got NaN or infinity;", checks.check_finite, "A", [1, value])
bad("A: expected numbers that fit", checks.check_finite, "A", ["a"], error=TypeError)
bad("A: expected an array, got ... ; give all rows", checks.check_finite, "A", [[1, 2], [3]])
for a, b, said in (
    (A, Y[:1], "2 and 1"),
    (A[:0], Y[:0], "0 and 0"),
    (None, None, "NoneType and NoneType"),
    (A, None, "2 and NoneType"),
    ([[1, 2, 3]], Y[:1], "list and 1"),
    (A, np.array(1), "2 and ndarray"),
):
    words = "a, b: expected two arrays of equally many samples and targets, at least one, got"
    bad(f"{words} {said}; take both from the same rows", check_pairs, a, b, "a, b")
bad("a: expected finite numbers", check_pairs, NAN, A, "a, b")
bad("b: expected finite numbers", check_pairs, A, NAN, "a, b")
for y in (Y[:, :1], Y[:, 0], X):
    bad("y: expected shape (N, 2) as the model returns it, got", check_targets, y, P[:1], "mse")
for y in (P, Y * 0 + 1, Y * 0, Y * 2):
    words = "expected one-hot rows (a single 1, the rest 0), got other values; encode"
    bad(f"b: {words}", check_targets, y, P, "cce", "b")
    bad(f"Y: {words}", compute_CCE_loss, P, y)
bad("Model: expected at least one layer, got none; add layers first", check_layers, [])


one, states = Dense(3, 2), RNN(1, 16, return_sequences=True)
for thing in ("RNN", None, RNN, HALFWAY, [Dense(3, 2)]):
    bad("layer: expected an object with forward and", check_fits, [], thing, error=TypeError)
bad("layer: expected a new layer, got the same Dense a second", check_fits, [one, Dense(2, 3)], one)
for below, layer, words in (
    (one, Dense(3, 2), "Dense expects 3 input features, but the layer below returns 2; build it"),
    (RNN(1, 16), RNN(8, 8), "RNN expects 8 input features, but the layer below returns 16; build"),
    (states, Dense(16, 1), "Dense expects rows (N, 16), but ... sequences (N, T, 16); add Flatten"),
    (RNN(1, 16), RNN(16, 32), "RNN(16, 32) cannot ... returns (N, 16); build this RNN with input_"),
    (states, RNN(16, 16), "RNN(16, 16) cannot train ... dL_dX has shape (N, 16) ... (N, T, 16);"),
    (Activation("tanh", None), Dense(3, 2), "Dense expects 3 input features, but ... returns 2;"),
):
    first = [one] if isinstance(below, Activation) else []  # which hands on the width below it
    bad(words, check_fits, [*first, below], layer)


@pytest.mark.parametrize(
    ("check", "values"),
    [
        (partial(checks.check_size, "n"), [1, np.int64(3)]),
        (checks.check_seed, [None, 0, 2**32 - 1, np.int64(3)]),
        (checks.check_learning_rate, [1, 1e-9, np.float32(0.5)]),
        (lambda A: checks.check_array("A", A, ("N", 2), np.float32), [P, Y, P.tolist()]),
        (lambda A: checks.check_array("A", A, (1,)), [[1j], np.ones(1, np.float32)]),
        (partial(checks.check_finite, "A"), [P, 1j]),
    ],
)
def test_good_input_is_returned(check, values):
    for value in values:
        np.testing.assert_array_equal(check(value), value)


# The layers

for name, make, inputs, shape in (
    ("RNN", partial(RNN, 3, 4), X, (2, 4)),
    ("RNN", partial(RNN, 3, 4, return_sequences=True), X, (2, 4, 4)),
    ("Dense", partial(Dense, 3, 4), A, (2, 4)),
    ("Activation", partial(Activation, "tanh", None), A, (2, 3)),
    ("Flatten", Flatten, X, (2, 12)),
):
    gradient, layer = np.ones(shape), make()
    bad(f"{name}.backward was called before", make().backward, gradient, error=RuntimeError)
    layer.forward(inputs)
    argument = {"RNN": "dH", "Dense": "dZ"}.get(name, "dA")
    bad(f"{argument}: expected shape {shape}, got shape (1,", layer.backward, gradient[:1])
for layer in (RNN(3, 4), Dense(3, 4)):
    name = type(layer).__name__
    bad(f"{name}.update was called before {name}.backward;", layer.update, 0.1, error=RuntimeError)
    bad("learning_rate: expected a finite number > 0, got 0; try 0.01", layer.update, 0)
    bad("seed: expected an integer", type(layer), 3, 4, -1)
    first, second = ("input_size", "rnn_units") if name == "RNN" else ("n_x", "n_y")
    bad(f"{first}: expected an integer >= 1, got 0", type(layer), 0, 4)
    bad(f"{second}: expected an integer >= 1, got 0", type(layer), 3, 0)
for option, known in (
    ("input_gradient", "'course', 'true'"),
    ("init", "'course', 'orthogonal'"),
    ("return_sequences", "False, True"),
):
    bad(f"{option}: expected one of {known}, got 'no';", RNN, 3, 4, **{option: "no"})
bad("X: expected an array of shape (N, T, 3), got shape (2, 3);", RNN(3, 4).forward, A)
bad("X: expected finite numbers, got NaN", RNN(3, 4).forward, X * np.nan)
bad("X: expected numbers that fit float64, got dtype", RNN(3, 4).forward, X * 1j, error=TypeError)
bad("A: expected an array of shape (N, 3), got shape (2, 4, 3);", Dense(3, 4).forward, X)
bad("activation_function: expected one of 'sigmoid', ... , got 'swish';", Activation, "swish", None)
softmax = Activation("softmax", None)
bad("Z: expected an array of shape (N, C), got shape (2, 4, 3); reshape", softmax.forward, X)
bad("Z: expected shape (N, C) with N >= 1, got", Activation("relu", None).forward, A[:0])
softmax.forward(P)
bad("Y: softmax expects one-hot labels, got None; pass backward(dA, Y)", softmax.backward, P)
bad("Y: expected an array of shape (2, 2), got shape (2,);", softmax.backward, P, Y[:, 0])
words = "dA: expected the gradient at A, got None; pass backward(dA)"
tanh = Activation("tanh", None)
tanh.forward(A)
bad(words, tanh.backward)
for what in (A[0], A[:0]):
    bad("A: expected a non-empty array (N, ...) of two or more axes, got", Flatten().forward, what)
bad("A: expected numbers that fit", Flatten().forward, [["a"]], error=TypeError)

# The losses

for loss in (compute_MSE_loss, compute_CCE_loss, compute_BCE_loss):
    bad("Y: expected an array of shape (2, 1), got shape (2,);", loss, P[:, :1], Y[:, 0])
    bad("AL: expected an array of shape (N, C), got shape (2,);", loss, P[:, 0], Y[:, :1])
words = "AL: expected probabilities in 0..1, got -3..2; let the model end in softmax or sigmoid"
bad(words, compute_CCE_loss, np.array([[-3, 2]]), Y[:1])
bad(words, compute_BCE_loss, np.array([[-3, 2]]), Y[:1])
bad("Y: expected zeros and ones, got other values; encode the labels", compute_BCE_loss, P, Y * 2)

# The Model


def made(*layers):
    model = Model()
    for layer in layers:
        model.add(layer)
    return model


def train(X_train=A, y_train=Y, X_val=None, y_val=None, softmax=False, **options):
    top = [Activation("softmax", "cce")] if softmax else []
    made(Dense(3, 2), *top).train(X_train, y_train, X_val, y_val, **options)


plain = made(Dense(3, 2))
bad("Dense expects 3 input features", plain.add, Dense(3, 2))
bad("Model: expected at least one layer, got none; add layers first", Model().predict, A)
bad("Model: expected at least one layer, got none; add layers first", Model().train, A, Y, A, Y)
bad("A: expected ... N >= 1, got shape (0, 3); pass", plain.predict, A[:0])
bad("A: expected an array of shape (N, 3), got shape (1,);", plain.predict, 3.0)
bad("X: expected finite numbers, got NaN", plain.predict, NAN)
for option in ("epochs", "batch_size"):
    bad(f"{option}: expected an integer >= 1, got 0; pass", train, **{option: 0})
for option in ("learning_rate", "clip_norm"):
    bad(f"{option}: expected a finite number > 0, got -1; ", train, **{option: -1})
bad("loss_function: expected one of 'mse', 'cce', got 'mae'; check the", train, loss_function="mae")
bad("loss_function: 'cce' expected a model that ends in softmax, got", train, loss_function="cce")
bad("loss_function: 'mse' expected a model that does not end in softmax, got", train, softmax=True)
bad("X, y: expected two arrays of equally many", train, A, Y[:1])
bad("X, y: expected two arrays ... got 2 and 1;", train, epoch_data=lambda rng: (A, Y[:1]))
bad("X_val, y_val: expected two arrays ... got 2 and NoneType;", train, A, Y, A)
bad("X_val, y_val: expected two arrays ... got NoneType and 2;", train, A, Y, None, Y)
bad("X: expected finite numbers, got NaN", train, NAN)
bad("y_val: expected shape (N, 2) as the model returns it", train, A, Y, A, Y[:, 0])
bad("y: expected one-hot rows", train, A, P, softmax=True, loss_function="cce")
bad("y: expected shape (N, 2) as the model returns it", train, A, Y[:, :1])


@pytest.mark.parametrize(("call", "error", "words"), CASES)
def test_bad_input_ends_in_one_clear_sentence(call, error, words):
    with pytest.raises(error) as caught:
        call()
    message = rest = str(caught.value)
    for part in words.split(" ... "):
        assert part in rest, f"{part!r} is missing in: {message}"
        rest = rest.split(part, 1)[1]
    assert "; " in message  # what to do comes last
    assert "\n" not in message and len(message) < 260
    if error is not RuntimeError:  # a wrong order of calls has nothing to show
        assert any(wanted in message for wanted in ("expect", "cannot"))
        assert any(came in message for came in ("got", "returns"))
