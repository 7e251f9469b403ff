"""One table of bad input: what is called, with what, and the words the error must contain."""

from functools import partial

import numpy as np
import pytest

from Activation import Activation
from Dense import Dense
from Flatten import Flatten
from Loss import compute_BCE_loss, compute_CCE_loss, compute_MSE_loss
from RNN import RNN
from tools.cells import load_cells

Model = load_cells("imports", "model")["Model"]
X, A = np.ones((2, 4, 3)), np.ones((2, 3))  # N 2, T 4, D 3
P, Y = np.array([[0.9, 0.1], [0.3, 0.7]]), np.array([[1, 0], [0, 1]])
CASES = []


def bad(name, words, function, *args, error=ValueError, **options):
    """One row of the table; " ... " in `words` leaves out part of the message."""
    CASES.append(pytest.param(partial(function, *args, **options), error, words, id=name))


def put(array, value):
    array = array * 1.0
    array.flat[1] = value
    return array


def after_forward(layer, inputs):
    layer.forward(inputs)
    return layer


def model(*layers):
    new = Model()
    for layer in layers:
        new.add(layer)
    return new


def train(X_train=A, y_train=Y, X_val=None, y_val=None, softmax=False, **options):
    top = [Activation("softmax", "cce")] if softmax else []
    model(Dense(3, 2), *top).train(X_train, y_train, X_val, y_val, **options)


class Halfway:
    """Looks like a layer, but has no backward."""

    def forward(self, X, training=True):
        return X


# Building layers

for value in (0, -1, 2.5, True, "3", None):
    words = f"expected an integer >= 1, got {value!r}; pass a positive size"
    bad(f"input_size {value!r}", f"input_size: {words}", RNN, value, 3)
    bad(f"rnn_units {value!r}", f"rnn_units: {words}", RNN, 3, value)
    bad(f"n_x {value!r}", f"n_x: {words}", Dense, value, 3)
    bad(f"n_y {value!r}", f"n_y: {words}", Dense, 3, value)
for layer in (RNN, Dense):
    name = layer.__name__
    for value in ("abc", int, bool, str, object, 3):
        words = f"dtype: expected a floating-point type, got {value!r}; pass np.float64"
        bad(f"{name} dtype {value}", words, layer, 3, 4, dtype=value, error=TypeError)
    for value in (-1, 2**32, 1.5, "a", True, [1, 2]):
        words = f"seed: expected an integer from 0 to 2**32 - 1, got {value!r}; 1 is the course's"
        bad(f"{name} seed {value}", words, layer, 3, 4, value)
for option, value, known in (
    ("input_gradient", "True", "'course', 'true'"),
    ("init", "glorot", "'course', 'orthogonal'"),
    ("return_sequences", "yes", "False, True"),
):
    words = f"{option}: expected one of {known}, got {value!r}; check the spelling"
    bad(f"RNN {option}", words, RNN, 3, 4, **{option: value})
for value in ("swish", None, "Softmax"):
    words = f"activation_function: expected one of 'sigmoid', ... , got {value!r}; check"
    bad(f"Activation {value}", words, Activation, value, None)

# Forward

