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

    def trained(self, name, build, inputs, rate, seed, epochs=20, c=None):
        """Return the model build(seed), trained and watched as in the notebook's section 4."""
        c, model = c or self.cells, build(seed)
        options = {"epochs": epochs, "seed": seed, "validation": fresh(c, inputs, 500, 99)}
        self.timed(name, c.train_sine, model, inputs, rate, **options)
        return model


def fresh(c, inputs, count, seed):
    """Return inputs and targets of `count` sequences, as `train_sine` draws them."""
    X, y = c.sine_waves(count, np.random.default_rng(seed))
    return inputs(X), (y / c.own_scale(X)).astype(np.float32)


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
    """Dense-only against RNN: on raw values, on whitened ones, and what the states hold."""
    undivided = load_cells("imports", "model", "sine")
    undivided["own_scale"] = lambda X: np.ones((len(X), 1))  # by which all cells divide
    raw = {}
    for scale, names in (("own scale", vars(setting.cells)), ("raw amplitude", undivided)):
        c = SimpleNamespace(**names)
        models = {
            "dense": (c.build_raw_dense, c.raw_row),
            "dense, 11 units": (partial(relu_dense, c, 99, 11), c.raw_row),
            "linear": (lambda seed, c=c: built(c, c.Dense(99, 1, seed)), c.raw_row),
            "rnn": (c.build_raw_rnn, c.raw_steps),
            "rnn, orthogonal": (partial(raw_rnn, c, "orthogonal"), c.raw_steps),
        }
        raw[scale] = {
            name: at_its_best(setting, c, f"sine, {scale}, {name}", *model, 40)
            for name, model in models.items()
        }
    return {"raw": raw, **whitened(setting)}


def at_its_best(setting, c, name, build, inputs, epochs):
    """Return the scores of three seeds, at the rate that is best for another in half the epochs.

    The rates are a grid by factors of two, which goes on while the best is at one of its ends.
    """

    def loss(rate):
        recipe = f"rates of {name}", build, inputs, rate, 0, epochs // 2, c
        try:
            return setting.trained(*recipe).val_losses[-1]
        except FloatingPointError:
            return np.inf

    losses = {rate: loss(rate) for rate in (0.1, 0.2, 0.4)}
    while (best := min(losses, key=losses.get)) in (min(losses), max(losses)):
        further = best / 2 if best == min(losses) else best * 2
        losses[further] = loss(further)
    models = [setting.trained(name, build, inputs, best, s, epochs, c) for s in setting.seeds(3)]
    return scores(setting, c, models, inputs) | {"rate": best}


def scores(setting, c, models, inputs):
    """Return the models' errors on 10,000 generated sequences, and their MAPE on the course's."""
    X, y = c.sine_waves(10_000, np.random.default_rng(999))
    runs, y_course = [], exact_continuation(setting.X_sine)
    for model in models:
        test_mape = mape(c.predict_sine(model, inputs, setting.X_sine), y_course)
        runs.append(errors(c.predict_sine(model, inputs, X), y) | {"test_mape": test_mape})
    return gathered(runs) | {"weights": sum(W.size for W in model.weights())}


def errors(p, y):
    """Return three measures of the predictions p (N, 1) of y."""
    percent, rmse = 100 * np.abs((p - y) / y), np.sqrt(np.mean((p - y) ** 2))
    return {"mape": percent.mean(), "median_error": np.median(percent), "rmse": rmse}


