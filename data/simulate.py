"""Simulated stand-ins for the lab's data: sine waves, and a phone at the waist of 30 people.

For a machine without network or Kaggle account: shapes, class balance and order of rows are the
course's, the signals are a crude model of gait. Accuracy on them says nothing about people.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

RATE, WINDOW, STEP = 50, 128, 64  # Hz; samples a window; samples from window to window
ORDER = (2, 0, 1) * 2  # every volunteer is still, walks, takes the stairs; twice
TRAIN, TEST = (21, (1226, 2059, 4067)), (9, (496, 891, 1560))  # volunteers, windows a class
# Standard deviations of the recordings: class by channel, accelerometer in g, gyroscope in rad/s.
STD = np.array(
    [
        [0.23, 0.17, 0.14, 0.51, 0.55, 0.34],
        [0.32, 0.18, 0.16, 0.65, 0.57, 0.40],
        [0.024, 0.035, 0.032, 0.078, 0.060, 0.063],
    ]
)
HARMONICS = np.arange(1, 7)  # of the stride


def sine_waves(rng):
    """Waves amp sin(freq t + phase) by the recipe of the course's test file.

    Args:
        rng: np.random.Generator; freq and amp are uniform in 0.5..5, phase in 0..2 pi.

    Returns:
        Array (500, 100), float64, t = linspace(0, 2 pi, 100); the last column is what the lab
        predicts.
    """
    freq, amp = rng.uniform(0.5, 5, (2, 500, 1))
    phase = rng.uniform(0, 2 * np.pi, (500, 1))
    return amp * np.sin(freq * np.linspace(0, 2 * np.pi, 100) + phase)


def simulate_activity(rng):
    """Windows of body acceleration (g) and turning rate (rad/s) with their labels.

    Args:
        rng: np.random.Generator; the same state gives the same arrays.

    Returns:
        X_train (7352, 128, 6) float32, y_train (7352, 1) int64 in 0..2, X_test (2947, 128, 6),
        y_test (2947, 1), row by row volunteer, activity run, time.
    """
    gaits = rng.normal(size=(1, 6, 6, 2))  # class, harmonic, channel; its cosine and its sine
    gaits = gaits + rng.normal(0, 0.5, (2, 6, 6, 2))  # stairs are walked a little differently
    return *_record(rng, gaits, *TRAIN), *_record(rng, gaits, *TEST)


def _record(rng, gaits, people, counts):
    """Record `people` volunteers, counts[c] windows of class c: X (N, 128, 6), y (N, 1)."""
    windows, labels = [], []
    for person in range(people):
        own = gaits + rng.normal(0, 0.5, gaits.shape)  # so does everybody
        own /= np.sqrt((own**2).sum(axis=(1, 3), keepdims=True) / 2)
        for run, c in enumerate(ORDER):
            part = 2 * person + run // 3  # the class's windows are shared out among the runs
            count = counts[c] * (part + 1) // (2 * people) - counts[c] * part // (2 * people)
            signal = rng.normal(size=((count + 1) * STEP, 6))
            if c < 2:
                time = np.arange(len(signal)) / RATE
                angle = 2 * np.pi * rng.normal(0.9, 0.06) * time[:, np.newaxis] * HARMONICS
                waves = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
                signal = np.sqrt(0.5) * (np.einsum("thw,hcw->tc", waves, own[c]) + signal)
            cut = sliding_window_view(signal * STD[c], WINDOW, axis=0)[::STEP]
            windows.append(cut.transpose(0, 2, 1))
            labels.append(np.full((count, 1), c, np.int64))
    return np.concatenate(windows).astype(np.float32), np.concatenate(labels)
