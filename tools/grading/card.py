"""The score card: the course's rubric line by line, its rules one by one, and what to give.

Graded figures are computed anew by the plain solution of tools/check, and the sine answers are
compared with the exact continuation.
"""

from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from tools.check import check as solution
from tools.continuation import exact_continuation, mape
from tools.grading import boards, notebook, rerun, submission, template
from tools.grading.submission import ADVANCED, BASIC, GRADED, NOTEBOOK, REPORT, VERDICTS, Finding

CHECKS = {  # part: check, points in equal shares for the entries that are computed
    "RNN initialize_parameters": ("RNN_initialization", 3, "Wx_shape,Wh_shape,bh_shape"),
    "RNN forward": ("RNN_forward", 12, "Output"),
    "RNN backward": ("RNN_backward", 15, "dL_dX,dL_dWx,dL_dWh,dL_dbh"),
    "Model class": ("Model_class", 10, "AL,dA_prev,Wx of RNN,Wh of RNN,bh of RNN"),
}
ACTIVITY = ((0.75, 30), (0.70, 20), (0.65, 10))
LABELS = "y_test.npy (python -m tools data --labels)"
TASKS = {  # file, part, figure and how it is written, bounds with points, the truth
    "basic": (BASIC, "Sine data", "MAPE", "{:.3g} %", ((14, 20), (17, 10)), "X_test.csv"),
    "advanced": (ADVANCED, "Activity, accuracy", "accuracy", "{:.4f}", ACTIVITY, LABELS),
}
RULES = {  # what the course takes where it is broken, points or zero of what; needed to check it
    "plagiarism": ("zero", "needs the others: --batch FOLDER, --against FOLDER"),
    "late": ("zero", "needs --deadline WHEN, and times: --leaderboard CSV, --roster CSV"),
    "template": ("zero", "needs --template FILE"),
    "packages": ("zero", "needs a notebook"),
    "format": (5, ""),
    "kaggle record": ("zero", "needs --leaderboard CSV"),
    "team name": ("zero", "needs --leaderboard CSV, with a team"),
    "notebook": ("zero", ""),
    "own code": ("zero", ""),
    "names": (5, ""),
    "npy": ("basic zero", ""),
}
ABSENT = "no CSV here; it may be at Kaggle alone, whose board decides: --leaderboard"
SHOWN = 8  # findings in one piece of evidence


@dataclass
class Line:
    """One line of the score card. status: "measured", "estimate", or "open" (not decidable)."""

    part: str
    points: float
    out_of: float
    evidence: str = ""
    missing: str = ""
    status: str = "measured"


@dataclass
class Rule:
    """A rule of the course, and what became of it; the verdict is one of VERDICTS."""

    rule: str
    verdict: str
    penalty: float | str
    evidence: str


@dataclass
class Card:
    """What is to be said of one hand-in."""

    name: str
    student: str = ""
    lines: list[Line] = field(default_factory=list)
    rules: dict[str, Rule] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)  # "MAPE", "accuracy"; "..., made"
    remarks: list[str] = field(default_factory=list)
    report: str = ""  # its text
    paths: dict[str, str] = field(default_factory=dict)  # file: where it is
    error: str = ""  # why it could not be graded

    def __post_init__(self):
        for name in RULES:
            self.set(name, "not checked")

    def set(self, name, verdict, sentences=()):
        """Say what became of a rule; only the first pieces of much evidence are kept."""
        penalty, needed = RULES[name]
        unique = list(dict.fromkeys(sentences)) or [needed] * (verdict == "not checked")
        more = [f"and {len(unique) - SHOWN} more"] if len(unique) > SHOWN else []
        self.rules[name] = Rule(name, verdict, penalty, "; ".join(unique[:SHOWN] + more))

    def with_verdict(self, *verdicts):
        return [rule for rule in self.rules.values() if rule.verdict in verdicts]

    def totals(self):
        """Return "points", "out_of", "open", and "proposed": less what the broken rules take."""
        penalties = [rule.penalty for rule in self.with_verdict("broken")]
        basic = len(CHECKS) + 1  # lines of the basic part
        counted = self.lines[basic:] if "basic zero" in penalties else self.lines
        fixed = max([x for x in penalties if not isinstance(x, str)], default=0)  # once, not each
        proposed = 0 if "zero" in penalties else sum(x.points for x in counted) - fixed
        return {
            "points": round(sum(x.points for x in self.lines), 2),
            "out_of": sum(x.out_of for x in self.lines),
            "open": sum(x.out_of for x in self.lines if x.status == "open"),
            "proposed": round(max(proposed, 0), 2),
        }

    def as_dict(self):
        """Return the card for JSON."""
        lists = {"lines": self.lines, "rules": self.rules.values()}
        lists = {key: [asdict(x) for x in values] for key, values in lists.items()}
        return self.totals() | lists | {"remarks": self.remarks}


