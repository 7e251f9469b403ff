"""The report, the template edition and the submission folder."""

import copy
import io
import json
import shutil
import subprocess
import sys

import nbformat
import pytest
from conftest import ROOT
from pypdf import PdfReader

from tools import handin, make_template, report, submit
from tools.cells import NOTEBOOK
from tools.grading.score import Line, own_card, summary


@pytest.fixture
def results():
    """A results file of the structure that tools/evidence.py writes, with figures of no meaning."""

    def model(mape):
        values = [mape, 1.1 * mape, 1.3 * mape]
        return {"validation_mape": values, "test_mape": values, "weights": 17_000}

    def stack(loss):
        return {"validation_loss": [[1.0, loss * k] for k in (1, 1.1, 1.2)]}

    def hidden(H):
        runs = {"training_error": 1 / H, "validation_error": 8 / H, "gap": 7 / H}
        return {key: [v, 1.1 * v, 1.2 * v] for key, v in runs.items()} | {"weights": H * H}

    names = ("dense", *report.EXPLAINING, "rnn")
    variants = [("one step", "course", 16), ("one step", "true", 16), ("sequence", "true", 32)]
    return {
        "sine": {name: model(0.1 + i) for i, name in enumerate(names)},
        "stack": {f"{a}, {b} gradient, k = {k}": stack(0.1 / k) for a, b, k in variants}
        | {report.REFUSED: {"refused": "why"}},
        "hidden": {str(H): hidden(H) for H in (128, 16, 32, 64, 8)},
        "source": {"X_test.csv": {"from": "Kaggle or own files: secret", "sha256": "0"}},
        "versions": {"numpy": "2", "threads": 1},
    }


# The report


def text_of(pdf):
    pages = PdfReader(io.BytesIO(pdf)).pages
    assert len(pages) == 1
    assert [round(float(x)) for x in pages[0].mediabox[2:]] == [595, 842]  # A4
    return " ".join(pages[0].extract_text().split())


def test_report_is_one_page_with_the_same_bytes(results):
    content = report.page(results, "Zoë #Müller *", "112062000")
    pdf = report.render(content)
    assert pdf == report.render(report.page(results, "Zoë #Müller *", "112062000"))
    text = text_of(pdf)
    for said in ("Zoë #Müller *", "112062000", "RNN(1, 16)", "Kaggle or own files", "numpy 2"):
        assert said in text
    assert "secret" not in text


def test_report_from_the_saved_results():
    path = ROOT / "outputs" / "results.json"
    saved = json.loads(path.read_text("utf-8"))
    assert text_of(report.render(report.page(saved, "A" * 40, "1" * 12)))


def test_sentences_follow_the_numbers(results):
    def answers(content):
        page = report.page(content)
        return " ".join(str(page[key]) for key in ("sine", "stack", "hidden"))

    text = answers(results)
    for said in (
        "The Dense-only model is better",
        "A single linear layer stays",
        "those inputs and not to its recurrence",
        "The lowest mean loss of all comes with the whole sequence, the true gradient and 32 units",
        "narrows",
    ):
        assert said in text, said
    other = copy.deepcopy(results)
    other["sine"]["dense"], other["sine"]["rnn"] = results["sine"]["rnn"], results["sine"]["dense"]
    for key in ("validation_error", "gap"):
        other["hidden"]["8"][key], other["hidden"]["128"][key] = (
            results["hidden"]["128"][key],
            results["hidden"]["8"][key],
        )
    text = answers(other)
    for said in (
        "RNN layer is better",
        "Even a single linear layer",
        "recurrence itself is worth",
        "the fewest units, 8",
        "more again",
        "widens",
    ):
        assert said in text, said
    assert text_of(report.render(report.page(other, "A" * 40, "1" * 12)))  # still one page
    other["sine"]["dense"] = other["sine"]["rnn"]
    assert "equally good" in answers(other)


