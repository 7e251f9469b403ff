"""Prove the tests: put faults into a copy of the project, one at a time; each must be caught.

python tests/faults.py             all of them, some minutes
python tests/faults.py softmax     those whose name contains the word
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAMES = ("layers", "model", "graded", "proof", "bad_input", "recipe")
HAND_IN = "tests/test_graded.py::test_hand_in_equals_the_naive_lab"  # tests a file, not the code
TESTS = [*(f"tests/test_{name}.py" for name in NAMES), f"--deselect={HAND_IN}"]
RNN, DENSE, ACTIVATION, LOSS = "RNN.py", "Dense.py", "Activation.py", "Loss.py"
MODEL, BASE, SIGNALS = "Lab6.ipynb", "tools/model.py", "tools/signals.py"
COURSE, UCI, PREPARE = "data/course.py", "data/uci.py", "data/prepare.py"
LIMIT = 120  # seconds for one run of the tests
DRAW_X = "            Wx = 0.01 * np.random.randn(H, D)\n"
DRAW_H = "            Wh = 0.01 * np.random.randn(H, H)\n"

FAULTS = [  # name, file, old, new
    ("h_t for h_{t-1} in dWh", RNN,
     "Z[:T].reshape", "np.dstack([Z[1:, :, :H], Z[:T, :, H:]]).reshape"),
    ("only the last step counted", RNN, "rows = delta", "delta[:-1] = 0\n        rows = delta"),
    ("later steps forgotten", RNN, "dh += upstream[t]", "dh[:] = upstream[t]"),
    ("no batch mean", RNN, "H + D + 1) / N", "H + D + 1)"),
    ("batch mean twice", RNN, "H + D + 1) / N", "H + D + 1) / N**2"),
    ("Wh transposed, backward", RNN, "d.dot(Wh, dh)", "d.dot(Wh.T, dh)"),
    ("Wh transposed, forward", RNN,
     "self.bh]).T.copy()  #", "self.bh]).T.copy()\n        W[:H] = self.Wh  #"),
    ("no derivative of tanh", RNN, "np.subtract(1, delta, out=delta)", "delta[:] = 1"),
    ("order of drawing", RNN, DRAW_X + DRAW_H, DRAW_H + DRAW_X),
    ("buffers of another batch size", RNN, "self._room != (N, T)", "self._memory.size == 0"),
    ("h_0 not reset", RNN, "Z[0, :, :H] = 0", "pass"),
    ("h_0 not zero in prediction", RNN, "        z[:, :H] = 0\n", ""),
    ("bias column not filled", RNN, "self._Z[:, :, -1] = 1", "self._Z[:, :, -1] = 0"),
    ("bias column stale", RNN,
     "self._Z[:, :, -1] = 1", "self._Z[:, : N * (self._room is None), -1] = 1"),
    ("last state not copied", RNN, "Z[T, :, :H].copy()", "Z[T, :, :H]"),
    ("states not copied", RNN, "transpose(1, 0, 2).copy()", "transpose(1, 0, 2)"),
    ("Wh for Wx in the true gradient", RNN, "rows @ self.Wx", "rows @ np.resize(self.Wh, (H, D))"),
    ("vanished too early", RNN, "limits.tiny / limits.eps**2", "limits.eps**2"),
    ("argument of backward changed", RNN,
     "dH.astype(self.dtype)", "dH.astype(self.dtype, copy=False)"),
    ("update of a copy", RNN, "self.Wx -= ", "self.Wx = self.Wx - "),
    ("bias moved uphill", RNN, "self.bh -= ", "self.bh += "),
    ("course gradient before Wh", RNN, "        return dh\n", "        return d\n"),
    ("true gradient reversed in time", RNN,
     "reshape(T, N, D).transpose", "reshape(T, N, D)[::-1].transpose"),
    ("db not averaged", DENSE, "keepdims=True) / N", "keepdims=True)"),
    ("dW not averaged", DENSE, "self._A.T @ dZ / N", "self._A.T @ dZ"),
    ("W drawn untransposed", DENSE, "(self.n_y, self.n_x)).T", "(self.n_x, self.n_y))"),
    ("softmax without the shift", ACTIVATION, "Z - Z.max(axis=1, keepdims=True)", "Z"),
    ("softmax over the batch", ACTIVATION, "e / e.sum(axis=1,", "e / e.sum(axis=0,"),
    ("softmax gradient scaled", ACTIVATION,
     "return A - check", "return 1 / len(A) * A - check"),
    ("sigmoid overflows", ACTIVATION, "np.where(Z >= 0, 1, e) / (1 + e)", "1 / (1 + np.exp(-Z))"),
    ("relu derivative below zero", ACTIVATION, "dA * (A > 0)", "dA * (A >= 0)"),
    ("tanh derivative", ACTIVATION, "1 - A**2", "1 - A"),
    ("shape not restored", "Flatten.py", "return dA.reshape(self._shape)", "return dA"),
    ("MSE averaged over outputs", LOSS, "np.sum((AL - Y) ** 2) / len(Y)", "np.mean((AL - Y) ** 2)"),
    ("losses broadcast", LOSS, 'check_array("Y", Y, AL.shape, np.complex128)', "np.asarray(Y)"),
    ("labels need not be one-hot", LOSS, " and (Y.sum(axis=1) == 1).all()", ""),
    ("widths need not meet", "tools/checks.py", "and size != width", "and False"),
    ("MSE gradient without the 2", MODEL, "2 * (AL - y_batch)", "(AL - y_batch)"),
    ("last batch dropped", MODEL,
     "range(0, len(X), batch_size)", "range(0, len(X) - batch_size + 1, batch_size)"),
    ("batches weighted alike", MODEL, "compute_loss(np.concatenate(outputs), y[order])",
     "np.mean([compute_loss(A, y[order[i * batch_size :][: len(A)]])"
     " for i, A in enumerate(outputs)])"),
    ("no shuffling", MODEL, "rng.permutation(len(X)) if", "np.arange(len(X)) if"),
    ("the same shuffle every epoch", MODEL, "default_rng([seed, epoch])", "default_rng([seed, 0])"),
    ("shuffled X with unshuffled y", MODEL,
     "y.take(rows, axis=0)", "y[start : start + batch_size]"),
    ("schedule ignored", MODEL, "rate = learning_rate * schedule", "schedule"),
    ("clip ignored", MODEL, "rate * self._clip_factor(clip_norm)", "rate"),
    ("clip lengthens", BASE, "min(1, clip_norm", "max(1, clip_norm"),
    ("the last kept, not the best", BASE, "if self._epochs_since_best() == 0:", "if True:"),
    ("patience off by one", MODEL, "best() >= patience", "best() > patience"),
    ("weights lost on interrupt", BASE, "self._set_weights(start_weights)", "pass"),
    ("saved weights are no copy", BASE, "[W.copy() for W", "[W for W"),
    ("row gradients keep their time axis", MODEL, "if layer in self._fed_rows:", "if False:"),
    ("prediction keeps caches", MODEL, "i + block], training=False)", "i + block])"),
    ("one scale for all sequences", MODEL,
     "np.abs(X).max(axis=1, keepdims=True)", "np.abs(X).max(keepdims=True) + 0 * X[:, :1]"),
    ("the answer among the inputs", MODEL, "return wave[:, :-1], wave", "return wave[:, 1:], wave"),
    ("not whitened", MODEL, "/ np.sqrt(variances[-features:])", ""),
    ("volunteers cut in the middle", MODEL, "return run // 6", "return (run + 3) // 6"),
    ("reading beyond the signal", MODEL, "np.maximum(high - 1 - span, low)", "high"),
    ("windows joined across labels", SIGNALS, "overlaps(X) & (y[:-1] == y[1:])", "overlaps(X)"),
    ("rotations that stretch", SIGNALS, "/ np.linalg.norm(q, axis=1, keepdims=True)", ""),
    ("labels merged wrongly", UCI, "[0, 1, 1, 2, 2, 2]", "[0, 2, 1, 1, 2, 2]"),
    ("channels swapped", UCI, 'for axis in "xyz"', 'for axis in "xzy"'),
    ("sensors swapped", UCI, 'for sensor in ("acc", "gyro")', 'for sensor in ("gyro", "acc")'),
    ("Id written from 0", PREPARE, "enumerate(rows, 1)", "enumerate(rows)"),
    ("Id read from 0", COURSE, "np.arange(1, 501)", "np.arange(500)"),
    ("NaN let through", COURSE, "np.count_nonzero(np.isfinite(array))", "array.size"),
]  # fmt: skip


def replace_once(text, old, new):
    """`text` with `old` replaced; None where it is not there, an error where it is ambiguous."""
    if text.count(old) > 1:
        raise ValueError(f"expected {old!r} once, got it {text.count(old)} times")
    return text.replace(old, new) if old in text else None


def put_in(path, old, new):
    """Change a module, or one code cell of the notebook; the old text must be there just once."""
    source = path.read_text("utf-8")
    if path.suffix != ".ipynb":
        changed = [replace_once(source, old, new)]
    else:
        book, changed = json.loads(source), []
        for cell in book["cells"]:
            text = replace_once("".join(cell["source"]), old, new)
            if cell["cell_type"] == "code" and text is not None:
                cell["source"] = text
                changed.append(json.dumps(book))
    if len(changed) != 1 or changed[0] is None:
        raise ValueError(f"{path.name}: expected {old!r} once, got something else; adapt the fault")
    path.write_text(changed[0], "utf-8")


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
    chosen = [fault for fault in FAULTS if len(sys.argv) < 2 or sys.argv[1] in fault[0]]
    missed = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "project"
        skip = shutil.ignore_patterns(".*", "__pycache__", "outputs", "*.npy", "*.csv")
        shutil.copytree(ROOT, folder, ignore=skip)
        for tests in (TESTS, ["tests/test_data.py"]):
            assert failing(folder, tests) is None, "expected the tests to pass without any fault"
        for name, file, old, new in chosen:
            kept = (folder / file).read_bytes()
            put_in(folder / file, old, new)
            caught = failing(folder, ["tests/test_data.py"] if file.startswith("data/") else TESTS)
            (folder / file).write_bytes(kept)
            print(f"{name} ({file}): {caught or 'NOT CAUGHT'}", flush=True)
            missed += [] if caught else [name]
    print(f"\n{len(chosen)} faults put in, {len(chosen) - len(missed)} caught")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
