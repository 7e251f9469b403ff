"""The long experiments behind the report and the README: each a loop over seeds or folds.

    python -m tools.evidence [--data-dir data] [--output-dir outputs] [--quick] [--only NAME ...]

Everything measured goes to outputs/results.json, byte for byte the same on the same machine; how
long it took goes to outputs/timings.json. The models are the notebook's own, taken from its cells.
"""

import argparse
import contextlib
import io
import json
import os
import time
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # as the notebook has it, before NumPy is imported

import numpy as np
import pandas as pd

from data.record import source_summary
from RNN import RNN
from tools import program
from lab.files import write_text
from tools.cells import OUTPUTS, load_cells
from tools.grading.score import exact_continuation, mape

HIDDEN = (8, 16, 32, 64, 128)
SEEDS = (1, 2, 3, 4, 5)
DISTANCES = (2, 5, 10, 20, 50, 100)  # timesteps
NOT_AUGMENTED = {"shift": 0, "pace": 0, "strength": 0, "turn": 0}
ROUND = 6  # significant digits in the results file


class Lab:
    """The notebook's names, the data, and how much training a run may do."""

    def __init__(self, data_dir, quick):
        self.cells = SimpleNamespace(**load_cells("imports", "model", "sine", "activity"))
        data = Path(data_dir)
        self.X_sine = pd.read_csv(data / "X_test.csv").iloc[:, 1:].to_numpy()
        self.X = np.load(data / "X_train.npy")
        self.y = np.load(data / "y_train.npy").ravel()
        self.quick = quick
        self.seeds = SEEDS[:2] if quick else SEEDS
        self.seconds = {}

    def timed(self, name, train, *args, **options):
        """Run a training without its bar; note its seconds under `name`."""
        if self.quick:
            options["epochs"] = 2
        start = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            result = train(*args, **options)
        self.seconds.setdefault(name, []).append(round(time.perf_counter() - start, 2))
        return result


def sine(lab):
    """Dense-only against RNN on fresh sequences, each at its best; and what explains the result."""
    c = lab.cells
    same = c.RNN_BASIS / 3  # Dense's start is larger than the RNN's, so its inputs are smaller
    variants = {
        "dense": (c.build_sine_dense, c.DENSE_BASIS, 0.03),
        "rnn": (c.build_sine_rnn, c.RNN_BASIS, 0.15),
        "rnn, orthogonal": (lambda seed: c.build_sine_rnn(seed, "orthogonal"), c.RNN_BASIS, 0.15),
        "linear": (lambda seed: built(c, c.Flatten(), dense(c, 20, 1, seed)), c.DENSE_BASIS, 1.0),
        "dense, the RNN's inputs": (lambda seed: two_dense(c, c.Flatten(), 66, seed), same, 0.3),
        "dense, last step only": (lambda seed: two_dense(c, LastStep(), 6, seed), same, 0.3),
    }
    X_val, y_val = c.sine_waves(10_000, np.random.default_rng(99))
    y_test = exact_continuation(lab.X_sine)
    result = {}
    for name, (build, basis, rate) in variants.items():
        runs = []
        for seed in lab.seeds[:3]:
            model = build(seed)
            lab.timed(f"sine {name}", c.train_sine, model, basis, rate, seed=seed)
            predicted = c.predict_sine(model, basis, X_val)
            errors = c.percentage_errors(predicted, y_val)
            runs.append(
                {
                    "validation_mape": errors.mean(),
                    "validation_median_ape": np.median(errors),
                    "validation_rmse": np.sqrt(np.mean((predicted - y_val) ** 2)),
                    "test_mape": mape(c.predict_sine(model, basis, lab.X_sine), y_test),
                }
            )
        result[name] = gathered(runs) | {"weights": count_weights(model)}
    return result


class LastStep:
    """A layer that lets only the last step (N, features) of a sequence through."""

    def forward(self, A, training=True):
        return A[:, -1]

    def backward(self, dA):
        return None  # it is the lowest layer


def built(c, *layers):
    model = c.Model()
    for layer in layers:
        model.add(layer)
    return model


def dense(c, n_x, n_y, seed):
    return c.Dense(n_x, n_y, seed, dtype=np.float32)


def two_dense(c, first, inputs, seed):
    top = dense(c, 256, 1, seed + 1000)
    return built(c, first, dense(c, inputs, 256, seed), c.Activation("tanh", None), top)