NOT_FINITE = "expected finite numbers, got NaN or infinity; clean the data"
SEQUENCES = (
    ("rank 2", A, "expected an array of shape (N, T, 3), got shape (2, 3); reshape it first"),
    ("rank 4", X[None], "expected an array of shape (N, T, 3), got shape (1, 2, 4, 3)"),
    ("width", X[:, :, :2], "expected shape (N, T, 3), got shape (2, 4, 2); axis 2 must have"),
    ("no samples", X[:0], "expected shape (N, T, 3) with N >= 1, got shape (0, 4, 3); pass at"),
    ("no timesteps", X[:, :0], "expected shape (N, T, 3) with T >= 1, got shape (2, 0, 3); pass"),
    ("ragged", [[[1], [2]], [[3]]], "expected an array of shape (N, T, 3), got ... ; give all"),
)
ROWS = (
    ("rank 1", A[0], "expected an array of shape (N, 3), got shape (3,); reshape it first"),
    ("rank 3", X, "expected an array of shape (N, 3), got shape (2, 4, 3); reshape it first"),
    ("width", A[:, :2], "expected shape (N, 3), got shape (2, 2); axis 1 must have length 3"),
    ("no samples", A[:0], "expected shape (N, 3) with N >= 1, got shape (0, 3); pass at least"),
)
SOFTMAX = (
    ("rank 3", X, "expected an array of shape (N, C), got shape (2, 4, 3); reshape it first"),
    ("no samples", A[:0], "expected shape (N, C) with N >= 1, got shape (0, 3); pass at least"),
)
FLATTEN = (
    (
        "rank 1",
        A[0],
        "expected a non-empty array (N, ...) of two or more axes, got shape (3,); add",
    ),
    ("no samples", A[:0], "expected a non-empty array (N, ...) ... got shape (0, 3); add"),
)
for name, make, argument, good, rows in (
    ("RNN", partial(RNN, 3, 4), "X", X, SEQUENCES),
    ("RNN float32", partial(RNN, 3, 4, dtype=np.float32), "X", X, SEQUENCES),
    ("Dense", partial(Dense, 3, 4), "A", A, ROWS),
    ("softmax", partial(Activation, "softmax", None), "Z", A, SOFTMAX),
    ("relu", partial(Activation, "relu", None), "Z", A, SOFTMAX[1:]),
    ("Flatten", Flatten, "A", A, FLATTEN),
):
    for what, value, words in (
        *rows,
        ("NaN", put(good, np.nan), NOT_FINITE),
        ("infinity", put(good, -np.inf), NOT_FINITE),
        ("rank 0", np.float64(3), "expected ... got shape ()"),
    ):
        bad(f"{name} forward {what}", f"{argument}: {words}", make().forward, value)
    for value, dtype in (
        ("text", "<U1"),
        (object, "object"),
        (bool, "bool"),
        (complex, "complex128"),
    ):
        if value is complex and "RNN" not in name and name != "Dense":
            continue  # what has no weights takes complex numbers too
        inputs = good.astype("<U1" if value == "text" else value)
        words = f"{argument}: expected numbers that fit ... got dtype {dtype}; convert the array"
        bad(f"{name} forward {value}", words, make().forward, inputs, error=TypeError)

# Backward and update

for name, make, inputs, shape in (
    ("RNN", partial(RNN, 3, 4), X, (2, 4)),
    ("RNN sequences", partial(RNN, 3, 4, return_sequences=True), X, (2, 4, 4)),
    ("Dense", partial(Dense, 3, 4), A, (2, 4)),
    ("Activation", partial(Activation, "tanh", None), A, (2, 3)),
    ("Flatten", Flatten, X, (2, 12)),
):
    kind, G = name.split()[0], np.ones(shape)
    words = f"{kind}.backward was called before {kind}.forward; call {kind}.forward first"
    bad(f"{name} backward first", words, make().backward, G, error=RuntimeError)
    for what, gradient, words, error in (
        ("length", G[:1], f"shape {shape}, got shape {(1, *shape[1:])}; axis 0 must", ValueError),
        ("width", G[..., 1:], f"shape {shape}, got ... ; axis {len(shape) - 1} must", ValueError),
        ("rank", G[0], f"an array of shape {shape}, got shape {shape[1:]}; reshape", ValueError),
        ("NaN", put(G, np.nan), "finite numbers, got NaN or infinity; clean", ValueError),
        ("text", G.astype("<U1"), "numbers that fit ... got dtype <U1; convert", TypeError),
    ):
        ready = after_forward(make(), inputs).backward
        bad(f"{name} gradient {what}", f": expected {words}", ready, gradient, error=error)
for layer in (RNN, Dense):
    name, new = layer.__name__, layer(3, 4)
    words = f"{name}.update was called before {name}.backward; call {name}.backward first"
    bad(f"{name} update first", words, new.update, 0.1, error=RuntimeError)
    for value in (0, -1, np.nan, np.inf, "a", None, True, [0.1], np.array([0.1, 0.2]), 1j):
        words = f"learning_rate: expected a finite number > 0, got {value!r}; try 0.01 for a start"
        bad(f"{name} rate {value}", words, new.update, value)
