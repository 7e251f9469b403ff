"""Prove the tests: put faults into a copy of the project, one at a time; each must be caught.

python tests/faults.py             all of them, some minutes
python tests/faults.py softmax     those whose line in the output contains the word
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 120  # seconds for one run of the tests
RNN, DENSE, ACTIVATION, LOSS = "RNN.py", "Dense.py", "Activation.py", "Loss.py"
NOTEBOOK, BASE, CHECKS, WINDOWS = "Lab6.ipynb", "lab/model.py", "lab/checks.py", "lab/windows.py"
COURSE, UCI, PREPARE = "data/course.py", "data/uci.py", "data/prepare.py"
DRAW_X = "        self.Wx = 0.01 * np.random.randn(H, D)\n"
DRAW_H = "        self.Wh = 0.01 * np.random.randn(H, H)\n"
WEIGHTS = 'vars(layer) | dict(getattr(layer, "parameters", {}))'
CLIP = "step *= clip_norm / max(clip_norm, self.gradient_norm())"

LAYERS = [  # name, file, old, new
    ("h_t for h_{t-1}", RNN, "Z[:T].reshape", "np.dstack([Z[1:, :, :H], Z[:T, :, H:]]).reshape"),
    ("only the last step counted", RNN, "rows = delta", "delta[:-1] = 0\n        rows = delta"),
    ("later steps forgotten", RNN, "dh += dH[:, t]", "dh[:] = dH[:, t]"),
    ("no batch mean", RNN, "H + D + 1) / N", "H + D + 1)"),
    ("batch mean twice", RNN, "H + D + 1) / N", "H + D + 1) / N**2"),
    ("Wh transposed, backward", RNN, "dot(self.Wh, dh)", "dot(self.Wh.T, dh)"),
    ("Wh transposed, forward", RNN, "hstack([self.Wh,", "hstack([self.Wh.T,"),
    ("no derivative of tanh", RNN, "delta = 1 - h * h", "delta = np.ones_like(h)"),
    ("order of drawing", RNN, DRAW_X + DRAW_H, DRAW_H + DRAW_X),
    ("h_0 not zero", RNN, "= 0, X.transpose", "= 1, X.transpose"),
    ("no bias", RNN, "X.transpose(1, 0, 2), 1\n", "X.transpose(1, 0, 2), 0\n"),
    ("dtype of the work array", RNN, "H + D + 1), self.Wh.dtype)", "H + D + 1))"),
    ("last state not copied", RNN, "h[-1].copy()", "h[-1]"),
    ("states not copied", RNN, "h.transpose(1, 0, 2).copy()", "h.transpose(1, 0, 2)"),
    ("Wh for Wx in the true gradient", RNN, "rows @ self.Wx", "rows @ np.resize(self.Wh, (H, D))"),
    ("true gradient reversed in time", RNN,
     "reshape(T, N, D).transpose", "reshape(T, N, D)[::-1].transpose"),
    ("course gradient before Wh", RNN, "        return dh\n", "        return delta[0]\n"),
    ("argument of backward changed", RNN, "dH.astype(Z.dtype", "dH.astype(Z.dtype, copy=False"),
    ("update of a copy", RNN, "self.Wx -= ", "self.Wx = self.Wx - "),
    ("bias moved uphill", RNN, "self.bh -= ", "self.bh += "),
    ("orthogonal start not scaled", RNN, " / np.sqrt(D)", ""),
    ("db not averaged", DENSE, "keepdims=True) / N", "keepdims=True)"),
    ("dW not averaged", DENSE, "self._A.T @ dZ / N", "self._A.T @ dZ"),
    ("W drawn untransposed", DENSE, "(self.n_y, self.n_x)).T", "(self.n_x, self.n_y))"),
    ("softmax without the shift", ACTIVATION, "Z - Z.max(axis=1, keepdims=True)", "Z"),
    ("softmax over the batch", ACTIVATION, "e / e.sum(axis=1,", "e / e.sum(axis=0,"),
    ("softmax gradient scaled", ACTIVATION, "return A - check", "return 1 / len(A) * A - check"),
    ("sigmoid overflows", ACTIVATION, "np.where(Z >= 0, 1, e) / (1 + e)", "1 / (1 + np.exp(-Z))"),
    ("relu derivative below zero", ACTIVATION, "dA * (A > 0)", "dA * (A >= 0)"),
    ("tanh derivative", ACTIVATION, "1 - A**2", "1 - A"),
    ("activation not copied", ACTIVATION, "self._A.copy()", "self._A"),
    ("shape not restored", "Flatten.py", ").reshape(self._shape)", ")"),
    ("MSE averaged over outputs", LOSS, "np.sum((AL - Y) ** 2) / len(Y)", "np.mean((AL - Y) ** 2)"),
    ("losses broadcast", LOSS, 'check_array("Y", Y, AL.shape)', "np.asarray(Y)"),
    ("labels need not be one-hot", LOSS, " and (Y.sum(axis=1) == 1).all()", ""),
    ("MSE gradient without the 2", NOTEBOOK, "2 * (AL - y[rows])", "(AL - y[rows])"),
    ("last batch dropped", NOTEBOOK,
     "range(0, len(X), batch_size)", "range(0, len(X) - batch_size + 1, batch_size)"),
    ("batches weighted alike", NOTEBOOK, "float(loss(AL, y[order]))",
     "np.mean([loss(AL[i : i + batch_size], y[order[i : i + batch_size]])"
     " for i in range(0, len(X), batch_size)])"),
    ("no shuffling", NOTEBOOK, "rng.permutation(len(X)) if", "np.arange(len(X)) if"),
    ("same shuffle every epoch", NOTEBOOK, "default_rng([seed, epoch])", "default_rng([seed, 0])"),
    ("seed ignored", NOTEBOOK, "default_rng([seed, epoch])", "default_rng([0, epoch])"),
    ("shuffled X with unshuffled y", NOTEBOOK, "AL = self.forward(X[rows])",
     "AL, rows = self.forward(X[rows]), slice(start, start + batch_size)"),
    ("shuffled outputs against unshuffled y", NOTEBOOK, "loss(AL, y[order])", "loss(AL, y)"),
    ("schedule ignored", NOTEBOOK, "* float(schedule((epoch + done) / epochs))", ""),
    ("rate of the epoch's start", NOTEBOOK, "rate(start / len(X))", "rate(0)"),
    ("clipping ignored", NOTEBOOK, CLIP, CLIP.replace("step *= ", "")),
    ("clipping lengthens", NOTEBOOK, CLIP, CLIP.replace("max", "min")),
    ("row gradients keep their time axis", NOTEBOOK, "if layer in self.fed_rows:", "if False:"),
    ("gradient norm of the first layer", BASE,
     "gradients = [g for layer in self.layers", "gradients = [g for layer in self.layers[:1]"),
    ("astype of the first layer", BASE, "for layer in self.layers:\n            set_weights",
     "for layer in self.layers[:1]:\n            set_weights"),
    ("rebound weights not found again", BASE,
     WEIGHTS, f'layer.__dict__.setdefault("_held", {WEIGHTS})'),
    ("prediction leaves samples out", BASE, "X[i : i + BLOCK]", "X[i : i + BLOCK - 1]"),
    ("prediction in one block", BASE,
     "[self.forward(X[i : i + BLOCK]) for i in starts]", "[self.forward(X)]"),
    ("an earlier history goes on", BASE, "= [], [], []\n        with",
     "= self.train_losses, self.val_losses, self.learning_rates\n        with"),
    ("weights not restored", BASE, "set_weights(layer, weights)\n   ", "pass\n   "),
    ("weights kept are no copies", BASE, "{name: W.copy() for", "{name: W for"),
    ("history not cut back", BASE, "del history[epoch - 1 :]", "pass"),
    ("divergence not noticed", BASE, "self._check_epoch()", "pass"),
    ("weights may be infinite", BASE, "if not np.isfinite(W).all()", "if False"),
    ("infinite gradient not noticed", BASE, "if not np.isfinite(norm)", "if False"),
    ("divergence not named so", BASE, "if isinstance(error, NotFinite)", "if False"),
    ("Ctrl-C says nothing", BASE, 'print(f"\\nstopped', 'str(f"\\nstopped'),
    ("validation data not checked", BASE, "if X_val is not None or y_val is not None", "if False"),
    ("pairs of unequal length", BASE, "sizes[0] != sizes[1] or ", ""),
    ("targets of another shape", BASE, "if y.shape[1:] != output.shape[1:]", "if False"),
    ("targets need not be one-hot", BASE, " and (y.sum(axis=1) == 1).all()", ""),
    ("widths need not meet", BASE, "and size != width", "and False"),
    ("course gradient between other widths", BASE, "rank == 3 or units != size", "rank == 3"),
    ("sequences into rows", BASE, "not recurrent and rank == 3", "False"),
    ("rank above one's own layer", BASE, '== "Flatten" else None)', '== "Flatten" else 3)'),
    ("an empty axis", CHECKS, "isinstance(want, str) and size == 0", "False"),
    ("another length", CHECKS, "not isinstance(want, str) and size != want", "False"),
    ("complex into float", CHECKS, ' or not np.can_cast(A.dtype, dtype, "same_kind")', ""),
    ("NaN among the data", CHECKS, "if not np.isfinite(A).all()", "if False"),
    ("true and false are sizes", CHECKS,
     "isinstance(value, bool) or not isinstance(value, (int", "not isinstance(value, (int"),
    ("rates below zero", CHECKS, "np.isfinite(value) and value > 0", "np.isfinite(value)"),
    ("NaN agrees", "lab/expected.py", "error <= bound", "not error > bound"),
    ("reference not averaged", "tools/grading/reference.py", "dWx / N, dWh", "dWx, dWh"),
]  # fmt: skip

RECIPE = [
    ("one scale for all sequences", NOTEBOOK,
     "np.abs(X).max(axis=1, keepdims=True)", "np.abs(X).max(keepdims=True) + 0 * X[:, :1]"),
    ("the answer among the inputs", NOTEBOOK, "wave[:, :-1], wave", "wave[:, 1:], wave"),
    ("not whitened", NOTEBOOK, "axes[:count].T / sizes[:count]", "axes[:count].T"),
    ("volunteers cut in the middle", NOTEBOOK, "return run // 6", "return (run + 3) // 6"),
    ("reading beyond the signal", WINDOWS, "np.maximum(high - 1 - span, low)", "high"),
    ("windows joined across labels", WINDOWS, "overlaps(X) & (y[:-1] == y[1:])", "overlaps(X)"),
    ("rotations that stretch", WINDOWS, "/ np.linalg.norm(q, axis=1, keepdims=True)", ""),
]  # fmt: skip

DATA = [
    ("labels merged wrongly", UCI, "[0, 1, 1, 2, 2, 2]", "[0, 2, 1, 1, 2, 2]"),
    ("channels swapped", UCI, 'for axis in "xyz"', 'for axis in "xzy"'),
    ("sensors swapped", UCI, 'for sensor in ("acc", "gyro")', 'for sensor in ("gyro", "acc")'),
    ("Id written from 0", PREPARE, "range(1, 501)", "range(500)"),
    ("Id read from 0", COURSE, "np.arange(1, 501)", "np.arange(500)"),
    ("NaN let through", COURSE, "np.count_nonzero(np.isfinite(array))", "array.size"),
]  # fmt: skip

GROUPS = {  # faults, and the test files that are to catch them
    "layers": (LAYERS, ("graded", "layers", "model", "bad_input", "proof")),
    "recipe": (RECIPE, ("recipe",)),
    "data": (DATA, ("data",)),
}


def put_in(path, old, new):
    """Change a module, or a line of code in the notebook; the old text must be there just once."""
    source = path.read_text("utf-8")
    if path.suffix == ".ipynb":  # where a line of code is a string of JSON
        old, new = json.dumps(old)[1:-1], json.dumps(new)[1:-1]
    if source.count(old) != 1:
        raise ValueError(
            f"{path.name}: expected {old!r} once, got it {source.count(old)} times; adapt the fault"
        )
    path.write_text(source.replace(old, new), "utf-8")


def failing(folder, tests):
    """What the tests say: the first that fails, None if all pass."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    variables = {"PYTHONDONTWRITEBYTECODE": "1", "OPENBLAS_NUM_THREADS": "1"}
    options = {"cwd": folder, "env": os.environ | variables, "capture_output": True, "text": True}
    try:
        done = subprocess.run(command, timeout=LIMIT, **options)
    except subprocess.TimeoutExpired:
        return f"no end within {LIMIT} s"
    if done.returncode not in (0, 1):  # nothing was tested, so nothing was caught
        raise RuntimeError(f"expected the tests to run, got:\n{done.stdout[-3000:]}{done.stderr}")
    said = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return " ".join(said)[:100] if done.returncode else None


def main():
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    count, missed = 0, []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "project"
        skip = shutil.ignore_patterns(".*", "__pycache__", "X_*", "y_train.npy")
        shutil.copytree(ROOT, folder, ignore=skip)
        for group, (faults, names) in GROUPS.items():
            tests = [f"tests/test_{name}.py" for name in names]
            chosen = [(f"{group}: {fault[0]} ({fault[1]})", *fault[1:]) for fault in faults]
            chosen = [fault for fault in chosen if word in fault[0]]
            if chosen and failing(folder, tests):
                raise RuntimeError(f"expected {tests} to pass without any fault, got a failure")
            for line, file, old, new in chosen:
                kept = (folder / file).read_bytes()
                put_in(folder / file, old, new)
                caught = failing(folder, tests)
                (folder / file).write_bytes(kept)
                print(f"{line}: {caught or 'NOT CAUGHT'}", flush=True)
                count += 1
                missed += [] if caught else [line]
    print(f"\n{count} faults put in, {count - len(missed)} caught")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