def test_spread_and_compare():
    plain = report.spread([17.95, 18.1], "%").replace(report.NBSP, " ")
    assert plain == "18.0 ± 0.1 %"
    assert report.spread([0.05, 0.11]).startswith("0.080")
    assert report.spread([0, 0]) == "0"
    assert report.spread([123456.0, 123457.0]).startswith("123456")
    assert report.compare([1, 2], [1.5, 4], ["A", "B"])[1].endswith("seeds overlap.")
    assert report.compare([300, 320], [1, 2], ["A", "B"]) == (
        1,
        "B is better: its mean error is 207 times smaller, and its worst seed beats the other's "
        "best.",
    )


def test_report_command(results, tmp_path, monkeypatch, capsys):
    (tmp_path / "results.json").write_text(json.dumps(results), "utf-8")
    arguments = ["report", "--output-dir", str(tmp_path), "--name", "Ada"]
    monkeypatch.setattr("sys.argv", arguments)
    report.main()
    assert "Ada" in text_of((tmp_path / handin.REPORT).read_bytes())
    assert handin.REPORT in capsys.readouterr().out
    del results["stack"]
    (tmp_path / "results.json").write_text(json.dumps(results), "utf-8")
    with pytest.raises(ValueError, match="got no stack"):
        report.main()
    (tmp_path / "results.json").unlink()
    with pytest.raises(ValueError, match="found none"):
        report.main()
    assert [path.name for path in tmp_path.iterdir()] == [handin.REPORT]  # the old one is whole


# The template


def test_template_is_up_to_date():
    for name, text in make_template.template().items():
        on_disk = (make_template.FOLDER / name).read_text("utf-8")
        assert on_disk == text, f"{name}: run python -m tools.make_template"


def test_only_what_is_between_the_markers_changes():
    source = (
        "a = 1\n    ### START CODE HERE ###\n    # b\n\n    b = 2\n    ### END CODE HERE ###\nc"
    )
    assert make_template.blanked(source) == (
        "a = 1\n    ### START CODE HERE ###\n    # (about 1 line)\n"
        '    raise NotImplementedError("your code goes here")\n    ### END CODE HERE ###\nc'
    )
    for broken in ("### START CODE HERE ###\nx", "### END CODE HERE ###", source + source[6:40]):
        with pytest.raises(ValueError, match="in pairs"):
            make_template.blanked(broken)


