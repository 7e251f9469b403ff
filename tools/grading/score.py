"""The score card: the course's rubric line by line, its rules one by one, and what to give.

    python -m tools score FOLDER [--json]        one hand-in, a folder or a zip
    python -m tools score --batch FOLDER         each one in it: marks.csv and marks.html there

The exit status is 0 when everything that can be earned on this computer is earned and no rule is
broken.
"""

import argparse
import json
import re
from pathlib import Path

from tools.files import ROOT
from tools.grading import batch, card
from tools.grading.boards import MAPE


def main(argv):
    parser = argparse.ArgumentParser("python -m tools score", description=__doc__.splitlines()[0])
    add, boards = parser.add_argument, "Kaggle's of the sine data; again, that of the activities"
    add("folder", nargs="?", type=Path, help="a hand-in, or a zip")
    add("--batch", type=Path, metavar="FOLDER", help="grade each folder and each zip in it")
    add("--json", action="store_true", help="print the score card as JSON")
    add("--data-dir", type=Path, default=ROOT / "data", help="with the course's data")
    add("--template", type=Path, metavar="FILE", help="the notebook that was handed out")
    add("--name", metavar="REGEX", help="of a folder or file, with groups `student` and `file`")
    add("--against", type=Path, metavar="FOLDER", help="earlier hand-ins, for plagiarism")
    add("--leaderboard", type=Path, action="append", default=[], metavar="CSV", help=boards)
    add("--mape", choices=MAPE, help="how the board of the sine data gives the error")
    add("--roster", type=Path, metavar="CSV", help="student numbers, and when they handed in")
    add("--deadline", metavar="WHEN", help="such as 2024-12-19T23:59+08:00")
    add("--no-run", action="store_true", help="run nothing, not even what makes the npy")
    add("--rerun", action="store_true", help="run whole notebooks again, in a sandbox")
    add("--python", metavar="PATH", help="of an environment for reruns, such as one with NumPy 1")
    add("--scheduler", metavar="ADDRESS", help="of a Dask cluster")
    args = parser.parse_args(argv)
    folder = args.batch or args.folder
    if folder is None or not folder.exists():
        parser.error(f"{folder}: expected a folder of hand-in files, found none; check the path")
    try:
        if args.name and not {"student", "file"} & set(re.compile(args.name).groupindex):
            raise ValueError("--name: expected the group (?P<student>...) or (?P<file>...)")
    except re.error as error:
        raise ValueError(f"--name: expected a regular expression, got {error}") from None
    if args.batch:
        print(batch.batch(args))
        return 0
    result = batch.single(args)
    print(json.dumps(result.as_dict(), indent=1) if args.json else card.as_text(result))
    return 0 if card.is_complete(result) else 1
