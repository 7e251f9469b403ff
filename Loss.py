"""How far predictions AL are from targets Y: one number per batch, the mean over its N samples.

MSE  sum of (AL - Y)^2 / N         CCE  -sum of Y log(AL + 1e-5) / N
BCE  -sum of Y log(AL + 1e-5) + (1 - Y) log(1 - AL + 1e-5), / N
"""

import numpy as np

EPSILON = 1e-5  # the course's guard against log(0)


def _check(AL, Y, probabilities=False):
    """Return AL and Y as float arrays of one shape (N, C); ValueError if they are not.

    Of unequal shapes, (N, 1) against (N,) would silently become (N, N); small integers would
    overflow. For cross-entropies AL must lie in 0..1, and Y must hold zeros and ones.
    """
    AL, Y = (A if A.dtype.kind == "f" else A.astype(float) for A in map(np.asarray, (AL, Y)))
    if AL.shape != Y.shape or AL.ndim != 2 or AL.size == 0:
        raise ValueError(
            f"loss: expected AL and Y of one shape (N, C), got {AL.shape} and {Y.shape}; reshape "
            "the targets, or encode class numbers with np.eye(C)[labels]"
        )
    if probabilities and (AL.min() < -1e-6 or AL.max() > 1 + 1e-6):  # room for rounding
        raise ValueError(
            f"loss: expected probabilities in 0..1, got {AL.min():.3g}..{AL.max():.3g}; let the "
            "model end in softmax or sigmoid"
        )
    if probabilities and not ((Y == 0) | (Y == 1)).all():
        raise ValueError("loss: expected targets of 0 and 1, got others; encode the labels first")
    return AL, Y


def compute_MSE_loss(AL, Y):
    """Return the squared error of AL and Y, both (N, C), a scalar.

    It is summed over outputs and averaged over samples; its gradient at AL, per sample, is
    2 (AL - Y). Raises ValueError as `_check` does.
    """
    AL, Y = _check(AL, Y)
    return np.sum((AL - Y) ** 2) / len(Y)


def compute_CCE_loss(AL, Y):
    """Return the categorical cross-entropy, a scalar: log C for a model that knows nothing.

    AL is (N, C), each row probabilities that sum to 1, and Y is (N, C), one-hot. Raises ValueError
    as `_check` does, and where a row of Y is not one-hot.
    """
    AL, Y = _check(AL, Y, probabilities=True)
    if not (Y.sum(axis=1) == 1).all():
        raise ValueError("loss: expected a single 1 in each row of Y, got others; encode labels")
    return -np.sum(Y * np.log(AL + EPSILON)) / len(Y)


def compute_BCE_loss(AL, Y):
    """Return the binary cross-entropy of AL, probabilities (N, 1), and Y, zeros and ones (N, 1).

    Raises ValueError as `_check` does.
    """
    AL, Y = _check(AL, Y, probabilities=True)
    return -np.sum(Y * np.log(AL + EPSILON) + (1 - Y) * np.log(1 - AL + EPSILON)) / len(Y)
