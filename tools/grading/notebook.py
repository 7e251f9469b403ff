"""What a notebook's code and printed outputs show without running it.

Broken is what is certain. Whatever an honest student might have done as well is suspect.
"""

import ast
import re
import sys
import textwrap
import warnings
from functools import lru_cache
from pathlib import Path

import numpy as np

from tools.grading.submission import CODE, LAYERS, VERDICTS, Finding, quoted

ALLOWED = {"numpy", "pandas", "matplotlib", "mpl_toolkits", "tqdm", "__future__"}
FOREIGN = """
    PIL autograd catboost chainer cupy cv2 dask einops equinox fastai flax gensim hmmlearn imblearn
    jax keras lightgbm mxnet nltk numba onnx optax paddle plotly polars pyarrow requests scipy
    seaborn skimage sklearn sktime statsmodels tensorflow theano tinygrad torch torchaudio
    torchvision transformers tsfresh tslearn xgboost
"""  # what certainly is no module of the student's own
LAB = """
    RNN initialize_parameters test_initialization test_forward test_backward test_model_class
    generate_sine_wave_data Lab6_outputs y_pred_basic y_pred_advanced
"""  # of these names a notebook of the lab has most
NUMBER = re.compile(r"(?<![\w.])-?\d{1,20}\.\d*(?:e[-+]?\d{1,3})?")
DIGITS = 1e-4  # of the largest figure: what rounding in print may change
MANY, LONG, LARGE = 200, 2000, 10**50  # entries, texts, numbers that nobody writes by hand
MARK = "between_the_marks"
LONGEST = 200_000  # characters of a cell that are read
NO_CODE = ast.Module([], [])
OPTIONAL = re.compile(r"google\.colab|clip|optional", re.I)  # blocks that may stay empty


def split_blocks(source):
    """Return the lines of a cell outside the marks, MARK for a block, and the blocks' texts."""
    outside, blocks, inside = [], [], False
    for line in source[:LONGEST].splitlines():
        mark = re.match(r"([ \t]*)#+ *(START|END) CODE HERE", line)
        if not mark:
            (blocks[-1] if inside else outside).append(line)
        elif inside := mark[2] == "START":
            outside.append(mark[1] + MARK)
            blocks.append([])
    return outside, ["\n".join(block) for block in blocks]


