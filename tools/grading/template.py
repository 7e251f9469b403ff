"""What a notebook changes of the template outside the marks, cell by cell.

Formatting, comments, magics, outputs and the folder of a file do not count, nor do cells tagged
"parameters". Added and moved cells, and texts, are a student's to make.
"""

import ast
import difflib
import json
import re
import textwrap
import warnings
from functools import lru_cache

from tools.grading.rules import rule
from tools.grading.similar import LONGEST, PART

MARK = "between_the_marks"
LINES = 12  # shown of a change
LEFT_OUT = re.compile(r"^\s*[%!].*", re.M)


def template_rule(notebook, template):
    """Compare a notebook with the template, both as bytes.

    Returns:
        Rule "template": "ok", "suspect" with the changes, or "not checked"; never broken.
    """
    try:
        wanted, cells = _cells(template), _cells(notebook)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return rule("template", "not checked", "there is no notebook to compare")
    added = [cell for cell in cells if cell not in wanted]
    changes = [_changes(cell, added) for cell in wanted if cell not in cells]
    changes = [change for change in changes if change]
    said = [f"{len(wanted) - len(changes)} of {len(wanted)} code cells as in the template"]
    if 2 * len(changes) > len(wanted):
        said.append("if another template was handed out, give it with --template")
    else:
        said += changes
    return rule("template", "suspect" if changes else "ok", *said)


def _cells(raw):
    """Return the code cells in one form, as far as the template fixes them."""
    cells = [cell for cell in json.loads(raw)["cells"] if cell["cell_type"] == "code"]
    fixed = [c for c in cells if "parameters" not in c.get("metadata", {}).get("tags", ())]
    codes = [_code("".join(cell["source"])) for cell in fixed]
    return [code for code in codes if set(code.split()) - {MARK}]


@lru_cache(2000)  # a class has most of its cells in common
def _code(source):
    """Return code without comments, magics and formatting, MARK for what is between the marks."""
    source = PART.sub(lambda part: re.match(r"\s*", part[0])[0] + MARK, source[:LONGEST])
    source = textwrap.dedent(LEFT_OUT.sub("", source))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "\\m" in a string and the like
            tree = ast.parse(source)
        for node in ast.walk(tree):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                node.value.value = ...  # a docstring, or a string that stands for a comment
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                node.value = re.split(r"[/\\]", node.value)[-1]  # a path without its folder
        return ast.unparse(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return source


def _changes(wanted, added):
    """Return what became of a cell that is not as it was: its lines, and those in their place.

    What was added and has most of the words of the cell was made from it.
    """
    words = set(wanted.split())
    own = max(["", *added], key=lambda cell: len(words & set(cell.split())))
    own = own if 2 * len(words & set(own.split())) > len(words) else ""
    a, b, lines = wanted.splitlines(), own.splitlines(), []
    for kind, i, j, k, m in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if kind != "equal" and {line.strip() for line in a[i:j]} != {MARK}:
            lines += [f"- {line}" for line in a[i:j]] + [f"+ {line}" for line in b[k:m]]
    return "\n".join(["", *lines[:LINES], *["..."] * (len(lines) > LINES)]) if lines else ""
