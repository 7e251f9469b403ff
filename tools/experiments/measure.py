"""The trainings behind the page of experiments: one function for each run, two runs at a time.

The models and recipes are the notebook's own, taken from its tagged cells. Everything measured goes
to results.json, byte for byte the same on the same machine.
"""

import contextlib
import io
import json
import os
import time
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from importlib.metadata import version
from itertools import product

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before NumPy is imported

import numpy as np

from data.prepare import places, read_file
from tools.cells import TAGS, load_cells
from tools.continuation import exact_continuation, mape
from tools.files import write_text

SEEDS = range(1, 4)
SETS = range(2024, 2029)  # evaluation sets of 5,000 waves; the notebook shows the first
NOISES = (0, 0.001, 0.01)
HIDDEN = (8, 16, 32, 64, 128)
DISTANCES = (2, 5, 10, 20, 50)  # timesteps
KEPT = (1, 5, 20, 99)  # steps of truncated back-propagation; 99 are all
RATE = 0.05  # of raw RNNs with an orthogonal start
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


def trained(train, *args, **options):
    """Run a training without its bar; return its result and its seconds of processor time."""
    start = time.process_time()
    with contextlib.redirect_stderr(io.StringIO()):
        result = train(*args, **options)
    return result, time.process_time() - start


def build(*layers):
    model = lab().Model()
    for layer in layers:
        model.add(layer)
    return model.astype(np.float32)


def count_weights(model):
    return sum(W.size for layer in model.layers for W in lab().weights_of(layer).values())


# 1 Sine -------------------------------------------------------------------------------------------


def sine_model(name, seed):
    """Return (predict, weights, seconds) of one of the page's sine models, trained."""
    c = lab()
    if name == "submitted":
        model, seconds = trained(c.train_sine_rnn, seed, epochs(30))
        recipe = model, c.sine_steps, c.own_scale
    else:
        kind, inputs = name.split(", ")
        scale = c.own_scale if inputs == "own scale" else c.unscaled
        model = (c.build_raw_dense if kind == "Dense only" else c.build_raw_rnn)(seed)
        form = c.raw_row if kind == "Dense only" else c.raw_steps
        if inputs == "noisy":  # trained on sequences with noise of 0.01
            rng = np.random.default_rng(seed)

            def form(X, form=form):
                return form(X + 0.01 * rng.standard_normal(X.shape))

        rate = 0.8 if name == "with RNN, own scale" else 0.4
        _, seconds = trained(c.train_sine, model, form, scale, rate, epochs(40), seed=seed)
        recipe = model, c.raw_row if kind == "Dense only" else c.raw_steps, scale
    return lambda X: c.predict_sine(*recipe, X), count_weights(model), seconds


TRIVIAL = {
    "line": lambda X: 2 * X[:, -1:] - X[:, -2:-1],
    "parabola": lambda X: 3 * X[:, -1:] - 3 * X[:, -2:-1] + X[:, -3:-2],
}


def sine(name, seed):
    """Errors of one model on five sets of waves, with noise and without, and running free."""
    c, result = lab(), {"errors": {}}
    predict, weights, seconds = (
        (TRIVIAL[name], 0, 0.0) if name in TRIVIAL else sine_model(name, seed)
    )
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
    result["free"] = {str(k): off[k - 1] for k in (1, 5, 20, 100)}
    return result | {"weights": weights, "seconds": seconds}


# 2 Two recurrent layers ---------------------------------------------------------------------------


def stack(variant, k, seed):
    """RNN(1, 16) under RNN(16, k): the loss after 20 epochs, the cosine of the first gradient."""
    c = lab()
    if variant == "sequence":
        first = c.RNN(1, 16, seed, return_sequences=True, init="orthogonal")
        second = c.RNN(16, k, seed + 100, input_gradient="true", init="orthogonal")
    else:
        first, second = c.RNN(1, 16, seed, init="orthogonal"), passes_down(variant, seed + 100)
    model = build(first, second, c.Dense(k, 1, seed))
    watch = c.sine_waves(500, np.random.default_rng(99))
    recipe = c.raw_steps, c.own_scale, RATE, epochs(20)
    trained(c.train_sine, model, *recipe, seed=seed, watch=watch)
    result = {"loss": model.val_losses[-1]}
    if variant not in ("sequence", "none", "turned"):
        X, y = c.sine_waves(200, np.random.default_rng(98))
        gradients = []
        for second.variant in (variant, "true"):
            AL = model.forward(c.raw_steps(X / c.own_scale(X)))
            model.backward(2 * (AL - y / c.own_scale(X)))
            gradients.append(np.concatenate([first.dL_dWx, first.dL_dWh, first.dL_dbh], axis=1))
        result["cosine"] = cosine(*gradients)
    return result


