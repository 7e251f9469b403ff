"""The handout: no solution and no result in it, blank worth nothing, and solved as a student would.

The solution in tests/students/parts.txt is an independent one, written from the text: it keeps
lists of states and knows nothing of the rows [h, x, 1] in `RNN.py`.
"""

import ast
import json
import re
import shutil
import subprocess
import sys
import textwrap

import nbformat
import numpy as np
import pytest
from conftest import ROOT, check_run, code_cells
from nbclient import NotebookClient
from test_graded import same
from test_students import STUDENTS, build, load, train

from data.prepare import prepare
from tools import handout
from tools.cells import NOTEBOOK
from tools.grading import reference
from tools.grading.submission import FILES, LAYERS, as_python

STYLE = "asserts"  # whose Dense, Activation, Flatten and Loss the student brings
BLANK = re.compile(
    r"(### START CODE HERE ###\n)( *)raise NotWritten\(\"([\w.]+): about \d+ statements?\"\)\n"
)
PARTS = (STUDENTS / "parts.txt").read_text("utf-8")
SOLUTION = dict(re.findall(r"^(\S+)\n((?:(?: .*)?\n)+)", PARTS, re.MULTILINE))  # {part: code}
LAYER_AND_MODEL = [name for name in SOLUTION if "." in name]


@pytest.fixture(scope="module")
def blank(tmp_path_factory):
    """The folder of a handout as it is handed out."""
    folder = tmp_path_factory.mktemp("handout")
    handout.make(folder)
    return folder


def solve(blank, folder, solution):
    """Copy the handout to `folder`, write the parts in `solution`, put own layers in place."""

    def fill(part):
        code = textwrap.dedent(solution.get(part[3], ""))
        return part[1] + textwrap.indent(code, part[2]) if code else part[0]

    shutil.copytree(blank, folder)
    for name in set(LAYERS) - {"RNN"}:
        shutil.copy(STUDENTS / STYLE / f"{name}.py", folder)
    layer, notebook = folder / "RNN.py", nbformat.read(folder / NOTEBOOK.name, 4)
    layer.write_text(BLANK.sub(fill, layer.read_text("utf-8")), "utf-8")
    for cell in notebook.cells:
        cell.source = BLANK.sub(fill, cell.source)
    nbformat.write(notebook, folder / NOTEBOOK.name)
    return folder


def names_in(folder):
    """The names of the imports and the model cell in a student's folder, and its checks."""
    names = load(folder, LAYERS, folder / NOTEBOOK.name)
    names.checks = [c.source for c in code_cells(folder / NOTEBOOK.name) if "def test_" in c.source]
    return names


@pytest.fixture(scope="module")
def solved(blank, tmp_path_factory):
    return solve(blank, tmp_path_factory.mktemp("student") / "lab", SOLUTION)


def tools(folder, *arguments):
    """Run `python -m tools` in a folder; return its exit status and what it printed."""
    command = [sys.executable, "-m", "tools", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900)
    return done.returncode, done.stdout + done.stderr


# What is in it


def test_a_student_gets_these_files_and_no_others(blank):
    top = {path.name for path in blank.iterdir()}
    assert top == {
        *("Lab6.ipynb", "LICENSE", "README.md", "requirements.txt", "data", "lab", "outputs"),
        *("tools", *(f"{name}.py" for name in LAYERS)),
    }
    assert {path.stem for path in (blank / "tools").rglob("*.*")} == {
        *("__init__", "__main__", "run", "html", "cells", "data", "report"),
        *("score", "rules", "submission", "safe_load", "submit"),
    }
    assert not list((blank / "outputs").iterdir())
    commands = re.findall(r"^  (\w+)", tools(blank, "--help")[1], re.MULTILINE)
    assert commands == ["run", "data", "score", "submit", "report"]
    with pytest.raises(ValueError, match=r"expected a new or an empty folder, got .* Activation"):
        handout.make(blank)


