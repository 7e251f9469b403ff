"""Checks shared by layers, model and data: each bad input ends in one sentence, what to do last."""

import inspect

import numpy as np


class NotWritten(NotImplementedError):  # noqa: N818 - named for what it says
    """A part that the student has yet to write; a notebook shows it as one line, no traceback."""

    def __str__(self):
        return f"not written yet: {super().__str__()}"

    def _render_traceback_(self):  # what IPython shows in place of a traceback
        return [str(self)]


class NotFinite(ValueError):  # noqa: N818 - named for what it says
    """Numbers that are NaN or infinite: of the data, or of a training that diverges."""


def check_numbers(name, A, dtype=np.complex128):
    """Return `A` as an array of a kind of numbers that `dtype` can hold.

    Raises:
        ValueError: its rows differ in length.
        TypeError: its dtype cannot be cast to `dtype`.
    """
    try:
        A = np.asarray(A)
    except ValueError as error:
        raise ValueError(
            f"{name}: expected an array, got {error}; give all rows one length"
        ) from error
    if A.dtype.kind not in "iufc" or not np.can_cast(A.dtype, dtype, "same_kind"):
        raise TypeError(
            f"{name}: expected numbers that fit {np.dtype(dtype).name}, got dtype {A.dtype}; "
            "convert the array first, for example with .astype(float)"
        )
    return A


def check_array(name, A, shape, dtype=np.complex128):
    """Return `A` as an array of the wanted shape and of a kind that `dtype` can hold.

    Args:
        name: how messages call the array.
        A: array-like.
        shape: tuple; an int must match, a string ("N", "T") names a free axis of length >= 1.
        dtype: what the caller computes in; integers fit a float, text and complex numbers do not.

    Raises:
        ValueError: wrong rank or length, an empty axis.
        TypeError: the dtype cannot be cast to `dtype`.
    """
    A = check_numbers(name, A, dtype)
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
    return A


def _written(shape):
    return "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"


def check_finite(name, A):
    """Return `A` as an array of numbers; NotFinite, a ValueError, if one is NaN or infinite."""
    A = check_numbers(name, A)
    if not np.isfinite(A).all():
        raise NotFinite(
            f"{name}: expected finite numbers, got NaN or infinity; clean the data, or lower the "
            "learning rate"
        )
    return A


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


def check_ready(ready, this, first):
    """RuntimeError unless `ready`: `this` needs what `first` leaves behind."""
    if not ready:
        raise RuntimeError(f"{this} was called before {first}; call {first} first")


def check_opt_ins(layer_class, *names):
    """ValueError unless the constructor of `layer_class` takes all of the arguments `names`."""
    known = inspect.signature(layer_class).parameters
    missing = [name for name in names if name not in known]
    if missing:
        raise ValueError(
            f"{layer_class.__name__}: expected the opt-in{'s' * (len(missing) > 1)} "
            f"{', '.join(missing)}, which this cell needs beyond the course's layer, got "
            f"{layer_class.__name__}({', '.join(known)}); give your layer that, or go on with the "
            "cells that need none"
        )
