"""What the desk says of honest, untidy and dishonest hand-ins, by their files and by a quick rerun.

An expectation is the points, behind a stroke those proposed where they are others, and each rule
that is not ok: "!" where it is broken, "?" where it is suspect.
"""

import json
import re
import shutil
from collections import OrderedDict

import nbformat
import numpy as np
import pytest
from conftest import ROOT, STUDENTS
from hand_ins import (
    ADVANCED,
    BASIC,
    GRADED,
    NOTEBOOK,
    REPORT,
    Work,
    csv,
    filled,
    labels,
    notebook,
    npy,
    pdf,
    saved,
    waves,
    write_data,
)

from tools.check import check
from tools.grading import batch, card, submission
from tools.grading.boards import public_range
from tools.grading.score import main
from tools.submit import with_class

needs_sandbox = pytest.mark.skipif(not shutil.which("bwrap"), reason="needs bubblewrap")


@pytest.fixture(scope="module")
def terms(tmp_path_factory):
    folder = tmp_path_factory.mktemp("course") / "data"
    write_data(folder)
    return batch.Terms(card.Truth(folder), template=filled({}), run=False)


def outcome(result):
    """Return a Card in the form of an expectation."""
    marks = [(x.rule.replace(" ", "-"), x.verdict) for x in result.rules.values()]
    found = [name + "?!"[v == "broken"] for name, v in marks if v in ("suspect", "broken")]
    points = [f"{result.totals()[key]:g}" for key in ("points", "proposed")]
    return " ".join(["/".join(dict.fromkeys(points)), *found])


def graded(work, folder, terms):
    work.write(folder)
    paths = list(folder.iterdir())
    path = paths[0] if len(paths) == 1 and paths[0].suffix == ".zip" else folder
    return batch.grade(path, None, terms, False)[0]


def cell(source, printed="", **more):
    return lambda w: w.cell(source, printed, **more)


def put(name, raw, source=""):
    return lambda w: (w.files.update({name: raw}), w.cell(source) if source else None)


def move(old, new):
    return lambda w: w.files.update({new: w.files.pop(old)})


def everywhere(new):
    return lambda w: [move(name, new.format(name))(w) for name in list(w.files)]


def sub(name, old, new):
    return lambda w: w.files.update({name: w.files[name].replace(old, new)})


def column(name, change):
    def changed(work):
        table = submission.READERS[name](work.files[name])
        work.files[name] = csv(name, change(table))

    return changed


def figures(change, kind=dict, protocol=4):
    """Return what saves the figures with `change` applied to each array."""

    def changed(work):
        work.files[GRADED] = npy(
            kind(
                (name, kind((k, v if k[-6:] == " shape" else change(np.array(v)))
                            for k, v in part.items()))
                for name, part in saved().items()
            ),
            protocol,
        )  # fmt: skip

    return changed


def answers(change):
    return put(BASIC, csv(BASIC, change(waves()[:, -1])))


def save(**changes):
    return lambda w: w.save(**changes)


def wrong(name):
    """Return what saves the figures of a known mistake."""
    _, _, *change = next(row for row in check.MISTAKES if row[0] == name)
    made = {x: check.figures_of(x, check.solution(tuple(change)), 42) for x in list(saved())[1:]}
    return put(GRADED, npy({x: saved()[x] | made.get(x, {}) for x in saved()}))


def edit(change, number=slice(None)):
    """Return what applies `change` to one cell of the notebook's JSON, or to all."""

    def changed(work):
        book = json.loads(work.files[NOTEBOOK])
        book["cells"][number] = [change(i, cell) for i, cell in enumerate(book["cells"])][number]
        work.files[NOTEBOOK] = json.dumps(book).encode()

    return changed


def ended(number, kind, text):
    """Return what gives a cell one output, of a kind and with a text."""
    output = {"output_type": kind, "ename": text, "data": {"text/plain": text}}
    return edit(lambda _, cell: cell | {"outputs": [output]}, number)


def both(*changes):
    return lambda w: [change(w) for change in changes]


def regex(name, old, new):
    return lambda w: w.files.update({name: re.sub(old, new, w.files[name])})


def layers(style):
    return lambda w: w.files.update(
        {path.name: path.read_bytes() for path in (STUDENTS / style).glob("*.py")}
    )


