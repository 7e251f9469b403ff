"""The score card: the course's rubric, line by line, for one hand-in or for a folder of them.

    python -m tools score [FOLDER] [--json]      one hand-in; default: outputs/ and the notebook
    python -m tools score --batch FOLDER         each folder in it; marks go to FOLDER/marks.csv

Graded figures are computed anew by the reference implementation, and the sine answers are held
against the exact continuation. A student's edition has neither: it looks at the form, at what the
notebook's own checks say, and at its validation figures. The exit status is 0 when everything that
can be earned on this computer is earned.
"""

import argparse
import csv
import io
import json
import re
import signal
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np

from data import course
from data.record import SIMULATED, entry_of, read_records
from lab.expected import BOUND, expected_seed1
from lab.files import OUTPUTS, write_text
from lab.mistakes import explain
from tools.cells import NOTEBOOK
from tools.grading import submission

try:
    from tools.continuation import exact_continuation, mape
    from tools.grading import reference
except ImportError:  # a student's edition
    exact_continuation = reference = None

DATA = NOTEBOOK.parent / "data"
SECONDS = 20  # for one hand-in of a batch
CHECKS = {  # points of each check's entries, in equal shares
    "RNN initialize_parameters": ("RNN_initialization", 3),
    "RNN forward": ("RNN_forward", 12),
    "RNN backward": ("RNN_backward", 15),
    "Model class": ("Model_class", 10),
}
SINE = ((14, 20), (17, 10))  # MAPE in percent, at most; points
PLAUSIBLE = 0.1  # largest difference of a class's share that counts as chance
VALIDATION = "validation.json"  # what the notebook measured on real data held out
OWN = "the notebook's own validation data"
ASSISTANT = (
    "The assistant's card decides: it computes the entries for seed 42 anew and knows the answers."
)
ACTIVITY = ((0.75, 30), (0.70, 20), (0.65, 10))  # accuracy, at least; points
ELSEWHERE = ("Activity, ranking", "Report")  # decided by Kaggle's board and by the assistant


@dataclass
class Line:
    """One line of the score card. status: "measured", "estimate", or "open" (not decidable)."""

    part: str
    points: float
    out_of: float
    evidence: str
    missing: str = ""
    status: str = "measured"
    format_error: bool = False


class Truth:
    """What every hand-in is held against, computed once; None and a reason where data lacks."""

    def __init__(self, data_dir):
        self.graded = reference.graded(42) if reference else _seed_1()
        self.origin = {}  # file name: the same with where it came from
        self.sine, self.no_sine = self._answers(data_dir / course.SINE, exact_continuation)
        self.activity, self.no_activity = self._answers(data_dir / course.LABELS, np.ravel)

    def _answers(self, path, answers_in):
        """Return the answers that follow from a data file and "", or None and why there are none.

        A simulated stand-in counts as absent: no one's answers fit data of our own invention.
        """
        if not path.is_file():
            return None, f"there is no {path.name} to score against"
        raw = path.read_bytes()
        try:
            entry = entry_of(read_records(path.parent), path.name, raw)
            origin = entry["from"] if entry else "of unknown origin"
            if origin == SIMULATED:
                return None, f"{path.name} is a simulated stand-in; put the real file into data/"
            array = course.check_file(path.name, raw)
            if answers_in is None:
                return None, f"the answers to {path.name} are known to the assistant's card alone"
            answers = answers_in(array)
        except ValueError as error:
            return None, f"there is nothing to score against: {error}"
        self.origin[path.name] = f"{path.name} ({origin})"
        return answers, ""


def _seed_1():
    """The expected figures for seed 1, of whose kind and shape those for seed 42 must be."""
    return {
        check: {k: tuple(v) if k.endswith("_shape") else np.array(v) for k, v in figures.items()}
        for check, figures in expected_seed1().items()
    }


