"""What is wrong with my layer, my model? It checks a notebook or a folder, names known mistakes.

    python -m tools check [PATH] [--json]      from the project
    %run check.py                              in a notebook, with mistakes.py beside check.py

RNN, Model, layers and losses are taken from the notebook's cells where it defines them, else from
the files beside it. Only definitions are read: no cell runs and no training of yours starts.
"""

import argparse
import ast
import contextlib
import io
import json
import re
import sys
import traceback
from functools import cache
from pathlib import Path

import numpy as np

try:
    from tools.check.mistakes import FREE, MISTAKES, SOLUTION
except ImportError:  # copied beside a notebook
    from mistakes import FREE, MISTAKES, SOLUTION

NAMES = "RNN", "Model", "Dense", "Activation", "Flatten", "compute_MSE_loss", "compute_CCE_loss"


COURSE = "RNN_initialization", "RNN_forward", "RNN_backward", "Model_class"  # in the .npy


class WrongError(Exception):
    """What a check found; its text is one sentence for the student."""


# Reading ------------------------------------------------------------------------------------------


def read_cells(path):
    """Return the sources of the code cells of the notebook at `path`, formats 3 and 4.

    Raises:
        ValueError: it is not a notebook.
    """
    try:
        notebook = json.loads(Path(path).read_bytes().decode("utf-8-sig"))
        sheets = notebook.get("worksheets") or [notebook]
        cells = [cell for sheet in sheets for cell in sheet["cells"]]
        sources = [c.get("source", c.get("input", "")) for c in cells if c["cell_type"] == "code"]
        return ["".join(source) for source in sources]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path}: expected a notebook (.ipynb), got another file") from error


