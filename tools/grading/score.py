"""The score card: the course's rubric line by line, its rules one by one, and what to give.

    python -m tools score [FOLDER] [--json]      one hand-in, a folder or a zip; default: one's own
    python -m tools score --batch FOLDER         each one in it: marks.csv and marks.html there

Graded figures are computed anew by the plain solution of tools/check, and the sine answers are
compared with the exact continuation. The exit status is 0 when everything that can be earned on
this computer is earned and no rule is broken.
"""

import argparse
import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from data.prepare import LABELS, SHAPES, SINE, read_file
from tools.cells import NOTEBOOK
from tools.check.check import graded, name_mistakes
from tools.continuation import exact_continuation, mape
from tools.files import OUTPUTS
from tools.grading import rules, submission
from tools.grading.submission import ADVANCED, BASIC, FILES, GRADED, LAYERS, REPORT, HandIn

DATA = NOTEBOOK.parent / "data"
CHECKS = rules.DATA["checks"]  # check, points in equal shares for the entries that are computed
TASKS = rules.DATA["tasks"]  # "basic" and "advanced"; bounds with points, the best first
BOUND = 1e-12  # difference that still counts as equal
BOUND_32 = 1e-5  # of figures that were computed in float32, as a part of the largest
PUBLIC = 0.6  # part of the test rows that decides the activity's points
ABSENT = "no CSV here; it may be at Kaggle alone, whose board decides: --leaderboard"


@dataclass
class Line:
    """One line of the score card. status: "measured", "estimate", or "open" (not decidable)."""

    part: str
    points: float
    out_of: float
    evidence: str
    missing: str = ""
    status: str = "measured"
    figure: float | None = None  # the MAPE in percent, or the accuracy


class Truth:
    """What every hand-in is compared with, computed once; None and a reason where data lacks."""

    def __init__(self, data_dir):
        self.graded = graded(42)
        self.lacking = {}  # by file name: why there are no answers
        self.sine = self._answers(data_dir / SINE[0], exact_continuation)
        self.activity = self._answers(data_dir / LABELS, np.ravel)

    def _answers(self, path, answers_in):
        """Return the answers that follow from a data file, or None."""
        name = path.name
        try:
            if not path.is_file():
                raise ValueError("there is none")
            return answers_in(read_file(name, path.read_bytes())).ravel()
        except ValueError as error:
            self.lacking[name] = f"cannot be held against {name}: {error}"
            return None


def score_card(hand_in, truth, boards=None):
    """Return the score card of one hand-in: {"points", "out_of", "open", "proposed", ...}.

    Args:
        hand_in: submission.HandIn.
        truth: Truth.
        boards: boards.Boards, or None.
    """
    held, faults = {}, {}
    for name, reader in READERS.items():
        try:
            held[name] = reader(hand_in.files.get(name))
        except submission.FormatError as error:
            faults[name] = str(error)
    cells, answers, classes = (held.get(name) for name in (NOTEBOOK.name, BASIC, ADVANCED))
    own = {}  # what the files earn on the test data
    if answers is not None and truth.sine is not None:
        own["basic"] = mape(answers, truth.sine)
    if classes is not None and truth.activity is not None:
        own["advanced"] = float(np.mean(classes == truth.activity))
    board = boards.points(hand_in) if boards else {}
    lines = _graded_lines(held.get(GRADED), faults.get(GRADED), truth)
    for key, task in TASKS.items():
        fault = faults.get(task["file"]) if task["file"] in hand_in.files else ABSENT
        lines.append(_answers_line(key, fault, truth, own, board))
    ranking = Line("Activity, ranking", 0, 5, "decided on Kaggle's board, not here", status="open")
    if "ranking" in board:
        ranking = Line("Activity, ranking", board["ranking"], 5, "by Kaggle's board")
    report = Line("Report", 0, 5, "one page; its text is for the assistant", status="open")
    if REPORT in faults:
        report = Line("Report", 0, 5, "", faults[REPORT])
    checked = [
        *rules.of_files(hand_in, cells, faults, held.get(GRADED)),
        rules.own_code(cells or [], answers, truth.sine, own.get("advanced")),
        *(boards.rules(hand_in, own) if boards else ()),
    ]
    return with_rules(map(asdict, [*lines, ranking, report]), map(asdict, checked))


