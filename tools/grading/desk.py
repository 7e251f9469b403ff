"""A whole class on the assistant's desk: each hand-in in a process with limits, kept as it was.

Beside the hand-ins it writes marks.csv for a spreadsheet, marks.html for the eye, and marks.jsonl,
out of which the next run takes the cards of hand-ins that have not changed. A marks.csv that was
edited stays as it is: the marks then go to marks-2.csv.
"""

import json
import multiprocessing
import os
import time
from concurrent.futures import as_completed
from contextlib import suppress
from itertools import chain, count
from pathlib import Path

import pandas as pd

from data.course import LABELS, SINE, sha256
from lab.files import write_text
from tools.grading import rules, score, submission

TEMPLATE = rules.ROOT / "template" / "Lab6_template.ipynb"
SECONDS, MEMORY = 20, 4 * 2**30  # for one hand-in
EACH = 200  # hand-ins after which a process is replaced by a new one
PAUSE = 2  # seconds between two writings of marks.csv in the course of a batch


def add_options(parser):
    """Add the options of the assistant's edition."""
    from tools.grading.boards import RANKING_HELP

    for name, metavar, text in (
        ("--batch", "FOLDER", "grade each folder and each zip in it"),
        ("--against", "FOLDER", "earlier hand-ins, for plagiarism"),
        ("--template", "NOTEBOOK", "what was handed out; default: ours"),
        ("--roster", "CSV", "student numbers, and when they handed in"),
    ):
        parser.add_argument(name, type=Path, metavar=metavar, help=text)
    boards = "Kaggle's board of the sine data; given again, that of the activities"
    parser.add_argument("--leaderboard", type=Path, action="append", metavar="CSV", help=boards)
    parser.add_argument("--deadline", metavar="WHEN", help="such as 2024-12-20T23:59+08:00")
    parser.add_argument("--ranking", metavar="RULE", help=RANKING_HELP)
    parser.add_argument("--rerun", action="store_true", help="run notebooks again, in a sandbox")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="of a Dask cluster for --rerun")


class _Terms:
    """What every hand-in is held against, and a digest of that and of the program."""

    def __init__(self, args):
        from tools.grading.boards import Boards

        boards = args.leaderboard or [], args.roster, args.deadline, args.ranking
        self.boards = Boards(*boards) if any(boards) else None
        self.truth = score.Truth(args.data_dir)
        self.template = (args.template or TEMPLATE).read_bytes()
        paths = [args.data_dir / SINE, args.data_dir / LABELS, *boards[0], args.roster]
        paths += sorted(Path(__file__).parent.glob("*.*"))
        read = [path.read_bytes() for path in paths if path and path.is_file()]
        self.digest = _digest(self.template, repr(boards).encode(), *read)

    def card(self, hand_in):
        from tools.grading.template import template_rule

        card = score.score_card(hand_in, self.truth, boards=self.boards)
        if submission.NOTEBOOK in hand_in.files:
            notebook = hand_in.files[submission.NOTEBOOK]
            card = _with_rules(card, template_rule(notebook, self.template))
        return card | {"name": hand_in.name, "student": hand_in.student}


def _digest(*contents):
    return sha256("".join(map(sha256, contents)).encode())


def _with_rules(card, *new):
    """Return a card in which Rules have taken the place of those by the same names."""
    lines = [score.Line(**line) for line in card["lines"]]
    held = [rules.Rule(**rule) for rule in card["rules"]]
    return card | score.with_rules(lines, [*held, *new])


def _start(terms):
    """Set up a process of the pool."""
    global _terms
    _terms = terms
    submission.as_python("")  # imports what it needs
    with suppress(ImportError):  # Windows has no such limits
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def _grade(path, known):
    """Return (digest, card, slim HandIn); no card if the digest is the known one."""
    hand_in = submission.read(path)
    said = repr((hand_in.name, hand_in.notes, hand_in.packing, hand_in.doubts)).encode()
    files = sorted(hand_in.files.items())
    digest = _digest(said, *chain(*((name.encode(), raw) for name, raw in files)))
    return digest, None if digest == known else _terms.card(hand_in), _slim(hand_in)


