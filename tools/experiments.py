"""The long experiments behind the report and the README: each a loop over seeds or folds.

    python -m tools experiments [--data-dir data] [--output-dir outputs] [--quick] [--only NAME ...]

Everything measured goes to outputs/results.json, byte for byte the same on the same machine; how
long it took goes to outputs/timings.json. The models are the notebook's own, taken from its cells.
"""

import argparse
import contextlib
import io
import json
import os
import time
from functools import partial
from importlib.metadata import version
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # as the notebook has it, before NumPy is imported

import numpy as np
import pandas as pd
from scipy.stats import wilcoxon

from RNN import RNN

from data.record import source_summary
from lab.files import OUTPUTS, write_text
from lab.model import gradients_of
from lab.windows import recordings
from tools.cells import load_cells
from tools.continuation import exact_continuation, mape

HIDDEN = (8, 16, 32, 64, 128)
DISTANCES = (2, 5, 10, 20, 50)  # timesteps
KEPT = (1, 5, 20, 99)  # steps of truncated back-propagation; 99 are all
LENGTHS = (2, 5, 10, 20, 60, 99, 200)  # values of a sequence
AHEAD = np.array([1, 2, 5, 10, 20, 50, 100])  # values
NOT_AUGMENTED = {"shift": 0, "pace": 0, "strength": 0, "turn": 0}
RATE = 0.05  # of raw RNNs, where nothing is said about rates
ROUND = 6  # significant digits in the results file


class Setting:
    """The notebook's names, the data, and how much training a run may do."""

    def __init__(self, data_dir, quick):
        self.cells = SimpleNamespace(**load_cells("imports", "model", "sine", "activity"))
        self.steps = self.cells.raw_steps, self.cells.own_scale  # what raw RNNs are given
        data = Path(data_dir)
        self.X_sine = pd.read_csv(data / "X_test.csv").iloc[:, 1:].to_numpy()
        self.X = np.load(data / "X_train.npy")
        self.y = np.load(data / "y_train.npy").ravel()
        self.quick = quick
        self.seconds = {}

    def seeds(self, count=5):
        return range(1, 1 + (2 if self.quick else count))

    def timed(self, name, train, *args, **options):
        """Run a training without its bar; note its seconds under `name`."""
        if self.quick:
            options["epochs"] = 1
        start = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            result = train(*args, **options)
        self.seconds.setdefault(name, []).append(round(time.perf_counter() - start, 2))
        return result

    def trained(self, name, recipe, rate, seed, epochs=20):
        """Return a trained model; recipe: build(seed), inputs(X), and scale(X), by which X goes."""
        build, inputs, scale = recipe
        model, watch = build(seed), self.cells.sine_waves(500, np.random.default_rng(99))
        options = {"epochs": epochs, "seed": seed, "watch": watch}
        self.timed(name, self.cells.train_sine, model, inputs, scale, rate, **options)
        return model


def built(c, *layers):
    """Return a float32 model of the notebook's class `c.Model`."""
    model = c.Model()
    for layer in layers:
        model.add(layer)
    return model.astype(np.float32)


def relu_dense(c, inputs, units, seed):
    top = c.Dense(units, 1, seed + 1000)
    return built(c, c.Dense(inputs, units, seed), c.Activation("relu", None), top)


def raw_rnn(c, init, seed, layer=RNN):
    return built(c, layer(1, 32, seed, init=init), c.Dense(32, 1, seed + 1000))


def sine(setting):
    """Dense-only against RNN: on raw values in two scales, and on whitened ones."""
    c, raw = setting.cells, {}
    models = {
        "dense": (c.build_raw_dense, c.raw_row),
        "dense, 11 units": (partial(relu_dense, c, 99, 11), c.raw_row),
        "linear": (lambda seed: built(c, c.Dense(99, 1, seed)), c.raw_row),
        "rnn": (c.build_raw_rnn, c.raw_steps),
        "rnn, orthogonal": (partial(raw_rnn, c, "orthogonal"), c.raw_steps),
    }
    for title, scale in (("own scale", c.own_scale), ("raw amplitude", c.unscaled)):
        raw[title] = {
            name: at_its_best(setting, f"sine, {title}, {name}", (*model, scale), 40)
            for name, model in models.items()
        }
    return {"raw": raw, "whitened": whitened(setting)}


