"""What Kaggle's boards, the class list and the deadline say of a hand-in.

A board is Kaggle's leaderboard as CSV, the sine's first; a student's team has their number for a
name. The class list has a column of numbers and perhaps one of times of handing in, "submitted".
Only what is certain is broken; a number that may be mistyped, or another's, is suspect.
"""

import re
from contextlib import suppress
from datetime import UTC, datetime
from statistics import median

import pandas as pd

from data.course import WINDOWS
from tools.grading.rules import rule
from tools.grading.score import SINE, public_range
from tools.grading.submission import quoted

TITLES = {  # of columns, letters alone
    "team": ("teamname", "team"),
    "score": ("score", "publicscore"),
    "members": ("teammemberusernames",),
    "last": ("lastsubmissiondate",),
    "number": ("studentnumber", "studentid", "studentno", "number", "student", "id", "學號"),
    "submitted": ("submitted", "submittedat", "submissiontime"),
}
RANKING = re.compile(r"((\d+\.?\d*):(\d+)(%?))")
RANKING_HELP = (
    "points by the place among the activities' teams, POINTS:PLACES,... such as "
    "5:10%%,3:25%%,1:20; the first that holds the place counts"
)
EXACT, INSIDE, CLOSE = range(3)  # how a team's name fits a number
HOW = ("is", "holds, but is not,", "is close to")


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
            raise ValueError(
                f"--leaderboard: expected at most two, got {len(leaderboards)}; give the sine's, "
                "then that of the activities"
            )
        boards = zip(("basic", "advanced"), leaderboards, strict=False)
        self.boards = {name: _board(name, path) for name, path in boards}
        students = _table(roster, "number") if roster else []
        self.submitted = {student["number"]: student["submitted"] for student in students}
        self.deadline = _time(deadline)
        if deadline and not (self.deadline and self.deadline.tzinfo):
            raise ValueError(
                f"--deadline: expected a time with its offset, got {quoted(deadline)}; write it "
                "like 2024-12-20T23:59+08:00"
            )
        self.ranking = RANKING.findall(ranking or "")
        if ranking and ",".join(whole for whole, *_ in self.ranking) != ranking:
            raise ValueError(
                f"--ranking: expected POINTS:PLACES,..., got {quoted(ranking)}; see --help"
            )

    def points(self, hand_in):
        """Return what the boards say of "basic", MAPE in %, "advanced", accuracy, and "ranking".

        A team whose name is only close to the student's number is not taken for theirs.
        """
        found = self._teams(self._number(hand_in))
        found = {name: team for name, (fit, team) in found.items() if fit != CLOSE}
        points = {name: team["score"] for name, team in found.items() if team["sure"]}
        if self.ranking and "advanced" in points:
            # Those without a number are baselines, and take no student's place.
            board = [t for t in self.boards["advanced"] if re.search(r"\d{5}", t["team"])]
            place = 1 + sum(team["score"] > points["advanced"] for team in board)
            points["ranking"] = 0.0
            for _, earned, places, share in reversed(self.ranking):
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
        faults = [f"no team {number} on the board {x}" for x in self.boards if x not in found]
        if not found:
            sure = len(self.boards) == 2 and self._is_number(number)
            record = rule("kaggle record", "broken" if sure else "suspect", *faults)
            return [late, record, rule("team name", "not checked", "there is no team")]
        scores, names = [], []
        for name, (fit, team) in found.items():
            scores.append(f"{name}: {team['score']:.4g}")
            if fit != EXACT:
                names.append(f"{quoted(team['team'])} {HOW[fit]} {number}")
            if fit == CLOSE:
                faults.append(names[-1])
            elif name in own and team["sure"] and _differ(name, own[name], team["score"]):
                faults.append(f"{scores[-1]} on the board, {own[name]:.4g} by the CSV handed in")
        return [
            late,
            rule("kaggle record", "suspect" if faults else "ok", *(faults or scores)),
            rule("team name", "suspect" if names else "ok", *names),
        ]

    def _number(self, hand_in):
        """Return the number on the class list that the hand-in's name holds, or the one in it."""
        held = [number for number in self.submitted if _holds(hand_in.name, number)]
        return held[0] if held else hand_in.student

    def _is_number(self, number):
        """Whether the number is a student's: on the class list, or else as long as teams' names."""
        names = [team["team"] for board in self.boards.values() for team in board]
        return number in self.submitted if self.submitted else len(number) in map(len, names)

    def _teams(self, number):
        """Return {board: (how a team's name fits the number, the team)}, where one does."""
        found = {}
        for name, board in self.boards.items() if number else ():
            fits = [(self._fit(number, team), i) for i, team in enumerate(board)]
            fit, i = min(fits, default=(len(HOW), 0))
            if fit < len(HOW):
                found[name] = fit, board[i]
        return found

    def _fit(self, number, team):
        """Return the place in HOW of how a team's name fits the number; len(HOW) if it does not."""
        name = team["team"]
        if name == number:
            return EXACT
        if _holds(f"{name} {team['members']}", number):
            return INSIDE
        return CLOSE if _close(number, name) and name not in self.submitted else len(HOW)

    def _late(self, number, found):
        """Return the rule "late". Kaggle shows the last submission alone: one before may count."""
        times = {
            f"last on the board {name}": _time(team["last"], UTC)
            for name, (fit, team) in found.items()
            if fit != CLOSE
        }
        times["handed in"] = handed_in = _time(self.submitted.get(number))
        times = {what: when for what, when in times.items() if when}
        if not self.deadline or not times:
            said = ["no time of handing in is known"] if self.deadline else []
            return rule("late", "not checked", *said)
        zone = self.deadline.tzinfo  # of a time without; it may be another, so late is not certain
        aware = {t: t if t.tzinfo else t.replace(tzinfo=zone) for t in times.values()}
        late = [t for t in aware if aware[t] > self.deadline]
        sure = handed_in in late and handed_in.tzinfo
        verdict = "broken" if sure else "suspect" if late else "ok"
        return rule("late", verdict, *(f"{what} {when}" for what, when in times.items()))


