"""The course's rules over a hand-in: each is ok, suspect, broken or not checked, with evidence.

Broken is what is certain from the files alone. Whatever an honest student might have done as well
is suspect, and shown to human eyes.
"""

import ast
import json
import re
import sys
import warnings
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from tools.grading.submission import (
    ADVANCED,
    BASIC,
    CODE,
    GRADED,
    LAYERS,
    NOTEBOOK,
    REPORT,
    as_python,
    outputs_of,
    quoted,
)

ROOT = Path(__file__).resolve().parents[2]
_DATA = json.loads(Path(__file__).with_suffix(".json").read_text("utf-8"))
RULES = _DATA["rules"]  # in the order of the card: what the course takes where one is broken
NEEDED = _DATA["needed"]  # to check what was not checked
PACKAGES = set(_DATA["allowed"])
OWN = {*LAYERS, "lab", "data"}
FOREIGN = set(_DATA["foreign"])  # what certainly is no module of the student's own
WAYS = set(_DATA["ways"])  # what leads to a module around its import
METHODS = set(_DATA["methods"])  # those of objects of many kinds, too, and then harmless
PLAIN, TIMED = set(_DATA["plain"]), set(_DATA["timed"])  # of Jupyter: no code; Python follows
LAB = _DATA["lab"]  # of these names a notebook of the lab has most
VERDICTS = ("not checked", "ok", "suspect", "broken")
SHOWN = 8  # findings in one piece of evidence
SHORT, MAX_SOURCE = 5_000, 200_000  # characters of a cell that is kept; of one that is read

STANDARD = sys.stdlib_module_names - {"random", "typing"}  # which NumPy has, too
HIDDEN = WAYS | STANDARD
SHELL = re.compile(r"\s*(ls|pwd|nvidia-smi|lscpu|free|date|df|cat|head|unzip|mkdir)\b[^;&|`$<>\n]*")
BAR = re.compile(
    r"(\d{1,9})/(\d{1,9}) \[(?:(\d{1,4}):)?(\d\d):(\d\d)<([\d:?]+), *(\d+\.?\d*)(it/s|s/it)"
)
LOSS = re.compile(r"(?:loss|train|val)\w*[\s:=]{1,4}(\d+\.\d*(?:e[-+]?\d+)?|\d+e[-+]?\d+)", re.I)
FASTEST = 20_000  # batches of training in a second, beyond what NumPy can do with any model
PERFECT = 0.9995  # an accuracy that no model reaches on other people's data
BETTER = 100  # times the mean square error may be below the least loss that was printed


@dataclass
class Rule:
    """A rule of the course, and what became of it."""

    rule: str
    verdict: str  # one of VERDICTS
    penalty: float | str  # what the course takes where it is broken: points, or "zero" of what
    evidence: str


def rule(name, verdict, *evidence):
    """Return the Rule `name` with the course's penalty; only the first pieces of much evidence."""
    evidence = list(dict.fromkeys(evidence)) or [NEEDED.get(name, "")] * (verdict == VERDICTS[0])
    more = [f"and {len(evidence) - SHOWN} more"] if len(evidence) > SHOWN else []
    return Rule(name, verdict, RULES[name], "; ".join(evidence[:SHOWN] + more))


def worst(one, other):
    """Return one Rule of two by the same name: the graver verdict with the evidence of both."""
    verdict = max(one.verdict, other.verdict, key=VERDICTS.index)
    return rule(one.rule, verdict, *[x.evidence for x in (one, other) if x.verdict == verdict])


def of_files(hand_in, cells, faults, figures):
    """Return the rules that a hand-in's files decide alone.

    Args:
        hand_in: HandIn.
        cells: Cells of its notebook, or None.
        faults: {file name: what is wrong}.
        figures: {check: {key: value}} of GRADED, or None.
    """
    there = {name: said for name, said in faults.items() if name in (*hand_in.files, REPORT)}
    doubts = [there[name] for name in (REPORT, BASIC, ADVANCED) if name in there] + hand_in.doubts
    packed = "broken" if hand_in.packing else "suspect" if doubts else "ok"
    return [
        packages(hand_in, cells or []),
        rule("format", packed, *hand_in.packing, *doubts),
        notebook(cells) if cells is not None else _missing("notebook", NOTEBOOK, faults, there),
        rule("names", "broken" if hand_in.notes else "ok", *hand_in.notes),
        npy(figures) if figures is not None else _missing("npy", GRADED, faults, there),
    ]


def _missing(name, file, faults, there):
    return rule(name, "suspect" if file in there else "broken", faults[file])


def npy(figures):
    """Return the rule on the graded figures {check: {key: value}}."""
    values = [v for held in figures.values() for k, v in held.items() if not k.endswith("_shape")]
    some = any(re.search("[1-9]", str(value)) for value in values)
    return rule("npy", "ok") if some else rule("npy", "suspect", "all figures in it are zero")


