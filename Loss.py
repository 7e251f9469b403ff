"""How far predictions AL are from targets Y: one number per batch, the mean over its N samples.

MSE  sum of (AL - Y)^2 / N         CCE  -sum of Y log(AL + 1e-5) / N
BCE  -sum of Y log(AL + 1e-5) + (1 - Y) log(1 - AL + 1e-5), / N
"""

import numpy as np

from lab.checks import check_array

EPSILON = 1e-5  # the course's guard against log(0)


def _pair(AL, Y):
    """Return AL and Y as arrays of one and the same shape (N, C)."""
    AL = check_array("AL", AL, ("N", "C"))
    # Of equal shape, or (N, 1) against (N,) would silently broadcast to (N, N).
    return AL, check_array("Y", Y, AL.shape)


def _check_probabilities(AL):
    """ValueError where a logarithm would be of something that is no probability."""
    low, high = AL.real.min(), AL.real.max()
    if low < -1e-6 or high > 1 + 1e-6:  # room for rounding
        raise ValueError(
            f"AL: expected probabilities in 0..1, got {low:.3g}..{high:.3g}; "
            "let the model end in softmax or sigmoid"
        )


def compute_MSE_loss(AL, Y):
    """Return the squared error, summed over outputs, averaged over samples.

    Args:
        AL, Y: arrays (N, C) of equal shape.

    Returns:
        Scalar. Its gradient at AL, per sample, is 2 (AL - Y).

    Raises:
        ValueError: shapes differ, or are not 2-D.
    """
    AL, Y = _pair(AL, Y)
    return np.sum((AL - Y) ** 2) / len(Y)


def compute_CCE_loss(AL, Y):
    """Return the categorical cross-entropy.

    Args:
        AL: array (N, C), each row probabilities that sum to 1.
        Y: array (N, C), one-hot.

    Returns:
        Scalar, about log C for a model that knows nothing.

    Raises:
        ValueError: shapes differ, a row of Y is not one-hot, or AL holds no probabilities.
    """
    AL, Y = _pair(AL, Y)
    _check_probabilities(AL)
    if not (((Y == 0) | (Y == 1)).all() and (Y.sum(axis=1) == 1).all()):
        raise ValueError(
            "Y: expected one-hot rows (a single 1, the rest 0), got other values; "
            "encode integer labels first, for example with np.eye(C)[labels]"
        )
    return -np.sum(Y * np.log(AL + EPSILON)) / len(Y)


def compute_BCE_loss(AL, Y):
    """Return the binary cross-entropy.

    Args:
        AL: array (N, 1), probabilities of class 1.
        Y: array (N, 1), zeros and ones.

    Returns:
        Scalar.

    Raises:
        ValueError: shapes differ, Y holds anything but 0 and 1, or AL no probabilities.
    """
    AL, Y = _pair(AL, Y)
    _check_probabilities(AL)
    if not ((Y == 0) | (Y == 1)).all():
        raise ValueError("Y: expected zeros and ones, got other values; encode the labels first")
    return -np.sum(Y * np.log(AL + EPSILON) + (1 - Y) * np.log(1 - AL + EPSILON)) / len(Y)