def score_card(folder, truth, notebook=None, validation=None):
    """Return the score card of one hand-in, a list of Line.

    Args:
        folder: path of the folder with the five files.
        truth: Truth.
        notebook: path of the notebook, if it is not in `folder`.
        validation: figures of VALIDATION, which stand in where the answers are not known.
    """
    notebook, validation = notebook or folder / submission.NOTEBOOK, validation or {}
    basic, advanced = folder / submission.BASIC, folder / submission.ADVANCED
    return [
        *_graded_lines(folder / submission.GRADED, truth, notebook),
        _guarded("Sine data", 20, _sine_line, basic, truth, validation),
        _guarded("Activity, accuracy", 30, _activity_line, advanced, truth, validation),
        Line("Activity, ranking", 0, 5, "decided on Kaggle's board, not here", status="open"),
        _guarded("Report", 5, _report_line, folder / submission.REPORT),
        _guarded("Notebook", 0, _notebook_line, notebook),
    ]


def _guarded(part, out_of, make, *args):
    """Return make's line, or one without points that says what is wrong with the file."""
    try:
        return make(part, out_of, *args)
    except submission.FormatError as error:
        return Line(part, 0, out_of, "", str(error), format_error=True)


def _graded_lines(path, truth, notebook):
    try:
        figures = submission.read_graded(path)
    except submission.FormatError as error:
        return [
            Line(part, 0, points, "", str(error), format_error=True)
            for part, (_, points) in CHECKS.items()
        ]
    lines = [
        _check_line(part, points, check, figures.get(check, {}), truth.graded[check])
        for part, (check, points) in CHECKS.items()
    ]
    unknown = [submission.quoted(check) for check in figures if check not in truth.graded]
    if unknown:
        lines[0].format_error = True
        lines[0].missing += f"the file has checks of no meaning: {', '.join(unknown[:5])}"
    if reference:
        return lines
    agreeing = _agreeing(notebook)
    return [_by_seed_1(line, agreeing) for line in lines]


def _check_line(part, points, check, figures, expected):
    """Compare one check's entries; each right one earns its share of the points."""
    absent = [key for key in expected if key not in figures]
    unknown = [submission.quoted(key) for key in figures if key not in expected]
    faults = {key: _fault(figures[key], expected[key]) for key in expected if key in figures}
    wrong = [f"{key} {fault}" for key, fault in faults.items() if fault]
    right = len(expected) - len(absent) - len(wrong)
    said = [f"{check} has no {', '.join(absent)}"] if absent else []
    said += [f"{check} has keys of no meaning: {', '.join(unknown[:5])}"] if unknown else []
    if wrong and not absent and all(" is off by " in one for one in wrong):
        wrong += explain(
            check, {key: figures[key] for key in expected}, expected, BOUND, mistakes()
        )
    verdict = f"equal the recomputed ones to {BOUND:.0e}" if reference else "have the right shape"
    return Line(
        part,
        points * right / len(expected),
        points,
        f"{right} of {len(expected)} entries {verdict}",
        "; ".join(said + wrong),
        format_error=bool(absent or unknown),
    )


@cache
def mistakes():
    """Return the fingerprints of known mistakes in the figures that are handed in."""
    return json.loads(Path(__file__).with_name("mistakes.json").read_text("utf-8"))


def _fault(value, expected):
    """Return what is wrong with an entry, an array or a shape; "" if nothing is."""
    if isinstance(expected, tuple):
        same = np.array_equal(np.asarray(value, dtype=object), np.asarray(expected, dtype=object))
        return "" if same else f"is not {expected}"
    value = value if isinstance(value, np.ndarray) else np.empty(0)
    if value.shape != expected.shape:
        return f"is no array of shape {expected.shape}"
    if not reference:
        return ""
    error = np.abs(value.astype(float) - expected).max()
    return "" if error <= BOUND else f"is off by {error:.1e}"  # NaN is never within the bound


def _by_seed_1(line, agreeing):
    """Return a line whose points count only if the notebook's own check for seed 1 agrees."""
    check, line.status = CHECKS[line.part][0], "estimate"
    if check in agreeing:
        line.evidence += "; those of seed 1 agree in the notebook"
        return line
    said = f'the notebook\'s output does not say "{check}: all ... entries agree"'
    line.points, line.missing = 0, "; ".join(filter(None, (line.missing, said)))
    return line


