"""The class view: who is alike, who left the template, what the boards say, and the page.

python tests/test_desk.py PAGE     the page of a class of twelve, for a picture of it
"""

import json
import re
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("copydetect", reason="pip install -r tools/grading/requirements.txt")
ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from variations import COURSE, Truth, Work, notebook, wrong  # noqa: E402

from tools.grading import page, reference, score  # noqa: E402
from tools.grading.boards import Boards  # noqa: E402
from tools.grading.similar import Pair, plagiarism  # noqa: E402
from tools.grading.submission import ADVANCED, BASIC, GRADED, NOTEBOOK, HandIn  # noqa: E402
from tools.grading.template import template_rule  # noqa: E402
from tools.handout import template  # noqa: E402

TEMPLATE = template()[NOTEBOOK].encode()
START, END = "### START CODE HERE ###", "### END CODE HERE ###"
LONG = """
def train(self, X, Y, epochs, rate):
    for epoch in range(epochs):
        order = np.random.permutation(len(X))
        total = 0
        for i in range(0, len(X), 32):
            batch = order[i:i + 32]
            A = self.forward(X[batch])
            total += compute_MSE_loss(A, Y[batch]) * len(batch)
            self.backward(2 * (A - Y[batch]), Y[batch])
            self.update(rate)
        self.losses.append(total / len(X))
        print(f"epoch {epoch}: {self.losses[-1]:.4f}")
"""


def marked(*parts):
    """A notebook with each part of code between the marks of a cell."""
    return notebook([(f"{START}\n{part}\n{END}", "") for part in parts])


def hand_in(name, *parts, **files):
    return HandIn(name, "", {NOTEBOOK: marked(*parts)} | files)


def solutions():
    """Hand-ins that nobody copied: as students write, and the project's own."""
    styles = [path.parent for path in sorted((ROOT / "tests/students").glob("*/RNN.py"))]
    made = [HandIn(s.name, "", {p.name: p.read_bytes() for p in s.glob("*.py")}) for s in styles]
    parts = re.split(r"^\S.*\n", (ROOT / "tests/students/parts.txt").read_text("utf-8"), flags=re.M)
    own = {name: (ROOT / name).read_bytes() for name in (NOTEBOOK, "RNN.py")}
    return [*made, hand_in("parts", *parts[1:]), HandIn("own", "", own), hand_in("long", LONG)]


# Plagiarism


def test_those_who_solve_the_same_task_are_not_suspect():
    found, pairs = plagiarism(solutions(), template=TEMPLATE)
    assert len(found) >= 5 and {rule.verdict for rule in found.values()} == {"ok"} and not pairs


def test_a_copy_with_new_names_comments_and_formatting_is_found():
    copy = re.sub(
        r"\bbatch\b", "chosen", LONG.replace("order", "mixed").replace("self.losses", "self.L")
    )
    copy = copy.replace("total = 0", "# here the losses are added up\n        total=0").replace(
        '"', "'"
    )
    *others, original = solutions()
    found, pairs = plagiarism([*others, original, hand_in("copy", "x = 1", copy)])
    assert {name for name, rule in found.items() if rule.verdict == "suspect"} == {"long", "copy"}
    assert "long: 100% of the shorter code" in found["copy"].evidence
    assert (pairs[0].a, pairs[0].b) == ("long", "copy")
    assert "total += compute_MSE_loss(A, Y[batch])" in pairs[0].passages[0]
    assert "total += compute_MSE_loss(A, Y[chosen])" in pairs[0].passages[1]
    unmarked = HandIn("copy", "", {NOTEBOOK: notebook([(f"{START}\nx = 1\n{END}\n{copy}", "")])})
    found, _ = plagiarism([original, unmarked], template=TEMPLATE)
    assert found["copy"].verdict == "suspect"
    found, _ = plagiarism([original], against=[hand_in("copy", copy)])
    assert found.keys() == {"long"} and found["long"].verdict == "suspect"


@pytest.mark.parametrize("case", ["template", "everybody", "same student", "alone", "damaged"])
def test_what_is_no_copy(case):
    pair, template = [hand_in("a", LONG), hand_in("b", LONG)], b""
    if case == "template":
        template = marked(LONG)
    elif case == "everybody":
        pair = [hand_in(str(i), LONG, f"own = {i}") for i in range(11)]
    elif case == "same student":
        pair = [HandIn(x.name, "110062101", x.files) for x in pair]
    elif case == "alone":
        pair = pair[:1]
    else:
        pair[1].files = {NOTEBOOK: b"{", "RNN.py": b"def \xff(" * 200}
    found, pairs = plagiarism(pair, template=template)
    wanted = "not checked" if case == "alone" else "ok"
    assert {rule.verdict for rule in found.values()} == {wanted} and not pairs


