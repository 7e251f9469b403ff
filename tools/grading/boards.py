"""What Kaggle's boards, the class list and the deadline say of a hand-in.

A student's team has their number for a name. What cannot be read for certain is said, never
guessed.
"""

import re
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches

import pandas as pd

from tools.grading.submission import Finding, quoted

EXACT, INSIDE, CLOSE = "is", "holds, but is not,", "is close to"  # how a team's name fits a number
MISTYPED = 0.85  # alike are two numbers with a digit wrong, missing or too many, or two swapped
MAPE = {"percent": 1, "fraction": 100}
PUBLIC, WINDOWS = 0.6, 2947  # part of the test rows that decides the activity's points; all rows
NUMBER = re.compile(r"\d{5,}")  # what may be a student's


class Boards:
    """The boards, the class list and the deadline, as far as given on the command line.

    `leaderboards` are paths of Kaggle's CSVs, `mape` is one of MAPE, `roster` a CSV with a column
    "student" and perhaps "submitted", `deadline` ISO 8601 with its offset; else ValueError.
    """

    def __init__(self, leaderboards=(), mape=None, roster=None, deadline=None):
        if len(leaderboards) > 2:
            raise _wrong("--leaderboard", "two at most", len(leaderboards))
        if leaderboards and mape not in MAPE:
            raise _wrong("--mape", "percent or fraction, as the board gives it", mape)
        scales = {"basic": MAPE.get(mape), "advanced": 1}
        boards = zip(scales, leaderboards, strict=False)
        self.boards = {name: _board(path, scales[name]) for name, path in boards}
        for team, (row, *_) in self.boards.get("advanced", {}).items():
            if not 0 <= row["Score"] <= 1:
                raise _wrong(f"{leaderboards[1]}: {team}", "an accuracy from 0 to 1", row["Score"])
        students = _table(roster, "student").to_dict("records") if roster else []
        self.submitted = {row["student"].strip(): row.get("submitted", "") for row in students}
        self.deadline = _time(deadline or "")
        if deadline and not (self.deadline and self.deadline.tzinfo):
            raise _wrong("--deadline", "a time with its offset", deadline)
        if self.deadline and not self.deadline.second:
            self.deadline += timedelta(minutes=1, microseconds=-1)  # its minute is in time

    def points(self, number):
        """Return {"basic": MAPE in %, "advanced": accuracy} of a student's teams on the boards."""
        return {name: row["Score"] for name, row in _sure(self._teams(number)).items()}

    def rules(self, number, own):
        """Return {rule: Finding} of "late", "kaggle record" and "team name".

        `own` is {"basic": MAPE in %, "advanced": accuracy} of the CSVs handed in, where known.
        """
        found = self._teams(number)
        rules = {"late": self._late(number, _sure(found))}
        if not self.boards:
            return rules
        if not number or (self.submitted and number not in self.submitted):
            which = f"{number} is not on the class list" if number else "no student number known"
            unsure = Finding("not checked", [f"{which}; give --name, or correct it"])
            return rules | {"kaggle record": unsure, "team name": unsure}
        faults = [f"no team {number} on the board {x}" for x in self.boards if x not in found]
        if not found:
            sure = len(self.boards) == 2 and number in self.submitted
            return rules | {"kaggle record": Finding("broken" if sure else "suspect", faults)}
        scores, names = [], []
        for name, (fit, rows) in found.items():
            team, listed = rows[0]["TeamName"], ", ".join(f"{row['Score']:.4g}" for row in rows)
            scores.append(f"{name}: {listed}")
            names += [f"{quoted(team)} {fit} {number}"] * (fit != EXACT)
            if fit == CLOSE:
                faults.append(names[-1])
            elif len(rows) > 1:
                faults.append(f"{len(rows)} teams {quoted(team)} on the board {scores[-1]}")
            elif name in own and _differ(name, own[name], rows[0]["Score"]):
                faults.append(f"{scores[-1]} on the board, {own[name]:.4g} by the CSV handed in")
        return rules | {
            "kaggle record": Finding("suspect" if faults else "ok", faults or scores),
            "team name": Finding("suspect" if names else "ok", names),
        }

    def _teams(self, number):
        """Return {board: how the name of a team fits the number, and its rows}, where it does."""
        found = {}
        for name, board in self.boards.items() if number else ():
            close = get_close_matches(number, board.keys() - self.submitted.keys(), 1, MISTYPED)
            fits = [(EXACT, number)] * (number in board)
            fits += [(INSIDE, team) for team in board if number in NUMBER.findall(team)]
            for fit, team in (fits + [(CLOSE, team) for team in close])[:1]:
                found[name] = fit, board[team]
        return found

    def _late(self, number, sure):
        """Return the rule "late". Kaggle shows the last submission alone: one before may count."""
        if not self.deadline:
            return Finding("not checked", [])
        handed_in = self.submitted.get(number, "")
        texts = {"handed in": (handed_in, self.deadline.tzinfo)}
        for name, row in sure.items():
            texts[f"last on the board {name}"] = row.get("LastSubmissionDate", ""), UTC
        times = {what: _time(*text) for what, text in texts.items() if text[0]}
        sentences = [
            f"{x} {when or f'{quoted(texts[x][0])}, which is no ISO time'}"
            for x, when in times.items()
        ]
        late = [what for what, when in times.items() if when and when > self.deadline]
        if "handed in" in late and _time(handed_in).tzinfo:  # without, it may be another's zone
            verdict = "broken"
        elif late:
            verdict = "suspect"
        else:
            verdict = "ok" if times and all(times.values()) else "not checked"
        return Finding(verdict, sentences or ["no time of handing in is known"])


def _sure(teams):
    """Return {board: row} of teams that are the student's: no name close by, none doubled."""
    found = teams.items()
    return {name: rows[0] for name, (fit, rows) in found if fit != CLOSE and len(rows) == 1}


def public_range(accuracy, rows=WINDOWS):
    """Return what the accuracy on PUBLIC of the rows, drawn at random, is between in 95 of 100."""
    # As by draws with putting back, but for the factor of what is left out.
    reach = 1.96 * (accuracy * (1 - accuracy) / (PUBLIC * rows) * (1 - PUBLIC)) ** 0.5
    return accuracy - reach, accuracy + reach


def _wrong(option, expected, got):
    return ValueError(f"{option}: expected {expected}, got {quoted(str(got))}; see --help")


def _table(path, *needed):
    """Return a CSV as a table of texts; ValueError if it is none, or lacks a column."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
        table[[*needed]]
    except (ValueError, KeyError, OSError) as error:
        columns = " and ".join(needed)
        raise _wrong(path, f"a CSV in UTF-8 with {columns}", error) from None
    return table


def _board(path, scale):
    """Return {team name: [row, ...]} of the rows with a score, which is multiplied by `scale`."""
    table = _table(path, "TeamName", "Score")
    table["TeamName"] = table["TeamName"].str.strip()
    table["Score"] = pd.to_numeric(table["Score"], errors="coerce") * scale
    teams = table.dropna(subset="Score").groupby("TeamName")
    return {team: rows.to_dict("records") for team, rows in teams}


def _time(text, zone=None):
    """Return the time that an ISO 8601 text says, or None; `zone` is that of a time without."""
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=zone)


def _differ(name, own, score):
    """Whether the board's score cannot be that of the CSV handed in."""
    if name == "basic":
        return abs(own - score) > 0.005 * (own + 1)  # a board rounds
    low, high = public_range(own)
    return abs(own - score) > high - low + 0.001  # twice as far as 95 of 100 are