def _agreeing(path):
    """Return the checks of which a notebook's output says that all entries agree."""
    try:
        cells = json.loads(submission.read_bytes(path))["cells"]
        outputs = [o for cell in cells for o in cell.get("outputs", ())]
        text = "".join("".join(output.get("text", "")) for output in outputs)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ()  # no notebook, as _notebook_line says
    return re.findall(r"^(\w+): all \d+ entries agree$", text, re.MULTILINE)


def _sine_line(part, out_of, path, truth, validation):
    answer = submission.read_basic(path)
    if truth.sine is not None:
        error, status = mape(np.reshape(answer, (-1, 1)), truth.sine), "measured"
        data = truth.origin[course.SINE]
    elif "sine_mape" in validation:
        error, status, data = validation["sine_mape"], "estimate", OWN
    else:
        return Line(part, 0, out_of, "format right", truth.no_sine, status="open")
    points = next((points for bound, points in SINE if error <= bound), 0)
    missing = "" if points == out_of else f"expected a MAPE of at most {SINE[0][0]} %; train longer"
    return Line(part, points, out_of, f"MAPE {error:.3g} % on {data}", missing, status)


def _activity_line(part, out_of, path, truth, validation):
    classes = np.array(submission.read_advanced(path))
    shares = np.bincount(classes, minlength=3) / len(classes)
    usual = np.divide(course.LABEL_COUNTS, sum(course.LABEL_COUNTS))
    if truth.activity is not None:
        accuracy, status = np.mean(classes == truth.activity), "measured"
        data = truth.origin[course.LABELS]
    elif "activity_accuracy" not in validation:
        return Line(part, 0, out_of, "format right", truth.no_activity, status="open")
    elif np.abs(shares - usual).max() > PLAUSIBLE:
        said = f"{shares.round(2).tolist()} where {usual.round(2).tolist()} are usual"
        reason = f"{truth.no_activity}; the classes in the file have the shares {said}"
        return Line(part, 0, out_of, "format right", reason, status="open")
    else:
        accuracy, status, data = validation["activity_accuracy"], "estimate", OWN
    points = next((points for bound, points in ACTIVITY if accuracy >= bound), 0)
    missing = "" if points == out_of else f"expected an accuracy of at least {ACTIVITY[0][0]}"
    return Line(part, points, out_of, f"accuracy {accuracy:.4f} on {data}", missing, status)


def _report_line(part, out_of, path):
    pages = submission.count_pages(path)
    if pages != 1:
        missing = f"{path.name}: expected one page, got {pages}; shorten it"
        return Line(part, 0, out_of, f"{pages} pages", missing, format_error=True)
    return Line(part, 0, out_of, "one page; its text is for the assistant to read", status="open")


def _notebook_line(part, out_of, path):
    problems = submission.notebook_problems(path)
    evidence = "" if problems else "run in order, with output, allowed imports only"
    missing = f"{path.name}: " + "; ".join(problems) if problems else ""
    return Line(part, 0, out_of, evidence, missing, format_error=bool(problems))


def summary(lines):
    """Return points, the most there is, what was wrong in format, and whether all is earned.

    "complete" is true when every point that is decided here is earned, in the course's format.
    """
    decided_here = [line for line in lines if line.part not in ELSEWHERE]
    earned = all(line.points == line.out_of for line in decided_here)
    errors = list(dict.fromkeys(line.missing for line in lines if line.format_error))
    return {
        "points": round(sum(line.points for line in lines), 2),
        "out_of": sum(line.out_of for line in lines),
        "estimated": sum(line.points for line in lines if line.status == "estimate"),
        "open": sum(line.out_of for line in lines if line.status == "open"),
        "format_errors": errors,
        "complete": earned and not errors,
    }


