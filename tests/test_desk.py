"""The class view: who is alike, who left the template, what the boards say, and the page."""

import json
import re

import numpy as np
import pytest

pytest.importorskip("copydetect", reason="pip install -r tools/grading/requirements.txt")

from conftest import ROOT
from variations import Truth, Work, notebook, wrong

from tools.grading import page, reference, score
from tools.grading.boards import Boards
from tools.grading.similar import Pair, plagiarism
from tools.grading.submission import ADVANCED, BASIC, GRADED, NOTEBOOK, HandIn
from tools.grading.template import template_rule
from tools.handout import template

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
        self.rates.append(rate)
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
    return [*made, hand_in("parts", *parts[1:]), HandIn("own", "", own)]


# Plagiarism


def suspects(*hand_ins, **options):
    found, pairs = plagiarism(hand_ins, **options)
    return {name for name, rule in found.items() if rule.verdict == "suspect"}, found, pairs


def test_a_copy_with_new_names_comments_and_formatting_is_found():
    copy = re.sub(r"\bbatch\b", "chosen", LONG.replace("order", "mixed").replace("losses", "L"))
    copy = copy.replace("total = 0", "# sum of losses\n        total=0").replace('"', "'")
    both, original = {"long", "copy"}, hand_in("long", LONG)
    everyone = [*solutions(), original, hand_in("copy", "x = 1", copy)]
    names, found, pairs = suspects(*everyone, template=TEMPLATE)
    assert names == both and len(found) >= 7 and len(pairs) == 1
    assert re.match(r"long: 2\d\d characters of code in common", found["copy"].evidence)
    assert (pairs[0].a, pairs[0].b) == ("long", "copy")
    for passage, name in zip(pairs[0].passages, ("batch", "chosen"), strict=True):
        assert f"total += compute_MSE_loss(A, Y[{name}])" in passage
    unmarked = HandIn("copy", "", {NOTEBOOK: notebook([(f"{START}\nx = 1\n{END}\n{copy}", "")])})
    assert suspects(original, unmarked, template=TEMPLATE)[0] == both
    assert suspects(original, against=[hand_in("copy", copy)])[0] == {"long"}


@pytest.mark.parametrize(
    "hand_ins, template",
    [
        ([hand_in("a", LONG), hand_in("b", LONG)], marked(LONG)),
        ([hand_in(str(i), LONG, f"own = {i}") for i in range(11)], b""),  # everybody's way
        ([HandIn(n, "110062101", hand_in(n, LONG).files) for n in "ab"], b""),  # of one student
        ([hand_in("a", LONG), HandIn("b", "", {NOTEBOOK: b"{", "x.py": b"def \xff(" * 99})], b""),
        ([hand_in("a", LONG)], b""),
    ],
)
def test_what_is_no_copy(hand_ins, template):
    _, found, pairs = suspects(*hand_ins, template=template)
    wanted = "ok" if len(hand_ins) > 1 else "not checked"
    assert not pairs and {rule.verdict for rule in found.values()} == {wanted}


def answers(name, change=lambda work: None):
    work = Work(Truth())
    change(work)
    files = {x: work.files[x] for x in (GRADED, BASIC, ADVANCED) if x in work.files}
    return HandIn(name, "", files)


def off(w):
    figures = reference.graded(42)
    figures["RNN_backward"]["dL_dWh"] *= 1 + np.arange(9).reshape(3, 3) / 7
    w.figures(figures)


def unlike(w):
    """Rounded answers and one class throughout, which prove nothing."""
    w.csv(BASIC, w.answers.round(2))
    w.csv(ADVANCED, np.full(2947, 2))


@pytest.mark.parametrize(
    "one, other, said",
    [
        (lambda w: None, lambda w: w.csv(ADVANCED, w.truth.activity), "500 of 500 sine answers eq"),
        (lambda w: None, lambda w: w.csv(BASIC, w.answers + 0.01), "0 of 2947 classes differ"),
        (off, lambda w: (off(w), unlike(w)), "RNN_backward: the same wrong figures, of no known"),
        (unlike, unlike, ""),
        (lambda w: (wrong("no 1 - h^2")(w), unlike(w)), wrong("no 1 - h^2"), ""),
        (lambda w: w.figures(reference.graded(1)), lambda w: (w.figures(reference.graded(1)),
         unlike(w)), ""),
    ],
)  # fmt: skip
def test_answers_and_unexplained_figures_in_common(one, other, said):
    names, found, _ = suspects(answers("a", one), answers("b", other))
    assert names == (set("ab") if said else set())
    assert re.fullmatch(f"a: {said}[^;]*" if said else "compared with 1", found["b"].evidence)


