"""What is wrong with my layer, my model? It checks a notebook or a folder, names known mistakes.

    python check.py [PATH] [--json]     in a terminal, with mistakes.py beside check.py
    %run check.py                       in a notebook

RNN, Model, layers and losses are taken from the notebook's cells where it defines them, else from
the files beside it. Only definitions are read: no cell runs and no training of yours starts.
"""

import argparse
import ast
import json
import re
import sys
import traceback
from contextlib import redirect_stderr, redirect_stdout, suppress
from functools import cache, partial
from io import StringIO
from pathlib import Path
from unittest.mock import patch

import numpy as np

try:
    from tools.check.mistakes import FREE, MISTAKES, SOLUTION, WEIGHTS
except ImportError:  # copied beside a notebook
    from mistakes import FREE, MISTAKES, SOLUTION, WEIGHTS

NAMES = "RNN", "Model", "Dense", "Activation", "Flatten", "compute_MSE_loss", "compute_CCE_loss"
COURSE = "RNN_initialization", "RNN_forward", "RNN_backward", "Model_class"  # in the .npy
DEFINE = ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef
KINDS = "sigmoid", "relu", "softmax", "linear"
GRADIENTS = [f"dL_d{name}" for name in WEIGHTS]
SOURCES = {}  # file name of compiled code: its lines


class WrongError(Exception):
    """What a check found; its text is one sentence for the student."""


# Reading ------------------------------------------------------------------------------------------


def code_cells(raw):
    """Return (source, cell) of the code cells in the bytes of a notebook, formats 3 and 4.

    Raises:
        ValueError: it is not a notebook.
    """
    try:
        notebook = json.loads(raw.decode("utf-8-sig"))
        sheets = notebook.get("worksheets") or [notebook]
        cells = [cell for sheet in sheets for cell in sheet["cells"]]
        code = [cell for cell in cells if cell["cell_type"] == "code"]
        return [("".join(cell.get("source", cell.get("input", ""))), cell) for cell in code]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("expected a notebook (.ipynb), got another file") from error


def read_cells(path):
    """Return the sources of the code cells of the notebook at `path`; else ValueError."""
    try:
        return [source for source, _ in code_cells(Path(path).read_bytes())]
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def definitions(path):
    """Return {name: object} of what a notebook, a folder with one, or its files define.

    Classes, functions, imports and plain constants; no cell runs. Under "problems" stand sentences
    about cells that cannot be read.

    Raises:
        ValueError, FileNotFoundError: there is nothing to read.
    """
    path, space = Path(path), {"problems": []}
    if not path.exists():
        raise FileNotFoundError(f"{path}: expected a notebook or a folder, found nothing there")
    folder = path if path.is_dir() else path.parent
    notebooks = [path] if path.is_file() else [p for p in [folder / "Lab6.ipynb"] if p.is_file()]
    if not notebooks:
        notebooks = [p for p in folder.glob("*.ipynb") if not re.search(r"failed|executed", p.name)]
    if len(notebooks) > 1:
        raise ValueError(f"{folder}: expected one notebook, got {len(notebooks)}; name the one")
    sources = read_cells(notebooks[0]) if notebooks else []
    for name in ("Dense", "Activation", "Flatten", "Loss", "RNN"):
        _import_local(folder, name, space, {name: name for name in NAMES})
    for number, source in enumerate(sources, 1):
        _define(source, f"cell {number}", folder, space)
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
    SOURCES[f"<{where}>"] = lines
    for node in tree.body:
        constant = isinstance(node, (ast.Assign, ast.AnnAssign)) and not _calls(node)
        if isinstance(node, ast.ImportFrom) and (folder / f"{node.module}.py").is_file():
            names = {alias.name: alias.asname or alias.name for alias in node.names}
            _import_local(folder, node.module, space, names)
        elif constant or isinstance(node, DEFINE):
            with suppress(Exception):  # a package that is missing is missed when used
                exec(compile(ast.Module([node], []), f"<{where}>", "exec"), space)


def _calls(node):
    """Whether evaluating the syntax tree `node` calls anything; a table of functions does not."""
    inner = () if isinstance(node, ast.Lambda) else ast.iter_child_nodes(node)
    return isinstance(node, ast.Call) or any(map(_calls, inner))


