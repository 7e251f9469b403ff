"""What the notebook's two recipes rest on: its sine waves, features, windows and augmentation."""

import contextlib
import io
from types import SimpleNamespace

import numpy as np
import pytest

from Dense import Dense

from lab.windows import join_windows, recordings, rotations
from tools.cells import load_cells

OFF = {"shift": 0, "pace": 0, "strength": 0, "turn": 0}  # sizes with which `augment` does nothing


@pytest.fixture(scope="module")
def recipe():
    """The names that the notebook's cells of both recipes define."""
    return SimpleNamespace(**load_cells("imports", "model", "sine", "activity"))


# Sine: data and features


def taken_apart(wave, dt):
    """Frequency, amplitude and phase of each row, for w[t+1] = 2 cos(f dt) w[t] - w[t-1]."""
    middle, sides = wave[:, 1:-1], wave[:, 2:] + wave[:, :-2]
    twice_cos = (sides * middle).sum(axis=1) / (middle**2).sum(axis=1)
    np.testing.assert_allclose(sides, twice_cos[:, np.newaxis] * middle, atol=1e-11)
    angle = np.arccos(twice_cos / 2)
    sine = wave[:, 0]  # A sin(phase), and below A cos(phase)
    cosine = (wave[:, 1] - sine * np.cos(angle)) / np.sin(angle)
    return angle / dt, np.hypot(sine, cosine), np.arctan2(sine, cosine) % (2 * np.pi)


def assert_uniform(values, low, high):
    """All values are in the range, and their sorted order is a straight line through it."""
    assert low <= values.min() < values.max() <= high
    expected = np.linspace(low, high, len(values))
    np.testing.assert_allclose(np.sort(values), expected, atol=0.03 * (high - low))


def test_waves_are_the_contracts(recipe):
    """X all values but the last, y the last, of a sine; its three numbers uniform in range."""
    rng = np.random.default_rng(1)
    X, y = recipe.generate_sine_wave_data(3001, 23, (1.5, 4), (0.7, 2.2), rng=rng)
    assert X.shape == (3001, 22)
    assert y.shape == (3001, 1)
    drawn = taken_apart(np.hstack([X, y]), dt=2 * np.pi / 22)
    for values, ends in zip(drawn, ((1.5, 4), (0.7, 2.2), (0, 2 * np.pi)), strict=True):
        assert_uniform(values, *ends)
    assert (np.abs(np.corrcoef(drawn)) < 0.06)[~np.eye(3, dtype=bool)].all()


def test_training_waves_are_like_the_test_files(recipe):
    """99 values and the next, frequency and amplitude from 0.5 to 5."""
    X, y = recipe.sine_waves(3001, np.random.default_rng(2))
    assert X.shape == (3001, 99)
    frequency, amplitude, _ = taken_apart(np.hstack([X, y]), dt=2 * np.pi / 99)
    assert_uniform(frequency, 0.5, 5)
    assert_uniform(amplitude, 0.5, 5)


def test_waves_follow_their_generator(recipe):
    """The same generator draws the same; without one, every call draws the same."""
    waves = [recipe.sine_waves(4, np.random.default_rng(seed))[0] for seed in (3, 3, 4)]
    np.testing.assert_array_equal(waves[0], waves[1])
    assert (waves[0] != waves[2]).all()
    plain = [recipe.generate_sine_wave_data(4, 9, (1, 2), (1, 2))[0] for _ in range(2)]
    np.testing.assert_array_equal(*plain)


def test_own_scale_is_the_largest_absolute_value(recipe):
    X = np.array([[1.0, -3.0, 2.0], [0.5, 0.25, 0.0]])
    np.testing.assert_array_equal(recipe.own_scale(X), [[3.0], [0.5]])


