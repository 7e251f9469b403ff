"""What the notebook's two recipes rest on: its sine waves, features, windows and augmentation."""

import contextlib
import io
from types import SimpleNamespace

import numpy as np
import pytest

from Dense import Dense

from lab.windows import join_windows, recordings, recut, rotations
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


@pytest.mark.parametrize("like_the_test_file", [False, True])
def test_waves_are_the_contracts(recipe, like_the_test_file):
    """X all values but the last, y the last, of a sine; its three numbers uniform in range."""
    rng, ranges, steps = np.random.default_rng(1), ((1.5, 4), (0.7, 2.2)), 22
    if like_the_test_file:
        ranges, steps = ((0.5, 5), (0.5, 5)), 99
        X, y = recipe.sine_waves(3001, rng)
    else:
        X, y = recipe.generate_sine_wave_data(3001, steps + 1, *ranges, rng=rng)
    assert X.shape == (3001, steps)
    assert y.shape == (3001, 1)
    drawn = taken_apart(np.hstack([X, y]), dt=2 * np.pi / steps)
    for values, ends in zip(drawn, (*ranges, (0, 2 * np.pi)), strict=True):
        assert_uniform(values, *ends)
    assert (np.abs(np.corrcoef(drawn)) < 0.06)[~np.eye(3, dtype=bool)].all()


def test_waves_and_augmentation_follow_their_generator(recipe):
    """The same generator draws the same, another something else everywhere."""
    signals = noise(27)
    for draw in (
        lambda rng: recipe.sine_waves(4, rng)[0],
        lambda rng: recipe.augment(rng, signals, START, LOW, HIGH),
    ):
        one, same, other = (draw(np.random.default_rng(seed)) for seed in (3, 3, 4))
        np.testing.assert_array_equal(one, same)
        assert (np.abs(one - other).reshape(len(one), -1).max(axis=1) > 0.01).all()
    plain = [recipe.generate_sine_wave_data(4, 9, (1, 2), (1, 2))[0] for _ in range(2)]
    np.testing.assert_array_equal(*plain)


BY_HAND = [
    ("own_scale", ([[1, -3, 2], [0.5, 0.25, 0]],), [[3], [0.5]]),
    ("percentage_errors", ([[1.1], [-2], [0.5]], [[1], [-4], [-0.25]]), [10, 50, 300]),
    ("cosine", ([0, 1 / 3, 0.5, 2 / 3, 1],), [1, 0.75, 0.5, 0.25, 0]),
    ("sensor_scale", ([[[1, 2, 3, 2, -2, 2]], [[4, 0, 0, -2, 2, 2]]],), [5**0.5] * 3 + [2] * 3),
]


@pytest.mark.parametrize(("name", "arrays", "expected"), BY_HAND)
def test_formulas_by_hand(recipe, name, arrays, expected):
    found = getattr(recipe, name)(*(np.array(A, float) for A in arrays))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


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
    own = X / np.abs(X).max(axis=1, keepdims=True)
    for inputs, shape, gain in ((recipe.sine_row, (26,), 1), (recipe.sine_steps, (11, 6), 0.3)):
        found = inputs(own)
        assert found.shape == (3000, *shape)
        assert found.dtype == np.float32
        assert (found.astype(float) ** 2).mean() == pytest.approx(gain**2, rel=0.1)
    np.testing.assert_allclose(recipe.raw_row(X), X, rtol=1e-6)
    np.testing.assert_array_equal(recipe.raw_steps(X), recipe.raw_row(X)[:, :, np.newaxis])
    parts = own.reshape(-1, 11, 9)
    most = 1e-6 * np.abs(recipe.RNN_BASIS).sum(axis=0)
    assert (np.abs(recipe.sine_steps(own) - parts @ recipe.RNN_BASIS) <= most).all()


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
    plain, louder = (
        recipe.predict_sine(model, inputs, recipe.own_scale, A) for A in (X, factors * X)
    )
    assert plain.shape == (6, 1)
    assert (np.abs(plain) > 1e-3).all()
    np.testing.assert_allclose(louder, factors * plain, rtol=1e-4)


def test_whitened_states_are_the_rnns_and_equal_in_size(recipe):
    model = recipe.build_sine_rnn(3)
    front = recipe.whitened_states(model, count=5)
    found = front.predict(recipe.sine_steps(recipe.own_fit)).astype(float)
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


