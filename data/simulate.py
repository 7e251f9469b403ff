"""Simulated stand-ins for the lab's data: sine waves, and a phone at the waist of 30 people.

For a machine without network or Kaggle account: shapes, class balance and order of rows are the
course's, the signals are a model of gait and posture. Accuracy on them says nothing about people.
"""

import numpy as np

RATE, WINDOW, STEP = 50, 128, 64  # Hz; samples a window; samples from window to window
ORDER, TRIALS = (2, 0, 1), 2  # every volunteer is still, walks, takes the stairs; twice
TRAIN, TEST = (21, (1226, 2059, 4067)), (9, (496, 891, 1560))  # volunteers, windows a class
# Standard deviations of the recordings: class by channel, accelerometer in g, gyroscope in rad/s.
STD = np.array(
    [
        [0.23, 0.17, 0.14, 0.51, 0.55, 0.34],
        [0.32, 0.18, 0.16, 0.65, 0.57, 0.40],
        [0.024, 0.035, 0.032, 0.078, 0.060, 0.063],
    ]
)
# Weight of the stride's harmonics 1..6 in each channel. Two steps make a stride, so the vertical
# and forward axes swing with the even ones, the lateral axis and the turning with the odd ones.
LEVEL = np.array(
    [
        [0.2, 1.0, 0.2, 0.5, 0.1, 0.2],
        [1.0, 0.3, 0.6, 0.3, 0.3, 0.1],
        [0.2, 0.9, 0.3, 0.6, 0.2, 0.3],
        [0.6, 1.0, 0.4, 0.3, 0.2, 0.1],
        [0.3, 1.0, 0.3, 0.5, 0.2, 0.2],
        [1.0, 0.3, 0.6, 0.2, 0.3, 0.1],
    ]
)
DOWN = LEVEL * [1.0, 0.9, 1.2, 1.3, 1.5, 1.8]  # the foot drops: sharper impacts
UP = LEVEL * [1.6, 0.9, 1.0, 0.5, 0.6, 0.4]  # the body is lifted: slow and smooth
GAITS = np.stack([LEVEL, DOWN, UP])
STRIDES = np.array([0.93, 0.92, 0.82])  # Hz, of level walking, down and up
FORCE = np.array([1.0, 1.2, 0.75])  # of the gait beside its class's standard deviation


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
        y_test (2947, 1), row by row volunteer, trial, activity run, time.
    """
    phases = rng.uniform(0, 2 * np.pi, GAITS.shape)  # how people walk, train and test alike
    return *_record(rng, phases, *TRAIN), *_record(rng, phases, *TEST)


def _record(rng, phases, people, counts):
    """Record `people` volunteers, counts[c] windows of class c: X (N, 128, 6), y (N, 1)."""
    label = np.tile(ORDER, people * TRIALS)  # of each run
    windows = np.empty_like(label)
    for c, count in enumerate(counts):
        windows[label == c] = _shares(rng, count, people * TRIALS)
    samples = (windows + 1) * STEP  # n windows overlapping by half are n + 1 steps long
    run = np.repeat(np.arange(label.size), samples)  # of each sample, as the next three
    begin = np.cumsum(samples) - samples
    late = np.arange(run.size) - begin[run] > samples[run] // 2
    gait = np.where(label[run] == 1, 1 + late, 0)  # stairs: down first, then up

    volunteer = run // (len(ORDER) * TRIALS)
    force = FORCE[gait] * rng.lognormal(0, 0.15, people)[volunteer]
    moving = _gait(rng, phases, people, run, volunteer, gait) * force[:, None]
    signal = np.where((label[run] == 2)[:, None], _posture(rng, run), moving) * STD[label[run]]
    turn = _rotations(rng, people)[volunteer]  # one phone: both sensors turn alike
    signal = np.einsum("nij,nsj->nsi", turn, signal.reshape(-1, 2, 3)).reshape(-1, 6)

    first = np.repeat(begin, windows) + STEP * _count_up(windows)
    inputs = signal[first[:, None] + np.arange(WINDOW)].astype(np.float32)
    return inputs, np.repeat(label, windows)[:, None].astype(np.int64)


def _gait(rng, phases, people, run, volunteer, gait):
    """Unit-variance walking of every sample, (n, 6): six harmonics of a wandering stride rate."""
    weights = GAITS * rng.lognormal(0, 0.3, (people, *GAITS.shape))
    weights *= np.sqrt(1.6 / np.sum(weights**2, axis=-1, keepdims=True))  # variance 0.8
    phases = phases + rng.normal(0, 0.5, weights.shape)
    pace = rng.normal(1, 0.06, people)[volunteer] * rng.normal(1, 0.04, run[-1] + 1)[run]
    rate = STRIDES[gait] * pace * (1 + 0.05 * _smooth(rng, run.size, 1, 1.0)[:, 0])
    stride = 2 * np.pi * np.cumsum(rate) / RATE
    waves = np.zeros((run.size, 6))
    for k in range(GAITS.shape[-1]):
        angle = (k + 1) * stride[:, None] + phases[volunteer, gait, :, k]
        waves += weights[volunteer, gait, :, k] * np.sin(angle)
    waves *= 1 + 0.2 * _smooth(rng, run.size, 6, 1.0)  # no step is like the last
    return waves + np.sqrt(0.2) * _smooth(rng, run.size, 6, 0.06)


def _posture(rng, run):
    """Sway and sensor noise of every sample, (n, 6), gravity taken out; now and then a shift."""
    sway = 0.8 * _smooth(rng, run.size, 6, 0.3) + 0.6 * rng.standard_normal((run.size, 6))
    restless = np.exp(1.1 * _smooth(rng, run.size, 1, 3.0) - 1.21)  # mean square 1
    return sway * restless


def _smooth(rng, samples, channels, seconds):
    """Noise of unit variance averaged over a moving span of `seconds`, (samples, channels)."""
    width = round(seconds * RATE)
    total = np.cumsum(rng.standard_normal((samples + width, channels)), axis=0)
    return (total[width:] - total[:-width]) / np.sqrt(width)


def _rotations(rng, people):
    """Random rotations by about 10 degrees, (people, 3, 3), by Rodrigues' formula."""
    axis = rng.normal(0, 0.1, (people, 3))
    angle = np.linalg.norm(axis, axis=1)[:, None, None]
    cross = np.cross(np.eye(3), axis[:, None, :]) / angle
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def _shares(rng, total, parts):
    """Split `total` into `parts` uneven whole numbers, each within about 30 % of the mean."""
    weights = rng.uniform(0.75, 1.25, parts)
    return np.diff(np.round(np.cumsum(weights) * total / weights.sum()), prepend=0)


def _count_up(sizes):
    """0..size-1 for each of `sizes`, one after another."""
    return np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
