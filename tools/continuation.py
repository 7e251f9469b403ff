"""What comes next in a noise-free sinusoid, exactly, and the error measured against it.

Only the score card and the experiments' test error may know this; no model and no prediction does.
"""

import numpy as np

RESIDUAL = 1e-9  # largest misfit, of the sequence's own size, that still counts as a sinusoid


def exact_continuation(X):
    """Return the value (N, 1), float64, that follows each sampled sinusoid X (N, T).

    The angle w of one sample solves x_{n+1} + x_{n-1} = 2 cos(w) x_n, and then a and b solve
    a sin(wn) + b cos(wn) = x_n, both in least squares.

    Raises:
        ValueError: a row is no sinusoid: what is left of it is above RESIDUAL.
    """
    return np.array([[_continue(x, row)] for row, x in enumerate(np.asarray(X, float))])


def _continue(x, row):
    middle = x[1:-1]
    cosine = middle @ (x[2:] + x[:-2]) / (2 * middle @ middle)
    angles = np.arccos(np.clip(cosine, -1, 1)) * np.arange(len(x) + 1)
    waves = np.stack([np.sin(angles), np.cos(angles)], 1)
    *known, following = waves @ np.linalg.lstsq(waves[:-1], x, rcond=None)[0]
    misfit = np.abs(x - known).max() / np.abs(x).max()
    if misfit > RESIDUAL:
        raise ValueError(
            f"X: expected noise-free sinusoids, got row {row} with a misfit of {misfit:.1e} of its "
            "size; without the exact continuation there is no MAPE"
        )
    return following


def mape(predicted, y):
    """Return the mean absolute percentage error, 100 mean |(predicted - y) / y|, in percent.

    Raises:
        ValueError: predicted and y differ in shape.
    """
    predicted, y = np.asarray(predicted), np.asarray(y)
    if predicted.shape != y.shape:
        raise ValueError(f"predicted: expected shape {y.shape}, got {predicted.shape}; align them")
    return float(100 * np.mean(np.abs((predicted - y) / y)))