def _import_local(folder, module, space, names):
    path = folder / f"{module}.py"
    if path.is_file():
        inner = {"problems": space["problems"]}
        _define(path.read_text("utf-8", errors="replace"), path.name, folder, inner)
        names = {name: name for name in inner} if "*" in names else names
        space |= {here: inner[name] for name, here in names.items() if name in inner}


# The checks: each takes {name: class or function}, returns {key: array} ---------------------------


def _array(value, where):
    if value is None:
        raise WrongError(f"{where} gives None; expected an array: is its `return` missing?")
    return np.array(value)


def _call(thing, method, *args):
    return _array(getattr(thing, method)(*args), f"{type(thing).__name__}.{method}")


def _get(thing, *names):
    return {name: _array(getattr(thing, name), f"{type(thing).__name__}.{name}") for name in names}


def _rnn(s, D=2, H=3, **options):
    """Return an RNN far from its start, with a bias that is not zero."""
    rng, rnn = np.random.default_rng(11), s["RNN"](D, H, **options)
    shapes = [(H, D), (H, H), (H, 1)]
    for (name, W), shape in zip(_get(rnn, *WEIGHTS).items(), shapes, strict=True):
        setattr(rnn, name, rng.normal(0, 0.6, shape).astype(W.dtype))
    return rnn


def _model(s, *layers):
    model = s["Model"]()
    for layer in layers:
        model.add(layer)
    return model


def initialization(s):
    start = _get(s["RNN"](5, 3), *WEIGHTS)
    return {f"{name}_shape": np.array(W.shape) for name, W in start.items()}


def weights(s):
    np.random.seed(0)  # so that a layer that forgets its seed repeats itself
    return _get(s["RNN"](2, 3, 5), *WEIGHTS)


def forward(s, seed=1):
    rnn = s["RNN"](5, 3)
    np.random.seed(seed)
    return {"Output": _call(rnn, "forward", np.random.randn(2, 4, 5))}


def backward(s, seed=1):
    rnn = s["RNN"](5, 3)
    np.random.seed(seed)
    rnn.forward(np.random.randn(2, 4, 5))
    return {"dL_dX": _call(rnn, "backward", np.random.randn(2, 3)), **_get(rnn, *GRADIENTS)}


def other_forward(s):
    rnn, X = _rnn(s), np.random.default_rng(3).normal(size=(4, 5, 2))
    before = X.copy()
    first, again = _call(rnn, "forward", X), _call(rnn, "forward", X)
    return {"Output": first, "Output of a second call": again, "X afterwards": X - before}


def other_backward(s):
    rnn, rng = _rnn(s), np.random.default_rng(3)
    X, dH = rng.normal(size=(4, 5, 2)), 100 * rng.normal(size=(4, 3))
    before = dH.copy()
    for x in (-X, X):  # the first must leave no trace
        rnn.forward(x)
        dL_dX = _call(rnn, "backward", dH)
    return {"dL_dX": dL_dX, **_get(rnn, *GRADIENTS), "dH afterwards": dH - before}


def rnn_update(s):
    rnn = _rnn(s)
    rnn.forward(np.ones((4, 5, 2)))
    rnn.backward(np.ones((4, 3)))
    for name in [name for name in vars(rnn) if name.startswith("dL_d")]:
        setattr(rnn, name, np.ones(np.shape(getattr(rnn, name))))  # so that only update is judged
    rnn.update(0.1)
    return _get(rnn, *WEIGHTS)


def dense(s):
    layer, rng = s["Dense"](4, 2, 3), np.random.default_rng(5)
    figures = {name: np.array(layer.parameters[name]) for name in "Wb"}
    layer.parameters["b"] = rng.normal(size=(1, 2))
    A, dZ = rng.normal(size=(3, 4)), rng.normal(size=(3, 2))
    before = A.copy(), dZ.copy()
    figures |= {"Z": _call(layer, "forward", A), "dA": _call(layer, "backward", dZ)}
    figures |= _get(layer, "dW", "db")
    got, wanted = (" and ".join(str(figures[d + n].shape) for n in "Wb") for d in ("d", ""))
    if got != wanted:
        raise WrongError(f"dW and db: expected shapes {wanted}, got {got}")
    layer.update(0.1)
    figures |= {f"{name} after update": np.array(layer.parameters[name]) for name in "Wb"}
    return figures | {"A afterwards": A - before[0], "dZ afterwards": dZ - before[1]}