def definitions(path):
    """Return the names that a notebook, a folder with one, or its files define; no cell runs.

    Returns:
        dict: classes, functions, imported names and plain constants. Under "problems" stand
        sentences about cells that cannot be read.

    Raises:
        ValueError, FileNotFoundError: there is nothing to read.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path}: expected a notebook or a folder, found nothing there")
    folder, sources, space = (path if path.is_dir() else path.parent), [], {"problems": []}
    notebooks = [path] if path.is_file() else [folder / "Lab6.ipynb"]
    if not notebooks[0].is_file():
        notebooks = [p for p in folder.glob("*.ipynb") if not re.search(r"failed|executed", p.name)]
    if len(notebooks) > 1:
        raise ValueError(f"{folder}: expected one notebook, got {len(notebooks)}; name the one")
    for notebook in notebooks:
        sources += [(f"cell {i}", s) for i, s in enumerate(read_cells(notebook), 1)]
    for name in ("Dense", "Activation", "Flatten", "Loss", "RNN"):
        _import_local(folder, name, space, ["*"])
    for where, source in sources:
        _define(source, where, folder, space)
    if not any(name in space for name in NAMES):
        raise ValueError(f"{path}: expected RNN, Model or layers, found none of them defined")
    return space


def _define(source, where, folder, space):
    """Execute what `source` defines, in `space`: imports, functions, classes, plain constants."""
    lines = [re.sub(r"^(\s*)[%!].*", r"\1pass", line) for line in source.splitlines()]
    try:
        tree = ast.parse("\n".join(lines))
    except (SyntaxError, ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None) or 1
        text = lines[line - 1].strip() if line <= len(lines) else ""
        space["problems"].append(f"{where} cannot be read at line {line}: {text}")
        return
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (folder / f"{node.module}.py").is_file():
            _import_local(folder, node.module, space, [alias.name for alias in node.names])
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            if not _calls(node.value):  # a constant, or a table of functions
                with contextlib.suppress(Exception):
                    _run(node, where, lines, space)
        elif isinstance(node, (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)):
            with contextlib.suppress(Exception):  # a package that is missing is missed when used
                _run(node, where, lines, space)


def _calls(node):
    """Whether evaluating the syntax tree `node` calls anything."""
    if isinstance(node, ast.Lambda):
        return False
    return isinstance(node, ast.Call) or any(map(_calls, ast.iter_child_nodes(node)))


def _run(node, where, lines, space):
    code = compile(ast.Module([node], []), f"<{where}>", "exec")
    SOURCES[f"<{where}>"] = lines
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        exec(code, space)


def _import_local(folder, module, space, names):
    path = folder / f"{module}.py"
    if path.is_file():
        inner = {"problems": space["problems"]}
        _define(path.read_text("utf-8", errors="replace"), path.name, folder, inner)
        wanted = inner if "*" in names else names
        space |= {name: inner[name] for name in wanted if name in inner and name in NAMES}


SOURCES = {}  # file name of compiled code: its lines


# The checks ---------------------------------------------------------------------------------------


def _array(value, where):
    if value is None:
        raise WrongError(f"{where} gives None; expected an array: is its `return` missing?")
    return np.array(value)


def _get(thing, name):
    if not hasattr(thing, name):
        raise WrongError(f"{type(thing).__name__} has no {name}; expected self.{name} to be stored")
    return _array(getattr(thing, name), f"{type(thing).__name__}.{name}")


def _weights(rnn, start=""):
    return {name: _get(rnn, start + name) for name in ("Wx", "Wh", "bh")}


def _set(rnn, **arrays):
    for name, A in arrays.items():
        setattr(rnn, name, A.astype(_get(rnn, name).dtype))


def initialization(s):
    return {f"{k}_shape": np.array(W.shape) for k, W in _weights(s["RNN"](5, 3)).items()}


def weights(s):
    np.random.seed(0)  # noqa: NPY002 - so that a layer that forgets its seed repeats itself
    return _weights(s["RNN"](2, 3, 5))


def forward(s, seed=1):
    rnn = s["RNN"](5, 3)
    np.random.seed(seed)  # noqa: NPY002
    return {"Output": _array(rnn.forward(np.random.randn(2, 4, 5)), "RNN.forward")}  # noqa: NPY002


def backward(s, seed=1):
    rnn = s["RNN"](5, 3)
    np.random.seed(seed)  # noqa: NPY002
    rnn.forward(np.random.randn(2, 4, 5))  # noqa: NPY002
    dL_dX = _array(rnn.backward(np.random.randn(2, 3)), "RNN.backward")  # noqa: NPY002
    return {"dL_dX": dL_dX} | {f"dL_d{k}": g for k, g in _weights(rnn, "dL_d").items()}


def _other_rnn(s):
    """An RNN far from its start, with N, T, D, H all different and a bias that is not zero."""
    rng, rnn = np.random.default_rng(11), s["RNN"](2, 3)
    Wx, Wh, bh = (rng.normal(0, 0.6, shape) for shape in ((3, 2), (3, 3), (3, 1)))
    _set(rnn, Wx=Wx, Wh=Wh, bh=bh)
    return rnn, rng.normal(size=(4, 5, 2)), 100 * rng.normal(size=(4, 3))


def other_forward(s):
    rnn, X, _ = _other_rnn(s)
    before = X.copy()
    first = _array(rnn.forward(X), "RNN.forward")
    again = _array(rnn.forward(X), "RNN.forward")
    return {"Output": first, "Output of a second call": again, "X afterwards": X - before}


def other_backward(s):
    rnn, X, dH = _other_rnn(s)
    before = dH.copy()
    for x in (-X, X):  # the first must leave no trace
        rnn.forward(x)
        dL_dX = _array(rnn.backward(dH), "RNN.backward")
    gradients = {f"dL_d{k}": g for k, g in _weights(rnn, "dL_d").items()}
    return {"dL_dX": dL_dX, **gradients, "dH afterwards": dH - before}


def rnn_update(s):
    rnn, X, dH = _other_rnn(s)
    rnn.forward(X)
    rnn.backward(dH / 100)
    names = [name for name in vars(rnn) if name.startswith("dL_d")]
    for name in names:  # so that only update is judged
        setattr(rnn, name, np.ones(np.shape(getattr(rnn, name))))
    rnn.update(0.1)
    return _weights(rnn)


def dense(s):
    layer, rng = s["Dense"](4, 2, 3), np.random.default_rng(5)
    W, b = (np.array(layer.parameters[name]) for name in "Wb")
    layer.parameters["b"] = rng.normal(size=(1, 2))
    A, dZ = rng.normal(size=(3, 4)), rng.normal(size=(3, 2))
    A_before, dZ_before = A.copy(), dZ.copy()
    Z = _array(layer.forward(A), "Dense.forward")
    dA = _array(layer.backward(dZ), "Dense.backward")
    figures = {"W": W, "b": b, "Z": Z, "dA": dA, "dW": _get(layer, "dW"), "db": _get(layer, "db")}
    if figures["dW"].shape != W.shape or figures["db"].shape != b.shape:
        got = figures["dW"].shape, figures["db"].shape
        raise WrongError(f"dW and db: expected shapes {W.shape} and {b.shape}, got {got}")
    layer.update(0.1)
    figures |= {f"{name} after update": np.array(layer.parameters[name]) for name in "Wb"}
    return figures | {"A afterwards": A - A_before, "dZ afterwards": dZ - dZ_before}


def activation(kind):
    def check(s):
        layer, rng = s["Activation"](kind, None), np.random.default_rng(6)
        Z, dA, Y = rng.normal(size=(4, 3)), rng.normal(size=(4, 3)), np.eye(3)[[0, 2, 1, 1]]
        before = Z.copy(), dA.copy()
        A = _array(layer.forward(Z), f"{kind}, forward")
        dZ = layer.backward(None, Y) if kind == "softmax" else layer.backward(dA)
        dZ = _array(dZ, f"{kind}, backward")
        after = {"Z afterwards": Z - before[0], "dA afterwards": dA - before[1]}
        return {"A": A, "dZ": dZ} | after

    return check


def flatten(s):
    layer, A = s["Flatten"](), np.arange(24.0).reshape(4, 3, 2)
    flat = _array(layer.forward(A), "Flatten.forward")
    return {"A": flat, "dA": _array(layer.backward(np.array(flat) * 2), "Flatten.backward")}


def losses(s):
    AL = np.array([[0.2, 0.5, 0.3], [0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.25, 0.4, 0.35]])
    Y = np.eye(3)[[1, 0, 2, 0]]
    mse = _array(s["compute_MSE_loss"](5 * AL, Y), "compute_MSE_loss")
    return {"MSE": mse, "CCE": _array(s["compute_CCE_loss"](AL, Y), "compute_CCE_loss")}


def model_class(s, seed=1):
    np.random.seed(seed)  # noqa: NPY002
    X, Y, model = np.random.randn(3, 3, 1), np.array([[1], [0], [1]]), s["Model"]()  # noqa: NPY002
    for layer in (
        s["RNN"](1, 4),
        s["RNN"](4, 4),
        s["Dense"](4, 1),
        s["Activation"]("sigmoid", None),
    ):
        model.add(layer)
    AL = _array(model.forward(X), "Model.forward")
    dA_prev = _array(model.backward(AL, Y=Y), "Model.backward")
    model.update(0.1)
    after = {f"{k} of RNN": W for k, W in _weights(model.layers[0]).items()}
    return {"AL": AL, "dA_prev": dA_prev} | after


def _small_model(s, softmax):
    rng, model = np.random.default_rng(7), s["Model"]()
    rnn, top = s["RNN"](3, 4), s["Dense"](4, 3)
    _set(rnn, Wx=rng.normal(0, 0.6, (4, 3)), Wh=rng.normal(0, 0.6, (4, 4)))
    for layer in (rnn, top, *([s["Activation"]("softmax", None)] if softmax else [])):
        model.add(layer)
    return model, rng.normal(size=(8, 4, 3)), np.eye(3)[[0, 1, 2, 2, 1, 0, 1, 2]]


@contextlib.contextmanager
def _unshuffled():
    """Let NumPy's global generator mix nothing: whether a training shuffles is free."""
    before = np.random.permutation, np.random.shuffle
    np.random.permutation = lambda n: np.arange(n) if np.ndim(n) == 0 else np.array(n)
    np.random.shuffle = lambda array: None
    try:
        yield
    finally:
        np.random.permutation, np.random.shuffle = before


