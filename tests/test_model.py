"""What the notebook's own Model promises of a training; test_proof.py proves that it descends."""

import tracemalloc

import numpy as np
import pytest

from Activation import Activation
from Dense import Dense
from Flatten import Flatten
from RNN import RNN

from lab.model import BLOCK


class RebindingRNN(RNN):
    """As the course allows: `update` makes new arrays."""

    def update(self, learning_rate):
        self.Wx = self.Wx - learning_rate * self.dL_dWx
        self.Wh = self.Wh - learning_rate * self.dL_dWh
        self.bh = self.bh - learning_rate * self.dL_dbh


class RebindingDense(Dense):
    def update(self, learning_rate):
        W, b = self.parameters["W"], self.parameters["b"]
        self.parameters = {"W": W - learning_rate * self.dW, "b": b - learning_rate * self.db}


class Last:
    """A layer of one's own without weights: the last of all states."""

    def forward(self, A):
        return A[:, -1]

    def backward(self, dA):
        return dA


def build(notebook, *layers):
    model, rng = notebook.Model(), np.random.default_rng(0)
    for layer in layers:
        model.add(layer)
    for W in model.weights():
        W[:] = rng.normal(0, 0.5, W.shape)
    return model


def small(notebook):
    """One layer changes its weights in place, two rebind them."""
    true = RebindingRNN(3, 5, input_gradient="true")
    return build(notebook, RNN(2, 3), true, RebindingDense(5, 2))


def copies(model):
    return [W.copy() for W in model.weights()]


def assert_equal(arrays, others):
    for A, B in zip(arrays, others, strict=True):
        np.testing.assert_array_equal(A, B)


X = np.random.default_rng(0).normal(size=(21, 4, 2))
y = X.sum(axis=1)


def test_clipping_shortens_the_step_and_keeps_its_direction(notebook):
    steps = []
    for clip in (None, 1e9, 1e-3):
        model = small(notebook)
        before = copies(model)
        model.train_epoch(X, y, np.arange(21), 21, "mse", lambda done: 0.1, clip)
        moved = zip(model.weights(), before, strict=True)
        steps.append(np.concatenate([(new - old).ravel() for new, old in moved]))
    np.testing.assert_array_equal(steps[1], steps[0])
    length = np.linalg.norm(steps[0])
    np.testing.assert_allclose(steps[2], steps[0] * 1e-4 / length, rtol=0, atol=1e-14)


BREAKS = {  # in epoch 3: what multiplies y, what the schedule does at last, options, the error
    "training loss": (1e200, 1, {"batch_size": 21}, FloatingPointError),
    "validation loss": (1, 1e200, {}, FloatingPointError),
    "W of RebindingDense": (1e9, 1e308, {"X_val": None, "y_val": None}, FloatingPointError),
    "X": (1e200, 1, {}, FloatingPointError),  # what the first RNN hands to the second
    "gradient": (1e200, 1, {"clip_norm": 1.0}, FloatingPointError),
    "by hand": (1, KeyboardInterrupt("by hand"), {}, KeyboardInterrupt),
    "any other": (1, ZeroDivisionError("any other"), {}, ZeroDivisionError),
}


@pytest.mark.parametrize("words", BREAKS)
def test_an_epoch_counts_whole_or_not_at_all(notebook, capsys, words):
    scale, last, options, error = BREAKS[words]
    model, kept = small(notebook), []

    def data(rng):
        kept.append(copies(model))
        return X, y * (scale if len(kept) == 3 else 1)

    def schedule(progress):
        if progress < 0.6:  # 8 / 12 is the last of three batches in epoch 3 of 4
            return 1
        if isinstance(last, BaseException):
            raise last
        return last

    options = {"X_val": X, "y_val": y, "epochs": 4, "batch_size": 7, "schedule": schedule} | options
    diverged = f"training diverged in epoch 3: {words}" if error is FloatingPointError else words
    with pytest.raises(error, match=f"^{diverged}"):
        model.train(None, None, epoch_data=data, **options)
    assert_equal(model.weights(), kept[2])
    assert (kept[2][0] != kept[0][0]).any()
    validated = 2 if options["X_val"] is not None else 0
    lengths = [len(h) for h in (model.train_losses, model.val_losses, model.learning_rates)]
    assert lengths == [2, validated, 2]
    said = "stopped in epoch 3: the weights are those of the epoch before"
    assert (said in capsys.readouterr().out) == (error is KeyboardInterrupt)


def test_every_epoch_draws_its_own_data_and_a_seed_repeats_them(notebook):
    draws, runs = [], []

    def data(rng):
        draws.append(rng.normal())
        return X + 0.1 * draws[-1], y

    for seed in (5, 5, 6):
        model = small(notebook)
        model.train(None, None, None, None, epochs=3, shuffle=True, seed=seed, epoch_data=data)
        runs.append(copies(model))
    assert len(set(draws[:3] + draws[6:])) == 6
    assert draws[:3] == draws[3:6]
    assert_equal(runs[0], runs[1])


def test_a_training_begins_a_new_history(notebook):
    model = small(notebook)
    for epochs in (3, 2):
        model.train(X, y, X, y, epochs=epochs)
        with pytest.raises(ValueError, match="epochs"):
            model.train(X, y, X, y, epochs=0)
        assert len(model.train_losses) == len(model.val_losses) == epochs


def test_one_call_sets_the_dtype_of_all_layers(notebook):
    model = small(notebook).astype(np.float32)
    model.train(X, np.float32(y), X, y, epochs=2, clip_norm=1.0)
    assert {W.dtype for W in [*model.weights(), model.predict(X)]} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    "layers",
    [
        [RNN(1, 16), RNN(16, 16)],
        [RNN(1, 16), RNN(16, 32, input_gradient="true"), Dense(32, 1), Activation("linear", None)],
        [RNN(2, 4, return_sequences=True), Last(), Dense(4, 1)],
        [RNN(2, 4, return_sequences=True), Activation("tanh", None), Flatten(), Dense(20, 3)],
        [Activation("relu", None), RNN(2, 4), Activation("relu", None), Dense(4, 3)],
    ],
)
def test_what_fits_can_be_stacked(notebook, layers):
    assert build(notebook, *layers).layers == layers


def peak(work):
    tracemalloc.start()
    work()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


def test_memory_is_that_of_a_block_and_of_a_batch(notebook):
    rng = np.random.default_rng(6)
    many, model = rng.normal(size=(8 * BLOCK + 1, 20, 2)), small(notebook)
    np.testing.assert_allclose(model.predict(many), model.forward(many), atol=1e-14)
    assert peak(lambda: model.predict(many)) < 0.4 * peak(lambda: model.forward(many))

    def train(n):
        A, Y = many[:n], np.ones((n, 2))
        return peak(lambda: model.train(A, Y, None, None, epochs=1, batch_size=20))

    train(40)  # what is only made once
    assert train(800) < 1.1 * train(40) + 64 * 800  # a few numbers for each sample
