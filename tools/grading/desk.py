"""A whole class on the assistant's desk: each hand-in in a process with limits, kept as it was.

Beside the hand-ins it writes marks.csv for a spreadsheet, marks.html for the eye, and marks.jsonl,
out of which the next run takes the cards of hand-ins that have not changed. A marks.csv that was
edited stays as it is: the marks then go to marks-2.csv.
"""

import hashlib
import json
import multiprocessing
import os
import time
from concurrent.futures import as_completed
from contextlib import suppress
from dataclasses import asdict
from itertools import count

import pandas as pd
from pebble import ProcessPool

from data.prepare import LABELS, SINE
from tools.files import write_text
from tools.grading import page, rules, score, submission
from tools.grading.boards import Boards
from tools.grading.similar import plagiarism
from tools.grading.template import template_rule

SECONDS, MEMORY = 20, 4 * 2**30  # for one hand-in
EACH = 200  # hand-ins after which a process is replaced by a new one
PAUSE = 2  # seconds between two writings of marks.csv in the course of a batch


def sha256(raw):
    return hashlib.sha256(raw).hexdigest()


class _Terms:
    """What every hand-in is held against, and a digest of that and of the program."""

    def __init__(self, args):
        boards = args.leaderboard or [], args.roster, args.deadline, args.ranking
        self.boards = Boards(*boards) if any(boards) else None
        self.truth = score.Truth(args.data_dir)
        self.template = args.template.read_bytes() if args.template else b""
        paths = [args.data_dir / SINE[0], args.data_dir / LABELS, *boards[0], args.roster]
        paths += sorted(rules.ROOT.glob("tools/grading/*.*"))
        paths += sorted(rules.ROOT.glob("tools/check/*.py"))
        read = [path.read_bytes() for path in paths if path and path.is_file()]
        self.digest = sha256(repr((boards, self.template, read)).encode())


def _with_rule(card, rule):
    """Return a card in which a Rule has taken the place of the one by its name."""
    return card | score.with_rules(card["lines"], [*card["rules"], asdict(rule)])


def _start(terms):
    """Set up a process of the pool."""
    global _terms
    _terms = terms
    with suppress(ImportError):  # Windows has no such limits
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def _grade(path, known):
    """Return the digest of a hand-in and its card; no card if the digest is the known one."""
    hand_in = submission.read(path)
    digest = sha256((_terms.digest + repr(hand_in)).encode())
    if digest == known:
        return digest, None
    card = score.score_card(hand_in, _terms.truth, boards=_terms.boards)
    if _terms.template:
        rule = template_rule(hand_in.files.get(submission.NOTEBOOK, b""), _terms.template)
        card = _with_rule(card, rule)
    return digest, card | {"name": hand_in.name, "student": hand_in.student}


def _graded(paths, terms, known):
    """Yield (name, digest, card) of each hand-in; no card of those in `known`, {name: digest}."""
    spawn = multiprocessing.get_context("spawn")
    workers = min(os.cpu_count() or 1, len(paths))
    with ProcessPool(workers, EACH, _start, [terms], context=spawn) as pool:
        waiting = {
            pool.schedule(_grade, args=[path, known.get(path.name)], timeout=SECONDS): path.name
            for path in paths
        }
        for future in as_completed(list(waiting)):
            name = waiting.pop(future)
            try:
                yield name, *future.result()
            except Exception as error:  # whatever goes wrong with a hand-in is said in its row
                said = str(error) or type(error).__name__
                if isinstance(error, TimeoutError):
                    said = f"took longer than {SECONDS} seconds"
                yield name, "", {"name": name, "student": "", "error": said}


def single(args):
    """Return the card of one hand-in, or raise a ValueError that says why there is none."""
    terms = _Terms(args)
    ((name, _, card),) = _graded([args.folder], terms, {})
    if "error" in card:
        raise ValueError(f"{args.folder}: could not be graded: {card['error']}")
    cards = {name: card}
    _compare(cards, [args.folder], args, terms)
    list(_rerun(cards, [args.folder], args))
    del cards[name]["name"], cards[name]["student"]
    return cards[name]


