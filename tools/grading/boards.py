"""What Kaggle's boards, the class list and the deadline say of a hand-in.

A board is Kaggle's leaderboard as CSV; a student's team has their number for a name. The class
list is a CSV with a column "student", of numbers, and perhaps one "submitted", of times. Only what
is certain is broken; a number that may be mistyped, or another's, is suspect.
"""

import re
from datetime import UTC, datetime
from difflib import get_close_matches

import pandas as pd

from data.prepare import SHAPES
from tools.grading.rules import rule
from tools.grading.score import public_range
from tools.grading.submission import quoted

RANKING = re.compile(r"(\d+\.?\d*):(\d+)(%?)(?:,|$)")
RANKING_HELP = "points by place, POINTS:PLACES,... such as 5:10%%,3:25%%,1:20; the first that fits"
EXACT, INSIDE, CLOSE = "is", "holds, but is not,", "is close to"  # how a team's name fits a number
MISTYPED = 0.85  # alike are two numbers with a digit wrong, missing or too many, or two swapped


class Boards:
    """The boards, the class list, the deadline and the points for places, as far as given.

    Args:
        leaderboards: paths of Kaggle's CSVs, that of the sine and that of the activities.
        roster: path of the class list, a CSV.
        deadline: ISO 8601 with its offset.
        ranking: see RANKING_HELP.

    Raises:
        ValueError: one of them is not that.
    """

    def __init__(self, leaderboards=(), roster=None, deadline=None, ranking=None):
        if len(leaderboards) > 2:
            raise _wrong("--leaderboard", "two at most", str(len(leaderboards)))
        boards = zip(("basic", "advanced"), leaderboards, strict=False)
        self.boards = {name: _board(name, path) for name, path in boards}
        students = _table(roster, "student").to_dict("records") if roster else []
        self.submitted = {row["student"].strip(): row.get("submitted") for row in students}
        self.deadline = _time(deadline)
        self.ranking = RANKING.findall(ranking or "")
        if deadline and not (self.deadline and self.deadline.tzinfo):
            raise _wrong("--deadline", "a time with its offset", deadline)
        if RANKING.sub("", ranking or ""):
            raise _wrong("--ranking", "POINTS:PLACES,...", ranking)

    def points(self, hand_in):
        """Return what the boards say of "basic", MAPE in %, "advanced", accuracy, and "ranking".

        A team whose name is only close to the student's number is not taken for theirs.
        """
        found = self._teams(self._number(hand_in))
        points = {name: team["Score"] for name, (fit, team) in found.items() if fit != CLOSE}
        if self.ranking and "advanced" in points:
            # Those without a number are baselines, and take no student's place.
            board = [t for t in self.boards["advanced"].values() if _numbers(t["TeamName"])]
            place = 1 + sum(team["Score"] > points["advanced"] for team in board)
            points["ranking"] = 0.0
            for earned, places, share in reversed(self.ranking):
                if place <= int(places) * (len(board) / 100 if share else 1):
                    points["ranking"] = float(earned)
        return points

    def rules(self, hand_in, own=()):
        """Return the rules "late", "kaggle record" and "team name".

        Args:
            hand_in: HandIn.
            own: {"basic": MAPE in %, "advanced": accuracy} of the CSVs handed in, where known.
        """
        number = self._number(hand_in)
        found = self._teams(number)
        late = self._late(number, found)
        if not number or not self.boards:
            said = ["no student number in its name"] if self.boards else []
            return [late, *(rule(x, "not checked", *said) for x in ("kaggle record", "team name"))]
        absent = [name for name in self.boards if name not in found]
        faults = [f"no team {number} on the board {name}" for name in absent]
        if not found:
            sure = len(self.boards) == 2 and self._is_number(number)
            record = rule("kaggle record", "broken" if sure else "suspect", *faults)
            return [late, record, rule("team name", "not checked", "there is no team")]
        scores, names = [], []
        for name, (fit, team) in found.items():
            scores.append(f"{name}: {team['Score']:.4g}")
            if fit != EXACT:
                names.append(f"{quoted(team['TeamName'])} {fit} {number}")
            if fit == CLOSE:
                faults.append(names[-1])
            elif name in own and _differ(name, own[name], team["Score"]):
                faults.append(f"{scores[-1]} on the board, {own[name]:.4g} by the CSV handed in")
        return [
            late,
            rule("kaggle record", "suspect" if faults else "ok", *(faults or scores)),
            rule("team name", "suspect" if names else "ok", *names),
        ]

    def _number(self, hand_in):
        """Return the number on the class list that the hand-in's name holds, or the one in it."""
        listed = [number for number in _numbers(hand_in.name) if number in self.submitted]
        return listed[0] if listed else hand_in.student

    def _is_number(self, number):
        """Whether the number is a student's: on the class list, or else as long as teams' names."""
        names = {name for board in self.boards.values() for name in board}
        return number in self.submitted if self.submitted else len(number) in map(len, names)

    def _team(self, number, board):
        """Return how the name of a team fits the number, and the team; or None."""
        if number in board:
            return EXACT, board[number]
        close = get_close_matches(number, board.keys() - self.submitted.keys(), 1, MISTYPED)
        found = [(INSIDE, board[name]) for name in board if number in _numbers(name)]
        return next(iter(found + [(CLOSE, board[name]) for name in close]), None)

    def _teams(self, number):
        """Return {board: what _team returns}, where there is one."""
        found = {name: self._team(number, board) for name, board in self.boards.items()}
        return {name: team for name, team in found.items() if team}

    def _late(self, number, found):
        """Return the rule "late". Kaggle shows the last submission alone: one before may count."""
        if not self.deadline:
            return rule("late", "not checked")
        handed_in = self.submitted.get(number)
        times = {"handed in": _time(handed_in, self.deadline.tzinfo)}
        for name, (fit, team) in found.items():
            if fit != CLOSE:
                times[f"last on the board {name}"] = _time(team.get("LastSubmissionDate"), UTC)
        times = {what: when for what, when in times.items() if when}
        late = [what for what, when in times.items() if when > self.deadline]
        sure = "handed in" in late and _time(handed_in).tzinfo  # else its zone may be another
        verdict = "broken" if sure else "suspect" if late else "ok" if times else "not checked"
        said = [f"{what} {when}" for what, when in times.items()]
        return rule("late", verdict, *said or ["no time of handing in is known"])