def with_rules(lines, checked):
    """Return the card of lines and rules, as in a card; of two by one name the later counts."""
    lines, found = list(lines), {rule["rule"]: rule for rule in checked}
    every = [found.get(name) or asdict(rules.rule(name, "not checked")) for name in rules.RULES]
    broken = {rule["penalty"] for rule in every if rule["verdict"] == "broken"}
    counted = [] if "zero" in broken else lines[5:] if "basic zero" in broken else lines
    proposed = sum(line["points"] for line in counted) - 5 * (5 in broken)
    return {
        "points": round(sum(line["points"] for line in lines), 2),
        "out_of": sum(line["out_of"] for line in lines),
        "open": sum(line["out_of"] for line in lines if line["status"] == "open"),
        "proposed": round(max(proposed, 0), 2),
        "lines": lines,
        "rules": every,
    }


def _one_page(raw):
    pages = submission.count_pages(raw)
    if pages != 1:
        raise submission.FormatError(f"{REPORT}: expected one page, got {pages}; shorten it")


READERS = {NOTEBOOK.name: submission.code_cells, REPORT: _one_page, **submission.READERS}


def _graded_lines(figures, fault, truth):
    if figures is None:
        return [Line(part, 0, out_of, "", fault) for part, (_, out_of, _) in CHECKS.items()]
    return [
        _check_line(part, out_of, check, computed, figures.get(check, {}), truth.graded[check])
        for part, (check, out_of, computed) in CHECKS.items()
    ]


def _check_line(part, out_of, check, computed, figures, expected):
    """Compare one check's entries; each right one that is computed earns its share of the points.

    Shapes, and inputs that are given, are compared too, but are no evidence of one's own work.
    """
    expected = {key: _plain(key, value) for key, value in expected.items()}
    plain = {key: _plain(key, figures[key]) for key in expected if key in figures}
    faults = {key: _fault(value, expected[key]) for key, value in plain.items()}
    absent = [key for key in expected if key not in figures]
    said = [f"{check} has no {', '.join(absent)}"] if absent else []
    said += [f"{key} {fault}" for key, fault in faults.items() if fault]
    if said and all(" is off by " in fault for fault in said):
        names = name_mistakes(check, plain, 42)
        said += [f"known mistake: {' or: '.join(names)}"] if names else []
    right = sum(faults.get(key) == "" for key in computed)
    evidence = f"{right} of {len(computed)} entries equal the recomputed ones"
    return Line(part, out_of * right / len(computed), out_of, evidence, "; ".join(said))


def _plain(key, value):
    """Return an entry as a tuple or an array, for both of which lists will do; else None."""
    with suppress(TypeError, ValueError, OverflowError):
        array = np.asarray(value, float)
        return tuple(array.ravel()) if key.endswith("_shape") else array


def _fault(value, expected):
    """Return what is wrong with an entry, an array or a shape; "" if nothing is."""
    if isinstance(expected, tuple):
        return "" if value == expected else f"is not {tuple(map(int, expected))}"
    if value is None or value.shape != expected.shape:
        return f"is no array of shape {expected.shape}"
    with np.errstate(all="ignore"):
        single = np.array_equal(value, value.astype(np.float32))  # whatever it is saved as
        error = np.abs(value - expected).max()
    right = error <= BOUND or (single and error <= BOUND_32 * np.abs(expected).max())
    return "" if right else f"is off by {error:.1e}"  # NaN is never right


def _answers_line(key, fault, truth, own, board):
    """Return the line of a CSV: by Kaggle's board, or by the answers."""
    task, status = TASKS[key], "measured"
    part, best = task["part"], task["points"][0][1]
    if key in board:
        figure, data = board[key], "Kaggle's board"
    elif fault:
        return Line(part, 0, best, "", fault, "open" if fault is ABSENT else status)
    elif key in own:
        figure, data = own[key], task["truth"]
        if key == "advanced":
            low, high = public_range(figure, SHAPES["X_test.npy"][0])
            if points_for(key, low) < points_for(key, high):
                status = "estimate"
                data += f"; Kaggle decides by 60 % of the rows: {low:.4f} to {high:.4f} (95 %)"
    else:
        return Line(part, 0, best, "format right", truth.lacking[task["truth"]], "open")
    points = points_for(key, figure)
    missing = "" if points == best else f"expected {task['wanted']}; train longer"
    evidence = f"{task['said'].format(figure)} on {data}"
    return Line(part, points, best, evidence, missing, status, own.get(key, figure))


def points_for(key, figure):
    """Return the points for a MAPE in percent, "basic", or for an accuracy, "advanced"."""
    sign = 1 if key == "basic" else -1
    bounds = TASKS[key]["points"]
    return next((points for bound, points in bounds if sign * figure <= sign * bound), 0)