def _slim(hand_in):
    """Return a hand-in without outputs and report, so that a class of them fits into memory."""
    files = {name: raw for name, raw in hand_in.files.items() if name != submission.REPORT}
    with suppress(submission.FormatError):
        cells = submission.code_cells(files.pop(submission.NOTEBOOK, None))
        plain = [{"cell_type": "code", "source": cell.source, "outputs": []} for cell in cells]
        files[submission.NOTEBOOK] = json.dumps({"cells": plain}).encode()
    return submission.HandIn(hand_in.name, hand_in.student, files)


def graded(paths, terms, known):
    """Yield (name, digest, card, slim HandIn) of each hand-in, as they are done.

    Args:
        paths: of folders and zips.
        terms: _Terms.
        known: {name: digest} of those whose card need not be made.
    """
    try:
        from pebble import ProcessPool
    except ImportError:
        raise ValueError(
            "desk: expected its libraries, found none; run pip install -r "
            "tools/grading/requirements.txt"
        ) from None
    spawn = multiprocessing.get_context("spawn")
    workers = min(os.cpu_count() or 1, len(paths))
    with ProcessPool(workers, EACH, _start, [terms], context=spawn) as pool:
        waiting = {
            pool.schedule(_grade, args=[path, known.get(path.name)], timeout=SECONDS): path
            for path in paths
        }
        for future in as_completed(list(waiting)):
            name = waiting.pop(future).name
            try:
                result = future.result()
            except TimeoutError:
                result = "", f"took longer than {SECONDS} seconds", None
            except Exception as error:  # whatever goes wrong with a hand-in is said in its row
                result = "", str(error) or type(error).__name__, None
            digest, card, slim = result
            if type(card) is str:
                card = {"name": name, "student": "", "error": card}
            yield name, digest, card, slim


def single(args):
    """Return the card of one hand-in.

    Raises:
        ValueError: it cannot be graded.
    """
    terms = _Terms(args)
    ((name, _, card, slim),) = graded([args.folder], terms, {})
    if "error" in card:
        raise ValueError(f"{args.folder}: could not be graded: {card['error']}")
    cards = {name: card}
    if args.against:
        _plagiarism(cards, [slim], args, terms)
    for _ in _rerun(cards, [args.folder], args, terms):
        pass
    del cards[name]["name"], cards[name]["student"]
    return cards[name]


def batch(args):
    """Grade each hand-in in a folder; write marks.csv and marks.html; return a line on them.

    Raises:
        ValueError: there is none.
    """
    paths = sorted(filter(_is_hand_in, args.batch.iterdir()))
    if not paths:
        raise ValueError(
            f"{args.batch}: expected a folder or a zip a hand-in, found none; give their parent"
        )
    terms, marks, slims = _Terms(args), _Marks(args.batch), []
    kept = {name: held for name, held in marks.held.items() if held["terms"] == terms.digest}
    cards = {path.name: kept.get(path.name, {}).get("card") for path in paths}
    known = {name: held["files"] for name, held in kept.items()}
    again = {path for path in paths if "rerun" not in kept.get(path.name, ())}
    for name, files, card, slim in graded(paths, terms, known):
        slims += [slim] if slim else []
        if card:
            cards[name], known[name] = card, files
            again.add(args.batch / name)
            marks.note(name=name, files=files, terms=terms.digest, card=card)
            marks.write(cards)
    pairs = _plagiarism(cards, slims, args, terms)
    path = marks.write(cards, pairs)
    for name in _rerun(cards, again, args, terms):
        card = cards[name]
        marks.note(name=name, files=known[name], terms=terms.digest, card=card, rerun=True)
        marks.write(cards)
    path = marks.write(cards, pairs) if args.rerun else path
    said = f"{path}: {len(paths)} hand-ins; for the eye {args.batch / 'marks.html'}"
    loose = {path.name for path in args.batch.iterdir() if path.suffix in submission.MAX_BYTES}
    loose -= {*cards, *(x.name for x in args.batch.glob("marks*.csv"))}
    return said + "".join(f"\n{submission.quoted(name)} is in no folder" for name in sorted(loose))


def _is_hand_in(path):
    packed = path.suffix.lower() in submission.ARCHIVES
    return not submission.LEFT_OUT.fullmatch(path.name) and (path.is_dir() or packed)