def training(s):
    figures = {}
    for loss in ("mse", "cce"):
        model, X, y = _small_model(s, loss == "cce")
        with np.errstate(all="ignore"), _unshuffled():
            model.train(X[:5], y[:5], X[5:], y[5:], 2, 0.1, 2, loss)
        for name in ("train_losses", "val_losses"):
            figures[f"{name}, {loss}"] = _get(model, name)
        out = _array(model.predict(X), "Model.predict"), _array(model.forward(X), "Model.forward")
        figures[f"predict less forward, {loss}"] = out[0] - out[1]
    return figures


def sequences(s):
    """Beyond the course: all states, and the true gradient with respect to the input."""
    rng, options = np.random.default_rng(3), {"return_sequences": True, "input_gradient": "true"}
    rnn = s["RNN"](2, 3, **options)
    _set(rnn, Wx=rng.normal(0, 0.6, (3, 2)), Wh=rng.normal(0, 0.6, (3, 3)))
    X, dH = rng.normal(size=(4, 5, 2)), rng.normal(size=(4, 5, 3))
    H = _array(rnn.forward(X), "RNN.forward")
    dX = _array(rnn.backward(dH), "RNN.backward")
    quotients = np.empty(X.shape)
    for i in np.ndindex(X.shape):
        step = np.zeros(X.shape)
        step[i] = 1e-6
        quotients[i] = np.sum(dH * (rnn.forward(X + step) - rnn.forward(X - step))) / 2e-6
    last = s["RNN"](2, 3)
    _set(last, **_weights(rnn))
    states = np.stack([last.forward(X[:, : t + 1]) for t in range(5)], axis=1)
    if H.shape != states.shape or np.abs(H - states).max() > 1e-6:
        raise WrongError("return_sequences: expected h_t in [:, t - 1], the last state of t steps")
    if dX.shape != X.shape or np.abs(dX - quotients).max() > 1e-6:
        raise WrongError('input_gradient="true": expected the difference quotients of X, (N, T, D)')
    return {}


