"""Gather the hand-in under its exact names, and print the commands that send it to Kaggle.

    python -m tools submit FOLDER [--sine NAME] [--activity NAME]

The notebook in FOLDER stands alone: the RNN class is in its cell, in place of the import. Nothing
is sent.
"""

import argparse
import shlex
import shutil
from pathlib import Path

import nbformat

from tools.cells import NOTEBOOK
from tools.files import OUTPUTS, ROOT, replacing, write_text

COURSE = "Lab6_outputs.npy", "Lab6_report.pdf"  # beside the notebook, to the course's site
KAGGLE = {"y_pred_basic.csv": "sine", "y_pred_advanced.csv": "activity"}


def with_class(notebook, layer):
    """Put the source of RNN.py into the cell tagged `rnn` of `notebook`; its import goes."""
    for cell in notebook.cells:
        if "rnn" in cell.metadata.get("tags", []) and "from RNN import" in cell.source:
            cell.source, cell.outputs = layer.strip(), []
    return notebook


def gather(folder, root=ROOT, outputs=OUTPUTS):
    """Copy the five files of the hand-in to `folder`.

    Raises:
        FileNotFoundError: a file is missing; nothing was written.
        FileExistsError: the folder holds other files.
    """
    sources = {name: outputs / name for name in (*COURSE, *KAGGLE)}
    needed = [NOTEBOOK.name, *sources]
    missing = [path.name for path in sources.values() if not path.is_file()]
    if missing:
        raise FileNotFoundError(
            f"{', '.join(missing)}: expected in {outputs.name}/, found none; run the notebook on "
            "the course's data first, and write the report"
        )
    folder.mkdir(parents=True, exist_ok=True)
    others = sorted(path.name for path in folder.iterdir() if path.name not in needed)
    if others:
        raise FileExistsError(f"{folder}: expected nothing but the hand-in, got {others}")
    notebook = nbformat.read(root / NOTEBOOK.name, 4)
    if (root / "RNN.py").is_file():
        with_class(notebook, (root / "RNN.py").read_text("utf-8"))
    write_text(folder / NOTEBOOK.name, nbformat.writes(notebook) + "\n")
    for name, source in sources.items():
        with replacing(folder / name) as temporary:
            shutil.copyfile(source, temporary)


def main(argv):
    parser = argparse.ArgumentParser("python -m tools submit", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="a new one, to write")
    parser.add_argument("--sine", default="SINE", help="name of the sine competition on Kaggle")
    parser.add_argument("--activity", default="ACTIVITY", help="name of the activity competition")
    args = parser.parse_args(argv)
    gather(args.folder)
    print("To the course's site, one by one:", ", ".join((NOTEBOOK.name, *COURSE)))
    print("To Kaggle, with your student number as the team's name:")
    for name, task in KAGGLE.items():
        path = shlex.quote((args.folder / name).as_posix())
        command = f"kaggle competitions submit -c {shlex.quote(getattr(args, task))} -f {path}"
        print(f'  {command} -m "Lab 6"')
    return 0