def as_text(lines):
    """Return the score card for a terminal."""
    shown = []
    for line in lines:
        mark = {"measured": " ", "estimate": "~", "open": "?"}[line.status]
        points = "" if not line.out_of else f"{line.points:g} / {line.out_of:g}"
        shown.append(f"{mark} {line.part:<26}{points:>9}   {line.evidence}".rstrip())
        if line.missing:
            shown.append(f"{'':<40}{line.missing}")
    total = summary(lines)
    shown.append(f"  {'Total':<26}{total['points']:>4g} / {total['out_of']:g}")
    if total["estimated"]:
        shown.append(f"~ {total['estimated']:g} of these points rest on an estimate.")
    if not reference:
        shown.append(ASSISTANT)
    if total["open"]:
        shown.append(f"? {total['open']:g} points cannot be decided here.")
    if total["format_errors"]:
        shown.append("! The course gives no points for what breaks its format; see above.")
    return "\n".join(shown)


def batch(folder, truth):
    """Return the marks of every folder in `folder` as CSV text, one line a hand-in, by name."""
    rows = [_marks(path, truth) for path in sorted(folder.iterdir()) if path.is_dir()]
    if not rows:
        raise ValueError(f"{folder}: expected a folder a hand-in, found none; give their parent")
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=max(rows, key=len), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _marks(path, truth):
    """Return one row of the marks; whatever goes wrong with a hand-in is said in its own row."""
    name = _harmless(path.name)
    try:
        with _time_limit(SECONDS):
            lines = score_card(path, truth)
    except Exception as error:
        reason = f"could not be graded: {type(error).__name__}: {submission.quoted(str(error))}"
        return {"hand-in": name, "remarks": reason}
    total = summary(lines)
    row = {"hand-in": name, "points": f"{total['points']:g}", "out of": total["out_of"]}
    for line in lines:
        row[line.part] = "open" if line.status == "open" else f"{line.points:g}"
    row["format errors"] = len(total["format_errors"])
    row["remarks"] = _harmless(" | ".join(dict.fromkeys(x.missing for x in lines if x.missing)))
    return row


def _harmless(text):
    """A cell that a spreadsheet takes for text, never for a formula; one line, UTF-8."""
    text = " ".join(text.split()).encode("utf-8", "replace").decode()
    return "'" + text if text[:1] in ("=", "+", "-", "@") else text


@contextmanager
def _time_limit(seconds):
    """Raise TimeoutError in a body that takes longer; no limit on Windows, which has no alarm."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def stop(*_):
        raise TimeoutError(f"took longer than {seconds} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def own_card(folder=OUTPUTS, data_dir=DATA):
    """Return the score card of one folder.

    For the project's outputs/ the notebook is the one beside it, and its validation figures may
    stand in for the answers; what a stranger's file says of itself is no evidence.
    """
    if folder.resolve() != OUTPUTS.resolve():
        return score_card(folder, Truth(data_dir))
    path = folder / VALIDATION
    validation = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return score_card(folder, Truth(data_dir), NOTEBOOK, validation)


def main(argv):
    parser = argparse.ArgumentParser(
        prog="python -m tools score", description=__doc__.splitlines()[0]
    )
    parser.add_argument("folder", nargs="?", type=Path, default=OUTPUTS, help="the five files")
    parser.add_argument("--data-dir", type=Path, default=DATA)
    parser.add_argument("--json", action="store_true", help="print the score card as JSON")
    parser.add_argument("--batch", type=Path, metavar="FOLDER", help="grade every folder in it")
    args = parser.parse_args(argv)
    folder = args.batch or args.folder
    if not folder.is_dir():
        parser.error(f"{folder}: expected a folder of hand-in files, found none; check the path")
    if args.batch:
        text = batch(args.batch, Truth(args.data_dir))
        write_text(args.batch / "marks.csv", text)
        print(f"{args.batch / 'marks.csv'}: {text.count(chr(10)) - 1} hand-ins")
        return 0
    lines = own_card(args.folder, args.data_dir)
    total = summary(lines)
    card = total | {"lines": [asdict(line) for line in lines]}
    print(json.dumps(card, indent=1) if args.json else as_text(lines))
    return 0 if total["complete"] else 1