def batch(args):
    """Grade each hand-in in a folder; write marks.csv and marks.html; return a line on them."""
    paths = _hand_ins(args.batch)
    if not paths:
        raise ValueError(
            f"{args.batch}: expected a folder or a zip a hand-in, found none; give their parent"
        )
    terms, marks = _Terms(args), _Marks(args.batch, [path.name for path in paths])
    known = {name: entry["digest"] for name, entry in marks.entries.items()}
    for name, digest, card in _graded(paths, terms, known):
        if card:
            marks.keep(name, digest, card)
    cards = {name: entry["card"] for name, entry in marks.entries.items()}
    pairs = _compare(cards, paths, args, terms)
    again = [path for path in paths if not marks.entries[path.name]["rerun"]]
    for name, rerun in _rerun(cards, again, args):
        marks.keep(name, marks.entries[name]["digest"], cards[name], rerun)
    page.write(args.batch / "marks.html", list(cards.values()), pairs)
    path = marks.write(cards)
    return f"{path}: {len(paths)} hand-ins; for the eye {args.batch / 'marks.html'}"


def _hand_ins(folder):
    """Return the paths of the folders and archives in a folder."""
    paths = sorted(x for x in folder.iterdir() if not submission.LEFT_OUT.fullmatch(x.name))
    return [x for x in paths if x.is_dir() or x.suffix.lower() in submission.ARCHIVES]


def _read(paths):
    """Yield the HandIns that can be read."""
    for path in paths:
        with suppress(submission.FormatError):
            yield submission.read(path)


def _compare(cards, paths, args, terms):
    """Put plagiarism into the cards; return the pairs of hand-ins with something in common."""
    hand_ins = _read(path for path in paths if "error" not in cards[path.name])
    earlier = _read(_hand_ins(args.against) if args.against else ())
    found, pairs = plagiarism(hand_ins, earlier, terms.template)
    for name, rule in found.items():
        cards[name] = _with_rule(cards[name], rule)
    return pairs


def _rerun(cards, paths, args):
    """With --rerun, put into the cards what running again shows; yield (name, whether it ran)."""
    if not args.rerun:
        return
    from tools.grading.rerun import rerun  # needs Linux

    hand_ins = _read(path for path in paths if "error" not in cards[path.name])
    for name, found, _ in rerun(hand_ins, args.data_dir, args.scheduler):
        cheap = next(rule for rule in cards[name]["rules"] if rule["rule"] == "own code")
        cards[name] = _with_rule(cards[name], rules.worst(rules.Rule(**cheap), found))
        yield name, found.verdict != "not checked"


class _Marks:
    """marks.csv, and marks.jsonl: a line for each card that was made and each marks.csv written."""

    def __init__(self, folder, names):
        self.folder, self.entries, self.ours, self.written = folder, {}, set(), 0
        self.path = folder / "marks.jsonl"
        for line in self.path.read_text("utf-8").splitlines() if self.path.exists() else ():
            with suppress(ValueError):  # the last line of a run that was killed
                entry = json.loads(line)
                self.ours.add(entry.get("marks"))
                if entry.get("name") in names:
                    self.entries[entry["name"]] = entry

    def keep(self, name, digest, card, rerun=False):
        """Note a card; now and then, write the marks."""
        self.entries[name] = {"name": name, "digest": digest, "card": card, "rerun": rerun}
        self._note(self.entries[name])
        if time.monotonic() - self.written > PAUSE:
            self.write({name: entry["card"] for name, entry in self.entries.items()})

    def _note(self, entry):
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")

    def write(self, cards):
        """Write {name: card} to the first marks.csv, marks-2.csv, ... that nobody edited."""
        names = (f"marks{f'-{n}' if n > 1 else ''}.csv" for n in count(1))
        paths = (self.folder / name for name in names)
        path = next(x for x in paths if not x.exists() or sha256(x.read_bytes()) in self.ours)
        text = _as_csv([cards[name] for name in sorted(cards)])
        self.ours.add(sha256(text.encode()))
        self._note({"marks": sha256(text.encode())})  # before, so that a kill between is no edit
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
    table = pd.DataFrame(rows, columns=max(rows, key=len))
    return "\ufeff" + table.to_csv(index=False, lineterminator="\n")


def _harmless(cell):
    """A cell that a spreadsheet takes for text, never for a formula; one line, UTF-8."""
    if type(cell) is not str:
        return cell
    text = " ".join(cell.split()).encode("utf-8", "replace").decode()
    return "'" + text if text[:1] in ("=", "+", "-", "@") else text
