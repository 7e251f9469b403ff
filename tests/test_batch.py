"""A class on the desk: rows, boards, names, pairs, and what stays when something goes wrong."""

import csv as csv_module
import os
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
from hand_ins import BASIC, GRADED, NOTEBOOK, REPORT, Work, csv, filled, npy, pdf, saved, write_data

from tools.grading import batch, boards, plagiarism, submission

SITE = r"(?P<student>\d{9})_[^_]+_(?P<file>.+)"


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    write_data(tmp_path_factory.mktemp("course") / "data")
    return tmp_path_factory.getbasetemp() / "course0/data"


@pytest.fixture
def grade(tmp_path, data_dir):
    """Return what grades tmp_path/class and returns {hand-in: row}; options as in the command."""

    def run(folder="class", **options):
        names = "template name against leaderboard mape roster deadline ranking python scheduler"
        args = Namespace(**dict.fromkeys(names.split()), batch=tmp_path / folder, data_dir=data_dir)
        vars(args).update({"no_run": True, "rerun": False, "leaderboard": []})
        vars(args).update(options)
        path = Path(batch.batch(args).split(": ")[0])
        with open(path, encoding="utf-8-sig", newline="") as file:
            return {row["hand-in"]: row for row in csv_module.DictReader(file)}

    return run


def write_class(tmp_path, works, names="11006210{}"):
    for number, work in enumerate(works):
        work.write(tmp_path / "class" / names.format(number))


def table(path, header, *rows):
    path.write_text("\n".join([header, *rows]) + "\n", "utf-8")
    return path


def test_rows_pages_and_feedback(tmp_path, grade):
    first = Work(0)
    first.files[REPORT] = pdf("Report: <b>the RNN</b> is better.")
    write_class(tmp_path, [first, Work(1)])
    (tmp_path / "class/110062105.zip").write_bytes(b"PK")
    roster = table(
        tmp_path / "r.csv", "student", "110062100", "110062101", "110062105", "110062109"
    )
    rows = grade(roster=roster)
    assert rows["110062100"]["points"] == "90"
    assert "unpack it by hand" in rows["110062105.zip"]["remarks"]
    assert "110062105" not in rows  # it is there, if not readable
    assert rows["110062109"]["remarks"] == "nothing handed in"
    page = (tmp_path / "class/marks.html").read_text()
    assert "Report: &lt;b&gt;the RNN&lt;/b&gt; is better." in page
    assert 'href="110062100/Lab6_report.pdf"' in page
    assert len(list((tmp_path / "class/feedback").iterdir())) == 4
    assert "Proposed: 90 points" in (tmp_path / "class/feedback/110062100.txt").read_text()


def test_what_is_entered_by_hand_stays(tmp_path, grade):
    write_class(tmp_path, [Work(0)])
    grade()
    path = tmp_path / "class/marks.csv"
    lines = path.read_text("utf-8-sig").split("\n")
    edited = lines[1].replace("110062100,110062100,,", '110062100,110062100,88,"good, but"')
    path.write_text("\n".join([lines[0], edited, ""]), "utf-8-sig")
    row = grade()["110062100"]
    assert (row["points by hand"], row["remark by hand"]) == ("88", "good, but")
    assert "good, but" in (tmp_path / "class/feedback/110062100.txt").read_text()
    assert list((tmp_path / "class/.desk").glob("marks-*.csv"))  # the file as it was
    path.write_bytes("another;file\n".encode("utf-16"))
    assert grade()["110062100"]["points"] == "90"
    assert path.read_bytes() == "another;file\n".encode("utf-16")
    assert (tmp_path / "class/marks-2.csv").exists()


def test_a_marks_csv_open_elsewhere_stops_nothing(tmp_path, grade, monkeypatch):
    write_class(tmp_path, [Work(0)])
    grade()

    def write(path, text, real=batch.write_text):
        if path.name == "marks.csv":
            raise PermissionError(13, "it is open elsewhere")
        real(path, text)

    monkeypatch.setattr(batch, "write_text", write)
    assert grade()["110062100"]["points"] == "90"
    assert (tmp_path / "class/marks-2.csv").exists()


def surrogate(work):
    work.cell("s = '\ud800'")
    work.files[REPORT] = pdf()