def answers(name, change=lambda work: None):
    work = Work(Truth())
    change(work)
    return HandIn(
        name, "", {x: work.files[x] for x in (GRADED, BASIC, ADVANCED) if x in work.files}
    )


def off(w):
    figures = reference.graded(42)
    figures["RNN_backward"]["dL_dWh"] *= 1 + np.arange(9).reshape(3, 3) / 7
    w.figures(figures)


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda w: w.csv(ADVANCED, w.truth.activity), "500 of 500 sine answers equal"),
        (lambda w: w.csv(BASIC, w.answers + 0.01), "0 of 2947 classes differ"),
        (lambda w: (off(w), w.csv(BASIC, w.answers.round(2)), w.csv(ADVANCED, np.full(2947, 2))),
         "RNN_backward: the same wrong figures, of no known mistake"),
    ],
)  # fmt: skip
def test_answers_and_unexplained_figures_in_common(change, said):
    other = answers("b", change)
    if (
        "figures" in said
    ):  # those of both, and rounded answers and one class throughout prove nothing
        found, _ = plagiarism([answers("a", change), other])
        assert found["a"].evidence == f"b: {said}"
    found, _ = plagiarism([answers("a"), other])
    assert (found["b"].evidence == f"a: {said}") == ("figures" not in said)


@pytest.mark.parametrize("change", [wrong("no 1 - h^2"), lambda w: w.figures(reference.graded(1))])
def test_the_same_known_mistake_is_no_sign(change):
    both = [HandIn(n, "", {GRADED: answers(n, change).files[GRADED]}) for n in "ab"]
    assert both[0].files[GRADED] != answers("c").files[GRADED]
    assert {rule.verdict for rule in plagiarism(both)[0].values()} == {"ok"}


# The template


def cells_of(raw):
    return json.loads(raw)["cells"]


def changed(*replaced, add=(), drop=()):
    """The template with other text in its cells, cells added and cells of some text left out."""
    text = [("".join(cell["source"]), cell) for cell in cells_of(TEMPLATE)]
    kept = [cell | {"source": s} for s, cell in text if not any(part in s for part in drop)]
    for old, new in replaced:
        assert any(old in cell["source"] for cell in kept)
        kept = [cell | {"source": cell["source"].replace(old, new)} for cell in kept]
    new = [{"cell_type": "code", "source": source, "outputs": [1]} for source in add]
    return json.dumps({"cells": kept[:5] + new + kept[5:]}).encode()


@pytest.mark.parametrize(
    "own, verdict, said",
    [
        (TEMPLATE, "ok", "as in the template$"),
        ((ROOT / NOTEBOOK).read_bytes(), "ok", "as in the template; \\d+ more; .* texts changed$"),
        (changed((" = ", "  =  "), ("Return the output", "Give"), ('"y_pred', '"my/y_pred')), "ok",
         "as in the template$"),
        (changed(("QUICK = False", "QUICK = True"), drop=["google.colab"]), "ok", "template$"),
        (changed(("### ", "## "), add=["print(1)"] * 3), "ok", "; 3 more"),
        (changed((START, "# mine"), (END, "")), "ok", "as in the template$"),
        (changed(("np.random.seed(seed)", "np.random.seed(2)")), "suspect",
         r"\n-     np.random.seed\(seed\)\n\+     np.random.seed\(2\)"),
        (changed(drop=["compare(\"RNN_backward\""]), "suspect", "\n- def test_backward"),
        (marked(LONG), "suspect", "^0 of .*; if another .* give it with --template$"),
        (b"{}", "not checked", "no notebook"),
    ],
)  # fmt: skip
def test_template(own, verdict, said):
    rule = template_rule(own, TEMPLATE)
    assert rule.verdict == verdict and re.search(said, rule.evidence), rule.evidence


# Kaggle's boards, the class list, the deadline