class Truth:
    """What every hand-in is compared with; the answers are None where the data are not there."""

    def __init__(self, data_dir):
        self.data_dir, self.answers = Path(data_dir), {}
        self.graded, seed_1 = solution.graded(42), solution.graded(1)
        self.printed = {  # for seed 1, in the notebook's outputs
            check: {key: seed_1[check][key] for key in keys.split(",")}
            for check, _, keys in list(CHECKS.values())[1:]
        }
        paths = {path.name: path for path in rerun.data_files(data_dir)}
        if "X_test.csv" in paths:
            table = pd.read_csv(paths["X_test.csv"]).drop(columns="Id", errors="ignore")
            self.answers["basic"] = exact_continuation(table).ravel()
        if (labels := self.data_dir / "y_test.npy").is_file():
            self.answers["advanced"] = np.load(labels, allow_pickle=False).ravel()

    def figure(self, key, answers):
        """Return the MAPE in %, or the accuracy, of answers."""
        exact = self.answers[key]
        return mape(answers, exact) if key == "basic" else float(np.mean(answers == exact))


def build(hand_in, truth, board=None, template_cells=()):
    """Return the Card of a HandIn, as far as its files decide, and {file: what it holds}.

    `board` is a boards.Boards or None; `template_cells` are sources of the template's cells.
    """
    card = Card(hand_in.name, hand_in.student, paths=hand_in.paths)
    content, faults = {}, {}
    for name, reader in submission.READERS.items():
        try:
            content[name] = reader(hand_in.files.get(name))
        except submission.FormatError as error:
            faults[name] = str(error)
    own = {  # what the CSVs earn on the test data
        key: truth.figure(key, content[file])
        for key, (file, *_) in TASKS.items()
        if file in content and key in truth.answers
    }
    on_board = board.points(hand_in.student) if board else {}
    for part, row in CHECKS.items():
        card.lines.append(_check_line(part, *row, content.get(GRADED), faults, truth))
    for key in TASKS:
        card.lines.append(_answers_line(key, hand_in, faults, own, on_board))
        if key in own or key in on_board:
            card.figures[TASKS[key][2]] = on_board.get(key, own.get(key))
    for part, key, evidence, fault in (
        ("Activity, ranking", "ranking", "by Kaggle's board", ""),
        ("Report", "report", "one page; its text is for you", faults.get(REPORT, "")),
    ):
        status = "measured" if key in on_board or fault else "open"
        evidence = "" if fault else evidence
        card.lines.append(Line(part, on_board.get(key, 0), 5, evidence, fault, status))
    card.report = content.get(REPORT, "")
    _judge_files(card, hand_in, content, faults)
    if template_cells and NOTEBOOK in content:
        sources = [cell.source for cell in content[NOTEBOOK]]
        card.set("template", *template.compare(sources, template_cells))
    for name, finding in (board.rules(hand_in.student, own) if board else {}).items():
        card.set(name, *finding)
    if board and board.submitted and hand_in.student not in board.submitted:
        card.remarks.append(f"{hand_in.student or 'no number'} is not on the class list")
    return card, content