def passes_down(variant, seed):
    """Return a second layer whose backward returns the true gradient, the course's, or another."""
    RNN = lab().RNN

    class PassesDown(RNN):
        rng = np.random.default_rng(seed)

        def backward(self, dH):
            self.input_gradient = "true" if self.variant == "true" else "course"
            dA = super().backward(dH)
            if self.variant == "turned":  # another way in every batch
                dA = dA @ np.linalg.qr(self.rng.standard_normal((16, 16)))[0].astype(dA.dtype)
            return {"flipped": -1, "none": 0}.get(self.variant, 1) * dA

    layer = PassesDown(16, 16, seed, init="orthogonal")
    layer.variant = variant
    return layer


def cosine(A, B):
    """Return the cosine of the angle between two arrays, as vectors."""
    return float(np.vdot(A, B) / max(np.linalg.norm(A) * np.linalg.norm(B), np.finfo(float).tiny))


# 3 Hidden units -----------------------------------------------------------------------------------


def hidden(H, fold):
    """One recurrent layer on the activity task: errors on seen and on unseen volunteers, in %."""
    c, (X, y, who, _) = lab(), activity_data()
    held, Y = who // 3 == fold, np.eye(3, dtype=np.float32)[y]
    steps = c.fine_steps(X, c.sensor_scale(X[~held]))
    layers = c.RNN(steps.shape[2], H, fold + 1, init="orthogonal"), c.Dense(H, 3, fold + 1)
    model = build(*layers, c.Activation("softmax", "cross_entropy"))
    rows = np.flatnonzero(~held)

    def draw(epoch):
        order = np.random.default_rng([fold, epoch]).permutation(rows)
        return steps[order], Y[order]

    options = {"draw": draw, "schedule": c.cosine, "clip_norm": 1.0}
    data = None, None, None, None
    _, seconds = trained(model.train, *data, epochs(15), 0.1, 32, "cce", **options)
    wrong = model.predict(steps).argmax(axis=1) != y
    errors = {"seen": 100 * wrong[~held].mean(), "unseen": 100 * wrong[held].mean()}
    return errors | {"weights": count_weights(model), "seconds": seconds}


# 4 Initialisation, and how far back a layer learns ------------------------------------------------


def recall(start, T, seed):
    """Epochs until 95 % are right about the sign of x_1, T steps before; None: not in 100."""
    c = lab()
    layer, other = c.RNN(1, 32, seed), c.RNN(1, 32, seed, init="orthogonal")
    if start in ("orthogonal", "only Wh"):
        layer.Wh = other.Wh
    if start in ("orthogonal", "only Wx"):
        layer.Wx = other.Wx
    model = build(layer, c.Dense(32, 1, seed + 1000))

    def signs(rng):
        X = rng.standard_normal((2000, T, 1), dtype=np.float32)
        return X, np.sign(X[:, 0])

    X, y = signs(np.random.default_rng(99))
    for epoch in range(1, 1 + epochs(100)):
        data = *signs(np.random.default_rng([seed, epoch])), None, None
        trained(model.train, *data, 1, 0.1, 20, clip_norm=1.0)
        if (np.sign(model.predict(X)) == y).mean() >= 0.95:
            return epoch
    return None


def kept(init, seed):
    """What a step back leaves of a gradient on activity windows, at rest and in motion."""
    X, y, _, _ = activity_data()
    some = slice(None, None, 29)
    X, rests = (X[some] / X.std(axis=(0, 1))).astype(float), y[some] == 2
    layer = lab().RNN(6, 64, seed, init=init, input_gradient="true")
    layer.forward(X)
    sizes = layer.backward(np.random.default_rng(seed).standard_normal((len(X), 64)))
    sizes = (sizes**2).sum(axis=2)
    result = {"radius": np.abs(np.linalg.eigvals(layer.Wh)).max()}
    for name, rows in (("rest", rests), ("motion", ~rests)):
        g = np.sqrt(sizes[rows].mean(axis=0))[-11:]
        result[name] = (g[0] / g[-1]) ** 0.1
    return result


# 5 Truncation and clipping ------------------------------------------------------------------------


def truncated(steps, seed):
    """The loss of a raw RNN whose gradient goes back over its last `steps` steps only."""
    c = lab()

    class Truncated(c.RNN):
        def backward(self, dH):
            self._Z = self._Z[-steps - 1 :]
            return super().backward(dH)

    return {"loss": raw_rnn_loss(Truncated(1, 32, seed, init="orthogonal"), seed, RATE, 1.0)}


