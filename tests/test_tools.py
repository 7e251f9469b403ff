"""The door, the gathered hand-in, the handout, the page and the walls between the rooms."""

import re
import subprocess
import sys

import nbformat
import pytest
from conftest import NOTEBOOK, ROOT, code_cells

from tools.__main__ import COMMANDS, main, usage
from tools.files import OUTPUTS, replacing, write_text
from tools.handout import blanked, questioned
from tools.html import to_html
from tools.submit import gather, with_class


def test_help_lists_every_command_and_loads_no_numpy():
    code = (
        "import sys; from tools.__main__ import main; main(['-h']); print('numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == f"{usage()}\nFalse\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name, capsys):
    with pytest.raises(SystemExit) as end:
        main([name, "--help"])
    assert end.value.code == 0 and "usage: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nonsense"], "tools: expected one of run, data, "),
        (["data", "--from", "/nowhere"], "data: /nowhere: expected a folder"),
        (["run", "--to", "/nowhere/x.txt"], "run: --to /nowhere/x.txt: expected a file .ipynb"),
    ],
)
def test_bad_input_ends_in_one_sentence(arguments, words, monkeypatch):
    monkeypatch.setattr("tools.run.fill", lambda: None)
    said = main(arguments)
    assert said.startswith(words) and "\n" not in said


def test_files_are_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(ZeroDivisionError), replacing(path) as temporary:
        temporary.write_text("half")
        1 / 0  # noqa: B018
    assert path.read_text() == "old" and [p.name for p in tmp_path.iterdir()] == ["a.txt"]
    with pytest.raises(OSError, match="expected to write b.txt into"):
        write_text(tmp_path / "none" / "b.txt", "x")


def test_the_hand_in_has_the_class_and_nothing_is_gathered_by_halves(tmp_path):
    book = with_class(nbformat.read(NOTEBOOK, 4), (ROOT / "RNN.py").read_text("utf-8"))
    (cell,) = [c for c in book.cells if "rnn" in c.metadata.get("tags", [])]
    assert "class RNN:" in cell.source and "from RNN import" not in cell.source
    assert "class RNN:" in nbformat.read(NOTEBOOK, 4).cells[book.cells.index(cell)].outputs[0].text
    with pytest.raises(FileNotFoundError, match="Lab6_outputs.npy, Lab6_report.pdf"):
        gather(tmp_path / "to", outputs=tmp_path)
    assert not (tmp_path / "to").exists()


def test_submit_names_two_competitions(tmp_path, capsys, monkeypatch):
    for name in ("Lab6_outputs.npy", "Lab6_report.pdf", "y_pred_basic.csv", "y_pred_advanced.csv"):
        (tmp_path / name).write_bytes(b"x")
    monkeypatch.setattr("tools.submit.gather.__defaults__", (ROOT, tmp_path))
    to = tmp_path / "to"
    assert main(["submit", str(to), "--sine", "a-b", "--activity", "c d"]) == 0
    shown = capsys.readouterr().out
    assert f"-c a-b -f {to}/y_pred_basic.csv" in shown and "-c 'c d' -f" in shown
    (to / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="nothing but the hand-in, got"):
        gather(to)


def test_the_handout_is_small_and_gives_nothing_away(tmp_path, capsys):
    assert main(["handout", str(tmp_path / "new")]) == 0
    files = [p for p in (tmp_path / "new").rglob("*") if p.is_file()]
    assert len(files) <= 15 and not [p for p in files if p.name in ("RNN.py", "y_test.npy")]
    book = nbformat.read(tmp_path / "new" / "Lab6.ipynb", 4)
    text = "\n".join(c.source for c in book.cells)
    for given_away in ("np.tanh(Z[t]", "layer.backward(dA, Y)", "<!--", "rows.T @", "tools "):
        assert given_away not in text, given_away
    assert text.count("is not written yet") == text.count("### END CODE HERE ###") - 1
    assert not [c for c in book.cells if c.get("outputs")]
    written = "".join(p.read_text("utf-8") for p in files)
    assert "0.01 * np.random" not in written and "-m tools" not in written
    assert main(["handout", str(tmp_path / "new")]).startswith("handout: ")


def test_marks_must_come_in_pairs():
    with pytest.raises(ValueError, match="START and END in pairs"):
        blanked("### START CODE HERE ###\nx = 1\n")
    with pytest.raises(ValueError, match="marks in pairs"):
        questioned("<!-- result: Why? -->\nbecause")
    assert questioned("<!-- result: Why? -->\nbecause\n<!-- /result -->") == "**Question.** Why?"


def test_the_page_needs_no_network_and_tells_its_pictures():
    page = to_html(nbformat.read(NOTEBOOK, 4))
    assert page == (OUTPUTS / "Lab6.html").read_text("utf-8")
    assert not re.search(r"(?:src|href)=.https?:", page)
    assert "<title>Lab 6" in page and "<math" in page and page.count('class="h2"') >= 6
    assert page.count("<img") == len(re.findall(r'<img[^>]*alt="[^"]{15,}', page)) > 8
    assert len(code_cells(NOTEBOOK)) == page.count('class="jp-Cell jp-CodeCell')


def test_walls():
    """import-linter's contracts in pyproject.toml: downwards only, no circle."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and "0 broken" in done.stdout, done.stdout


def test_nothing_of_the_lab_imports_the_tools():
    for path in [*ROOT.glob("*.py"), *(ROOT / "data").glob("*.py")]:
        assert not re.search(r"^\s*(?:from|import) +(?:tools|tests)", path.read_text("utf-8"), re.M)
