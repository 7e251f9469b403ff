"""Checks shared by the layers: each bad input ends in one sentence that says what to do."""

import numpy as np


class NotFinite(ValueError):  # noqa: N818 - named for what it says
    """Numbers that are NaN or infinite: of the data, or of a training that diverges."""


def check_array(name, A, shape, dtype):
    """Return `A` as an array of the wanted shape and of a kind that `dtype` can hold.

    Args:
        name: how messages call the array.
        A: array-like.
        shape: tuple; an int must match, a string ("N", "T") names a free axis of length >= 1.
        dtype: what the caller computes in; integers fit a float, text and complex numbers do not.

    Raises:
        ValueError: wrong rank or length, an empty axis.
        NotFinite: NaN or infinity; a ValueError too.
        TypeError: the dtype cannot be cast to `dtype`.
    """
    try:
        A = np.asarray(A)
    except ValueError as error:  # rows of unequal length
        raise ValueError(
            f"{name}: expected an array of shape {_written(shape)}, got {error}; "
            "give all rows one length"
        ) from error
    if A.dtype.kind not in "iufc" or not np.can_cast(A.dtype, dtype, "same_kind"):
        raise TypeError(
            f"{name}: expected numbers that fit {np.dtype(dtype).name}, got dtype {A.dtype}; "
            "convert the array first, for example with .astype(float)"
        )
    if A.ndim != len(shape):
        raise ValueError(
            f"{name}: expected an array of shape {_written(shape)}, got shape {A.shape}; "
            "reshape it first"
        )
    for axis, (size, want) in enumerate(zip(A.shape, shape, strict=True)):
        if isinstance(want, str) and size == 0:
            raise ValueError(
                f"{name}: expected shape {_written(shape)} with {want} >= 1, got shape {A.shape}; "
                "pass at least one sample and one timestep"
            )
        if not isinstance(want, str) and size != want:
            raise ValueError(
                f"{name}: expected shape {_written(shape)}, got shape {A.shape}; "
                f"axis {axis} must have length {want}"
            )
    if not _fits(A, np.dtype(dtype)):
        raise NotFinite(
            f"{name}: expected finite numbers, got NaN or infinity; clean the data, or lower the "
            "learning rate"
        )
    return A


def _fits(A, dtype):
    """Whether all of A is finite, and still is in a `dtype` of fewer bytes."""
    if A.dtype.itemsize > dtype.itemsize:
        with np.errstate(over="ignore"):
            A = A.astype(dtype)
    return np.isfinite(A).all()


def _written(shape):
    return "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"


def check_size(name, value):
    """Return `value` as an int; ValueError unless it is an integer >= 1."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"{name}: expected an integer >= 1, got {value!r}; pass a positive size")
    return int(value)


def check_option(name, value, options):
    """Return `value`; ValueError unless it is one of `options`."""
    if value not in options:
        raise ValueError(
            f"{name}: expected one of {', '.join(map(repr, options))}, got {value!r}; "
            "check the spelling"
        )
    return value


def check_positive(name, value, advice):
    """Return `value`; ValueError unless it is a finite number > 0."""
    real = np.ndim(value) == 0 and np.asarray(value).dtype.kind in "iuf"
    if not (real and np.isfinite(value) and value > 0):
        raise ValueError(f"{name}: expected a finite number > 0, got {value!r}; {advice}")
    return value


def check_learning_rate(value):
    """Return `value`; ValueError unless it is a finite number > 0."""
    return check_positive("learning_rate", value, "try 0.01 for a start")


def check_seed(value):
    """Return `value`; ValueError unless NumPy can be seeded with it (None: anew each time)."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if value is not None and not (whole and 0 <= value < 2**32):
        raise ValueError(
            f"seed: expected an integer from 0 to 2**32 - 1, got {value!r}; 1 is the course's"
        )
    return value


def check_dtype(value):
    """Return `value` as a NumPy dtype; TypeError unless it holds fractions (complex ones too)."""
    try:
        dtype = np.dtype(value)
    except TypeError:
        dtype = None
    if dtype is None or dtype.kind not in "fc":
        raise TypeError(
            f"dtype: expected a floating-point type, got {value!r}; pass np.float64 or np.float32"
        )
    return dtype


def check_ready(ready, this, first):
    """RuntimeError unless `ready`: `this` needs what `first` leaves behind."""
    if not ready:
        raise RuntimeError(f"{this} was called before {first}; call {first} first")


def check_layers(layers):
    """ValueError if a model has no layer yet."""
    if not layers:
        raise ValueError("Model: expected at least one layer, got none; add layers first")


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
    if any(layer is other for other in layers):
        raise ValueError(
            f"layer: expected a new layer, got the same {type(layer).__name__} a second time; each "
            "layer remembers one forward pass, so build another"
        )
    rank, width = _output(layers)
    size = getattr(layer, "input_size", getattr(layer, "n_x", None))
    name = type(layer).__name__
    if hasattr(layer, "n_x") and rank == 3:
        raise ValueError(
            f"{name} expects rows (N, {size}), but the layer below returns sequences (N, T, "
            f"{width}); add Flatten() first, or set return_sequences=False below"
        )
    if None not in (size, width) and size != width:
        raise ValueError(
            f"{name} expects {size} input features, but the layer below returns {width}; "
            f"build it with {width}"
        )
    if rank is None or getattr(layer, "input_gradient", "true") == "true":
        return
    if rank == 3 or layer.rnn_units != size:
        raise ValueError(
            f"RNN({size}, {layer.rnn_units}) cannot train the layers below it: the course's "
            f"dL_dX has shape (N, {layer.rnn_units}), the gradient at h_0, but the layer below "
            f"returns {'(N, T, ' if rank == 3 else '(N, '}{width or size}); build this RNN with "
            'input_gradient="true"'
        )


def _output(layers):
    """Return rank and width of what the top of `layers` returns; None where nothing is known."""
    for layer in reversed(layers):
        if hasattr(layer, "rnn_units"):
            return (3 if layer.return_sequences else 2), layer.rnn_units
        if hasattr(layer, "n_y"):
            return 2, layer.n_y
        if not hasattr(layer, "activation_function"):  # activations change no shape
            return (2 if type(layer).__name__ == "Flatten" else None), None
    return None, None


def check_pairs(X, y, names="X, y"):
    """ValueError unless X and y are arrays equal in length, and not empty."""
    sizes = [len(A) if isinstance(A, np.ndarray) and A.ndim else type(A).__name__ for A in (X, y)]
    if sizes[0] != sizes[1] or not isinstance(sizes[0], int) or sizes[0] == 0:
        raise ValueError(
            f"{names}: expected two arrays of equally many samples and targets, at least one, got "
            f"{sizes[0]} and {sizes[1]}; take both from the same rows"
        )


def check_finite(X, y, names="X, y"):
    """NotFinite unless the arrays X and y hold finite numbers only."""
    for name, A in zip(names.split(", "), (X, y), strict=True):
        check_array(name, A, A.shape, np.complex128)
