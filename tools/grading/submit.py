"""Gather the hand-in under its exact names, and print the commands that send it to Kaggle.

    python -m tools submit SLUG [SLUG]      the competition, or one for each of the two files

Nothing is sent. It refuses as long as the score card has an error of format.
"""

import argparse
import re
import shutil

from lab.files import OUTPUTS, replacing
from tools.cells import NOTEBOOK
from tools.grading.score import own_card, summary
from tools.grading.submission import ADVANCED, BASIC, FILES


def gather(lines, folder, to, notebook):
    """Copy the five files of a hand-in to the folder `to`, and nothing else.

    Args:
        lines: their score card.
        folder: path of the folder where they are, the notebook apart.
        to: path of the folder to make or to fill again.
        notebook: path of the notebook.

    Raises:
        ValueError: the score card has an error of format, or `to` holds other files.
    """
    errors = summary(lines)["format_errors"]
    if errors:
        raise ValueError(
            "hand-in: expected the course's format, got:\n  "
            + "\n  ".join(errors)
            + "\nnothing was gathered; correct it and see python -m tools score"
        )
    to.mkdir(exist_ok=True)
    others = sorted(path.name for path in to.iterdir() if path.name not in FILES)
    if others:
        raise ValueError(
            f"{to}: expected nothing but the hand-in, got {', '.join(others)}; move them elsewhere"
        )
    for name in FILES:
        source = notebook if name == NOTEBOOK.name else folder / name
        with replacing(to / name) as temporary:
            shutil.copyfile(source, temporary)


def kaggle_commands(to, basic, advanced):
    """Return the two commands that submit the predictions in the folder `to`, each to its slug."""
    return [
        f'kaggle competitions submit -c {slug} -f {(to / name).as_posix()} -m "Lab 6, {name}"'
        for name, slug in ((BASIC, basic), (ADVANCED, advanced))
    ]


def _slug(text):
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", text):
        raise argparse.ArgumentTypeError(
            f"expected the last part of the competition's address, such as lab-6-rnn, got {text!r}"
        )
    return text


def main(argv):
    parser = argparse.ArgumentParser(
        prog="python -m tools submit", description=__doc__.splitlines()[0]
    )
    parser.add_argument("slug", type=_slug, metavar="SLUG", help="the competition")
    parser.add_argument(
        "advanced", type=_slug, nargs="?", metavar="SLUG", help="that of the activities, if another"
    )
    args = parser.parse_args(argv)
    to = OUTPUTS / "submission"
    gather(own_card(), OUTPUTS, to, NOTEBOOK)
    print(f"Hand in, one by one and not zipped, from {to}:", *FILES, sep="\n  ")
    commands = kaggle_commands(to, args.slug, args.advanced or args.slug)
    print("To send the predictions to Kaggle:", *commands, sep="\n  ")
    return 0