ready = after_forward(Activation("softmax", None), P).backward
words = "Y: softmax expects one-hot labels, got None; pass backward(dA, Y)"
bad("softmax without labels", words, ready, P)
words = "Y: expected an array of shape (2, 2), got shape (2,); reshape it first"
bad("softmax flat labels", words, ready, P, Y[:, 0])
words = "dA: expected the gradient at A, got None; pass backward(dA)"
bad("tanh without gradient", words, after_forward(Activation("tanh", None), A).backward)

# Losses

for loss in (compute_MSE_loss, compute_CCE_loss, compute_BCE_loss):
    for what, AL, y, words in (
        ("(N, 1), (N,)", P[:, :1], Y[:, 0], "Y: expected an array of shape (2, 1), got shape (2,)"),
        (
            "(N,), (N, 1)",
            P[:, 0],
            Y[:, :1],
            "AL: expected an array of shape (N, C), got shape (2,)",
        ),
        ("widths", P, Y[:, :1], "Y: expected shape (2, 2), got shape (2, 1); axis 1 must have"),
        ("empty", P[:0], Y[:0], "AL: expected shape (N, C) with N >= 1, got shape (0, 2); pass"),
        ("NaN", put(P, np.nan), Y, f"AL: {NOT_FINITE}"),
        ("NaN labels", P, put(Y, np.nan), f"Y: {NOT_FINITE}"),
    ):
        bad(f"{loss.__name__} {what}", words, loss, AL, y)
    words = "Y: expected numbers that fit ... got dtype <U1; convert"
    bad(f"{loss.__name__} text", words, loss, P, Y.astype("<U1"), error=TypeError)
for what, labels in (("soft", P), ("two", Y * 0 + 1), ("none", Y * 0), ("integers", Y * 2)):
    words = "Y: expected one-hot rows (a single 1, the rest 0), got other values; encode integer"
    bad(f"CCE labels {what}", words, compute_CCE_loss, P, labels)
words = "Y: expected zeros and ones, got other values; encode the labels first"
bad("BCE labels", words, compute_BCE_loss, P, Y * 2)
words = "AL: expected probabilities in 0..1, got -3..2; let the model end in softmax or sigmoid"
bad("CCE of no probabilities", words, compute_CCE_loss, np.array([[-3, 2]]), Y[:1])
bad("BCE of no probabilities", words, compute_BCE_loss, np.array([[-3, 2]]), Y[:1])

# Model

words = "Model: expected at least one layer, got none; add layers first"
bad("empty forward", words, Model().forward, A)
bad("empty predict", words, Model().predict, A)
bad("empty backward", words, Model().backward, A)
bad("empty update", words, Model().update, 0.1)
bad("empty train", words, Model().train, A, Y, None, None)
one = model(Dense(3, 2))
words = "Dense.backward was called before Dense.forward; call"
bad("model backward first", words, one.backward, Y, error=RuntimeError)
words = "Dense.update was called before Dense.backward; call"
bad("model update first", words, one.update, 0.1, error=RuntimeError)
bad("predict nothing", "A: expected ... N >= 1, got shape (0, 3); pass", one.predict, A[:0])
bad("block 0", "block: expected an integer >= 1, got 0; pass", one.predict, A, block=0)
words = "Dense expects 3 input features, but the layer below returns 2; build it with 2"
bad("widths", words, one.add, Dense(3, 2))
words = "layer: expected a new layer, got the same Dense a second time; each ... build another"
bad("layer twice", words, one.add, one.layers[0])
for thing in ("RNN", None, 3, RNN, Halfway(), [Dense(3, 2)]):
    words = "layer: expected an object with forward and backward, got ... ; pass a layer such as"
    bad(f"add {type(thing).__name__}", words, one.add, thing, error=TypeError)
for value in (0, -3, 1.5, "2", True):
    for option in ("epochs", "batch_size", "patience"):
        words = f"{option}: expected an integer >= 1, got {value!r}; pass a positive"
        bad(f"train {option} {value!r}", words, train, A, Y, A, Y, **{option: value})