def activation(kind, s):
    layer, rng = s["Activation"](kind, None), np.random.default_rng(6)
    Z, dA, Y = rng.normal(size=(4, 3)), rng.normal(size=(4, 3)), np.eye(3)[[0, 2, 1, 1]]
    before = Z.copy(), dA.copy()
    A = _call(layer, "forward", Z)
    dZ = _call(layer, "backward", *([None, Y] if kind == "softmax" else [dA]))
    return {"A": A, "dZ": dZ, "Z afterwards": Z - before[0], "dA afterwards": dA - before[1]}


def flatten(s):
    layer = s["Flatten"]()
    flat = _call(layer, "forward", np.arange(24.0).reshape(4, 3, 2))
    return {"A": flat, "dA": _call(layer, "backward", flat * 2)}


def losses(s):
    AL = np.array([[0.2, 0.5, 0.3], [0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.25, 0.4, 0.35]])
    Y = np.eye(3)[[1, 0, 2, 0]]
    mse = _array(s["compute_MSE_loss"](5 * AL, Y), "compute_MSE_loss")
    return {"MSE": mse, "CCE": _array(s["compute_CCE_loss"](AL, Y), "compute_CCE_loss")}


def model_class(s, seed=1):
    np.random.seed(seed)
    X, rnn, top = np.random.randn(3, 3, 1), s["RNN"], s["Activation"]("sigmoid", None)
    model = _model(s, rnn(1, 4), rnn(4, 4), s["Dense"](4, 1), top)
    AL = _call(model, "forward", X)
    dA_prev = _array(model.backward(AL, Y=np.array([[1], [0], [1]])), "Model.backward")
    model.update(0.1)
    after = _get(model.layers[0], *WEIGHTS).items()
    return {"AL": AL, "dA_prev": dA_prev, **{f"{name} of RNN": W for name, W in after}}


def training(s):
    figures, rng = {}, np.random.default_rng(7)
    unmixed = {"shuffle": lambda A: None}  # whether a training shuffles is free
    unmixed["permutation"] = lambda n: np.array(n) if np.ndim(n) else np.arange(n)
    X, y = rng.normal(size=(8, 4, 3)), np.eye(3)[[0, 1, 2, 2, 1, 0, 1, 2]]
    for loss, top in ("mse", []), ("cce", [s["Activation"]("softmax", None)]):
        model = _model(s, _rnn(s, 3, 4), s["Dense"](4, 3), *top)
        with np.errstate(all="ignore"), patch.multiple(np.random, **unmixed):
            model.train(X[:5], y[:5], X[5:], y[5:], 2, 0.1, 2, loss)
        got = _get(model, "train_losses", "val_losses")
        got["predict less forward"] = _call(model, "predict", X) - _call(model, "forward", X)
        figures |= {f"{name}, {loss}": A for name, A in got.items()}
    return figures


def sequences(s):
    """All states, and the true gradient with respect to the input; {} if right, None if neither."""
    options = {"return_sequences": True, "input_gradient": "true"}
    code = getattr(s["RNN"].__init__, "__code__", None)
    if code is None or not {*options} <= {*code.co_varnames}:
        return None
    rng, rnn, last = np.random.default_rng(3), _rnn(s, **options), _rnn(s)
    X, dH = rng.normal(size=(4, 5, 2)), rng.normal(size=(4, 5, 3))
    H, dX = _call(rnn, "forward", X), _call(rnn, "backward", dH)
    if not close(H, np.stack([last.forward(X[:, : t + 1]) for t in range(5)], axis=1), 1e-6):
        raise WrongError("return_sequences: expected h_t in [:, t - 1], the last state of t steps")
    steps = 1e-6 * np.eye(X.size).reshape(-1, *X.shape)
    ahead, back = (
        [np.sum(dH * rnn.forward(X + sign * step)) for step in steps] for sign in (1, -1)
    )
    if not close(dX, np.subtract(ahead, back).reshape(X.shape) / 2e-6, 1e-6):
        raise WrongError('input_gradient="true": expected the difference quotients of X, (N, T, D)')
    return {}