def _judge_files(card, hand_in, content, faults):
    """Set the rules on packages, format, notebook, names and npy."""
    there = {name: text for name, text in faults.items() if name in (*hand_in.files, REPORT)}
    doubts = [there[name] for name in submission.FILES[2:] if name in there] + hand_in.doubts
    packed = "broken" if hand_in.packing else "suspect" if doubts else "ok"
    card.set("format", packed, hand_in.packing + doubts)
    for name, file in (("notebook", NOTEBOOK), ("npy", GRADED)):
        if file in faults:
            card.set(name, "suspect" if file in there else "broken", [faults[file]])
    if NOTEBOOK in content:
        card.set("notebook", *notebook.check_is_lab(content[NOTEBOOK]))
        card.set("packages", *notebook.check_packages(hand_in, content[NOTEBOOK]))
    advice = [f"{text}; if the site puts that before, give --name" for text in hand_in.prefixed]
    verdict = "broken" if hand_in.notes else "suspect" if advice else "ok"
    card.set("names", verdict, hand_in.notes + advice)
    if GRADED in content:
        entries = [x for figures in content[GRADED].values() for x in figures.items()]
        arrays = [_plain(*entry) for entry in entries if entry[0][-6:] != "_shape"]
        zero = not any(A is not None and np.any(A) for A in arrays)
        card.set("npy", "suspect" if zero else "ok", ["all figures in it are zero"] * zero)


def judge_own_code(card, hand_in, content, truth, result, whole=False, reason=""):
    """Set the rule on own code, by what is seen from outside and by the `result` of rerun.run.

    That may be None, with the `reason` why there is none.
    """
    cells = content.get(NOTEBOOK, [])
    doubts = notebook.doubts_about(hand_in, cells) if cells else ["there is no notebook"]
    came = notebook.printed_checks([submission.printed(cell) for cell in cells], truth.printed)
    graded = zip(CHECKS.values(), card.lines, strict=False)
    right = [row[0] for row, line in graded if line.points == line.out_of]
    if unlike := [check for check in truth.printed if check in right and check not in came]:
        names = ", ".join(unlike)
        doubts.append(f"the npy is right, and the outputs print no right figures of {names}")
    if BASIC in content and "basic" in truth.answers:
        # Rounded ones, too: no model comes as close as that in all 500 rows.
        rounded = [truth.answers["basic"].round(n) for n in range(4, 17)]
        if any(np.allclose(content[BASIC], exact, rtol=1e-9, atol=1e-9) for exact in rounded):
            doubts.append("the sine answers are the exact continuation to the last digit")
    verdict, sentences = "not checked", [reason]
    if result:
        verdict, sentences = rerun.judge(hand_in, content, result, whole)
        made = notebook.printed_checks(result["printed"], truth.printed)
        if result["ended"] and (unlike := [check for check in came if check not in made]):
            doubts.append(f"printed for seed 1, and not made again: {', '.join(unlike)}")
        blank, total = template.count_blanks([cell.source for cell in cells])
        if blank == total > 0 and verdict == "suspect":
            verdict = "broken"  # nothing is written, and nothing is made
    for key in TASKS if result and whole and result["ended"] else ():
        more = _judge_answers(card, key, content, truth, result)
        sentences += more.sentences
        verdict = max(verdict, more.verdict, key=VERDICTS.index)
    verdict = max(verdict, "suspect", key=VERDICTS.index) if doubts else verdict
    card.set("own code", verdict, doubts + sentences)


def _judge_answers(card, key, content, truth, result):
    """Return the Finding on the answers that a whole rerun made; put its figure on the card."""
    file, _, name, how, _, lacking = TASKS[key]
    try:
        answers = submission.READERS[file](result["made"].get(file))
    except submission.FormatError as error:
        return Finding("suspect", [str(error) if file in result["made"] else f"it made no {file}"])
    if key not in truth.answers:
        return Finding("ok", [f"it made {file}; the {name} is not checked without {lacking}"])
    made = card.figures[f"{name}, made"] = truth.figure(key, answers)
    sentence = f"{name} {how.format(made)} by the whole rerun"
    if name not in card.figures:
        return Finding("ok", [sentence])
    came = card.figures[name]
    near = abs(came - made) <= (rerun.NEAR * max(came, made) if key == "basic" else rerun.ALIKE)
    return Finding("ok" if near else "suspect", [f"{sentence}, {how.format(came)} came"])


def _check_line(part, check, out_of, computed, graded, faults, truth):
    """Compare one check's entries; each right one that is computed earns its share of the points.

    Shapes, and inputs that are given, are compared too, but are no evidence of one's own work.
    """
    if graded is None:
        return Line(part, 0, out_of, missing=faults[GRADED])
    figures, computed = graded.get(check, {}), computed.split(",")
    expected = {key: _plain(key, value) for key, value in truth.graded[check].items()}
    wrong = {k: _fault(_plain(k, figures[k]), expected[k]) for k in expected if k in figures}
    absent = [key for key in expected if key not in figures]
    sentences = [f"{check} has no {', '.join(absent)}"] if absent else []
    sentences += [f"{key} {fault}" for key, fault in wrong.items() if fault]
    names = solution.name_mistakes(check, figures, 42) if sentences and not absent else []
    sentences += [f"these are the figures of: {' or: '.join(names)}"] if names else []
    right = sum(wrong.get(key) == "" for key in computed)
    evidence = f"{right} of {len(computed)} entries equal the recomputed ones"
    return Line(part, out_of * right / len(computed), out_of, evidence, "; ".join(sentences))