@pytest.mark.parametrize(("count", "gain"), [(3, 0.3), (7, 1.0)])
def test_whitened_rows_vary_equally_along_the_largest_axes(recipe, count, gain):
    """Second moment gain^2 along each direction, 0 across; none misses less than these."""
    rng = np.random.default_rng(5)
    rows = rng.normal(size=(400, 9)) * 10.0 ** -np.arange(9) @ rng.normal(size=(9, 9))
    basis = recipe.whitening(rows, count, gain)
    assert basis.shape == (9, count)
    moments = (rows @ basis).T @ (rows @ basis) / len(rows)
    np.testing.assert_allclose(moments, gain**2 * np.eye(count), atol=1e-4 * gain**2)
    kept, _ = np.linalg.qr(basis)
    missed = np.linalg.norm(rows - rows @ kept @ kept.T)
    least = np.linalg.norm(np.linalg.svd(rows, compute_uv=False)[count:])
    assert missed == pytest.approx(least, rel=1e-3)


def test_inputs_have_the_texts_sizes_and_gains(recipe):
    """99 raw values, 26 whitened ones, or 11 steps of 6 at gain 0.3, on fresh sequences too."""
    X, _ = recipe.sine_waves(3000, np.random.default_rng(7))
    for inputs, shape, gain in ((recipe.sine_row, (26,), 1), (recipe.sine_steps, (11, 6), 0.3)):
        found = inputs(X)
        assert found.shape == (3000, *shape)
        assert found.dtype == np.float32
        assert (found.astype(float) ** 2).mean() == pytest.approx(gain**2, rel=0.1)
    np.testing.assert_allclose(recipe.raw_row(X), X / np.abs(X).max(axis=1, keepdims=True))
    np.testing.assert_array_equal(recipe.raw_steps(X), recipe.raw_row(X)[:, :, np.newaxis])


def test_sine_steps_are_scaled_values_times_the_basis(recipe):
    """Step s is the values 9 s .. 9 s + 8 in the sequence's own scale, times the basis."""
    X = np.random.default_rng(8).normal(size=(5, 99))
    steps = recipe.sine_steps(X)
    for n, s in np.ndindex(5, 11):
        expected = X[n, 9 * s : 9 * s + 9] / np.abs(X[n]).max() @ recipe.RNN_BASIS
        largest = np.abs(recipe.RNN_BASIS).sum(axis=0)
        assert (np.abs(steps[n, s] - expected) <= 1e-6 * largest).all()


@pytest.mark.parametrize(
    ("build", "inputs"),
    [
        ("raw_dense", "raw_row"),
        ("raw_rnn", "raw_steps"),
        ("sine_dense", "sine_row"),
        ("sine_rnn", "sine_steps"),
    ],
)
def test_a_louder_wave_is_predicted_louder(recipe, build, inputs):
    """Multiplying sequences by positive numbers multiplies their predictions by the same."""
    rng = np.random.default_rng(10)
    model, inputs = getattr(recipe, f"build_{build}")(2), getattr(recipe, inputs)
    for W in model.weights():
        W[:] = rng.normal(0, 0.3, W.shape)
    X, _ = recipe.sine_waves(6, rng)
    factors = rng.uniform(0.01, 30, (6, 1))
    plain, louder = (recipe.predict_sine(model, inputs, A) for A in (X, factors * X))
    assert plain.shape == (6, 1)
    assert (np.abs(plain) > 1e-3).all()
    np.testing.assert_allclose(louder, factors * plain, rtol=1e-4)


def test_whitened_states_are_the_rnns_and_equal_in_size(recipe):
    model = recipe.build_sine_rnn(3)
    front = recipe.whitened_states(model, count=5)
    found = front.predict(recipe.sine_steps(recipe.X_fit)).astype(float)
    np.testing.assert_allclose(found.T @ found / len(found), np.eye(5), atol=2e-3)
    assert front.layers[0] is model.layers[0]
    assert {W.dtype for W in front.weights()} == {np.dtype(np.float32)}


def test_only_the_readout_learns(recipe):
    front = recipe.whitened_states(recipe.build_sine_rnn(3))
    before = [W.copy() for W in front.weights()]
    with contextlib.redirect_stdout(io.StringIO()):
        model = recipe.train_readout(front, 1, seed=4)
    *kept, W, b = model.weights()
    for mine, same in zip(kept, before, strict=True):
        np.testing.assert_array_equal(mine, same)
    assert W.shape == (40, 1)
    assert (Dense(40, 1, 4).parameters["W"] != W).all()
    assert b != 0


