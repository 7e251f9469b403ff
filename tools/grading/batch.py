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
import time
from collections import Counter
from concurrent.futures import as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from shutil import copyfile
from urllib.parse import quote

import pandas as pd
from jinja2 import Environment

from tools.files import write_text
from tools.grading import plagiarism, rerun, submission
from tools.grading.boards import Boards
from tools.grading.card import RULES, Card, Truth, as_text, build, judge_own_code
from tools.grading.submission import BASIC, NOTEBOOK, VERDICTS

SECONDS, MEMORY = 30, 4 * 2**30  # for reading one hand-in, beside what its rerun may take
EACH = 50  # hand-ins after which a process is replaced by a new one
PAUSE = 2  # seconds between two writings of marks.csv in the course of a batch
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


def terms_of(args, store=None):
    """Return the Terms of the command's arguments."""
    boards = args.leaderboard, args.mape, args.roster, args.deadline, args.ranking
    boards = Boards(*boards) if any(boards) else None
    cells = submission.code_cells(args.template.read_bytes()) if args.template else []
    template, truth = [cell.source for cell in cells], Truth(args.data_dir)
    return Terms(truth, boards, template, args.name, args.python, store, not args.no_run)


def grade(path, name, terms, whole):
    """Return the Card and the Work of one hand-in; `whole`: run all its cells."""
    listed = terms.boards.submitted if terms.boards else ()
    hand_in = submission.read(path, terms.pattern, name, listed)
    card, content = build(hand_in, terms.truth, terms.boards, terms.template)
    result, reason = None, "--no-run"
    if NOTEBOOK not in content:
        reason = "there is no notebook to run"
    elif terms.run:
        try:
            whole = whole or (terms.store and _kept(terms.store, hand_in, True).is_file())
            result = _run(hand_in, terms, whole)
        except ValueError as error:
            reason = str(error)
    judge_own_code(card, hand_in, content, terms.truth, result, whole, reason)
    work = plagiarism.describe(hand_in, content.get(NOTEBOOK, []), content.get(BASIC))
    return card, work


def _kept(store, hand_in, whole):
    """Return the path of what ran, by the hand-in's content alone."""
    return store / f"{hand_in.digest()}-{'whole' if whole else 'quick'}.json"


def _run(hand_in, terms, whole):
    """Return what rerun.run returns, from the store if it is there."""
    path = _kept(terms.store, hand_in, whole) if terms.store else None
    if path and path.is_file():
        result = json.loads(path.read_text("utf-8"))
        return result | {"made": {k: base64.b64decode(x) for k, x in result["made"].items()}}
    result = rerun.run(hand_in, terms.truth.data_dir, whole, terms.python)
    if path and (whole or result["ended"]):
        path.parent.mkdir(exist_ok=True)
        made = {name: base64.b64encode(raw).decode() for name, raw in result["made"].items()}
        write_text(path, json.dumps(result | {"made": made}))
    return result


def _limit_memory():
    """Set up a process of the pool."""
    with suppress(ImportError):  # Windows has no such limits
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


@contextmanager
def _executor(scheduler, width):
    """Yield what schedules grade(path, name, terms, whole) within so many seconds."""
    if scheduler:
        from distributed import Client  # here, because few need it

        with Client(scheduler) as client:
            executor = client.get_executor()
            yield lambda seconds, *arguments: executor.submit(grade, *arguments)
        return
    from pebble import ProcessPool

    workers, spawn = min(os.cpu_count() or 1, width), multiprocessing.get_context("spawn")
    with ProcessPool(workers, EACH, _limit_memory, context=spawn) as pool:
        yield lambda seconds, *arguments: pool.schedule(grade, args=arguments, timeout=seconds)


def graded(found, terms, whole=False, scheduler=None):
    """Yield (name, Card, Work or None) of each hand-in in {name: path}, as they come."""
    limits = rerun.WHOLE if whole else rerun.QUICK
    seconds = SECONDS + terms.run * (limits.seconds + 10)
    with _executor(scheduler, len(found)) as submit:
        futures = {submit(seconds, path, x, terms, whole): x for x, path in found.items()}
        for future in as_completed(list(futures)):
            name = futures.pop(future)
            try:
                yield name, *future.result()
            except Exception as error:  # whatever goes wrong with a hand-in is said in its row
                reason = str(error) or type(error).__name__
                if isinstance(error, TimeoutError):
                    reason = f"took longer than {seconds} seconds"
                yield name, Card(name, error=reason), None


def single(args):
    """Return the Card of one hand-in, or raise a ValueError that says why there is none."""
    terms = terms_of(args)
    ((name, card, work),) = graded({args.folder.name: args.folder}, terms, args.rerun)
    if card.error:
        raise ValueError(f"{args.folder}: could not be graded: {card.error}")
    _rank({name: card}, {name: work}, args, terms)
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
    terms, cards, works, written = terms_of(args, folder / ".desk"), {}, {}, 0
    terms.store.mkdir(exist_ok=True)
    for path in folder.glob("marks*.csv"):  # as a person left it
        copyfile(path, terms.store / f"{path.stem}-{path.stat().st_mtime_ns}.csv")
    for whole in (False, True)[: 1 + args.rerun]:
        results = graded(found, terms, whole, args.scheduler)
        for number, (name, card, work) in enumerate(results, 1):
            cards[name], works[name] = card, work
            outcome = card.error or f"{card.totals()['proposed']:g} proposed"
            print(f"{number} of {len(found)}: {name!a}: {outcome}", file=sys.stderr, flush=True)
            if time.monotonic() > written + PAUSE:
                write_marks(folder, cards)
                written = time.monotonic()
    pairs = _rank(cards, works, args, terms)
    _look_at_all(cards, terms)
    path = write_marks(folder, cards)
    by_hand = entered(folder)
    _write_page(folder / "marks.html", list(cards.values()), pairs, by_hand)
    (folder / "feedback").mkdir(exist_ok=True)
    for card in cards.values():
        lines = [f"Lab 6: {card.student or card.name}", "", as_text(card, student=True)]
        lines += [f"{k}: {text}" for k, text in by_hand.get(card.name, {}).items()]
        file = folder / "feedback" / (re.sub(r"[^\w.-]", "_", card.name) + ".txt")
        write_text(file, "\n".join(lines) + "\n")
    return f"{path}: {len(found)} hand-ins; for the eye {folder / 'marks.html'}"


