"""What a notebook changes of the template outside the marks, cell by cell.

Formatting, comments, magics, outputs and the folder of a file do not count, nor do cells tagged
"parameters". Added and moved cells, and texts, are at most mentioned: they are a student's to make.
"""

import ast
import difflib
import json
import re

from tools.grading.rules import rule
from tools.grading.similar import PART, plain

MARK = "between_the_marks"
ALIKE, SHORT = 0.6, 200  # from here on two cells are one that was changed; characters
LINES, MOST = 12, 500  # of a change that are shown; added cells that are looked at


def template_rule(notebook, template):
    """Compare a notebook with the template, both as bytes.

    Returns:
        Rule "template": "ok", "suspect" with the changes, or "not checked"; never broken.
    """
    try:
        (wanted, texts), (cells, own_texts) = map(_cells, (template, notebook))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return rule("template", "not checked", "there is no notebook to compare")
    added = [cell for cell in cells if cell not in wanted][:MOST]
    changes = []
    for cell in wanted:
        if cell not in cells:
            close = _closest(cell, added)
            changes.append(_changes(cell, close))
            added = [other for other in added if other != close]
    changes = [change for change in changes if change]
    said = [f"{len(wanted) - len(changes)} of {len(wanted)} code cells as in the template"]
    said += [f"{len(added)} more"] if added else []
    new = sum(text not in own_texts for text in texts)
    said += [f"{new} of {len(texts)} texts changed"] if new else []
    if 2 * len(changes) > len(wanted):
        said.append("if another template was handed out, give it with --template")
    else:
        said += changes
    return rule("template", "suspect" if changes else "ok", *said)


def _cells(raw):
    """Return the code cells in one form, as far as the template fixes them, and the texts."""
    codes, texts = [], []
    for cell in json.loads(raw)["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] != "code":
            texts.append(" ".join(source.split()))
        elif "parameters" not in cell.get("metadata", {}).get("tags", ()):
            codes.append(_code(source))
    return [code for code in codes if set(code.split()) - {MARK}], texts


def _code(source):
    source = re.sub(r"^from lab\.checks import NotWritten$", "", source, flags=re.M)
    return plain(PART.sub(lambda part: re.match(r"\s*", part[0])[0] + MARK, source), _cut_paths)


def _cut_paths(node):
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        node.value = re.split(r"[/\\]", node.value)[-1]


def _closest(cell, added):
    """Return which of the added cells was made from a template's cell, or ""."""
    lines = set(cell.splitlines()) - {MARK}
    for other in added:
        if len(lines & set(other.splitlines())) >= ALIKE * len(lines):
            return other
    short = [other for other in added if len(cell) < SHORT > len(other)]
    return next(iter(difflib.get_close_matches(cell, short, 1, ALIKE)), "")


def _changes(wanted, own):
    """Return the lines that are gone and those in their place; what is for the marks may go."""
    a, b, lines = wanted.splitlines(), own.splitlines(), []
    for kind, i, j, k, m in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if kind != "equal" and {line.strip() for line in a[i:j]} != {MARK}:
            lines += [f"- {line}" for line in a[i:j]] + [f"+ {line}" for line in b[k:m]]
    return "\n".join(["", *lines[:LINES], *["..."] * (len(lines) > LINES)]) if lines else ""