KINDS = "sigmoid", "relu", "softmax", "linear"
CHECKS = {  # name: (figures, the names it needs, those judged here; the others are then ours)
    "Dense": (dense, ["Dense"]),
    **{f"Activation, {kind}": (activation(kind), ["Activation"]) for kind in KINDS},
    "Flatten": (flatten, ["Flatten"]),
    "Losses": (losses, ["compute_MSE_loss", "compute_CCE_loss"]),
    "RNN_initialization": (initialization, ["RNN"]),
    "RNN weights": (weights, ["RNN"]),
    "RNN_forward": (forward, ["RNN"]),
    "RNN, other sizes and a bias, forward": (other_forward, ["RNN"]),
    "RNN_backward": (backward, ["RNN"]),
    "RNN, other sizes and a bias, backward": (other_backward, ["RNN"]),
    "RNN.update": (rnn_update, ["RNN"]),
    "Model by itself": (model_class, ["Model"]),
    "Training": (training, ["Model"]),
    "Model_class": (model_class, ["Model", "RNN", "Dense", "Activation"]),
    "Beyond the course: sequences": (sequences, ["RNN"]),
}
BEYOND = "Beyond the course: sequences"


# Comparing and naming -----------------------------------------------------------------------------


@cache
def solution(old="", new=""):
    """Return the names of the plain solution, with one change where `old` is given."""
    space = {}
    exec(compile(SOLUTION.replace(old, new) if old else SOLUTION, "<solution>", "exec"), space)
    return space


def figures_of(check, space, seed=1):
    """Return the figures of a check made with the classes in `space`; of the graded with a seed."""
    function, _ = CHECKS[check]
    seeded = {"seed": seed} if function in (forward, backward, model_class) else {}
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return function(space, **seeded)


def graded(seed):
    """Return what the course's four checks save for a seed: {check: {key: array, or shape}}.

    All by the plain solution; the inputs are drawn anew, in the order in which the checks draw.
    """
    np.random.seed(seed)  # noqa: NPY002
    X, dH = np.random.randn(2, 4, 5), np.random.randn(2, 3)  # noqa: NPY002
    saved = {"RNN_initialization": figures_of("RNN_initialization", solution())}
    shapes = saved["RNN_initialization"]
    saved["RNN_initialization"] = {key: tuple(shape.tolist()) for key, shape in shapes.items()}
    for check, inputs in (("RNN_forward", {"X": X}), ("RNN_backward", {"dH": dH})):
        figures = inputs | figures_of(check, solution(), seed)
        saved[check] = {}
        for key, value in figures.items():
            saved[check] |= {f"{key}_shape": value.shape, key: value}
    return saved | {"Model_class": figures_of("Model_class", solution(), seed)}


@cache
def _fingerprints(check, seed):
    """Return {name: figures} of all known mistakes that can be made in a check."""
    result = {}
    for name, _, old, new in MISTAKES:
        with contextlib.suppress(Exception), np.errstate(all="ignore"):
            judged = {key: solution(old, new)[key] for key in CHECKS[check][1]}
            result[name] = figures_of(check, solution() | judged, seed)
    return result


def close(yours, theirs, bound=1e-9):
    """Whether two arrays agree in shape and, as a part of the largest expected number, in value."""
    yours, theirs = np.asarray(yours), np.asarray(theirs)
    if yours.shape != theirs.shape or yours.dtype.kind not in "biuf":
        return False
    scale = np.abs(theirs).max(initial=0) or 1.0
    return bool(np.abs(yours - theirs).max(initial=0) <= bound * scale)


