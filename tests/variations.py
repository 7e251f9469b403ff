"""Honest, untidy and dishonest hand-ins, and what the score card says of each.

    python tests/variations.py     the table: variation, expected, given

Those that only have a cell more are in variations.txt: kind, name, expectation, the cell.

An expectation is the points, behind a stroke those proposed where they are others, and each rule
that is not ok: "!" where it is broken, "?" where it is suspect.
"""

import io
import json
import pickle
import re
import sys
import tempfile
import textwrap
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from data.simulate import sine_waves  # noqa: E402
from tools import mistakes as maker  # noqa: E402
from tools.grading import reference, score, submission  # noqa: E402
from tools.grading.submission import ADVANCED, BASIC, GRADED, NOTEBOOK, REPORT  # noqa: E402

FORMAT = {"metadata": {}, "nbformat": 4, "nbformat_minor": 4}
COURSE = [  # the cells of a student's notebook by the course's template: source, what it printed
    tuple(f"{cell}\n>>>\n".split("\n>>>\n")[:2])
    for cell in (ROOT / "tests/students/course.txt").read_text("utf-8").split("\n=====\n")
]


class Truth(score.Truth):
    """The answers to data of our own invention."""

    def __init__(self):
        self.graded = reference.graded(42)
        self.sine = sine_waves(np.random.default_rng(11))[:, -1]
        self.activity = np.resize([0, 1, 2, 2, 1, 2], 2947)
        self.lacking = self.origin = {"X_test.csv": "X_test.csv", "y_test.npy": "y_test.npy"}


class Work:
    """The files of a hand-in {name: bytes}, and what changes them."""

    def __init__(self, truth):
        rng = np.random.default_rng(5)
        classes = truth.activity.copy()
        classes[rng.permutation(len(classes))[:500]] += 1  # accuracy 0.83
        self.truth, self.classes = truth, classes % 3
        self.answers = truth.sine * (1 + 0.08 * rng.normal(size=500))  # a MAPE of 6 %
        spelt = {
            check: {key.replace("_shape", " shape"): value for key, value in figures.items()}
            for check, figures in truth.graded.items()
        }
        self.files = {NOTEBOOK: notebook(COURSE), REPORT: pdf(1), GRADED: npy(spelt)}
        self.csv(BASIC, self.answers)
        self.csv(ADVANCED, self.classes)

    def csv(self, name, column):
        title, first = ("answer", 1) if name == BASIC else ("Classes", 0)
        table = pd.DataFrame({"Id": np.arange(first, first + len(column)), title: column})
        self.files[name] = table.to_csv(index=False).encode()

    def figures(self, checks, protocol=4):
        self.files[GRADED] = npy(checks, protocol)

    def cell(self, source, printed="", at=2, count=7, kind="stream"):
        """Put a cell into the notebook; by its count it need not have been run in order."""
        cells = json.loads(self.files[NOTEBOOK])["cells"]
        new = json.loads(notebook([(source, printed)], kind))["cells"][0]
        cells.insert(at, new | {"execution_count": count})
        self.files[NOTEBOOK] = json.dumps(FORMAT | {"cells": cells}).encode()

    def every_cell(self, **changes):
        cells = json.loads(self.files[NOTEBOOK])["cells"]
        self.files[NOTEBOOK] = json.dumps(FORMAT | {"cells": [c | changes for c in cells]}).encode()

    def zipped(self, folder=""):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for name, raw in self.files.items():
                archive.writestr(folder + name, raw)
        self.files = {"110062101.zip": file.getvalue()}

    def layers(self, style):
        for path in (ROOT / "tests/students" / style).glob("*.py"):
            self.files[path.name] = path.read_bytes()

    def project(self):
        """The project's own notebook and layer instead."""
        for name in (NOTEBOOK, "RNN.py"):
            self.files[name] = (ROOT / name).read_bytes()

    def write(self, folder):
        """Write the files; return the path of the hand-in, a zip if there is nothing else."""
        for name, raw in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(raw)
        return path if len(self.files) == 1 and path.suffix == ".zip" else folder