def test_template_is_up_to_date_and_is_python():
    assert {path.name for path in handout.TEMPLATE.iterdir()} == {"Lab6_template.ipynb", "RNN.py"}
    for name, text in handout.template().items():
        on_disk = (handout.TEMPLATE / name.replace("Lab6", "Lab6_template")).read_text("utf-8")
        assert on_disk == text, f"{name}: run python -m tools handout"
    for cell in code_cells(handout.TEMPLATE / "Lab6_template.ipynb"):
        assert (cell.outputs, cell.execution_count) == ([], None)
        compile(as_python(cell.source), "cell", "exec")


def test_only_what_is_between_the_markers_changes():
    part = "    ### START CODE HERE ###\n    b(\n     c)  # b\n\n    d\n    ### END CODE HERE ###\n"
    assert handout.blanked(f"def a():\n{part}c") == (
        "def a():\n    ### START CODE HERE ###\n"
        '    raise NotWritten("a: about 2 statements")\n    ### END CODE HERE ###\nc'
    )
    colab = "### START CODE HERE ###\n# a\n### END CODE HERE ###"
    assert handout.blanked(colab) == colab
    for broken in ("### START CODE HERE ###\nx", "### END CODE HERE ###", colab + colab[:23]):
        with pytest.raises(ValueError, match="in pairs"):
            handout.blanked(broken)
    text = "a\n<!-- result: What? -->\nb\n<!-- /result -->\nc"
    assert handout.questioned(text) == "a\n**Question.** What?\nc"
    with pytest.raises(ValueError, match="in pairs"):
        handout.questioned(text[:30])


def test_every_part_is_named_once_and_in_the_readme(blank):
    sources = [(blank / name).read_text("utf-8") for name in ("RNN.py", "Lab6.ipynb")]
    assert re.findall(r'raise NotWritten\(\\?"([\w.]+)', "".join(sources)) == list(SOLUTION)
    readme = (blank / "README.md").read_text("utf-8")
    assert [part for part in SOLUTION if readme.count(f"`{part}`") != 1] == []


# No solution, no result


def normal(source):
    """Python source without comments and layout, as `ast` writes it."""
    return ast.unparse(ast.parse(textwrap.dedent(source)))


def texts(folder):
    """Yield the name and the text of each file and cell in a folder; of Python the code alone."""
    for path in folder.rglob("*.*"):
        if path.name != NOTEBOOK.name:
            text = path.read_text("utf-8")
            yield str(path), normal(text) if path.suffix == ".py" else text
    for i, cell in enumerate(nbformat.read(folder / NOTEBOOK.name, 4).cells):
        source = cell.source
        yield f"cell {i}", normal(as_python(source)) if cell.cell_type == "code" else source


def test_no_solution_is_handed_out(blank):
    """No three lines of it that follow one another, whatever their comments and layout."""
    sources = [(ROOT / "RNN.py").read_text("utf-8"), *(c.source for c in code_cells(NOTEBOOK))]
    parts = [m["code"] for source in sources for m in handout.PART.finditer(source)]
    lines = [normal(code).splitlines() for code in parts if normal(code)]
    assert len(lines) == len(SOLUTION)
    blocks = ["\n".join(x[i : i + 3]) for x in lines for i in range(max(1, len(x) - 2))]
    given = "\n".join(text for _, text in texts(blank))
    solved, given, *blocks = (
        re.sub(r"(?m)^ +", "", text) for text in (normal(sources[0]), given, *blocks)
    )
    assert blocks[0] in solved
    assert [block for block in blocks if block in given] == []


def test_no_result_is_handed_out(blank):
    """Nor a figure of seed 42, in any text, to seven digits."""
    given = "\n".join(text for _, text in texts(blank))
    cells = nbformat.read(NOTEBOOK, 4).cells
    results = [m[0].splitlines() for c in cells for m in handout.RESULT.finditer(c.source)]
    evidence = [c.source for c in cells if "evidence" in c.metadata.get("tags", [])]
    assert results and evidence
    for question, *lines, _ in results:
        assert f"**Question.** {question[13:-4]}" in given
        assert not [line for line in lines if line and line in given]
    assert not [cell for cell in evidence if normal(cell) in given]
    numbers = np.array(re.findall(r"\d+\.\d+(?:e[+-]?\d+)?", given), float)
    for check, figures in reference.graded(42).items():
        for key, A in figures.items():
            if not key.endswith("_shape"):
                sizes = np.abs(A[A != 0]).reshape(-1, 1)
                assert (np.abs(numbers - sizes) > 1e-7 * sizes).all(), f"{check}: {key}"


