"""A whole class on the assistant's desk: each hand-in in a process with limits, as they come.

Beside the hand-ins it writes marks.csv for a spreadsheet, marks.html for the eye, and feedback/ for
the students. What ran in the sandbox is kept in .desk/ by the hand-in's content.
"""

import base64
import json
import multiprocessing
import os
import re
import sys
from concurrent.futures import as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from shutil import copyfile
from urllib.parse import quote

import pandas as pd
from jinja2 import Environment

from tools.files import write_text
from tools.grading import plagiarism, rerun, submission
from tools.grading.boards import Boards
from tools.grading.card import RULES, Card, Truth, as_text, build
from tools.grading.submission import BASIC

SECONDS, MEMORY = 30, 4 * 2**30  # for reading one hand-in, beside what its rerun may take
EACH = 50  # hand-ins after which a process is replaced by a new one
BY_HAND = ["points by hand", "remark by hand"]


@dataclass
class Terms:
    """What every hand-in is graded by."""

    truth: Truth
    boards: Boards | None = None
    template: tuple = ()  # sources of its code cells
    pattern: str | None = None  # of names
    python: str | None = None  # for reruns
    store: Path | None = None  # folder of what ran
    run: bool = True


def _terms(args):
    """Return the Terms of the command's arguments."""
    boards = args.leaderboard, args.mape, args.roster, args.deadline
    boards = Boards(*boards) if any(boards) else None
    cells = submission.code_cells(args.template.read_bytes()) if args.template else []
    template, store = [cell.source for cell in cells], args.batch and args.batch / ".desk"
    truth = Truth(args.data_dir)
    return Terms(truth, boards, template, args.name, args.python, store, not args.no_run)


def grade(path, name, terms, whole):
    """Return the Card and the Work of one hand-in; `whole`: run all its cells."""
    listed = terms.boards.submitted if terms.boards else ()
    hand_in = submission.read(path, terms.pattern, name, listed)
    result, reason = None, "--no-run"
    try:
        result = _run(hand_in, terms, whole) if terms.run else None
    except ValueError as error:
        reason = str(error)
    card = build(hand_in, terms, result, reason)
    answers = hand_in.contents[0].get(BASIC)
    return card, plagiarism.describe(hand_in, hand_in.cells, answers)


def _run(hand_in, terms, whole):
    """Return what rerun.run returns, from the store if it is there, by the content alone."""
    names = [f"{hand_in.digest()}-{x}.json" for x in ("whole", "quick")[: 1 if whole else 2]]
    paths = [terms.store / name for name in names] if terms.store else []
    for path in filter(Path.is_file, paths):
        result = json.loads(path.read_text("utf-8"))
        return result | {"made": {k: base64.b64decode(x) for k, x in result["made"].items()}}
    result = rerun.run(hand_in, terms.truth.data_dir, whole, terms.python)
    if paths and (whole or result["ended"]):
        terms.store.mkdir(exist_ok=True)
        text = json.dumps(result, default=lambda raw: base64.b64encode(raw).decode())
        write_text(paths[-1], text)
    return result


def _limit_memory():
    with suppress(ImportError):  # Windows has no such limits
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


@contextmanager
def _executor(scheduler, width, seconds):
    """Yield what schedules a call of grade, which may take so many seconds."""
    if scheduler:
        from distributed import Client  # here, because few need it

        with Client(scheduler) as client:
            yield partial(client.get_executor().submit, grade)
        return
    from pebble import ProcessPool

    workers, spawn = min(os.cpu_count() or 1, width), multiprocessing.get_context("spawn")
    with ProcessPool(workers, EACH, _limit_memory, context=spawn) as pool:
        yield lambda *arguments: pool.schedule(grade, args=arguments, timeout=seconds)


def graded(found, terms, whole=False, scheduler=None):
    """Yield (name, Card, Work or None) of each hand-in in {name: path}, as they come."""
    limits = rerun.WHOLE if whole else rerun.QUICK
    seconds = SECONDS + terms.run * (limits.seconds + 10)
    with _executor(scheduler, len(found), seconds) as submit:
        futures = {submit(path, name, terms, whole): name for name, path in found.items()}
        for future in as_completed(list(futures)):
            name = futures.pop(future)
            try:
                yield name, *future.result()
            except Exception as error:  # whatever goes wrong with a hand-in is said in its row
                late = isinstance(error, TimeoutError)
                reason = f"took longer than {seconds} seconds" if late else str(error)
                yield name, Card(name, error=reason or type(error).__name__), None


def single(args):
    """Return the Card of one hand-in, or raise a ValueError that says why there is none."""
    terms = _terms(args)
    ((name, card, work),) = graded({args.folder.name: args.folder}, terms, args.rerun)
    if card.error:
        raise ValueError(f"{args.folder}: could not be graded: {card.error}")
    _rank({name: card}, [work], args, terms)
    return card