def project(work):
    """The project's own hand-in."""
    book = with_class(nbformat.read(ROOT / NOTEBOOK, 4), (ROOT / "RNN.py").read_text("utf-8"))
    work.files[NOTEBOOK] = nbformat.writes(book).encode()
    work.files[REPORT] = (ROOT / "outputs" / REPORT).read_bytes()


EXTRA = {"extra": {"a": 10**400}, "Output": 10**400}
SHAPES = {"Wx_shape": np.array([3, 5]), "Wh_shape": [3, 3], "bh_shape": (np.int8(3), 1)}
LEFT = [".DS_Store", "__pycache__/numpy.pyc", "__MACOSX/._Lab6.ipynb", "Sinewave/X_test.csv"]
LEFT += ["Activity data/X_test.npy", ".ipynb_checkpoints/Lab6-checkpoint.ipynb"]
DRIVE = "from google.colab import drive\nimport os\ndrive.mount('/content/drive')\nos.chdir('x')"
HONEST = [
    ("as the course asks", "90", lambda w: None),
    ("CSVs at Kaggle alone", "40", lambda w: [w.files.pop(name) for name in (BASIC, ADVANCED)]),
    ("Drive is mounted", "90", cell(DRIVE, "Mounted")),
    ("upload on Colab", "90", cell("from google.colab import files\nfiles.upload()")),
    ("magics", "90", cell("%matplotlib inline\n%load_ext autoreload\n!ls\n%env A=1\nplt.plot()")),
    ("time of a line", "90", cell("%timeit -n 3 np.ones(3)")),
    ("a package in a comment", "90", cell("# import torch would be faster")),
    ("a package in a text", "90", cell('"""\nimport torch\n"""')),
    ("parts of NumPy", "90", cell("import numpy.linalg as la\nfrom numpy import random")),
    ("another bar", "90", cell("from tqdm.auto import tqdm\nimport tqdm.notebook")),
    ("of Python's own", "90 packages?", cell("import time")),
    ("a helper not handed in", "90 packages?", cell("from helper import plot")),
    ("a helper beside", "90", put("helper.py", b"import numpy", "import helper")),
    ("an empty cell", "90", cell("")),
    ("a cell that is no Python", "90", cell("def f(:")),
    ("counts cleared", "90", save(execution_count=None)),
    ("BOM", "90", lambda w: w.files.update({BASIC: b"\xef\xbb\xbf" + w.files[BASIC]})),
    ("blank last lines", "90", lambda w: w.files.update({ADVANCED: w.files[ADVANCED] + b"\n\n"})),
    ("Windows line ends", "90", sub(BASIC, b"\n", b"\r\n")),
    ("a blank in the header", "90", sub(BASIC, b"Id,answer", b"Id, answer")),
    ("classes 2.0", "90", column(ADVANCED, lambda c: c.astype(float))),
    ("float32", "90", figures(np.float32)),
    ("computed in float32", "90", figures(lambda A: A.astype(np.float32).astype(float))),
    ("lists for arrays", "90", figures(np.ndarray.tolist)),
    ("OrderedDict", "90", figures(np.array, OrderedDict)),
    ("Fortran's order", "90", figures(np.asfortranarray)),
    ("big-endian", "90", figures(lambda A: A.astype(">f8"))),
    ("pickled by protocol 2", "90", figures(np.array, protocol=2)),
    ("an entry too many", "90", put(GRADED, npy(saved() | EXTRA))),
    ("a sine model of 16 %", "80", answers(lambda y: y * 1.16)),
    ("a sine model of 30 %", "70", answers(lambda y: y * 1.3)),
    ("all of one class", "60", column(ADVANCED, lambda c: c * 0 + 2)),
    ("all activities right", "90", put(ADVANCED, csv(ADVANCED, labels()))),
    ("what systems leave behind", "90", lambda w: w.files.update(dict.fromkeys(LEFT, b""))),
    ("a second try", "90", move(NOTEBOOK, "Lab6-1.ipynb")),
    ("a prefix, perhaps the site's", "90 names?", move(NOTEBOOK, "109062111_name_Lab6.ipynb")),
    ("one CSV at Kaggle alone", "70", lambda w: w.files.pop(BASIC)),
    ("layers that assert", "90", layers("asserts")),
    ("layers that rebind", "90", layers("rebinding")),
    ("the project's own", "90 template?", project),
    ("cells out of order", "90", edit(lambda i, c: c | {"execution_count": 40 - i})),
    ("a cell run again", "90", edit(lambda i, c: c | {"execution_count": 31}, 4)),
    ("a cell not run", "90", edit(lambda i, c: c | {"execution_count": None}, 2)),
    ("stopped by hand", "90", ended(10, "error", "KeyboardInterrupt")),
    ("a trial that failed", "90", both(cell("x"), ended(2, "error", "NameError"))),
    ("plots, no losses", "90", ended(10, "display_data", "<Figure>")),
    ("seconds a batch", "90", ended(10, "stream", "100%|##| 63/63 [10:26<00:00, 2.00s/it]")),
    ("time of a cell", "90", cell("%%time\nmodel.train()", "Wall time: 3 s")),
    ("captured", "90", cell("%%capture out\nx = 1")),
    ("looking around", "90", cell("!nvidia-smi\nx = !ls *.py\n%cd ..\n%who_ls")),
    ("help", "90", cell("np.array?\nRNN.forward??")),
    ("a heading in HTML", "90", cell("%%html\n<b>import torch</b>")),
    ("lines like commands", "90", cell('x = (8\n % 3)\ny = """\n%run a\n!pip"""')),
    ("setting by name", "90", cell("for g in ('dL_dWx',):\n    setattr(a, g, getattr(a, g))")),
    ("methods of such names", "90", cell("m = model.compile()\ndf.eval('a + b')")),
    ("parts of Matplotlib", "90", cell("from matplotlib import colors\nimport mpl_toolkits")),
    ("Ids 1.0", "90", regex(BASIC, rb"\n(\d+),", rb"\n\1.0,")),
    ("quoted cells", "90", regex(BASIC, rb"[^,\n]+", rb'"\g<0>"')),
    ("rows in another order", "90", regex(BASIC, rb"\n(1,.*)\n(2,.*)\n", rb"\n\2\n\1\n")),
    ("shapes as arrays", "90", put(GRADED, npy(saved() | {"RNN_initialization": SHAPES}))),
    ("by NumPy 1", "90", both(figures(np.array, protocol=3), sub(GRADED, b"_core.", b"core."))),
    ("no tanh", "62.75", wrong("no tanh")),
    ("no 1 - h^2", "67", wrong("no 1 - h^2")),
    ("a report of two pages", "90 format?", put(REPORT, pdf("", 2))),
]  # fmt: skip
UNTIDY = [
    ("a zip", "90/85 format!", lambda w: w.zipped()),
    ("a zip of a folder", "90/85 format!", lambda w: w.zipped("Lab6/")),
    ("a zip in the folder", "90/85 format!", lambda w: (w.zipped(), put("a.txt", b"")(w))),
    ("one folder more", "90/85 format!", everywhere("Lab 6/{}")),
    ("(1)", "90/85 names!", move(GRADED, "Lab6_outputs (1).npy")),
    ("a name behind", "90/85 names!", move(REPORT, "Lab6_report_mine.pdf")),
    ("small letters", "90/85 names!", move(NOTEBOOK, "lab6.ipynb")),
    ("capital suffix", "90/85 names!", move(REPORT, "Lab6_report.PDF")),
    ("blanks", "90/85 names!", move(BASIC, "y pred basic.csv")),
    ("another name", "90/85 names!", move(NOTEBOOK, "homework.ipynb")),
    ("zip and name", "90/85 format! names!", lambda w: (move(BASIC, "a basic.csv")(w), w.zipped())),
]