for value in (0, -1, np.nan, np.inf, "a", True):
    for option in ("learning_rate", "clip_norm"):
        words = f"{option}: expected a finite number > 0, got {value!r}; "
        bad(f"train {option} {value!r}", words, train, **{option: value})
for value in ("mae", None, "MSE"):
    words = f"loss_function: expected one of 'mse', 'cce', got {value!r}; check the spelling"
    bad(f"train loss {value}", words, train, loss_function=value)
words = "loss_function: 'cce' expected a model that ends in softmax, got another last layer; change"
bad("cce without softmax", words, train, loss_function="cce")
words = "loss_function: 'mse' expected a model that does not end in softmax, got softmax; change"
bad("mse with softmax", words, train, softmax=True)
words = "X, y: expected two arrays of equally many samples and targets, at least one, got"
bad("train lengths", f"{words} 2 and 1; take both from the same rows", train, A, Y[:1])
bad("train no samples", f"{words} 0 and 0; take", train, A[:0], Y[:0])
bad("train no data", f"{words} NoneType and NoneType; take", train, None, None)
bad("train lists", f"{words} list and 1; take", train, [[1, 2, 3]], Y[:1])
bad("train scalar", f"{words} 2 and ndarray; take", train, A, np.array(1))
words = "X_val, y_val: expected two arrays of equally many ... got"
bad("X_val without y_val", f"{words} 2 and NoneType; take", train, A, Y, A)
bad("y_val without X_val", f"{words} NoneType and 2; take", train, A, Y, None, Y)
bad("X_val, y_val lengths", f"{words} 2 and 1; take", train, A, Y, A, Y[:1])
bad("keep_best without X_val", f"{words} NoneType and NoneType; take", train, keep_best=True)
bad("patience without X_val", f"{words} NoneType and NoneType; take", train, patience=3)
words = "Y: expected an array of shape (2, 2), got shape (2,); reshape it first"
bad("train flat y", words, train, A, Y[:, 0])
words = "Y: expected shape (2, 2), got shape (2, 1); axis 1 must have length 2"
bad("train narrow y", words, train, A, Y[:, :1])
bad("train NaN y", f"y: {NOT_FINITE}", train, A, put(Y, np.nan))
bad("train NaN X", f"X: {NOT_FINITE}", train, put(A, np.nan))
words = "Y: expected one-hot rows (a single 1, the rest 0), got other values; encode"
bad("train soft labels", words, train, A, P, softmax=True, loss_function="cce")


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
        assert "expect" in message and ("got" in message or "returns" in message)


@pytest.mark.parametrize("loss", ["cce", "mse"])
def test_targets_that_do_not_fit_change_no_weight(loss):
    made = model(Dense(3, 2), *([Activation("softmax", "cce")] if loss == "cce" else []))
    weights = made.layers[0].parameters["W"].copy()
    targets = np.vstack([Y[:1], [2, 1]])[:, : 2 if loss == "cce" else 1]  # wrong in the end
    with pytest.raises(ValueError, match="Y: expected"):
        made.train(A, targets, None, None, batch_size=1, loss_function=loss)
    np.testing.assert_array_equal(made.layers[0].parameters["W"], weights)


@pytest.mark.parametrize("rate", [1e2, 1e5, 1e9, 1e150])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_divergence_names_its_place_and_keeps_the_last_whole_epoch(rate, dtype):
    made, kept = model(Dense(3, 4, dtype=dtype), Dense(4, 2, dtype=dtype)), []

    def data(rng):
        kept.append([W.copy() for W in made.weights()])
        return A, Y * 1.0

    options = {"epochs": 90, "learning_rate": rate, "batch_size": 1, "epoch_data": data}
    words = (
        r"diverged in epoch \d+, after \d whole batches: .*expected finite .* lower learning_rate"
    )
    with pytest.raises(FloatingPointError, match=words):
        made.train(None, None, None, None, **options)
    for W, last in zip(made.weights(), kept[-1], strict=True):
        np.testing.assert_array_equal(W, last)
        assert np.isfinite(W).all()