def at_its_best(setting, name, recipe, epochs):
    """Return the scores of three seeds, at the rate that is best for another in half the epochs.

    The rates are a grid by factors of two, which goes on while the best is at one of its ends.
    """

    def loss(rate):
        try:
            model = setting.trained(f"rates of {name}", recipe, rate, 0, epochs // 2)
        except FloatingPointError:
            return np.inf
        return model.val_losses[-1]

    losses = {rate: loss(rate) for rate in (0.1, 0.2, 0.4)}
    while (best := min(losses, key=losses.get)) in (min(losses), max(losses)):
        further = best / 2 if best == min(losses) else best * 2
        losses[further] = loss(further)
    models = [setting.trained(name, recipe, best, seed, epochs) for seed in setting.seeds(3)]
    return scores(setting, models, *recipe[1:]) | {"rate": best}


def scores(setting, models, inputs, scale):
    """Return the models' errors on 10,000 generated sequences, and their MAPE on the course's."""
    c, runs, y_course = setting.cells, [], exact_continuation(setting.X_sine)
    X, y = c.sine_waves(10_000, np.random.default_rng(999))
    for model in models:
        p = c.predict_sine(model, inputs, scale, X)
        test_mape = mape(c.predict_sine(model, inputs, scale, setting.X_sine), y_course)
        rmse = np.sqrt(np.mean((p - y) ** 2))
        runs.append({"mape": mape(p, y), "rmse": rmse, "test_mape": test_mape})
    return gathered(runs) | {"weights": sum(W.size for W in model.weights())}


def whitened(setting):
    """The notebook's models on whitened inputs, the RNN's states whitened or not."""
    c, models = setting.cells, {}
    dense, rnn = (c.sine_row, c.own_scale), (c.sine_steps, c.own_scale)
    for seed in setting.seeds(3):
        model = setting.trained("sine dense", (c.build_sine_dense, *dense), 0.02, seed, 30)
        models.setdefault("dense", []).append(model)
        for epochs in (5, 60):
            name, recipe = f"rnn, {epochs} epochs", (c.build_sine_rnn, *rnn)
            model = setting.trained(f"sine {name}", recipe, 0.15, seed, epochs)
            models.setdefault(name, []).append(model)
        for count in (16, 30, 40):
            name, recipe = f"rnn, readout of {count}", (c, models["rnn, 5 epochs"][-1], count, seed)
            model = setting.timed(f"sine {name}", whitened_readout, *recipe, epochs=30)
            models.setdefault(name, []).append(model)
    table = {
        name: scores(setting, several, *(dense if name == "dense" else rnn))
        for name, several in models.items()
    }
    recipe = partial(relu_dense, c, c.DENSE_BASIS.shape[1], 500), *dense
    return table | {"dense, relu": at_its_best(setting, "sine dense, relu", recipe, 30)}


def whitened_readout(c, rnn, count, seed, epochs):
    """Return the RNN with its states whitened to `count` directions and a Dense layer trained."""
    front, top = c.whitened_states(rnn, count), built(c, c.Dense(count, 1, seed))
    c.train_sine(
        top, lambda X: front.predict(c.sine_steps(X)), c.own_scale, 0.02, epochs, seed=seed
    )
    return built(c, *front.layers, *top.layers)


def first_signs(T, rng):
    """Noise (2000, T, 1), and the sign (2000, 1) of the first value: nothing else matters."""
    X = rng.standard_normal((2000, T, 1), dtype=np.float32)
    return X, np.sign(X[:, 0])


def recall(setting):
    """Epochs until 95 % are right about the sign of x_1, T steps before; null: not in 100."""
    result = {"course": {}, "orthogonal": {}}
    for init, by_distance in result.items():
        for T in DISTANCES:
            recipe = f"recall {init}", epochs_to_recall, setting.cells, init, T
            epochs = [setting.timed(*recipe, seed, epochs=100) for seed in setting.seeds()]
            by_distance[str(T)] = {"epochs": epochs}
    return result


def epochs_to_recall(c, init, T, seed, epochs):
    model = raw_rnn(c, init, seed)
    X, y = first_signs(T, np.random.default_rng(99))
    options = {"epochs": 1, "learning_rate": 0.1, "batch_size": 20, "clip_norm": 1.0}
    options["epoch_data"] = partial(first_signs, T)
    for epoch in range(1, epochs + 1):
        model.train(None, None, None, None, seed=1000 * seed + epoch, **options)
        if (np.sign(model.predict(X)) == y).mean() >= 0.95:
            return epoch
    return None


def stack(setting):
    """RNN(1, 16) under RNN(16, k): what reaches the first layer, and what it is worth."""
    c, result = setting.cells, {"one step": {}, "sequence": {}}
    for variant in ("true", "course", "flipped", "rotated", "none"):
        recipe = partial(two_steps, c, variant), *setting.steps
        models = [
            setting.trained(f"stack {variant}", recipe, RATE, seed) for seed in setting.seeds(15)
        ]
        result["one step"][variant] = {
            "final_loss": [model.val_losses[-1] for model in models],
            "loss_by_epoch": np.median([model.val_losses for model in models], axis=0),
            "cosine_by_epoch": np.median([model.cosines for model in models], axis=0),
            "alignment": [cosine(model.layers[1].Wx, model.layers[1].Wh) for model in models],
        }
    for k in (16, 32):
        name, recipe = f"stack sequence, k = {k}", (partial(sequences, c, k), *setting.steps)
        models = [setting.trained(name, recipe, RATE, seed) for seed in setting.seeds()]
        result["sequence"][str(k)] = {"final_loss": [model.val_losses[-1] for model in models]}
    final = {variant: r["final_loss"] for variant, r in result["one step"].items()}
    return result | {"p_values": pairwise_tests(final)}


class PassesDown(RNN):
    """The second layer of a stack in one-step mode; `variant` says what it passes down."""

    def __init__(self, variant, seed):
        super().__init__(16, 16, seed, init="orthogonal")
        self.variant, self.rng = variant, np.random.default_rng(seed)

    def backward(self, dH):
        self.input_gradient = "true" if self.variant == "true" else "course"
        dA = super().backward(dH)
        if self.variant == "rotated":  # another way in every batch
            dA = dA @ np.linalg.qr(self.rng.standard_normal((16, 16)))[0].astype(dA.dtype)
        return {"flipped": -1, "none": 0}.get(self.variant, 1) * dA


def two_steps(c, variant, seed):
    """Return a stack that notes, before each epoch, the cosine of its first layer's gradient."""
    first, second = RNN(1, 16, seed, init="orthogonal"), PassesDown(variant, seed + 100)
    model = built(c, first, second, c.Dense(16, 1, seed))
    model.cosines, train_epoch = [], model.train_epoch

    def noting(*args):
        model.cosines.append(gradient_cosine(c, model, second, "true"))
        return train_epoch(*args)

    model.train_epoch = noting
    return model


def gradient_cosine(c, model, layer, right):
    """Return the cosine of the first layer's gradient with that of `layer`'s variant `right`."""
    X, y = c.sine_waves(200, np.random.default_rng(98))
    steps, y = c.raw_steps(X / c.own_scale(X)), (y / c.own_scale(X)).astype(np.float32)
    gradients, variant = [], layer.variant
    for layer.variant in (right, variant):
        model.backward(2 * (model.forward(steps) - y))
        weights = gradients_of(model.layers[0]).values()
        gradients.append(np.concatenate([g.ravel() for g in weights]))
    return cosine(*gradients)


def cosine(A, B):
    """Return the cosine of the angle between two arrays, as vectors; 0 if one is zero."""
    return float(np.vdot(A, B) / max(np.linalg.norm(A) * np.linalg.norm(B), np.finfo(float).tiny))


def sequences(c, k, seed):
    first = RNN(1, 16, seed, return_sequences=True, init="orthogonal")
    second = RNN(16, k, seed + 100, input_gradient="true", init="orthogonal")
    return built(c, first, second, c.Dense(k, 1, seed))


def pairwise_tests(values):
    """Return the p-value of each pair of {name: one value a seed}: Wilcoxon's, Holm-corrected."""
    pairs = list(combinations(values, 2))
    p = np.array([wilcoxon(values[a], values[b]).pvalue for a, b in pairs])
    order = np.argsort(p)
    corrected = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)).clip(max=1)
    return {" - ".join(pairs[i]): q for i, q in zip(order, corrected, strict=True)}


