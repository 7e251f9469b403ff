"""What a model needs beside the lesson: checks, its weights as a whole, and files.

The notebook's `Model` inherits it, so that its cell shows the lesson alone: forward, backward,
update, train.
"""

from contextlib import contextmanager

import numpy as np

from tools.checks import (
    NotFinite,
    check_finite,
    check_layers,
    check_learning_rate,
    check_option,
    check_pairs,
    check_positive,
    check_size,
)
from tools.files import replacing


class ModelBase:
    """Layers in a row, their weights and the history of their training, one number per epoch."""

    HISTORY = ("train_losses", "val_losses", "learning_rates")

    def __init__(self):
        self.layers = []
        self._forget_training()

    def weights(self):
        """Return the weight arrays of all layers, not copies."""
        return [W for layer in self.layers for W in getattr(layer, "parameters", {}).values()]

    def gradient_norm(self):
        """Return the length of the whole gradient, all layers taken together."""
        return float(np.sqrt(sum(square for _, square in self._squared_gradients())))

    def save(self, path):
        """Write weights and history to `path`, one .npz without pickle."""
        state = {f"weight {i}": W for i, W in enumerate(self.weights())}
        state |= {f"best {i}": W for i, W in enumerate(self._best_weights)}
        state |= {name: np.array(getattr(self, name)) for name in self.HISTORY}
        with replacing(path) as temporary:
            np.savez(temporary, **state)

    def load(self, path):
        """Take weights and history from `path` into a model of the same layers as the saved one.

        Raises:
            ValueError: the saved weights have other shapes.
        """
        with np.load(path, allow_pickle=False) as state:
            weights = [state[name] for name in state.files if name.startswith("weight ")]
            best = [state[name] for name in state.files if name.startswith("best ")]
            history = {name: state[name].tolist() for name in self.HISTORY}
        shapes, wanted = ([W.shape for W in Ws] for Ws in (weights, self.weights()))
        if shapes != wanted:
            raise ValueError(
                f"{path}: expected weights of shapes {wanted}, got {shapes}; "
                "add the same layers as in the saved model first"
            )
        self._set_weights(weights)
        self._best_weights = best
        vars(self).update(history)

    def _forget_training(self):
        self.train_losses, self.val_losses, self.learning_rates = [], [], []
        self._best_weights = []

    def _record(self, rate, train_loss, val_loss):
        """Add an epoch to the history; keep a copy of the weights with the lowest val_loss."""
        for name, loss in (("training", train_loss), ("validation", val_loss)):
            if loss is not None and not np.isfinite(loss):
                raise NotFinite(f"{name} loss: expected a finite number, got {loss}")
        if not all(np.isfinite(W).all() for W in self.weights()):
            raise NotFinite("weights: expected finite numbers, got NaN or infinity")
        self.learning_rates.append(rate)
        self.train_losses.append(train_loss)
        if val_loss is not None:
            self.val_losses.append(val_loss)
            if self._epochs_since_best() == 0:
                self._best_weights = self._copy_weights()

    def _epochs_since_best(self):
        return len(self.val_losses) - 1 - int(np.argmin(self.val_losses))

    def _copy_weights(self):
        return [W.copy() for W in self.weights()]

    def _set_weights(self, weights):
        for W, saved in zip(self.weights(), weights, strict=True):
            W[:] = saved

    def _last_losses(self):
        text = f"train {self.train_losses[-1]:.4g}"
        return text + (f", val {self.val_losses[-1]:.4g}" if self.val_losses else "")

    def _check_training(self, epochs, learning_rate, batch_size, loss_function, clip_norm):
        """ValueError for an option, or a last layer, with which no training can work."""
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

    def _check_validation(self, X_val, y_val, keep_best, patience):
        """ValueError for validation data that cannot work, or are missing where needed."""
        if patience is not None:
            check_size("patience", patience)
        if X_val is not None or y_val is not None or keep_best or patience is not None:
            check_pairs(X_val, y_val, "X_val, y_val")
            check_finite(X_val, y_val, "X_val, y_val")

    @contextmanager
    def _whole_epoch(self, X, y, compute_loss, outputs):
        """Let an epoch over X and y happen as a whole or, whatever stops it, not at all.

        Targets that do not fit are refused before a weight moves; `outputs` has one entry for
        each batch done.
        """
        start_weights, epoch = self._copy_weights(), len(self.train_losses) + 1
        try:
            first = self.forward(X[:1], training=False)
            compute_loss(np.broadcast_to(first, (len(y), *first.shape[1:])), y)  # checks all of y
            yield
        except BaseException as error:
            self._set_weights(start_weights)
            if isinstance(error, NotFinite):
                check_finite(X, y)  # where the data are, training did it
                raise FloatingPointError(
                    f"training diverged in epoch {epoch}, after {len(outputs)} whole batches: "
                    f"{error}; the weights are those of the epoch before, try a lower "
                    "learning_rate or clip_norm"
                ) from error
            raise

    def _clip_factor(self, clip_norm):
        """Return the factor that clips the gradient; NotFinite if it is broken, before any step."""
        squares = self._squared_gradients()
        norm = np.sqrt(sum(square for _, square in squares))
        if not np.isfinite(norm):
            i, _ = squares[int(np.argmax([square for _, square in squares]))]
            name = f"{type(self.layers[i]).__name__}, layer {i + 1}"
            raise NotFinite(f"{name}: expected finite gradients, got NaN or infinity")
        return 1 if clip_norm is None else min(1, clip_norm / max(float(norm), 1e-12))

    def _squared_gradients(self):
        """Return the number of its layer and the squared length of each gradient."""
        return [
            (i, np.vdot(g, g))
            for i, layer in enumerate(self.layers)
            for g in getattr(layer, "gradients", {}).values()
        ]