def _plagiarism(cards, slims, args, terms):
    """Put the rule into the cards; return the pairs of hand-ins that have something in common."""
    from tools.grading.similar import plagiarism

    old = []
    for path in sorted(filter(_is_hand_in, args.against.iterdir())) if args.against else ():
        with suppress(submission.FormatError):
            old.append(_slim(submission.read(path)))
    slims.sort(key=lambda hand_in: hand_in.name)
    found, pairs = plagiarism(slims, old, terms.template)
    for name, rule in found.items():
        cards[name] = _with_rules(cards[name], rule)
    return pairs


def _rerun(cards, paths, args, terms):
    """With --rerun, put into the cards what running the notebooks again shows; yield the names."""
    if not args.rerun:
        return
    from tools.grading.rerun import rerun

    hand_ins = (submission.read(x) for x in sorted(paths) if "error" not in cards[x.name])
    for name, found, made in rerun(hand_ins, args.data_dir, args.scheduler):
        card = cards[name]
        again = score.score_card(submission.HandIn(name, "", made), terms.truth)["lines"]
        for number in (4, 5):  # of a CSV that is at Kaggle alone
            if card["lines"][number]["figure"] is None and again[number]["figure"] is not None:
                again[number]["evidence"] += ", by the CSV of the rerun"
                card["lines"][number] = again[number]
        cheap = next(rule for rule in card["rules"] if rule["rule"] == "own code")
        cards[name] = _with_rules(card, rules.worst(rules.Rule(**cheap), found))
        yield name


class _Marks:
    """marks.csv, and marks.jsonl: a line for each card that was made and each marks.csv written."""

    def __init__(self, folder):
        self.folder, self.held, self.ours, self.written = folder, {}, set(), 0
        self.path = folder / "marks.jsonl"
        for line in self.path.read_text("utf-8").splitlines() if self.path.exists() else ():
            with suppress(ValueError):  # the last line of a run that was killed
                entry = json.loads(line)
                self.ours.add(entry.get("marks"))
                self.held |= {entry["name"]: entry} if "name" in entry else {}

    def note(self, **entry):
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")

    def write(self, cards, pairs=None):
        """Write the marks of {name: card or None}; return where.

        Without the pairs of `_plagiarism` this is for in between: without the page for the eye,
        and not if it was just done.
        """
        from tools.grading import page

        if pairs is not None:
            page.write(self.folder / "marks.html", list(cards.values()), pairs)
        elif time.monotonic() - self.written < PAUSE:
            return None
        names = (f"marks{f'-{n}' if n > 1 else ''}.csv" for n in count(1))
        paths = (self.folder / name for name in names)
        path = next(x for x in paths if not x.exists() or sha256(x.read_bytes()) in self.ours)
        text = _as_csv([card for _, card in sorted(cards.items()) if card])
        self.ours.add(sha256(text.encode()))
        self.note(marks=sha256(text.encode()))  # before, so that a kill between is no edit
        write_text(path, text)
        self.written = time.monotonic()
        return path


def _as_csv(cards):
    """Return cards as CSV text that a spreadsheet takes for UTF-8, a line a hand-in."""
    rows = []
    for card in cards:
        row = {"hand-in": card["name"], "student": card["student"]}
        said = [f"could not be graded: {card.get('error')}"]
        if "error" not in card:
            row |= {key: f"{card[key]:g}" for key in ("points", "proposed", "open")}
            for line in card["lines"]:
                row[line["part"]] = "open" if line["status"] == "open" else f"{line['points']:g}"
            row |= {rule["rule"]: rule["verdict"] for rule in card["rules"]}
            sine, activity = (line["figure"] for line in card["lines"][4:6])
            row |= {"MAPE": sine, "accuracy": activity}
            said = [line["missing"] for line in card["lines"] if line["status"] != "open"]
            said += [r["evidence"] for r in card["rules"] if r["verdict"] in rules.VERDICTS[2:]]
        row["remarks"] = " | ".join(filter(None, dict.fromkeys(said)))
        rows.append({key: _harmless(cell) for key, cell in row.items()})
    table = pd.DataFrame(rows, columns=max(rows, key=len, default=None))
    return "\ufeff" + table.to_csv(index=False, lineterminator="\n")


def _harmless(cell):
    """A cell that a spreadsheet takes for text, never for a formula; one line, UTF-8."""
    if type(cell) is not str:
        return cell
    text = " ".join(cell.split()).encode("utf-8", "replace").decode()
    return "'" + text if text[:1] in ("=", "+", "-", "@") else text
