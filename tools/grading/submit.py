"""Gather the hand-in under its exact names, and print the commands that send it to Kaggle.

    python -m tools submit SLUG [SLUG]      the competition, or one for each of the two files

Nothing is sent. It refuses as long as the score card finds a fault in the files.
"""

import argparse
import shlex
import shutil

from lab.files import OUTPUTS, replacing
from tools.cells import NOTEBOOK
from tools.grading.score import own_card
from tools.grading.submission import ADVANCED, BASIC, FILES

FORM = ("packages", "format", "notebook", "names", "npy")  # the rules that one's files decide


def gather(to):
    """Copy the five files of one's own hand-in to the folder `to`, and nothing else.

    Raises:
        ValueError: a file is missing or the score card finds a fault, or `to` holds other files.
    """
    sources = {name: NOTEBOOK if name == NOTEBOOK.name else OUTPUTS / name for name in FILES}
    faults = [
        f"{rule['rule']}: {rule['evidence']}"
        for rule in own_card()["rules"]
        if rule["rule"] in FORM and rule["verdict"] != "ok"
    ]
    faults += [f"{name} is missing" for name, path in sources.items() if not path.is_file()]
    if faults:
        said = ["hand-in: expected the course's format, got:", *faults]
        raise ValueError("\n  ".join(said) + "\ncorrect it and see python -m tools score")
    to.mkdir(exist_ok=True)
    others = sorted(path.name for path in to.iterdir() if path.name not in FILES)
    if others:
        raise ValueError(
            f"{to}: expected nothing but the hand-in, got {', '.join(others)}; move them elsewhere"
        )
    for name, source in sources.items():
        with replacing(to / name) as temporary:
            shutil.copyfile(source, temporary)


def main(argv):
    parser = argparse.ArgumentParser("python -m tools submit", description=__doc__.splitlines()[0])
    parser.add_argument("slug", help="the last part of the competition's address")
    parser.add_argument("advanced", nargs="?", help="that of the activities, if another")
    args = parser.parse_args(argv)
    to = OUTPUTS / "submission"
    gather(to)
    print(f"Hand in, one by one and not zipped, from {to}:", *FILES, sep="\n  ")
    print("To send the predictions to Kaggle:")
    for name, slug in ((BASIC, args.slug), (ADVANCED, args.advanced or args.slug)):
        path = (to / name).as_posix()
        print(f'  kaggle competitions submit -c {shlex.quote(slug)} -f {path} -m "Lab 6, {name}"')
    return 0