def clipping(rate, clip_norm, seed):
    """The loss of a raw RNN at a rate, clipped or not; None: it diverged."""
    layer = lab().RNN(1, 32, seed, init="orthogonal")
    return {"loss": raw_rnn_loss(layer, seed, rate, clip_norm)}


def raw_rnn_loss(layer, seed, rate, clip_norm):
    c = lab()
    model = build(layer, c.Dense(32, 1, seed + 1000))

    def data(rng, count):
        X, y = c.sine_waves(count, rng)
        return c.raw_steps(X / c.own_scale(X)), (y / c.own_scale(X)).astype(np.float32)

    options = {"draw": lambda epoch: data(np.random.default_rng([seed, epoch]), 2000)}
    options |= {"schedule": c.cosine, "clip_norm": clip_norm}
    watch = data(np.random.default_rng(99), 500)
    try:
        trained(model.train, None, None, *watch, epochs(20), rate, 20, **options)
    except FloatingPointError:
        return None
    return model.val_losses[-1]


# 6 People -----------------------------------------------------------------------------------------

PLAIN = {"shift": 0, "pace": 0, "strength": 0, "turn": 0}  # no augmentation


def groups(split):
    """Return how many parts a split has, and a function from a part to the windows held out."""
    _, y, who, _ = activity_data()
    if split == "folds":
        return 7, lambda k: who // 3 == k
    if split == "random":
        at_random = np.random.default_rng(0).permutation(len(y)) % 7
        return 7, lambda k: at_random == k
    return 3, lambda k: who % 3 != k  # trained on seven people, judged on the other fourteen


def people(rung, split, number, seed):
    """Class probabilities of the held-out windows by one rung of the ladder, and seconds."""
    c, (X, y, _, _) = lab(), activity_data()
    held = groups(split)[1](number)
    scale, Y = c.sensor_scale(X[~held]), np.eye(3, dtype=np.float32)[y]
    rows = np.flatnonzero(~held)
    if rung in ("basic, 128 steps", "basic, 16 steps", "Dense alone", "one layer"):
        context = c.with_context(X[~held])

        def draw(epoch):
            rng = np.random.default_rng([seed, epoch])
            if rung.startswith("basic"):
                order = rng.permutation(rows)
                return X[order].reshape(len(rows), int(rung.split()[1]), -1), Y[order]
            windows, order = c.augment(rng, *context), rng.permutation(len(rows))
            return form(windows)[order], Y[rows][order]

        def form(windows):
            if rung.startswith("basic"):
                return windows.reshape(len(windows), int(rung.split()[1]), -1)
            steps = c.coarse_steps(windows, scale)
            return steps if rung == "one layer" else steps.reshape(len(steps), -1)

        softmax = c.Activation("softmax", "cross_entropy")
        options = {"draw": draw, "schedule": c.cosine, "clip_norm": 1.0}
        if rung.startswith("basic"):
            options["schedule"] = lambda progress: 1  # as the course has it
            features = form(X[:1]).shape[2]
            layers, rate, count = (c.RNN(features, 64, seed), c.Dense(64, 3, seed)), 0.2, 15
        elif rung == "one layer":
            recurrent = c.RNN(96, 64, seed, return_sequences=True, init="orthogonal")
            layers, rate, count = (recurrent, c.Flatten(), c.Dense(512, 3, seed)), 0.4, 40
        else:
            dense = c.Dense(768, 128, seed), c.Activation("relu", None), c.Dense(128, 3, seed)
            layers, rate, count = dense, 0.2, 40
        model = build(*layers, softmax)
        data = None, None, None, None
        batch = 32 if rung.startswith("basic") else 64
        _, seconds = trained(model.train, *data, epochs(count), rate, batch, "cce", **options)
        return model.predict(form(X[held])), seconds
    sizes = {"not augmented": PLAIN, "not turned": {"turn": 0}}.get(rung, {})
    inputs = c.fine_steps if rung == "fine steps" else c.coarse_steps
    recipe = y[~held], inputs, scale, seed
    model, seconds = trained(c.train_activity, X[~held], *recipe, epochs=epochs(40), **sizes)
    return model.predict(inputs(X[held], scale)), seconds


