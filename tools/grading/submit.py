"""Gather the hand-in under its exact names, and print the commands that send it to Kaggle.

    python -m tools submit SLUG [SLUG]      the competition, or one for each of the two files

Nothing is sent. It refuses as long as the score card finds a fault in the files.
"""

import argparse
import re
import shutil

from lab.files import OUTPUTS, replacing
from tools.cells import NOTEBOOK
from tools.grading.score import own_card
from tools.grading.submission import ADVANCED, BASIC, FILES

FORM = ("packages", "format", "notebook", "names", "npy")  # the rules that one's files decide


def gather(card, folder, to, notebook):
    """Copy the five files of a hand-in to the folder `to`, and nothing else.

    Args:
        card: their score card.
        folder: path of the folder where they are, the notebook apart.
        to: path of the folder to make or to fill again.
        notebook: path of the notebook.

    Raises:
        ValueError: a file is missing or the score card finds a fault, or `to` holds other files.
    """
    sources = {name: notebook if name == NOTEBOOK.name else folder / name for name in FILES}
    rules = [rule for rule in card["rules"] if rule["rule"] in FORM and rule["verdict"] != "ok"]
    faults = [f"{rule['rule']}: {rule['evidence']}" for rule in rules]
    faults += [f"{name} is missing" for name, path in sources.items() if not path.is_file()]
    if faults:
        raise ValueError(
            "hand-in: expected the course's format, got:\n  "
            + "\n  ".join(faults)
            + "\nnothing was gathered; correct it and see python -m tools score"
        )
    to.mkdir(exist_ok=True)
    others = sorted(path.name for path in to.iterdir() if path.name not in FILES)
    if others:
        raise ValueError(
            f"{to}: expected nothing but the hand-in, got {', '.join(others)}; move them elsewhere"
        )
    for name, source in sources.items():
        with replacing(to / name) as temporary:
            shutil.copyfile(source, temporary)


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
    print("To send the predictions to Kaggle:")
    for name, slug in ((BASIC, args.slug), (ADVANCED, args.advanced or args.slug)):
        path = (to / name).as_posix()
        print(f'  kaggle competitions submit -c {slug} -f {path} -m "Lab 6, {name}"')
    return 0
