"""The notebook's Model: what its training promises, and that students' layers fit into it."""

import contextlib
import io
from itertools import product

import numpy as np
import pytest
from conftest import FOUR, STYLES, build, lab_of

from RNN import RNN

X = np.random.default_rng(0).normal(size=(21, 4, 2))
y = X.sum(axis=1)


def small(lab, dtype=np.float64):
    rng = np.random.default_rng(5)
    layers = lab.RNN(2, 3), lab.RNN(3, 5, input_gradient="true"), lab.Dense(5, 2)
    model = build(lab, *layers)
    for layer in model.layers:
        for W in lab.weights_of(layer).values():
            W[:] = rng.normal(0, 0.5, W.shape)
    return model.astype(dtype)


def weights(lab, model):
    return [W.copy() for layer in model.layers for W in lab.weights_of(layer).values()]


def by_hand(lab, draw, epochs, rate, size, schedule, clip):
    """The same training, written out; return the losses and the weights."""
    model, losses = small(lab), []
    for epoch in range(epochs):
        A, Y = draw(epoch)
        total = 0
        for start in range(0, len(A), size):
            a, t = A[start : start + size], Y[start : start + size]
            AL = model.forward(a)
            model.backward(2 * (AL - t))
            gradients = [
                getattr(layer, lab.GRADIENTS[name])
                for layer in model.layers
                for name in lab.weights_of(layer)
            ]
            length = np.linalg.norm(np.concatenate([g.ravel() for g in gradients]))
            step = rate * schedule((epoch + start / len(A)) / epochs) * min(1, clip / length)
            for layer in model.layers:
                layer.update(step)
            total += np.sum((AL - t) ** 2)
        losses.append(total / len(A))
    return losses, weights(lab, model)


@pytest.mark.parametrize("clip", [np.inf, 0.7])
def test_train_is_what_it_says(lab, clip):
    def draw(epoch):
        order = np.random.default_rng(epoch).permutation(21)
        return X[order], y[order]

    def schedule(progress):
        return 1 - progress / 2

    model = small(lab)
    options = {"draw": draw, "schedule": schedule, "clip_norm": clip}
    model.train(None, None, X, y, 3, 0.05, 4, "mse", **options)
    losses, expected = by_hand(lab, draw, 3, 0.05, 4, schedule, clip)
    np.testing.assert_allclose(model.train_losses, losses, rtol=1e-12)
    for W, right in zip(weights(lab, model), expected, strict=True):
        np.testing.assert_allclose(W, right, rtol=1e-11, atol=1e-13)
    assert model.val_losses[-1] == np.sum((model.predict(X) - y) ** 2) / 21
    model.train(X, y, None, None, epochs=2)  # a new history
    assert len(model.train_losses) == 2 and model.val_losses == []


def test_float32_stays(lab):
    model = small(lab, np.float32)
    model.train(X, y.astype(np.float32), X, y, epochs=2, clip_norm=1.0)
    assert {W.dtype for W in [*weights(lab, model), model.predict(X)]} == {np.dtype(np.float32)}


def test_one_bar_with_both_losses(lab):
    shown = io.StringIO()
    with contextlib.redirect_stderr(shown):
        small(lab).train(X, y, X, y, epochs=3)
    last = shown.getvalue().strip().rpartition("\r")[2]
    assert "3/3" in last and "train " in last and "val " in last


def test_predict_goes_in_blocks(lab):
    many, model = np.random.default_rng(6).normal(size=(1100, 3, 2)), small(lab)
    np.testing.assert_allclose(model.predict(many), model.forward(many), atol=1e-14)


def test_the_added_axis_goes_again(lab):
    """Below a recurrent layer that gets rows, a gradient is rows, too."""
    options = {"input_gradient": "true", "init": "orthogonal"}
    model = build(lab, lab.Dense(3, 4), lab.RNN(4, 5, **options), lab.Dense(5, 1))
    rows = np.random.default_rng(3).normal(size=(6, 3))
    assert model.backward(model.forward(rows)).shape == (6, 3)


def test_a_divergence_is_one_sentence(lab):
    model = small(lab)
    with pytest.raises(
        FloatingPointError, match=r"^training diverged in epoch \d+, the loss is \w+; .*clip_norm=1"
    ):
        model.train(1e3 * X, 1e3 * y, None, None, epochs=99, learning_rate=1e6)


def test_a_loss_that_does_not_fit_is_refused(lab):
    for options in ({"loss_function": "cce"}, {"loss_function": "mae"}):
        with pytest.raises(ValueError, match='expected "cce" behind softmax, else "mse", got'):
            small(lab).train(X, y, None, None, **options)


class Gated(RNN):
    """A layer whose weights bear names that nobody knows."""

    def __init__(self):
        self.Wz, self.Uz = np.ones((3, 2)), np.ones((3, 3))


def test_unknown_weights_are_refused_by_name(lab):
    class Half(RNN):
        """One of its weights has a name that nobody knows."""

        def backward(self, dH):
            self.dL_dWz = np.ones((3, 3))
            return super().backward(dH)

    half = build(lab, Half(2, 3))
    half.backward(half.forward(X))
    uses = (lambda m: m.astype(np.float32)), (lambda m: m.gradient_norm())
    for model, use in product((build(lab, Gated()), half), uses):
        with pytest.raises(TypeError, match="expected weights named as in GRADIENTS"):
            use(model)


FIVE = (*FOUR, "RNN")


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_students_layers_train_as_ours(lab, style, dtype):
    bound = 1e-12 if dtype is np.float64 else 5e-6
    losses = []
    for names in (lab, lab_of(style, FIVE)):
        stack = names.RNN(2, 4), names.RNN(4, 4), names.Dense(4, 3), names.Activation("relu", None)
        first = build(names, *stack, names.Dense(3, 2))
        ends = names.Dense(6, 2), names.Activation("softmax", "cross_entropy")
        hidden = names.Flatten(), names.Dense(8, 6), names.Activation("sigmoid", None)
        second, Y = build(names, *hidden, *ends), np.eye(2)[(y[:, 0] > 0).astype(int)]
        for model, target, loss in ((first, y, "mse"), (second, Y, "cce")):
            data = X.astype(dtype), target.astype(dtype)
            model.astype(dtype).train(*data, *data, 3, 0.1, 4, loss, clip_norm=1.0)
            losses.append(model.train_losses + model.val_losses)
    np.testing.assert_allclose(losses[2:], losses[:2], rtol=0, atol=bound)