def hidden(setting):
    """Hidden units on the activity task, not augmented: errors on seen and unseen volunteers."""
    c, result, by_volunteer = setting.cells, {}, {}
    who = c.volunteers(setting.y)
    options = {"learning_rate": 0.1, "batch_size": 32, "clip_norm": 1.0, "schedule": c.cosine}
    options |= {"epochs": 15, "loss_function": "cce", "shuffle": True}
    Y = np.eye(3, dtype=np.float32)[setting.y]
    for H in HIDDEN:
        runs, wrong = [], np.zeros(len(who), bool)
        for fold in range(7):
            held, seed = who // 3 == fold, fold + 1
            X = c.to_steps(setting.X, c.sensor_scale(setting.X[~held]))
            layers = RNN(48, H, seed, init="orthogonal"), c.Dense(H, 3, seed)
            model = built(c, *layers, c.Activation("softmax", "cross_entropy"))
            data = X[~held], Y[~held], None, None
            setting.timed(f"hidden {H}", model.train, *data, seed=seed, **options)
            mistaken = model.predict(X).argmax(axis=1) != setting.y
            errors = [100 * mistaken[rows].mean() for rows in (~held, held)]
            runs.append(dict(zip(("training_error", "validation_error"), errors, strict=True)))
            wrong[held] = mistaken[held]
        by_volunteer[str(H)] = np.bincount(who, wrong)
        totals = {"weights": sum(W.size for W in model.weights()), "errors": int(wrong.sum())}
        result[str(H)] = gathered(runs) | totals
    return result | {"p_values": pairwise_tests(by_volunteer)}


