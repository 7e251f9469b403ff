"""Further checks, after the course's four: what those cannot see, each in one line to call.

The course's checks start with zero biases and know only the last state, so a bias that is forgotten
passes them. A difference quotient needs no formula: move one number a little, see how much the loss
moves. Every check prints the error it reached beside the bound, and asserts.
"""

import io
from contextlib import redirect_stdout

import numpy as np

from lab.checks import check_array, check_opt_ins
from lab.expected import Differs, compare
from lab.model import gradients_of, set_weights, weights_of

BOUND = 1e-6  # relative error that a difference quotient may have
N, T, D, H = 3, 5, 2, 3


def quotients(f, A, step=1e-5):
    """Return the central difference quotient of the scalar f() for every entry of the array A.

    A is changed in place, one entry at a time, and is what it was in the end.
    """
    result = np.empty(A.shape)
    for index in np.ndindex(A.shape):
        kept, values = A[index], []
        for A[index] in (kept + step, kept - step):
            values.append(f())
        A[index] = kept
        result[index] = (values[0] - values[1]) / (2 * step)
    return result


def weights(RNN):
    """Check the weights that RNN(2, 3, seed=5) starts with; earlier draws must not matter."""
    compare("Weights", weight_figures(RNN))


def weight_figures(RNN):
    np.random.seed(0)  # noqa: NPY002 - so that even a layer that forgets its seed repeats itself
    return weights_of(RNN(2, 3, 5))


def bias(RNN):
    """Check a layer whose bias is not zero, forward and backward.

    A bias is the weight of one more input that is always 1.
    """
    rnn, X, dH = _layer(RNN)
    W, wide = weights_of(rnn), RNN(D + 1, H)
    joined = np.concatenate([W["Wx"], W["bh"]], axis=1)
    set_weights(wide, {"Wx": joined, "Wh": W["Wh"], "bh": np.zeros((H, 1))})
    expected = {"Output": wide.forward(np.concatenate([X, np.ones((N, T, 1))], axis=2))}
    expected |= _gradients(rnn, X, dH[:, -1])
    compare("Bias", bias_figures(RNN), expected, BOUND)


def bias_figures(RNN):
    rnn, X, dH = _layer(RNN)
    figures = _run(rnn, X, dH[:, -1])
    del figures["dL_dX"]  # the course's is not the input's gradient
    return figures


def sequences(RNN):
    """Check return_sequences and the input's gradient, at every step.

    The state after step t is the last state of a sequence that ends there.
    """
    check_opt_ins(RNN, "return_sequences", "input_gradient")
    rnn, X, dH = _layer(RNN, return_sequences=True, input_gradient="true")
    last, _, _ = _layer(RNN)
    expected = {"Output": np.stack([last.forward(X[:, : t + 1]) for t in range(T)], axis=1)}
    expected |= _gradients(rnn, X, dH)
    expected["dL_dX"] = N * quotients(lambda: np.sum(dH * rnn.forward(X)) / N, X)
    compare("Sequences", sequence_figures(RNN), expected, BOUND)


def sequence_figures(RNN):
    return _run(*_layer(RNN, return_sequences=True, input_gradient="true"))


def _run(rnn, X, dH):
    """Return the figures of forward and backward, called twice: the first must leave no trace."""
    for x in (-X, X):
        output, dX = rnn.forward(x), rnn.backward(dH)
    gradients = {f"dL_d{name}": g for name, g in gradients_of(rnn).items()}
    return {"Output": output, **gradients, "dL_dX": dX}


def _layer(RNN, **options):
    """Return an RNN(D, H) far from its start, X (N, T, D), and a gradient (N, T, H) from above.

    The gradient is large, so that a clipping left on in backward shows.
    """
    rng, rnn = np.random.default_rng(11), RNN(D, H, **options)
    _draw(rnn, rng)
    return rnn, rng.normal(size=(N, T, D)), 1000 * rng.normal(size=(N, T, H))


def _draw(layer, rng):
    set_weights(layer, {name: rng.normal(0, 0.6, W.shape) for name, W in weights_of(layer).items()})


