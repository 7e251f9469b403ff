"""What a model needs beside the lesson; the notebook's `Model` inherits it.

Whatever is needed of a layer beyond forward, backward and update is read off it from outside, by
the names that the course gave, so that layers written for the course work as they are.
"""

from contextlib import contextmanager

import numpy as np

from lab import plots
from lab.checks import (
    NotFinite,
    check_finite,
    check_learning_rate,
    check_option,
    check_positive,
    check_size,
)
from lab.progress import progress_bar

BLOCK = 512  # samples
GRADIENTS = {"W": "dW", "b": "db", "Wx": "dL_dWx", "Wh": "dL_dWh", "bh": "dL_dbh"}


def weights_of(layer):
    """Return {name: array} of a layer: its `parameters`, or its attributes Wx, Wh and bh."""
    held = vars(layer) | dict(getattr(layer, "parameters", {}))
    return {name: held[name] for name in GRADIENTS if name in held}


def gradients_of(layer):
    """Return {name of the weight: gradient} as the layer's last backward left them."""
    return {name: getattr(layer, GRADIENTS[name]) for name in weights_of(layer)}


def set_weights(layer, weights):
    """Give a layer the arrays of `weights`, {name: array}, themselves and not copies."""
    for name, W in weights.items():
        if name in getattr(layer, "parameters", {}):
            layer.parameters[name] = W
        else:
            setattr(layer, name, W)


class ModelBase:
    """Layers in a row, their weights, and the history of their training."""

    def __init__(self):
        self.layers = []
        self.train_losses, self.val_losses, self.learning_rates = [], [], []

    def add(self, layer):
        """Put a layer on top; ValueError or TypeError if it does not fit what lies below."""
        check_fits(self.layers, layer)
        self.layers.append(layer)

    def weights(self):
        """Return the weight arrays of all layers as they are now, not copies."""
        return [W for layer in self.layers for W in weights_of(layer).values()]

    def gradient_norm(self):
        """Return the length of the whole gradient, all layers together, or NotFinite."""
        gradients = [g for layer in self.layers for g in gradients_of(layer).values()]
        norm = float(np.sqrt(sum(np.vdot(g, g) for g in gradients)))
        if not np.isfinite(norm):
            raise NotFinite("gradient: expected finite numbers, got NaN or infinity")
        return norm

    def predict(self, X):
        """Return the model's output for X (N, ...), computed in blocks that bound the memory."""
        check_layers(self.layers)
        X = np.atleast_1d(check_finite("X", X))
        starts = range(0, max(len(X), 1), BLOCK)  # the first layer refuses no sample
        return np.concatenate([self.forward(X[i : i + BLOCK]) for i in starts])

    def plot_losses(self, name=None):
        """Draw both losses and the learning rate by epoch; `name` keeps the figure as a file."""
        plots.training_curve(self.train_losses, self.val_losses, self.learning_rates, name)

    def astype(self, dtype):
        """Turn all weights into `dtype`, which computes in it on data of it; return the model."""
        for layer in self.layers:
            set_weights(layer, {name: W.astype(dtype) for name, W in weights_of(layer).items()})
        return self

    def check(self, X_val, y_val, epochs, learning_rate, batch_size, loss_function, clip_norm):
        """ValueError for options, validation data or a last layer that no training works with."""
        check_layers(self.layers)
        check_size("epochs", epochs)
        check_learning_rate(learning_rate)
        check_size("batch_size", batch_size)
        if clip_norm is not None:
            check_positive("clip_norm", clip_norm, "or None for no clipping")
        check_option("loss_function", loss_function, ("mse", "cce"))
        ends_in = getattr(self.layers[-1], "activation_function", None)
        if (loss_function == "cce") != (ends_in == "softmax"):
            raise ValueError(
                f"loss_function: {loss_function!r} expected a model that "
                f"{'ends' if loss_function == 'cce' else 'does not end'} in softmax, got "
                f"{ends_in or 'another last layer'}; change the loss or the last layer"
            )
        if X_val is not None or y_val is not None:
            check_pairs(X_val, y_val, "X_val, y_val")
            check_targets(y_val, self.forward(X_val[:1]), loss_function, "y_val")

    def epochs(self, count):
        """Forget an earlier training; yield 0 to count - 1, and show how far the training is."""
        self.train_losses, self.val_losses, self.learning_rates = [], [], []
        with progress_bar(count) as bar:
            for epoch in range(count):
                yield epoch
                losses = {"train": self.train_losses, "val": self.val_losses}
                text = ", ".join(f"{name} {v[-1]:.4g}" for name, v in losses.items() if v)
                bar.set_postfix_str(text, refresh=False)
                bar.update()

    @contextmanager
    def whole_epoch(self, X, y, loss_function):
        """Let an epoch over X and y happen as a whole or, whatever stops it, not at all.

        Raises:
            ValueError: X and y, or y and the model, do not belong together; no weight has moved.
            FloatingPointError: losses or weights are no longer finite.
        """
        check_pairs(X, y)
        epoch = len(self.train_losses) + 1
        before = [{name: W.copy() for name, W in weights_of(x).items()} for x in self.layers]
        try:
            with np.errstate(all="ignore"):  # a divergence is reported in full instead
                check_targets(y, self.forward(X[:1]), loss_function)
                yield
            self._check_epoch()
        except BaseException as error:
            for layer, weights in zip(self.layers, before, strict=True):
                set_weights(layer, weights)
            for history in (self.train_losses, self.val_losses, self.learning_rates):
                del history[epoch - 1 :]
            kept = "the weights are those of the epoch before"
            if isinstance(error, NotFinite):
                raise FloatingPointError(
                    f"training diverged in epoch {epoch}: {error}; {kept}, try a lower "
                    "learning_rate or clip_norm"
                ) from error
            if isinstance(error, KeyboardInterrupt):
                print(f"\nstopped in epoch {epoch}: {kept}")
            raise

    def _check_epoch(self):
        """NotFinite unless the last losses, and all weights, are finite."""
        for name, losses in (("training", self.train_losses), ("validation", self.val_losses)):
            if losses and not np.isfinite(losses[-1]):
                raise NotFinite(f"{name} loss: expected a finite number, got {losses[-1]}")
        for i, layer in enumerate(self.layers, 1):
            for name, W in weights_of(layer).items():
                if not np.isfinite(W).all():
                    raise NotFinite(
                        f"{name} of {type(layer).__name__}, layer {i}: expected finite numbers, "
                        "got NaN or infinity"
                    )