def _holds(text, number):
    """Whether a text holds a number, not as a part of another."""
    return bool(number and re.search(rf"(?<!\d){re.escape(number)}(?!\d)", text))


def _table(path, *needed):
    """Return the rows of a CSV as dictionaries with the keys of TITLES, "" for what it lacks.

    Raises:
        ValueError: it is no CSV, or has no column for one of `needed`.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (ValueError, OSError) as error:
        raise ValueError(f"{path}: expected a CSV in UTF-8, got: {error}; export it anew") from None
    plain = {re.sub(r"[\W_]", "", str(title)).lower(): title for title in table.columns}
    titles = {
        key: next((plain[known] for known in names if known in plain), None)
        for key, names in TITLES.items()
    }
    for key in needed:
        if titles[key] is None:
            raise ValueError(
                f"{path}: expected a column {TITLES[key][0]!r}, got "
                f"{quoted(', '.join(map(str, table.columns)))}; name it so"
            )
    rows = table.to_dict("records")
    return [{key: str(row.get(title, "")).strip() for key, title in titles.items()} for row in rows]


def _board(name, path):
    """Return the teams of a board that have a score: "basic" in per cent, "advanced" as a part.

    A board may have them the other way; its median tells. A class may have a MAPE of less than one
    per cent, too, so a fraction is "sure" only where the course's points are the same either way.
    """
    teams = []
    for team in _table(path, "team", "score"):
        with suppress(ValueError):
            teams.append(team | {"score": float(team["score"]), "sure": True})
    scores = [team["score"] for team in teams]
    if len(set(scores)) > 1 and scores == sorted(scores, reverse=name == "basic"):
        raise ValueError(
            f"{path}: expected a board with the best on top, the {name} one, got the worst on top; "
            "give the sine's board first, then that of the activities"
        )
    high = median(scores or [0]) > 1
    for team in teams:
        if name == "advanced" and high:
            team["score"] /= 100
        elif name == "basic" and not high:
            team["score"] *= 100
            team["sure"] = team["score"] <= SINE[0][0]
    return teams


def _time(text, zone=None):
    """Return the time that an ISO 8601 text says, or None; `zone` is that of a time without."""
    try:
        time = datetime.fromisoformat((text or "").strip())
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=zone)


def _close(a, b):
    """Whether two numbers differ by one digit, another, missing or too many, or by two swapped."""
    if len(a) == len(b):
        other = [i for i in range(len(a)) if a[i] != b[i]]
        return len(other) == 1 or (len(other) == 2 and sorted(a) == sorted(b))
    short, long = sorted((a, b), key=len)
    return short in (long[:i] + long[i + 1 :] for i in range(len(long)))


def _differ(name, own, score):
    """Whether the board's score cannot be that of the CSV handed in."""
    if name == "basic":
        return abs(own - score) > 0.005 * (own + 1)  # a board rounds
    low, high = public_range(own, WINDOWS["test"])
    return abs(own - score) > high - low + 0.001  # twice as far as 95 of 100 are