def _rank(cards, works, args, terms):
    """Put plagiarism into the cards; return the pairs, the most alike first."""
    found = submission.find(args.against, args.name) if args.against else {}
    against = Terms(terms.truth, pattern=args.name, run=False)
    earlier = [x for _, _, x in graded(found, against) if x] if found else []
    earlier = [work._replace(name=f"{work.name} (earlier)") for work in earlier]
    works = [work for work in works.values() if work]
    findings, pairs = plagiarism.rank(works, earlier, terms.template)
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


def _marks(folder):
    """Yield the paths of marks.csv, marks-2.csv, ..., and what a person entered there.

    That is {hand-in: {column: text}}; None of a file that is not ours, or not there.
    """
    for number in count(1):
        path = folder / f"marks{f'-{number}' if number > 1 else ''}.csv"
        try:
            table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
            rows = table.to_dict("records")
            yield path, {row["hand-in"]: {x: row[x] for x in BY_HAND if row[x]} for row in rows}
        except (ValueError, KeyError, OSError):
            yield path, None


def entered(folder):
    """Return {hand-in: {column: text}} of what a person entered in all files of marks."""
    entries = {}
    for path, rows in _marks(folder):
        if not path.exists():
            return entries
        for name, row in (rows or {}).items():
            entries[name] = entries.get(name, {}) | row


def write_marks(folder, cards):
    """Write {name: Card} to marks.csv, or to marks-2.csv, ..., where the first cannot be used."""
    text = _as_csv(cards, entered(folder))
    for path, rows in _marks(folder):
        try:
            if path.exists() and rows is None:
                raise OSError(0, "no CSV of ours in UTF-8")
            write_text(path, text)
            return path
        except OSError as error:  # it is open elsewhere
            if not path.exists():
                raise
            print(f"{path}: stays as it is: {error.strerror}", file=sys.stderr)


def _as_csv(cards, by_hand):
    """Return cards as CSV text that a spreadsheet takes for UTF-8, a line a hand-in."""
    rows = []
    for name in sorted(cards):
        card = cards[name]
        row = {"hand-in": card.name, "student": card.student} | dict.fromkeys(BY_HAND, "")
        row |= by_hand.get(_harmless(card.name), {})
        remarks = [card.error]
        if not card.error:
            row |= {k: f"{v:g}" for k, v in card.totals().items() if k != "out_of"}
            for line in card.lines:
                row[line.part] = "open" if line.status == "open" else f"{line.points:g}"
            row |= {rule.rule: rule.verdict for rule in card.rules.values()}
            row |= {k: f"{v:.4g}" for k, v in card.figures.items()}
            remarks = card.remarks + [line.missing for line in card.lines if line.status != "open"]
            remarks += [f"{x.rule}: {x.evidence}" for x in card.with_verdict("suspect", "broken")]
            unsure = [x for x in card.with_verdict("not checked") if x.evidence != RULES[x.rule][1]]
            remarks += [f"{x.rule} not checked: {x.evidence}" for x in unsure]
        row["remarks"] = " | ".join(filter(None, dict.fromkeys(remarks)))
        rows.append({key: _harmless(cell) for key, cell in row.items()})
    columns = list(dict.fromkeys(key for row in rows for key in row if key != "remarks"))
    table = pd.DataFrame(rows, columns=[*columns, "remarks"]).fillna("")
    return "\ufeff" + table.to_csv(index=False, lineterminator="\n")


def _harmless(cell):
    """A cell that a spreadsheet takes for text, never for a formula; one line, UTF-8."""
    text = " ".join(cell.split()).encode("utf-8", "replace").decode()
    return "'" + text if text[:1] in ("=", "+", "-", "@") else text


def _write_page(path, cards, pairs, by_hand):
    """Write marks.html, which needs nothing else and can be printed."""
    ready = [card for card in cards if not card.error]

    def gravity(card):  # what could not be graded, then what is broken, then suspect, by name
        worst = max(VERDICTS.index(rule.verdict) for rule in card.rules.values())
        return -(len(VERDICTS) if card.error else worst), card.name

    template = Path(__file__).with_name("marks.html.jinja").read_text("utf-8")
    page = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(template)
    text = page.render(
        cards=sorted(cards, key=gravity),
        pairs=pairs,
        by_hand=by_hand,
        rules=RULES,
        points=sorted(card.totals()["proposed"] for card in ready),
        waiting=Counter(x.part for c in ready for x in c.lines if x.status == "open"),
        having=Counter(v for c in ready for v in {r.verdict for r in c.rules.values()}),
        link=lambda target: quote(os.fsencode(os.path.relpath(target, path.parent))),
    )
    write_text(path, text.encode("utf-8", "replace").decode())