BOARD = """Rank,TeamId,TeamName,LastSubmissionDate,Score,SubmissionCount,TeamMemberUserNames
1,11,110062101,2024-12-20 10:00:00,{0},3,a
2,12,team 110062102,2024-12-20 17:00:00,{1},5,b
3,13,110062130,2024-12-20 17:00:00,{2},1,c
4,14,baseline,2024-12-01 10:00:00,{3},1,host
"""
ROSTER = """\ufeffStudent No.,Name,Submitted
110062101,a,2024-12-20 23:00
110062102,b,2024-12-21T01:00+08:00
110062103,c,2024-12-22 23:00
110062105,d,
110062106,e,2024-12-21 05:00
"""


@pytest.fixture
def boards(tmp_path):
    def make(scores=((5.1, 15.2, 30, 14), (0.91, 0.74, 0.6, 0.75)), **options):
        paths = [tmp_path / f"{i}.csv" for i in range(len(scores))]
        for path, row in zip(paths, scores, strict=True):
            path.write_text(BOARD.format(*row), "utf-8")
        (tmp_path / "roster.csv").write_text(ROSTER, "utf-8")
        return Boards(paths, tmp_path / "roster.csv", "2024-12-21T00:00+08:00", **options)

    return make


@pytest.mark.parametrize(
    "name, own, verdicts, said",
    [
        ("110062101", {"basic": 5.1, "advanced": 0.92}, "ok ok ok", "handed in 2024-12-20"),
        ("3_110062101_b", {"basic": 7}, "ok suspect ok", "basic: 5.1 on the board, 7 by the CSV"),
        ("110062101", {"advanced": 0.97}, "ok suspect ok", "0.91 on the board, 0.97 by the CSV"),
        ("110062102", {}, "broken ok suspect", "'team 110062102' holds, but is not, 110062102"),
        ("110062103", {}, "suspect suspect suspect", "'110062130' is close to 110062103"),
        ("110062105", {}, "not checked broken not checked", "no team 110062105 on the board adv"),
        ("110062106", {}, "suspect broken not checked", "handed in 2024-12-21 05:00"),
        ("110062130", {}, "suspect ok ok", "last on the board basic 2024-12-20 17:00:00+00:00"),
        ("1100621011", {}, "not checked suspect not checked", "no team 1100621011"),
        ("990062199", {}, "not checked suspect not checked", "no team 990062199"),
        ("", {}, "not checked not checked not checked", "no student number"),
    ],
)
def test_boards(boards, name, own, verdicts, said):
    student = "".join(re.findall(r"\d{5,}", name))
    found = boards().rules(HandIn(name, student, {}), own)
    assert [rule.rule for rule in found] == ["late", "kaggle record", "team name"]
    assert " ".join(rule.verdict for rule in found) == verdicts
    assert said in "; ".join(rule.evidence for rule in found)


def test_points_and_places_on_the_boards(boards):
    with pytest.raises(ValueError, match="basic one, got the worst on top"):
        boards(((0.91, 0.74, 0.6, 0.5), (5.1, 15.2, 30, 40)))
    held = boards(ranking="5:1,3:70%,1:100%")
    points = [held.points(HandIn(n, n, {})) for n in ("110062101", "110062102", "110062103")]
    assert points == [
        {"basic": 5.1, "advanced": 0.91, "ranking": 5},
        {"basic": 15.2, "advanced": 0.74, "ranking": 3},
        {},
    ]
    fractions = boards(((0.051, 0.152, 0.3, 0.14), (91, 74, 60, 75)))
    points = [fractions.points(HandIn(n, n, {})) for n in ("110062101", "110062102")]
    assert points[0] == pytest.approx({"basic": 5.1, "advanced": 0.91})
    assert points[1] == pytest.approx({"advanced": 0.74})  # 15.2 % or 0.152 %: who knows


@pytest.mark.parametrize(
    "options, said",
    [
        ({"deadline": "2024-12-21"}, "--deadline: expected a time with its offset"),
        ({"ranking": "best:5"}, "--ranking: expected POINTS:PLACES"),
        ({"leaderboards": ["a"] * 3}, "--leaderboard: expected at most two, got 3"),
        ({"roster": __file__}, "expected a CSV in UTF-8|expected a column 'studentnumber'"),
    ],
)
def test_boards_that_cannot_be_read(options, said):
    with pytest.raises(ValueError, match=said):
        Boards(**options)


# The page