def blanks(*names):
    def changed(work):
        work.cells = filled({k: v for k, v in work.style.items() if names and k not in names})
        work.save()

    return changed


def no_output(*numbers):
    def changed(work):
        work.outputs = {i: text for i, text in work.outputs.items() if i not in numbers}
        work.save()

    return changed


SVC = "from sklearn.svm import SVC"
TEXT = "c = '" + "012" * 983 + "'"
DISHONEST = [
    ("all blanks", "90 own-code?", blanks()),
    ("the RNN blank", "90 own-code?", blanks("forward", "backward", "update")),
    ("training without output", "90 own-code?", no_output(10)),
    ("no figures printed", "90 own-code?", no_output(4, 5, 7)),
    ("others' figures printed", "90 own-code?", lambda w: (
        w.outputs.update({4: w.outputs[4].replace("0.0264", "0.0265")}), w.save())),
    ("another package", "90/0 packages!", cell("import torch")),
    ("part of another package", "90/0 packages!", cell("x = 1\n" + SVC)),
    ("in a with block", "90/0 packages!", cell("with open('a'):\n    import jax.numpy as jnp")),
    ("in a function", "90 packages?", cell("def f():\n    " + SVC)),
    ("in a try", "90 packages?", cell("try:\n    import torch\nexcept ImportError: pass")),
    ("in a layer", "90/0 packages!", put("Dense.py", b"import numba")),
    ("in a helper", "90/0 packages!", put("helper.py", b"import torch", "from helper import x")),
    ("by %%timeit", "90/0 packages!", cell("%%timeit -n 1\nimport torch")),
    ("in a branch", "90 packages?", cell("if len('a'):\n    from scipy import optimize")),
    ("counts cleared", "90/0 packages!", both(cell("import torch"), save(execution_count=None))),
    ("not run", "90 packages?", both(
        cell("import torch"), edit(lambda i, c: c | {"execution_count": None}, 2))),
    ("data/ of one's own", "90 packages?", put("data/net.py", b"import torch", "import data.net")),
    ("half a notebook", "90 template? notebook? own-code?", lambda w: (
        w.__dict__.update(cells=w.cells[1:3] + w.cells[8:9]), w.save())),
    ("numpy.py", "90 packages?", put("numpy.py", b"")),
    ("a compiled module", "90 packages?", put("fast.so", b"ELF")),
    ("no notebook", "90/0 notebook! own-code?", lambda w: w.files.pop(NOTEBOOK)),
    ("print(1)", "90/0 template? notebook! own-code?", put(NOTEBOOK, notebook(["print(1)"]))),
    ("a damaged notebook", "90 notebook? own-code?", put(NOTEBOOK, b"[" * 100_000)),
    ("no output", "90 notebook? own-code?", no_output(*range(20))),
    ("the exact continuation", "90 own-code?", answers(np.array)),
    ("the same, rounded", "90 own-code?", answers(lambda y: y.round(5))),
    ("the same and a little", "90 own-code?", answers(lambda y: y + 1e-12)),
    ("answers written out", "90 own-code?", cell(f"answer = {[0.5] * 500}")),
    ("answers in a dict", "90 own-code?", cell(f"answer = {dict.fromkeys(range(500))}")),
    ("answers in a text", "90 own-code?", cell(TEXT)),
    ("answers in a number", "90 own-code?", cell(f"c = 0x{'12' * 800}")),
    ("answers in a module", "90 own-code?", put("helper.py", f"a = {[1] * 300}".encode())),
    ("zeros of the right shapes", "53 npy?", figures(np.zeros_like)),
    ("infinite figures", "53", figures(lambda A: A * np.inf)),
    ("no figures", "50/30 npy!", lambda w: w.files.pop(GRADED)),
    ("numbers for names", "50 npy?", put(GRADED, npy({1: {}}))),
    ("a call for figures", "50 npy?", put(GRADED, npy(print))),
    ("the template changed", "90 template?", lambda w: w.replace("randn(2, 4", "randn(2, 5")),
]  # fmt: skip
ALL = [(*row, kind) for kind in ("HONEST", "UNTIDY", "DISHONEST") for row in globals()[kind]]


