"""The notebook from a clean kernel in quick mode, on simulated data, and the saved hand-in."""

import ast
import json
import re
import sys
import types
from pathlib import Path

import nbformat
import pytest
from conftest import ROOT, bars, check_run, code_cells

from lab.files import output_folder
from tools import run
from tools.cells import NOTEBOOK, load_cells
from tools.grading import rules, submission
from tools.grading.score import own_hand_in
from tools.tables import results_table, speed_tables


def check_predictions(folder):
    """Both files can be read as the scorer reads them, and no class was left out."""
    assert len(submission.read_basic((folder / submission.BASIC).read_bytes())) == 500
    classes = submission.read_advanced((folder / submission.ADVANCED).read_bytes())
    assert set(classes) == {0, 1, 2}


def test_quick_run_writes_every_file_and_no_hand_in(quick):
    written = quick / "outputs" / "quick"
    assert [path.name for path in (quick / "outputs").iterdir()] == ["quick"]
    for name in (submission.GRADED, submission.BASIC, submission.ADVANCED):
        assert (written / name).is_file(), name
    assert not list(written.glob(".tmp-*"))
    check_predictions(written)


def test_quick_run_is_in_order_and_without_error(quick):
    check_run(code_cells(quick / "quick.ipynb"))


def test_a_training_shows_one_plain_bar(quick):
    """Each bar is saved as one line of text, not as the hundreds it was drawn with."""
    lines = bars(code_cells(quick / "quick.ipynb"))
    assert lines
    assert all(line.count("%|") == 1 and "train" in line for line in lines)


def test_saved_hand_in():
    """What is committed was run in order, whole, and its files have the course's format."""
    check_run(code_cells(NOTEBOOK))
    check_predictions(ROOT / "outputs")


def test_saved_notebook_is_clean():
    notebook = json.loads(NOTEBOOK.read_text("utf-8"))
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    assert all(set(cell["metadata"]) <= {"tags"} for cell in notebook["cells"])
    assert NOTEBOOK.stat().st_size < 1.2e6


def test_only_allowed_imports():
    """The course gives no points for any other package in the notebook or a layer."""
    assert all((ROOT / f"{layer}.py").is_file() for layer in submission.LAYERS)
    cells = submission.code_cells(NOTEBOOK.read_bytes())
    found = rules.packages(own_hand_in(), cells)
    assert found.verdict == "ok", found.evidence


def test_text_and_output_are_what_every_viewer_shows():
    """JupyterLab, VS Code and GitHub: HTML only folds, no widgets, formulas end on a line."""
    for cell in nbformat.read(NOTEBOOK, 4).cells:
        kinds = {kind for output in cell.get("outputs", []) for kind in output.get("data", {})}
        assert kinds <= {"image/png", "text/plain", "text/html", "text/markdown"}, cell.source[:60]
        if cell.cell_type == "markdown":
            text = re.sub(r"`[^`]*`", "", cell.source)
            assert not re.search(r"</?(?!details>|summary>)[a-z]", text), cell.source[:60]
            text = re.sub(r"\$\$.+?\$\$", "", text, flags=re.DOTALL)
            assert text.count("$") % 2 == 0, cell.source[:60]
            for formula in re.findall(r"\$([^$]*)\$", text):
                assert formula == formula.strip() and "\n" not in formula, formula


def test_cells_are_short():
    for cell in code_cells(NOTEBOOK):
        most = 80 if "model" in cell.metadata.get("tags", []) else 32
        assert len(cell.source.splitlines()) <= most, cell.source[:60]
    assert len((ROOT / "RNN.py").read_text("utf-8").splitlines()) <= 150


def test_quick_mode_and_stand_in_data_have_folders_of_their_own(tmp_path):
    assert output_folder(tmp_path) == tmp_path
    assert output_folder(tmp_path, quick=True) == tmp_path / "quick"
    assert output_folder(tmp_path, stand_in=True) == tmp_path / "stand-in"
    assert output_folder(tmp_path / "stand-in", stand_in=True) == tmp_path / "stand-in"


@pytest.mark.parametrize("simulated", [[], ["X_test.csv"]])
def test_a_headless_run_on_stand_in_data_leaves_the_hand_in(simulated, tmp_path, monkeypatch):
    asked = {}
    monkeypatch.setattr(run, "OUTPUTS", tmp_path)
    monkeypatch.setattr(run, "prepare", lambda folder: None)
    monkeypatch.setattr(run, "stand_ins", lambda folder: simulated)
    monkeypatch.setattr(run, "run", lambda **options: asked.update(options) or notebook_of())
    run.main([])
    folder = tmp_path / "stand-in"
    expected = {"to": folder / "Lab6.ipynb", "OUTPUT_DIR": str(folder)}
    assert asked == (expected if simulated else {"to": None})
    assert (tmp_path / "Lab6.html").exists() == (not simulated)


def notebook_of(*sources):
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    return nbformat.v4.new_notebook(cells=cells)


def test_colab_cell(tmp_path, monkeypatch):
    """The first code cell, uncommented, mounts the drive and goes to the lab's folder."""
    source = code_cells(NOTEBOOK)[0].source
    lines = [line.removeprefix("# ") for line in source.splitlines()[2:6]]
    mounted, colab = [], types.ModuleType("google.colab")
    colab.drive = types.SimpleNamespace(mount=mounted.append)
    monkeypatch.setitem(sys.modules, "google", types.ModuleType("google"))
    monkeypatch.setitem(sys.modules, "google.colab", colab)
    monkeypatch.chdir(tmp_path)
    exec("\n".join(lines).replace("/content/drive/MyDrive/Lab6", str(ROOT)), {})
    assert mounted == ["/content/drive"]
    assert Path.cwd() == ROOT
    assert not [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.stmt)]


def test_a_missing_tag_is_named():
    with pytest.raises(ValueError, match="tagged 'nonsense'"):
        load_cells("nonsense")


def test_tables_in_the_readmes_come_from_the_results_files():
    for readme, results, table in (
        ("README.md", "outputs/results.json", results_table),
        ("tools/speed/README.md", "tools/speed/results.json", speed_tables),
    ):
        expected = table(json.loads((ROOT / results).read_text("utf-8")))
        assert expected in (ROOT / readme).read_text("utf-8"), (
            f"run python -m tools tables: {readme}"
        )
