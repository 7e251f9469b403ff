"""Gather the hand-in under its exact names, and print the commands that send it to Kaggle.

    python -m tools.submit SLUG [SLUG]      the competition, or one for each of the two files

Nothing is sent. It refuses as long as the score card has an error of format.
"""

import argparse
import re
import shutil
import sys
from pathlib import Path

from tools import handin
from lab.files import replacing
from tools.cells import NOTEBOOK, OUTPUTS
from tools.grading.score import own_card, summary


def gather(lines, folder, to, notebook=None):
    """Copy the five files of `folder` to the folder `to`, and nothing else.

    Args:
        lines: their score card.
        notebook: path of the notebook, if it is not in `folder`.

    Raises:
        ValueError: the score card has an error of format, or `to` holds other files.
    """
    folder, to = Path(folder), Path(to)
    errors = summary(lines)["format_errors"]
    if errors:
        raise ValueError(
            "expected a hand-in in the course's format, got:\n  " + "\n  ".join(errors)
        )
    to.mkdir(exist_ok=True)
    others = sorted(path.name for path in to.iterdir() if path.name not in handin.FILES)
    if others:
        raise ValueError(
            f"{to}: expected nothing but the hand-in, got {', '.join(others)}; move them elsewhere"
        )
    for name in handin.FILES:
        source = notebook if notebook and name == handin.NOTEBOOK else folder / name
        with replacing(to / name) as temporary:
            shutil.copyfile(source, temporary)


def kaggle_commands(to, slugs):
    """Return the two commands that submit the predictions in the folder `to`."""
    files = (handin.BASIC, handin.ADVANCED)
    slugs = (slugs[0], slugs[-1])
    return [
        f'kaggle competitions submit -c {slug} -f {Path(to, name).as_posix()} -m "Lab 6, {name}"'
        for name, slug in zip(files, slugs, strict=True)
    ]


def _slug(text):
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", text):
        raise argparse.ArgumentTypeError(
            f"expected the last part of the competition's address, such as lab-6-rnn, got {text!r}"
        )
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("slugs", nargs="+", type=_slug, metavar="SLUG", help="the competition")
    args = parser.parse_args()
    if len(args.slugs) > 2:
        parser.error(f"expected one or two competitions, got {len(args.slugs)}")
    to = OUTPUTS / "submission"
    try:
        gather(own_card(), OUTPUTS, to, NOTEBOOK)
    except ValueError as error:
        sys.exit(f"submit: {error}\nSee python -m tools.score; nothing was gathered.")
    print(f"Hand in, one by one and not zipped, from {to}:", *handin.FILES, sep="\n  ")
    print("To send the predictions to Kaggle:", *kaggle_commands(to, args.slugs), sep="\n  ")


if __name__ == "__main__":
    main()
