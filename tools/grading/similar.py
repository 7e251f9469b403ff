"""Whose work looks like whose: code, answers and wrong figures that two hand-ins have in common.

Code is compared by the hashes of its k-grams (as MOSS does; Schleimer et al., 2003) with
copydetect, which takes text from memory; compare50 wants files, and cannot be installed beside
Jupyter, which needs a later attrs. Before that, Python's own parser takes out comments, formatting
and every name that a student chooses. Nothing here proves anything: people decide.
"""

import ast
import re
import textwrap
import warnings
from collections import Counter, namedtuple
from contextlib import suppress
from functools import cache, lru_cache

import numpy as np
from copydetect.utils import get_copied_slices, hashed_kgrams

from lab.expected import BOUND
from lab.mistakes import UNKNOWN, difference, explain
from tools.grading import reference, submission
from tools.grading.rules import ROOT, rule
from tools.grading.score import mistakes

PART = re.compile(r"^[ \t]*#+ *START CODE HERE.*?\n(.*?)^[ \t]*#+ *END CODE HERE", re.S | re.M)
FUNCTION = re.compile(r"^(?=[ \t]*def )", re.M)
EARLIER = {"Dense.py", "Activation.py", "Flatten.py", "Loss.py"}  # of other labs, graded there
K = 60  # characters without names, about three lines: what is shorter is no passage
# No two of 9 solutions written independently had more than 128 characters in one piece in common,
# or 17 % or 163 of their k-grams; a copy with new names, comments and formatting has them all.
PIECE, SHARE, LEAST = 200, 0.25, 300  # characters; part of the shorter code, and its k-grams
COMMON = 0.25  # what more hand-ins than this part have, and more than 10, is how everybody does it
SAME_ANSWERS, OTHER_CLASSES = 50, 5  # equal ones at least, different ones at most
LAYER = ROOT / "template" / "RNN.py"  # goes with our template
LONGEST, SHOWN, MOST = 200_000, 4000, 100  # characters read of a part and shown; pairs shown

# Names of two hand-ins, sentences on what they have in common, the passages of each as a text.
Pair = namedtuple("Pair", "a b said passages")


def plagiarism(hand_ins, against=(), template=b""):
    """Compare all hand-ins with each other and with those of earlier years.

    Args:
        hand_ins, against: HandIns, each read once and not kept; those of one student number are
            not held against each other.
        template: bytes of the notebook that was handed out, whose code is nobody's.

    Returns:
        {name: Rule}, never broken; and a list of Pair, the most alike first.
    """
    given = _sources({submission.NOTEBOOK: template, "RNN.py": LAYER.read_bytes()})
    marks = max(1, len(PART.findall(given[submission.NOTEBOOK])) / 2)
    given = [part for x in given.values() for part in PART.findall(x) + FUNCTION.split(x)]
    works = [_Work(hand_in, marks) for hand_in in hand_ins]
    own = len(works)
    works += [_Work(hand_in, marks) for hand_in in against]
    nobodys = {*_places(map(_nameless, given))}
    counts = Counter(gram for work in works[:own] for gram in work.places)
    nobodys |= {gram for gram, n in counts.items() if n > max(10, COMMON * own)}
    for work in works:
        work.places = {gram: i for gram, i in work.places.items() if gram not in nobodys}
    found = []
    for i, a in enumerate(works[:own]):
        for b in works[i + 1 :]:
            if not a.student or a.student != b.student:
                share, said, shared = _code_in_common(a, b)
                said += _answers_in_common(a, b)
                found += [(len(said) + share, a, b, said, shared)] if said else []
    found.sort(key=lambda pair: -pair[0])
    pairs = [
        Pair(a.name, b.name, said, [_passages(w, shared if i < MOST else ()) for w in (a, b)])
        for i, (_, a, b, said, shared) in enumerate(found)
    ]
    return {work.name: _rule(work.name, pairs, len(works) - 1) for work in works[:own]}, pairs


def _rule(name, pairs, others):
    found = [(p.b if p.a == name else p.a, p.said) for p in pairs if name in (p.a, p.b)]
    if not others:
        return rule("plagiarism", "not checked")
    if not found:
        return rule("plagiarism", "ok", f"compared with {others}")
    return rule("plagiarism", "suspect", *(f"{other}: {'; '.join(said)}" for other, said in found))


class _Work:
    """What is compared of a hand-in: code with its k-grams, answers, unexplained figures."""

    def __init__(self, hand_in, marks):
        self.name, self.student = hand_in.name, hand_in.student
        parts = _parts(_sources(hand_in.files), marks)
        self.readable = "\n".join(plain(part, _nothing) for part in parts).split("\n")
        self.nameless = "\n".join(map(_nameless, parts))  # line for line the same
        self.places = _places(map(_nameless, parts))
        self.basic = _read(submission.read_basic, hand_in.files.get(submission.BASIC))
        self.classes = _read(submission.read_advanced, hand_in.files.get(submission.ADVANCED))
        self.odd = _odd(_read(submission.read_graded, hand_in.files.get(submission.GRADED)) or {})