BOMB = "### START CODE HERE ###" + "\n" * 40_000
HOSTILE = [  # one of them each must end in a row of its own, and stop nobody
    ("a lone surrogate", surrogate),
    ("10**400", lambda w: w.files.update({GRADED: npy(saved() | {"Output": 10**400})})),
    ("a start mark and newlines", lambda w: w.files.update({"helper.py": BOMB.encode()})),
    ("deep brackets", lambda w: w.cell("x = " + "(" * 5000 + ")" * 5000)),
    ("many names", lambda w: w.cell("\n".join(f"a{i} = b{i} + 1" for i in range(10**5)))),
    ("a notebook of one line", lambda w: w.files.update({NOTEBOOK: b'{"cells": [1, 2]}'})),
]  # fmt: skip


def test_one_hand_in_never_stops_the_class(tmp_path, grade):
    write_class(tmp_path, [Work(0)])
    for number, (_, change) in enumerate(HOSTILE):
        work = Work(number)
        change(work)
        work.write(tmp_path / "class" / f"hostile {number}")
    os.mkdir(os.fsencode(tmp_path / "class") + b"/\xb3\xaf\xa4j")  # a name in Big5
    rows = grade()
    assert len(rows) == len(HOSTILE) + 2
    assert rows["110062100"]["proposed"] == "90"
    assert sum("\ufffd" in name for name in rows) == 1
    assert "</html>" in (tmp_path / "class/marks.html").read_text("utf-8")


def test_results_of_a_rerun_are_kept_by_content(tmp_path, grade, monkeypatch):
    write_class(tmp_path, [Work(0)])
    terms = batch.Terms(None, store=tmp_path / "store")
    hand_in = submission.read(tmp_path / "class/110062100")
    result = {"made": {GRADED: b"\x93"}, "printed": [], "errors": [[1, "a"]], "lent": []}
    result |= {"ended": True}
    terms.truth = Namespace(data_dir=None)
    monkeypatch.setattr(batch.rerun, "run", lambda *_: result)
    batch._run(hand_in, terms, True)
    monkeypatch.setattr(batch.rerun, "run", None)
    hand_in.name = "another name"
    assert batch._run(hand_in, terms, True) == result


# Names -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("folder", "student"),
    [
        ("110062101", "110062101"),
        ("Wang_110062101", "110062101"),
        ("Name_1234567_assignsubmission_file_", ""),
        ("submission_298374651", ""),
        ("110062101_1234567_assignsubmission_file_", "110062101"),
    ],
)
def test_a_sites_number_is_no_students(folder, student, tmp_path):
    assert submission.read(Work(0).write(tmp_path / folder)).student == student


def test_the_sites_names_cost_nobody(tmp_path, grade):
    for number in range(3):
        work = Work(number)
        for name in (NOTEBOOK, GRADED, REPORT):
            work.files[f"11006210{number}_name_{name}"] = work.files.pop(name)
        work.write(tmp_path / "class" / f"Name_{number}234567_assignsubmission_file_")
    rows = grade()
    assert {(row["names"], row["proposed"], row["student"]) for row in rows.values()} == {
        ("ok", "90", "")
    }
    rows = grade(name=SITE)
    assert {row["student"] for row in rows.values()} == {"110062100", "110062101", "110062102"}
    assert {row["names"] for row in rows.values()} == {"ok"}


@pytest.mark.parametrize("pattern", [None, SITE])
def test_a_flat_export(pattern, tmp_path, grade):
    for number in range(2):
        for name, raw in Work(number).files.items():
            path = tmp_path / "class" / f"11006210{number}_name_{name}".replace("Lab6.", "Lab6-1.")
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(raw)
    rows = grade(name=pattern)
    assert [row["proposed"] for row in rows.values()] == ["90", "90"]
    assert {row["student"] for row in rows.values()} == {"110062100", "110062101"}
    assert {row["names"] for row in rows.values()} == {"ok"}


def test_doubles_are_said(tmp_path, grade):
    Work(0).write(tmp_path / "class/110062100 a")
    Work(1).write(tmp_path / "class/110062100 b")
    rows = grade()
    assert "the same student handed in 110062100 b" in rows["110062100 a"]["remarks"]


# Boards ------------------------------------------------------------------------------------------


NUMBER = "110062101"
LATE = [  # deadline, handed in, verdict
    ("2024-12-19T23:59+08:00", "2024-12-19T23:59:30+08:00", "ok"),
    ("2024-12-19T23:59+08:00", "2024-12-20T00:00:00+08:00", "broken"),
    ("2024-12-19T23:59+08:00", "2024-12-19 23:58", "ok"),
    ("2024-12-19T23:59+08:00", "2024-12-20 03:00", "suspect"),
    ("2024-12-19T23:59+08:00", "2024/12/20 03:00", "not checked"),
    ("2024-12-19T23:59+08:00", "20/12/2024 03:00", "not checked"),
    ("2024-12-19T23:59+08:00", "Friday, 20 December 2024, 3:00 AM", "not checked"),
    ("2024-12-19T23:59+08:00", "", "not checked"),
]