# The template


def changed(*replaced, add=(), drop=()):
    """The template with other text in its cells, cells added and cells of some text left out."""
    cells = [cell | {"source": "".join(cell["source"])} for cell in json.loads(TEMPLATE)["cells"]]
    cells = [cell for cell in cells if not any(part in cell["source"] for part in drop)]
    for old, new in replaced:
        assert any(old in cell["source"] for cell in cells)
        cells = [cell | {"source": cell["source"].replace(old, new)} for cell in cells]
    new = [{"cell_type": "code", "source": source, "outputs": [1]} for source in add]
    return json.dumps({"cells": cells[:5] + new + cells[5:]}).encode()


@pytest.mark.parametrize(
    "own, verdict, said",
    [
        (TEMPLATE, "ok", "as in the template$"),
        ((ROOT / NOTEBOOK).read_bytes(), "ok", "as in the template$"),
        (changed((" = ", "  =  "), ("Return the output", "Give"), ('"y_pred', '"my/y_pred')), "ok",
         "as in the template$"),
        (changed(("QUICK = False", "QUICK = True"), drop=["google.colab"]), "ok", "template$"),
        (changed(("### ", "## "), add=["print(1)"] * 3), "ok", "template$"),
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
ROSTER = """\ufeffstudent,name,submitted
110062101,a,2024-12-20 23:00
110062102,b,2024-12-21T01:00+08:00
110062103,c,2024-12-22 23:00
110062145,d,
110062146,e,2024-12-21 05:00
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
        ("110062145", {}, "not checked broken not checked", "no team 110062145 on the board adv"),
        ("110062146", {}, "suspect broken not checked", "handed in 2024-12-21 05:00"),
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
    assert points[1] == pytest.approx({"basic": 15.2, "advanced": 0.74})


@pytest.mark.parametrize(
    "options, said",
    [
        ({"deadline": "2024-12-21"}, "--deadline: expected a time with its offset"),
        ({"ranking": "best:5"}, "--ranking: expected POINTS:PLACES"),
        ({"leaderboards": ["a"] * 3}, "--leaderboard: expected two at most, got '3'"),
        ({"roster": __file__}, "expected a CSV in UTF-8|expected the columns student"),
    ],
)
def test_boards_that_cannot_be_read(options, said):
    with pytest.raises(ValueError, match=said):
        Boards(**options)


# The page


def test_the_page_shows_the_class_and_runs_nothing_of_it(tmp_path):
    hostile, path = "<script>alert(1)</script>{{ 7 * 7 }}", tmp_path / "marks.html"
    cards, truth = [{"name": hostile, "student": "", "error": hostile}], Truth()
    changes = {
        "fine": lambda w: None,
        "less": wrong("no 1 - h^2"),
        "odd": lambda w: (wrong("no 1 - h^2")(w), w.cell('exec("x = 1")')),
        "foreign": lambda w: w.cell("import torch"),
    }
    for name, change in changes.items():
        work = Work(truth)
        change(work)
        card = score.score_card(HandIn(name, "", work.files), truth)
        cards.append(card | {"name": name, "student": ""})
    cards[1]["rules"][0]["evidence"] = hostile
    cards[2]["lines"][1]["missing"] = "Output is zero everywhere"
    page.write(path, cards, [Pair(hostile, "fine", [hostile], [hostile] * 2)])
    text = path.read_text("utf-8")
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;{{ 7 * 7 }}") == 7
    assert not re.search(r"<script|https?:|src=|url\(|@import", text)
    assert re.search(r'<td class="n">2</td>\s*<td>no 1 - h\^2</td>', text)
    assert "<td>zero everywhere</td>" in text
    places = [text.index(f'"name">{name}<') for name in ("foreign", "odd", "fine", "less")]
    assert places == sorted(places)
    bars = [int(n) for n in re.findall(r"<text [^>]*>(\d+)</text>\s*<text", text)]
    assert sum(bars) == 4 and "<b>5</b>hand-ins" in text and "<b>1</b>not graded" in text
