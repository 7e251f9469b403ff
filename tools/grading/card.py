"""The score card: the course's rubric line by line, its rules one by one, and what to give.

Figures are computed anew by the plain solution of tools/check, sine answers by the exact curve.
"""

from collections import namedtuple
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from tools.check import check as solution
from tools.continuation import exact_continuation, mape
from tools.grading import boards, notebook, rerun, submission
from tools.grading.submission import ADVANCED, BASIC, GRADED, NOTEBOOK, REPORT, VERDICTS

CHECKS = {  # part: check, points in equal shares for the entries that are computed
    "RNN initialize_parameters": ("RNN_initialization", 3, "Wx_shape,Wh_shape,bh_shape"),
    "RNN forward": ("RNN_forward", 12, "Output"),
    "RNN backward": ("RNN_backward", 15, "dL_dX,dL_dWx,dL_dWh,dL_dbh"),
    "Model class": ("Model_class", 10, "AL,dA_prev,Wx of RNN,Wh of RNN,bh of RNN"),
}
Task = namedtuple("Task", "file part figure written bounds truth")  # bounds with their points
ACTIVITY = ((0.75, 30), (0.70, 20), (0.65, 10))
LABELS = "y_test.npy (python -m tools data --labels)"
TASKS = {
    "basic": Task(BASIC, "Sine data", "MAPE", "{:.3g} %", ((14, 20), (17, 10)), "X_test.csv"),
    "advanced": Task(ADVANCED, "Activity, accuracy", "accuracy", "{:.4f}", ACTIVITY, LABELS),
}
RULES = {  # name: (what it costs if broken, points of which the most counts once; what it needs)
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


# Line: status "measured", or "open" (not decidable here). Rule: the verdict is one of VERDICTS.
Line = namedtuple(
    "Line", "part points out_of evidence missing status", defaults=("", "", "measured")
)
Rule = namedtuple("Rule", "rule verdict penalty evidence")


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
        penalties = {rule.penalty for rule in self.with_verdict("broken")}
        basic = len(CHECKS) + 1  # lines of the basic part
        counted = self.lines[basic:] if "basic zero" in penalties else self.lines
        fixed = max(penalties - {"zero", "basic zero"}, default=0)  # once, not each
        proposed = 0 if "zero" in penalties else sum(x.points for x in counted) - fixed
        return {
            "points": round(sum(x.points for x in self.lines), 2),
            "out_of": sum(x.out_of for x in self.lines),
            "open": sum(x.out_of for x in self.lines if x.status == "open"),
            "proposed": round(max(proposed, 0), 2),
        }

    def as_dict(self):
        """Return the card for JSON."""
        lines, rules = [x._asdict() for x in self.lines], [x._asdict() for x in self.rules.values()]
        return self.totals() | {"lines": lines, "rules": rules, "remarks": self.remarks}


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


def build(hand_in, terms, result, reason=""):
    """Return the Card of a HandIn by batch.Terms, given what rerun.run returns, or None and why."""
    card, truth, board = Card(hand_in.name, hand_in.student), terms.truth, terms.boards
    content, faults = hand_in.contents
    card.paths, card.report = hand_in.paths, content.get(REPORT, "")
    own = {  # what the CSVs earn on the test data
        key: truth.figure(key, content[task.file])
        for key, task in TASKS.items()
        if task.file in content and key in truth.answers
    }
    on_board = board.points(hand_in.student) if board else {}
    card.figures = {TASKS[key].figure: figure for key, figure in (own | on_board).items()}
    card.lines = [_check_line(part, *row, hand_in, truth) for part, row in CHECKS.items()]
    card.lines += [_answers_line(key, hand_in, own, on_board) for key in TASKS]
    card.lines.append(Line("Activity, ranking", 0, 5, status="open"))
    report = Line("Report", 0, 5, "one page; its text is for you", status="open")
    card.lines.append(Line("Report", 0, 5, missing=faults[REPORT]) if REPORT in faults else report)
    _judge_files(card, hand_in)
    if hand_in.cells and terms.template:
        card.set("template", *notebook.compare(hand_in.cells, terms.template))
    for name, finding in (board.rules(hand_in.student, own) if board else {}).items():
        card.set(name, *finding)
    if board and board.submitted and hand_in.student not in board.submitted:
        card.remarks.append(f"{hand_in.student or 'no number'} is not on the class list")
    _judge_own_code(card, hand_in, truth, result, reason)
    return card


def _judge_files(card, hand_in):
    """Set the rules on packages, format, notebook, names and npy."""
    content, faults = hand_in.contents
    there = {REPORT, *hand_in.files} & faults.keys()
    doubts = [faults[x] for x in submission.FILES[2:] if x in there] + hand_in.doubts
    packed = "broken" if hand_in.packing else "suspect" if doubts else "ok"
    card.set("format", packed, hand_in.packing + doubts)
    for rule, file in (("notebook", NOTEBOOK), ("npy", GRADED)):
        if file in faults:
            card.set(rule, "suspect" if file in there else "broken", [faults[file]])
    if NOTEBOOK in content:
        card.set("notebook", *notebook.check_is_lab(hand_in.cells))
        card.set("packages", *notebook.check_packages(hand_in))
    if GRADED in content:
        entries = [x for figures in content[GRADED].values() for x in figures.items()]
        arrays = [rerun.floats(value) for key, value in entries if key[-6:] != "_shape"]
        zero = not any(A is not None and np.any(A) for A in arrays)
        card.set("npy", "suspect" if zero else "ok", ["all figures in it are zero"] * zero)
    advice = [f"{text}; if the site puts that before, give --name" for text in hand_in.prefixed]
    verdict = "broken" if hand_in.notes else "suspect" if advice else "ok"
    card.set("names", verdict, hand_in.notes + advice)


def _judge_own_code(card, hand_in, truth, result, reason):
    """Set the rule on own code, by what is seen from outside and by what ran."""
    content, cells = hand_in.contents[0], hand_in.cells
    doubts = notebook.doubts_about(hand_in) if cells else ["there is no notebook"]
    came = notebook.printed_checks(map(submission.printed, cells), truth.printed)
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
    verdicts, sentences = ["suspect" if doubts else "not checked"], [reason]
    if result:
        verdict, sentences = rerun.judge(hand_in, result)
        blank, total = notebook.count_blanks(cells)
        if blank == total > 0 and verdict == "suspect":
            verdict = "broken"  # nothing is written, and nothing is made
        verdicts.append(verdict)
        made = notebook.printed_checks(result["printed"], truth.printed)
        if result["ended"] and (unlike := [check for check in came if check not in made]):
            verdicts.append("suspect")
            doubts.append(f"printed for seed 1, and not made again: {', '.join(unlike)}")
        for key in TASKS if result["whole"] and result["ended"] else ():
            verdict, sentence = _judge_answers(card, key, result["made"], truth)
            verdicts.append(verdict)
            sentences.append(sentence)
    card.set("own code", max(verdicts, key=VERDICTS.index), doubts + sentences)


def _judge_answers(card, key, made, truth):
    """Return a verdict on the answers that a whole rerun made, and a sentence."""
    task = TASKS[key]
    try:
        answers = submission.READERS[task.file](made.get(task.file))
    except submission.FormatError as error:
        return "suspect", str(error) if task.file in made else f"it made no {task.file}"
    if key not in truth.answers:
        return "ok", f"it made {task.file}; the {task.figure} is not checked without {task.truth}"
    figure = card.figures[f"{task.figure}, made"] = truth.figure(key, answers)
    sentence = f"{task.figure} {task.written.format(figure)} by the whole rerun"
    came = card.figures.get(task.figure)
    if came is None:
        return "ok", sentence
    near = rerun.NEAR * max(came, figure) if key == "basic" else rerun.ALIKE
    verdict = "ok" if abs(came - figure) <= near else "suspect"
    return verdict, f"{sentence}, {task.written.format(came)} came"


def _check_line(part, check, out_of, computed, hand_in, truth):
    """Compare one check's entries; each right one that is computed earns an equal share."""
    content, faults = hand_in.contents
    if GRADED in faults:
        return Line(part, 0, out_of, missing=faults[GRADED])
    figures, computed = content[GRADED].get(check, {}), computed.split(",")
    found = {key: _fault(key, figures.get(key), A) for key, A in truth.graded[check].items()}
    sentences = [f"{key} {fault}" for key, fault in found.items() if fault]
    if sentences and figures.keys() >= found.keys():
        names = solution.name_mistakes(check, figures, 42)
        sentences += [f"these are the figures of: {' or: '.join(names)}"] if names else []
    right = sum(found[key] == "" for key in computed)
    evidence = f"{right} of {len(computed)} entries equal the recomputed ones"
    return Line(part, out_of * right / len(computed), out_of, evidence, "; ".join(sentences))


def _fault(key, value, expected):
    """Return what is wrong with an entry, an array or a shape; "" if nothing is."""
    array = rerun.floats(value)
    if value is None:
        return "is not there"
    if key.endswith("_shape"):
        right = array is not None and np.array_equal(array.ravel(), expected)
        return "" if right else f"is not {tuple(map(int, expected))}"
    if array is None or array.shape != expected.shape:
        return f"is no array of shape {expected.shape}"
    with np.errstate(all="ignore"):
        off = f"is off by {np.abs(array - expected).max():.1e}"
    return "" if rerun.is_close(array, expected) else off


def _answers_line(key, hand_in, own, on_board):
    """Return the line of a CSV: by Kaggle's board, or by the test data."""
    task, faults = TASKS[key], hand_in.contents[1]
    best = task.bounds[0][1]
    if key in on_board:
        figure, data = on_board[key], "Kaggle's board"
    elif task.file not in hand_in.files:
        return Line(task.part, 0, best, missing=ABSENT, status="open")
    elif task.file in faults:
        return Line(task.part, 0, best, missing=faults[task.file])
    elif key not in own:
        evidence = f"format right; not checked without {task.truth}"
        return Line(task.part, 0, best, evidence, status="open")
    else:
        figure, data = own[key], "the test data"
        if key == "advanced":
            low, high = boards.public_range(figure)
            data += f"; Kaggle decides by 60 % of the rows: {low:.4f} to {high:.4f} (95 %)"
    sign = 1 if key == "basic" else -1  # a MAPE is to be small, an accuracy large
    points = next((p for bound, p in task.bounds if sign * figure <= sign * bound), 0)
    missing = "" if points == best else f"full points need {task.written.format(task.bounds[0][0])}"
    evidence = f"{task.figure} {task.written.format(figure)} on {data}"
    return Line(task.part, points, best, evidence, missing)


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
        points = "open" if line.status == "open" else f"{line.points:g} / {line.out_of:g}"
        shown.append(f"  {line.part:<26}{points:>9}   {line.evidence}".rstrip())
        shown += [f"{'':<40}{line.missing}"] if line.missing else []
    shown.append(f"  {'Total':<26}{totals['points']:>4g} / {totals['out_of']:g}\n")
    for rule in card.with_verdict("broken") if student else card.rules.values():
        cost = f"-{rule.penalty}" if isinstance(rule.penalty, int) else rule.penalty
        verdict = f"broken, {cost}" if rule.verdict == "broken" else rule.verdict
        shown.append(f"  {rule.rule:<15}{verdict:<20}{rule.evidence}".rstrip())
    shown.append(f"\nProposed: {totals['proposed']:g} points; {totals['open']:g} more are open")
    if not student:
        for verdict, heading in (("broken", "Broken"), ("suspect", "Look at")):
            found = ", ".join(rule.rule for rule in card.with_verdict(verdict))
            shown += [f"{heading}: {found}"] if found else []
        shown += card.remarks
    text = "\n".join(shown)
    return "".join(x if x.isprintable() or x == "\n" else "?" for x in text)