@pytest.mark.parametrize(("deadline", "submitted", "verdict"), LATE)
def test_late(deadline, submitted, verdict, tmp_path):
    roster = table(tmp_path / "r.csv", "student,submitted", f'{NUMBER},"{submitted}"')
    finding = boards.Boards([], None, roster, deadline).rules(NUMBER, {})["late"]
    assert finding.verdict == verdict
    assert submitted[:10] in finding.sentences[0]


BOARDS = [  # rows of the board, record's verdict, team's, MAPE
    ([f"{NUMBER},9.8"], "ok", "ok", 9.8),
    ([f"Team {NUMBER},9.8"], "ok", "suspect", 9.8),
    (["110062110,9.8"], "suspect", "suspect", None),
    ([f"{NUMBER},9.8", f"{NUMBER},30"], "suspect", "ok", None),
    (["someone,9.8"], "suspect", None, None),
]


@pytest.mark.parametrize(("rows", "record", "team", "error"), BOARDS)
def test_boards(rows, record, team, error, tmp_path):
    board = boards.Boards([table(tmp_path / "b.csv", "TeamName,Score", *rows)], "percent")
    rules = board.rules(NUMBER, {})
    assert rules["kaggle record"].verdict == record
    assert (rules["team name"].verdict if "team name" in rules else None) == team
    assert board.points(NUMBER).get("basic") == error


def test_nothing_of_a_board_is_guessed(tmp_path):
    rows = [f"{NUMBER[:-1]}{i},{i}.4" for i in range(9)]
    basic = table(tmp_path / "b.csv", "TeamName,Score", *rows)
    assert boards.Boards([basic], "percent").points(NUMBER)["basic"] == 1.4
    assert boards.Boards([basic], "fraction").points(NUMBER)["basic"] == pytest.approx(140)
    with pytest.raises(ValueError, match="--mape: expected percent or fraction"):
        boards.Boards([basic])
    with pytest.raises(ValueError, match="expected an accuracy from 0 to 1"):
        boards.Boards([basic, basic], "percent")
    roster = table(tmp_path / "r.csv", "student", NUMBER)
    rule = boards.Boards([basic], "percent", roster).rules("110062999", {})["kaggle record"]
    assert rule.verdict == "not checked" and "not on the class list" in rule.sentences[0]
    with pytest.raises(ValueError, match="expected"):
        boards.Boards(deadline="2024-12-19")


def test_a_wrong_record(tmp_path):
    header, rows = "TeamName,Score", [f"1100621{i:02},{0.9 - i / 100}" for i in range(20)]
    basic = table(tmp_path / "b.csv", header, *(row.replace(",0.", ",") for row in rows))
    advanced = table(tmp_path / "a.csv", header, "baseline,0.99", *rows)
    roster = table(tmp_path / "r.csv", "student", "110062100", "110062999")
    board = boards.Boards([basic, advanced], "percent")
    rule = board.rules("110062100", {"advanced": 0.5})["kaggle record"]
    assert rule.verdict == "suspect" and "0.9 on the board, 0.5 by the CSV" in rule.sentences[0]
    board = boards.Boards([basic, advanced], "percent", roster)
    assert board.rules("110062999", {})["kaggle record"].verdict == "broken"


# Pairs -------------------------------------------------------------------------------------------


def described(work, name):
    hand_in = submission.HandIn(name, name, work.files)
    cells = submission.code_cells(work.files[NOTEBOOK])
    answers = submission.READERS[BASIC](work.files[BASIC]) if BASIC in work.files else None
    return plagiarism.describe(hand_in, cells, answers)


def renamed(work):
    for old, new in (("layer", "block"), ("delta", "d1"), ("out", "yhat"), ("epoch", "turn")):
        work.replace(old, new)


def with_pass(work):
    lines = [cell.split("\n") for cell in work.cells]
    work.cells = [
        "\n".join(x + ("; pass" if " = " in x and x[-1] in ")]0123456789" else "") for x in cell)
        for cell in lines
    ]
    work.save()


def in_another_cell(work):
    """The classes stand in a cell without marks, and the template's cells are blank."""
    work.cells = [cell.replace("CODE HERE", "") for cell in work.cells]
    work.save()