def explosion(setting):
    """The raw RNN at a high and at a low rate, with clipping and without; diverged: losses end."""
    c, result = setting.cells, {}
    for rate, clip_norm in ((0.3, None), (0.3, 1.0), (RATE, 1.0)):
        name, runs = f"rate {rate}, {'clipped' if clip_norm else 'not clipped'}", []
        cells = SimpleNamespace(**vars(c) | {"Model": noting_model(c.Model, clip_norm)})
        recipe = partial(raw_rnn, cells, "orthogonal"), *setting.steps
        for seed in setting.seeds():
            model = setting.trained(f"explosion {name}", recipe, rate, seed)
            norms = dict(zip(("rnn", "dense"), np.transpose(model.norms[:100]), strict=True))
            runs.append({"validation_loss": model.val_losses, "gradient_norm": norms})
        result[name] = gathered(runs)
    return result


def noting_model(base, clip_norm):
    """Return a Model, clipped as told, that notes gradients and ends quietly if it diverges."""

    class NotingModel(base):
        def train(self, *args, **options):
            self.norms = []
            with contextlib.suppress(FloatingPointError):
                super().train(*args, **options | {"clip_norm": clip_norm})

        def update(self, rate):
            self.gradient_norm()  # ends the training if it is not finite
            gradients = (gradients_of(layer).values() for layer in self.layers)
            self.norms.append([sum(np.vdot(g, g) for g in of) ** 0.5 for of in gradients])
            super().update(rate)

    return NotingModel


class Truncated(RNN):
    """An RNN whose gradient travels back over its last `variant` steps only."""

    def backward(self, dH):
        N, T, D = self._shape
        self._shape = N, min(self.variant, T), D
        self._Z = self._Z[-self._shape[1] - 1 :]
        return super().backward(dH)


def truncated(setting):
    """Truncated back-propagation: its gradient beside the full one, and what it learns."""
    c, result = setting.cells, {}

    def build(seed):
        model = raw_rnn(c, "orthogonal", seed, Truncated)
        model.layers[0].variant = kept
        return model

    for kept in KEPT:
        runs = []
        for seed in setting.seeds():
            model = setting.trained(f"truncated {kept}", (build, *setting.steps), RATE, seed)
            pair = {"before": build(seed), "after": model}
            run = {k: gradient_cosine(c, m, m.layers[0], max(KEPT)) for k, m in pair.items()}
            runs.append(run | {"final_loss": model.val_losses[-1]})
        result[str(kept)] = gathered(runs)
    return result


