"""The trainings behind the page of experiments: one function for each run, two runs at a time.

The models and recipes are the notebook's own, taken from its tagged cells. Everything measured goes
to results.json, byte for byte the same on the same machine, and seconds to timings.json.
"""

import contextlib
import io
import json
import os
import time
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from itertools import product

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before NumPy is imported

import numpy as np

from data.prepare import places, read_file
from tools.cells import TAGS, load_cells
from tools.continuation import exact_continuation, mape
from tools.files import write_text

SEEDS = range(1, 4)
FIVE = range(1, 6)  # seeds of short trainings
SETS = range(2024, 2029)  # evaluation sets of 5,000 waves; the notebook shows the first
NOISES = (0, 0.001, 0.01)
WAYS = "each window by itself", "with neighbours"
QUICK = False


@cache
def lab():
    """Return the notebook's names, with its layers."""
    return load_cells(*TAGS)


@cache
def activity_data():
    """Return X (N, 128, 6), y (N,), the volunteer and the recording of each training window."""
    files = places()
    X, y = np.load(files["X_train.npy"]), np.load(files["y_train.npy"]).ravel()
    return X, y, lab().volunteers(y), lab().recordings(X)


def epochs(count):
    return 1 if QUICK else count


def build(*layers):
    model = lab().Model()
    for layer in layers:
        model.add(layer)
    return model.astype(np.float32)


def count_weights(model):
    return sum(W.size for layer in model.layers for W in lab().weights_of(layer).values())


TRIVIAL = {
    "straight line": lambda X: 2 * X[:, -1:] - X[:, -2:-1],
    "parabola": lambda X: 3 * X[:, -1:] - 3 * X[:, -2:-1] + X[:, -3:-2],
}
NOISY = "with RNN, trained on noisy waves"


def sine_model(name, seed):
    """Return a trained model, the form of its inputs, and what its sequences are divided by."""
    c = lab()
    if name == "submitted: whitened states":
        return c.train_sine_rnn(seed, epochs(30)), c.sine_steps, c.own_scale
    if name.startswith("Dense only"):
        model, inputs = c.build_raw_dense(seed), c.raw_row
    else:
        model, inputs = c.build_raw_rnn(seed), c.raw_steps
    scale = c.own_scale if name.endswith("own scale") else c.unscaled
    rate, rng = 0.8 if name == "with RNN, own scale" else 0.4, np.random.default_rng(seed)

    def noisy(X):
        return inputs(X + 0.01 * rng.standard_normal(X.shape))

    form = noisy if name == NOISY else inputs
    c.train_sine(model, form, scale, rate, epochs(40), seed=seed)
    return model, inputs, scale


def sine(name, seed):
    """Errors of one model on five sets of waves, with noise and without, and running free."""
    c, result = lab(), {"errors": {}}
    if name in TRIVIAL:
        predict = TRIVIAL[name]
    else:
        recipe = sine_model(name, seed)
        result["weights"] = count_weights(recipe[0])

        def predict(X):
            return c.predict_sine(*recipe, X)

    for noise, number in product(NOISES, SETS):
        X, y = c.sine_waves(5000, np.random.default_rng(number))
        X = X + noise * np.random.default_rng(1).standard_normal(X.shape)
        errors = c.percentage_errors(predict(X), y)
        row = result["errors"].setdefault(str(noise), {"mape": [], "median": []})
        row["mape"].append(errors.mean())
        row["median"].append(np.median(errors))
    X = read_file("X_test.csv", places()["X_test.csv"].read_bytes())
    result["course_mape"] = mape(predict(X), exact_continuation(X))
    long, end = c.generate_sine_wave_data(500, 199, (1, 10), (0.5, 5), np.random.default_rng(7))
    wave = np.hstack([long, end])
    known = wave[:, :99]
    for _ in range(100):
        following = np.clip(predict(known[:, -99:]), -1e6, 1e6)  # a bad model runs away
        known = np.hstack([known, following])
    off = np.median(np.abs(known - wave) / c.own_scale(wave), axis=0)[99:]
    result["free"] = {str(k): off[k - 1] for k in (5, 100)}
    return result


def stack(variant, k, seed):
    """The loss of RNN(1, 16) under RNN(16, k), which passes down the gradient of this variant."""
    c = lab()
    every, way = variant == ALL_STATES, "course" if "the course's" in variant else "true"
    first = c.RNN(1, 16, seed, return_sequences=every, init="orthogonal")
    second = c.RNN(16, k, seed + 100, input_gradient=way, init="orthogonal")
    if variant == "one step, no gradient":
        backward = second.backward
        second.backward = lambda dH: 0 * backward(dH)
    return final_loss(build(first, second, c.Dense(k, 1, seed)), 0.05, seed)


def final_loss(model, rate, seed):
    """Train a model on waves in their own scale, step by step; return its loss on others."""
    c = lab()
    watch = c.sine_waves(500, np.random.default_rng(99))
    c.train_sine(model, c.raw_steps, c.own_scale, rate, epochs(20), seed=seed, watch=watch)
    return model.val_losses[-1]