def notebook(cells, kind="stream"):
    made = [
        {"cell_type": "code", "source": source, "execution_count": i, "metadata": {}}
        | {"outputs": [{"output_type": kind, "text": printed, "ename": kind}] if printed else []}
        for i, (source, printed) in enumerate(cells, 1)
    ]
    return json.dumps(FORMAT | {"cells": made}).encode()


def pdf(pages):
    from pypdf import PdfWriter

    writer, file = PdfWriter(), io.BytesIO()
    for _ in range(pages):
        writer.add_blank_page(595, 842)
    writer.write(file)
    return file.getvalue()


def npy(value, protocol=4):
    """What np.save writes for a dictionary, by any pickle protocol."""
    box, file = np.empty((), object), io.BytesIO()
    box[()] = value
    np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(box))
    return file.getvalue() + pickle.dumps(box, protocol)


def each(convert, kind=dict):
    """Return what saves the figures with `convert` applied to each array."""
    return lambda w: w.figures(kind(
        (check, kind((k, v if k.endswith("_shape") else convert(v)) for k, v in figures.items()))
        for check, figures in w.truth.graded.items()
    ))  # fmt: skip


def wrong(what):
    """Return what saves the figures of a mistake, known by its name."""
    run = maker.run(maker.put_in(what), maker.HANDED_IN, 42)
    return lambda w: w.figures(w.truth.graded | run)


def cell(*lines, printed="", **options):
    return lambda w: w.cell("\n".join(lines), printed, **options)


def put(name, raw, *lines):
    """Return what puts a file in place, and for code a cell that uses it."""
    return lambda w: (w.files.update({name: raw}), w.cell("\n".join(lines)) if lines else None)


def sub(name, old, new, count=0):
    return lambda w: w.files.update({name: re.sub(old, new, w.files[name], count=count)})


def move(old, new):
    return lambda w: w.files.update({new: w.files.pop(old)})


def everywhere(new):
    """Return what moves all files, to names in which {} is the old one."""
    return lambda w: [move(name, new.format(name))(w) for name in list(w.files)]


def csv(name, change):
    """Return what saves a changed column as CSV."""
    return lambda w: w.csv(name, change(w.truth.sine if name == BASIC else w.classes))


def both(*changes):
    return lambda w: [change(w) for change in changes]