def whitened(setting):
    """The notebook's models on whitened inputs; and what their states hold for the last layer."""
    c, models, states = setting.cells, {}, {}
    for seed in setting.seeds(3):
        recipe = c.build_sine_dense, c.sine_row, 0.02, seed, 30
        models.setdefault("dense", []).append(setting.trained("sine dense", *recipe))
        rnns = {"untrained": c.build_sine_rnn(seed)}
        for epochs in (5, 60):
            name, recipe = f"{epochs} epochs", (c.build_sine_rnn, c.sine_steps, 0.15, seed, epochs)
            rnns[name] = setting.trained(f"sine rnn, {name}", *recipe)
            models.setdefault(f"rnn, {name}", []).append(rnns[name])
        for count in (16, 30, 40):
            name, recipe = f"rnn, readout of {count}", (c, rnns["5 epochs"], count, seed)
            model = setting.timed(f"sine {name}", whitened_readout, *recipe, epochs=30)
            models.setdefault(name, []).append(model)
        for name, model in rnns.items():
            states.setdefault(name, []).append(least_squares(c, model))
    table = {
        name: scores(setting, c, several, c.sine_row if name == "dense" else c.sine_steps)
        for name, several in models.items()
    }
    build = partial(relu_dense, c, c.DENSE_BASIS.shape[1], 500)
    table["dense, relu"] = at_its_best(setting, c, "sine dense, relu", build, c.sine_row, 30)
    states = {name: gathered(several) for name, several in states.items()}
    axes = {"raw_mean_squares": mean_squares(with_bias(c.own_fit)), "reach": 1 / (0.15 * 60 * 100)}
    return {"whitened": table, "states": states, **axes}


def whitened_readout(c, rnn, count, seed, epochs):
    """Return the RNN with its states whitened to `count` directions and a Dense layer trained."""
    front, top = c.whitened_states(rnn, count), built(c, c.Dense(count, 1, seed))
    c.train_sine(top, lambda X: front.predict(c.sine_steps(X)), 0.02, epochs, seed=seed)
    return built(c, *front.layers, *top.layers)


def least_squares(c, model):
    """Return the errors of the model with its last layer by least squares, and its spectrum."""
    X, y = c.sine_waves(10_000, np.random.default_rng(999))
    fit, val = (with_bias(model.layers[0].forward(c.sine_steps(A))) for A in (c.X_fit, X))
    W = np.linalg.lstsq(fit, c.y_fit / c.own_scale(c.X_fit), rcond=None)[0]
    return errors(c.own_scale(X) * (val @ W), y) | {"mean_squares": mean_squares(fit)}


def with_bias(rows):
    return np.hstack([rows, np.ones((len(rows), 1))])


def mean_squares(rows):
    """Return the 40 largest mean squares of `rows` along their principal axes."""
    return (np.linalg.svd(rows, compute_uv=False) ** 2 / len(rows))[:40]


def first_signs(T, rng):
    """Noise (2000, T, 1), and the sign (2000, 1) of the first value: nothing else matters."""
    X = rng.standard_normal((2000, T, 1), dtype=np.float32)
    return X, np.sign(X[:, 0])


def recall(setting):
    """Epochs until 95 % are right about the sign of x_1, T steps before; null: not in 100."""
    result = {"course": {}, "orthogonal": {}}
    for init, by_distance in result.items():
        for T in DISTANCES:
            recipe = f"recall {init}", train_recall, setting.cells, init, T
            runs = [setting.timed(*recipe, seed, epochs=100) for seed in setting.seeds()]
            by_distance[str(T)] = gathered(runs)
    return result


def train_recall(c, init, T, seed, epochs):
    model = raw_rnn(c, init, seed)
    X, y = first_signs(T, np.random.default_rng(99))
    options = {"epochs": 1, "learning_rate": 0.1, "batch_size": 20, "clip_norm": 1.0}
    options["epoch_data"] = partial(first_signs, T)
    for epoch in range(1, epochs + 1):
        model.train(None, None, None, None, seed=1000 * seed + epoch, **options)
        accuracy = (np.sign(model.predict(X)) == y).mean()
        if accuracy >= 0.95:
            return {"epochs": epoch, "accuracy": accuracy}
    return {"epochs": None, "accuracy": accuracy}


def stack(setting):
    """RNN(1, 16) under RNN(16, k): what reaches the first layer, and what it is worth."""
    c, result = setting.cells, {"one step": {}, "sequence": {}}
    for variant in ("true", "course", "flipped", "rotated", "none"):
        losses, cosines = [], []
        for seed in setting.seeds(15):
            first, top = RNN(1, 16, seed, init="orthogonal"), PassesDown(variant, seed + 100)
            model = built(c, first, top, c.Dense(16, 1, seed))
            recipe = f"stack {variant}", train_stack, c, model, seed
            cosines.append(setting.timed(*recipe, epochs=20))
            losses.append(model.val_losses)
        result["one step"][variant] = {
            "final_loss": [by_epoch[-1] for by_epoch in losses],
            "loss_by_epoch": np.median(losses, axis=0),
            "cosine_by_epoch": np.median(cosines, axis=0),
        }
    for k in (16, 32):
        recipe = f"stack sequence, k = {k}", partial(sequence_stack, c, k), c.raw_steps, RATE
        models = [setting.trained(*recipe, seed) for seed in setting.seeds()]
        result["sequence"][str(k)] = {"final_loss": [model.val_losses[-1] for model in models]}
    final = {variant: r["final_loss"] for variant, r in result["one step"].items()}
    return result | {"p_values": pairwise_tests(final), "refused": refusal(c)}


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