@pytest.mark.parametrize("scale", ["own_scale", "unscaled"])
def test_every_sine_epoch_is_drawn_anew_and_scaled(recipe, scale):
    """An epoch's data are 2,000 waves of the generator it is given, all of them scaled."""
    asked, scale = {}, getattr(recipe, scale)
    model = recipe.Model()
    model.train = lambda *args, **options: asked.update(options, args=args)
    watch = recipe.sine_waves(7, np.random.default_rng(11))
    recipe.train_sine(model, lambda X: 3 * X, scale, 0.1, 7, seed=3, watch=watch)
    fresh = recipe.sine_waves(2000, np.random.default_rng(12))
    drawn = asked["epoch_data"](np.random.default_rng(12))
    for (found, targets), (X, y) in ((drawn, fresh), (asked["args"][2:4], watch)):
        np.testing.assert_array_equal(found, 3 * (X / scale(X)))
        np.testing.assert_allclose(targets, y / scale(X), rtol=1e-6)
        assert targets.dtype == np.float32
    assert (asked["seed"], *asked["args"][4:]) == (3, 7, 0.1)


# Activity: volunteers and features


def labels_in_runs(rng, count):
    """Labels in `count` runs of random lengths, as (labels, lengths)."""
    lengths = rng.integers(1, 6, count)
    return np.repeat(np.resize([2, 0, 1], count), lengths), lengths


def test_six_runs_are_one_volunteer(recipe):
    y, lengths = labels_in_runs(np.random.default_rng(13), 126)
    expected = np.repeat(np.repeat(np.arange(21), 6), lengths)
    np.testing.assert_array_equal(recipe.volunteers(y), expected)
    for count in (1, 125, 127, 132):
        y, _ = labels_in_runs(np.random.default_rng(14), count)
        with pytest.raises(ValueError, match=f"126 runs of labels, 6 a volunteer, got {count}$"):
            recipe.volunteers(y)


def windows_and_scale(seed, N):
    rng = np.random.default_rng(seed)
    return rng.normal(0, 2, (N, 128, 6)), rng.uniform(0.3, 3, 6)


def test_steps_are_eight_samples_each_of_inverse_hyperbolic_sines(recipe):
    """Near 0 they are the samples in units of the scale, far off half their logarithm."""
    X, scale = windows_and_scale(16, 5)
    steps = recipe.to_steps(X, scale)
    assert steps.shape == (5, 16, 48)
    for t in range(16):
        samples = np.sinh(2 * steps[:, t]).reshape(5, 8, 6) / 2
        np.testing.assert_allclose(samples, X[:, 8 * t : 8 * t + 8] / scale, rtol=1e-9)


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
    np.testing.assert_array_equal(recordings(X), np.repeat(np.arange(len(LENGTHS)), LENGTHS))


def test_a_signal_ends_where_the_label_changes():
    """Windows 0..2 and 3..4 overlap but differ in label: two signals, the shared half in both."""
    signal = noise(20)[: 64 * 6]
    X, *_ = cut([5], signal)
    expected = np.concatenate([signal[: 64 * 4], signal[64 * 3 :]])
    _, *places = cut([3, 2], expected)
    assert_joined(join_windows(X, np.array([1, 1, 1, 0, 0])), expected, *places)


@pytest.fixture
def augmented(recipe):
    """What `augment` makes of random signals: with a seed, and sizes where they are not 0."""

    def make(seed, signals, **sizes):
        _, *places = cut(LENGTHS, signals)
        return recipe.augment(np.random.default_rng(seed), signals, *places, **OFF | sizes)

    return make


def test_augment_of_no_size_returns_the_windows(augmented):
    X, *_ = cut(LENGTHS, noise(22))
    same = augmented(0, noise(22))
    assert same.dtype == np.float32
    np.testing.assert_array_equal(same, X)


def test_turn_alone_is_one_rotation_a_window(augmented):
    """Found from the accelerometer, it also turns the gyroscope, and mirrors nothing."""
    X, *_ = cut(LENGTHS, noise(23))
    turned = augmented(1, noise(23), turn=0.5)
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


RAMP = np.arange(SAMPLES, dtype=float)[:, np.newaxis].repeat(6, axis=1)  # its value is its place
_, START, LOW, HIGH = cut(LENGTHS, RAMP)
INSIDE = (START - LOW >= 64) & (HIGH - START >= 192)  # windows away from their signal's ends


@pytest.mark.parametrize(
    ("name", "size", "measure"),
    [
        ("strength", 0.15, lambda read: np.log(read[1:, 0] / START[1:])),
        ("shift", 32, lambda read: (read[:, 0] - START)[INSIDE]),
        ("pace", 0.1, lambda read: np.log((read[:, -1] - read[:, 0])[INSIDE] / 127)),
    ],
)
def test_sizes_are_drawn_for_each_window_and_even(augmented, name, size, measure):
    """From -size to size: the shift in samples, of pace and strength the logarithm."""
    drawn = [measure(augmented(seed, RAMP, **{name: size})[:, :, 0]) for seed in range(60)]
    assert_uniform(np.concatenate(drawn), -size * 1.0001, size * 1.0001)