@lru_cache(2000)  # a class has most of its cells in common
def parse(source):
    """Return the syntax tree of a cell without magics; None of what is no Python."""
    source = re.sub(r"^([ \t]*)[%!].*", r"\1pass", source[:LONGEST], flags=re.M)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "\\m" in a string and the like
            return ast.parse(textwrap.dedent(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def is_nothing(node):
    """Whether a statement stands for code that is not written yet."""
    match node:
        case ast.Pass() | ast.Raise() | ast.Expr(value=ast.Constant()) | ast.Return(value=None):
            return True
        case ast.Assign(value=x) | ast.Return(value=x):
            return isinstance(x, ast.Constant) and x.value is None
    return False


def count_blanks(cells):
    """Return how many blocks that must be filled are blank, and how many there are."""
    blank = total = 0
    for block in (block for cell in cells for block in split_blocks(cell.source)[1]):
        tree = parse(block)
        empty = tree is not None and all(map(is_nothing, tree.body))
        if not (empty and OPTIONAL.search(block)):
            total, blank = total + 1, blank + empty
    return blank, total


def compare(cells, template):
    """Return the Finding, never broken, on what Cells lack of a template, sources of its cells.

    Formatting, comments, magics, outputs and the folder of a file do not count. Added and moved
    cells, and texts, are a student's to make.
    """
    here = {line for cell in cells for line in _lines(cell.source)}
    wanted = dict.fromkeys(line for source in template for line in _lines(source))
    missing = [quoted(line, 100) for line in wanted if line not in here]
    sentences = [f"{len(missing)} of {len(wanted)} lines of the template's code are not there"]
    if 2 * len(missing) > len(wanted):
        sentences.append("if another template was handed out, give that with --template")
    return Finding("suspect", sentences + missing) if missing else Finding("ok", [])


def _lines(source):
    """Return the lines of code that the template fixes in a cell, in one form."""
    source = "\n".join(split_blocks(source)[0])
    if tree := parse.__wrapped__(source):  # its own, because it is changed
        for node in ast.walk(tree):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                node.value.value = ...  # a docstring, or a string that stands for a comment
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                node.value = re.split(r"[/\\]", node.value)[-1]  # a path without its folder
        source = ast.unparse(tree)
    lines = (line.strip() for line in source.splitlines())
    return [line for line in lines if line not in ("", "...", "pass", MARK)]


def check_packages(hand_in):
    """Return the Finding on what the notebook and the modules beside it import."""
    cells, modules = hand_in.cells, hand_in.modules()
    beside = [name for name in hand_in.files if Path(name).suffix in CODE]
    known = ALLOWED | {*LAYERS, "RNN"} | {n.split("/")[0].removesuffix(".py") for n in beside}
    if any("google.colab" in cell.source for cell in cells):
        known |= {"os", "sys", "google"}
    cleared = not any(type(cell.count) is int for cell in cells)
    imports, sentences = [], []  # (where, top module, whether it was imported for certain)
    for number, cell in enumerate(cells, 1):
        failed = any(output.get("output_type") == "error" for output in cell.outputs)
        sure = (cleared or type(cell.count) is int) and not failed
        imports += [(f"cell {number}", x, sure and always) for x, always in _imports(cell.source)]
    ran = {top for _, top, sure in imports if sure}
    for name in beside:
        own = name.split("/")[0].split(".")[0]
        if own in ALLOWED or name not in modules:
            sentences.append(f"a {quoted(name)} of its own is beside the notebook")
        found = _imports(modules.get(name, ""))
        sure = own in ran and "/" not in name  # in a folder, another file may be what is imported
        imports += [(quoted(name), top, always and sure) for top, always in found]
    verdict = "suspect" if sentences else "ok"
    for where, top, sure in imports:
        if top not in known:
            kind = " of Python's own" if top in sys.stdlib_module_names else ""
            sentences.append(f"{where} imports {quoted(top)}{kind}")
            found = "broken" if sure and top in FOREIGN.split() else "suspect"
            verdict = max(verdict, found, key=VERDICTS.index)
    return Finding(verdict, sentences)


def _imports(source):
    """Yield (top module, whether it is imported whenever the code runs)."""
    tree = parse(source) or NO_CODE
    always = {x for s in tree.body for x in (s, *(s.body if isinstance(s, ast.With) else ()))}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name.split(".")[0], node in always) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.split(".")[0], node in always


def check_is_lab(cells):
    """Return the Finding on whether it is a notebook of this lab, with output."""
    source = "\n".join(cell.source for cell in cells)
    found = [name for name in LAB.split() if re.search(rf"\b{name}\b", source)]
    if not found:
        return Finding("broken", [f"it holds nothing of the lab: {quoted(source)}"])
    doubts = [f"of the lab it has only {', '.join(found)}"] if len(found) < 5 else []
    if not any(cell.outputs for cell in cells):
        doubts.append("it has no output, which the slides ask to keep")
    return Finding("suspect" if doubts else "ok", doubts)


def doubts_about(hand_in):
    """Return sentences on blanks, trainings without output, and what is brought along."""
    cells, sources = hand_in.cells, {f"cell {i}": x.source for i, x in enumerate(hand_in.cells, 1)}
    blank, total = count_blanks(cells)
    doubts = [f"{blank} of {total} blocks are blank, as handed out"] if blank else []
    bodies = [(parse(cell.source) or NO_CODE).body for cell in cells]
    named = [x for body in bodies for x in body if isinstance(x, ast.FunctionDef)]
    trainers = {"train"} | {x.name for x in named if ".train(" in ast.unparse(x)}
    training = [x for x, body in zip(cells, bodies, strict=True) if trainers & _called(body)]
    if not training:
        doubts.append("no cell trains a model")
    elif not any(cell.outputs for cell in training):
        doubts.append(f"none of the {len(training)} cells that train a model has an output")
    sources |= {quoted(name): source for name, source in hand_in.modules().items()}
    return doubts + [text for where, source in sources.items() for text in _brought(where, source)]


def _called(body):
    """Return the names of functions and methods that statements call outside definitions."""
    body = [x for x in body if not isinstance(x, (ast.FunctionDef, ast.ClassDef))]
    calls = [node.func for x in body for node in ast.walk(x) if isinstance(node, ast.Call)]
    return {getattr(func, "attr", getattr(func, "id", None)) for func in calls}


def _brought(where, source):
    """Yield what code brings along rather than computes: long lists, texts and numbers."""
    nodes = list(ast.walk(parse(source) or NO_CODE))
    comments = {node.value for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        entries = getattr(node, "elts", getattr(node, "keys", ()))
        value = getattr(node, "value", None) if isinstance(node, ast.Constant) else None
        if len(entries) > MANY:
            yield f"{where} has {len(entries)} entries written out"
        if isinstance(value, (str, bytes)) and len(value) > LONG and node not in comments:
            yield f"{where} has a text of {len(value)} characters"
        if isinstance(value, int) and value > LARGE:
            yield f"{where} has a number of {value.bit_length()} bits"


def printed_checks(texts, expected):
    """Return the checks in {check: {key: array}} whose figures all stand in printed texts."""
    found = [x for text in texts for x in NUMBER.findall(text[:100_000])][:100_000]
    numbers = np.array([float(x) for x in found] or [np.nan])

    def stands(figures):  # whether they stand in a row
        bound = DIGITS * np.abs(figures).max()
        starts = np.flatnonzero(np.abs(numbers - figures[0]) <= bound)[:1000]
        rows = [numbers[i : i + len(figures)] for i in starts if i + len(figures) <= len(numbers)]
        return any(np.all(np.abs(row - figures) <= bound) for row in rows)

    return [name for name, x in expected.items() if all(stands(A.ravel()) for A in x.values())]