def train_stack(c, model, seed, epochs):
    """Train; return the cosine of the first layer's gradient with the true one, by epoch."""
    cosines = []

    def inputs(X):  # is called before each epoch
        cosines.append(gradient_cosine(c, model, model.layers[1], "true"))
        return c.raw_steps(X)

    watch = fresh(c, c.raw_steps, 500, 99)
    c.train_sine(model, inputs, RATE, epochs, seed=seed, validation=watch)
    return cosines


def gradient_cosine(c, model, layer, right):
    """Return the cosine of the first layer's gradient with that of the variant `right` of `layer`.

    A gradient of zero has cosine 0.
    """
    (X, y), gradients, variant = fresh(c, c.raw_steps, 200, 98), [], layer.variant
    for layer.variant in (right, variant):
        model.backward(2 * (model.forward(X) - y))
        weights = gradients_of(model.layers[0]).values()
        gradients.append(np.concatenate([g.ravel() for g in weights]))
    a, b = gradients
    return float(a @ b / max(np.linalg.norm(a) * np.linalg.norm(b), np.finfo(float).tiny))


def sequence_stack(c, k, seed):
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


def refusal(c):
    try:
        built(c, RNN(1, 16), RNN(16, 32))
    except ValueError as error:
        return str(error)
    raise AssertionError("a stack whose course gradient has the wrong shape was accepted")


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
            seen, unseen = 100 * mistaken[~held].mean(), 100 * mistaken[held].mean()
            runs.append({"training_error": seen, "validation_error": unseen, "gap": unseen - seen})
            wrong[held] = mistaken[held]
        by_volunteer[str(H)] = np.bincount(who, wrong)
        totals = {"weights": sum(W.size for W in model.weights()), "errors": int(wrong.sum())}
        result[str(H)] = gathered(runs) | totals
    seconds = [min(setting.seconds[f"hidden {H}"]) for H in HIDDEN]  # the least disturbed
    setting.seconds["hidden, share of the time's variance explained"] = {
        name: np.corrcoef(np.power(HIDDEN, power), seconds)[0, 1] ** 2
        for name, power in (("H", 1), ("H^2", 2))
    }
    return result | {"p_values": pairwise_tests(by_volunteer)}


def explosion(setting):
    """The raw RNN at a high and at a low rate, with clipping and without; diverged: losses end."""
    c, result = setting.cells, {}
    for rate, clip_norm in ((0.3, None), (0.3, 1.0), (RATE, 1.0)):
        name, runs = f"rate {rate}, {'clipped' if clip_norm else 'not clipped'}", []
        cells = SimpleNamespace(**vars(c) | {"Model": noting_model(c.Model, clip_norm)})
        build = partial(raw_rnn, cells, "orthogonal")
        for seed in setting.seeds():
            model = setting.trained(f"explosion {name}", build, c.raw_steps, rate, seed)
            runs.append({"validation_loss": model.val_losses, "gradient_norm": model.norms[:100]})
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
            self.norms.append(self.gradient_norm())
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
            model = setting.trained(f"truncated {kept}", build, c.raw_steps, RATE, seed)
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
        model = setting.trained("lengths", c.build_raw_rnn, c.raw_steps, 0.8, seed, 40)
        given = [c.predict_sine(model, c.raw_steps, X[:, -k:]) for k in LENGTHS]
        runs.append(gathered([errors(p, y) for p in given]))
    return gathered(runs) | {"values": LENGTHS}