def _gradients(rnn, X, dH):
    """Return {"dL_dWx": quotients of the loss sum(dH * output) / N, ...} for all weights."""

    def loss():
        return np.sum(dH * rnn.forward(X)) / N

    return {f"dL_d{name}": quotients(loss, W) for name, W in weights_of(rnn).items()}


def losses(compute_MSE_loss, compute_CCE_loss):
    """Check both losses on four samples of three outputs."""
    compare("Losses", loss_figures(compute_MSE_loss, compute_CCE_loss))


def loss_figures(compute_MSE_loss, compute_CCE_loss):
    AL = np.array([[0.2, 0.5, 0.3], [0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.25, 0.4, 0.35]])
    Y = np.eye(3)[[1, 0, 2, 0]]
    return {"MSE": compute_MSE_loss(5 * AL, Y), "CCE": compute_CCE_loss(AL, Y)}


def training(Model, RNN, Dense):
    """Check the losses of two epochs of Model.train on five samples in batches of two.

    They depend on the order, the schedule, the clipping and the last, smaller batch.
    """
    compare("Training", training_figures(Model, RNN, Dense))


def training_figures(Model, RNN, Dense):
    rng, model = np.random.default_rng(7), Model()
    for layer in (RNN(3, 3), RNN(3, 3), Dense(3, 3)):
        _draw(layer, rng)
        model.add(layer)
    X, y = rng.normal(size=(8, 4, 3)), rng.normal(size=(8, 3))
    epoch = model.train_epoch
    # Too few outputs shall be named below, and not end in an error about shapes.
    model.train_epoch = lambda X, y, *rest: np.resize(epoch(X, y, *rest), y.shape)
    options = {"shuffle": True, "schedule": lambda progress: 1 - progress / 2, "clip_norm": 5.0}
    with redirect_stdout(io.StringIO()):  # no bar
        model.train(X[:5], y[:5], X[5:], y[5:], 2, 0.1, 2, "mse", **options)
    return {"train_losses": model.train_losses, "val_losses": model.val_losses}


def check_gradients(model, X, Y, loss_function="mse"):
    """Check the gradient of every weight of a model, and print the worst entry and its place.

    For small models: a weight costs two forward passes. At a relu whose input is 0 there is no
    derivative, and nothing that a quotient could agree with.

    Args:
        model: Model of float64 layers; it ends in softmax if loss_function is "cce".
        X, Y: inputs (N, ...) and targets (N, C).
        loss_function: "mse" or "cce".

    Raises:
        ValueError: a weight is not float64, or Y has not the shape of the model's output.
        AssertionError: a gradient has another shape than its weight, or is off by more than BOUND,
            as a part of the largest entry of its array.
    """
    for layer in model.layers:
        for name, W in weights_of(layer).items():
            if W.dtype != np.float64:
                raise ValueError(
                    f"{name}: expected float64, for a difference needs the digits, got {W.dtype}; "
                    "call model.astype(np.float64) first"
                )
    AL = model.forward(X).copy()
    Y, worst = check_array("Y", Y, AL.shape), (-1.0, "")

    def loss(AL):
        return np.sum((AL - Y) ** 2 if loss_function == "mse" else -Y * np.log(AL)) / len(Y)

    model.backward(len(Y) * quotients(lambda: loss(AL), AL), Y)
    for i, layer in enumerate(model.layers, 1):
        gradients = {name: np.array(g) for name, g in gradients_of(layer).items()}
        for name, W in weights_of(layer).items():
            mine, place = gradients[name], f"layer {i}, {type(layer).__name__}, {name}"
            if mine.shape != W.shape:
                raise Differs(f"{place}: gradient of shape {mine.shape}, weight of {W.shape}")
            exact = quotients(lambda: loss(model.forward(X)), W)
            errors = np.abs(mine - exact) / max(np.abs(exact).max(), np.abs(mine).max(), 1e-12)
            errors[np.isnan(errors)] = np.inf
            at = np.unravel_index(errors.argmax(), W.shape)
            values = f"backward {mine[at]:.9g}, difference quotient {exact[at]:.9g}"
            worst = max(worst, (errors[at], f"{place}{list(map(int, at))}: {values}"))
    error, entry = worst
    said = f"worst entry {entry}, relative difference {error:.1e}, bound {BOUND:.0e}"
    if not error <= BOUND:
        raise Differs(said)
    print(said)