@pytest.mark.parametrize("row", ALL, ids=[f"{row[-1]}: {row[0]}" for row in ALL])
def test_by_files_alone(row, terms, tmp_path):
    _, expected, change, _ = row
    work = Work()
    change(work)
    assert outcome(graded(work, tmp_path, terms)) == expected


SANDBOXED = [  # name, own code's verdict, a part of the evidence, change
    ("honest", "ok", "Lab6_outputs.npy equal", lambda w: None),
    ("the other way", "ok", "Lab6_outputs.npy equal", lambda w: w.__init__(7)),
    ("Drive", "ok", "equal", cell(DRIVE + "\nopen('/content/drive/My/a.txt', 'w')")),
    ("another bar", "ok", "equal", cell("from tqdm.notebook import tqdm\nlist(tqdm([1]))")),
    ("NumPy 1", "ok", "equal", cell("np.Inf, np.trapz([1]), np.float_(1), np.in1d([1], 1)", at=3)),
    ("magics", "ok", "equal", cell("%env A=1\n%matplotlib inline\n!ls")),
    ("a tuple too many", "ok", "equal", put(GRADED, npy(saved() | EXTRA))),
    ("all blanks", "broken", "11 of 11 blocks are blank", blanks()),
    ("one blank", "suspect", "differs in RNN_backward, Model_class", blanks("backward")),
    ("wrong code", "suspect", "printed for seed 1, and not made again: RNN_backward",
     lambda w: w.replace("np.tanh", "np.sin")),
    ("another's class", "suspect", "there is no RNN.py: the class is missing",
     lambda w: (w.cells.__setitem__(2, "from RNN import RNN"), w.save())),
    ("sklearn", "suspect", "No module named 'sklearn'", cell(SVC + "\nraise SystemExit")),
    ("no cell saves", "suspect", "no cell saves", lambda w: w.replace("np.save(", "print(")),
    ("own RNN.py", "ok", "equal", lambda w: (
        w.files.update({"RNN.py": ("import numpy as np\n" + w.cells[2]).encode()}),
        w.cells.__setitem__(2, "from RNN import RNN"), w.save())),
]  # fmt: skip