def feedback(setting):
    """Predictions fed back for 100 steps: median errors, in parts of each wave's largest value."""
    c, result = setting.cells, {"steps": AHEAD}
    wave = waves(c, 1000, 199)
    for name, build, inputs, rate in (
        ("dense", c.build_raw_dense, c.raw_row, 0.4),
        ("rnn", c.build_raw_rnn, c.raw_steps, 0.8),
    ):
        result[name] = []
        for seed in setting.seeds(3):
            model = setting.trained(f"feedback {name}", build, inputs, rate, seed, 40)
            known = wave[:, :99]
            for _ in range(100):
                known = np.hstack([known, c.predict_sine(model, inputs, known[:, -99:])])
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
            layer = RNN(6, 64, seed, init=init, return_sequences=True, input_gradient="true")
            slopes = 1 - layer.forward(X) ** 2
            dH = np.zeros_like(slopes)
            dH[:, -1] = np.random.default_rng(seed).standard_normal((len(X), 64))
            sizes = (layer.backward(dH) ** 2).sum(axis=2)
            run = {
                "spectral_radius": np.abs(np.linalg.eigvals(layer.Wh)).max(),
                "norm": np.linalg.norm(layer.Wh, 2),  # of what it stretches most
                "gain": np.linalg.norm(layer.Wh) / np.sqrt(64),  # of a random vector
            }
            for name, rows in (("resting", rests), ("moving", ~rests)):
                g = np.sqrt(sizes[rows].mean(axis=0))
                run[f"gradient_{name}"] = g
                run[f"kept_by_a_step_{name}"] = (g[0] / g[-1]) ** (1 / (len(g) - 1))
                run[f"slope_{name}"] = np.sqrt(np.mean(slopes[rows] ** 2))
            build = partial(raw_rnn, c, init)
            model = setting.trained(f"initialisation {init}", build, c.raw_steps, RATE, seed, 40)
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
                p[held] = c.predict_activity([model], setting.X[held], scale)
        ways = {"one model": log_p, "mean of models": log_p.mean(axis=0, keepdims=True)}
        recording = 7 * recordings(setting.X) + groups  # no neighbour from another fold
        for way in list(ways):
            summed = np.array([c.with_neighbours(p, recording) for p in ways[way]])
            ways[f"{way}, with neighbours"] = summed
        wrong = {way: p.argmax(axis=2) != setting.y for way, p in ways.items()}
        right = {
            way: np.array([1 - w[:, groups == fold].mean(axis=1) for fold in range(7)])
            for way, w in wrong.items()
        }
        confusion = np.zeros((3, 3), int)
        np.add.at(confusion, (setting.y, ways["mean of models"][0].argmax(axis=1)), 1)
        result[name] = {
            "single_by_seed": right["one model"].mean(axis=0),
            "single_by_fold": right["one model"].mean(axis=1),
            "ensemble_by_fold": right["mean of models"][:, 0],
            "ensemble_errors": int(wrong["mean of models"].sum()),
            "windows": len(setting.y),
            "windows_by_volunteer": np.bincount(who),
            "errors_by_volunteer": np.bincount(who[wrong["mean of models"][0]], minlength=21),
            "confusion": confusion,
            "ways": {way: by_people(w, who) for way, w in wrong.items()},
        }
    return result


def by_people(wrong, who, draws=10_000):
    """Return errors (models, N) by volunteer, and the range of 95 % of accuracies of nine others.

    A draw is nine of 21 volunteers who are drawn themselves, for others could have taken part.
    """
    errors, windows = np.bincount(who, wrong.mean(axis=0)), np.bincount(who)
    rng = np.random.default_rng(0)
    people = rng.integers(len(windows), size=(draws, len(windows)))
    nine = np.take_along_axis(people, rng.integers(len(windows), size=(draws, 9)), axis=1)
    accuracies = 1 - errors[nine].sum(axis=1) / windows[nine].sum(axis=1)
    return {
        "errors_by_model": wrong.sum(axis=1),
        "errors_by_volunteer": errors,
        "accuracy": 1 - wrong.mean(),
        "accuracy_of_nine": np.quantile(accuracies, (0.025, 0.975)),
    }


EXPERIMENTS = {
    "sine": sine,
    "recall": recall,
    "stack": stack,
    "hidden": hidden,
    "explosion": explosion,
    "truncated": truncated,
    "lengths": lengths,
    "feedback": feedback,
    "initialisation": initialisation,
    "activity": activity,
}


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