def test_template_has_no_output_and_is_python():
    notebook = nbformat.read(make_template.FOLDER / "Lab6_template.ipynb", 4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert not cell.outputs
            assert cell.execution_count is None
            compile(handin.as_python(cell.source), "cell", "exec")
    for path in make_template.FOLDER.glob("*.py"):
        compile(path.read_text("utf-8"), path.name, "exec")


def lab_folder(folder, filled):
    """A student's lab from the template; `filled` puts the solution's parts back."""
    shutil.copytree(ROOT / "tools", folder / "tools")
    shutil.copytree(ROOT / "data", folder / "data", ignore=lambda _, names: [
        name for name in names if not name.endswith(".py")
    ])  # fmt: skip
    for name in make_template.template():
        target = NOTEBOOK.name if name.endswith(".ipynb") else name
        text = (make_template.FOLDER / name).read_text("utf-8")
        if filled:
            text = refilled(text, (ROOT / target).read_text("utf-8"))
        (folder / target).write_text(text, "utf-8")
    return folder


def refilled(text, solved):
    """`text` with its parts, in order, replaced by those of `solved`; works on JSON lines too."""
    parts = iter(split(solved)[1::2])
    pieces = split(text)
    pieces[1::2] = [next(parts) for _ in pieces[1::2]]
    return "".join(pieces)


def split(text):
    """[outside, part, outside, part, ..., outside]."""
    pieces = []
    for piece in text.split("### START CODE HERE ###"):
        pieces += piece.split("### END CODE HERE ###")
    return pieces


RUN_CHECKS = """
from unittest.mock import MagicMock
import nbformat
from tools.grading.submission import as_python
cells = [c for c in nbformat.read("Lab6.ipynb", 4).cells if c.cell_type == "code"]
cells = [c for c in cells if "%run" not in c.source]  # the checks need no data
names, passed, failed = {"get_ipython": MagicMock()}, 0, 0  # Jupyter's commands do nothing
for cell in cells[: 1 + next(i for i, c in enumerate(cells) if "def test_model_class" in c.source)]:
    try:
        exec(as_python(cell.source), names)
        passed += "compare(" in cell.source
    except NotImplementedError:
        failed += "compare(" in cell.source
print("checks", passed, failed)
"""


@pytest.mark.parametrize(("filled", "expected"), [(False, "checks 0 4"), (True, "checks 4 0")])
def test_checks_fail_as_handed_out_and_pass_when_solved(tmp_path, filled, expected):
    folder = lab_folder(tmp_path, filled)
    done = subprocess.run(
        [sys.executable, "-c", RUN_CHECKS], cwd=folder, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.endswith(expected + "\n"), done.stdout[-500:] + done.stderr[-2000:]


# The submission


def test_the_project_s_own_hand_in_has_the_format():
    """What is committed in outputs/ and the notebook can be handed in as it is."""
    assert summary(own_card())["format_errors"] == []


@pytest.fixture
def hand_in(tmp_path):
    folder = tmp_path / "hand-in"
    folder.mkdir()
    for name in (*handin.FILES, "results.json"):
        (folder / name).write_text(name, "utf-8")
    return folder


def test_exactly_the_five_files_are_gathered(hand_in, tmp_path):
    to = tmp_path / "submission"
    notebook = tmp_path / "mine.ipynb"
    notebook.write_text("run", "utf-8")
    for _ in range(2):
        submit.gather([ranking()], hand_in, to, notebook)
    assert sorted(path.name for path in to.iterdir()) == sorted(handin.FILES)
    assert (to / handin.NOTEBOOK).read_text("utf-8") == "run"
    assert (to / handin.GRADED).read_text("utf-8") == handin.GRADED
    (to / "notes.txt").write_text("", "utf-8")
    with pytest.raises(ValueError, match=r"got notes\.txt"):
        submit.gather([ranking()], hand_in, to, notebook)


def test_errors_of_format_are_refused(hand_in, tmp_path):
    wrong = Line("Report", 0, 5, "", "two pages", format_error=True)
    with pytest.raises(ValueError, match="two pages"):
        submit.gather([ranking(), wrong], hand_in, tmp_path / "submission")
    assert not (tmp_path / "submission").exists()


def ranking():
    return Line("Activity, ranking", 0, 5, "", status="open")


def test_kaggle_commands():
    assert submit.kaggle_commands("out", ["lab-6"])[0] == (
        'kaggle competitions submit -c lab-6 -f out/y_pred_basic.csv -m "Lab 6, y_pred_basic.csv"'
    )
    both = submit.kaggle_commands("out", ["one", "two"])
    assert "-c two -f out/y_pred_advanced.csv" in both[1]


@pytest.mark.parametrize(
    ("slugs", "said"),
    [
        (["a", "b", "c"], "expected one or two competitions, got 3"),
        (["a; rm -rf"], "expected the last part of the competition's address, such as lab-6-rnn"),
        ([], "the following arguments are required: SLUG"),
    ],
)
def test_wrong_slugs(slugs, said, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["submit", *slugs])
    with pytest.raises(SystemExit):
        submit.main()
    assert said in capsys.readouterr().err


def test_programs_end_in_a_sentence(tmp_path):
    """No traceback for a folder without results: one line that says what to do, and status 1."""
    command = [sys.executable, "-m", "tools.report", "--output-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("report: ")
    assert "expected the results of the experiments" in done.stderr
    assert done.stderr.count("\n") == 1
