"""What a notebook has between the marks, and what it lacks of the template outside them.

Formatting, comments, magics, outputs and the folder of a file do not count. Added and moved cells,
and texts, are a student's to make.
"""

import ast
import re
import textwrap
import warnings
from functools import lru_cache

from tools.grading.submission import Finding, quoted

MARK = "between_the_marks"
LONGEST = 200_000  # characters of a cell that are read
NO_CODE = ast.Module([])
OPTIONAL = re.compile(r"google\.colab|clip|optional", re.I)  # blocks that may stay empty


def split_blocks(source):
    """Return the lines of a cell outside the marks, MARK for a block, and the blocks' texts."""
    outside, blocks, inside = [], [], False
    for line in source[:LONGEST].splitlines():
        mark = re.match(r"([ \t]*)#+ *(START|END) CODE HERE", line)
        if mark:
            inside = mark[2] == "START"
            if inside:
                outside.append(mark[1] + MARK)
                blocks.append([])
        else:
            (blocks[-1] if inside else outside).append(line)
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


def count_blanks(sources):
    """Return how many blocks that must be filled are blank, and how many there are."""
    blank = total = 0
    for block in (block for source in sources for block in split_blocks(source)[1]):
        tree = parse(block)
        empty = tree is not None and all(map(is_nothing, tree.body))
        if not (empty and OPTIONAL.search(block)):
            total, blank = total + 1, blank + empty
    return blank, total


def compare(sources, template):
    """Compare the code cells of a notebook with the template's; return a Finding, never broken."""
    here = {line for source in sources for line in _lines(source)}
    wanted = [line for source in template for line in _lines(source)]
    missing = [quoted(line, 100) for line in dict.fromkeys(wanted) if line not in here]
    sentences = [f"{len(missing)} of {len(set(wanted))} lines of the template's code are not there"]
    if 2 * len(missing) > len(set(wanted)):
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