def notebook(cells):
    """Return the rule on the notebook: whether it is one of this lab, with its output."""
    source = "\n".join(cell.source for cell in cells)
    found = [name for name in LAB if re.search(rf"\b{name}\b", source)]
    if not found:
        return rule("notebook", "broken", f"it holds nothing of the lab: {quoted(source)}")
    doubts = []
    if len(found) < len(LAB) / 2:
        doubts.append(f"of the lab it has only {', '.join(found)}")
    kinds = set().union(*(outputs_of(cell)[1] for cell in cells))
    if not kinds:
        doubts.append("it has no output, which the slides ask to keep")
    counts = [cell.count for cell in cells if type(cell.count) is int]
    notes = ["a cell ended in an error"] if "error" in kinds else []
    if len(counts) < len(cells):
        notes.append(f"{len(cells) - len(counts)} code cells were not run")
    if counts != sorted(set(counts)):
        notes.append("cells were run in another order than they stand")
    return rule("notebook", "suspect" if doubts else "ok", *doubts, *notes)


def packages(hand_in, cells):
    """Return the rule on packages: what the notebook and the code beside it import, and how."""
    beside = {name: raw for name, raw in hand_in.files.items() if Path(name).suffix in CODE}
    known = PACKAGES | OWN | {name.split("/")[0].removesuffix(".py") for name in beside}
    if any("google.colab" in cell.source for cell in cells):
        known |= {"os", "sys"}
    findings, cleared = [], not any(type(cell.count) is int for cell in cells)
    for i, cell in enumerate(cells, 1):
        ran = (cleared or type(cell.count) is int) and "error" not in outputs_of(cell)[1]
        findings += _scan(f"cell {i}", cell.source, known, ran)
    imported = {module for verdict, _, module in findings if verdict == "sure"}
    for name, raw in beside.items():
        ours, top = ROOT / name, name.split("/")[0].split(".")[0]
        if ours.is_file() and ours.read_bytes().split() == raw.split():
            continue
        if top in (PACKAGES | OWN) - set(LAYERS) or not name.endswith(".py"):
            said = f"a {quoted(name)} of its own is beside the notebook"
            findings.append(("suspect", said, top))
        else:
            findings += _scan(name, raw.decode("utf-8", "replace"), known, top in imported, str)
    broken, suspect = (
        [said for found, said, _ in findings if found == verdict]
        for verdict in ("broken", "suspect")
    )
    return rule(
        "packages", "broken" if broken else "suspect" if suspect else "ok", *broken, *suspect
    )


def _scan(where, source, known, ran, to_python=as_python):
    """Return what code imports, or may reach otherwise, as [(verdict, sentence, module or name)].

    Args:
        where: name of the cell or the module.
        source: its text.
        known: names of modules that may be imported; of these, too, an import is "sure" to run.
        ran: whether the code was run from end to end.
        to_python: makes Python of the text.
    """
    tree = _tree(source, to_python)
    if tree is None:
        return [("suspect", f"{where} is no Python that can be read", "")]
    found, harmless, sure = [], set(), set(_sure(tree.body)) if ran else set()
    for node in ast.walk(tree):  # a call before the names in it
        said = []
        match node:
            case ast.Import() | ast.ImportFrom():
                said = _imports(node, known, node in sure)
            case ast.Call(
                func=ast.Attribute(
                    value=ast.Call(func=ast.Name(id="get_ipython") as shell), attr=method
                ),
                args=[ast.Constant(), *_] as args,
            ) if all(isinstance(arg, ast.Constant) for arg in args):
                inner = _inside(method, *[str(arg.value) for arg in args])
                if inner is not None:
                    harmless |= {shell, node.func}
                    found += [x for code in inner for x in _scan(where, code, known, ran)]
        if node not in harmless and (name := _way(node)):
            said = [("suspect", name)]
        lines = (source if to_python is str else source.strip()).splitlines()
        line = lines[min(getattr(node, "lineno", 1), len(lines)) - 1].strip() if said else ""
        found += [(verdict, f"{where} uses {x!a}: {quoted(line)}", x) for verdict, x in said]
    return found


def _tree(source, to_python):
    """Return the syntax tree of some source, or None if there is none."""
    if len(source) > MAX_SOURCE:
        return None
    return (_parsed if len(source) < SHORT else _parsed.__wrapped__)(source, to_python)


@lru_cache(500)  # a class has most of its cells in common
def _parsed(source, to_python):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "\\m" in a string and the like
            return ast.parse(to_python(source))
    except (SyntaxError, ValueError, LookupError, RuntimeError, MemoryError):
        return None


def _sure(body):
    """Yield the statements that run whenever `body` does, down to one that may leave it."""
    for statement in body:
        yield statement
        if isinstance(statement, (ast.With, ast.ClassDef)):
            yield from _sure(statement.body)
        if isinstance(statement, (ast.Raise, ast.Return, ast.Assert)):
            return