def in_a_module(work):
    work.files["Dense.py"] = "\n".join(work.cells[2:7]).encode()
    work.cells[2:7] = ["from Dense import RNN, Model"]
    work.save()


def comment(work):
    work.cells[2] = work.cells[2].replace("HERE ###", "HERE ###\n#" + "x" * 10**5, 1)
    work.save()


COPIES = [  # what a copy does to hide; how many copies there are; the size of the class
    ("nothing", lambda w: None, 1, 12),
    ("nothing", lambda w: None, 11, 50),
    ("nothing", lambda w: None, 10, 11),
    ("names", renamed, 1, 12),
    ("pass", with_pass, 1, 12),
    ("plus 0", lambda w: w.replace("return h", "return (h) + 0"), 1, 12),
    ("a long comment", comment, 1, 12),
    ("unmarked cells", in_another_cell, 1, 12),
    ("in Dense.py", in_a_module, 1, 12),
]  # fmt: skip


@pytest.mark.parametrize(
    ("way", "change", "copies", "size"), COPIES, ids=[row[0] for row in COPIES]
)
def test_copies_are_suspect_and_nobody_else(way, change, copies, size):
    works, template = [], filled({})
    for number in range(size):
        work = Work(0 if number <= copies else number)
        work.files[REPORT] = pdf(f"report {number}")
        if 0 < number <= copies:
            change(work)
            work.cell(f"mine = {number}")
        works.append(described(work, str(number)))
    findings, pairs = plagiarism.rank(works, (), template)
    suspect = {int(name) for name, finding in findings.items() if finding.verdict == "suspect"}
    assert suspect == set(range(copies + 1))
    assert {pairs[0].a, pairs[0].b} <= set(map(str, range(copies + 1)))


def test_last_years_are_compared(tmp_path, grade):
    write_class(tmp_path, [Work(0), Work(1)])
    for number in range(11):
        Work(0).write(tmp_path / "last" / f"1090621{number:02}")
    rows = grade(against=tmp_path / "last")
    assert rows["110062100"]["plagiarism"] == "suspect"
    assert "(earlier): 100% of the code alike" in rows["110062100"]["remarks"]
    assert rows["110062101"]["plagiarism"] == "ok"


def test_unrelated_hand_ins_are_not_suspect():
    for size in (2, 3, 40):
        works = [described(Work(number), str(number)) for number in range(size)]
        findings, pairs = plagiarism.rank(works, (), filled({}))
        assert {finding.verdict for finding in findings.values()} == {"ok"}
        assert pairs and not any(pair.marked for pair in pairs)
        assert pairs[0].likeness < plagiarism.rank(works)[1][0].likeness


def test_equal_answers_are_suspect_only_where_the_trainings_differ():
    one, other = Work(1), Work(2)
    answers = submission.READERS[BASIC](one.files[BASIC])
    results = []
    for change in (lambda y: y, lambda y: y + 1e-12, lambda y: y.round(5)):
        for losses in (one.outputs[10], "Epoch 1, loss: 1.2345\nEpoch 2, loss: 1.1"):
            other.files[BASIC] = csv(BASIC, change(answers))
            other.outputs[10] = losses
            other.save()
            pair = plagiarism.rank([described(one, "1"), described(other, "2")])[1][0]
            assert "sine answers equal" in "; ".join(pair.sentences)
            results.append(pair.marked)
    assert results == [False, True] * 3


def test_equal_outputs_and_files_are_always_suspect():
    bars = "\n".join(f"100%|####| 313/313 [00:0{i}<00:00, {90 + i}.1it/s]" for i in range(4))
    one, other = Work(1), Work(2)
    for work in (one, other):
        work.outputs[10] = bars
        work.save()
    pair = plagiarism.rank([described(one, "1"), described(other, "2")])[1][0]
    assert "4 progress bars with equal times" in pair.sentences[2]
    other = Work(2)
    other.files[REPORT] = one.files[REPORT]
    pair = plagiarism.rank([described(one, "1"), described(other, "2")])[1][0]
    assert (pair.marked, pair.sentences[1]) == (True, f"{REPORT}: identical")


def test_spreadsheets_get_no_formula(tmp_path, grade):
    write_class(tmp_path, [Work(0)], "=1+1 {}")
    assert next(iter(grade())) == "'=1+1 0"
    assert np.all([line[:1] != "=" for line in (tmp_path / "class/marks.csv").read_text().split()])