def public_range(accuracy, rows):
    """Return what the accuracy on PUBLIC of the rows, drawn at random, is between in 95 of 100.

    It is hypergeometric, and with some thousand rows normal: its variance is that of as many draws
    with putting back, times the part of the rows that is left out.
    """
    reach = 1.96 * (accuracy * (1 - accuracy) / (PUBLIC * rows) * (1 - PUBLIC)) ** 0.5
    return accuracy - reach, accuracy + reach


def complete(card):
    """Whether every point that is decided here is earned and no rule is broken."""
    *here, _, report = card["lines"]
    earned = all(line["points"] == line["out_of"] for line in here) and not report["missing"]
    return earned and all(rule["verdict"] != "broken" for rule in card["rules"])


def as_text(card):
    """Return a score card for a terminal."""
    shown = []
    for line in card["lines"]:
        mark = {"measured": " ", "estimate": "~", "open": "?"}[line["status"]]
        points = f"{line['points']:g} / {line['out_of']:g}"
        shown.append(f"{mark} {line['part']:<26}{points:>9}   {line['evidence']}".rstrip())
        if line["missing"]:
            shown.append(f"{'':<40}{line['missing']}")
    shown.append(f"  {'Total':<26}{card['points']:>4g} / {card['out_of']:g}")
    shown.append("~ an estimate   ? open\n")
    for rule in card["rules"]:
        shown.append(f"  {rule['rule']:<15}{rule['verdict']:<13}{rule['evidence']}".rstrip())
    shown.append(f"\nProposed: {card['proposed']:g} points; {card['open']:g} more are open")
    for verdict, heading in (("broken", "Broken"), ("suspect", "Look at")):
        found = [rule["rule"] for rule in card["rules"] if rule["verdict"] == verdict]
        shown += [f"{heading}: {', '.join(found)}"] if found else []
    text = "\n".join(shown)
    return "".join(x if x.isprintable() or x == "\n" else "?" for x in text)


def own_hand_in():
    """Return the project's own hand-in: the files of outputs/, the notebook and its layers."""
    paths = [OUTPUTS / name for name in FILES[1:]]
    paths += [NOTEBOOK, *(NOTEBOOK.with_name(f"{layer}.py") for layer in LAYERS)]
    return HandIn(OUTPUTS.name, "", {p.name: p.read_bytes() for p in paths if p.is_file()})


def own_card(data_dir=DATA):
    """Return one's own score card."""
    return score_card(own_hand_in(), Truth(data_dir))


def main(argv):
    parser = argparse.ArgumentParser("python -m tools score", description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=OUTPUTS, help="or a zip")
    parser.add_argument("--data-dir", type=Path, default=DATA)
    parser.add_argument("--json", action="store_true", help="print the score card as JSON")
    parser.set_defaults(batch=None)
    _add_options(parser)
    args = parser.parse_args(argv)
    folder = args.batch or args.folder
    if not folder.exists():
        parser.error(f"{folder}: expected a folder of hand-in files, found none; check the path")
    if folder.resolve() == OUTPUTS.resolve():
        card = own_card(args.data_dir)
    else:
        try:
            from tools.grading import desk
        except ImportError as error:  # one's own card needs none of its libraries
            parser.error(f"{error}; run pip install -r tools/grading/requirements.txt")
        if args.batch:
            print(desk.batch(args))
            return 0
        card = desk.single(args)
    print(json.dumps(card, indent=1) if args.json else as_text(card))
    return 0 if complete(card) else 1


def _add_options(parser):
    from tools.grading.boards import RANKING_HELP

    add, boards = parser.add_argument, "Kaggle's of the sine data; again, that of the activities"
    add("--batch", type=Path, metavar="FOLDER", help="grade each folder and each zip in it")
    add("--against", type=Path, metavar="FOLDER", help="earlier hand-ins, for plagiarism")
    add("--template", type=Path, metavar="NOTEBOOK", help="what was handed out, to compare with")
    add("--leaderboard", type=Path, action="append", metavar="CSV", help=boards)
    add("--roster", type=Path, metavar="CSV", help="student numbers, and when they handed in")
    add("--deadline", metavar="WHEN", help="such as 2024-12-20T23:59+08:00")
    add("--ranking", metavar="RULE", help=RANKING_HELP)
    add("--rerun", action="store_true", help="run notebooks again, in a sandbox")
    add("--scheduler", metavar="ADDRESS", help="of a Dask cluster for --rerun")