def _imports(node, known, sure):
    """Yield (verdict, module) of an import; the verdict "sure" on what is allowed and does run."""
    names = [alias.name for alias in node.names]
    for module in names if isinstance(node, ast.Import) else [node.module or ""]:
        top = module.split(".")[0]
        if top in PACKAGES:
            yield from (("suspect", x) for x in (*module.split("."), *names) if x in HIDDEN)
        elif top in known or getattr(node, "level", 0):
            yield "sure" if sure else "ok", top
        elif not module.startswith("google.colab"):
            yield "broken" if sure and top in FOREIGN else "suspect", module


def _inside(method, command, *rest):
    """Return the Python within a harmless command of Jupyter; None if it may run anything."""
    if method in ("system", "getoutput"):
        return [] if SHELL.fullmatch(command) else None
    if command in ("load_ext", "reload_ext"):
        return [] if rest == ("autoreload",) else None
    if command in TIMED:
        return [re.sub(r"^(-\S+ +(\d+ +)?)*", "", code) for code in rest]  # without options
    return [] if command in PLAIN else None


def _way(node):
    """Return the name by which a node may reach a module around its import, or None."""
    match node:
        case ast.Name(id=name) if name in WAYS - {"modules", "system"}:
            return name
        case ast.Attribute(attr=name) if name in WAYS - METHODS:
            return name
        case ast.Attribute(value=ast.Name(id="sys"), attr="modules"):
            return "sys.modules"
        case ast.Call(func=ast.Name(id="getattr"), args=[_, ast.Constant(value=name), *_]):
            return name if name in WAYS else None
        case ast.Subscript(slice=ast.Constant(value=name)) if name in WAYS - METHODS:
            return name


def own_code(cells, answers=None, exact=None, accuracy=None):
    """Return what is cheaply seen of whether the notebook's own training made the answers.

    Args:
        cells: Cells of the notebook.
        answers, exact: the sine answers (500,) and the exact continuation, where known.
        accuracy: that of the classes, where known.
    """
    texts, kinds = zip(*map(outputs_of, cells), strict=True) if cells else ((), ())
    lines = [line.rstrip("\r").split("\r")[-1] for line in "\n".join(texts).split("\n")]
    last = next((i for i, cell in enumerate(cells) if "y_pred_basic" in cell.source), len(cells))
    losses = [float(x) for text in texts[: last + 1] for x in LOSS.findall(text)]  # of the sine
    doubts = [doubt for pair in zip(lines, [*lines[1:], ""], strict=True) for doubt in _bars(*pair)]
    shown = any(re.search("(?i)loss|epoch|it/s|s/it", line) for line in lines)
    if not shown and "display_data" not in set().union(*kinds):
        doubts.append("no output of a training: no loss, no progress bar, no figure")
    if answers is not None and exact is not None:
        error = np.mean((answers - exact) ** 2)
        if np.allclose(answers, exact, rtol=1e-9, atol=0) or _rounded(answers, exact):
            doubts.append("the sine answers are the exact continuation to the last digit")
        elif losses and error * BETTER < min(losses):
            doubts.append(
                f"the sine answers have a mean square error of {error:.1e}, where the least loss "
                f"in the output before is {min(losses):.1e}"
            )
    if accuracy is not None and accuracy >= PERFECT:
        doubts.append(f"an accuracy of {accuracy:.4f} on all activities")
    doubts += [said for i, cell in enumerate(cells, 1) for said in _brought(i, cell.source)]
    said = doubts or ["seen from outside only; --rerun runs the notebook again"]
    return rule("own code", "suspect" if doubts else "ok", *said)


def _bars(line, following):
    """Yield what is impossible in a finished progress bar."""
    for found in BAR.finditer(line):
        done, total, hours, minutes, seconds, left, number, unit = found.groups()
        elapsed = 3600 * int(hours or 0) + 60 * int(minutes) + int(seconds)
        rate = float(number) if unit == "it/s" else 1 / max(float(number), 1e-9)
        if done != total:
            continue
        if abs(int(done) / max(rate, 1e-9) - elapsed) > 2 + 0.5 * elapsed:
            yield f"a progress bar's time and rate do not fit: {quoted(found[0])}"
        elif rate > FASTEST and re.search("(?i)loss|train|epoch", line + following):
            yield f"a training faster than can be: {quoted(found[0])}"
        elif left.strip("0:?"):
            yield f"a finished progress bar has time left: {quoted(found[0])}"


def _rounded(answers, exact):
    """Whether the answers are the exact ones, rounded: no model comes as close in all 500 rows."""
    return any(np.allclose(np.round(exact, n), answers, 1e-13, 0) for n in range(4, 13))


def _brought(number, source):
    """Yield what a cell brings along rather than computes: long lists and texts, addresses."""
    tree = _tree(source, as_python) or ast.Module([], [])
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, (ast.List, ast.Tuple, ast.Set)) and len(node.elts) > 200:
            yield f"cell {number} has a list of {len(node.elts)} entries written out"
        elif isinstance(node, ast.Constant) and type(node.value) in (str, bytes):
            if len(node.value) > 2000 and id(node) not in said:
                yield f"cell {number} has a text of {len(node.value)} characters"
            if re.match("(?i)(https?|ftp)://", str(node.value)):
                yield f"cell {number} has the address {quoted(str(node.value))}"