def batch(args):
    """Grade each hand-in in a folder; write marks.csv, marks.html and feedback/; return a line."""
    folder = args.batch
    found = submission.find(folder, args.name)
    if not found:
        raise ValueError(
            f"{folder}: expected a folder or a zip a hand-in, or a flat export, found none; "
            "give their parent, and --name for other names"
        )
    terms, cards, works = _terms(args), {}, {}
    terms.store.mkdir(exist_ok=True)
    for path in folder.glob("marks*.csv"):  # as a person left it
        copyfile(path, terms.store / f"{path.stem}-{path.stat().st_mtime_ns}.csv")
    for whole in (False, True)[: 1 + args.rerun]:
        results = graded(found, terms, whole, args.scheduler)
        for number, (name, card, work) in enumerate(results, 1):
            cards[name], works[name] = card, work
            outcome = card.error or f"{card.totals()['proposed']:g} proposed"
            print(f"{number} of {len(found)}: {name!a}: {outcome}", file=sys.stderr, flush=True)
    pairs = _rank(cards, works.values(), args, terms)
    _look_at_all(cards, terms)
    cards = dict(sorted(cards.items()))
    path, by_hand = _write_marks(folder, cards)
    _write_page(folder / "marks.html", cards.values(), pairs, by_hand)
    (folder / "feedback").mkdir(exist_ok=True)
    for name, card in cards.items():
        lines = [f"Lab 6: {card.student or name}", "", as_text(card, student=True)]
        lines += [f"{column}: {text}" for column, text in by_hand.get(name, {}).items()]
        file = folder / "feedback" / (re.sub(r"[^\w.-]", "_", name) + ".txt")
        write_text(file, "\n".join(lines) + "\n")
    return f"{path}: {len(found)} hand-ins; for the eye {folder / 'marks.html'}"


def _rank(cards, works, args, terms):
    """Put plagiarism into the cards; return the pairs, the most alike first."""
    found = submission.find(args.against, args.name) if args.against else {}
    against = Terms(terms.truth, pattern=args.name, run=False)
    earlier = [work for *_, work in graded(found, against) if work] if found else []
    earlier = [work._replace(name=f"{work.name} (earlier)") for work in earlier]
    findings, pairs = plagiarism.rank(list(filter(None, works)), earlier, terms.template)
    for name, finding in findings.items():
        cards[name].set("plagiarism", *finding)
    return pairs


def _look_at_all(cards, terms):
    """Say what only the whole class shows: a common prefix, doubles, who handed nothing in."""
    ready = [card for card in cards.values() if not card.error]
    prefixed = [card for card in ready if card.rules["names"].verdict == "suspect"]
    if len(prefixed) > 1 and len(prefixed) >= 0.9 * len(ready):
        for card in prefixed:
            card.set("names", "ok", ["the whole class has something before the names"])
    for card in ready:
        others = [x.name for x in ready if card.student and x.student == card.student and x != card]
        card.remarks += [f"the same student handed in {', '.join(others)}"] if others else []
    here = " ".join(f"{card.student} {card.name}" for card in cards.values())
    for number in terms.boards.submitted if terms.boards else ():
        if number and number not in here:
            cards[number] = Card(number, number, error="nothing handed in")


def _entries(path):
    """Return {hand-in: {column: text}} of what a person entered; None of a file not of ours."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
        rows = table.set_index("hand-in")[BY_HAND].iterrows()
        return {name: {x: text for x, text in row.items() if text} for name, row in rows}
    except (ValueError, KeyError, OSError):
        return None


def _write_marks(folder, cards):
    """Write {name: Card} to marks.csv, or to marks-2.csv, ..., where the first cannot be used.

    Return its path, and {hand-in: {column: text}} of what a person entered in any of them.
    """
    entered, ours = {}, {path: _entries(path) for path in folder.glob("marks*.csv")}
    for path in sorted(filter(ours.get, ours), key=os.path.getmtime):
        for name, entries in ours[path].items():
            entered[name] = entered.get(name, {}) | entries
    rows = [_row(card, entered) for card in cards.values()]
    columns = list(dict.fromkeys(key for row in rows for key in row if key != "remarks"))
    table = pd.DataFrame(rows, columns=[*columns, "remarks"]).fillna("")
    text = "\ufeff" + table.to_csv(index=False, lineterminator="\n")  # so spreadsheets see UTF-8
    for path in (folder / f"marks{end}.csv" for end in ("", *(f"-{i}" for i in range(2, 100)))):
        with suppress(PermissionError):  # it is open elsewhere
            if not path.exists() or ours.get(path) is not None:
                write_text(path, text)
                return path, entered
    raise OSError(f"{folder}: expected a marks.csv that can be written, found none; close one")


def _row(card, entered):
    """Return {column: text} of a Card, which is a line of marks.csv."""
    row = {"hand-in": card.name, "student": card.student} | dict.fromkeys(BY_HAND, "")
    row |= entered.get(_harmless(card.name), {})
    remarks = [card.error]
    if not card.error:
        row |= {key: f"{x:g}" for key, x in card.totals().items() if key != "out_of"}
        points = [(x.part, "open" if x.status == "open" else f"{x.points:g}") for x in card.lines]
        row |= dict(points) | {rule.rule: rule.verdict for rule in card.rules.values()}
        row |= {key: f"{x:.4g}" for key, x in card.figures.items()}
        remarks = card.remarks + [line.missing for line in card.lines if line.status != "open"]
        for rule in card.with_verdict("suspect", "broken", "not checked"):
            if rule.evidence != RULES[rule.rule][1]:  # what it needs is in the README
                remarks.append(f"{rule.rule} {rule.verdict}: {rule.evidence}")
    row["remarks"] = " | ".join(filter(None, dict.fromkeys(remarks)))
    return {key: _harmless(cell) for key, cell in row.items()}


def _harmless(cell):
    """A cell that a spreadsheet takes for text, never for a formula; one line, UTF-8."""
    text = " ".join(cell.split()).encode("utf-8", "replace").decode()
    return "'" + text if text[:1] in ("=", "+", "-", "@") else text


def _write_page(path, cards, pairs, by_hand):
    """Write marks.html, which needs nothing else and can be printed."""

    def link(target):
        return quote(os.fsencode(os.path.relpath(target, path.parent)))

    template = Path(__file__).with_name("marks.html.jinja").read_text("utf-8")
    page = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(template)
    text = page.render(cards=cards, pairs=pairs, by_hand=by_hand, link=link, as_text=as_text)
    write_text(path, text.encode("utf-8", "replace").decode())
