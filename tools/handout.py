"""Make what a student gets from the solved lab: its parts blank, and no result of ours in it.

    python -m tools handout FOLDER     everything, into a folder that is new or empty
    python -m tools handout            renew template/, the two files with parts to write

What stands between the course's two markers becomes one line that says it is not written yet. Text
between <!-- result: QUESTION --> and <!-- /result --> becomes its question. Cells tagged "evidence"
go, and so do all outputs.
"""

import argparse
import ast
import re
import textwrap
from pathlib import Path

import nbformat

from lab.files import write_text
from tools.cells import NOTEBOOK

ROOT = NOTEBOOK.parent
TEMPLATE = ROOT / "template"
GIVEN = (  # what a student gets as it is
    *("LICENSE", "requirements.txt", "Dense.py", "Activation.py", "Flatten.py", "Loss.py"),
    *("lab/*.py", "lab/*.json", "data/*.py", "data/README.md", "tools/__*__.py"),
    *(f"tools/{name}.py" for name in ("run", "html", "cells", "data", "report")),
    *(
        f"tools/grading/{name}.py"
        for name in ("__init__", "score", "rules", "submission", "safe_load")
    ),
    *("tools/grading/submit.py", "tools/grading/rules.json"),
)
PART = re.compile(
    r"(?P<start>^(?P<indent> *)### START CODE HERE ###\n)"
    r"(?P<code>.*?)"
    r"(?P<end>^ *### END CODE HERE ###)",
    re.DOTALL | re.MULTILINE,
)
RESULT = re.compile(r"^<!-- result: (.+) -->\n(?s:.*?)^<!-- /result -->$", re.MULTILINE)


def blanked(source):
    """Return Python source with every part between the markers replaced by a line that raises.

    Where only comments are between them, they stay.

    Raises:
        ValueError: the markers do not come in pairs.
    """

    def blank(part):
        statements = ast.walk(ast.parse(textwrap.dedent(part["code"])))
        count = sum(isinstance(node, ast.stmt) for node in statements)
        name = _name(source[: part.start()], len(part["indent"]))
        line = f'raise NotWritten("{name}: about {count} statement{"s" * (count != 1)}")\n'
        return f"{part['start']}{part['indent']}{line}{part['end']}" if count else part[0]

    return _replaced(PART, blank, source, "### START CODE HERE ###", "### END CODE HERE ###")


def _name(before, depth):
    """Return "Class.method" or "function": what holds the line after `before`, by its indent."""
    headers = [rf"^ {{{indent}}}(?:class|def) (\w+)" for indent in range(0, depth, 4)]
    return ".".join(re.findall(header, before, re.MULTILINE)[-1] for header in headers)


def questioned(text):
    """Return Markdown with every result that is marked as one replaced by its question.

    Raises:
        ValueError: the markers do not come in pairs.
    """
    return _replaced(RESULT, r"**Question.** \1", text, "<!-- result", "<!-- /result")


def _replaced(pattern, by, text, start, end):
    result, spans = pattern.subn(by, text)
    counts = [text.count(mark) for mark in (start, end)]
    if counts != [spans, spans]:
        raise ValueError(
            f"markers: expected {start} and {end} in pairs, each on its own line, got {counts[0]} "
            f"and {counts[1]} of them, {spans} in pairs; repair the source"
        )
    return result


def _importing(source):
    """Let source that imports from lab/ import NotWritten, too."""
    line = "from lab.checks import NotWritten\n"
    return re.sub(r"^(?=from lab\.)", line, source, count=1, flags=re.MULTILINE)


def template():
    """Return the notebook and RNN.py with their parts blank, as {file name: text}."""
    notebook = nbformat.read(NOTEBOOK, 4)
    cells = [c for c in notebook.cells if "evidence" not in c.metadata.get("tags", [])]
    for cell in cells:
        if cell.cell_type == "code":
            cell.source = _importing(blanked(cell.source))
            cell.outputs, cell.execution_count = [], None
        else:
            cell.source = questioned(cell.source)
    notebook.cells = cells
    layer = _importing(blanked((ROOT / "RNN.py").read_text("utf-8")))
    return {NOTEBOOK.name: nbformat.writes(notebook) + "\n", "RNN.py": layer}


def handout():
    """Return everything a student gets, as {path in its folder: text}."""
    given = [path for pattern in GIVEN for path in sorted(ROOT.glob(pattern))]
    texts = {str(path.relative_to(ROOT)): path.read_text("utf-8") for path in given}
    for name in ("README.md", "tools/report.typ"):  # theirs, not ours
        source = Path(__file__).with_suffix(Path(name).suffix)
        texts[name] = source.read_text("utf-8")
    return texts | template()


def make(folder):
    """Write the handout into `folder`, a pathlib.Path.

    Raises:
        ValueError: it holds something.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(
            f"{folder}: expected a new or an empty folder, got one with "
            f"{min(path.name for path in folder.iterdir())} in it; choose another"
        )
    (folder / "outputs").mkdir(parents=True)
    for name, text in handout().items():
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        write_text(folder / name, text)


def main(argv):
    parser = argparse.ArgumentParser(
        prog="python -m tools handout", description=__doc__.splitlines()[0]
    )
    parser.add_argument("folder", nargs="?", type=Path, help="without it, template/ is renewed")
    folder = parser.parse_args(argv).folder
    if folder:
        make(folder)
    else:
        for name, text in template().items():
            write_text(TEMPLATE / name.replace("Lab6.", "Lab6_template."), text)
    print(folder or TEMPLATE)