def stack(lab):
    """RNN(1, 16) under RNN(16, k): which gradient reaches the first layer, and what it is worth.

    "no gradient" leaves the first layer as it was drawn.
    """
    c = lab.cells
    true = {"input_gradient": "true"}
    variants = {
        "one step, no gradient, k = 16": (False, 16, {}),
        "one step, course gradient, k = 16": (False, 16, {}),
        "one step, true gradient, k = 16": (False, 16, true),
        "one step, true gradient, k = 32": (False, 32, true),
        "sequence, true gradient, k = 16": (True, 16, true),
        "sequence, true gradient, k = 32": (True, 32, true),
    }
    result = {}
    for name, (sequences, k, options) in variants.items():
        runs = []
        for seed in lab.seeds:
            start = {"init": "orthogonal", "dtype": np.float32}
            model = built(
                c,
                RNN(1, 16, seed, return_sequences=sequences, **start),
                RNN(16, k, seed + 100, **options, **start),
                dense(c, k, 1, seed),
            )
            first = FirstGradient(model, trains="no gradient" not in name)
            lab.timed(f"stack {name}", train_raw, c, model, seed)
            runs.append({"validation_loss": model.val_losses, "first_gradient": first.by_epoch()})
        result[name] = gathered(runs)
    result["one step, course gradient, k = 32"] = {"refused": refusal(c)}
    return result


class FirstGradient:
    """Notes the size of the first layer's gradient at every update of a model.

    trains: False leaves the layer's weights as they are.
    """

    def __init__(self, model, trains):
        self.norms, self.model, layer = [], model, model.layers[0]
        update = layer.update

        def noting(learning_rate):
            total = sum(float(np.vdot(g, g)) for g in layer.gradients.values())
            self.norms.append(np.sqrt(total))
            if trains:
                update(learning_rate)

        layer.update = noting

    def by_epoch(self):
        epochs = np.array_split(self.norms, len(self.model.train_losses))
        return [float(np.mean(epoch)) for epoch in epochs]


def scaled(c, X):
    """Sequences (N, T) as the raw input of a layer with D = 1: (N, T, 1), own scale."""
    return (X / c.own_scale(X))[:, :, np.newaxis].astype(np.float32)


def raw_sines(c, count, rng):
    X, y = c.sine_waves(count, rng)
    return scaled(c, X), (y / c.own_scale(X)).astype(np.float32)


def train_raw(c, model, seed, epochs=40):
    """Train on sequences as they are, 99 steps of one value; the same for every variant."""
    validation = raw_sines(c, 2000, np.random.default_rng(99))
    train_fresh(c, model, seed, lambda rng: raw_sines(c, 2000, rng), epochs, validation)


def train_fresh(c, model, seed, draw, epochs, validation=(None, None)):
    """Train on the (X, y) that `draw` makes anew of a generator for every epoch."""
    model.train(
        None,
        None,
        *validation,
        epochs=epochs,
        learning_rate=0.05,
        batch_size=20,
        schedule=c.cosine,
        clip_norm=1.0,
        seed=seed,
        epoch_data=draw,
    )


def refusal(c):
    try:
        built(c, RNN(1, 16), RNN(16, 32))
    except ValueError as error:
        return str(error)
    raise AssertionError("a stack whose course gradient has the wrong shape was accepted")


def hidden(lab):
    """Hidden units on the activity task, not augmented: errors on seen and unseen volunteers."""
    c = lab.cells
    held = np.isin(c.volunteers(lab.y), (3, 9, 15))
    X = c.to_steps(lab.X, c.sensor_scale(lab.X[~held]))
    Y = np.eye(3, dtype=np.float32)[lab.y]
    result = {}
    for H in HIDDEN:
        runs = []
        for seed in lab.seeds:
            model = built(
                c,
                RNN(X.shape[2], H, seed, init="orthogonal", dtype=np.float32),
                dense(c, H, 3, seed),
                c.Activation("softmax", "cross_entropy"),
            )
            lab.timed(
                f"hidden {H}",
                model.train,
                X[~held],
                Y[~held],
                X[held],
                Y[held],
                epochs=15,
                learning_rate=0.1,
                batch_size=32,
                loss_function="cce",
                shuffle=True,
                schedule=c.cosine,
                clip_norm=1.0,
                seed=seed,
            )
            wrong = model.predict(X).argmax(axis=1) != lab.y
            seen, unseen = 100 * wrong[~held].mean(), 100 * wrong[held].mean()
            runs.append({"training_error": seen, "validation_error": unseen, "gap": unseen - seen})
        result[str(H)] = gathered(runs) | {"weights": count_weights(model)}
    return result


def first_signs(count, T, rng):
    """Noise (count, T, 1), and the sign (count, 1) of the first value: nothing else matters."""
    X = rng.standard_normal((count, T, 1), dtype=np.float32)
    return X, np.sign(X[:, 0])


def train_recall(c, T, init, seed, epochs=20):
    """Return the accuracy, on fresh sequences, of a model that must remember x_1 for T steps."""
    model = built(c, RNN(1, 32, seed, init=init, dtype=np.float32), dense(c, 32, 1, seed))
    train_fresh(c, model, seed, lambda rng: first_signs(2000, T, rng), epochs)
    X, y = first_signs(2000, T, np.random.default_rng(99))
    return float((np.sign(model.predict(X)) == y).mean())