DRIVE = ("from google.colab import drive", "import os", "drive.mount('/content/drive')")
HELPER = ("from helper import plot", "plot()")
KINDS_OF_SHAPES = {"Wx_shape": np.array([3, 5]), "Wh_shape": [3, 3], "bh_shape": (np.int8(3), 1)}
SHAPES = {"RNN_initialization": KINDS_OF_SHAPES}
PLOT = cell("plt.plot()", printed="<Figure>", kind="display_data")
LEFT = both(*(
    put(name, b"")
    for name in (".DS_Store", "__pycache__/numpy.pyc", "__MACOSX/._Lab6.ipynb", "Sinewave/a.csv",
                 "Activity data/X_test.npy", ".ipynb_checkpoints/Lab6-checkpoint.ipynb")
))  # fmt: skip
NO_LOSS = sub(NOTEBOOK, rb"Epoch[^\\\"]*|\d+/\d+ \[.*?\]", b"")
HONEST = [
    ("as the course asks", "90", both()),
    ("CSVs at Kaggle alone", "40", lambda w: [w.files.pop(name) for name in (BASIC, ADVANCED)]),
    ("one CSV at Kaggle alone", "70", lambda w: w.files.pop(BASIC)),
    ("layers that assert", "90", lambda w: w.layers("asserts")),
    ("layers that rebind", "90", lambda w: w.layers("rebinding")),
    ("the project's own notebook", "90", Work.project),
    ("Drive is mounted", "90", cell(*DRIVE, "os.chdir('x')", printed="Mounted at /content/drive")),
    ("cells out of order", "90", both(cell("a = 1", count=9), cell("a = 2", count=3))),
    ("a cell run again", "90", cell("a = 1", count=31)),
    ("a cell not run", "90", cell("a = 1", count=None)),
    ("comments, not run", "90", cell("# to do", "# more", count=None)),
    ("an empty cell", "90", cell("", count=None)),
    ("counts cleared", "90", lambda w: w.every_cell(execution_count=None)),
    ("training stopped by hand", "90", cell("m.train()", printed="^C", kind="error")),
    ("a trial that failed", "90", cell("x", printed="NameError", kind="error")),
    ("time of a cell", "90", cell("%%time", "model.train()", printed="Wall time: 3 s")),
    ("a helper beside", "90", put("helper.py", b"import numpy", *HELPER)),
    ("BOM", "90", sub(BASIC, b"^", b"\xef\xbb\xbf")),
    ("blank last lines", "90", sub(ADVANCED, b"$", b"\n\n\n")),
    ("Ids 1.0", "90", sub(BASIC, rb"\n(\d+),", rb"\n\1.0,")),
    ("classes 2.0", "90", csv(ADVANCED, lambda classes: classes.astype(float))),
    ("Windows line ends", "90", sub(BASIC, b"\n", b"\r\n")),
    ("quoted cells", "90", sub(BASIC, rb"[^,\n]+", rb'"\g<0>"')),
    ("rows in another order", "90", sub(BASIC, rb"\n(1,.*)\n(2,.*)\n", rb"\n\2\n\1\n")),
    ("a blank in the header", "90", sub(BASIC, b"Id,answer", b"Id, answer")),
    ("float32", "90", each(np.float32)),
    ("computed in float32", "90", each(lambda A: A.astype(np.float32).astype(float))),
    ("lists for arrays", "90", each(np.ndarray.tolist)),
    ("OrderedDict", "90", each(np.array, OrderedDict)),
    ("shapes as arrays", "90", lambda w: w.figures(w.truth.graded | SHAPES)),
    ("Fortran's order", "90", each(np.asfortranarray)),
    ("big-endian", "90", each(lambda A: A.astype(">f8"))),
    ("pickled by protocol 2", "90", lambda w: w.figures(w.truth.graded, 2)),
    ("by protocol 3 of NumPy 1", "90", both(
        lambda w: w.figures(w.truth.graded, 3), sub(GRADED, b"numpy._core.", b"numpy.core."))),
    ("no tanh", "62.75", wrong("no tanh")),
    ("no 1 - h^2", "67", wrong("no 1 - h^2")),
    ("a sine model of 16 %", "80", csv(BASIC, lambda y: y * 1.16)),
    ("a sine model of 30 %", "70", csv(BASIC, lambda y: y * 1.3)),
    ("all of one class", "60", csv(ADVANCED, lambda classes: classes * 0 + 2)),
    ("figures, no losses", "90", both(NO_LOSS, PLOT)),
    ("losses of scaled data", "90", sub(NOTEBOOK, b"loss: 0.", b"loss: 0.00")),
    ("seconds a batch", "90", sub(NOTEBOOK, rb"00:03<00:00, [\d.]+it", b"10:26<00:00, 2.00s")),
    ("what systems leave behind", "90", LEFT),
    ("a report of two pages", "90 format?", put(REPORT, pdf(2))),
]  # fmt: skip
UNTIDY = [
    ("a zip", "90/85 format!", lambda w: w.zipped()),
    ("a zip of a folder", "90/85 format!", lambda w: w.zipped("Lab6/")),
    ("a zip in the folder", "90/85 format!", lambda w: (w.zipped(), put("a.txt", b"")(w))),
    ("one folder more", "90/85 format!", everywhere("Lab 6/{}")),
    ("a number before", "90/85 names!", everywhere("110062101_{}")),
    ("(1)", "90/85 names!", move(GRADED, "Lab6_outputs (1).npy")),
    ("a name behind", "90/85 names!", move(REPORT, "Lab6_report_mine.pdf")),
    ("small letters", "90/85 names!", move(NOTEBOOK, "lab6.ipynb")),
    ("capital suffix", "90/85 names!", move(REPORT, "Lab6_report.PDF")),
    ("blanks", "90/85 names!", move(BASIC, "y pred basic.csv")),
    ("another name", "90/85 names!", move(NOTEBOOK, "homework.ipynb")),
]
DISHONEST = [
    ("counts cleared", "90/0 packages!", both(
        cell("import torch"), lambda w: w.every_cell(execution_count=None))),
    ("in a layer", "90/0 packages!", both(
        lambda w: w.layers("asserts"), sub("Dense.py", b"^", b"import numba\n"))),
    ("in a helper", "90/0 packages!", put("helper.py", b"import torch", *HELPER)),
    ("not run", "90 packages?", cell("import torch", count=None)),
    ("numpy.py", "90 packages?", put("numpy.py", b"from torch import *")),
    ("data/ of one's own", "90 packages?", put("data/net.py", b"import torch", "import data.net")),
    ("a compiled module", "90 packages?", put("fast.so", b"ELF", "import fast")),
    ("no notebook", "90/0 notebook! own-code?", lambda w: w.files.pop(NOTEBOOK)),
    ("print(1)", "90/0 notebook! own-code?", put(NOTEBOOK, notebook([("print(1)", "1")]))),
    ("half a notebook", "90 notebook?", put(NOTEBOOK, notebook(COURSE[2:4] + COURSE[8:9]))),
    ("a damaged notebook", "90 notebook? own-code?", put(NOTEBOOK, b"[" * 100_000)),
    ("no output", "90 notebook? own-code?", lambda w: w.every_cell(outputs=[])),
    ("no training", "90 own-code?", NO_LOSS),
    ("a bar that does not fit", "90 own-code?", sub(NOTEBOOK, b"00:03<00:00", b"09:03<00:00")),
    ("a bar with time left", "90 own-code?", sub(NOTEBOOK, b"<00:00", b"<00:09")),
    ("a bar too fast", "90 own-code?", sub(NOTEBOOK, rb"0\d<00:00, [\d.]+", b"00<00:00, 91234.5")),
    ("far better than its loss", "90 own-code?", csv(BASIC, lambda y: y + 1e-4)),
    ("the exact continuation", "90 own-code?", csv(BASIC, np.array)),
    ("the same, rounded", "90 own-code?", csv(BASIC, lambda y: y.round(5))),
    ("all activities right", "90 own-code?", lambda w: w.csv(ADVANCED, w.truth.activity)),
    ("answers written out", "90 own-code?", cell(f"answer = {[0.5] * 500}")),
    ("classes in a text", "90 own-code?", cell(f"c = '{'012' * 983}'")),
    ("zeros of the right shapes", "53 npy?", each(np.zeros_like)),
    ("no figures", "50/30 npy!", lambda w: w.files.pop(GRADED)),
    ("a call for figures", "50 npy?", put(GRADED, npy(print))),
]  # fmt: skip