def _plain(key, value):
    """Return an entry as a tuple or an array, for both of which lists will do; else None."""
    try:
        array = np.asarray(value, float)
    except (TypeError, ValueError, OverflowError):
        return None
    return tuple(array.ravel()) if key.endswith("_shape") else array


def _fault(value, expected):
    """Return what is wrong with an entry, an array or a shape; "" if nothing is."""
    if isinstance(expected, tuple):
        return "" if value == expected else f"is not {tuple(map(int, expected))}"
    if value is None or value.shape != expected.shape:
        return f"is no array of shape {expected.shape}"
    with np.errstate(all="ignore"):
        off = f"is off by {np.abs(value - expected).max():.1e}"
    return "" if rerun.is_close(value, expected) else off


def _answers_line(key, hand_in, faults, own, on_board):
    """Return the line of a CSV: by Kaggle's board, or by the test data."""
    file, part, name, how, bounds, lacking = TASKS[key]
    best, status = bounds[0][1], "measured"
    if key in on_board:
        figure, data = on_board[key], "Kaggle's board"
    elif file not in hand_in.files:
        return Line(part, 0, best, missing=ABSENT, status="open")
    elif file in faults:
        return Line(part, 0, best, missing=faults[file])
    elif key in own:
        figure, data = own[key], "the test data"
    else:
        evidence = f"format right; not checked without {lacking}"
        return Line(part, 0, best, evidence, status="open")
    points = points_for(key, figure)
    if key == "advanced" and key not in on_board:
        low, high = boards.public_range(figure)
        if points_for(key, low) < points_for(key, high):
            status = "estimate"
            data += f"; Kaggle decides by 60 % of the rows: {low:.4f} to {high:.4f} (95 %)"
    missing = "" if points == best else f"full points need {how.format(bounds[0][0])}"
    return Line(part, points, best, f"{name} {how.format(figure)} on {data}", missing, status)


def points_for(key, figure):
    """Return the points for a MAPE in percent, "basic", or for an accuracy, "advanced"."""
    sign = 1 if key == "basic" else -1
    return next((p for bound, p in TASKS[key][4] if sign * figure <= sign * bound), 0)


def is_complete(card):
    """Whether every point that is decided here is earned and no rule is broken."""
    *here, _, report = card.lines
    earned = all(x.points == x.out_of or x.status == "open" for x in here) and not report.missing
    return earned and not card.with_verdict("broken")


def as_text(card, student=False):
    """Return a score card for a terminal; for the student, without what is only suspect."""
    if card.error:
        return f"could not be graded: {card.error}"
    shown, totals = [], card.totals()
    for line in card.lines:
        mark = {"measured": " ", "estimate": "~", "open": "?"}[line.status]
        points = f"{line.points:g} / {line.out_of:g}"
        shown.append(f"{mark} {line.part:<26}{points:>9}   {line.evidence}".rstrip())
        shown += [f"{'':<40}{line.missing}"] if line.missing else []
    shown.append(f"  {'Total':<26}{totals['points']:>4g} / {totals['out_of']:g}")
    shown.append("~ an estimate   ? open\n")
    for rule in card.with_verdict("broken") if student else card.rules.values():
        shown.append(f"  {rule.rule:<15}{rule.verdict:<13}{rule.evidence}".rstrip())
    shown.append(f"\nProposed: {totals['proposed']:g} points; {totals['open']:g} more are open")
    for verdict, heading in (("broken", "Broken"), ("suspect", "Look at")):
        found = ", ".join(rule.rule for rule in card.with_verdict(verdict))
        shown += [f"{heading}: {found}"] * bool(found and not student)
    text = "\n".join(shown + card.remarks * (not student))
    return "".join(x if x.isprintable() or x == "\n" else "?" for x in text)