def initialisation(lab):
    """The course's 0.01 initialisation against the orthogonal one.

    Gradient by timestep, training curve, and from how far back something can be learnt.
    """
    c = lab.cells
    some = slice(None, None, len(lab.X) // 256)
    X, rests = (lab.X[some] / lab.X.std(axis=(0, 1))).astype(np.float64), lab.y[some] == 2
    result = {}
    for init in ("course", "orthogonal"):
        runs = []
        for seed in lab.seeds:
            layer = RNN(6, 64, seed, init=init, input_gradient="true")
            layer.forward(X)
            dH = np.random.default_rng(seed).standard_normal((len(X), 64))
            dX = layer.backward(dH)
            first = RNN(1, 32, seed, init=init, dtype=np.float32)
            model = built(c, first, dense(c, 32, 1, seed))
            lab.timed(f"initialisation {init}", train_raw, c, model, seed)
            sizes = (dX**2).sum(axis=2)
            recall = [
                lab.timed(f"recall {init}", train_recall, c, T, init, seed) for T in DISTANCES
            ]
            runs.append(
                {
                    "gradient_resting": np.sqrt(sizes[rests].mean(axis=0)),
                    "gradient_moving": np.sqrt(sizes[~rests].mean(axis=0)),
                    "validation_loss": model.val_losses,
                    "recall": recall,
                }
            )
        result[init] = gathered(runs) | {"distances": DISTANCES}
    return result


def activity(lab):
    """The submitted recipe on volunteers it has not seen, by fold; and with something changed.

    "at random": any window may be held out, its neighbours stay. "by run": whole activity runs are
    held out, so that no window overlaps, but every volunteer stays.
    """
    c = lab.cells
    who = c.volunteers(lab.y)
    by_volunteer = who // 3
    variants = {
        "by volunteer": (by_volunteer, lab.seeds, {}),
        "not augmented": (by_volunteer, lab.seeds[:1], NOT_AUGMENTED),
        "by run": (c.activity_runs(lab.y) % 7, lab.seeds[:1], {}),
        "at random": (np.random.default_rng(0).permutation(len(lab.y)) % 7, lab.seeds[:1], {}),
    }
    result = {}
    for name, (groups, seeds, changes) in variants.items():
        singles, ensembles, wrong = [], [], np.zeros(len(lab.y), bool)
        confusion = np.zeros((3, 3), int)
        for fold in range(7):
            held = groups == fold
            X, y, scale = lab.X[~held], lab.y[~held], c.sensor_scale(lab.X[~held])
            models = [
                lab.timed(f"activity {name}", c.train_activity, X, y, scale, seed, **changes)
                for seed in seeds
            ]
            truth = lab.y[held]
            for model in models:
                predicted = c.predict_activity([model], lab.X[held], scale).argmax(axis=1)
                singles.append((predicted == truth).mean())
            predicted = c.predict_activity(models, lab.X[held], scale).argmax(axis=1)
            ensembles.append((predicted == truth).mean())
            wrong[held] = predicted != truth
            np.add.at(confusion, (truth, predicted), 1)
        singles = np.reshape(singles, (7, len(seeds)))
        result[name] = {
            "single_by_seed": singles.mean(axis=0),
            "single_by_fold": singles.mean(axis=1),
            "ensemble_by_fold": ensembles,
            "ensemble_errors": int(wrong.sum()),
            "windows": len(lab.y),
            "errors_by_volunteer": np.bincount(who[wrong], minlength=who.max() + 1),
            "confusion": confusion,
        }
    return result


EXPERIMENTS = {
    function.__name__: function for function in (sine, stack, hidden, initialisation, activity)
}


def gathered(runs):
    """Return [{name: value}, ...] as {name: [value, ...]}, one entry a seed."""
    return {name: [run[name] for run in runs] for name in runs[0]}


def count_weights(model):
    return sum(W.size for W in model.weights())


def plain(value):
    """Return `value` with arrays as lists and numbers of ROUND digits, ready for JSON."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(item) for item in value]
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.{ROUND}g}")
    return int(value) if isinstance(value, np.integer) else value


def write_json(path, content):
    write_text(path, json.dumps(plain(content), indent=1, sort_keys=True) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", default="data")
    parser.add_argument("--output-dir", type=Path, default=Path("outputs"))
    parser.add_argument("--quick", action="store_true", help="two epochs and two seeds of each")
    parser.add_argument("--only", nargs="+", choices=EXPERIMENTS, default=list(EXPERIMENTS))
    args = parser.parse_args()
    if args.quick and args.output_dir.resolve() == OUTPUTS:
        parser.error("--quick needs --output-dir DIR, or the published results would be lost")
    lab = Lab(args.data_dir, args.quick)
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
        results[name] = EXPERIMENTS[name](lab)
        print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)
        timings |= {"cores": os.cpu_count()} | lab.seconds
        write_json(files["results"], results)
        write_json(files["timings"], timings)


if __name__ == "__main__":
    program.run(main)