def test_windows_are_recut_along_straight_lines_within_their_signal():
    """At a window's own pace, about the middle that was asked for, unless an end is in the way."""
    rng = np.random.default_rng(26)
    asked = START + rng.uniform(-32, 32, len(START))
    rate = np.exp(rng.uniform(-0.1, 0.1, len(START)))
    made, read = (recut(values, asked, rate, LOW, HIGH) for values in (noise(26), RAMP))
    read = read[:, :, 0]
    assert (read >= LOW[:, np.newaxis]).all()
    assert (read <= HIGH[:, np.newaxis] - 1).all()
    longer = HIGH - LOW > 128
    np.testing.assert_allclose(np.diff(read[longer]) / rate[longer, np.newaxis], 1, atol=1e-3)
    np.testing.assert_allclose(read.mean(axis=1)[INSIDE], asked[INSIDE] + 63.5, atol=1e-3)
    for c in range(6):
        expected = np.interp(read, np.arange(SAMPLES), noise(26)[:, c])
        np.testing.assert_allclose(made[:, :, c], expected, atol=1e-3)


@pytest.mark.parametrize("own", range(len(LENGTHS)))
def test_augment_reads_no_other_signal(augmented, own):
    """With NaN in all other signals, what is made of the windows of this one is finite."""
    signals = noise(25)
    mine = np.repeat(np.arange(len(LENGTHS)), LENGTHS) == own
    signals[: LOW[mine][0]] = signals[HIGH[mine][0] :] = np.nan
    for seed in range(40):
        made = augmented(seed, signals, shift=32, pace=0.1)
        assert np.isfinite(made[mine]).all()
        assert np.isnan(made[~mine]).all()


def test_small_rotations_turn_alike_about_every_axis():
    """By a normal angle, standard deviation `size`, about each axis, without preference."""
    R = rotations(np.random.default_rng(31), 20_000, 0.03)
    skew = (R - R.transpose(0, 2, 1)) / 2
    turns = np.array([skew[:, 2, 1], skew[:, 0, 2], skew[:, 1, 0]])
    np.testing.assert_allclose(np.cov(turns), 0.03**2 * np.eye(3), atol=0.03 * 0.03**2)
    assert (np.abs(turns.mean(axis=1)) < 0.001).all()


# Models and predictions


def test_models_compute_in_float32_and_the_activitys_rnns_start_orthogonal(recipe):
    activity = recipe.build_activity(1)
    for layer in activity.layers[:4]:
        np.testing.assert_allclose(layer.Wh @ layer.Wh.T, np.eye(64), atol=1e-5)
    for model in (recipe.build_sine_dense(1), recipe.build_sine_rnn(1), activity):
        assert {W.dtype for W in model.weights()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("build", ["build_raw_rnn", "build_sine_rnn", "build_activity"])
def test_seeds_decide_the_initial_weights(recipe, build):
    """The same seed gives the same model; in five models no two layers of a kind share a seed."""
    first, again, *others = (getattr(recipe, build)(seed) for seed in (1, 1, 2, 3, 4, 5))
    for W, same in zip(first.weights(), again.weights(), strict=True):
        np.testing.assert_array_equal(W, same)
    layers = [layer for model in (first, *others) for layer in model.layers]
    seeds = [(type(layer), layer.seed) for layer in layers if hasattr(layer, "seed")]
    assert len(set(seeds)) == len(seeds)


def test_prediction_is_the_models_log_probabilities(recipe):
    X, scale = windows_and_scale(32, 5)
    model = recipe.build_activity(1)
    p = model.forward(recipe.to_steps(X, scale))
    np.testing.assert_allclose(recipe.predict_activity(model, X, scale), np.log(p + 1e-5))


def test_neighbours_of_one_recording_are_added(recipe):
    log_p = np.random.default_rng(34).normal(size=(12, 3))
    recording = np.repeat([0, 1, 2], [5, 1, 6])
    expected = [
        sum(log_p[j] for j in range(12) if recording[j] == recording[i] and abs(i - j) <= 3)
        for i in range(12)
    ]
    np.testing.assert_allclose(recipe.with_neighbours(log_p, recording), expected)
    np.testing.assert_array_equal(recipe.with_neighbours(log_p, np.arange(12)), log_p)


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