def hidden(H, fold):
    """One recurrent layer on the activity task: errors on seen and unseen people in %, seconds."""
    c, (X, y, who, _) = lab(), activity_data()
    held, Y = who // 3 == fold, np.eye(3, dtype=np.float32)[y]
    steps = c.fine_steps(X, c.sensor_scale(X[~held]))
    layers = c.RNN(steps.shape[2], H, fold + 1, init="orthogonal"), c.Dense(H, 3, fold + 1)
    model = build(*layers, c.Activation("softmax", "cross_entropy"))

    def draw(epoch):
        order = np.random.default_rng([fold, epoch]).permutation(np.flatnonzero(~held))
        return steps[order], Y[order]

    options, start = {"draw": draw, "schedule": c.cosine, "clip_norm": 1.0}, time.process_time()
    model.train(None, None, None, None, epochs(15), 0.1, 32, "cce", **options)
    seconds = time.process_time() - start
    wrong = model.predict(steps).argmax(axis=1) != y
    errors = {"seen": 100 * wrong[~held].mean(), "unseen": 100 * wrong[held].mean()}
    return errors | {"weights": count_weights(model), "seconds": seconds}


STARTS = {  # what is taken from the orthogonal start
    "course": [],
    "only Wx orthogonal": ["Wx"],
    "only Wh orthogonal": ["Wh"],
    "orthogonal": ["Wx", "Wh"],
}


def recall(start, T, seed):
    """Epochs until 95 % are right about the sign of x_1, T steps before; None: not in 100."""
    c = lab()
    layer, orthogonal = c.RNN(1, 32, seed), c.RNN(1, 32, seed, init="orthogonal")
    for name in STARTS[start]:
        setattr(layer, name, getattr(orthogonal, name))
    model = build(layer, c.Dense(32, 1, seed + 1000))

    def signs(rng):
        X = rng.standard_normal((2000, T, 1), dtype=np.float32)
        return X, np.sign(X[:, 0])

    X, y = signs(np.random.default_rng(99))
    for epoch in range(1, 1 + epochs(100)):
        data = signs(np.random.default_rng([seed, epoch]))
        model.train(*data, None, None, 1, 0.1, 20, clip_norm=1.0)
        if (np.sign(model.predict(X)) == y).mean() >= 0.95:
            return epoch
    return None


def limits(steps, rate, clip_norm, seed):
    """The loss of an RNN whose gradient goes so many steps back, clipped to 1 or not (None).

    None: the training diverged.
    """
    c = lab()

    class Truncated(c.RNN):
        def backward(self, dH):
            self._Z = self._Z[-steps - 1 :]
            return super().backward(dH)

    model = build(Truncated(1, 32, seed, init="orthogonal"), c.Dense(32, 1, seed + 1000))
    if clip_norm is None:
        model.gradient_norm = lambda: 0  # nothing is too long
    try:
        return final_loss(model, rate, seed)
    except FloatingPointError:
        return None


PLAIN = {"shift": 0, "pace": 0, "strength": 0, "turn": 0}  # no augmentation
FOUR = {  # rungs with the notebook's four recurrent layers: (form of the steps, augmentation)
    "four, not augmented": ("coarse_steps", PLAIN),
    "four, not turned": ("coarse_steps", {"turn": 0}),
    "four": ("coarse_steps", {}),
    "four, finer steps and lengths": ("fine_steps", {}),
}


def held_out(split, number):
    """Return which windows a model is judged on: of fourteen people, of three, or any seventh."""
    who = activity_data()[2]
    if split == "random":
        return np.random.default_rng(0).permutation(len(who)) % 7 == number
    return who % 3 != number if split == "splits" else who // 3 == number


def people(rung, split, number, seed):
    """Class probabilities of the held-out windows by one rung of the ladder."""
    c, (X, y, _, _), held = lab(), activity_data(), held_out(split, number)
    unseen, X, y = X[held], X[~held], y[~held]
    scale = c.sensor_scale(X)
    if rung in FOUR:
        inputs, sizes = getattr(c, FOUR[rung][0]), FOUR[rung][1]
        model = c.train_activity(X, y, inputs, scale, seed, epochs=epochs(40), **sizes)
        return model.predict(inputs(unseen, scale))
    basic, context, Y = rung.startswith("basic"), c.with_context(X), np.eye(3, dtype=np.float32)[y]

    def inputs(windows):
        if basic:
            return windows.reshape(len(windows), int(rung.split()[-2]), -1)
        steps = c.coarse_steps(windows, scale)
        return steps if rung == "one recurrent layer" else steps.reshape(len(steps), -1)

    def draw(epoch):
        rng = np.random.default_rng([seed, epoch])
        steps = inputs(X if basic else c.augment(rng, *context))
        order = rng.permutation(len(X))
        return steps[order], Y[order]

    features = inputs(X[:1]).shape[-1]
    recipe, options = (epochs(40), 0.2, 64), {"schedule": c.cosine}
    if basic:  # as the course has it: its start, a constant rate
        layers = c.RNN(features, 64, seed), c.Dense(64, 3, seed)
        recipe, options = (epochs(15), 0.2, 32), {}
    elif rung == "one recurrent layer":
        recurrent = c.RNN(features, 64, seed, return_sequences=True, init="orthogonal")
        layers, recipe = (recurrent, c.Flatten(), c.Dense(512, 3, seed)), (epochs(40), 0.4, 64)
    else:
        relu = c.Activation("relu", None)
        layers = c.Dense(features, 128, seed), relu, c.Dense(128, 3, seed)
    model = build(*layers, c.Activation("softmax", "cross_entropy"))
    model.train(None, None, None, None, *recipe, "cce", draw=draw, clip_norm=1.0, **options)
    return model.predict(inputs(unseen))


