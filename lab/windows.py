"""Geometry for the augmentation of sensor windows: joining them, and turning them in space."""

import numpy as np


def overlaps(X):
    """Return whether each window of X (N, T, C) shares half its samples with the next, (N - 1,)."""
    half = X.shape[1] // 2
    return np.abs(X[:-1, half:] - X[1:, :half]).max(axis=(1, 2)) < 1e-5


def recordings(X):
    """Return the number, from 0 on, of the recording that each window of X (N, T, C) is of, (N,).

    One goes on as long as a window shares half its samples with the next.
    """
    return np.concatenate([[0], np.cumsum(~overlaps(X))])


def join_windows(X, y):
    """Undo the overlap of windows: put them back into the long signals they were cut from.

    A window goes on in the next one where the two overlap and have one label.

    Args:
        X: windows (N, 128, C) that overlap by half, in order.
        y: their labels (N,).

    Returns:
        signals: all of them, one after the other, (S, C).
        start: where in `signals` each window begins, (N,).
        low, high: where the signal that a window belongs to begins and ends, (N,) each.
    """
    half = X.shape[1] // 2
    goes_on = np.append(overlaps(X) & (y[:-1] == y[1:]), False)
    new = np.where(goes_on, half, 2 * half)  # how many samples of a window no later one repeats
    signals = X[np.arange(2 * half) < new[:, np.newaxis]]
    end = np.cumsum(new)
    high = end[~goes_on]  # one entry a signal
    low = np.concatenate([[0], high[:-1]])
    signal = np.concatenate([[0], np.cumsum(~goes_on)[:-1]])  # which one a window belongs to
    return signals, end - new, low[signal], high[signal]


def recut(signals, start, rate, low, high):
    """Return windows of 128 samples cut anew from long signals, (N, 128, C).

    Times need not fall on samples; between two of them values lie on a straight line.

    Args:
        signals, low, high: as `join_windows` returns them.
        start: where each window shall begin at the pace of the recording, in samples, (N,); it is
            moved as far as its signal, and the same middle, ask for.
        rate: how many samples of the recording a sample of the window takes, (N,).
    """
    span = 127 * rate
    first = start + (127 - span) / 2
    first = np.clip(first, low, np.maximum(high - 1 - span, low))
    time = first[:, np.newaxis] + rate[:, np.newaxis] * np.arange(128)
    time = np.minimum(time, high[:, np.newaxis] - 1)
    before = time.astype(int)
    after = np.minimum(before + 1, high[:, np.newaxis] - 1)
    share = (time - before).astype(np.float32)[:, :, np.newaxis]
    return (1 - share) * signals[before] + share * signals[after]


def rotations(rng, N, size):
    """Return N random rotations, (N, 3, 3), about random axes.

    Each is that of the unit quaternion (1, q) / |(1, q)|, q normal (Shoemake, 1985).

    Args:
        rng: np.random.Generator.
        N: how many.
        size: standard deviation of the turn about each axis, in radians, if it is small; 0 turns
            nothing.
    """
    q = np.hstack([np.ones((N, 1)), size / 2 * rng.standard_normal((N, 3))])
    w, a, b, c = (q / np.linalg.norm(q, axis=1, keepdims=True)).T
    rows = [
        [1 - 2 * (b * b + c * c), 2 * (a * b - c * w), 2 * (a * c + b * w)],
        [2 * (a * b + c * w), 1 - 2 * (a * a + c * c), 2 * (b * c - a * w)],
        [2 * (a * c - b * w), 2 * (b * c + a * w), 1 - 2 * (a * a + b * b)],
    ]
    return np.array(rows).transpose(2, 0, 1)
