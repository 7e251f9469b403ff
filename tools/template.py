"""Make the student's starting point from the solved lab: template/, with the solutions blanked.

    python -m tools template

What stands between the course's two markers becomes a hint of how many lines it was; outputs are
cleared; everything else stays as it is.
"""

import argparse
import re

import nbformat

from lab.files import write_text
from tools.cells import NOTEBOOK
from tools.grading.submission import LAYERS

FOLDER = NOTEBOOK.parent / "template"
PART = re.compile(
    r"(?P<start>^(?P<indent> *)### START CODE HERE ###\n)"
    r"(?P<code>.*?)"
    r"(?P<end>^ *### END CODE HERE ###)",
    re.DOTALL | re.MULTILINE,
)


def blanked(source):
    """Return Python source with every part between the markers replaced by a hint.

    Raises:
        ValueError: the markers do not come in pairs.
    """
    counts = [source.count(f"### {mark} CODE HERE ###") for mark in ("START", "END")]
    result, parts = PART.subn(_hint, source)
    if counts != [parts, parts]:
        raise ValueError(
            f"markers: expected START and END in pairs, each on its own line, got {counts[0]} and "
            f"{counts[1]} of them, {parts} in pairs; repair the source"
        )
    return result


def _hint(part):
    lines = [line for line in map(str.strip, part["code"].splitlines()) if line]
    count = sum(not line.startswith("#") for line in lines)
    hint = f"# (about {count} line{'s' * (count != 1)})"
    todo = 'raise NotImplementedError("your code goes here")'
    return f"{part['start']}{part['indent']}{hint}\n{part['indent']}{todo}\n{part['end']}"


def template():
    """Return the template of the lab as {file name: text}."""
    notebook = nbformat.read(NOTEBOOK, 4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source, cell.outputs, cell.execution_count = blanked(cell.source), [], None
    modules = {f"{name}.py": NOTEBOOK.with_name(f"{name}.py").read_text("utf-8") for name in LAYERS}
    return {"Lab6_template.ipynb": nbformat.writes(notebook) + "\n"} | {
        name: blanked(source) for name, source in modules.items()
    }


def main(argv):
    argparse.ArgumentParser(
        prog="python -m tools template", description=__doc__.splitlines()[0]
    ).parse_args(argv)
    FOLDER.mkdir(exist_ok=True)
    for name, text in template().items():
        write_text(FOLDER / name, text)
        print(FOLDER.name, name, text.count("NotImplementedError"), "parts to write")