def name_mistakes(check, figures, seed=1):
    """Return the names of the known mistakes that give exactly these figures; [] for right ones.

    Args:
        check: name of one of CHECKS, such as "RNN_backward".
        figures: {key: array}; keys that the check does not have are ignored.
        seed: 1 or 42, of the graded checks.
    """
    right = figures_of(check, solution(), seed)
    keys = [key for key in right if key in figures]
    if not keys or all(close(figures[key], right[key]) for key in keys):
        return []
    named = {
        name: all(close(figures[key], wrong[key]) for key in keys)
        for name, wrong in _fingerprints(check, seed).items()
        if all(key in wrong for key in keys)
    }
    return [name for name, same in named.items() if same]


def compare(check, figures, bound=1e-9):
    """Return (sentences, mistakes) for figures of a check; ([], []) where all are right."""
    variants = [solution()]
    if check == "Training":  # what the course leaves free
        (a, b), (c, d) = FREE
        both = SOLUTION.replace(a, b).replace(c, d)
        variants += [solution(a, b), solution(c, d), solution(SOLUTION, both)]
    right = figures_of(check, variants[0])
    if not any(_all_close(figures, figures_of(check, v), bound) for v in variants):
        bad = [key for key in right if not close(figures[key], right[key], bound)]
        names = name_mistakes(check, figures)
        if names:
            return [_named(names)], names
        good = [key for key in right if key not in bad and not key.endswith("afterwards")]
        says = [_difference(key, figures[key], right[key]) for key in bad]
        if check in ("RNN_forward", "RNN_backward") and _all_close(
            figures, figures_of(check, solution(), 42), bound
        ):
            says = ["these are the figures of seed 42, expected those of seed 1"]
        return says + ([f"right are {', '.join(good)}"] if good else []), []
    return [], []


def _named(names):
    rules = dict.fromkeys(rule for name, rule, _, _ in MISTAKES if name in names)
    return f"these are the figures of: {' or: '.join(names)}. Right is: {'; '.join(rules)}"


def _all_close(figures, right, bound):
    return all(close(figures[key], right[key], bound) for key in right)


def _bound(space):
    """Return the difference that is rounding for the student's RNN: float32 has seven digits."""
    with contextlib.suppress(Exception):
        if space["RNN"](2, 3).Wx.dtype == np.float32:
            return 1e-5
    return 1e-9


def _difference(key, yours, right):
    """Return one sentence on how `yours` differs from `right`."""
    if key.endswith("afterwards"):
        return f"your code changes the array {key.split()[0]} that it is given; work on a copy"
    if yours.shape != right.shape:
        return f"{key}: expected shape {right.shape}, got {yours.shape}"
    if yours.dtype.kind not in "biuf" or not np.isfinite(yours).all():
        return f"{key}: expected finite numbers, got NaN, infinity or no numbers"
    nonzero = np.abs(right) > 1e-12 * np.abs(right).max()
    ratios = yours[nonzero] / right[nonzero] if nonzero.any() else np.array([1.0])
    ratio, spread = np.median(ratios), np.ptp(ratios)
    if spread < 1e-6 * abs(ratio) and abs(ratio - 1) > 1e-6:
        return f"{key}: every number is {ratio:.6g} times the expected one"
    if right.ndim == 2 and right.shape[0] == right.shape[1] and close(yours, right.T):
        return f"{key}: it is the transpose of the expected array"
    if close(yours, right, 1e-3):
        off = np.abs(yours - right).max() / np.abs(right).max()
        return f"{key}: agrees in the first digits only, off by {off:.1e} of its largest number"
    with np.printoptions(precision=6, threshold=12):
        flat = f"expected {right.ravel()[:4]}, got {yours.ravel()[:4]}"
    return f"{key}: {flat} (its first numbers)"


