"""Make the folder that a student gets: the notebook with its parts blank, and what goes with it.

    python -m tools handout FOLDER

What stands between the course's two marks becomes a line that says it is not written yet. Text
between <!-- result: QUESTION --> and <!-- /result --> becomes its question, text between
<!-- ours --> and <!-- /ours -->, which speaks of our own code, goes; so do all outputs.
"""

import argparse
import base64
import re
import shutil
import zlib
from pathlib import Path

import nbformat

from tools.cells import NOTEBOOK
from tools.files import ROOT, write_text
from tools.submit import with_class

GIVEN = {  # file in the student's folder: where it comes from
    **{f"{name}.py": f"{name}.py" for name in ("Dense", "Activation", "Flatten", "Loss")},
    "data/prepare.py": "data/prepare.py",
    "data/README.md": "data/README.md",
    "check.py": "tools/check/check.py",
    "README.md": "tools/handout/README.md",
    "requirements.txt": "tools/handout/requirements.txt",
    "LICENSE": "LICENSE",
}
PART = re.compile(
    r"^(?P<indent> *)### START CODE HERE ###\n(?P<code>.*?)^ *### END CODE HERE ###",
    re.DOTALL | re.MULTILINE,
)


def blanked(source):
    """Return Python source with every part between the marks replaced by a line that raises.

    Where only comments are between them, they stay. ValueError if the marks are not in pairs.
    """

    def blank(part):
        if not re.search(r"^ *[^\s#]", part["code"], re.MULTILINE):
            return part[0]
        above = re.findall(r"^ *(?:class|def) (\w+)", source[: part.start()], re.MULTILINE)
        indent, name = part["indent"], above[-1] if above else "this part"
        raises = f'{indent}raise NotImplementedError("{name} is not written yet")\n'
        marks = f"{indent}### {{}} CODE HERE ###"
        return f"{marks.format('START')}\n{raises}{marks.format('END')}"

    counts = [source.count(f"### {mark} CODE HERE ###") for mark in ("START", "END")]
    result, parts = PART.subn(blank, source)
    if counts != [parts, parts]:
        raise ValueError(f"marks: expected START and END in pairs, got {counts}; repair the source")
    return result


def questioned(text):
    """Return Markdown without our results and without what speaks of our own code."""
    text = re.sub(r"<!-- ours -->\n.*?<!-- /ours -->\n*", "", text, flags=re.DOTALL)
    result = r"<!-- result: (.+?) -->\n.*?<!-- /result -->"
    text = re.sub(result, r"**Question.** \1", text, flags=re.DOTALL)
    if "<!--" in text:
        raise ValueError(f"text: expected marks in pairs, got one alone in {text[:60]!r}")
    return text.rstrip()


def blank_notebook():
    """Return the notebook as it is handed out."""
    layer = (ROOT / "RNN.py").read_text("utf-8")
    notebook = with_class(nbformat.read(NOTEBOOK, 4), layer)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = questioned(cell.source)
            continue
        source = blanked(cell.source).replace(" or python -m tools check", "")
        cell.source = source.replace("%matplotlib inline", "%matplotlib inline\n%xmode Minimal")
        cell.outputs, cell.execution_count = [], None
        # A part that is not written gives one line there, and the rest runs.
        cell.metadata["tags"] = [*cell.metadata.get("tags", []), "raises-exception"]
    return notebook


def packed(source):
    """Return Python source as a program that nobody reads by accident: it holds a solution."""
    text = base64.b64encode(zlib.compress(source.encode(), 9)).decode()
    run = f"exec(zlib.decompress(base64.b64decode({text!r})))"
    return f"import base64, zlib  # what check.py needs\n\n{run}\n"


def main(argv):
    parser = argparse.ArgumentParser(
        prog="python -m tools handout", description=__doc__.splitlines()[0]
    )
    parser.add_argument("folder", type=Path, help="new or empty")
    folder = parser.parse_args(argv).folder
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder}: expected a new or an empty folder; choose another")
    (folder / "outputs").mkdir(parents=True)
    (folder / "data").mkdir()
    for name, source in GIVEN.items():
        shutil.copyfile(ROOT / source, folder / name)
    write_text(folder / NOTEBOOK.name, nbformat.writes(blank_notebook()) + "\n")
    mistakes = (ROOT / "tools/check/mistakes.py").read_text("utf-8")
    write_text(folder / "mistakes.py", packed(mistakes))
    print(f"{folder}: {2 + len(GIVEN)} files")
    return 0