CHECKS = {  # name: (figures, the names it needs, those judged here; the others are then ours)
    "Dense": (dense, ["Dense"]),
    **{f"Activation, {k}": (partial(activation, k), ["Activation"]) for k in KINDS},
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


# Comparing and naming -----------------------------------------------------------------------------


@cache
def solution(*changes):
    """Return the names of the plain solution, with changes (old, new) of its text."""
    source, space = SOLUTION, {}
    for old, new in changes:
        source = source.replace(old, new)
    exec(compile(source, "<solution>", "exec"), space)
    return space


def figures_of(check, space, seed=1):
    """Return the figures of a check made with the classes in `space`; of the graded with a seed."""
    function, _ = CHECKS[check]
    seeded = function in (forward, backward, model_class)
    return function(space, seed) if seeded else function(space)


def graded(seed):
    """Return what the course's four checks save for a seed: {check: {key: array, or shape}}.

    All by the plain solution; the inputs are drawn anew, in the order in which the checks draw.
    """
    saved = {check: figures_of(check, solution(), seed) for check in COURSE}
    shapes = saved["RNN_initialization"]
    saved["RNN_initialization"] = {key: tuple(shape.tolist()) for key, shape in shapes.items()}
    np.random.seed(seed)
    inputs = {"X": np.random.randn(2, 4, 5)}, {"dH": np.random.randn(2, 3)}
    for check, given in zip(COURSE[1:3], inputs, strict=True):
        figures, saved[check] = given | saved[check], {}
        for key, A in figures.items():
            saved[check] |= {f"{key}_shape": A.shape, key: A}
    return saved


@cache
def _fingerprints(check, seed):
    """Return {name: figures} of all known mistakes that can be made in a check."""
    result = {}
    for name, _, old, new in MISTAKES:
        with suppress(Exception), np.errstate(all="ignore"):
            judged = {key: solution((old, new))[key] for key in CHECKS[check][1]}
            result[name] = figures_of(check, solution() | judged, seed)
    return result


def close(yours, theirs, bound=1e-9):
    """Whether two arrays agree in shape and, as a part of the largest expected number, in value."""
    yours, theirs = np.asarray(yours), np.asarray(theirs)
    if yours.shape != theirs.shape or yours.dtype.kind not in "biuf":
        return False
    scale = np.abs(theirs).max(initial=0) or 1.0
    return bool(np.abs(yours - theirs).max(initial=0) <= bound * scale)


def _all_close(figures, right, bound=1e-9):
    return all(close(figures[key], right[key], bound) for key in right if key in figures)


def name_mistakes(check, figures, seed=1):
    """Return the names of the known mistakes that give exactly these figures; [] for right ones.

    `check` is one of CHECKS, `seed` that of the graded ones, 1 or 42. In `figures`, {key: array},
    keys that the check does not have are ignored.
    """
    if _all_close(figures, figures_of(check, solution(), seed)):
        return []
    known = _fingerprints(check, seed)
    return [name for name, wrong in known.items() if _all_close(figures, wrong)]


def compare(check, figures, bound=1e-9):
    """Return (sentences, mistakes) for figures of a check; ([], []) where all are right."""
    ways = [(), FREE[:1], FREE[1:], FREE] if check == "Training" else [()]
    if any(_all_close(figures, figures_of(check, solution(*way)), bound) for way in ways):
        return [], []
    names = name_mistakes(check, figures)
    if names:
        return [_named(names)], names
    if _all_close(figures, figures_of(check, solution(), 42), bound):
        return ["these are the figures of seed 42, expected those of seed 1"], []
    right = figures_of(check, solution())
    bad = [key for key in right if not close(figures[key], right[key], bound)]
    says = [_difference(key, figures[key], right[key]) for key in bad]
    good = [key for key in right if key not in bad and not key.endswith("afterwards")]
    return says + ([f"right are {', '.join(good)}"] if good else []), []


def _named(names):
    rules = dict.fromkeys(rule for name, rule, _, _ in MISTAKES if name in names)
    return f"these are the figures of: {' or: '.join(names)}. Right is: {'; '.join(rules)}"


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
    with np.printoptions(precision=6):
        first = f"expected {right.ravel()[:4]}, got {yours.ravel()[:4]}"
    return f"{key}: {first} (its first numbers)"


def _failure(error):
    """Return one sentence on an exception in the student's code: the line, and its arrays."""
    if isinstance(error, (WrongError, NotImplementedError)):
        return str(error) or "not written yet"
    walked = traceback.walk_tb(error.__traceback__)
    frames = [(frame, line) for frame, line in walked if frame.f_code.co_filename in SOURCES]
    if not frames and isinstance(error, AttributeError):
        return f"{type(error.obj).__name__} has no {error.name}; expected it as self.{error.name}"
    if not frames:
        return f"could not be called as the course has it ({error})"
    frame, number = frames[-1]
    where, known = frame.f_code.co_filename, dict(frame.f_locals)
    line = SOURCES[where][number - 1].strip()
    place = f"{frame.f_code.co_name} stops in {where.strip('<>')}, line {number}, at `{line}`"
    if isinstance(error, NameError):
        return f"{place}: the name {error.name} is defined in no cell as a constant or a function"
    if isinstance(error, AttributeError):
        owner = type(error.obj).__name__
        return f"{place}: {owner} has no {error.name}; was it stored, or is a `return` missing?"
    if isinstance(error, AssertionError):
        return f"{place}: the assertion does not hold"
    known |= {f"self.{name}": A for name, A in vars(known.get("self", object)).items()}
    used = [name for name in known if re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", line)]
    shapes = [f"{name} {known[name].shape}" for name in used if hasattr(known[name], "shape")]
    return f"{place}, where shapes or kinds do not fit{': ' if shapes else ''}{', '.join(shapes)}"


def check_all(space):
    """Return [{"check", "ok", "says", "mistakes"}] of all checks of the names in `space`."""
    report, bound = [], 1e-9
    with suppress(Exception):  # float32 has seven digits
        bound = 1e-5 if space["RNN"](2, 3).Wx.dtype == np.float32 else bound
    for check, (_, needed) in CHECKS.items():
        ours = NAMES if check in ("Model by itself", "Training") else ()
        ours = {name: solution()[name] for name in ours if name not in needed}
        missing = ", ".join(name for name in needed if name not in space)
        says, mistakes = [f"{missing}: not defined in the notebook, nor in a file beside it"], []
        try:
            if not missing:
                with patch.dict(space, ours):  # where the student's Model looks names up
                    figures = figures_of(check, space)
                if figures is None:
                    continue
                says, mistakes = compare(check, figures, bound) if figures else ([], [])
        except Exception as error:
            says = [_failure(error)]
        report.append({"check": check, "ok": not says, "says": says, "mistakes": mistakes})
    return _placed(report)


def _placed(report):
    """Settle which mistake explains several checks, and where a fault of Model_class lies."""
    for subject in ("RNN", "Model"):  # one mistake explains all that fails, where one does
        named = [e for e in report if CHECKS[e["check"]][1] == [subject] and e["mistakes"]]
        common = set.intersection(*({*e["mistakes"]} for e in named)) if named else set()
        for entry in named if common else []:
            entry["mistakes"] = [name for name in entry["mistakes"] if name in common]
            entry["says"] = [_named(entry["mistakes"])]
    wrong = {entry["check"]: entry for entry in report if not entry["ok"]}
    last, alone = wrong.pop("Model_class", None), wrong.get("Model by itself")
    if last and alone:
        last |= {"says": alone["says"], "mistakes": alone["mistakes"]}
    elif last and wrong:
        last |= {"says": [f"follows from: {', '.join(wrong)}"], "mistakes": []}
    return report


def main(argv=None):
    parser = argparse.ArgumentParser(prog="check", description=__doc__.splitlines()[0])
    parser.add_argument("path", nargs="?", default=".", help="a folder or a notebook")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(argv)
    try:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):  # the student's own
            space = definitions(args.path)
            report = check_all(space)
    except (ValueError, OSError, RecursionError) as error:
        print(f"check: {error}", file=sys.stderr)
        return 2
    if args.json:
        print(json.dumps({"checks": report}, indent=1))
    else:
        lines = [f"?   {sentence}" for sentence in space["problems"]]
        for entry in report:
            lines += [f"{'ok ' if entry['ok'] else '-- '} {entry['check']}"]
            lines += [f"      {sentence}" for sentence in entry["says"]]
        print("\n".join(lines))
    return 0 if all(e["ok"] for e in report if not e["check"].startswith("Beyond")) else 1


if __name__ == "__main__":
    status = main()
    if "ipykernel" not in sys.modules:
        sys.exit(status)