def a_class(folder):
    """The cards of a class of twelve, on data of our own invention, and who is alike in it."""
    truth, numbers = Truth(), [str(110062101 + 113 * i) for i in range(12)]
    copy = re.sub(r"\b(batch|order|total)\b", r"my_\1", LONG)
    changes = {
        1: wrong("no 1 - h^2"),
        2: wrong("no 1 - h^2"),
        3: wrong("Wh transposed in forward"),
        4: lambda w: w.csv(BASIC, w.truth.sine * 1.15),
        5: lambda w: w.cell("import torch"),
        6: lambda w: w.cell(f"{START}\n{LONG}\n{END}"),
        7: lambda w: w.files.pop(GRADED),
        8: lambda w: w.cell(f"{START}\n{copy}\n{END}"),
        9: lambda w: w.csv(ADVANCED, np.resize([2, 0, 1, 2, 1, 2], 2947)),
    }
    rows = [("110062199", 30, 0.5, "12-18 11:00")]  # somebody of another class
    hand_ins, rng = [], np.random.default_rng(3)
    for i, number in enumerate(numbers):
        work = Work(truth)
        work.csv(BASIC, truth.sine * (1 + rng.choice([0.06, 0.1, 0.18]) * rng.normal(size=500)))
        guess = np.where(rng.random(2947) < rng.uniform(0.66, 0.9), truth.activity, 2)
        work.csv(ADVANCED, guess)
        changes.get(i, lambda w: None)(work)
        hand_ins.append(HandIn(f"{number}_lab6", number, work.files))
        figures = [x["figure"] for x in score.score_card(hand_ins[-1], truth)["lines"][4:6]]
        team = number if i < 10 else f"team {number}" if i == 10 else "the winners"
        rows.append((team, *figures, f"12-{21 if i == 3 else 15 + i % 5} 17:30"))
    for place, name in enumerate(("basic.csv", "advanced.csv"), 1):
        lines = [f"{row[0]},{row[place]},2024-{row[3]}:00" for row in rows]
        text = "\n".join(["TeamName,Score,LastSubmissionDate", *lines])
        (folder / name).write_text(text, "utf-8")
    paths = [folder / "basic.csv", folder / "advanced.csv"]
    boards = Boards(paths, None, "2024-12-20T23:59+08:00", "5:20%,3:50%,1:100%")
    given, cards = notebook(COURSE), []
    alike, pairs = plagiarism(hand_ins, template=given)
    for x in hand_ins:
        card = score.score_card(x, truth, boards=boards)
        new = [alike[x.name], template_rule(x.files[NOTEBOOK], given)]
        every = {rule["rule"]: rule for rule in [*card["rules"], *map(asdict, new)]}
        card["rules"] = list(every.values())
        cards.append(card | {"name": x.name, "student": x.student})
    return cards, pairs


def test_the_page_shows_the_class_and_runs_nothing_of_it(tmp_path):
    cards, pairs = a_class(tmp_path)
    hostile = "<script>alert(1)</script>{{ 7 * 7 }}"
    cards[0]["name"] = cards[0]["rules"][0]["evidence"] = hostile
    cards[1]["lines"][1]["missing"] = "Output is zero everywhere"
    cards.append({"name": hostile, "student": "", "error": hostile})
    page.write(
        tmp_path / "marks.html", cards, [*pairs, Pair(hostile, "b", [hostile], [hostile] * 2)]
    )
    text = (tmp_path / "marks.html").read_text("utf-8")
    assert "<script" not in text and "49" not in re.findall(r"alert.{40}", text)
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;{{ 7 * 7 }}") >= 7
    assert not re.search(r"https?:|src=|url\(|@import", text)
    assert re.search(r'<td class="n">2</td>\s*<td>no 1 - h\^2</td>', text)
    assert "<td>zero everywhere</td>" in text
    assert (
        text.index(cards[5]["name"]) < text.index(cards[3]["name"]) < text.index(cards[2]["name"])
    )
    assert f"{cards[6]['name']}</b> and <b>{cards[8]['name']}</b>" in text
    bars = [int(n) for n in re.findall(r"<text [^>]*>(\d+)</text>\s*<text", text)]
    assert sum(bars) == 12 and "<b>13</b>hand-ins" in text and "<b>1</b>not graded" in text


if __name__ == "__main__":
    to = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as kept:
        page.write(to, *a_class(Path(kept)))