def waves(c, count, steps):
    """Return waves (count, steps), with the distance between two values that the notebook has."""
    freq, amp, phase = c.sine_parameters(count, (0.5, 5), (0.5, 5), np.random.default_rng(97))
    return amp * np.sin(freq * 2 * np.pi / 99 * np.arange(steps) + phase)


def lengths(setting):
    """The notebook's RNN of 99 raw values, given other numbers of them; the target is the same."""
    c, runs = setting.cells, []
    wave = waves(c, 5000, max(LENGTHS) + 1)
    X, y = wave[:, :-1], wave[:, -1:]
    for seed in setting.seeds():
        model = setting.trained("lengths", (c.build_raw_rnn, *setting.steps), 0.8, seed, 40)
        runs.append([mape(c.predict_sine(model, *setting.steps, X[:, -k:]), y) for k in LENGTHS])
    return {"mape": runs, "values": LENGTHS}


def feedback(setting):
    """Predictions fed back for 100 steps: median errors, in parts of each wave's largest value."""
    c, result = setting.cells, {"steps": AHEAD}
    wave = waves(c, 1000, 199)
    for name, *recipe, rate in (
        ("dense", c.build_raw_dense, c.raw_row, c.own_scale, 0.4),
        ("rnn", c.build_raw_rnn, *setting.steps, 0.8),
    ):
        result[name] = []
        for seed in setting.seeds(3):
            model = setting.trained(f"feedback {name}", recipe, rate, seed, 40)
            known = wave[:, :99]
            for _ in range(100):
                known = np.hstack([known, c.predict_sine(model, *recipe[1:], known[:, -99:])])
            wrong = np.median(np.abs(known - wave) / c.own_scale(wave), axis=0)
            result[name].append(wrong[98 + AHEAD])
    return result


