"""Which two hand-ins are most alike: a ranking of pairs, over all their code.

Code is cut into statements without comments, formatting and names. What two hand-ins share counts
by how rare it is in the class; what the template has counts nothing. People decide.
"""

import ast
import hashlib
import math
import re
from collections import Counter, namedtuple
from itertools import islice

import numpy as np

from tools.grading.notebook import NO_CODE, is_nothing, parse, split_blocks
from tools.grading.submission import BASIC, NOTEBOOK, REPORT, Finding, printed, quoted

LEAST = 12  # characters of a statement that can be one's own
NEARLY_ALL = 0.95  # of the weight of the smaller: then a pair is marked, whatever the class is like
FAR = 6  # robust standard deviations above the median: far above the rest
SPREAD = 0.03  # at least, of the likenesses in a class
EQUAL = 1e-6  # of the largest answer: as close as no two trainings come by chance
ENOUGH = 10  # pairs, before any is far above the rest
PIECES, PAIRS, SHOWN = 20_000, 30, 30  # of a hand-in; on the page; statements of a pair there
NOTHING = re.compile(r" [+-] 0(?![\w.])| [*/] 1(?![\w.])|(?<![\w.])(0 \+|1 \*) ")  # changes nothing
PUBLIC = {"np", "pd", "plt", "tqdm", "self", "super", "range", "len", "zip", "enumerate", "print"}

Work = namedtuple("Work", "name student pieces files bars losses answers")
Pair = namedtuple("Pair", "a b likeness marked sentences passages")


def describe(hand_in, cells, answers):
    """Return the Work of a hand-in, given its Cells and its sine answers (500,) or None."""
    sources = [*(cell.source for cell in cells), *hand_in.modules().values()]
    pieces = frozenset(islice((x for source in sources for x in _pieces(source)), PIECES))
    files = {name: hand_in.files[name] for name in (NOTEBOOK, REPORT) if name in hand_in.files}
    text = "\n".join(printed(cell) for cell in cells)[: 10**6]
    bars = {x.strip() for x in re.findall(r"[^\r\n]*\d\d:\d\d<[^\r\n]*/s[^\r\n]*", text)}
    files |= {"the printed outputs": text.encode("utf-8", "replace")} if len(bars) > 2 else {}
    files = {name: hashlib.sha256(raw).digest() for name, raw in files.items()}
    losses = re.findall(r"(?i)loss\w*[\s:=]+(\d\.?\d*(?:e-?\d+)?)", text)
    return Work(hand_in.name, hand_in.student, pieces, files, bars, losses[:50], answers)


def _pieces(source):
    """Yield the statements of a cell or module in one form, and each two in a row."""
    tree = parse(source)
    if tree is None:  # then block by block, if these can be read
        for block in split_blocks(source)[1]:
            yield from _pieces(block) if parse(block) else ()
        return
    for node in ast.walk(tree):
        for body in (getattr(node, name, None) for name in ("body", "orelse", "finalbody")):
            before = ""
            for statement in body if isinstance(body, list) else ():
                if not is_nothing(statement):
                    text = _plain(statement)
                    both = f"{before}\n{text}" if before else ""
                    yield from (piece for piece in (text, both) if len(piece) >= LEAST)
                    before = text


def _plain(statement):
    """Return the text of a statement with plain names; of a compound one, its head alone."""
    text = ast.unparse(statement)
    if hasattr(statement, "body"):
        if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            return ""  # their heads are the template's
        text = text.partition("\n")[0] + "\n    pass"
    tree = parse.__wrapped__(NOTHING.sub("", text))
    names = {}
    for node in ast.walk(tree or NO_CODE):  # names are numbered in the order in which they come
        if isinstance(node, ast.Name) and node.id not in PUBLIC:
            node.id = names.setdefault(node.id, f"v{len(names)}")
        elif isinstance(node, ast.arg):
            node.arg = names.setdefault(node.arg, f"v{len(names)}")
        elif isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "self":
            node.attr = names.setdefault(f"self.{node.attr}", f"v{len(names)}")
    return ast.unparse(tree or NO_CODE)


def rank(works, earlier=(), template=()):
    """Return {name: Finding} of the Works of a class, and the Pairs, the most alike first.

    Pairs among `earlier`, of other years, do not count, nor does code in the template's cells.
    """
    everyone = [*works, *earlier]
    nobodys = {piece for source in template for piece in _pieces(source)}
    counts = Counter(piece for work in everyone for piece in work.pieces)
    rarity = {piece: math.log1p(len(everyone) / count) for piece, count in counts.items()}
    own = [work.pieces - nobodys for work in everyone]
    totals = [sum(map(rarity.get, pieces)) for pieces in own]
    pairs = []
    for i, a in enumerate(works):
        for j in range(i + 1, len(everyone)):
            if not a.student or a.student != everyone[j].student:
                shared, least = own[i] & own[j], min(totals[i], totals[j])
                pairs.append((sum(map(rarity.get, shared)) / least if least else 0.0, i, j))
    pairs.sort(reverse=True)
    likenesses = np.array([pair[0] for pair in pairs] or [0.0])
    middle = np.median(likenesses)
    far = middle + FAR * max(SPREAD, 1.4826 * np.median(np.abs(likenesses - middle)))
    ranked = []
    for place, (likeness, i, j) in enumerate(pairs):
        a, b = everyone[i], everyone[j]
        sure, remarks = _in_common(a, b)
        if likeness >= NEARLY_ALL:
            sure.append("nearly all code in common")
        elif len(pairs) >= ENOUGH and likeness > far:
            sure.append(f"far more code in common than others have, whose median is {middle:.0%}")
        if place < PAIRS or sure or remarks:
            shared = own[i] & own[j] if sure else ()
            passages = sorted(shared, key=rarity.get, reverse=True)[:SHOWN]
            sentences = [f"{likeness:.0%} of the code alike", *sure, *remarks]
            ranked.append(Pair(a.name, b.name, likeness, bool(sure), sentences, passages))
    ranked.sort(key=lambda pair: (-pair.marked, -pair.likeness))
    return {work.name: _finding(work.name, ranked, len(everyone) - 1) for work in works}, ranked


def _finding(name, ranked, others):
    if not others:
        return Finding("not checked", [])
    found = [(p.b if p.a == name else p.a, p) for p in ranked if p.marked and name in (p.a, p.b)]
    said = [f"{other}: {'; '.join(pair.sentences)}" for other, pair in found]
    return Finding("suspect" if said else "ok", said or [f"compared with {others}"])


def _in_common(a, b):
    """Return sentences on what two Works have in common for certain, and remarks on the rest."""
    sure = [f"{name}: identical" for name in a.files if a.files[name] == b.files.get(name)]
    bars = a.bars & b.bars
    if len(bars) > 2:
        sure.append(f"{len(bars)} progress bars with equal times, such as {quoted(min(bars))}")
    remarks = []
    if a.answers is not None and b.answers is not None:
        bound = EQUAL * np.abs(a.answers).max()
        digits = [n for n in range(9) if np.array_equal(b.answers, b.answers.round(n))]
        bound = max(bound, 10.0 ** -min(digits, default=9))
        equal = np.abs(a.answers - b.answers) <= bound
        if bound < 1e-2 and equal.mean() > 0.5:
            remarks.append(f"{equal.sum()} of {len(equal)} sine answers equal in {BASIC}")
            if a.losses and b.losses and a.losses != b.losses:
                sure.append("equal sine answers from trainings that printed other losses")
    return sure, remarks