def _failure(error):
    """Return one sentence on an exception in the student's code: the line, and its arrays."""
    if isinstance(error, WrongError):
        return str(error)
    if isinstance(error, NotImplementedError):
        return str(error) or "not written yet"
    frames = [
        f for f in traceback.walk_tb(error.__traceback__) if f[0].f_code.co_filename in SOURCES
    ]
    if not frames:
        return f"could not be called as the course has it ({error})"
    frame, number = frames[-1]
    name, lines = frame.f_code.co_filename, SOURCES[frame.f_code.co_filename]
    line = lines[number - 1].strip()
    place = f"{frame.f_code.co_name} stops in {name.strip('<>')}, line {number}, at `{line}`"
    if isinstance(error, NameError):
        return f"{place}: the name {error.name} is defined in no cell as a constant or a function"
    if isinstance(error, AttributeError):
        owner = type(error.obj).__name__
        return f"{place}: {owner} has no {error.name}; was it stored, or is a `return` missing?"
    if isinstance(error, AssertionError):
        return f"{place}: the assertion does not hold"
    used = {node.id for node in ast.walk(_parsed(line)) if isinstance(node, ast.Name)}
    shapes = {k: v.shape for k, v in frame.f_locals.items() if k in used and hasattr(v, "shape")}
    shapes |= {
        f"self.{k}": v.shape
        for k, v in vars(frame.f_locals.get("self", object)).items()
        if f"self.{k}" in line and hasattr(v, "shape")
    }
    told = ", ".join(f"{k} {v}" for k, v in shapes.items())
    return f"{place}, where shapes or kinds do not fit{': ' + told if told else ''}"


def _parsed(line):
    try:
        return ast.parse(line.rstrip(":"))
    except SyntaxError:
        return ast.parse("")


def check_all(space):
    """Return [{"check", "ok", "says", "mistakes"}] of all checks of the names in `space`."""
    report = []
    for check, (_, needed) in CHECKS.items():
        missing = [name for name in needed if name not in space]
        says, mistakes = [], []
        if missing:
            says = [f"{', '.join(missing)}: not defined in the notebook, nor in a file beside it"]
        elif check == BEYOND and not _has_options(space["RNN"]):
            continue
        else:
            ours = {name: solution()[name] for name in NAMES if name not in needed}
            try:
                with _replaced(space, ours if check in ("Model by itself", "Training") else {}):
                    figures = figures_of(check, space)
                    says, mistakes = (
                        compare(check, figures, _bound(space)) if check != BEYOND else ([], [])
                    )
            except Exception as error:
                says = [_failure(error)]
        report.append({"check": check, "ok": not says, "says": says, "mistakes": mistakes})
    return _placed(report)


def _has_options(rnn):
    code = getattr(rnn.__init__, "__code__", None)
    return code is not None and {"return_sequences", "input_gradient"} <= {*code.co_varnames}


@contextlib.contextmanager
def _replaced(space, others):
    """Let the student's Model meet `others`, our layers, under the names that it knows."""
    before = {name: space[name] for name in others if name in space}
    space.update(others)
    try:
        yield
    finally:
        for name in others:
            del space[name]
        space.update(before)


def _placed(report):
    """Settle which mistake explains several checks, and where a fault of Model_class lies."""
    ok = {entry["check"]: entry["ok"] for entry in report}
    for subject in ("RNN", "Model"):  # one mistake explains all that fails, where one does
        named = [e for e in report if CHECKS[e["check"]][1] == [subject] and e["mistakes"]]
        common = set.intersection(*({*e["mistakes"]} for e in named)) if named else set()
        for entry in named if common else []:
            entry["mistakes"] = [name for name in entry["mistakes"] if name in common]
            entry["says"] = [_named(entry["mistakes"])]
    last = next(entry for entry in report if entry["check"] == "Model_class")
    if not last["ok"] and not ok["Model by itself"]:
        alone = next(entry for entry in report if entry["check"] == "Model by itself")
        last["says"], last["mistakes"] = alone["says"], alone["mistakes"]
    elif not last["ok"]:
        wrong = [name for name, right in ok.items() if not right and name != "Model_class"]
        if wrong:
            last["says"], last["mistakes"] = [f"follows from: {', '.join(wrong)}"], []
    return report


def main(argv=None):
    parser = argparse.ArgumentParser(prog="check", description=__doc__.splitlines()[0])
    parser.add_argument("path", nargs="?", default=".", help="a folder or a notebook")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(argv)
    try:
        space = definitions(args.path)
    except (ValueError, OSError) as error:
        print(f"check: {error}", file=sys.stderr)
        return 2
    report = check_all(space)
    if args.json:
        print(json.dumps({"checks": report}, indent=1))
    else:
        for sentence in space["problems"]:
            print(f"?   {sentence}")
        for entry in report:
            print(f"{'ok ' if entry['ok'] else '-- '} {entry['check']}")
            for sentence in entry["says"]:
                print(f"      {sentence}")
    return 0 if all(entry["ok"] for entry in report if entry["check"] != BEYOND) else 1


if __name__ == "__main__":
    status = main()
    if "ipykernel" not in sys.modules:
        sys.exit(status)
