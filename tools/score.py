"""What only a scorer may know: the true continuation of the sine test sequences.

They are noise-free sinusoids, so their next value follows from the ones before. No model and no
prediction uses this module.
"""

import numpy as np

RESIDUAL = 1e-9  # largest misfit, of the sequence's own size, that still counts as a sinusoid


def exact_continuation(X):
    """Return the value (N, 1) that follows each sampled sinusoid X (N, T).

    The angle w of one sample solves x_{n+1} + x_{n-1} = 2 cos(w) x_n in least squares; Gauss-Newton
    on a sin(wn) + b cos(wn) then takes it to the last digit.

    Raises:
        ValueError: a row is no sinusoid: what is left of it is above RESIDUAL.
    """
    X = np.asarray(X, float)
    return np.array([[_continue(x, row)] for row, x in enumerate(X)])


def _continue(x, row):
    n = np.arange(len(x))
    middle = x[1:-1]
    cosine = middle @ (x[2:] + x[:-2]) / (2 * middle @ middle)
    w = np.arccos(np.clip(cosine, -1, 1))
    for _ in range(4):
        S, C = np.sin(w * n), np.cos(w * n)
        a, b = np.linalg.lstsq(np.stack([S, C], 1), x, rcond=None)[0]
        left = x - a * S - b * C
        slopes = np.stack([S, C, n * (a * C - b * S)], 1)
        w += np.linalg.lstsq(slopes, left, rcond=None)[0][2]
    misfit = np.abs(left).max() / np.abs(x).max()
    if misfit > RESIDUAL:
        raise ValueError(
            f"X: expected noise-free sinusoids, got row {row} with a misfit of {misfit:.1e} of its "
            "size; without the exact continuation there is no MAPE"
        )
    return a * np.sin(w * len(x)) + b * np.cos(w * len(x))


def mape(predicted, y):
    """Return the mean absolute percentage error, 100 mean |(predicted - y) / y|, in percent."""
    predicted, y = np.asarray(predicted), np.asarray(y)
    if predicted.shape != y.shape:
        raise ValueError(f"predicted: expected shape {y.shape}, got {predicted.shape}; align them")
    return float(100 * np.mean(np.abs((predicted - y) / y)))
