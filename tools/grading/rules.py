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

from tools.grading import submission
from tools.grading.submission import GRADED, LAYERS, NOTEBOOK, REPORT, outputs_of, quoted

ROOT = Path(__file__).resolve().parents[2]
DATA = json.loads(Path(__file__).with_suffix(".json").read_text("utf-8"))
RULES = DATA["rules"]  # in the order of the card: what the course takes where one is broken
NEEDED = DATA["needed"]  # to check what was not checked
PACKAGES = set(DATA["allowed"])
OWN = {*LAYERS}
FOREIGN = set(DATA["foreign"])  # what certainly is no module of the student's own
WAYS = set(DATA["ways"])  # what leads to a module around its import
FUNCTIONS, MEMBERS = WAYS | {*DATA["functions"]}, WAYS | {*DATA["members"]}  # as such only
LAB = DATA["lab"]  # of these names a notebook of the lab has most
VERDICTS = ("not checked", "ok", "suspect", "broken")
SHOWN = 8  # findings in one piece of evidence
MAX_SOURCE = 200_000  # characters of a cell that are read

HIDDEN = WAYS | sys.stdlib_module_names - {"random", "typing"}  # those are NumPy's own, too
START = r"^([ \t]*(?:\w+ *= *)?)"
TIMED = re.compile(  # commands of Jupyter before Python, with their options
    START + r"%%?(?:capture|prun|time|timeit)\b(?: +-(?:\w\d*|-no-\w+)(?: +\d+)?(?=\s|$))*[ \t]*",
    re.MULTILINE,
)
HARMLESS = re.compile(  # commands of Jupyter that run no other code; no string may end in them
    r"\A\s*%%(?:html|latex|markdown|svg)\b[\s\S]*|"
    + START
    + rf"(?:! *(?:{'|'.join(DATA['shell'])})\b|%(?:{'|'.join(DATA['magics'])})\b|"
    r"""\?+[\w.]+|[\w.]+\?+)(?!.*(?:'''|\"""))[^;&|`$<>\n]*(?<!\\)$""",
    re.MULTILINE,
)
BAR = re.compile(  # a progress bar at its end
    r"(\d{1,9})/\1 \[(?:(\d{1,4}):)?(\d\d):(\d\d)<([\d:?]+), *(\d{1,9}\.?\d*)(it/s|s/it)"
    r"(?=(.*\n?.*))"
)
LOSS = re.compile(r"(?:loss|train|val)\w*[\s:=]{1,4}(\d+\.\d*(?:e[-+]?\d+)?|\d+e[-+]?\d+)", re.I)
TRAINING = re.compile(r"loss|train|epoch", re.I)
FASTEST = 20_000  # batches of training in a second, beyond what NumPy can do with any model
PERFECT = 0.9995  # an accuracy that no model reaches on other people's data
BETTER = 100  # times the mean square error may be below the least loss that was printed
LONG_LIST, LONG_TEXT = 200, 2000  # entries and characters that nobody writes by hand


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
        cells, figures: what its notebook and GRADED hold, or None.
        faults: {file name: what is wrong}.
    """
    there = {name: said for name, said in faults.items() if name in (*hand_in.files, REPORT)}
    doubts = [there[name] for name in submission.FILES[2:] if name in there] + hand_in.doubts
    packed = "broken" if hand_in.packing else "suspect" if doubts else "ok"
    return [
        packages(hand_in, cells or []),
        rule("format", packed, *hand_in.packing, *doubts),
        _unread("notebook", NOTEBOOK, faults, there) or _notebook(cells),
        rule("names", "broken" if hand_in.notes else "ok", *hand_in.notes),
        _unread("npy", GRADED, faults, there) or _npy(figures),
    ]


def _unread(name, file, faults, there):
    if file in faults:
        return rule(name, "suspect" if file in there else "broken", faults[file])


def _npy(figures):
    values = [v for held in figures.values() for k, v in held.items() if not k.endswith("_shape")]
    some = any(re.search("[1-9]", str(value)) for value in values)
    return rule("npy", "ok") if some else rule("npy", "suspect", "all figures in it are zero")


def _notebook(cells):
    source = "\n".join(cell.source for cell in cells)
    found = [name for name in LAB if re.search(rf"\b{name}\b", source)]
    if not found:
        return rule("notebook", "broken", f"it holds nothing of the lab: {quoted(source)}")
    doubts = [f"of the lab it has only {', '.join(found)}"] if len(found) < len(LAB) / 2 else []
    if not any(cell.outputs for cell in cells):
        doubts.append("it has no output, which the slides ask to keep")
    return rule("notebook", "suspect" if doubts else "ok", *doubts)


def packages(hand_in, cells):
    """Return the rule on what the notebook and the code beside it import, and how."""
    beside = {n: raw for n, raw in hand_in.files.items() if Path(n).suffix in submission.CODE}
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
            findings += _scan(name, raw.decode("utf-8", "replace"), known, top in imported)
    said = {v: [x for found, x, _ in findings if found == v] for v in ("broken", "suspect")}
    verdict = next((verdict for verdict in said if said[verdict]), "ok")
    return rule("packages", verdict, *said["broken"], *said["suspect"])


def _scan(where, source, known, ran):
    """Yield what a cell or module imports, or may reach otherwise: (verdict, sentence, name).

    Of `known` modules an import is at most "sure"; `ran`: the code was run from end to end.
    """
    tree, lines = _parsed(source)
    if not lines:
        yield "suspect", f"{where} is no Python that can be read", ""
    sure = set(_sure(tree.body)) if ran else ()
    for node in ast.walk(tree):
        for verdict, name in _reached(node, known, node in sure):
            line = lines[node.lineno - 1].strip()
            yield verdict, f"{where} uses {name!a}: {quoted(line)}", name


@lru_cache(500)  # a class has most of its cells in common
def _parsed(source):
    """Return the syntax tree of a cell and its lines; none of a cell that cannot be read."""
    try:
        if len(source) > MAX_SOURCE:
            raise ValueError
        source = HARMLESS.sub(r"\g<1>0", TIMED.sub(r"\1", source))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "\\m" in a string and the like
            python = submission.as_python(source)
            return ast.parse(python), [*python.splitlines(), ""]
    except (SyntaxError, ValueError, LookupError, RuntimeError, MemoryError):
        return ast.Module([], []), []


def _sure(body):
    """Yield the statements that run whenever `body` does, down to one that may leave it."""
    for statement in body:
        yield statement
        if isinstance(statement, (ast.With, ast.ClassDef)):
            yield from _sure(statement.body)
        if isinstance(statement, (ast.Raise, ast.Return, ast.Assert)):
            return


def _reached(node, known, sure):
    """Yield (verdict, module or name) of an import, and of what may go around imports."""
    match node:
        case ast.Import(names=names):
            for alias in names:
                yield from _imported(alias.name, [], known, sure)
        case ast.ImportFrom(module=module, names=names, level=level):
            if not level:
                yield from _imported(module, [alias.name for alias in names], known, sure)
        case ast.Name(id=name) if name in FUNCTIONS:
            yield "suspect", name
        case ast.Attribute(value=ast.Name(id="sys"), attr="modules"):
            yield "suspect", "sys.modules"
        case (
            ast.Attribute(attr=name)
            | ast.Subscript(slice=ast.Constant(value=name))
            | ast.Call(func=ast.Name(id="getattr"), args=[_, ast.Constant(value=name), *_])
        ) if name in MEMBERS:
            yield "suspect", name


def _imported(module, names, known, sure):
    """Yield (verdict, module); the verdict "sure" on what is allowed and does run."""
    top = module.split(".")[0]
    if top in PACKAGES:
        yield from (("suspect", x) for x in (*module.split("."), *names) if x in HIDDEN)
    elif top in known:
        yield "sure" if sure else "ok", top
    elif not module.startswith("google.colab"):
        yield "broken" if sure and top in FOREIGN else "suspect", module


def own_code(cells, answers=None, exact=None, accuracy=None):
    """Return what is cheaply seen of whether the notebook's own training made the answers.

    Args:
        cells: Cells of the notebook.
        answers, exact: the sine answers (500,) and the exact continuation, where known.
        accuracy: of the classes, where known.
    """
    texts, kinds = zip(*map(outputs_of, cells), strict=True) if cells else ((), ())
    last = next((i for i, cell in enumerate(cells) if "y_pred_basic" in cell.source), len(cells))
    losses = [float(x) for text in texts[: last + 1] for x in LOSS.findall(text)]  # of the sine
    printed = re.sub(r"(?m)^.*\r(?=[^\r\n])", "", "\n".join(texts))  # less what was overwritten
    doubts = [doubt for found in BAR.finditer(printed) for doubt in _bar(found)]
    shown = re.search("(?i)loss|epoch|it/s|s/it", printed)
    if not shown and "display_data" not in set().union(*kinds):
        doubts.append("no output of a training: no loss, no progress bar, no figure")
    if answers is not None and exact is not None:
        error, least = np.mean((answers - exact) ** 2), min(losses, default=0)
        # Rounded ones, too: no model comes as close as that in all 500 rows.
        if any(np.allclose(answers, exact.round(n), rtol=1e-9, atol=0) for n in range(4, 17)):
            doubts.append("the sine answers are the exact continuation to the last digit")
        elif error * BETTER < least:
            doubts.append(f"the sine answers' error is {error:.1e}, the least loss {least:.1e}")
    if accuracy is not None and accuracy >= PERFECT:
        doubts.append(f"an accuracy of {accuracy:.4f} on all activities")
    doubts += [said for i, cell in enumerate(cells, 1) for said in _brought(i, cell.source)]
    said = doubts or ["seen from outside only; --rerun runs the notebook again"]
    return rule("own code", "suspect" if doubts else "ok", *said)


def _bar(found):
    """Yield what is impossible in a finished progress bar."""
    done, hours, minutes, seconds, left, number, unit, after = found.groups()
    elapsed = 3600 * int(hours or 0) + 60 * int(minutes) + int(seconds)
    rate = max(float(number), 1e-9) ** (1 if unit == "it/s" else -1)
    bar = quoted(found[0])
    if abs(int(done) / rate - elapsed) > 2 + 0.5 * elapsed:
        yield f"a progress bar's time and rate do not fit: {bar}"
    elif rate > FASTEST and TRAINING.search(after):
        yield f"a training faster than can be: {bar}"
    elif left.strip("0:?"):
        yield f"a finished progress bar has time left: {bar}"


def _brought(number, source):
    """Yield what a cell brings along rather than computes: long lists and texts, addresses."""
    tree = _parsed(source)[0]
    said = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        match node:
            case ast.List(elts=held) | ast.Tuple(elts=held) | ast.Set(elts=held):
                if len(held) > LONG_LIST:
                    yield f"cell {number} has a list of {len(held)} entries written out"
            case ast.Constant(value=str(text) | bytes(text)) if node not in said:
                if len(text) > LONG_TEXT:
                    yield f"cell {number} has a text of {len(text)} characters"
                if re.match("(?i)(https?|ftp)://", str(text)):
                    yield f"cell {number} has the address {quoted(text)}"