LEARNT = [f"{kind}, {how}" for how in ("raw", "own scale") for kind in ("Dense only", "with RNN")]
LADDER = "basic, 16 steps", "Dense alone", "one layer", "not augmented", "stack", "fine steps"
RUNS = {  # section: (function, the arguments of each run)
    "sine": (
        sine,
        [*product(TRIVIAL, [0]), *product([*LEARNT, "with RNN, noisy", "submitted"], SEEDS)],
    ),
    "stack": (
        stack,
        [
            *product(("true", "course", "flipped", "turned", "none"), [16], range(1, 16)),
            *product(["sequence"], [16, 32], range(1, 6)),
        ],
    ),
    "hidden": (hidden, [*product(HIDDEN, range(7))]),
    "recall": (
        recall,
        [*product(("course", "only Wx", "only Wh", "orthogonal"), DISTANCES, range(1, 6))],
    ),
    "kept": (kept, [*product(("course", "orthogonal"), range(1, 6))]),
    "truncated": (truncated, [*product(KEPT, range(1, 6))]),
    "clipping": (
        clipping,
        [(*r, seed) for r in ((0.05, 1.0), (0.3, 1.0), (0.3, np.inf)) for seed in range(1, 6)],
    ),
    "people": (
        people,
        [
            *product(LADDER, ["splits"], range(3), SEEDS),
            *product(("basic, 128 steps", "not turned"), ["splits"], range(3), [1]),
            *product(("stack", "fine steps"), ["folds"], range(7), SEEDS),
            *product(("stack", "fine steps"), ["random"], range(7), [1]),
        ],
    ),
}


def one_run(section, arguments, quick):
    """Do one run, in a process of its own."""
    global QUICK
    QUICK = quick
    return RUNS[section][0](*arguments)


def judged(members, split, seed):
    """Return errors by volunteer of the mean of `members`, {rung: {(split, k, seed): p}}.

    Returns:
        dict of "alone" and "neighbours": errors of each volunteer, (21,).
    """
    c, (_, y, who, recording) = lab(), activity_data()
    wrong = {"alone": np.zeros(21), "neighbours": np.zeros(21)}
    count, held_out = groups(split)
    for k in range(count):
        held = held_out(k)
        p = np.mean([p[split, k, seed] for p in members], axis=0)
        both = {"alone": p, "neighbours": c.with_neighbours(p, recording[held])}
        for way, scores in both.items():
            mistaken = scores.argmax(axis=1) != y[held]
            wrong[way] += np.bincount(who[held][mistaken], minlength=21)
    return wrong


def judge_people(runs):
    """Return {rung: {split: {"alone", "neighbours": errors (seeds, 21)}}} of all runs."""
    by_rung, result = {}, {}
    for (rung, *key), (p, _) in runs.items():
        by_rung.setdefault(rung, {})[tuple(key)] = p
    ways = {rung: [p] for rung, p in by_rung.items()}
    ways["submitted"] = [by_rung["stack"], by_rung["fine steps"]]
    for way, members in ways.items():
        for split in ("splits", "folds", "random"):
            seeds = sorted({s for where, _, s in members[0] if where == split})
            errors = [judged(members, split, seed) for seed in seeds]
            for kind in ("alone", "neighbours") if errors else ():
                table = result.setdefault(way, {}).setdefault(split, {})
                table[kind] = [e[kind].astype(int).tolist() for e in errors]
    _, y, who, _ = activity_data()
    result["windows"] = np.bincount(who).tolist()
    result["rest"] = {"accuracy": (y == 2).mean(), "rest_or_stairs": (y != 0).mean()}
    return result


def measure(folder, quick, only):
    """Run the sections `only`, or all; write results.json and timings.json, the rest stays."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / "results.json", folder / "timings.json"
    results, timings = (read(path) if only else {} for path in paths)
    unknown = sorted({*(only or ())} - {*RUNS})
    if unknown:
        raise ValueError(f"--only: expected some of {', '.join(RUNS)}, got {', '.join(unknown)}")
    with ProcessPoolExecutor(2) as pool:
        for section in only or RUNS:
            start = time.time()
            arguments = RUNS[section][1]
            futures = [pool.submit(one_run, section, a, quick) for a in arguments]
            runs = dict(zip(arguments, (f.result() for f in futures), strict=True))
            if section == "people":
                timings[section] = [[*a, seconds] for a, (_, seconds) in runs.items()]
                results[section] = judge_people(runs)
            else:
                timed = {a: r for a, r in runs.items() if isinstance(r, dict) and "seconds" in r}
                timings[section] = [[*a, r.pop("seconds")] for a, r in timed.items()]
                results[section] = [[*a, r] for a, r in runs.items()]
            results["versions"] = {name: version(name) for name in ("numpy", "pandas")}
            for path, table in zip(paths, (results, timings), strict=True):
                write_text(path, json.dumps(plain(table), indent=1, sort_keys=True) + "\n")
            print(f"{section}: {len(runs)} runs, {time.time() - start:.0f} s", flush=True)


def read(path):
    """Return the JSON in the file `path`, {} where there is none; ValueError if it is damaged."""
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise ValueError(
            f"{path}: expected results of the experiments, got {error}; remove it and run "
            "python -m tools experiments"
        ) from error


def plain(value):
    """Return `value` with numbers of five digits, ready for JSON."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.5g}") if np.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value