def _numbers(text):
    """Return what may be student numbers in a text."""
    return re.findall(r"\d{5,}", text)


def _wrong(option, expected, got):
    return ValueError(f"{option}: expected {expected}, got {quoted(got)}; see --help")


def _table(path, *needed):
    """Return a CSV as a table of texts.

    Raises:
        ValueError: it is no CSV, or lacks a column.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
        table[[*needed]]
    except (ValueError, KeyError, OSError) as error:
        raise ValueError(
            f"{path}: expected a CSV in UTF-8 with {' and '.join(needed)}, got: {error}; export it "
            "anew, or name its columns so"
        ) from None
    return table


def _board(name, path):
    """Return {name: team} of those that have a score: "basic" in per cent, "advanced" as a part.

    A board may have them the other way, which most of the class tell.
    """
    table = _table(path, "TeamName", "Score")
    table["Score"] = pd.to_numeric(table["Score"], errors="coerce")
    table = table.dropna(subset="Score")
    if name == "basic" and table["Score"].quantile(0.9) < 1.5:
        table["Score"] *= 100
    elif name == "advanced" and table["Score"].median() > 1:
        table["Score"] /= 100
    return {team["TeamName"].strip(): team for team in table.to_dict("records")}


def _time(text, zone=None):
    """Return the time that an ISO 8601 text says, or None; `zone` is that of a time without."""
    try:
        time = datetime.fromisoformat((text or "").strip())
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=zone)


def _differ(name, own, score):
    """Whether the board's score cannot be that of the CSV handed in."""
    if name == "basic":
        return abs(own - score) > 0.005 * (own + 1)  # a board rounds
    low, high = public_range(own, SHAPES["X_test.npy"][0])
    return abs(own - score) > high - low + 0.001  # twice as far as 95 of 100 are