@needs_sandbox
@pytest.mark.parametrize(
    ("name", "verdict", "part", "change"), SANDBOXED, ids=[row[0] for row in SANDBOXED]
)
def test_a_quick_rerun_decides_on_own_code(name, verdict, part, change, terms, tmp_path):
    work = Work()
    change(work)
    terms = batch.Terms(terms.truth)
    rule = graded(work, tmp_path, terms).rules["own code"]
    assert (rule.verdict, part in rule.evidence) == (verdict, True), rule.evidence


def test_known_mistakes_are_named(terms, tmp_path):
    from tools.check import check

    wrong = saved()
    for name in ("dL_dWx", "dL_dWh", "dL_dbh"):
        wrong["RNN_backward"][name] = wrong["RNN_backward"][name] * 2  # the sum, not the mean
    assert check.name_mistakes("RNN_backward", wrong["RNN_backward"], 42)
    work = Work()
    work.files[GRADED] = npy(wrong)
    (line,) = [x for x in graded(work, tmp_path, terms).lines if x.part == "RNN backward"]
    assert (line.points, "these are the figures of: " in line.missing) == (3.75, True)


def test_without_labels_accuracy_is_not_checked(tmp_path):
    write_data(tmp_path / "data")
    (tmp_path / "data/y_test.npy").unlink()
    terms = batch.Terms(card.Truth(tmp_path / "data"), run=False)
    result = graded(Work(), tmp_path / "work", terms)
    (line,) = [x for x in result.lines if x.part == "Activity, accuracy"]
    assert line.status == "open" and "not checked without y_test.npy" in line.evidence
    assert result.rules["template"].evidence == "needs --template FILE"
    assert result.rules["own code"].verdict == "not checked"


def test_penalties_are_those_of_the_table():
    lines = [card.Line(str(i), 10, 10, "") for i in range(8)]
    taken = []
    for name in card.RULES:
        one = card.Card("a", lines=lines)
        one.set(name, "broken")
        taken.append(80 - one.totals()["proposed"])
    assert taken == [{"zero": 80, "basic zero": 50}.get(p, p) for p, _ in card.RULES.values()]
    one.set("format", "broken")
    one.set("names", "broken")
    assert one.totals()["proposed"] == 25  # with npy; 5 once, not each
    assert "names          broken, -5" in card.as_text(one)
    readme = (ROOT / "tools/grading/README.md").read_text("utf-8")
    for name, (cost, _) in card.RULES.items():
        assert f"| {name} | {f'-{cost}' if isinstance(cost, int) else cost} |" in readme


def test_public_range_is_that_of_drawing_without_putting_back():
    draws = np.random.default_rng(0).hypergeometric(2063, 884, 1768, 20_000) / 1768
    assert np.allclose(public_range(0.7), np.quantile(draws, [0.025, 0.975]), atol=2e-3)


def test_command_prints_json_with_its_keys(tmp_path, capsys):
    write_data(tmp_path / "data")
    Work().write(tmp_path / "work")
    arguments = [str(tmp_path / "work"), "--data-dir", str(tmp_path / "data"), "--no-run"]
    assert main([*arguments, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert {"points", "out_of", "open", "proposed", "lines", "rules"} <= result.keys()
    assert [sorted(x) for x in result["rules"]] == [["evidence", "penalty", "rule", "verdict"]] * 11
    (tmp_path / "work" / GRADED).unlink()
    assert main(arguments) == 1
    assert "Broken: npy" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main([str(tmp_path / "nothing")])
