"""Whose work looks like whose: code, answers and wrong figures that two hand-ins have in common.

copydetect compares code by its k-grams, as MOSS does (Schleimer et al., 2003), without comments,
formatting and names. It takes text from memory; compare50 wants files, and cannot be installed
beside Jupyter, which needs a later attrs. Nothing here proves anything: people decide.
"""

import math
import random
import re
import textwrap
from collections import Counter, namedtuple
from contextlib import suppress
from functools import cache
from io import StringIO

import numpy as np
from copydetect import CodeFingerprint, compare_files

from tools.check.check import close, graded, name_mistakes
from tools.grading import submission
from tools.grading.rules import rule

MARKED = r"^[ \t]*#+ *START CODE HERE.*?\n(.*?)(?=^[ \t]*#+ *(?:START|END) CODE HERE)"
PART = re.compile(MARKED, re.S | re.M)
FUNCTION = re.compile(r"^(?=[ \t]*def )", re.M)
EARLIER = {"Dense.py", "Activation.py", "Flatten.py", "Loss.py"}  # of other labs, graded there
K = 40  # characters without names, about two lines: what is shorter is no passage
LEAST = 160  # k-grams: a piece of 200 characters, or several; 6 solutions of their own had 123
COMMON = 0.25  # what more hand-ins than this part have, and more than 10, is how everybody does it
SAME_ANSWERS, OTHER_CLASSES = 50, 5  # equal ones at least, different ones at most
LONGEST, SHOWN = 100_000, 4000  # characters of a hand-in's code, and of its passages on the page

# Names of two hand-ins, sentences on what they have in common, the passages of each as a text.
Pair = namedtuple("Pair", "a b said passages")
_Work = namedtuple("_Work", "name student code basic classes odd")


def plagiarism(hand_ins, against=(), template=b""):
    """Compare all hand-ins with each other and with those of earlier years.

    Args:
        hand_ins, against: HandIns; those of one student number are not held against each other.
        template: bytes of the notebook that was handed out, whose code is nobody's.

    Returns:
        {name: Rule}, never broken; and a list of Pair, the most alike first.
    """
    given = {submission.NOTEBOOK: template}
    between = _parts(given, 0)
    marks = max(1, len(between) / 2)
    works = [_work(hand_in, marks) for hand_in in hand_ins]
    everyone = works + [_work(hand_in, marks) for hand_in in against]
    counts = Counter(gram for work in works for gram in work.code.hashes)
    often = max(10, COMMON * len(works))
    nobodys = _fingerprint(between + _parts(given, math.inf)).hashes
    nobodys |= {gram for gram, n in counts.items() if n > often}
    for work in everyone:
        work.code.hashes -= nobodys
    pairs = []
    for i, a in enumerate(works):
        for b in everyone[i + 1 :]:
            if not a.student or a.student != b.student:
                pairs += _in_common(a, b)
    pairs.sort(key=lambda pair: (-len(pair.said), -len(pair.passages[0])))
    return {work.name: _rule(work.name, pairs, len(everyone) - 1) for work in works}, pairs


def _rule(name, pairs, others):
    if not others:
        return rule("plagiarism", "not checked")
    found = [(p.b if p.a == name else p.a, p.said) for p in pairs if name in (p.a, p.b)]
    said = [f"{other}: {'; '.join(said)}" for other, said in found]
    return rule("plagiarism", "suspect" if said else "ok", *said or [f"compared with {others}"])


def _work(hand_in, marks):
    """Return what is compared of a hand-in: code, answers, figures that nothing explains."""
    files, readers = hand_in.files, submission.READERS
    held, basic, classes = (_read(read, files.get(name)) for name, read in readers.items())
    code = _fingerprint(_parts(files, marks))
    return _Work(hand_in.name, hand_in.student, code, basic, classes, _odd(held or {}))


def _read(reader, raw):
    with suppress(submission.FormatError):
        return reader(raw)


def _parts(files, marks):
    """Return a student's own code: what is between the marks; where many are gone, all of it."""
    own = [name for name in files if name.endswith(".py") and name not in EARLIER]
    sources = [files[name].decode("utf-8", "replace") for name in own]
    cells = _read(submission.code_cells, files.get(submission.NOTEBOOK)) or []
    sources.append("\n".join(cell.source for cell in cells))
    parts = [part for source in sources for part in PART.findall(source)]
    if len(parts) >= marks:
        return parts
    return [part for source in sources for part in FUNCTION.split(source)]


def _fingerprint(parts):
    """Return copydetect's fingerprint of code; a character of its own ends passages with a part."""
    source = "".join(f"{part}\n{chr(random.randrange(0xF0000, 0xFFFFE))}\n" for part in parts)
    return CodeFingerprint("x.py", K, 1, fp=StringIO(source[:LONGEST]))


def _in_common(a, b):
    """Return a list of the Pair of two works; empty if they have nothing in common."""
    said, passages = [], ("", "")
    if len(a.code.hashes & b.code.hashes) >= LEAST:
        length, _, slices = compare_files(a.code, b.code)
        said = [f"{length} characters of code in common, without names and comments"]
        passages = [_passages(*both) for both in zip((a.code, b.code), slices, strict=True)]
    if a.basic is not None and b.basic is not None:
        same = (a.basic == b.basic) & (a.basic != a.basic.round(4))  # rounded ones prove nothing
        if same.sum() >= SAME_ANSWERS:
            said.append(f"{same.sum()} of {len(same)} sine answers equal")
    if a.classes is not None and b.classes is not None:
        other = (a.classes != b.classes).sum()
        if other <= OTHER_CLASSES and np.ptp(a.classes):  # not one class throughout
            said.append(f"{other} of {len(a.classes)} classes differ")
    for check in (check for check, figures in a.odd.items() if b.odd.get(check) == figures):
        said.append(f"{check}: the same wrong figures, of no known mistake")
    return [Pair(a.name, b.name, said, passages)] if said else []


def _passages(code, slices):
    """Return the passages, in whole lines, as one text."""
    raw, shown = code.raw_code, []
    for start, end in slices.T.astype(int):
        shown.append(textwrap.dedent(raw[raw.rfind("\n", 0, start) + 1 : end]).rstrip())
    return "\n...\n".join(shown)[:SHOWN]


@cache
def _truths():
    return [graded(seed) for seed in (42, 1)]


def _odd(held):
    """Return {check: bytes} of figures that are neither right nor those of a known mistake."""
    odd = {}
    for check, figures in held.items():
        with suppress(KeyError, TypeError, ValueError):  # what is no such figure is nobody's
            right, other_seed = (truth[check] for truth in _truths())
            own = {key: np.asarray(figures[key], float) for key in right}
            fits = [all(close(own[k], truth[k]) for k in own) for truth in (right, other_seed)]
            if not any(fits) and not name_mistakes(check, own, 42):
                odd[check] = b"".join(value.tobytes() for value in own.values())
    return odd