def check_layers(layers):
    """ValueError if a model has no layer yet."""
    if not layers:
        raise ValueError("Model: expected at least one layer, got none; add layers first")


def check_pairs(X, y, names="X, y"):
    """ValueError unless X and y are finite arrays equal in length, and not empty."""
    sizes = [len(A) if isinstance(A, np.ndarray) and A.ndim else type(A).__name__ for A in (X, y)]
    if sizes[0] != sizes[1] or not isinstance(sizes[0], int) or sizes[0] == 0:
        raise ValueError(
            f"{names}: expected two arrays of equally many samples and targets, at least one, got "
            f"{sizes[0]} and {sizes[1]}; take both from the same rows"
        )
    for name, A in zip(names.split(", "), (X, y), strict=True):
        check_finite(name, A)


def check_targets(y, output, loss_function, name="y"):
    """ValueError unless y has rows like the model's `output`, and for "cce" they are one-hot."""
    if y.shape[1:] != output.shape[1:]:
        written = ", ".join(["N", *map(str, output.shape[1:])])
        raise ValueError(
            f"{name}: expected shape ({written}) as the model returns it, got shape {y.shape}; "
            "reshape the targets, or change the last layer"
        )
    if loss_function == "cce" and not (((y == 0) | (y == 1)).all() and (y.sum(axis=1) == 1).all()):
        raise ValueError(
            f"{name}: expected one-hot rows (a single 1, the rest 0), got other values; encode "
            "integer labels first, for example with np.eye(C)[labels]"
        )


def check_fits(layers, layer):
    """Check that `layer` can stand on top of `layers`: widths and gradients both meet.

    Raises:
        TypeError: it is not a layer.
        ValueError: it does not fit, or is in the model already.
    """
    methods = [getattr(layer, name, None) for name in ("forward", "backward")]
    if isinstance(layer, type) or not all(map(callable, methods)):
        raise TypeError(
            f"layer: expected an object with forward and backward, got {layer!r}; "
            "pass a layer such as Dense(4, 1)"
        )
    name = type(layer).__name__
    if any(layer is other for other in layers):
        raise ValueError(
            f"layer: expected a new layer, got the same {name} a second time; each "
            "layer remembers one forward pass, so build another"
        )
    (rank, width), (size, units, recurrent) = _output(layers), _sizes(layer)
    if size is not None and not recurrent and rank == 3:
        raise ValueError(
            f"{name} expects rows (N, {size}), but the layer below returns sequences (N, T, "
            f"{width}); add Flatten() first, or set return_sequences=False below"
        )
    if None not in (size, width) and size != width:
        raise ValueError(
            f"{name} expects {size} input features, but the layer below returns {width}; "
            f"build it with {width}"
        )
    if not recurrent or rank is None or getattr(layer, "input_gradient", "course") == "true":
        return
    if rank == 3 or units != size:
        raise ValueError(
            f"{name}({size}, {units}) cannot train the layers below it: the course's "
            f"dL_dX has shape (N, {units}), the gradient at h_0, but the layer below "
            f"returns {'(N, T, ' if rank == 3 else '(N, '}{width or size}); build this RNN with "
            'input_gradient="true"'
        )


def _sizes(layer):
    """Return features in, features out and whether it is recurrent; None where nothing is known."""
    weights = weights_of(layer)
    if "Wx" in weights:
        return weights["Wx"].shape[1], weights["Wx"].shape[0], True
    return *(weights["W"].shape if "W" in weights else (None, None)), False


def _output(layers):
    """Return rank and width of what the top of `layers` returns; None where nothing is known."""
    for layer in reversed(layers):
        _, width, _ = _sizes(layer)
        if width is not None:
            return (3 if getattr(layer, "return_sequences", False) else 2), width
        if not hasattr(layer, "activation_function"):  # activations change no shape
            return (2 if type(layer).__name__ == "Flatten" else None), None
    return None, None