def judge_people(runs):
    """Return [rung, split, seed, errors by volunteer] from the class probabilities of all runs."""
    c, (_, y, who, recording), result = lab(), activity_data(), {}
    for (rung, *key), p in [*runs.items()]:
        if rung == "four":
            other = runs["four, finer steps and lengths", *key]
            runs["submitted: mean of the last two", *key] = (p + other) / 2
    for (rung, split, number, seed), p in runs.items():
        held = held_out(split, number)
        row = result.setdefault((rung, split, seed), dict.fromkeys(WAYS, 0))
        for way, scores in zip(WAYS, (p, c.with_neighbours(p, recording[held])), strict=True):
            wrong = scores.argmax(axis=1) != y[held]
            row[way] = row[way] + np.bincount(who[held][wrong], minlength=21)
    return [[*key, row] for key, row in result.items()]


LEARNT = [f"{m}, {how}" for how in ("raw values", "own scale") for m in ("Dense only", "with RNN")]
ONE_STEP = "one step, no gradient", "one step, the course's dL_dX", "one step, the true gradient"
ALL_STATES = "all states, the true gradient"
LADDER = {  # rung: seeds, in the order of the table
    "basic model, 128 steps": [1],
    "basic model, 16 steps": SEEDS,
    "Dense layers alone": SEEDS,
    "one recurrent layer": SEEDS,
    **dict.fromkeys(FOUR, SEEDS),
    "four, not turned": [1],
}
RUNS = {  # function: the arguments of each run
    sine: [
        *product(TRIVIAL, [0]),
        *product([*LEARNT, NOISY, "submitted: whitened states"], SEEDS),
    ],
    stack: [*product(ONE_STEP, [16], FIVE), *product([ALL_STATES], [16, 32], FIVE)],
    hidden: [*product((8, 16, 32, 64, 128), range(7))],
    recall: [*product(STARTS, (2, 5, 10, 20, 50), FIVE)],
    limits: [
        *product((1, 5, 20, 99), [0.05], [1.0], FIVE),  # 99 are all
        *product([99], [0.3], [1.0, None], FIVE),
    ],
    people: [
        *((rung, "splits", k, seed) for rung in LADDER for k in range(3) for seed in LADDER[rung]),
        *product(("four", "four, finer steps and lengths"), ["folds"], range(7), SEEDS),
        *product(("four", "four, finer steps and lengths"), ["random"], range(7), [1]),
    ],
}


def one_run(function, arguments, quick):
    """Do one run without its bars, in a process of its own."""
    global QUICK
    QUICK = quick
    with contextlib.redirect_stderr(io.StringIO()):
        return function(*arguments)


def measure(folder, quick):
    """Do all runs and write results.json and timings.json."""
    folder.mkdir(parents=True, exist_ok=True)
    _, y, who, _ = activity_data()
    results = {"numpy": np.__version__, "windows": np.bincount(who)}
    results["trivial"] = {
        'always "rest"': (y == 2).mean(),
        "rest told from gait, which is then stairs": (y != 0).mean(),
    }
    with ProcessPoolExecutor(2) as pool:
        for function, arguments in RUNS.items():
            futures = [pool.submit(one_run, function, a, quick) for a in arguments]
            runs = {a: f.result() for a, f in zip(arguments, futures, strict=True)}
            rows = [[*a, result] for a, result in runs.items()]
            results[function.__name__] = judge_people(runs) if function is people else rows
            print(f"{function.__name__}: {len(runs)} runs done", flush=True)
    timings = {"hidden": [[*a, row.pop("seconds")] for *a, row in results["hidden"]]}
    for name, values in (("results", results), ("timings", timings)):
        exact = json.dumps(values, default=lambda x: x.tolist())
        short = json.loads(exact, parse_float=lambda x: float(f"{float(x):.5g}"))  # five digits
        write_text(folder / f"{name}.json", json.dumps(short, indent=1, sort_keys=True) + "\n")