def _read(reader, raw):
    with suppress(submission.FormatError):
        return reader(raw)


def _sources(files):
    """Return {name: source} of the modules and of a notebook's cells as one."""
    sources = {k: v.decode("utf-8", "replace") for k, v in files.items() if k.endswith(".py")}
    cells = _read(submission.code_cells, files.get(submission.NOTEBOOK)) or []
    return sources | {submission.NOTEBOOK: "\n".join(cell.source for cell in cells)}


def _parts(sources, marks):
    """Return a student's own code, in parts: what stands between the marks.

    Where marks are gone it is every function, too; not so in files of earlier labs. `marks`: pairs
    of them that a notebook has at least.
    """
    found = []
    for name, source in sources.items():
        parts = PART.findall(source)
        least = marks if name == submission.NOTEBOOK else 1
        found += parts if len(parts) >= least or name in EARLIER else parts + FUNCTION.split(source)
    return found


@lru_cache(2000)  # a class has many parts in common
def plain(source, change):
    """Return code without comments, magics and formatting, `change` applied to each node.

    What holds a name is changed before that name. Code that cannot be read stays as it is.
    """
    source = re.sub(r"^\s*[%!].*", "", textwrap.dedent(source[:LONGEST]), flags=re.M)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "\\m" in a string and the like
            tree = ast.parse(source)
        for node in ast.walk(tree):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                node.value.value = ...  # a docstring, or a string that stands for a comment
            change(node)
        return ast.unparse(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return source


def _nothing(node):
    """Change nothing."""


def _take_names(node):
    """Take out of a node what a student can change without changing what the code does."""
    if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "self":
        node.attr = "V"
    for kind in {"id", "arg", "name"} & set(node._fields):
        setattr(node, kind, "V")
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        node.value = "S"


def _nameless(source):
    return "\n".join(" ".join(x.split()) for x in plain(source, _take_names).split("\n"))


def _places(sources):
    """Return {hash of a k-gram: where it begins in the sources joined by line ends}."""
    places, start = {}, 0
    for source in sources:  # each by itself, so that no passage goes on in the next one
        if len(source) >= K:
            places |= {gram: start + i for i, gram in enumerate(hashed_kgrams(source, K).tolist())}
        start += len(source) + 1
    return places


def _code_in_common(a, b):
    """Return the share of the shorter code and, if it is much, a sentence and the k-grams."""
    shared = a.places.keys() & b.places.keys()
    share = len(shared) / (min(len(a.places), len(b.places)) or 1)
    if len(shared) > PIECE - K:  # else too few for a passage as long as that
        starts, ends = _slices(a, shared)
        longest = (ends - starts).max()
        if longest >= PIECE or (share >= SHARE and len(shared) >= LEAST):
            said = f"{share:.0%} of the shorter code, up to {longest} characters in one piece"
            return share, [said], shared
    return share, [], ()


def _slices(work, shared):
    """Return the starts and the ends of the passages that `shared` k-grams make up."""
    return get_copied_slices([work.places[gram] for gram in shared], K).astype(int)


def _passages(work, shared):
    shown = []
    for start, end in _slices(work, shared).T:
        first, last = (work.nameless.count("\n", 0, place) for place in (start, end))
        shown.append(textwrap.dedent("\n".join(work.readable[first : last + 1])))
    return "\n...\n".join(shown)[:SHOWN]


def _answers_in_common(a, b):
    """Return sentences on equal answers and on equal wrong figures."""
    said = []
    if a.basic is not None and b.basic is not None:
        same = (a.basic == b.basic) & (a.basic != a.basic.round(4))  # rounded ones prove nothing
        if same.sum() >= SAME_ANSWERS:
            said.append(f"{same.sum()} of {len(same)} sine answers equal")
    if a.classes is not None and b.classes is not None:
        other = (a.classes != b.classes).sum()
        if other <= OTHER_CLASSES and np.ptp(a.classes):  # not one class throughout
            said.append(f"{other} of {len(a.classes)} classes differ")
    equal = [check for check, figures in a.odd.items() if b.odd.get(check) == figures]
    return said + [f"{check}: the same wrong figures, of no known mistake" for check in equal]


@cache
def _truths():
    return [reference.graded(seed) for seed in (42, 1)]


def _odd(held):
    """Return {check: bytes} of figures that are neither right nor those of a known mistake."""
    odd = {}
    for check, figures in held.items():
        expected, other_seed = (truth.get(check, {}) for truth in _truths())
        with suppress(KeyError, TypeError, ValueError):  # what is no such figure is nobody's
            own = {key: np.asarray(figures[key], float) for key in expected}
            said = explain(check, own, expected, BOUND, mistakes())
            same = [difference(own[key], np.asarray(other_seed[key])) <= BOUND for key in own]
            if f"{check}: {UNKNOWN}" in said and not all(same):
                odd[check] = b"".join(value.tobytes() for value in own.values())
    return odd