def test_percentage_errors_by_hand(recipe):
    predicted, y = np.array([[1.1], [-2.0], [0.5]]), np.array([[1.0], [-4.0], [-0.25]])
    errors = recipe.percentage_errors(predicted, y)
    np.testing.assert_allclose(errors, [10, 50, 300], rtol=1e-12)


def test_cosine_falls_from_one_to_zero(recipe):
    assert recipe.cosine(0) == 1
    assert recipe.cosine(0.5) == pytest.approx(0.5)
    assert recipe.cosine(1) == pytest.approx(0, abs=1e-15)
    assert (np.diff(recipe.cosine(np.linspace(0, 1, 33))) < 0).all()


def test_every_sine_epoch_is_drawn_anew_with_targets_in_own_scale(recipe):
    """An epoch's data are 2,000 waves of the generator it is given, the target in own scale."""
    asked = {}
    model = SimpleNamespace(train=lambda *_, **options: asked.update(options))
    recipe.train_sine(model, lambda X: 3 * X, 0.1, 7, seed=3)
    X, y = recipe.sine_waves(2000, np.random.default_rng(12))
    found, targets = asked["epoch_data"](np.random.default_rng(12))
    np.testing.assert_array_equal(found, 3 * X)
    np.testing.assert_allclose(targets, y / np.abs(X).max(axis=1, keepdims=True), rtol=1e-6)
    assert targets.dtype == np.float32
    assert (asked["seed"], asked["learning_rate"], asked["epochs"]) == (3, 0.1, 7)


# Activity: volunteers and features


def labels_in_runs(rng, count):
    """Labels in `count` runs of random lengths, as (labels, lengths)."""
    lengths = rng.integers(1, 6, count)
    return np.repeat(np.resize([2, 0, 1], count), lengths), lengths


def test_six_runs_are_one_volunteer(recipe):
    y, lengths = labels_in_runs(np.random.default_rng(13), 126)
    expected = np.repeat(np.repeat(np.arange(21), 6), lengths)
    np.testing.assert_array_equal(recipe.volunteers(y), expected)


@pytest.mark.parametrize("count", [1, 120, 125, 127, 132])
def test_another_number_of_runs_is_refused(recipe, count):
    y, _ = labels_in_runs(np.random.default_rng(14), count)
    with pytest.raises(ValueError, match=f"126 runs of labels, 6 a volunteer, got {count}$"):
        recipe.volunteers(y)


def test_sensor_scale_by_hand(recipe):
    """One root mean square for the three axes of a sensor, over windows and samples."""
    X = np.array([[[1.0, 2, 3, 2, -2, 2]], [[4.0, 0, 0, -2, 2, 2]]])
    np.testing.assert_allclose(recipe.sensor_scale(X), np.sqrt([5, 5, 5, 4, 4, 4]), rtol=1e-12)


def windows_and_scale(seed, N):
    rng = np.random.default_rng(seed)
    return rng.normal(0, 2, (N, 128, 6)), rng.uniform(0.3, 3, 6)