# Blank


def test_blank_earns_nothing(blank):
    status, card = tools(blank, "score", "--json")
    assert (status, json.loads(card)["points"]) == (1, 0)


def test_blank_every_check_says_so_in_one_line(blank):
    book = nbformat.read(blank / NOTEBOOK.name, 4)
    checks = [c for c in book.cells if re.search(r"^(compare|further\.\w+)\(", c.source, re.M)]
    imports = [c for c in book.cells if {"imports", "model"} & set(c.metadata.get("tags", []))]
    assert len(checks) > 4
    book.cells = imports + checks
    resources = {"metadata": {"path": str(blank)}}
    NotebookClient(book, allow_errors=True, kernel_name="python3", resources=resources).execute()
    for cell in checks:
        error = cell.outputs[-1]
        assert error.traceback == [f"not written yet: {error.evalue[17:]}"], cell.source
        assert cell.outputs[0] is error or "further.losses" in cell.source


def run_checks(names):
    """Run the notebook's check cells among `names`; return all names then."""
    found = dict(vars(names))
    for source in names.checks:
        exec(source, found)
    return found


@pytest.mark.parametrize("part", LAYER_AND_MODEL)
def test_a_part_left_blank_says_so(blank, tmp_path, part):
    rest = {name: code for name, code in SOLUTION.items() if name != part}
    names = names_in(solve(blank, tmp_path / "lab", rest))
    with pytest.raises(NotImplementedError, match=f"^not written yet: {part}: about "):
        run_checks(names)
        train(build(names, "course"), "course")


# Solved


@pytest.mark.parametrize("kind", ["activity", "course"])
def test_training_is_that_of_the_solved_lab(solved, notebook, kind):
    """Weights and history are the same but for rounding."""
    models = [build(names, kind) for names in (names_in(solved), notebook)]
    mine, theirs = (train(model, kind, schedule=lambda done: 1 - done) for model in models)
    np.testing.assert_allclose(mine, theirs, rtol=1e-9)
    for W, expected in zip(*(model.weights() for model in models), strict=True):
        np.testing.assert_allclose(W, expected, atol=1e-10)


def test_graded_figures_of_the_solved_handout_are_right(solved):
    """Seed 1 by the notebook's four cells; seed 42, the hand-in's, against the reference."""
    names = run_checks(names_in(solved))
    names["test_initialization"](save_to_output=True)
    for check in ("test_forward", "test_backward", "test_model_class"):
        names[check](42, save_to_output=True)
    same(names["graded"], reference.graded(42))


def test_slow_solved_it_runs_and_earns_what_it_made(solved, tmp_path):
    """SLOW: one quick run, on simulated data; its files are then taken for those of a full one."""
    prepare(tmp_path, simulate=True)
    options = ["--quick", "--data-dir", str(tmp_path), "--to", "quick.ipynb"]
    assert tools(solved, "run", *options)[0] == 0
    check_run(code_cells(solved / "quick.ipynb"))
    outputs = solved / "outputs"
    for path in (outputs / "quick").iterdir():
        path.rename(outputs / path.name)
    (solved / "quick.ipynb").rename(solved / NOTEBOOK.name)
    assert tools(solved, "report", "--name", "Ada", "--number", "1")[0] == 0
    card = json.loads(tools(solved, "score", "--json")[1])
    assert {rule["verdict"] for rule in card["rules"]} == {"ok", "not checked"}
    *graded, sine, activity, _, _ = card["lines"]
    assert [line["points"] for line in graded] == [3, 12, 15, 10]
    assert {line["status"] for line in (*graded, sine, activity)} == {"estimate"}
    measured = json.loads((outputs / "validation.json").read_text("utf-8"))
    assert f"{measured['sine_mape']:.3g} %" in sine["evidence"]
    assert f"{measured['activity_accuracy']:.4f}" in activity["evidence"]
    assert tools(solved, "submit", "lab-6")[0] == 0
    assert {path.name for path in (outputs / "submission").iterdir()} == set(FILES)