def outcome(card):
    """Return a card in the form of an expectation."""
    marks = {"suspect": "?", "broken": "!"}
    rules = [(rule["rule"].replace(" ", "-"), marks.get(rule["verdict"])) for rule in card["rules"]]
    points = [f"{card[key]:g}" for key in ("points", "proposed")]
    return " ".join(["/".join(dict.fromkeys(points)), *(x + mark for x, mark in rules if mark)])


CELLS = re.findall(  # kind, name, expectation, and a cell that a hand-in has in addition
    r"^(\w+): (.+) = (.+)\n((?:    .*\n)+)",
    (ROOT / "tests/variations.txt").read_text("utf-8"),
    re.MULTILINE,
)
KINDS = {"honest": HONEST, "untidy": UNTIDY, "dishonest": DISHONEST}
for kind, name, expected, code in CELLS:
    KINDS[kind].append((name, expected, cell(textwrap.dedent(code).strip())))


def table(kind):
    """Return (kind, name, expected, given) of each variation of a kind."""
    truth, rows = Truth(), []
    for name, expected, change in KINDS[kind]:
        work = Work(truth)
        change(work)
        with tempfile.TemporaryDirectory() as folder:
            hand_in = submission.read(work.write(Path(folder)))
        rows.append((kind, name, expected, outcome(score.score_card(hand_in, truth))))
    return rows


if __name__ == "__main__":
    for kind in KINDS:
        for row in table(kind):
            print("{:<10} {:<28} {:<24} {:<24}".format(*row), "" if row[2] == row[3] else "differs")