def test_steps_keep_the_order_of_samples(recipe):
    """Sample t, channel c of a window goes to step t // 8, place 6 (t % 8) + c, and only there."""
    for n, t, c in np.random.default_rng(15).integers([3, 128, 6], size=(20, 3)):
        X = np.zeros((3, 128, 6))
        X[n, t, c] = 1.7
        steps = recipe.to_steps(X, np.ones(6))
        assert steps.shape == (3, 16, 48)
        assert np.argwhere(steps).tolist() == [[n, t // 8, 6 * (t % 8) + c]]


def test_small_values_stay_in_units_of_the_scale(recipe):
    X, scale = windows_and_scale(16, 2)
    steps = recipe.to_steps(1e-5 * X, scale).reshape(X.shape)
    np.testing.assert_allclose(steps, 1e-5 * X / scale, rtol=1e-6)


def test_steps_are_odd_and_rise_with_the_samples(recipe):
    X, scale = windows_and_scale(17, 2)
    steps = recipe.to_steps(X, scale)
    np.testing.assert_allclose(recipe.to_steps(-X, scale), -steps, rtol=1e-12)
    rising = np.sort(X.ravel()).reshape(X.shape)
    assert (np.diff(recipe.to_steps(rising, np.ones(6)).ravel()) > 0).all()


def test_large_values_are_pressed_together_like_a_logarithm(recipe):
    """Doubling a large value adds half of log 2, whatever the value."""
    X, scale = windows_and_scale(18, 2)
    X = np.sign(X) * (1 + np.abs(X)) * 1e4
    added = recipe.to_steps(2 * X, scale) - recipe.to_steps(X, scale)
    np.testing.assert_allclose(np.abs(added), np.log(2) / 2, rtol=1e-6)


# Activity: long signals and augmentation


def cut(lengths, values):
    """Windows that overlap by half, of signals one after the other in `values`.

    lengths: windows of each signal. Returns windows, start, low, high, as `join_windows` has them.
    """
    start, low, high, at = [], [], [], 0
    for count in lengths:
        start += [at + 64 * i for i in range(count)]
        low += [at] * count
        at += 64 * (count + 1)
        high += [at] * count
    assert at == len(values)
    windows = np.array([values[first : first + 128] for first in start])
    return windows, *map(np.array, (start, low, high))


LENGTHS = [5, 1, 7, 2, 3, 9]  # windows of each signal
SAMPLES = sum(64 * (count + 1) for count in LENGTHS)


def noise(seed):
    """Signals of random numbers: (SAMPLES, 6), float32."""
    return np.random.default_rng(seed).normal(size=(SAMPLES, 6)).astype(np.float32)


def assert_joined(found, signals, *places):
    for mine, expected in zip(found, (signals, *places), strict=True):
        np.testing.assert_array_equal(mine, expected)


@pytest.mark.parametrize("labels", [[2, 0, 1, 2, 0, 1], [1, 1, 0, 0, 0, 1]])
def test_joined_windows_are_the_signals_they_were_cut_from(labels):
    """Also where the next signal has the same label and, in one dead channel, the same values."""
    signals = noise(19)
    signals[:, 2] = 0
    X, *places = cut(LENGTHS, signals)
    assert_joined(join_windows(X, np.repeat(labels, LENGTHS)), signals, *places)


def test_a_signal_ends_where_the_label_changes():
    """Windows 0..2 and 3..4 overlap but differ in label: two signals, the shared half in both."""
    signal = noise(20)[: 64 * 6]
    X, *_ = cut([5], signal)
    expected = np.concatenate([signal[: 64 * 4], signal[64 * 3 :]])
    _, *places = cut([3, 2], expected)
    assert_joined(join_windows(X, np.array([1, 1, 1, 0, 0])), expected, *places)


def test_a_single_window_is_a_signal():
    signal = noise(21)[:128]
    assert_joined(join_windows(signal[np.newaxis], np.array([2])), signal, [0], [0], [128])


def test_augment_of_no_size_returns_the_windows(recipe):
    signals = noise(22)
    X, *places = cut(LENGTHS, signals)
    same = recipe.augment(np.random.default_rng(0), signals, *places, **OFF)
    assert same.dtype == np.float32
    np.testing.assert_array_equal(same, X)


def test_turn_alone_is_one_rotation_a_window(recipe):
    """Found from the accelerometer, it also turns the gyroscope, and mirrors nothing."""
    signals = noise(23)
    X, *places = cut(LENGTHS, signals)
    turned = recipe.augment(np.random.default_rng(1), signals, *places, **OFF | {"turn": 0.5})
    lengths = [np.linalg.norm(A.reshape(-1, 3), axis=1) for A in (X, turned)]
    np.testing.assert_allclose(*lengths, rtol=1e-5)
    found = []
    for before, after in zip(X.astype(float), turned, strict=True):
        rotation = np.linalg.lstsq(before[:, :3], after[:, :3], rcond=None)[0]
        np.testing.assert_allclose(before[:, 3:] @ rotation, after[:, 3:], atol=1e-5)
        assert np.linalg.det(rotation) == pytest.approx(1, abs=1e-5)
        found.append(rotation)
    distance = np.abs(np.array(found)[:, np.newaxis] - found).max(axis=(2, 3))
    assert (distance[~np.eye(len(X), dtype=bool)] > 1e-3).all()  # each window has its own


def test_strength_alone_is_one_factor_a_window(recipe):
    """Between exp(-strength) and exp(strength), even in the logarithm."""
    signals = noise(24)
    X, *places = cut(LENGTHS, signals)
    logarithms = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        stronger = recipe.augment(rng, signals, *places, **OFF | {"strength": 0.15})
        factors = (stronger * X).sum(axis=(1, 2)) / (X**2).sum(axis=(1, 2))
        np.testing.assert_allclose(stronger, factors[:, np.newaxis, np.newaxis] * X, atol=1e-5)
        logarithms.append(np.log(factors))
    assert_uniform(np.concatenate(logarithms), -0.15 - 1e-6, 0.15 + 1e-6)


def times(recipe, seed, lengths=LENGTHS, **sizes):
    """The times at which `augment` reads: what comes of a ramp, whose value is its own place."""
    samples = sum(64 * (count + 1) for count in lengths)
    ramp = np.arange(samples, dtype=float)[:, np.newaxis].repeat(6, axis=1)
    _, *places = cut(lengths, ramp)
    read = recipe.augment(np.random.default_rng(seed), ramp, *places, **OFF | sizes)
    np.testing.assert_array_equal(read, read[:, :, :1].repeat(6, axis=2))
    return read[:, :, 0], *places


def test_shift_alone_moves_a_window_within_its_signal(recipe):
    """By at most `shift` samples, all even; at an end of the signal it moves less."""
    moved = []
    for seed in range(60):
        read, start, low, high = times(recipe, seed, shift=32)
        np.testing.assert_allclose(np.diff(read), 1, atol=1e-3)
        assert (read[:, 0] >= low).all()
        assert (read[:, -1] <= high - 1 + 1e-3).all()
        shift = read[:, 0] - start
        moved.append(shift[(start - low >= 64) & (high - start >= 192)])  # those in the middle
        at_both_ends = high - low == 128
        assert np.abs(shift[at_both_ends]).max() < 1e-3
    assert_uniform(np.concatenate(moved), -32 - 1e-3, 32 + 1e-3)


def test_pace_alone_stretches_a_window_about_its_middle(recipe):
    """One rate a window, from exp(-pace) to exp(pace), even in the logarithm."""
    logarithms = []
    for seed in range(60):
        read, start, low, high = times(recipe, seed, pace=0.1)
        middle = (start - low >= 64) & (high - start >= 192)
        read, start = read[middle], start[middle]
        rate = (read[:, -1] - read[:, 0]) / 127
        expected = np.linspace(-63.5, 63.5, 128) * rate[:, np.newaxis]
        np.testing.assert_allclose(read - start[:, np.newaxis] - 63.5, expected, atol=1e-3)
        logarithms.append(np.log(rate))
    assert_uniform(np.concatenate(logarithms), -0.1 - 1e-5, 0.1 + 1e-5)


@pytest.mark.parametrize("own", range(len(LENGTHS)))
def test_augment_reads_no_other_signal(recipe, own):
    """With NaN in all other signals, what is made of the windows of this one is finite."""
    signals = noise(25)
    _, start, low, high = cut(LENGTHS, signals)
    mine = np.repeat(np.arange(len(LENGTHS)), LENGTHS) == own
    signals[: low[mine][0]] = signals[high[mine][0] :] = np.nan
    for seed in range(40):
        rng = np.random.default_rng(seed)
        made = recipe.augment(rng, signals, start, low, high, shift=32, pace=0.1)
        assert np.isfinite(made[mine]).all()
        assert np.isnan(made[~mine]).all()


def test_augment_reads_straight_lines_between_samples(recipe):
    """At the times found with a ramp, other signals give what linear interpolation gives."""
    signals = noise(26)
    _, *places = cut(LENGTHS, signals)
    made = recipe.augment(np.random.default_rng(2), signals, *places, **OFF | {"shift": 20})
    read, *_ = times(recipe, 2, shift=20)
    for c in range(6):
        expected = np.interp(read, np.arange(SAMPLES), signals[:, c])
        np.testing.assert_allclose(made[:, :, c], expected, atol=1e-3)


def test_augment_follows_its_generator(recipe):
    signals = noise(27)
    _, *places = cut(LENGTHS, signals)
    made = [recipe.augment(np.random.default_rng(seed), signals, *places) for seed in (3, 3, 4)]
    np.testing.assert_array_equal(made[0], made[1])
    assert (np.abs(made[0] - made[2]).max(axis=(1, 2)) > 0.01).all()


@pytest.mark.parametrize("size", [0.1, 0.5, 4])
def test_rotations_are_proper(size):
    """Orthogonal, determinant 1: they neither stretch nor mirror."""
    R = rotations(np.random.default_rng(28), 50, size)
    assert R.shape == (50, 3, 3)
    np.testing.assert_allclose(R @ R.transpose(0, 2, 1) - np.eye(3), 0, atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(R), 1, atol=1e-12)


def test_rotations_of_size_zero_turn_nothing():
    R = rotations(np.random.default_rng(29), 7, 0)
    np.testing.assert_array_equal(R, np.broadcast_to(np.eye(3), (7, 3, 3)))


def test_rotations_have_the_angles_of_the_formula():
    """The turn is 2 arctan(size / 2 r), r the length of three normal numbers; mean for 0.5."""
    R = rotations(np.random.default_rng(30), 20_000, 0.5)
    angles = np.arccos((np.trace(R, axis1=1, axis2=2) - 1) / 2)
    r, dr = np.linspace(0, 12, 20_001, retstep=True)
    density = np.sqrt(2 / np.pi) * r**2 * np.exp(-(r**2) / 2)
    assert angles.mean() == pytest.approx((2 * np.arctan(0.25 * r) * density).sum() * dr, rel=0.01)


def test_small_rotations_turn_alike_about_every_axis():
    """By a normal angle, standard deviation `size`, about each axis, without preference."""
    R = rotations(np.random.default_rng(31), 20_000, 0.03)
    skew = (R - R.transpose(0, 2, 1)) / 2
    turns = np.array([skew[:, 2, 1], skew[:, 0, 2], skew[:, 1, 0]])
    np.testing.assert_allclose(np.cov(turns), 0.03**2 * np.eye(3), atol=0.03 * 0.03**2)
    assert (np.abs(turns.mean(axis=1)) < 0.001).all()


# Models and predictions


def kinds(model):
    """Each layer by name and size; activations by function."""
    sizes = ("input_size", "rnn_units", "n_x", "n_y", "activation_function")
    return [
        (type(layer).__name__, *(getattr(layer, s) for s in sizes if hasattr(layer, s)))
        for layer in model.layers
    ]


def test_models_have_the_layers_of_the_text(recipe):
    dense, rnn = recipe.build_sine_dense(1), recipe.build_sine_rnn(1)
    assert kinds(dense) == [("Dense", 26, 1), ("Activation", "linear")]
    assert kinds(rnn) == [("RNN", 6, 128), ("Dense", 128, 1)]
    relu = [("Dense", 99, 170), ("Activation", "relu"), ("Dense", 170, 1)]
    assert kinds(recipe.build_raw_dense(1)) == relu
    assert kinds(recipe.build_raw_rnn(1)) == [("RNN", 1, 32), ("Dense", 32, 1)]
    activity = recipe.build_activity(1)
    assert kinds(activity) == [
        ("RNN", 48, 64),
        ("RNN", 64, 64),
        ("RNN", 64, 64),
        ("RNN", 64, 64),
        ("Flatten",),
        ("Dense", 16 * 64, 3),
        ("Activation", "softmax"),
    ]
    for layer in activity.layers[:4]:
        assert layer.return_sequences
        assert layer.input_gradient == "true"
        np.testing.assert_allclose(layer.Wh @ layer.Wh.T, np.eye(64), atol=1e-5)
    for model in (dense, rnn, activity):
        assert {W.dtype for W in model.weights()} == {np.dtype(np.float32)}


def test_the_sine_rnn_starts_as_the_course(recipe):
    assert recipe.build_sine_rnn(2).layers[0].Wh.std() == pytest.approx(0.01, rel=0.05)


@pytest.mark.parametrize("build", ["build_raw_rnn", "build_sine_rnn", "build_activity"])
def test_seeds_decide_the_initial_weights(recipe, build):
    """The same seed gives the same model; in five models no two layers of a kind share a seed."""
    first, again, *others = (getattr(recipe, build)(seed) for seed in (1, 1, 2, 3, 4, 5))
    for W, same in zip(first.weights(), again.weights(), strict=True):
        np.testing.assert_array_equal(W, same)
    for other in others:
        for W, another in zip(first.weights(), other.weights(), strict=True):
            assert (another != W).any() or not W.any()  # biases begin at zero
    layers = [
        layer for model in (first, *others) for layer in model.layers if hasattr(layer, "seed")
    ]
    assert len({(type(layer), layer.seed) for layer in layers}) == len(layers)


def test_prediction_is_the_mean_of_the_models_log_probabilities(recipe):
    X, scale = windows_and_scale(32, 5)
    models = [recipe.build_activity(seed) for seed in (1, 2, 3)]
    log_p = recipe.predict_activity(models, X, scale)
    assert log_p.shape == (5, 3)
    each = [np.log(model.forward(recipe.to_steps(X, scale)) + 1e-5) for model in models]
    np.testing.assert_allclose(log_p, (each[0] + each[1] + each[2]) / 3, atol=1e-5)
    assert all(np.abs(log_p - one).max() > 0.01 for one in each)


def test_neighbours_of_one_recording_are_added(recipe):
    log_p = np.random.default_rng(34).normal(size=(12, 3))
    recording = np.repeat([0, 1, 2], [5, 1, 6])
    expected = [
        sum(log_p[j] for j in range(12) if recording[j] == recording[i] and abs(i - j) <= 3)
        for i in range(12)
    ]
    np.testing.assert_allclose(recipe.with_neighbours(log_p, recording), expected)
    np.testing.assert_array_equal(recipe.with_neighbours(log_p, np.arange(12)), log_p)


def test_a_recording_is_a_chain_of_shared_halves():
    X, *_ = cut(LENGTHS, noise(35))
    np.testing.assert_array_equal(recordings(X), np.repeat(np.arange(len(LENGTHS)), LENGTHS))


def test_every_activity_epoch_augments_the_windows_it_was_given(recipe, monkeypatch):
    """Each window keeps its label; sizes given by name reach `augment`, and 0 gives X itself."""
    asked, seeds = {}, []
    model = SimpleNamespace(train=lambda *_, **options: asked.update(options))
    names = recipe.train_activity.__globals__
    monkeypatch.setitem(names, "build_activity", lambda seed: seeds.append(seed) or model)
    X, *_ = cut(LENGTHS, noise(33))
    y = np.repeat([2, 0, 1, 2, 0, 1], LENGTHS)
    scale = recipe.sensor_scale(X)
    assert recipe.train_activity(X, y, scale, 4, **OFF) is model
    steps, Y = asked["epoch_data"](np.random.default_rng(5))
    np.testing.assert_array_equal(steps, recipe.to_steps(X, scale))
    np.testing.assert_array_equal(Y, y[:, np.newaxis] == [0, 1, 2])
    assert seeds == [asked["seed"]] == [4]
    recipe.train_activity(X, y, scale, 4)
    steps, Y = asked["epoch_data"](np.random.default_rng(5))
    made = recipe.augment(np.random.default_rng(5), *join_windows(X, y))
    np.testing.assert_array_equal(steps, recipe.to_steps(made, scale))