def initialisation(setting):
    """The course's 0.01 initialisation against the orthogonal one: gradients, and training."""
    c, result = setting.cells, {}
    some = slice(None, None, len(setting.X) // 256)
    X = (setting.X[some] / setting.X.std(axis=(0, 1))).astype(np.float64)
    rests = setting.y[some] == 2
    for init in ("course", "orthogonal"):
        runs = []
        for seed in setting.seeds():
            layer = RNN(6, 64, seed, init=init, input_gradient="true")
            layer.forward(X)
            sizes = layer.backward(np.random.default_rng(seed).standard_normal((len(X), 64)))
            sizes = (sizes**2).sum(axis=2)
            run = {
                "spectral_radius": np.abs(np.linalg.eigvals(layer.Wh)).max(),
                "norm": np.linalg.norm(layer.Wh, 2),  # of what it stretches most
            }
            for name, rows in (("resting", rests), ("moving", ~rests)):
                g = np.sqrt(sizes[rows].mean(axis=0))
                run[f"gradient_{name}"] = g
                run[f"kept_by_a_step_{name}"] = (g[0] / g[-1]) ** (1 / (len(g) - 1))
            recipe = partial(raw_rnn, c, init), *setting.steps
            model = setting.trained(f"initialisation {init}", recipe, RATE, seed, 40)
            runs.append(run | {"validation_loss": model.val_losses})
        result[init] = gathered(runs)
    return result


def activity(setting):
    """The submitted recipe on volunteers it has not seen, by fold; and with something changed.

    "at random": any window may be held out, its neighbours stay. "by run": whole activity runs are
    held out, so that no window overlaps, but every volunteer stays.
    """
    c = setting.cells
    who = c.volunteers(setting.y)
    by_volunteer = who // 3
    variants = {
        "by volunteer": (by_volunteer, setting.seeds(3), {}),
        "not augmented": (by_volunteer, [1], NOT_AUGMENTED),
        "not turned": (by_volunteer, [1], {"turn": 0}),
        "by run": (c.activity_runs(setting.y) % 7, [1], {}),
        "at random": (np.random.default_rng(0).permutation(len(setting.y)) % 7, [1], {}),
    }
    result = {}
    for name, (groups, seeds, changes) in variants.items():
        log_p = np.zeros((len(seeds), len(setting.y), 3))
        for fold in range(7):
            held = groups == fold
            X, y, scale = setting.X[~held], setting.y[~held], c.sensor_scale(setting.X[~held])
            for p, seed in zip(log_p, seeds, strict=True):
                recipe = c.train_activity, X, y, scale, seed
                model = setting.timed(f"activity {name}", *recipe, **changes)
                p[held] = c.predict_activity(model, setting.X[held], scale)
        ways = {"one model": log_p, "mean of models": log_p.mean(axis=0, keepdims=True)}
        neighbours = {"neighbours": recordings(setting.X), "neighbours across gaps": who}
        for way in list(ways):
            for added, recording in neighbours.items():
                recording = 7 * recording + groups  # no neighbour from another fold
                ways[f"{way}, with {added}"] = [c.with_neighbours(p, recording) for p in ways[way]]
        wrong = {way: np.argmax(p, axis=2) != setting.y for way, p in ways.items()}
        result[name] = {
            "windows_by_volunteer": np.bincount(who),
            "ways": {way: by_people(w, who) for way, w in wrong.items()},
        }
    return result


def by_people(wrong, who, draws=10_000):
    """Return errors (models, N) by volunteer, and the range of 95 % of accuracies of nine others.

    A draw is a model and nine of 21 volunteers, who are drawn themselves, for others could have
    taken part.
    """
    errors, windows = np.array([np.bincount(who, w) for w in wrong]), np.bincount(who)
    rng = np.random.default_rng(0)
    people = rng.integers(len(windows), size=(draws, len(windows)))
    nine = np.take_along_axis(people, rng.integers(len(windows), size=(draws, 9)), axis=1)
    model = rng.integers(len(errors), size=(draws, 1))
    accuracies = 1 - errors[model, nine].sum(axis=1) / windows[nine].sum(axis=1)
    return {
        "errors_by_model": wrong.sum(axis=1),
        "errors_by_volunteer": errors.mean(axis=0),
        "accuracy": 1 - wrong.mean(),
        "accuracy_of_nine": np.quantile(accuracies, (0.025, 0.975)),
    }


FIRST = sine, recall, stack, hidden, explosion, truncated, lengths, feedback, initialisation
EXPERIMENTS = {experiment.__name__: experiment for experiment in (*FIRST, activity)}


def gathered(runs):
    """Return [{name: value}, ...] as {name: [value, ...]}, one entry a seed."""
    return {name: [run[name] for run in runs] for name in runs[0]}


def plain(value):
    """Return `value` with arrays as lists and numbers of ROUND digits, ready for JSON."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(item) for item in value]
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.{ROUND}g}")
    return int(value) if isinstance(value, np.integer) else value


def main(argv):
    parser = argparse.ArgumentParser(
        prog="python -m tools experiments", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--data-dir", default="data")
    parser.add_argument("--output-dir", type=Path, default=Path("outputs"))
    parser.add_argument("--quick", action="store_true", help="one epoch and two seeds of each")
    parser.add_argument("--only", nargs="+", choices=EXPERIMENTS, default=list(EXPERIMENTS))
    args = parser.parse_args(argv)
    if args.quick and args.output_dir.resolve() == OUTPUTS:
        parser.error("--quick needs --output-dir DIR, or the published results would be lost")
    args.output_dir.mkdir(parents=True, exist_ok=True)
    setting = Setting(args.data_dir, args.quick)
    files = {name: args.output_dir / f"{name}.json" for name in ("results", "timings")}
    results, timings = (
        json.loads(path.read_text("utf-8")) if path.exists() else {} for path in files.values()
    )
    source = source_summary(args.data_dir)
    if len(args.only) < len(EXPERIMENTS) and results.get("source", source) != source:
        parser.error(
            f"--only expected the data that {files['results']} was measured on, got others; run "
            "all experiments, or give another --output-dir"
        )
    results["source"] = source
    results["versions"] = {name: version(name) for name in ("numpy", "pandas")} | {"threads": 1}
    for name in args.only:
        start = time.perf_counter()
        results[name] = EXPERIMENTS[name](setting)
        print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)
        timings |= {"cores": os.cpu_count()} | setting.seconds
        for path, content in zip(files.values(), (results, timings), strict=True):
            write_text(path, json.dumps(plain(content), indent=1, sort_keys=True) + "\n")
